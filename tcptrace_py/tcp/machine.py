"""The two machines of a connection: what each segment shows of its sender and does to its receiver.

Compiled (see ``machine.pxd``). Here are SYN, ACK, FIN and data; RST is in ``resets.py``, and what
changes a state in ``arrows.py``. Calls go down only: from here to both, and from ``resets.py`` to
``arrows.py``. Sans-I/O: all three are given segments and a clock. The theory is told in ``state.py``;
section numbers are RFC 9293's.
"""

from __future__ import annotations

from tcptrace_py.settings import Settings
from tcptrace_py.tcp.arrows import Arrows
from tcptrace_py.tcp.clocks import UNDER_WAY_NS
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.resets import Resets
from tcptrace_py.tcp.serial import advance, distance
from tcptrace_py.tcp.state import (
    ACKNOWLEDGED,
    ASSUMED,
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    GETS_ACK_OF_FIN,
    GETS_ACK_OF_SYN,
    GETS_FIN,
    GETS_FIN_WITH_ACK_OF_FIN,
    GETS_SYN_ACK,
    GETS_UNREACHABLE,
    IS_REPLACED,
    LAST_ACK,
    LISTEN,
    PRESUMED,
    SENDS_FIN,
    SENDS_SYN,
    SENDS_SYN_ACK,
    SENT,
    SYN_RCVD,
    SYN_SENT,
    TIME_WAIT,
    TIMER,
)
from tcptrace_py.tcp.words import FIN_WAIT_2_CLOCK, TIME_WAIT_CLOCK
from tcptrace_py.wire.segment import ACK, FIN, RST, SYN, Segment

# Linux waits so long at least before it sends a FIN again (RFC 6298 section 2.4 asks for a second).
_RTO_MIN_NS = 200_000_000


