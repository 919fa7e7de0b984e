"""What each segment of a connection shows: it is counted, told as evidence, and both histories are read.

Compiled (see ``machine.pxd``). Whether its receiver would take it, ``gate.py`` says; what evidence is,
``evidence.py``; what it means, ``reading``. Section numbers are RFC 9293's.
"""

from __future__ import annotations

from tcptrace_py.settings import Settings
from tcptrace_py.tcp.clocks import UNDER_WAY_NS
from tcptrace_py.tcp.codes import (
    BY_ITS_SEGMENTS,
    FIN_WAIT_2_CLOCK,
    FITS_NOTHING,
    FOR_GOOD,
    NO_RESET,
    RECEIVER_GOES_ON,
    SENDER_GOES_ON,
    TIME_WAIT_CLOCK,
    UNANSWERED,
    UNREACHABLE,
    UNTIL_IT_SENDS,
)
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.gate import acknowledges_unsent, echoes_another, takes
from tcptrace_py.tcp.history import Entries, history_of
from tcptrace_py.tcp.incarnations import (
    Incarnation,
    answers_syn,
    direction,
    early_answers,
    set_aside,
    too_early,
)
from tcptrace_py.tcp.reading import Reading, Reset, certain, outcome, read
from tcptrace_py.tcp.regular import Regular
from tcptrace_py.tcp.serial import advance, distance
from tcptrace_py.tcp.state import (
    ACKNOWLEDGED,
    CLOSE_WAIT,
    CLOSED,
    ESTABLISHED,
    FIN_WAIT_2,
    GETS_SYN_AS_LISTENER,
    GETS_UNREACHABLE,
    IS_REPLACED,
    PRESUMED,
    SYN_RCVD,
    SYN_SENT,
    TIME_WAIT,
)
from tcptrace_py.tcp.transitions import Transitions
from tcptrace_py.wire.segment import ACK, FIN, RST, SYN, Segment


