"""RST: is it genuine, why was it sent, and what does it do?

Compiled (see ``resets.pxd``). RFC 9293 sections 3.5.2, 3.5.3 and 3.10.7; RFC 5961 section 3.
Called by ``machine.py``, it moves endpoints through ``transitions.py``.
"""

from __future__ import annotations

from tcptrace_py.tcp.clocks import UNDER_WAY_NS
from tcptrace_py.tcp.codes import (
    ABORT,
    AFTER_CLOSE,
    CLOSE_WAIT_ABORT,
    HANDSHAKE_ABORT,
    KILLS_TIME_WAIT,
    NO_CONNECTION,
    NO_RESET,
    RECEIVER_GOES_ON,
    REFUSED,
    RST_EXACT,
    RST_IN_WINDOW,
    RST_STRAY,
    SENDER_GOES_ON,
    TIMEOUT,
)
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.gate import refuses_ack
from tcptrace_py.tcp.serial import advance, distance
from tcptrace_py.tcp.state import (
    ACKNOWLEDGED,
    ASSUMED,
    CLOSE_WAIT,
    CLOSED,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    GETS_ACK_OF_FIN,
    GETS_ACK_OF_SYN,
    GETS_FIN,
    GETS_FIN_WITH_ACK_OF_FIN,
    GETS_RST,
    GETS_RST_AS_LISTENER,
    GETS_SYN_ACK,
    PRESUMED,
    SENDS_RST,
    SENT,
    SYN_RCVD,
    SYN_SENT,
    TIME_WAIT,
)
from tcptrace_py.tcp.transitions import Transitions
from tcptrace_py.wire.segment import ACK, FIN, SYN, Segment


def verdict(sender: Endpoint, receiver: Endpoint, segment: Segment) -> int:
    """Whether the receiver must believe a RST: ``RST_EXACT``, ``RST_IN_WINDOW`` or ``RST_STRAY``.

    The receiver's RCV.NXT is not visible. It lies between what it has acknowledged and what has
    passed toward it, up to the first hole in that, so a number in that range counts as exact.
    """
    if _answers_syn(sender, receiver):
        # Believed if it acknowledges the SYN (3.10.7.3, first and second check).
        if not segment.flags & ACK:
            return RST_STRAY
        beyond = distance(segment.ack, receiver.isn)
        if beyond >= 1 and distance(segment.ack, receiver.snd_nxt) <= 0:
            return RST_EXACT
        return RST_STRAY
    if not sender.has_snd and not receiver.has_rcv:
        return RST_EXACT
    before_hole = sender.passed_in_order(receiver)
    if sender.has_snd and segment.seq == before_hole:
        return RST_EXACT
    if receiver.has_rcv:
        ahead = distance(segment.seq, receiver.rcv_nxt)
        if ahead == 0:
            return RST_EXACT
        if ahead > 0:
            if sender.has_snd and distance(segment.seq, before_hole) < 0:
                return RST_EXACT
            if ahead < receiver.window_bytes():
                return RST_IN_WINDOW
    return RST_STRAY


def _answers_syn(sender: Endpoint, receiver: Endpoint) -> bool:
    """All that its sender can have had is a SYN: it has sent nothing itself, or a SYN of its own."""
    return receiver.state == SYN_SENT and (sender.state == SYN_SENT or not sender.has_isn)


def reset_cause(
    connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment, probes: int
) -> int:
    """Why a genuine RST was sent, by what its sender had done before, and by its form.

    ``probes``: unanswered retransmissions or keep-alive probes that make it a time-out.
    """
    if _answers_syn(sender, receiver):
        return REFUSED
    if sender.state == SYN_SENT:
        return HANDSHAKE_ABORT
    if receiver.state == TIME_WAIT:
        return KILLS_TIME_WAIT
    if sender.fin_sent:
        return AFTER_CLOSE
    if sender.state == CLOSE_WAIT:
        return CLOSE_WAIT_ABORT
    if sender.unanswered >= probes or sender.unanswered_probes >= probes:
        return TIMEOUT
    answers = not segment.flags & ACK and receiver.has_rcv and segment.seq == receiver.rcv_nxt
    if answers and not connection.pending_reset_by:
        # The form of 3.5.2 for a segment that no connection takes: no ACK, and the number is what
        # the provoking segment acknowledged (not a challenge ACK, which asks after a RST). A server
        # that answers the third segment of the handshake so has dropped it (a full accept queue),
        # not forgotten it.
        return ABORT if drops_handshake(sender, receiver, segment) else NO_CONNECTION
    return ABORT