class Machine:
    """Reads segments as what endpoints have done and will do."""

    def __init__(self, settings: Settings) -> None:
        self.arrows = Arrows(settings)
        self.resets = Resets(self.arrows, settings.dead_peer_probes)
        self._journal = self.arrows.journal

    # --- a segment ---------------------------------------------------------------------

    def segment(self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment) -> None:
        """One segment passes from ``sender`` to ``receiver`` of this connection."""
        flags = segment.flags
        if flags & RST:
            self.resets.segment(connection, sender, receiver, segment)
        elif sender.state <= LISTEN and self.resets.crosses(connection, sender, segment):
            # It had sent this before the RST reached it: what it shows came first.
            ts_ns = self._journal.ts_ns(sender.last)
            frame = self._journal.frame(sender.last)
            self.resets.take_back(connection, sender)
            before = sender.last
            self._pass(connection, sender, receiver, segment)
            if sender.last != before:
                ts_ns = segment.ts_ns
                frame = segment.frame
            if (
                sender.state == SYN_RCVD
                if connection.refused
                else sender.has_rcv and distance(connection.reset_seq, sender.rcv_nxt) < 0
            ):
                # It drops the number as old, or, of what refuses a SYN, as no number of that connection's:
                # SYN_SENT alone believes it (3.10.7.3).
                connection.refused = False
                self.resets.disbelieve(connection)
            else:
                self.resets.deliver(connection, receiver, sender, ts_ns, frame)
        else:
            self._pass(connection, sender, receiver, segment)

    def _pass(self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment) -> None:
        """Any segment but a RST."""
        flags = segment.flags
        if flags & SYN:
            if sender.state >= ESTABLISHED and not (sender.has_isn and sender.isn == segment.seq):
                # A SYN+ACK with another ISN, in a synchronized state.
                connection.out_of_window += 1
                sender.out_of_window += 1
                return
            self._synchronize(connection, sender, receiver, segment)
            if not flags & ACK:
                return
        elif not self._plausible(sender, receiver, segment):
            connection.out_of_window += 1
            sender.out_of_window += 1
            return

        receiver.unanswered = 0
        receiver.unanswered_probes = 0
        if sender.state == CLOSED and not flags & SYN:
            self._rise(connection, sender, receiver, segment)
        if connection.pending_reset_by:
            self.resets.doubt_pending(connection, sender, segment)

        sender.window_field = segment.window
        fresh_bytes = 0
        fin_in_gap = bool(flags & FIN) and sender.has_snd and self._ends_before(segment, sender.snd_nxt)
        if not flags & SYN:
            fresh_bytes = self._account(sender, receiver, segment)
        if flags & ACK:
            if not receiver.has_snd or not receiver.has_una or receiver.snd_una != segment.ack:
                receiver.be_acknowledged(segment.ack)
            self._receipt(connection, sender, receiver, segment)
        if fresh_bytes:
            sender.proven_open = True
            if sender.state == SYN_RCVD and not connection.fast_open:
                # Only an established endpoint sends data (3.10.2), but for Fast Open.
                connection.established = True
                self.arrows.move(sender, GETS_ACK_OF_SYN, SENT, segment.ts_ns, segment.frame)
            elif sender.state == CLOSE_WAIT:
                sender.half_close_bytes += fresh_bytes
                sender.half_close_last_ns = segment.ts_ns
        if flags & FIN and not flags & SYN:
            self._finish(connection, sender, receiver, segment, fin_in_gap)
        if flags & ACK:
            if receiver.state != ESTABLISHED:
                self._delivery(connection, sender, receiver, segment)
            elif not segment.payload_bytes and not flags & FIN:
                receiver.opened_by_nxt = sender.isn

    def _plausible(self, sender: Endpoint, receiver: Endpoint, segment: Segment) -> bool:
        """Does the segment fit the receiver's window, as far as we know it? (3.10.7.4, first check)

        What goes on where its sender left off, and what is old, is the sender's own. What
        jumps ahead of the window is a stray, unless the next segment goes on from there:
        then the capture has a gap.
        """
        if not sender.has_snd:
            return True
        if segment.seq == sender.snd_nxt:
            sender.has_suspect = False
            return True
        if distance(segment.seq, sender.snd_nxt) < 0 or not receiver.has_rcv:
            return True
        window = receiver.window_bytes()
        if window < 65535:
            window = 65535
        if distance(segment.seq, receiver.rcv_nxt) <= window:
            return True
        if sender.has_suspect and segment.seq == sender.suspect_nxt:
            sender.has_suspect = False
            return True
        sender.has_suspect = True
        sender.suspect_nxt = advance(segment.seq, segment.payload_bytes)
        return False

    def _ends_before(self, segment: Segment, snd_nxt: int) -> bool:
        return distance(advance(segment.seq, segment.payload_bytes), snd_nxt) < 0

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
                sender.keep_alives += 1
            sender.ask(segment)
            sender.unanswered_probes += 1
            return 0
        before = sender.retransmits
        fresh_bytes = sender.take_sequence_space(segment)
        if sender.retransmits != before:
            sender.ask(segment)
            sender.unanswered += 1
            # What acknowledges less than it has acknowledged since is an old copy.
            if sender.fin_sent and distance(segment.ack, sender.rcv_nxt) >= 0:
                self._lacks_ack_of_fin(sender)
        return fresh_bytes

    def _lacks_ack_of_fin(self, sender: Endpoint) -> None:
        """It sends its FIN again, or what came before it: the ACK of that did not arrive, whatever passed."""
        if self._took_ack_of_fin(sender):
            return
        while self.arrows.basis(sender) == PRESUMED and (
            sender.state == FIN_WAIT_2
            or sender.state == TIME_WAIT
            or (sender.state == CLOSED and self.arrows.came_from(sender, LAST_ACK))
        ):
            self.arrows.withdraw(sender)

    def _rise(self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment) -> None:
        """A CLOSED endpoint that sends was not CLOSED, if all we had was a belief."""
        if sender.last < 0:
            if receiver.state == SYN_SENT and segment.flags & ACK:
                beyond = distance(segment.ack, receiver.isn)
                if beyond >= 1 and distance(segment.ack, receiver.snd_nxt) <= 0:
                    self._infer_syn_ack(sender, advance(segment.seq, -1), segment)
            return
        basis = self._journal.basis(sender.last)
        if basis == TIMER:
            self.arrows.withdraw(sender)
        elif basis == PRESUMED:
            # Not by its frame: what crossed the RST may have put its CLOSED later.
            if connection.reset_frame and self._journal.ts_ns(sender.last) >= connection.reset_ns:
                if segment.ts_ns - connection.reset_ns >= UNDER_WAY_NS:
                    self.arrows.withdraw(sender)
                    if sender.state == TIME_WAIT:
                        # It ignores RST there (RFC 1337 section 3).
                        self.resets.disbelieve(connection)
                    elif receiver.state != CLOSED:
                        self.resets.forget(connection)
        elif (
            basis == SENT
            and connection.reset_frame == self._journal.frame(sender.last)
            and segment.ts_ns - connection.reset_ns > UNDER_WAY_NS
            and self._journal.previous(sender.last) >= 0
        ):
            # It goes on as if it had never sent that RST: somebody else had.
            self.arrows.withdraw(sender)
            if receiver.state == CLOSED and receiver.last >= 0:
                if self._journal.frame(receiver.last) == connection.reset_frame:
                    self.arrows.withdraw(receiver)
            self.resets.disbelieve(connection)

    # --- SYN ---------------------------------------------------------------------------

    def _infer_syn_ack(self, endpoint: Endpoint, isn: int, segment: Segment) -> None:
        """Its SYN+ACK has not passed here, or not yet: one direction only, a gap, or overtaken."""
        endpoint.has_isn = True
        endpoint.isn = isn
        endpoint.passive = True
        self.arrows.enter(endpoint, LISTEN, ASSUMED, segment.ts_ns, segment.frame)
        self.arrows.move(endpoint, SENDS_SYN_ACK, ASSUMED, segment.ts_ns, segment.frame)

    def _synchronize(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment
    ) -> None:
        ts_ns = segment.ts_ns
        frame = segment.frame
        again = sender.has_isn and sender.isn == segment.seq
        if not again:
            # The first SYN, or a listener that answers anew and has forgotten its first answer.
            sender.has_isn = True
            sender.isn = segment.seq
            sender.has_snd = True
            sender.snd_nxt = advance(segment.seq, 1 + segment.payload_bytes)
            sender.syn_bytes = segment.payload_bytes
            sender.bytes += segment.payload_bytes
            sender.proven_open = True
        elif sender.syns or sender.syn_acks:
            sender.retransmits += 1
        if segment.window_scale >= 0:
            sender.window_scale = segment.window_scale
        if not segment.flags & ACK:
            sender.syns += 1
            connection.last_syn_ns = ts_ns
            connection.last_syn_frame = frame
            if connection.syn_frame == 0:
                connection.syn_ns = ts_ns
                connection.syn_frame = frame
            receiver.unanswered = 0
            sender.window_field = segment.window
            if again and sender.last >= 0 and sender.state == CLOSED:
                # It had given up, or been refused, by our belief; it tries on.
                if self._journal.basis(sender.last) == SENT or not self.arrows.came_from(sender, SYN_SENT):
                    # It had reset this attempt itself, or was past it: an old copy of its SYN.
                    return
                self.arrows.withdraw(sender)
                connection.refused = False
                self.resets.forget(connection)
            self.arrows.move(sender, SENDS_SYN, SENT, ts_ns, frame)
            return

        sender.syn_acks += 1
        connection.last_syn_ack_ns = ts_ns
        connection.last_syn_ack_frame = frame
        if connection.syn_ack_frame == 0:
            connection.syn_ack_ns = ts_ns
            connection.syn_ack_frame = frame
        if receiver.syn_bytes and distance(segment.ack, receiver.isn) > 1:
            connection.fast_open = True
        if receiver.window_scale < 0 or segment.window_scale < 0:
            # Scaling holds only if both SYNs offer it (RFC 7323 section 2.2).
            if receiver.has_isn and receiver.syns:
                receiver.window_scale = 0
                sender.window_scale = 0
        if sender.syns == 0 and sender.state == CLOSED and sender.last < 0:
            sender.passive = True
            self.arrows.enter(sender, LISTEN, ACKNOWLEDGED, ts_ns, frame)
        answers = again and self._only_answered(connection, sender, receiver, sender.snd_nxt, sender.rcv_nxt)
        if (
            (sender.state == CLOSED or (sender.state == LISTEN and again))
            and sender.last >= 0
            and self._journal.basis(sender.last) != SENT
            and (
                self.arrows.came_from(sender, SYN_RCVD)
                or (answers and self.arrows.came_from(sender, ESTABLISHED))
            )
        ):
            self.arrows.withdraw(sender)
        if (
            answers
            and sender.state == ESTABLISHED
            and self._journal.basis(sender.last) == PRESUMED
            and self.arrows.came_from(sender, SYN_RCVD)
        ):
            # SYN+ACK again: the ACK that was to end the handshake did not arrive.
            self.arrows.withdraw(sender)
        opens = self.arrows.move(sender, SENDS_SYN_ACK, SENT, ts_ns, frame) and not sender.passive
        if (
            opens
            and sender.has_una
            and sender.snd_una == sender.snd_nxt
            and ts_ns - receiver.last_ns < UNDER_WAY_NS
        ):
            # Both open at once, and the peer's SYN+ACK has passed just before its own (3.5, figure 7).
            self.arrows.move(sender, GETS_ACK_OF_SYN, PRESUMED, ts_ns, frame)
            connection.established = True

    # --- what a segment shows of its sender --------------------------------------------

    def _receipt(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment
    ) -> None:
        """What the sender acknowledges it has received."""
        news = sender.take_ack(segment.ack)
        state = sender.state
        if state == ESTABLISHED and not receiver.fin_sent:
            return
        ts_ns = segment.ts_ns
        frame = segment.frame
        if state == SYN_SENT and not segment.flags & SYN and receiver.syns and not receiver.syn_acks:
            # It has had no more than the peer's SYN: both open at once, and its SYN+ACK never passed here.
            self.arrows.move(sender, SENDS_SYN_ACK, ASSUMED, ts_ns, frame)
        elif state == SYN_SENT and not segment.flags & SYN:
            if not receiver.has_isn and receiver.last < 0:
                self._infer_syn_ack(receiver, advance(segment.ack, -1), segment)
            # Where something before it never passed, that may have been its FIN.
            basis = ASSUMED if sender.tail_gap else ACKNOWLEDGED
            self.arrows.move(sender, GETS_SYN_ACK, basis, ts_ns, frame)
            # Too late if the listener has given the attempt up.
            connection.established = receiver.state != CLOSED
            connection.ack_ns = ts_ns
            connection.ack_frame = frame
        elif state == SYN_RCVD and receiver.has_isn and news:
            # More than the SYN (and the data on it) came from there, and all of that carries an ACK.
            if distance(sender.rcv_nxt, receiver.isn) > 1 + receiver.syn_bytes:
                self.arrows.move(sender, GETS_ACK_OF_SYN, ACKNOWLEDGED, ts_ns, frame)
                connection.established = True
        elif state == FIN_WAIT_1 and self._took_ack_of_fin(sender):
            self.arrows.move(sender, GETS_ACK_OF_FIN, ACKNOWLEDGED, ts_ns, frame)
        elif state == FIN_WAIT_2 and news and sender.clock == FIN_WAIT_2_CLOCK:
            # It takes data in, so its application still reads: a half-close, not an orphan.
            if not receiver.fin_sent or distance(sender.rcv_nxt, receiver.fin_seq) <= 0:
                self.arrows.clocks.stop(sender)
        if not receiver.fin_sent or distance(sender.rcv_nxt, receiver.fin_seq) <= 0:
            return
        if receiver.fin_acked_frame == 0:
            receiver.fin_acked_ns = ts_ns
            receiver.fin_acked_frame = frame
            receiver.fin_acked_at_once = receiver.retransmits == receiver.retransmits_at_fin
            receiver.fin_acked_past_gap = sender.tail_gap and sender.gap_packet != sender.packets
        state = sender.state
        basis = ASSUMED if sender.tail_gap else ACKNOWLEDGED
        if state == ESTABLISHED or state == FIN_WAIT_2:
            if state == ESTABLISHED and not sender.proven_open and connection.syn_frame == 0:
                # Picked up mid-stream and never seen to send: its own FIN may have gone before.
                basis = ASSUMED
            if state == FIN_WAIT_2 and not receiver.fin_acks_fin and basis == ACKNOWLEDGED:
                # The ACK of its own FIN came by itself, and may have come later.
                basis = PRESUMED
            self.arrows.move(sender, GETS_FIN, basis, ts_ns, frame)
        elif state == FIN_WAIT_1:
            if receiver.fin_acks_fin:
                self.arrows.move(sender, GETS_FIN_WITH_ACK_OF_FIN, basis, ts_ns, frame)
            elif (
                segment.payload_bytes
                or segment.flags & FIN
                or not receiver.has_rcv
                or distance(receiver.rcv_nxt, sender.fin_seq) < 1
            ):
                # Nothing has acknowledged its FIN, or what it sends again now.
                self.arrows.move(sender, GETS_FIN, basis, ts_ns, frame)
            elif not sender.fin_ack_passed:
                # Only the peer's FIN sent again did: the first was lost, or it would have been answered.
                self.arrows.move(sender, GETS_FIN_WITH_ACK_OF_FIN, PRESUMED, ts_ns, frame)
            else:
                # Both closed at once, and the ACK of its FIN passed before this ACK of the
                # peer's. Which of the two it got first only it knows; the FIN was first on the wire.
                self.arrows.move(sender, GETS_FIN, PRESUMED, ts_ns, frame)
                self.arrows.move(sender, GETS_ACK_OF_FIN, PRESUMED, ts_ns, frame)
        elif state == TIME_WAIT:
            # It acknowledges a FIN that came again: 2MSL begins anew (3.10.7.4, TIME-WAIT).
            sender.time_wait_restarts += 1
            self.arrows.clocks.start(sender, TIME_WAIT_CLOCK)

    def _finish(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment, in_gap: bool
    ) -> None:
        """The sender sends FIN (3.10.4), perhaps again; ``in_gap``: in space that had not passed here."""
        ts_ns = segment.ts_ns
        frame = segment.frame
        sender.fins += 1
        sender.last_fin_ns = ts_ns
        sender.last_fin_frame = frame
        acks_fin = receiver.fin_sent and distance(segment.ack, receiver.fin_seq) >= 1
        if not sender.fin_sent:
            sender.fin_sent = True
            sender.fin_seq = advance(segment.seq, segment.payload_bytes)
            sender.fin_ns = ts_ns
            sender.fin_frame = frame
            sender.retransmits_at_fin = sender.retransmits
            sender.fin_acks_fin = acks_fin
            if connection.first_fin_by == 0:
                connection.first_fin_by = 1 if sender is connection.a else 2
            elif not acks_fin:
                connection.simultaneous_close = True
            elif receiver.fin_acked_frame == frame:
                connection.three_segment_close = True
            if (
                in_gap
                and sender.state == CLOSE_WAIT
                and self._journal.basis(sender.last) == ASSUMED
                and receiver.fin_acked_frame != frame
                and (not acks_fin or receiver.fin_acked_past_gap or self._sent_again(receiver, segment))
            ):
                # What it had sent before it acknowledged the peer's FIN was its own: both closed at once.
                connection.simultaneous_close = True
                self.arrows.withdraw(sender)
                if (
                    sender.passive
                    and self.arrows.basis(sender) == PRESUMED
                    and distance(sender.opened_by_nxt, receiver.fin_seq) > 0
                ):
                    # Nor had it had what ended its handshake, which carried that FIN.
                    self.arrows.withdraw(sender)
                doubtful = acks_fin and not receiver.fin_acked_past_gap
                self.arrows.move(sender, SENDS_FIN, ASSUMED if doubtful else SENT, ts_ns, frame)
                self.arrows.move(sender, GETS_FIN, ASSUMED if doubtful else ACKNOWLEDGED, ts_ns, frame)
            else:
                if self._opened_too_early(connection, sender, receiver, segment):
                    self.arrows.withdraw(sender)
                self.arrows.move(sender, SENDS_FIN, SENT, ts_ns, frame)

    def _took_ack_of_fin(self, sender: Endpoint) -> bool:
        """It has had the data that the ACK of its FIN came with."""
        return sender.has_fin_ack_nxt and distance(sender.rcv_nxt, sender.fin_ack_nxt) >= 0

    def _sent_again(self, receiver: Endpoint, segment: Segment) -> bool:
        """This late FIN was lost, it seems, when first sent, before what first acknowledged the peer's FIN.

        But where that answered a copy the late FIN may have been the first to do so, and what comes
        sooner than anybody sends again has only been overtaken.
        """
        return receiver.fin_acked_at_once and segment.ts_ns - receiver.fin_acked_ns >= _RTO_MIN_NS

    def _opened_too_early(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment
    ) -> bool:
        """It closes from SYN_RCVD: what could have ended its handshake carried data that it has not had."""
        return (
            sender.state == ESTABLISHED
            and sender.passive
            and self._journal.basis(sender.last) == PRESUMED
            and distance(sender.opened_by_nxt, receiver.isn) > 1 + receiver.syn_bytes
            and distance(segment.ack, sender.opened_by_nxt) < 0
            and self._only_answered(connection, sender, receiver, sender.fin_seq, segment.ack)
        )

    def _only_answered(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, snd_nxt: int, rcv_nxt: int
    ) -> bool:
        """By these numbers it has sent, and taken in, nothing that a SYN_RCVD endpoint would not."""
        return connection.fast_open or (
            distance(snd_nxt, sender.isn) <= 1 and distance(rcv_nxt, receiver.isn) <= 1 + receiver.syn_bytes
        )

    # --- what a segment does to its receiver --------------------------------------------

    def _delivery(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment
    ) -> None:
        """The receiver gets an ACK that it need not answer."""
        if not segment.flags & SYN and receiver.has_rcv:
            # What carries nothing but old numbers is answered and dropped, its ACK unread (3.10.7.4).
            carried = segment.payload_bytes + (1 if segment.flags & FIN else 0)
            beyond = distance(advance(segment.seq, carried), receiver.rcv_nxt)
            if beyond < 0 or (beyond == 0 and carried > 0):
                return
        state = receiver.state
        if state == SYN_RCVD:
            if distance(segment.ack, receiver.isn) >= 1:
                self.arrows.move(receiver, GETS_ACK_OF_SYN, PRESUMED, segment.ts_ns, segment.frame)
                connection.established = True
                receiver.opened_by_nxt = sender.snd_nxt
            return
        if not receiver.fin_sent or distance(segment.ack, receiver.fin_seq) < 1:
            return
        if (
            (state == FIN_WAIT_1 or state == FIN_WAIT_2)
            and not receiver.has_fin_ack_nxt
            and sender.last_data_ns == segment.ts_ns
            and not segment.flags & FIN
        ):
            # New data came with it: whoever takes that in has had the ACK.
            receiver.has_fin_ack_nxt = True
            receiver.fin_ack_nxt = sender.snd_nxt
        if state == FIN_WAIT_1:
            # Where it may have a FIN of the sender's already, its answer to that will tell.
            if self._may_have_fin(sender, receiver):
                receiver.fin_ack_passed = receiver.fin_ack_passed or not segment.flags & FIN
            else:
                self.arrows.move(receiver, GETS_ACK_OF_FIN, PRESUMED, segment.ts_ns, segment.frame)
        elif state == CLOSING or state == LAST_ACK:
            self.arrows.move(receiver, GETS_ACK_OF_FIN, PRESUMED, segment.ts_ns, segment.frame)

    def _may_have_fin(self, sender: Endpoint, receiver: Endpoint) -> bool:
        """A FIN has passed toward a FIN_WAIT_1 endpoint, and nothing that goes before it is missing."""
        if not sender.fin_sent or distance(sender.passed_in_order(receiver), sender.fin_seq) < 1:
            return False
        # What passed before its handshake ended had not come.
        opened = self._journal.previous(receiver.last)
        return not receiver.passive or self._journal.frame(opened) <= sender.last_fin_frame

    # --- other events ------------------------------------------------------------------

    def pick_up(self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment) -> None:
        """The first segment we see of a connection is not a SYN."""
        flags = segment.flags
        if flags & SYN:
            # A SYN+ACK: there was a SYN before it, and we know its number.
            self.arrows.enter(receiver, SYN_SENT, ASSUMED, segment.ts_ns, segment.frame)
            receiver.has_isn = True
            receiver.isn = advance(segment.ack, -1)
            receiver.has_snd = True
            receiver.snd_nxt = segment.ack
        elif not flags & RST:
            self.arrows.enter(sender, ESTABLISHED, ASSUMED, segment.ts_ns, segment.frame)
            if flags & ACK:
                self.arrows.enter(receiver, ESTABLISHED, ASSUMED, segment.ts_ns, segment.frame)

    def unreachable(self, connection: Connection, endpoint: Endpoint, ts_ns: int, frame: int) -> None:
        """An ICMP error came for a SYN of this endpoint."""
        self.arrows.move(endpoint, GETS_UNREACHABLE, PRESUMED, ts_ns, frame)

    def resume(self, refused: Endpoint, endpoint: Endpoint) -> None:
        """It was not ``refused``: ``endpoint`` of a newer connection goes on with that attempt."""
        self.arrows.withdraw(refused)
        ts_ns = self._journal.ts_ns(refused.last)
        frame = self._journal.frame(refused.last)
        self.arrows.withdraw(refused)
        self.arrows.enter(endpoint, SYN_SENT, SENT, ts_ns, frame)

    def replace(self, endpoint: Endpoint, basis: int, ts_ns: int, frame: int) -> None:
        """The endpoint opened a new connection on this four-tuple."""
        self.arrows.move(endpoint, IS_REPLACED, basis, ts_ns, frame)
