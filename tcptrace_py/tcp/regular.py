"""The regular way of a connection: what nearly all segments of nearly all connections do.

Compiled (see ``regular.pxd``). A connection that is opened, used and closed without anything out of the
ordinary needs no reading: each of its segments can have come about in one way only. The first segment that is
not of that way makes evidence of all before it, and from then on histories are read. ``test_regular.py``
holds that it makes no difference.
"""

from __future__ import annotations

from tcptrace_py.tcp.codes import (
    ABORT,
    COMPLETE,
    FOUR_WAY,
    HALF_CLOSED,
    HALF_OPEN,
    REFUSED,
    REFUSED_HANDSHAKE,
    RESET,
    THREE_WAY,
    UNANSWERED,
)
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.evidence import Evidence
from tcptrace_py.tcp.history import write_down
from tcptrace_py.tcp.incarnations import Incarnation
from tcptrace_py.tcp.serial import advance, distance
from tcptrace_py.tcp.state import (
    ACKNOWLEDGED,
    CLOSE_WAIT,
    CLOSED,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    LISTEN,
    PRESUMED,
    SENT,
    SYN_RCVD,
    SYN_SENT,
    TIME_WAIT,
)
from tcptrace_py.tcp.transitions import Transitions
from tcptrace_py.wire.segment import ACK, FIN, RST, SYN, Segment


