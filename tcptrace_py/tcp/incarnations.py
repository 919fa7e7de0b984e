"""Which of the incarnations of a four-tuple a segment belongs to, and is evidence of (4.5 of the design).

Compiled (see ``incarnations.pxd``). RFC 9293 section 3.4 calls the connections that use one pair of sockets
one after the other its incarnations. By its numbers a segment is of one of them. Nothing of a connection is
changed here; its evidence is kept beside it.
"""

from __future__ import annotations

from tcptrace_py.tcp.bounds import NONE
from tcptrace_py.tcp.clocks import RTO_MIN_NS
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.evidence import Evidence
from tcptrace_py.tcp.flow_table import FlowTable
from tcptrace_py.tcp.gate import acknowledges_unsent, refuses_ack
from tcptrace_py.tcp.serial import distance
from tcptrace_py.wire.segment import ACK, FIN, RST, SYN, Segment

# A segment this near its sender's SND.NXT is of that connection, not of an older one.
_NEAR_BYTES = 1 << 20


def incarnation(table: FlowTable, newest: Connection, segment: Segment) -> Connection:
    """The newest that the segment goes on with, or else the newest that it fits, or else ``newest``.

    Asked of the ``flow_table.INCARNATIONS`` latest.
    """
    connection: Connection | None = newest
    while connection is not None and not _goes_on(connection, segment):
        connection = table.older(connection, newest)
    if connection is None:
        connection = newest
        while connection is not None and not _fits(connection, segment):
            connection = table.older(connection, newest)
    return newest if connection is None else connection


def direction(connection: Connection, segment: Segment) -> tuple[Endpoint, Endpoint]:
    """Sender and receiver of a segment that passes on the connection's four-tuple."""
    if connection.sent_by_a(segment):
        return connection.a, connection.b
    return connection.b, connection.a


def _goes_on(connection: Connection, segment: Segment) -> bool:
    """Does it go on just where its sender left that connection?"""
    sender, _ = direction(connection, segment)
    return (
        sender.has_snd
        and segment.seq == sender.snd_nxt
        and not segment.flags & SYN
        and _fits(connection, segment)
    )


def _fits(connection: Connection, segment: Segment) -> bool:
    """Is this a segment of that connection, where the four-tuple has had several?"""
    sender, receiver = direction(connection, segment)
    flags = segment.flags
    if flags & SYN and not flags & ACK:
        return sender.has_isn and sender.isn == segment.seq
    if flags & SYN or (flags & RST and flags & ACK and not sender.has_snd):
        # An answer to a SYN: does it acknowledge this one?
        if receiver.has_isn:
            return 1 <= distance(segment.ack, receiver.isn) <= 1 + receiver.rare.syn_bytes
        return sender.has_isn and sender.isn == segment.seq
    if sender.has_snd:
        off = distance(segment.seq, sender.snd_nxt)
        if not -_NEAR_BYTES < off < _NEAR_BYTES:
            return False
        if not flags & ACK:
            return True
        if not receiver.has_snd:
            # It acknowledges what its peer never sent here: rather an older connection's.
            return False
        off = distance(segment.ack, receiver.snd_nxt)
        return -_NEAR_BYTES < off < _NEAR_BYTES
    if receiver.has_isn and flags & ACK:
        return 1 <= distance(segment.ack, receiver.isn) <= _NEAR_BYTES
    return False


class Incarnation:
    """The evidence of both ends of a connection, ``a`` and ``b`` as there.

    ``add`` is called with each segment that ``gate.takes`` lets through and that was not captured before.
    """

    def __init__(self) -> None:
        self.a = Evidence()
        self.b = Evidence()
        self._begun = False
        #: Of ``b`` and of ``a``: frame and time of a FIN whose ACK was of nothing yet, and that ACK.
        self._dropped: list[tuple[int, int, int]] = [(0, 0, NONE), (0, 0, NONE)]

    def ends(self, by_a: bool) -> tuple[Evidence, Evidence]:
        """Of the sender and of the receiver."""
        return (self.a, self.b) if by_a else (self.b, self.a)

    def add(self, connection: Connection, segment: Segment) -> None:
        """A segment of the connection passes."""
        if not self._begun and 0 < connection.syn_frame != segment.frame:
            # Its SYN passed before it was known to begin a connection.
            a = connection.a
            self.tell(True, connection.syn_frame, connection.syn_ns, a.isn, 0, SYN, a.rare.syn_bytes)
        by_a = connection.sent_by_a(segment)
        flags = segment.flags
        seq = segment.seq
        sender, peer = (self.a, self.b) if by_a else (self.b, self.a)
        if flags & (SYN | ACK) == SYN:
            if connection.pending_syn_by and connection.rare.pending_syn_isn == seq:
                return  # It seems stale.
            if sender.isn != NONE and sender.number(seq) != sender.isn:
                return  # Another ISN, that began no connection.
            flags &= ~FIN  # SYN_SENT has nothing to finish (3.10.4).
        mine, other = connection.a, connection.b
        if not by_a:
            mine, other = other, mine
        if flags & RST and refuses_ack(connection, mine, other, segment):
            return
        if flags & FIN and flags & ACK:
            if acknowledges_unsent(other, segment.ack):
                self._dropped[by_a] = (segment.frame, segment.ts_ns, peer.number(segment.ack))
                flags &= ~ACK
        self.tell(by_a, segment.frame, segment.ts_ns, seq, segment.ack, flags, segment.payload_bytes)
        if flags & FIN:
            self._answered_early(by_a, segment.ts_ns)

    def resume(
        self, connection: Connection, older: Incarnation, refused: Connection, segment: Segment
    ) -> None:
        """What goes on with a SYN that was refused on the older connection: that attempt is of this one.

        To be asked before ``add`` where this connection reuses the ports of ``refused``.
        """
        if segment.flags & RST or not segment.flags & (SYN | ACK):
            return
        by_a = connection.sent_by_a(segment)
        mine, peer = self.ends(by_a)
        attempt, refuser = older.ends(refused.sent_by_a(segment))
        if mine.segments or not attempt.only_asked() or peer.resets_with_ack():
            return
        if peer.top_ack != NONE and mine.captured(peer.top_ack) != attempt.captured(attempt.syn_end()):
            return
        if attempt.number(segment.seq) != (attempt.isn if segment.flags & SYN else attempt.syn_end()):
            return
        attempt.resumes(refuser, mine, peer)
        if by_a:
            self.a = attempt
        else:
            self.b = attempt
        if attempt is older.a:
            older.a = Evidence()
        else:
            older.b = Evidence()

    def tell(
        self, by_a: bool, frame: int, ts_ns: int, seq: int, ack: int, flags: int, payload_bytes: int
    ) -> None:
        """Add a segment of that end's as it was captured, with 32-bit numbers."""
        self._begun = True
        sender, receiver = (self.a, self.b) if by_a else (self.b, self.a)
        # The zero of a RST that answers a SYN (3.10.7.1) is no number of its sender's.
        own = NONE if flags & RST and flags & ACK and seq == 0 else sender.number(seq)
        sender.add(frame, ts_ns, own, receiver.number(ack) if flags & ACK else NONE, flags, payload_bytes)

    def _answered_early(self, by_a: bool, ts_ns: int) -> None:
        """The FIN that the peer's FIN acknowledged passes just after that: there are two clocks (4.6)."""
        sender, receiver = self.ends(by_a)
        frame, dropped_ns, ack = self._dropped[not by_a]
        if ack == sender.fin + 1 and frame == receiver.last_frame and ts_ns - dropped_ns < RTO_MIN_NS:
            receiver.acknowledges_late(frame, dropped_ns, ack)
