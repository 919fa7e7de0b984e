"""How an endpoint opens: SYN and SYN+ACK, and what shows later that it was otherwise.

Compiled (see ``opening.pxd``). RFC 9293 sections 3.5 and 3.10.7.2 to 3.10.7.4. Called by ``machine.py`` and
``closing.py``, it moves endpoints through ``transitions.py``.
"""

from __future__ import annotations

from tcptrace_py.tcp.clocks import RTO_MIN_NS, UNDER_WAY_NS
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.gate import echoes_another
from tcptrace_py.tcp.resets import Resets
from tcptrace_py.tcp.serial import advance, distance
from tcptrace_py.tcp.state import (
    ACKNOWLEDGED,
    ASSUMED,
    CLOSED,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    GETS_ACK_OF_SYN,
    GETS_RST_AS_LISTENER,
    GETS_SYN_ACK,
    LISTEN,
    LISTENS,
    PRESUMED,
    SENDS_FIN,
    SENDS_SYN,
    SENDS_SYN_ACK,
    SENT,
    SYN_RCVD,
    SYN_SENT,
)
from tcptrace_py.tcp.transitions import Transitions
from tcptrace_py.wire.segment import ACK, FIN, SYN, Segment


class Opening:
    """Reads SYNs, and what follows them."""

    def __init__(self, transitions: Transitions, resets: Resets) -> None:
        self._transitions = transitions
        self._resets = resets
        self._journal = transitions.journal

    def synchronize(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment
    ) -> None:
        """A SYN or SYN+ACK."""
        if sender.answered_anew and connection.rare.former_isn == segment.seq:
            # A late copy of an answer that it has forgotten.
            sender.syn_acks += 1
            sender_rare = sender.own_rare()
            sender_rare.retransmits += 1
            return
        again = sender.has_isn and sender.isn == segment.seq
        if not again:
            # The first SYN, or a listener that answers anew and has forgotten its first answer.
            if sender.state == CLOSED and sender.passive:
                self._listen_again(connection, sender, receiver, segment)
            if sender.state == LISTEN and sender.has_isn:
                sender.answered_anew = True
                connection.own_rare().former_isn = sender.isn
            sender.has_isn = True
            sender.isn = segment.seq
            sender.has_snd = True
            sender.snd_nxt = advance(
                segment.seq, 1 + segment.payload_bytes + (1 if segment.flags & FIN else 0)
            )
            if segment.payload_bytes or sender.rare.syn_bytes:
                sender.own_rare().syn_bytes = segment.payload_bytes
            sender.bytes += segment.payload_bytes
            sender.proven_open = True
        elif sender.syns or sender.syn_acks:
            sender_rare = sender.own_rare()
            sender_rare.retransmits += 1
        if segment.window_scale >= 0:
            sender.window_scale = segment.window_scale
        if segment.flags & ACK:
            self._sends_syn_ack(connection, sender, receiver, segment, again)
        else:
            self._sends_syn(connection, sender, receiver, segment, again)

    def _listen_again(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment
    ) -> None:
        """It had not opened: where it was reset it listened again (3.10.7.4, second check)."""
        if (
            self._transitions.basis(sender) == PRESUMED
            and self._transitions.came_from(sender, ESTABLISHED)
            and self._only_answered(connection, sender, receiver, sender.snd_nxt, sender.rcv_nxt)
            and 1 <= distance(segment.ack, receiver.isn) <= 1 + receiver.rare.syn_bytes
        ):
            self._transitions.withdraw(sender)
            if self._transitions.basis(sender) == PRESUMED:
                self._transitions.withdraw(sender)
            self._transitions.move(sender, GETS_RST_AS_LISTENER, PRESUMED, segment.ts_ns, segment.frame)

    def _sends_syn(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment, again: bool
    ) -> None:
        sender.syns += 1
        if connection.syn_frame == 0:
            connection.syn_ns = segment.ts_ns
            connection.syn_frame = segment.frame
            connection.syn_ts_val = segment.ts_val
        else:
            connection.note_syn_again(segment.ts_ns, segment.frame)
        connection.last_syn_ts_val = segment.ts_val
        receiver.unanswered = 0
        sender.window_field = segment.window
        if again and sender.passive:
            self._transitions.opened_itself(sender)
            connection.simultaneous_open = connection.simultaneous_open or not sender.passive
        if again and sender.last >= 0 and sender.state == CLOSED:
            # It had given up, or been refused, by our belief; it tries on.
            if self._journal.basis(sender.last) == SENT or not self._transitions.came_from(sender, SYN_SENT):
                # It had reset this attempt itself, or was past it: an old copy of its SYN.
                return
            self._transitions.withdraw(sender)
            connection.refused = False
            self._resets.forget(connection)
        self._transitions.move(sender, SENDS_SYN, SENT, segment.ts_ns, segment.frame)

    def _sends_syn_ack(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment, again: bool
    ) -> None:
        ts_ns = segment.ts_ns
        frame = segment.frame
        sender.syn_acks += 1
        connection.foreign_echo = echoes_another(connection, receiver, segment)
        late = sender.syn_acks > 1 and ts_ns - connection.last_syn_ack_ns() >= UNDER_WAY_NS
        if connection.syn_ack_frame == 0:
            connection.syn_ack_ns = ts_ns
            connection.syn_ack_frame = frame
        else:
            rare = connection.own_rare()
            rare.last_syn_ack_ns = ts_ns
            rare.last_syn_ack_frame = frame
        if receiver.rare.syn_bytes and distance(segment.ack, receiver.isn) > 1:
            connection.fast_open = True
        if receiver.window_scale < 0 or segment.window_scale < 0:
            # Scaling holds only if both SYNs offer it (RFC 7323 section 2.2).
            if receiver.has_isn and receiver.syns:
                receiver.window_scale = 0
                sender.window_scale = 0
        before = self._journal.previous(sender.last) if sender.last >= 0 else -1
        if sender.syns == 0 and sender.state == CLOSED and before < 0:
            # All that it may have done before is to refuse this SYN; it listens by now.
            sender.passive = True
            self._transitions.move(sender, LISTENS, ACKNOWLEDGED, ts_ns, frame)
        if sender.state != SYN_SENT:
            self._had_not_opened(connection, sender, receiver, segment, again, late)
        opens = self._transitions.move(sender, SENDS_SYN_ACK, SENT, ts_ns, frame) and not sender.passive
        if (
            opens
            and sender.has_una
            and sender.snd_una == sender.snd_nxt
            and ts_ns - receiver.last_ns < UNDER_WAY_NS
        ):
            # Both open at once, and the peer's SYN+ACK has passed just before its own (3.5, figure 7).
            self._transitions.move(sender, GETS_ACK_OF_SYN, PRESUMED, ts_ns, frame)
            connection.established = True

    def _had_not_opened(
        self,
        connection: Connection,
        sender: Endpoint,
        receiver: Endpoint,
        segment: Segment,
        again: bool,
        late: bool,
    ) -> None:
        """Its SYN+ACK comes ``again``, or after what it sent later; ``late``: not under way before."""
        answers = again and self._only_answered(connection, sender, receiver, sender.snd_nxt, sender.rcv_nxt)
        if (
            (sender.state == CLOSED or (sender.state == LISTEN and again))
            and sender.last >= 0
            and self._journal.basis(sender.last) != SENT
            and (
                self._transitions.came_from(sender, SYN_RCVD)
                or (answers and self._transitions.came_from(sender, ESTABLISHED))
                or (again and self._transitions.came_from(sender, SYN_SENT))
                or (
                    self._transitions.came_from(sender, FIN_WAIT_1)
                    and segment.ts_ns - connection.rare.reset_ns >= UNDER_WAY_NS
                )
            )
        ):
            # No clock had run out, and no RST had been believed.
            if connection.refused:
                connection.refused = False
                self._resets.disbelieve(connection, False)
            self._transitions.withdraw(sender)
        if (
            answers
            and (sender.syn_acks > 1 or segment.ts_ns - receiver.last_ns >= RTO_MIN_NS)
            and sender.state == ESTABLISHED
            and self._journal.basis(sender.last) == PRESUMED
            and self._transitions.came_from(sender, SYN_RCVD)
        ):
            # The ACK that was to end the handshake did not arrive. (But for two clocks.)
            self._transitions.withdraw(sender)
        if (
            late
            and sender.fin_sent
            and sender.passive
            and self._only_answered(connection, sender, receiver, sender.fin_seq, sender.rcv_nxt)
        ):
            # Nor has anything that would have acknowledged its FIN.
            if sender.state == FIN_WAIT_2 and self._journal.basis(sender.last) == PRESUMED:
                self._transitions.withdraw(sender)
            if sender.state == FIN_WAIT_1:
                self._transitions.closed_unopened(sender)
        elif again and not sender.passive and sender.syn_acks == 1 and sender.state >= FIN_WAIT_1:
            acknowledged = sender.has_una and distance(sender.snd_una, sender.isn) >= 1
            self._transitions.opened_with_syn_ack(sender, acknowledged)

    def answers(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment, news: bool
    ) -> None:
        """What a SYN_SENT or SYN_RCVD endpoint acknowledges; ``news``: for the first time."""
        ts_ns = segment.ts_ns
        frame = segment.frame
        state = sender.state
        if state == SYN_SENT and not segment.flags & SYN and receiver.syns and not receiver.syn_acks:
            # It has had no more than the peer's SYN: both open at once, and its SYN+ACK never passed here.
            self._transitions.move(sender, SENDS_SYN_ACK, ASSUMED, ts_ns, frame)
        elif state == SYN_SENT and not segment.flags & SYN:
            if not receiver.has_isn and receiver.last < 0:
                self.infer_syn_ack(receiver, advance(segment.ack, -1), segment)
            # Where something before it never passed, that may have been its FIN.
            basis = ASSUMED if sender.tail_gap else ACKNOWLEDGED
            self._transitions.move(sender, GETS_SYN_ACK, basis, ts_ns, frame)
            # Too late if the listener has given the attempt up.
            connection.established = receiver.state != CLOSED
            connection.ack_ns = ts_ns
            connection.ack_frame = frame
        elif state == SYN_RCVD and receiver.has_isn and news:
            # More than the SYN (and the data on it) came from there, and all of that carries an ACK.
            if distance(sender.rcv_nxt, receiver.isn) > 1 + receiver.rare.syn_bytes:
                basis = ASSUMED if sender.tail_gap else ACKNOWLEDGED
                self._transitions.move(sender, GETS_ACK_OF_SYN, basis, ts_ns, frame)
                connection.established = True

    def infer_syn_ack(self, endpoint: Endpoint, isn: int, segment: Segment) -> None:
        """Its SYN+ACK has not passed here, or not yet: one direction only, a gap, or overtaken."""
        endpoint.has_isn = True
        endpoint.isn = isn
        endpoint.passive = True
        self._transitions.move(endpoint, LISTENS, ASSUMED, segment.ts_ns, segment.frame)
        self._transitions.move(endpoint, SENDS_SYN_ACK, ASSUMED, segment.ts_ns, segment.frame)

    def past_gap(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment
    ) -> None:
        """What it sent just before this has not passed here.

        An endpoint that has had no more than a SYN can have sent only a FIN after its own (3.10.2, 3.10.4).
        """
        if segment.payload_bytes or segment.flags & FIN or not receiver.has_isn or not sender.has_isn:
            return
        if connection.fast_open or distance(segment.seq, sender.isn) != 2:
            return
        if distance(segment.ack, receiver.isn) > 1 + receiver.rare.syn_bytes:
            return
        if (
            sender.state == ESTABLISHED
            and sender.passive
            and self._journal.basis(sender.last) == PRESUMED
            and distance(sender.opened_by_nxt, segment.ack) > 0
        ):
            # What could have ended its handshake carried more, which it has not had.
            self._transitions.withdraw(sender)
        if sender.state == SYN_RCVD:
            self._transitions.move(sender, SENDS_FIN, ASSUMED, segment.ts_ns, segment.frame)

    def too_early(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment
    ) -> bool:
        """It closes from SYN_RCVD: what could have ended its handshake carried data that it has not had."""
        return (
            sender.state == ESTABLISHED
            and sender.passive
            and self._journal.basis(sender.last) == PRESUMED
            and distance(sender.opened_by_nxt, receiver.isn) > 1 + receiver.rare.syn_bytes
            and distance(segment.ack, sender.opened_by_nxt) < 0
            and self._only_answered(connection, sender, receiver, sender.fin_seq, segment.ack)
        )

    def _only_answered(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, snd_nxt: int, rcv_nxt: int
    ) -> bool:
        """By these numbers it has sent, and taken in, nothing that a SYN_RCVD endpoint would not."""
        return connection.fast_open or (
            distance(snd_nxt, sender.isn) <= 1
            and distance(rcv_nxt, receiver.isn) <= 1 + receiver.rare.syn_bytes
        )