class Regular:
    """Takes connections along the regular way, and off it."""

    def __init__(self, transitions: Transitions) -> None:
        self._transitions = transitions

    def fits(self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment) -> bool:
        """Is this the next segment of the regular way? It has not been counted yet."""
        flags = segment.flags & (SYN | ACK | FIN | RST)
        if flags == SYN:
            return not segment.payload_bytes and sender.packets == 1 and receiver.packets == 0
        if flags == SYN | ACK:
            return (
                not segment.payload_bytes
                and sender.packets == 1
                and receiver.packets == 1
                and receiver.state == SYN_SENT
                and receiver.closed_by == 0
                and connection.rare.reuse_of < 0
                and segment.ack == advance(receiver.isn, 1)
            )
        if flags & RST:
            return self._resets(sender, receiver, segment)
        if flags & ~FIN != ACK or not sender.has_snd or sender.closed_by or receiver.closed_by:
            return False
        both_open = sender.state == ESTABLISHED and receiver.state == ESTABLISHED
        if segment.seq != sender.snd_nxt and not (both_open and self._again(sender, receiver, segment)):
            return False
        if not flags & FIN and both_open:
            return (
                receiver.has_una
                and distance(segment.ack, receiver.snd_una) >= 0
                and distance(segment.ack, receiver.snd_nxt) <= 0
            )
        if segment.payload_bytes or segment.ack != receiver.snd_nxt:
            return False
        if flags & FIN:
            if receiver.state == ESTABLISHED:
                return sender.state == ESTABLISHED
            return (sender.state == ESTABLISHED and receiver.state == FIN_WAIT_1) or (
                sender.state == CLOSE_WAIT and receiver.state == FIN_WAIT_2
            )
        if sender.state == SYN_SENT:
            return receiver.state == SYN_RCVD and sender.packets == 2 and receiver.packets == 1
        if sender.state == ESTABLISHED:
            return receiver.state == FIN_WAIT_1
        return receiver.state == LAST_ACK and (sender.state == FIN_WAIT_1 or sender.state == FIN_WAIT_2)

    def _again(self, sender: Endpoint, receiver: Endpoint, segment: Segment) -> bool:
        """Data is sent again, once, to who has answered before: no state rests on that."""
        return (
            segment.payload_bytes > 1
            and not segment.flags & FIN
            and receiver.packets > 1
            and sender.unanswered + sender.unanswered_probes == 0
            and distance(segment.seq, sender.isn) > 0
            and distance(segment.seq, sender.snd_nxt) + segment.payload_bytes <= 0
        )

    def _resets(self, sender: Endpoint, receiver: Endpoint, segment: Segment) -> bool:
        """It refuses a SYN, or aborts an established connection with just the numbers that are expected."""
        if segment.flags & (SYN | FIN | ACK) != ACK or segment.ack != receiver.snd_nxt:
            return False
        if segment.payload_bytes or sender.closed_by or receiver.closed_by:
            return False
        if receiver.state == SYN_SENT:
            return segment.seq == 0 and sender.packets == 1 and receiver.packets == 1
        both_open = sender.state == ESTABLISHED and receiver.state == ESTABLISHED
        return both_open and segment.seq == sender.snd_nxt and sender.unanswered == 0

    def go_on(self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment) -> None:
        """Both ends move by a segment that ``fits``."""
        ts_ns = segment.ts_ns
        frame = segment.frame
        transitions = self._transitions
        by = 1 if sender is connection.a else 2
        if segment.flags & RST:
            if receiver.state == SYN_SENT:
                cause = REFUSED
                connection.handshake = REFUSED_HANDSHAKE
            else:
                cause = ABORT
            connection.note_reset(by, cause, ts_ns, frame, True)
            connection.close = RESET
            connection.close_complete = True
            transitions.enter(sender, CLOSED, SENT, ts_ns, frame)
            transitions.enter(receiver, CLOSED, PRESUMED, ts_ns, frame)
        elif segment.flags & SYN:
            if segment.flags & ACK:
                sender.passive = True
                connection.handshake = HALF_OPEN
                transitions.go_on(sender, LISTEN, ACKNOWLEDGED, ts_ns, frame)
                transitions.go_on(sender, SYN_RCVD, SENT, ts_ns, frame)
            else:
                connection.handshake = UNANSWERED
                transitions.go_on(sender, SYN_SENT, SENT, ts_ns, frame)
        elif segment.flags & FIN:
            if receiver.state == ESTABLISHED:
                transitions.go_on(sender, FIN_WAIT_1, SENT, ts_ns, frame)
                connection.close = HALF_CLOSED
                connection.first_fin_by = by
                return
            connection.close = FOUR_WAY
            if sender.state == ESTABLISHED:
                transitions.go_on(sender, CLOSE_WAIT, ACKNOWLEDGED, ts_ns, frame)
                connection.close = THREE_WAY
            transitions.go_on(sender, LAST_ACK, SENT, ts_ns, frame)
        elif sender.state == SYN_SENT:
            transitions.go_on(sender, ESTABLISHED, ACKNOWLEDGED, ts_ns, frame)
            transitions.go_on(receiver, ESTABLISHED, PRESUMED, ts_ns, frame)
            connection.handshake = COMPLETE
            connection.ack_ns = ts_ns
            connection.ack_frame = frame
        elif receiver.state == FIN_WAIT_1 and sender.state == ESTABLISHED:
            transitions.go_on(sender, CLOSE_WAIT, ACKNOWLEDGED, ts_ns, frame)
            transitions.go_on(receiver, FIN_WAIT_2, PRESUMED, ts_ns, frame)
        elif receiver.state == LAST_ACK:
            connection.close_complete = True
            transitions.go_on(sender, TIME_WAIT, ACKNOWLEDGED, ts_ns, frame)
            transitions.go_on(receiver, CLOSED, PRESUMED, ts_ns, frame)

    def show(self, connection: Connection, passing: int) -> None:
        """Make evidence of what passed, and was regular, before the frame that is ``passing``.

        Numbers are still those before that.
        """
        if connection.shown is not None:
            return
        shown = Incarnation()
        connection.shown = shown
        client = connection.a
        server = connection.b
        journal = self._transitions.journal
        write_down(client, journal)
        write_down(server, journal)
        if connection.syn_frame:
            connection.marks = journal.mark(connection.marks, connection.syn_frame, connection.syn_ns)
        if client.last < 0:
            return
        for endpoint in (client, server):
            for _, ts_ns, frame, _ in journal.history(endpoint.last):
                connection.marks = journal.mark(connection.marks, frame, ts_ns)
        syn_ns = connection.syn_ns
        syn_frame = connection.syn_frame
        shown.tell(True, syn_frame, syn_ns, client.isn, 0, SYN, 0)
        if server.last < 0:
            return
        acked = advance(client.isn, 1)
        if not connection.syn_ack_frame:
            if connection.reset_by:
                self._show_reset(connection, 0)
            return
        shown.tell(False, connection.syn_ack_frame, connection.syn_ack_ns, server.isn, acked, SYN | ACK, 0)
        if not connection.ack_frame:
            return
        isn = advance(server.isn, 1)
        shown.tell(True, connection.ack_frame, connection.ack_ns, acked, isn, ACK, 0)
        self._pass_data(connection, client, shown.a, shown.b, passing)
        self._pass_data(connection, server, shown.b, shown.a, passing)
        if connection.reset_by:
            self._show_reset(connection, client.snd_nxt if connection.reset_by == 1 else server.snd_nxt)
        fins = [endpoint for endpoint in (client, server) if endpoint.fin_sent]
        for endpoint in sorted(fins, key=_fin_frame):
            peer = server if endpoint is client else client
            by_a = endpoint is client
            second = peer.fin_sent and peer.fin_frame < endpoint.fin_frame
            nxt = advance(peer.fin_seq, 1) if second else _before_fin(peer)
            if second and peer.fin_acked_frame != endpoint.fin_frame:
                shown.tell(by_a, peer.fin_acked_frame, peer.fin_acked_ns, endpoint.fin_seq, nxt, ACK, 0)
            shown.tell(by_a, endpoint.fin_frame, endpoint.fin_ns, endpoint.fin_seq, nxt, FIN | ACK, 0)
        if len(fins) == 1 and fins[0].fin_acked_frame:
            x = fins[0]
            y = server if x is client else client
            shown.tell(
                y is client, x.fin_acked_frame, x.fin_acked_ns, y.snd_nxt, advance(x.fin_seq, 1), ACK, 0
            )
        elif len(fins) == 2:
            x, y = sorted(fins, key=_fin_frame)
            if y.fin_acked_frame:
                shown.tell(
                    x is client, y.fin_acked_frame, y.fin_acked_ns, x.snd_nxt, advance(y.fin_seq, 1), ACK, 0
                )

    def _show_reset(self, connection: Connection, seq: int) -> None:
        by_a = connection.reset_by == 1
        rare = connection.rare
        ack = connection.b.snd_nxt if by_a else connection.a.snd_nxt
        shown: Incarnation = connection.shown
        shown.tell(by_a, rare.reset_frame, rare.reset_ns, seq, ack, RST | ACK, 0)

    def _pass_data(
        self,
        connection: Connection,
        endpoint: Endpoint,
        mine: Evidence,
        peers: Evidence,
        passing: int,
    ) -> None:
        """What passed between the handshake and its FIN; just when is of no consequence to what follows."""
        peer = connection.b if endpoint is connection.a else connection.a
        nxt = _before_fin(endpoint)
        ack = endpoint.rcv_nxt
        if peer.fin_sent and distance(ack, peer.fin_seq) > 0:
            ack = peer.fin_seq
        # The last frame that is known to be one of them, or else the first that may be.
        frame = connection.ack_frame + 1
        ts_ns = connection.ack_ns
        if not endpoint.fin_sent and not peer.fin_sent and endpoint.last_frame != passing:
            frame = max(frame, endpoint.last_frame)
            ts_ns = endpoint.last_ns
        # (More than 2 GiB may have passed: 32 bits do not tell how much.)
        number = mine.near(nxt, mine.isn + 1 + endpoint.bytes)
        acknowledged = peers.near(ack, peers.isn + 1 + peer.bytes)
        carries = endpoint.bytes > 0
        if not carries and acknowledged <= mine.top_ack and not self._sent_more(endpoint, peer, passing):
            return
        mine.goes_on_regularly(frame, ts_ns, number, acknowledged)
        mine.last_frame, mine.last_ns = frame, ts_ns
        if endpoint.unanswered:
            mine.asked = [endpoint.rare.first_unanswered_frame]
        connection.marks = self._transitions.journal.mark(connection.marks, frame, ts_ns)

    def _sent_more(self, endpoint: Endpoint, peer: Endpoint, passing: int) -> bool:
        """Than what opened, and closed; before the frame that is ``passing``."""
        # (Who has sent a SYN has sent the ACK of the SYN+ACK as well.)
        told = 2 * endpoint.syns + endpoint.syn_acks + endpoint.fins + endpoint.rsts
        told += endpoint.last_frame == passing
        told += peer.fin_acked_frame != 0 and peer.fin_acked_frame != endpoint.fin_frame
        return endpoint.packets - endpoint.rare.duplicates > told


def _before_fin(endpoint: Endpoint) -> int:
    return endpoint.fin_seq if endpoint.fin_sent else endpoint.snd_nxt


def _fin_frame(endpoint: Endpoint) -> int:
    return endpoint.fin_frame
