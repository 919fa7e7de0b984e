"""How an endpoint closes: FIN, and the ACK of FIN; late copies and gaps show what came first.

Compiled (see ``closing.pxd``). RFC 9293 sections 3.6 and 3.10.7.4. Called by ``machine.py``, it moves
endpoints through ``transitions.py``.
"""

from __future__ import annotations

from tcptrace_py.tcp.clocks import RTO_MIN_NS
from tcptrace_py.tcp.codes import FIN_WAIT_2_CLOCK, TIME_WAIT_CLOCK
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.opening import Opening
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
    GETS_FIN,
    GETS_FIN_WITH_ACK_OF_FIN,
    LAST_ACK,
    PRESUMED,
    SENDS_FIN,
    SENT,
    TIME_WAIT,
)
from tcptrace_py.tcp.transitions import Transitions
from tcptrace_py.wire.segment import ACK, FIN, SYN, Segment


class Closing:
    """Reads FINs, and what acknowledges them."""

    def __init__(self, transitions: Transitions, opening: Opening) -> None:
        self._transitions = transitions
        self._opening = opening
        self._journal = transitions.journal

    def answers(
        self, sender: Endpoint, receiver: Endpoint, segment: Segment, news: bool, same_window: bool
    ) -> None:
        """What a FIN_WAIT_1 or FIN_WAIT_2 endpoint acknowledges; ``news``: for the first time."""
        ts_ns = segment.ts_ns
        frame = segment.frame
        state = sender.state
        if state == FIN_WAIT_1 and self.took_ack(sender):
            self._transitions.move(sender, GETS_ACK_OF_FIN, ACKNOWLEDGED, ts_ns, frame)
        elif (
            state == FIN_WAIT_1
            and receiver.fin_acks_fin
            and receiver.fin_ahead
            and not news
            and same_window
            and not segment.payload_bytes
            and not segment.flags & (SYN | FIN)
            and segment.seq == sender.snd_nxt
            and distance(segment.ack, receiver.fin_seq) < 0
        ):
            # A duplicate ACK: the peer's FIN has come, and not what goes before it (RFC 5681 section 4.2).
            self._transitions.move(sender, GETS_ACK_OF_FIN, PRESUMED, ts_ns, frame)
        elif (
            state == FIN_WAIT_2
            and receiver.fin_ahead
            and receiver.fin_acks_fin
            and news
            and distance(sender.rcv_nxt, receiver.fin_seq) == 0
            and self._transitions.basis(sender) == PRESUMED
            and not self.took_ack(sender)
        ):
            # It has all that goes before the peer's FIN, and not that: nor its ACK.
            self._transitions.withdraw(sender)
        elif state == FIN_WAIT_2 and news and sender.clock == FIN_WAIT_2_CLOCK:
            # It takes data in, so its application still reads: a half-close, not an orphan.
            if not receiver.fin_sent or distance(sender.rcv_nxt, receiver.fin_seq) <= 0:
                self._transitions.clocks.stop(sender)

    def takes_fin(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment
    ) -> None:
        """It acknowledges the peer's FIN, so it has received it (3.10.7.4, eighth check)."""
        ts_ns = segment.ts_ns
        frame = segment.frame
        # A bare ACK has the number of what its sender sends next: what is missing beyond that came later.
        past_gap = sender.tail_gap and (
            segment.payload_bytes > 0 or segment.flags & FIN != 0 or segment.seq == sender.snd_nxt
        )
        if receiver.fin_acked_frame == 0:
            receiver.fin_acked_ns = ts_ns
            receiver.fin_acked_frame = frame
            receiver.fin_acked_past_gap = past_gap and sender.rare.gap_packet != sender.packets
        state = sender.state
        basis = ASSUMED if past_gap else ACKNOWLEDGED
        if state == ESTABLISHED or state == FIN_WAIT_2:
            if state == ESTABLISHED and not sender.proven_open and connection.syn_frame == 0:
                # Picked up mid-stream and never seen to send: its own FIN may have gone before.
                basis = ASSUMED
            if state == FIN_WAIT_2 and not receiver.fin_acks_fin and basis == ACKNOWLEDGED:
                # The ACK of its own FIN came by itself, and may have come later.
                basis = PRESUMED
            self._transitions.move(sender, GETS_FIN, basis, ts_ns, frame)
        elif state == FIN_WAIT_1:
            if receiver.fin_acks_fin:
                self._transitions.move(sender, GETS_FIN_WITH_ACK_OF_FIN, basis, ts_ns, frame)
            elif (
                segment.payload_bytes
                or segment.flags & FIN
                or not receiver.has_rcv
                or distance(receiver.rcv_nxt, sender.fin_seq) < 1
            ):
                # Nothing has acknowledged its FIN, or what it sends again now.
                self._transitions.move(sender, GETS_FIN, basis, ts_ns, frame)
            elif sender.fin_passed_last:
                # The peer's FIN came after that ACK, for the first time or again (then it was lost before).
                self._transitions.move(sender, GETS_ACK_OF_FIN, PRESUMED, ts_ns, frame)
                self._transitions.move(sender, GETS_FIN, PRESUMED, ts_ns, frame)
            elif not sender.fin_ack_passed:
                # Only the peer's FIN sent again did: the first was lost, or it would have been answered.
                self._transitions.move(sender, GETS_FIN_WITH_ACK_OF_FIN, PRESUMED, ts_ns, frame)
            else:
                # Both closed at once, and the ACK of its FIN passed before this ACK of the
                # peer's. Which of the two it got first only it knows; the FIN was first on the wire.
                self._transitions.move(sender, GETS_FIN, PRESUMED, ts_ns, frame)
                self._transitions.move(sender, GETS_ACK_OF_FIN, PRESUMED, ts_ns, frame)
        elif state == TIME_WAIT:
            # It acknowledges a FIN that came again: 2MSL begins anew (3.10.7.4, TIME-WAIT).
            sender_rare = sender.own_rare()
            sender_rare.time_wait_restarts += 1
            self._transitions.clocks.start(sender, TIME_WAIT_CLOCK)

    def finish(
        self,
        connection: Connection,
        sender: Endpoint,
        receiver: Endpoint,
        segment: Segment,
        in_gap: bool,
        fresh_bytes: int,
    ) -> None:
        """The sender sends FIN (3.10.4), perhaps again; ``in_gap``: in space that had not passed here."""
        sender.fins += 1
        if sender.fin_sent or sender.rare.last_fin_frame:
            sender_rare = sender.own_rare()
            sender_rare.last_fin_ns = segment.ts_ns
            sender_rare.last_fin_frame = segment.frame
        acks_fin = receiver.fin_sent and distance(segment.ack, receiver.fin_seq) >= 1
        if not sender.fin_sent or segment.ts_ns - sender.fin_ns >= RTO_MIN_NS:
            # For the first time, or sent again: no copy made on the way.
            receiver.fin_passed_last = receiver.fin_ack_passed or receiver.state == FIN_WAIT_2
        fin_seq = advance(segment.seq, segment.payload_bytes + (1 if segment.flags & SYN else 0))
        if sender.fin_sent:
            if receiver.fin_sent and not acks_fin and segment.flags & ACK and fin_seq == sender.fin_seq:
                self._closed_first(connection, sender, receiver, segment)
            return
        sender.fin_sent = True
        sender.fin_seq = fin_seq
        sender.fin_ns = segment.ts_ns
        sender.fin_frame = segment.frame
        sender.fin_ahead = receiver.has_rcv and distance(segment.seq, receiver.rcv_nxt) > 0
        sender.fin_on_retransmission = fresh_bytes < segment.payload_bytes
        sender.fin_acks_fin = acks_fin
        if connection.first_fin_by == 0:
            connection.first_fin_by = 1 if sender is connection.a else 2
        elif not acks_fin:
            connection.simultaneous_close = True
        elif receiver.fin_acked_frame == segment.frame:
            connection.three_segment_close = True
        if in_gap and sender.state == CLOSE_WAIT:
            self._finish_late(connection, sender, receiver, segment, acks_fin)
            self._answered_early(connection, sender, receiver, segment)
            return
        if sender.state == FIN_WAIT_1 or self._opening.too_early(connection, sender, receiver, segment):
            # It was assumed until now that it had sent this, or presumed that it was open before.
            self._transitions.withdraw(sender)
        self._transitions.move(sender, SENDS_FIN, SENT, segment.ts_ns, segment.frame)
        self._answered_early(connection, sender, receiver, segment)

    def _answered_early(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment
    ) -> None:
        """The ACK of this FIN passed before it, and just before: the two directions have two clocks."""
        if segment.ts_ns - receiver.last_ns >= RTO_MIN_NS:
            return
        if receiver.has_acked_unsent and receiver.last_frame == receiver.fin_frame:
            # What passes next is just what that FIN acknowledges, so it was no number from nowhere.
            if receiver.rare.acked_unsent == advance(sender.fin_seq, 1):
                receiver.take_ack(receiver.rare.acked_unsent)
                receiver.has_acked_unsent = False
        if not receiver.has_rcv or distance(receiver.rcv_nxt, sender.fin_seq) < 1:
            return
        if receiver.state == FIN_WAIT_1 and receiver.last_frame == receiver.fin_frame:
            self._closed_second(connection, sender, receiver)
        else:
            self.takes_fin(connection, receiver, sender, segment)
        if sender.state == FIN_WAIT_1:
            # The peer's own FIN, if it has sent one, comes before that ACK.
            bare = not receiver.fin_sent
            sender.fin_ack_passed = receiver.fin_sent and receiver.last_frame != receiver.fin_frame
        else:
            bare = sender.state == LAST_ACK or sender.state == CLOSING
        if bare:
            self._transitions.move(sender, GETS_ACK_OF_FIN, PRESUMED, segment.ts_ns, segment.frame)

    def _closed_second(self, connection: Connection, sender: Endpoint, receiver: Endpoint) -> None:
        """The receiver's FIN, its last segment, acknowledges this FIN, though it was stamped earlier."""
        ts_ns = self._journal.ts_ns(receiver.last)
        frame = self._journal.frame(receiver.last)
        self._transitions.withdraw(receiver)
        self._transitions.move(receiver, GETS_FIN, ACKNOWLEDGED, ts_ns, frame)
        self._transitions.move(receiver, SENDS_FIN, SENT, ts_ns, frame)
        sender.fin_acked_ns = ts_ns
        sender.fin_acked_frame = frame
        receiver.fin_acks_fin = True
        connection.first_fin_by = 1 if sender is connection.a else 2
        connection.simultaneous_close = False
        connection.three_segment_close = True

    def goes_on(self, connection: Connection, sender: Endpoint, receiver: Endpoint) -> None:
        """It sends data beyond its FIN, which nobody has acknowledged: that FIN was not its own (3.10.4)."""
        if receiver.has_rcv and distance(receiver.rcv_nxt, sender.fin_seq) > 0:
            return
        if sender.last < 0 or self._journal.frame(sender.last) != sender.fin_frame:
            return
        if self._journal.basis(sender.last) != SENT:
            return
        self._transitions.withdraw(sender)
        sender.fin_sent = False
        sender.fin_acks_fin = False
        connection.simultaneous_close = False
        connection.three_segment_close = False
        connection.first_fin_by = (2 if sender is connection.a else 1) if receiver.fin_sent else 0

    def _finish_late(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment, acks_fin: bool
    ) -> None:
        """What it had sent before it acknowledged the peer's FIN, or after, turns out to be its own FIN."""
        ts_ns = segment.ts_ns
        frame = segment.frame
        basis = SENT
        shown_by_now = ACKNOWLEDGED
        if receiver.fin_acked_frame == frame and distance(receiver.rcv_nxt, sender.fin_seq) < 1:
            # It had sent beyond this and not acknowledged the peer's: both closed at once.
            sender.fin_acks_fin = False
            self._transitions.withdraw(sender)
        elif (
            self._transitions.basis(sender) == ASSUMED
            and receiver.fin_acked_frame != frame
            and (not acks_fin or receiver.fin_acked_past_gap or self._sent_again(receiver, segment))
        ):
            self._transitions.withdraw(sender)
            opened = self._transitions.basis(sender)
            if sender.passive and (
                distance(sender.opened_by_nxt, receiver.fin_seq) > 0
                if opened == PRESUMED
                else opened == ASSUMED and distance(segment.ack, receiver.isn) <= 1 + receiver.rare.syn_bytes
            ):
                # Nor had it had what ended its handshake, which carried that FIN.
                self._transitions.withdraw(sender)
            if acks_fin and not receiver.fin_acked_past_gap:
                basis = ASSUMED
                shown_by_now = ASSUMED
        else:
            # It closed second. Where the peer had to send again what came with its FIN, this may have been
            # lost at first, with an ACK of that.
            if self._transitions.basis(sender) == ASSUMED and receiver.fin_on_retransmission:
                basis = ASSUMED
            self._transitions.move(sender, SENDS_FIN, basis, ts_ns, frame)
            return
        connection.simultaneous_close = True
        self._transitions.move(sender, SENDS_FIN, basis, ts_ns, frame)
        self._transitions.move(sender, GETS_FIN, shown_by_now, ts_ns, frame)

    def _closed_first(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment
    ) -> None:
        """A late copy of its FIN does not acknowledge the peer's, so both closed at once."""
        closed = (
            sender.state == CLOSED
            and self._transitions.came_from(sender, LAST_ACK)
            and self._transitions.basis(sender) == PRESUMED
            and connection.rare.reset_frame == 0
        )
        if not closed and sender.state != LAST_ACK:
            return
        if closed:
            self._transitions.withdraw(sender)
        self._transitions.withdraw(sender)
        shown_ns = self._journal.ts_ns(sender.last)
        shown_frame = self._journal.frame(sender.last)
        self._transitions.withdraw(sender)
        if self._opening.too_early(connection, sender, receiver, segment):
            self._transitions.withdraw(sender)
        connection.simultaneous_close = True
        sender.fin_acks_fin = False
        self._transitions.move(sender, SENDS_FIN, SENT, shown_ns, shown_frame)
        self._transitions.move(sender, GETS_FIN, ACKNOWLEDGED, shown_ns, shown_frame)
        if closed:
            self._transitions.move(sender, GETS_ACK_OF_FIN, PRESUMED, segment.ts_ns, segment.frame)

    def _sent_again(self, receiver: Endpoint, segment: Segment) -> bool:
        """This late FIN was lost, it seems, when first sent, before what first acknowledged the peer's FIN.

        But where that answered a copy the late FIN may have been the first to do so, and what comes
        sooner than anybody sends again has only been overtaken.
        """
        return not receiver.fin_waited and segment.ts_ns - receiver.fin_acked_ns >= RTO_MIN_NS

    def lacks_ack(self, sender: Endpoint) -> None:
        """It sends its FIN again, or what came before it: the ACK of that did not arrive, whatever passed."""
        if self.took_ack(sender):
            return
        while self._transitions.basis(sender) == PRESUMED and (
            sender.state == FIN_WAIT_2
            or sender.state == TIME_WAIT
            or (sender.state == CLOSED and self._transitions.came_from(sender, LAST_ACK))
        ):
            sender.fin_ack_passed = sender.fin_ack_passed or sender.state == FIN_WAIT_2
            self._transitions.withdraw(sender)

    def took_ack(self, sender: Endpoint) -> bool:
        """It has had the data that the ACK of its FIN came with."""
        return sender.has_fin_ack_nxt and distance(sender.rcv_nxt, sender.fin_ack_nxt) >= 0

    def acknowledged(self, sender: Endpoint, receiver: Endpoint, segment: Segment) -> None:
        """An ACK of the receiver's FIN passes, and is presumed to come."""
        state = receiver.state
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
                self._transitions.move(receiver, GETS_ACK_OF_FIN, PRESUMED, segment.ts_ns, segment.frame)
        elif state == CLOSING or state == LAST_ACK:
            self._transitions.move(receiver, GETS_ACK_OF_FIN, PRESUMED, segment.ts_ns, segment.frame)

    def _may_have_fin(self, sender: Endpoint, receiver: Endpoint) -> bool:
        """A FIN has passed toward a FIN_WAIT_1 endpoint, and nothing that goes before it is missing."""
        if not sender.fin_sent or distance(sender.passed_in_order(receiver), sender.fin_seq) < 1:
            return False
        if sender.has_acked_unsent and sender.fins == 1:
            # It was dropped.
            return False
        # What passed before its handshake ended had not come.
        opened = self._journal.previous(receiver.last)
        return not receiver.passive or self._journal.frame(opened) <= sender.last_fin_frame()
