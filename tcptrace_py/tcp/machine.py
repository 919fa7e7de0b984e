"""The two machines of a connection: what each segment shows of its sender and does to its receiver.

Compiled (see ``machine.pxd``). Here is what all segments have in common; how endpoints open is in
``opening.py``, how they close in ``closing.py``, RST is in ``resets.py``, and what changes a state in
``transitions.py``. Calls go down only, in that order. Sans-I/O: they are given segments and a clock. The
theory is told in ``state.py``; section numbers are RFC 9293's.
"""

from __future__ import annotations

from tcptrace_py.settings import Settings
from tcptrace_py.tcp.clocks import UNDER_WAY_NS
from tcptrace_py.tcp.closing import Closing
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.gate import acknowledges_unsent, takes
from tcptrace_py.tcp.opening import Opening
from tcptrace_py.tcp.resets import Resets
from tcptrace_py.tcp.serial import advance, distance
from tcptrace_py.tcp.state import (
    ASSUMED,
    CLOSE_WAIT,
    CLOSED,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    GETS_ACK_OF_SYN,
    GETS_UNREACHABLE,
    IS_REPLACED,
    LISTEN,
    PRESUMED,
    SENT,
    SYN_RCVD,
    SYN_SENT,
    TIME_WAIT,
    TIMER,
)
from tcptrace_py.tcp.transitions import Transitions
from tcptrace_py.wire.segment import ACK, FIN, RST, SYN, Segment