class Machine:
    """Takes segments in, and has histories read."""

    def __init__(self, settings: Settings) -> None:
        self.transitions = Transitions(settings)
        #: RSTs that took effect.
        self.resets = 0
        self._probes = settings.dead_peer_probes
        self._regular = Regular(self.transitions)

    def segment(self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment) -> None:
        """One segment passes from ``sender`` to ``receiver`` of this connection."""
        flags = segment.flags
        step = None
        if connection.shown is None:
            step = self._regular.step(connection, sender, receiver, segment)
            if step is None:
                self._regular.show(connection, segment.frame)
        repeats = step is None and self._repeats(connection, sender, receiver, segment)
        early = step is None and too_early(connection, sender, receiver, segment)
        taken = flags & RST != 0 or (not early and takes(connection, sender, receiver, segment))
        if early or (not taken and answers_syn(segment)):
            set_aside(connection, segment)
        if flags & RST:
            sender.rsts += 1
        elif not taken:
            rare = connection.own_rare()
            rare.out_of_window += 1
            self.transitions.linger(connection)
            return
        else:
            self._count(connection, sender, receiver, segment)
            if sender.closed_by == UNTIL_IT_SENDS:
                sender.closed_by = BY_ITS_SEGMENTS
        if step is not None:
            self._regular.go_on(connection, sender, receiver, segment, step)
            self.resets += flags & RST != 0
            return
        self.tell(connection, sender, segment)
        if repeats:
            connection.unread = True
        else:
            self.read(connection)
        if flags & RST and connection.rare.early is not None:
            self._take_early(connection, sender, receiver, segment)

    def _take_early(self, connection: Connection, sender: Endpoint, receiver: Endpoint, rst: Segment) -> None:
        """By two clocks (4.6) what a listener answers after a RST may pass before it: it came no earlier."""
        for each in early_answers(connection, rst, advance(sender.isn, 1 + sender.rare.syn_bytes)):
            if not each.flags & RST:
                connection.rare.early = [other for other in connection.rare.early or () if other is not each]
                self.give_away(connection, each)
                receiver.packets += 1
                each.frame = max(each.frame, rst.frame)
                each.ts_ns = max(each.ts_ns, rst.ts_ns)
                self.segment(connection, receiver, sender, each)

    def _repeats(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment
    ) -> bool:
        """Can this segment move nobody, whatever it tells besides? It is read with the next that may.

        That is data, old or new, and its ACK: between established ends, and from the end of a half-close on
        which has not closed. Not asked of what its receiver drops; nothing of the segment has been counted.
        """
        if segment.flags & (SYN | FIN | RST) or sender.closed_by or receiver.closed_by:
            return False
        if (sender.rsts or receiver.rsts) and not _outlived(connection):
            return False
        if sender.state == ESTABLISHED and receiver.state == ESTABLISHED:
            # Its first may show how it opened, and a bare ACK ahead of a sender without data its FIN
            # (``hidden_fin``).
            shown: Incarnation = connection.shown
            mine = shown.a if sender is connection.a else shown.b
            known = sender.bytes > 0 or (sender.has_snd and distance(segment.seq, sender.snd_nxt) <= 0)
            return known and bool(mine.first_frame) and not sender.fin_sent and not receiver.fin_sent
        if not sender.has_snd or segment.seq != sender.snd_nxt:
            return False
        if sender.state == CLOSE_WAIT:
            return receiver.state == FIN_WAIT_2 and segment.ack == receiver.snd_nxt
        return sender.state == FIN_WAIT_2 and receiver.state == CLOSE_WAIT and not segment.payload_bytes

    def settle(self, connection: Connection) -> None:
        """It will get no more segments: a RST ahead of all that had passed counts by the silence after it."""
        rsts = connection.a.rsts or connection.b.rsts
        over = rsts > 0 and not self.transitions.done(connection)
        if over or connection.unread:
            self.read(connection, over)

    def tell(self, connection: Connection, sender: Endpoint, segment: Segment) -> None:
        """The segment is evidence."""
        shown = connection.shown
        shown.add(connection, segment)
        end = shown.a if sender is connection.a else shown.b
        if sender.fin_sent and not end.fins:
            # It has sent data beyond "its" FIN.
            sender.fin_sent = False

    def read(self, connection: Connection, over: bool = False) -> None:
        """Both histories, by all that has been told; ``over``: nothing more will pass."""
        a = connection.a
        b = connection.b
        shown = connection.shown
        connection.unread = False
        reading = read(shown.a, shown.b, over)
        for endpoint, history in zip((a, b), reading.histories, strict=True):
            replaced = endpoint.closed_by == FOR_GOOD and not _closed_before_newer(connection, history)
            if not replaced and endpoint.closed_by != UNTIL_IT_SENDS:
                self.transitions.tell(endpoint, history)
        self.transitions.linger(connection)
        self._conclude(connection, reading)

    def _conclude(self, connection: Connection, reading: Reading) -> None:
        """What has become of it, by both histories."""
        shown = connection.shown
        told = history_of(connection.a), history_of(connection.b)
        unreachable = connection.rare.unreachable_frame > 0
        found = outcome(shown.a, shown.b, told, reading.closings, unreachable, self._probes)
        connection.handshake = found.handshake
        connection.simultaneous_open = found.simultaneous_open
        connection.fast_open = found.fast_open
        connection.ack_ns, connection.ack_frame = found.ack
        connection.close = found.close
        connection.close_complete = found.close_complete
        connection.first_fin_by = found.first_fin_by
        self.resets += (found.reset is not None) - (connection.reset_by > 0)
        if found.reset is not None:
            by, cause, rst, _, _ = found.reset
            sender, receiver = shown.ends(by == 1)
            sure = certain(sender, receiver, found.reset)
            connection.note_reset(by, cause, rst.frame.ts_ns, rst.frame.number, sure)
        elif connection.reset_by:
            connection.note_reset(0, NO_RESET, 0, 0, False)
        if found.strays or connection.rare.stray_resets:
            self._note_strays(connection, found.strays, found.strays_more)

    def _note_strays(self, connection: Connection, strays: list[Reset], more: int) -> None:
        rare = connection.own_rare()
        rare.stray_resets = len(strays) + more
        rare.stray_reset_by = rare.stray_reset_frame = rare.stray_reset_ns = 0
        rare.stray_reset_fits = FITS_NOTHING
        connection.doubtful = any(stray.fits for stray in strays)
        if strays:
            first = strays[0]
            rare.stray_reset_by = first.by
            rare.stray_reset_frame = first.rst.frame.number
            rare.stray_reset_ns = first.rst.frame.ts_ns
            if first.fits:
                end, _ = connection.shown.ends(first.by == 1)
                goes_on = end.last_frame > first.rst.frame
                rare.stray_reset_fits = SENDER_GOES_ON if goes_on else RECEIVER_GOES_ON

    # --- figures of a segment ----------------------------------------------------------

    def _count(self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment) -> None:
        """Numbers and counters of both ends, by any segment but a RST."""
        flags = segment.flags
        if flags & SYN:
            self._synchronizes(connection, sender, receiver, segment)
            if not flags & ACK:
                return
        elif flags & ACK:
            self._infers(sender, receiver, segment)
        receiver.be_heard()
        sender.window_field = segment.window
        fresh_bytes = 0
        if not flags & SYN:
            fresh_bytes = self._account(sender, receiver, segment)
        if flags & ACK and not (flags & FIN and acknowledges_unsent(receiver, segment.ack)):
            if not receiver.has_snd or not receiver.has_una or receiver.snd_una != segment.ack:
                receiver.be_acknowledged(segment.ack)
            self._receipt(sender, receiver, segment)
        if fresh_bytes:
            has_fin = receiver.fin_sent and distance(sender.rcv_nxt, receiver.fin_seq) > 0
            if sender.state == CLOSE_WAIT or (sender.state == ESTABLISHED and has_fin):
                sender_rare = sender.own_rare()
                sender_rare.half_close_bytes += fresh_bytes
                sender_rare.half_close_last_ns = segment.ts_ns
        if flags & FIN:
            sender.fins += 1
            if sender.fin_sent or sender.rare.last_fin_frame:
                sender_rare = sender.own_rare()
                sender_rare.last_fin_ns = segment.ts_ns
                sender_rare.last_fin_frame = segment.frame
            if not sender.fin_sent:
                sender.fin_sent = True
                sender.fin_seq = advance(segment.seq, segment.payload_bytes + (1 if flags & SYN else 0))
                sender.fin_ns = segment.ts_ns
                sender.fin_frame = segment.frame
                if (
                    receiver.has_rcv
                    and distance(receiver.rcv_nxt, sender.fin_seq) >= 1
                    and not sender.fin_acked_frame
                ):
                    # Its ACK passed before it.
                    sender.fin_acked_ns = segment.ts_ns
                    sender.fin_acked_frame = segment.frame

    def _infers(self, sender: Endpoint, receiver: Endpoint, segment: Segment) -> None:
        """A SYN+ACK that has not passed here, or not yet: whose ISN another segment tells."""
        if sender.state == SYN_SENT and not receiver.has_isn and not history_of(receiver):
            receiver.has_isn = True
            receiver.isn = advance(segment.ack, -1)
        elif receiver.state == SYN_SENT and not sender.has_isn and not history_of(sender):
            beyond = distance(segment.ack, receiver.isn)
            if beyond >= 1 and distance(segment.ack, receiver.snd_nxt) <= 0:
                sender.has_isn = True
                sender.isn = advance(segment.seq, -1)

    def _synchronizes(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment
    ) -> None:
        """A SYN or SYN+ACK."""
        flags = segment.flags
        shown = connection.shown
        if shown is not None and shown.ends(sender is connection.a)[0].has_forgotten(segment.seq):
            sender.syn_acks += 1
            sender_rare = sender.own_rare()
            sender_rare.retransmits += 1
            return
        if not (sender.has_isn and sender.isn == segment.seq):
            # The first SYN, or a listener that answers anew and has forgotten its first answer.
            sender.has_isn = True
            sender.isn = segment.seq
            sender.has_snd = True
            sender.snd_nxt = advance(segment.seq, 1 + segment.payload_bytes + (1 if flags & FIN else 0))
            if segment.payload_bytes or sender.rare.syn_bytes:
                sender.own_rare().syn_bytes = segment.payload_bytes
            sender.bytes += segment.payload_bytes
        elif sender.syns or sender.syn_acks:
            sender_rare = sender.own_rare()
            sender_rare.retransmits += 1
        if segment.window_scale >= 0:
            sender.window_scale = segment.window_scale
        if not flags & ACK:
            sender.syns += 1
            if connection.syn_frame() == 0:
                connection.note_syn(segment.ts_ns, segment.frame, segment.ts_val)
            else:
                connection.note_syn_again(segment.ts_ns, segment.frame, segment.ts_val)
            receiver.unanswered = 0
            sender.window_field = segment.window
            return
        sender.syn_acks += 1
        if receiver.packets == receiver.rsts and not receiver.has_isn:
            self.pick_up(connection, sender, receiver, segment)
        connection.foreign_echo = echoes_another(connection, receiver, segment)
        if connection.syn_ack_frame == 0:
            connection.syn_ack_ns = segment.ts_ns
            connection.syn_ack_frame = segment.frame
        else:
            rare = connection.own_rare()
            rare.last_syn_ack_ns = segment.ts_ns
            rare.last_syn_ack_frame = segment.frame
        if receiver.window_scale < 0 or segment.window_scale < 0:
            # Scaling holds only if both SYNs offer it (RFC 7323 section 2.2).
            if receiver.has_isn and receiver.syns:
                receiver.window_scale = 0
                sender.window_scale = 0

    def _account(self, sender: Endpoint, receiver: Endpoint, segment: Segment) -> int:
        """Sequence space, retransmissions and probes; the payload bytes that are new."""
        if (
            segment.payload_bytes <= 1
            and not segment.flags & FIN
            and sender.has_una
            and sender.snd_una == sender.snd_nxt
            and distance(segment.seq, sender.snd_nxt) == -1
        ):
            # A keep-alive (RFC 9293 section 3.8.4), or a probe of a zero window (3.8.6.1): it
            # carries nothing new, and asks for an answer.
            if receiver.window_field:
                sender_rare = sender.own_rare()
                sender_rare.keep_alives += 1
            sender.ask(segment)
            sender_rare = sender.own_rare()
            sender_rare.unanswered_probes += 1
            return 0
        before = sender.rare.retransmits
        fresh_bytes = sender.take_sequence_space(segment)
        if fresh_bytes:
            sender.speak(receiver, fresh_bytes, segment.ts_ns)
        if sender.rare.retransmits != before:
            sender.ask(segment)
            sender.unanswered += 1
        return fresh_bytes

    def _receipt(self, sender: Endpoint, receiver: Endpoint, segment: Segment) -> None:
        """What the sender acknowledges it has received."""
        news = sender.take_ack(segment.ack)
        gets_fin = receiver.fin_sent and distance(sender.rcv_nxt, receiver.fin_seq) > 0
        if sender.state == FIN_WAIT_2 and news and not gets_fin and sender.clock == FIN_WAIT_2_CLOCK:
            # It takes data in, so its application still reads: a half-close, not an orphan.
            self.transitions.clocks.stop(sender)
        if not gets_fin:
            return
        if receiver.fin_acked_frame == 0:
            receiver.fin_acked_ns = segment.ts_ns
            receiver.fin_acked_frame = segment.frame
        if sender.state == TIME_WAIT:
            # It acknowledges a FIN that came again: 2MSL begins anew (3.10.7.4, TIME-WAIT).
            sender_rare = sender.own_rare()
            sender_rare.time_wait_restarts += 1
            self.transitions.clocks.start(sender, TIME_WAIT_CLOCK)

    # --- other events ------------------------------------------------------------------

    def pick_up(self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment) -> None:
        """Its first segment is a SYN+ACK: there was a SYN before it, and we know its number."""
        receiver.has_isn = True
        receiver.isn = advance(segment.ack, -1)
        receiver.has_snd = True
        receiver.snd_nxt = segment.ack

    def unreachable(self, connection: Connection, endpoint: Endpoint, ts_ns: int, frame: int) -> None:
        """An ICMP error came for a SYN of this endpoint."""
        self.transitions.close(endpoint, GETS_UNREACHABLE, PRESUMED, ts_ns, frame, UNTIL_IT_SENDS)
        if connection.handshake == UNANSWERED:
            connection.handshake = UNREACHABLE

    def resume(self, older: Connection, connection: Connection, segment: Segment) -> bool:
        """Was it not refused? Then the sender of this segment, of a newer connection, goes on with that."""
        refused, _ = direction(older, segment)
        endpoint, _ = direction(connection, segment)
        self._regular.show(older, segment.frame)
        self._regular.show(connection, segment.frame)
        if not connection.shown.resume(connection, older.shown, older, segment):
            return False
        endpoint.has_isn = True
        endpoint.isn = refused.isn
        endpoint.has_snd = True
        endpoint.snd_nxt = refused.snd_nxt
        self.read(older)
        self.read(connection)
        return True

    def give_away(self, older: Connection, segment: Segment) -> None:
        """What was set aside is of a newer connection."""
        dropper, _ = direction(older, segment)
        dropper.packets -= 1
        if segment.flags & RST:
            dropper.rsts -= 1
            shown: Incarnation = older.shown
            end = shown.a if dropper is older.a else shown.b
            end.rsts = [rst for rst in end.rsts if rst.frame.number != segment.frame]
            self.read(older)
        else:
            older.rare.out_of_window -= 1

    def replace(self, endpoint: Endpoint, basis: int, ts_ns: int, frame: int) -> None:
        """The endpoint opened a new connection on this four-tuple."""
        told = history_of(endpoint)
        if told and told[len(told) - 1][1] > ts_ns:
            # It was still heard on the old one after the segment that shows it.
            _, ts_ns, last_frame, _ = told[len(told) - 1]
            frame = last_frame or frame
        again = basis == ACKNOWLEDGED and endpoint.passive and endpoint.state == SYN_RCVD
        event = GETS_SYN_AS_LISTENER if again else IS_REPLACED
        self.transitions.close(endpoint, event, basis, ts_ns, frame, FOR_GOOD)


def _closed_before_newer(connection: Connection, history: Entries) -> bool:
    """Was it closed before a newer one on its four-tuple was accepted, though that may have passed first?"""
    newer = connection.rare.newer
    if newer is None or not history:
        return False
    state, _, frame, _ = history[len(history) - 1]
    return bool(state == CLOSED and frame < newer.syn_ack_frame)


def _outlived(connection: Connection) -> bool:
    """Both ends have gone on when nothing from before their last RST can have been under way any more."""
    shown: Incarnation = connection.shown
    heard_ns = min(shown.a.last_frame.ts_ns, shown.b.last_frame.ts_ns)
    rsts = [end.rsts[len(end.rsts) - 1] for end in (shown.a, shown.b) if end.rsts]
    return all(heard_ns - rst.frame.ts_ns >= UNDER_WAY_NS for rst in rsts)