def drops_handshake(sender: Endpoint, receiver: Endpoint, segment: Segment) -> bool:
    """A listener refuses the ACK that would have ended the handshake: it had sent nothing but SYN+ACK."""
    return (
        not segment.flags & ACK
        and sender.passive
        and (sender.state == SYN_RCVD or sender.state == ESTABLISHED)
        and sender.packets == sender.syn_acks + sender.rsts
        and receiver.packets == 2 + receiver.rare.retransmits
        and receiver.has_rcv
        and segment.seq == receiver.rcv_nxt
    )


def settled_cause(sender: Endpoint, receiver: Endpoint) -> int:
    """Why a RST was sent that only the silence after it confirmed: its form proves nothing."""
    if receiver.state == TIME_WAIT:
        return KILLS_TIME_WAIT
    if sender.fin_sent:
        return AFTER_CLOSE
    if sender.state == CLOSE_WAIT:
        return CLOSE_WAIT_ABORT
    return ABORT


class Resets:
    """What RSTs do to both endpoints: some at once, some by what follows, some nothing."""

    def __init__(self, transitions: Transitions, probes: int) -> None:
        #: RST segments that took effect.
        self.took_effect = 0
        self._transitions = transitions
        self._journal = transitions.journal
        self._probes = probes

    def segment(self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment) -> None:
        """One RST passes from ``sender`` to ``receiver`` of this connection."""
        sender.rsts += 1
        by = 1 if sender is connection.a else 2
        acks_fin = (
            segment.flags & ACK != 0 and receiver.fin_sent and distance(segment.ack, receiver.fin_seq) >= 1
        )
        if self._transitions.done(connection) and (sender.last >= 0 or receiver.last >= 0):
            self._again(connection, sender, receiver, segment, acks_fin)
            return
        if refuses_ack(connection, sender, receiver, segment):
            if connection.foreign_echo:
                self.deliver(connection, sender, receiver, segment.ts_ns, segment.frame)
            return
        ruling = verdict(sender, receiver, segment)
        if (
            sender.state == SYN_RCVD
            and sender.answered_anew
            and segment.seq == advance(connection.rare.former_isn, 1)
        ):
            # It refuses what acknowledges its former answer to a SYN, and goes on (3.10.7.4, fifth check).
            ruling = RST_STRAY
        if ruling == RST_EXACT:
            confirms = connection.pending_reset_by == by
            if confirms:
                # The one that was not exact was its own, so it had sent what never passed here.
                self._transitions.move(sender, GETS_SYN_ACK, ASSUMED, segment.ts_ns, segment.frame)
            if acks_fin:
                # The RST itself shows that the peer's FIN had come.
                self._transitions.move(sender, GETS_FIN, ACKNOWLEDGED, segment.ts_ns, segment.frame)
            elif connection.rare.early_reset_acks_fin == by:
                self._transitions.move(sender, GETS_FIN, ASSUMED, segment.ts_ns, segment.frame)
            cause = reset_cause(connection, sender, receiver, segment, self._probes)
            if confirms:
                connection.pending_reset_by = 0
            if connection.reset_by == 0:
                connection.reset_by = by
                connection.reset_cause = cause
                rare = connection.own_rare()
                rare.reset_frame = segment.frame
                rare.reset_ns = segment.ts_ns
            if cause == REFUSED:
                connection.refused = True
            elif cause == HANDSHAKE_ABORT:
                connection.aborted = True
            if drops_handshake(sender, receiver, segment) and self._transitions.basis(sender) == PRESUMED:
                # It never was ESTABLISHED: the ACK that passed was refused.
                self._transitions.withdraw(sender)
            rare = connection.own_rare()
            rare.reset_seq = segment.seq
            rare.reset_acknowledges = segment.flags & ACK != 0
            rare.reset_peer_nxt = receiver.snd_nxt
            self._send(connection, sender, receiver, segment.ts_ns, segment.frame)
            self.deliver(connection, sender, receiver, segment.ts_ns, segment.frame)
        elif ruling == RST_IN_WINDOW:
            if acks_fin:
                connection.own_rare().early_reset_acks_fin = by
            if connection.pending_reset_by == 0:
                connection.pending_reset_by = by
                rare = connection.own_rare()
                rare.pending_reset_seq = segment.seq
                rare.pending_reset_challenged = False
                rare.pending_reset_frame = segment.frame
                rare.pending_reset_ns = segment.ts_ns
        else:
            self.stray(connection, by, segment.frame, segment.ts_ns)

    def _again(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment, acks_fin: bool
    ) -> None:
        """A RST when all is over: its number may tell what its sender was when it reset the connection."""
        ts_ns = segment.ts_ns
        frame = segment.frame
        before = self._journal.previous(sender.last) if sender.last >= 0 else -1
        if before < 0:
            return
        if self.crosses(connection, sender, segment):
            if segment.seq != sender.snd_nxt or distance(segment.seq, receiver.rcv_nxt) <= 0:
                return
            # The peer had acknowledged nothing that CLOSED answers with this number: its own abort (3.10.5).
            self.take_back(connection, sender)
        elif sender.state != CLOSED or self._journal.basis(sender.last) != SENT:
            return
        elif acks_fin and (
            self._transitions.came_from(sender, ESTABLISHED) or self._transitions.came_from(sender, SYN_RCVD)
        ):
            # It was overtaken by what its sender answered once it was CLOSED.
            self._transitions.withdraw(sender)
            self._transitions.move(sender, GETS_FIN, ACKNOWLEDGED, ts_ns, frame)
        elif (
            self._journal.state(before) == FIN_WAIT_2
            and self._journal.basis(before) == PRESUMED
            and not segment.flags & ACK
            and distance(segment.seq, sender.fin_seq) <= 0
        ):
            # It was CLOSED when there came what the peer had sent before the ACK of its FIN (3.10.7.1).
            ts_ns = self._journal.ts_ns(sender.last)
            frame = self._journal.frame(sender.last)
            self._transitions.withdraw(sender)
            self._transitions.withdraw(sender)
        else:
            return
        self._transitions.move(sender, SENDS_RST, SENT, ts_ns, frame)

    def crosses(self, connection: Connection, sender: Endpoint, segment: Segment) -> bool:
        """A RST has passed toward the sender of this segment, which need not have had it yet."""
        return (
            sender.last >= 0
            and connection.rare.reset_frame != 0
            and connection.reset_by != (1 if sender is connection.a else 2)
            and (not segment.flags & SYN or (segment.flags & ACK != 0 and sender.isn == segment.seq))
            and self._journal.basis(sender.last) == PRESUMED
            and self._journal.ts_ns(sender.last) >= connection.rare.reset_ns
            and segment.ts_ns - connection.rare.reset_ns < UNDER_WAY_NS
        )

    def _send(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, ts_ns: int, frame: int
    ) -> None:
        self.took_effect += 1
        if sender.last < 0:
            self._transitions.enter(sender, CLOSED, SENT, ts_ns, frame)
        elif (
            sender.state != SYN_SENT
            or connection.rare.reset_seq == sender.snd_nxt
            or receiver.last < 0
            or self._journal.frame(sender.last) < self._journal.frame(receiver.last)
        ):
            # Not by what it answered to an older SYN, when it had nothing open on these ports yet (3.10.7.1).
            self._transitions.move(sender, SENDS_RST, SENT, ts_ns, frame)

    def deliver(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, ts_ns: int, frame: int
    ) -> None:
        """A RST is believed only by who has had all that its sender sent before it."""
        moves = 0
        if (
            receiver.state == ESTABLISHED
            and receiver.passive
            and self._transitions.basis(receiver) == PRESUMED
            and distance(receiver.opened_by_nxt, connection.rare.reset_seq) > 0
            and distance(receiver.snd_nxt, receiver.isn) <= 1
            and not (
                connection.rare.pending_reset_frame
                and connection.rare.pending_reset_seq == sender.passed_in_order(receiver)
            )
        ):
            # With what may have ended its handshake it had had more, and would drop this as old.
            self._transitions.withdraw(receiver)
        if (
            receiver.state == SYN_RCVD
            and receiver.has_rcv
            and distance(connection.rare.reset_seq, receiver.rcv_nxt) > 0
        ):
            moves += self._transitions.move(receiver, GETS_ACK_OF_SYN, PRESUMED, ts_ns, frame)
        elif receiver.has_fin_ack_nxt and distance(connection.rare.reset_seq, receiver.fin_ack_nxt) >= 0:
            moves += self._transitions.move(receiver, GETS_ACK_OF_FIN, PRESUMED, ts_ns, frame)
        if sender.fin_sent and distance(connection.rare.reset_seq, sender.fin_seq) == 1:
            if receiver.state == FIN_WAIT_1 and sender.fin_acks_fin:
                moves += self._transitions.move(receiver, GETS_FIN_WITH_ACK_OF_FIN, PRESUMED, ts_ns, frame)
            elif not receiver.has_rcv or distance(receiver.rcv_nxt, sender.fin_seq) < 1:
                moves += self._transitions.move(receiver, GETS_FIN, PRESUMED, ts_ns, frame)
        listens = receiver.state == SYN_RCVD and receiver.passive
        moves += self._transitions.move(
            receiver, GETS_RST_AS_LISTENER if listens else GETS_RST, PRESUMED, ts_ns, frame
        )
        connection.own_rare().reset_moves = moves

    def take_back(self, connection: Connection, receiver: Endpoint) -> None:
        rare = connection.rare
        while rare.reset_moves:
            rare.reset_moves -= 1
            self._transitions.withdraw(receiver)

    def stray(self, connection: Connection, by: int, frame: int, ts_ns: int) -> None:
        rare = connection.own_rare()
        rare.stray_resets += 1
        if rare.stray_resets == 1:
            rare.stray_reset_by = by
            rare.stray_reset_frame = frame
            rare.stray_reset_ns = ts_ns

    def contradicts(self, connection: Connection, receiver: Endpoint, segment: Segment) -> bool:
        """Did the sender of this segment send it after "its" RST? Then the RST was somebody else's.

        A segment that the RST overtook acknowledges nothing that passed after the RST, and brings nothing
        beyond its number if it has an ACK. (One without may have the number that it answers: 3.5.2.)
        """
        if segment.ts_ns - connection.rare.reset_ns > UNDER_WAY_NS:
            return True
        if segment.flags & ACK and distance(segment.ack, connection.rare.reset_peer_nxt) > 0:
            return receiver.has_snd and distance(segment.ack, receiver.snd_nxt) <= 0
        end = advance(segment.seq, segment.payload_bytes + (1 if segment.flags & FIN else 0))
        return connection.rare.reset_acknowledges and distance(end, connection.rare.reset_seq) > 0

    def undo(self, connection: Connection, sender: Endpoint, receiver: Endpoint) -> None:
        """The RST that took effect was not its sender's: take back what it moved, of both."""
        frame = connection.rare.reset_frame
        self._transitions.withdraw(sender)
        while sender.last >= 0 and self._journal.frame(sender.last) == frame:
            self._transitions.withdraw(sender)
        if receiver.last >= 0 and self._journal.ts_ns(receiver.last) >= connection.rare.reset_ns:
            self.take_back(connection, receiver)
        if sender.state == SYN_RCVD and connection.last_syn_ack_frame() < connection.ack_frame < frame:
            # So the ACK that had passed before was not refused.
            self._transitions.move(sender, GETS_ACK_OF_SYN, PRESUMED, connection.ack_ns, connection.ack_frame)
        self.disbelieve(connection, True)

    def disbelieve(self, connection: Connection, sender_goes_on: bool) -> None:
        """The RST that took effect was a stray: its receiver ignored it, or its sender goes on."""
        if connection.rare.stray_resets == 0:
            connection.own_rare().stray_reset_fits = SENDER_GOES_ON if sender_goes_on else RECEIVER_GOES_ON
        connection.doubtful = True
        self.took_effect -= 1
        self.stray(connection, connection.reset_by, connection.rare.reset_frame, connection.rare.reset_ns)
        self.forget(connection)

    def forget(self, connection: Connection) -> None:
        connection.reset_by = 0
        connection.reset_cause = NO_RESET
        rare = connection.own_rare()
        rare.reset_frame = 0
        rare.reset_ns = 0
        rare.reset_moves = 0

    def doubt_pending(self, connection: Connection, sender: Endpoint, segment: Segment) -> None:
        """The receiver of a RST in the window but not exact goes on: it did not believe it (RFC 5961).

        What may be a challenge ACK (section 3.2) asks the peer, so that one has the next word.
        """
        if (sender is connection.a) == (connection.pending_reset_by == 1):
            return
        connection.own_rare().pending_reset_challenged = True
        if segment.payload_bytes or segment.flags & FIN or distance(segment.ack, sender.rcv_nxt) > 0:
            self._drop_pending(connection)

    def _drop_pending(self, connection: Connection) -> None:
        self.stray(
            connection,
            connection.pending_reset_by,
            connection.rare.pending_reset_frame,
            connection.rare.pending_reset_ns,
        )
        connection.pending_reset_by = 0
        connection.own_rare().pending_reset_frame = 0

    def settle(self, connection: Connection) -> None:
        """The connection will get no more segments: a RST in the window counts by the silence after it."""
        by = connection.pending_reset_by
        if by == 0 or self._transitions.done(connection):
            return
        if connection.rare.pending_reset_challenged:
            self._drop_pending(connection)
            return
        sender = connection.a if by == 1 else connection.b
        receiver = connection.b if by == 1 else connection.a
        connection.own_rare().pending_reset_seq = receiver.rcv_nxt
        self._believe_pending(connection, sender, receiver)

    def catch_up(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment
    ) -> None:
        """What a RST in the window had overtaken has passed by now: the RST is exact after all."""
        if (sender is connection.a) != (connection.pending_reset_by == 1):
            return
        if connection.rare.pending_reset_challenged or self._transitions.done(connection):
            return
        if (segment.payload_bytes or segment.flags & FIN) and distance(
            sender.passed_in_order(receiver), connection.rare.pending_reset_seq
        ) == 0:
            self._believe_pending(connection, sender, receiver)

    def _believe_pending(self, connection: Connection, sender: Endpoint, receiver: Endpoint) -> None:
        by = connection.pending_reset_by
        rare = connection.own_rare()
        ts_ns = rare.pending_reset_ns
        frame = rare.pending_reset_frame
        connection.pending_reset_by = 0
        rare.reset_seq = rare.pending_reset_seq
        rare.reset_acknowledges = False
        rare.reset_peer_nxt = receiver.snd_nxt
        if sender.last >= 0 and self._journal.ts_ns(sender.last) > ts_ns:
            # What passed after it shows what its sender had been before.
            ts_ns = self._journal.ts_ns(sender.last)
            frame = self._journal.frame(sender.last) or frame
        if rare.early_reset_acks_fin == by:
            self._transitions.move(sender, GETS_FIN, ACKNOWLEDGED, ts_ns, frame)
        if connection.reset_by == 0:
            connection.reset_by = by
            connection.reset_cause = settled_cause(sender, receiver)
            rare.reset_frame = rare.pending_reset_frame
            rare.reset_ns = rare.pending_reset_ns
        self._send(connection, sender, receiver, ts_ns, frame)
        if receiver.last >= 0 and self._journal.ts_ns(receiver.last) > ts_ns:
            ts_ns = self._journal.ts_ns(receiver.last)
            frame = self._journal.frame(receiver.last) or frame
        self.deliver(connection, sender, receiver, ts_ns, frame)