class Machine:
    """Reads segments as what endpoints have done and will do."""

    def __init__(self, settings: Settings) -> None:
        self.transitions = Transitions(settings)
        self.resets = Resets(self.transitions, settings.dead_peer_probes)
        self._opening = Opening(self.transitions, self.resets)
        self._closing = Closing(self.transitions, self._opening)
        self._journal = self.transitions.journal

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
            # (A new entry may have the place of one that was taken back.)
            if sender.last != before or (
                sender.last >= 0 and self._journal.frame(sender.last) == segment.frame
            ):
                ts_ns = segment.ts_ns
                frame = segment.frame
            if (
                sender.state == SYN_RCVD
                if connection.refused
                else sender.has_rcv and distance(connection.rare.reset_seq, sender.rcv_nxt) < 0
            ):
                # It drops the number as old, or, of what refuses a SYN, as no number of that connection's:
                # SYN_SENT alone believes it (3.10.7.3).
                connection.refused = False
                self.resets.disbelieve(connection, False)
            else:
                self.resets.deliver(connection, receiver, sender, ts_ns, frame)
        else:
            self._pass(connection, sender, receiver, segment)

    def _pass(self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment) -> None:
        """Any segment but a RST."""
        flags = segment.flags
        if not takes(connection, sender, receiver, segment):
            rare = connection.own_rare()
            rare.out_of_window += 1
            sender_rare = sender.own_rare()
            sender_rare.out_of_window += 1
            return
        if flags & SYN:
            self._opening.synchronize(connection, sender, receiver, segment)
            if not flags & ACK:
                return

        receiver.unanswered = 0
        receiver.unanswered_probes = 0
        if sender.state == CLOSED and not flags & SYN:
            self._rise(connection, sender, receiver, segment)
        if connection.pending_reset_by:
            self.resets.doubt_pending(connection, sender, segment)

        same_window = sender.window_field == segment.window
        sender.window_field = segment.window
        fresh_bytes = 0
        fin_in_gap = bool(flags & FIN) and sender.has_snd and self._ends_before(segment, sender.snd_nxt)
        if not flags & SYN:
            fresh_bytes = self._account(sender, receiver, segment)
            if sender.tail_gap and sender.rare.gap_packet == sender.packets:
                self._opening.past_gap(connection, sender, receiver, segment)
        if flags & FIN and flags & ACK and acknowledges_unsent(receiver, segment.ack):
            sender.has_acked_unsent = True
            sender.own_rare().acked_unsent = segment.ack
        elif flags & ACK:
            if not receiver.has_snd or not receiver.has_una or receiver.snd_una != segment.ack:
                receiver.be_acknowledged(segment.ack)
            self._receipt(connection, sender, receiver, segment, same_window)
        if fresh_bytes:
            sender.proven_open = True
            if sender.fin_sent and distance(sender.snd_nxt, sender.fin_seq) > 1:
                self._closing.goes_on(connection, sender, receiver)
            if sender.state == FIN_WAIT_1 and not sender.fin_sent:
                # What never passed was no FIN, as was assumed.
                self.transitions.withdraw(sender)
            if sender.state == SYN_RCVD and not connection.fast_open:
                # Only an established endpoint sends data (3.10.2), but for Fast Open.
                connection.established = True
                self.transitions.move(sender, GETS_ACK_OF_SYN, SENT, segment.ts_ns, segment.frame)
            elif sender.state == CLOSE_WAIT:
                sender_rare = sender.own_rare()
                sender_rare.half_close_bytes += fresh_bytes
                sender_rare.half_close_last_ns = segment.ts_ns
        if flags & FIN:
            self._closing.finish(connection, sender, receiver, segment, fin_in_gap, fresh_bytes)
        if flags & ACK:
            if receiver.state != ESTABLISHED:
                self._delivery(connection, sender, receiver, segment)
            elif not segment.payload_bytes and not flags & FIN:
                if not sender.fin_sent or segment.seq == sender.snd_nxt:
                    receiver.opened_by_nxt = sender.isn
        if connection.pending_reset_by:
            self.resets.catch_up(connection, sender, receiver, segment)

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
                sender_rare = sender.own_rare()
                sender_rare.keep_alives += 1
            sender.ask(segment)
            sender.unanswered_probes += 1
            return 0
        before = sender.rare.retransmits
        fresh_bytes = sender.take_sequence_space(segment)
        if sender.rare.retransmits != before:
            sender.ask(segment)
            sender.unanswered += 1
            if sender.fin_sent and sender.fin_acked_frame == 0:
                sender.fin_waited = True
            # What acknowledges less than it has acknowledged since is an old copy.
            if sender.fin_sent and distance(segment.ack, sender.rcv_nxt) >= 0:
                self._closing.lacks_ack(sender)
        return fresh_bytes

    def _rise(self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment) -> None:
        """A CLOSED endpoint that sends was not CLOSED, if all we had was a belief."""
        if sender.last < 0:
            if receiver.state == SYN_SENT and segment.flags & ACK:
                beyond = distance(segment.ack, receiver.isn)
                if beyond >= 1 and distance(segment.ack, receiver.snd_nxt) <= 0:
                    self._opening.infer_syn_ack(sender, advance(segment.seq, -1), segment)
            return
        by = 1 if sender is connection.a else 2
        basis = self._journal.basis(sender.last)
        if basis == TIMER:
            self.transitions.withdraw(sender)
        elif basis == PRESUMED:
            # Not by its frame: what crossed the RST may have put its CLOSED later.
            if connection.rare.reset_frame and self._journal.ts_ns(sender.last) >= connection.rare.reset_ns:
                if segment.ts_ns - connection.rare.reset_ns >= UNDER_WAY_NS:
                    self.transitions.withdraw(sender)
                    if sender.state == TIME_WAIT:
                        # It ignores RST there (RFC 1337 section 3).
                        self.resets.disbelieve(connection, False)
                        return
                    if connection.rare.reset_moves > 1 and connection.reset_by != by:
                        # Nor had the FIN or the ACK come that the number of the RST told of.
                        rare = connection.own_rare()
                        rare.reset_moves -= 1
                        self.resets.take_back(connection, sender)
                    if receiver.state != CLOSED:
                        self.resets.forget(connection)
        elif (
            basis == SENT
            and connection.reset_by == by
            and self._journal.ts_ns(sender.last) >= connection.rare.reset_ns
            and self._journal.previous(sender.last) >= 0
            and self.resets.contradicts(connection, receiver, segment)
        ):
            self.resets.undo(connection, sender, receiver)

    def _receipt(
        self,
        connection: Connection,
        sender: Endpoint,
        receiver: Endpoint,
        segment: Segment,
        same_window: bool,
    ) -> None:
        """What the sender acknowledges it has received."""
        news = sender.take_ack(segment.ack)
        state = sender.state
        if state == ESTABLISHED and not receiver.fin_sent:
            return
        if state == SYN_SENT or state == SYN_RCVD:
            self._opening.answers(connection, sender, receiver, segment, news)
        elif state == FIN_WAIT_1 or state == FIN_WAIT_2:
            self._closing.answers(sender, receiver, segment, news, same_window)
        if receiver.fin_sent and distance(sender.rcv_nxt, receiver.fin_seq) > 0:
            self._closing.takes_fin(connection, sender, receiver, segment)

    def _delivery(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment
    ) -> None:
        """The receiver gets an ACK that it need not answer."""
        if not segment.flags & SYN and receiver.has_rcv:
            # What carries nothing but old numbers is answered and dropped, its ACK unread (3.10.7.4).
            carried = segment.payload_bytes + (1 if segment.flags & FIN else 0)
            end = advance(segment.seq, carried)
            beyond = distance(end, receiver.rcv_nxt)
            if (beyond < 0 and not sender.goes_on_before_gap(end)) or (beyond == 0 and carried > 0):
                return
        if receiver.state == SYN_RCVD:
            if distance(segment.ack, receiver.isn) >= 1:
                self.transitions.move(receiver, GETS_ACK_OF_SYN, PRESUMED, segment.ts_ns, segment.frame)
                connection.established = True
                receiver.opened_by_nxt = sender.snd_nxt
        elif receiver.fin_sent and distance(segment.ack, receiver.fin_seq) >= 1:
            self._closing.acknowledged(sender, receiver, segment)

    # --- other events ------------------------------------------------------------------

    def pick_up(self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment) -> None:
        """The first segment we see of a connection is not a SYN."""
        flags = segment.flags
        if flags & SYN:
            # A SYN+ACK: there was a SYN before it, and we know its number.
            self.transitions.enter(receiver, SYN_SENT, ASSUMED, segment.ts_ns, segment.frame)
            receiver.has_isn = True
            receiver.isn = advance(segment.ack, -1)
            receiver.has_snd = True
            receiver.snd_nxt = segment.ack
        elif not flags & RST and flags & ACK:
            self.transitions.enter(sender, ESTABLISHED, ASSUMED, segment.ts_ns, segment.frame)
            self.transitions.enter(receiver, ESTABLISHED, ASSUMED, segment.ts_ns, segment.frame)

    def unreachable(self, connection: Connection, endpoint: Endpoint, ts_ns: int, frame: int) -> None:
        """An ICMP error came for a SYN of this endpoint."""
        self.transitions.move(endpoint, GETS_UNREACHABLE, PRESUMED, ts_ns, frame)

    def resume(self, refused: Endpoint, endpoint: Endpoint) -> None:
        """It was not ``refused``: ``endpoint`` of a newer connection goes on with that attempt."""
        self.transitions.withdraw(refused)
        ts_ns = self._journal.ts_ns(refused.last)
        frame = self._journal.frame(refused.last)
        self.transitions.withdraw(refused)
        endpoint.has_isn = True
        endpoint.isn = refused.isn
        endpoint.has_snd = True
        endpoint.snd_nxt = refused.snd_nxt
        self.transitions.enter(endpoint, SYN_SENT, SENT, ts_ns, frame)

    def replace(self, endpoint: Endpoint, basis: int, ts_ns: int, frame: int) -> None:
        """The endpoint opened a new connection on this four-tuple."""
        if endpoint.last >= 0 and self._journal.ts_ns(endpoint.last) > ts_ns:
            # It was still heard on the old one after the segment that shows it.
            ts_ns = self._journal.ts_ns(endpoint.last)
            frame = self._journal.frame(endpoint.last) or frame
        self.transitions.move(endpoint, IS_REPLACED, basis, ts_ns, frame)
