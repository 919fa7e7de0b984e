"""Which of the incarnations of a four-tuple a segment belongs to, and is evidence of (4.5 of the design).

Compiled (see ``incarnations.pxd``). RFC 9293 section 3.4 calls the connections that use one pair of sockets
one after the other its incarnations. By its numbers a segment is of one of them. Nothing of a connection is
changed here; its evidence is kept beside it.
"""

from __future__ import annotations

from copy import copy

from tcptrace_py.tcp.bounds import NONE
from tcptrace_py.tcp.clocks import RTO_MIN_NS
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.evidence import Evidence, Frame
from tcptrace_py.tcp.flow_table import FlowTable
from tcptrace_py.tcp.gate import acknowledges_unsent, follows, refuses_ack
from tcptrace_py.tcp.serial import advance, distance
from tcptrace_py.wire.segment import ACK, FIN, RST, SYN, Segment

# A segment this near its sender's SND.NXT is of that connection, not of an older one.
_NEAR_BYTES = 1 << 20
# Segments of a four-tuple that are kept until a SYN passes.
_MOST_EARLY = 8


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


def answers_syn(segment: Segment) -> bool:
    """Is it one of the answers to a SYN: SYN+ACK, or the RST of who does not listen (3.10.7.1)?"""
    flags = segment.flags
    return flags & ACK != 0 and (flags & SYN != 0 or (flags & RST != 0 and segment.seq == 0))


def answered(opener: Endpoint, syn: Segment) -> bool:
    """Has the answer to an endpoint's first SYN, or what it sent just after that, passed before it (4.6)?"""
    if opener.packets > opener.rsts:
        overtaken = not opener.has_isn and syn.ts_ns - opener.last_ns < RTO_MIN_NS
        return overtaken and opener.snd_nxt == advance(syn.seq, 1 + syn.payload_bytes)
    if not opener.has_isn:
        return opener.has_snd and follows(opener, syn.seq)
    return opener.isn == syn.seq or opener.isn == advance(syn.seq, syn.payload_bytes)


def too_early(connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment) -> bool:
    """Is this of an incarnation whose SYN has not passed (4.6): a refusal of that, or what follows a SYN+ACK
    that was set aside?"""
    if segment.flags & RST:
        asked = receiver.has_isn and _answers(segment, receiver)
        return answers_syn(segment) and not asked and (receiver.has_isn or sender.has_isn)
    if segment.flags & SYN or segment.seq == sender.snd_nxt:
        return False
    for each in connection.rare.early or ():
        if each.src_port == segment.src_port and each.src_lo == segment.src_lo and not each.flags & RST:
            carried = each.payload_bytes + (1 if each.flags & SYN else 0) + (1 if each.flags & FIN else 0)
            if segment.seq == advance(each.seq, carried):
                return True
    return False


def _answers(segment: Segment, opener: Endpoint) -> bool:
    return 1 <= distance(segment.ack, opener.isn) <= 1 + opener.rare.syn_bytes


def set_aside(connection: Connection, segment: Segment) -> None:
    """Keep what no incarnation so far takes: one may, whose SYN passes before any of its answers could have
    been sent again."""
    rare = connection.own_rare()
    early = [each for each in rare.early or () if segment.ts_ns - each.ts_ns < RTO_MIN_NS]
    if len(early) < _MOST_EARLY:
        early.append(copy(segment))
    rare.early = early


def early_answers(connection: Connection, asker: Segment, ack: int) -> list[Segment]:
    """What was set aside and answers with that ``ack`` the SYN of who sends this now, and what followed."""
    found: list[Segment] = []
    for each in connection.rare.early or ():
        in_time = asker.ts_ns - each.ts_ns < RTO_MIN_NS
        if in_time and each.src_port == asker.dst_port and each.src_lo == asker.dst_lo:
            if found or (answers_syn(each) and each.ack == ack):
                found.append(each)
    return found


def _goes_on(connection: Connection, segment: Segment) -> bool:
    """Does it go on just where its sender left that connection?"""
    sender, receiver = direction(connection, segment)
    if not sender.has_snd or segment.seq != sender.snd_nxt or segment.flags & SYN:
        return False
    # (Just after its SYN it acknowledges an answer that has not passed yet.)
    return _fits(connection, segment) or (
        sender.syns > 0 and not receiver.packets and not segment.flags & RST
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
            return _answers(segment, receiver)
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
    if receiver.has_isn and flags & ACK and not sender.rsts:
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

    def ends(self, by_a: bool) -> tuple[Evidence, Evidence]:
        """Of the sender and of the receiver."""
        return (self.a, self.b) if by_a else (self.b, self.a)

    def add(self, connection: Connection, segment: Segment) -> None:
        """A segment of the connection passes."""
        if not self._begun and 0 < connection.syn_frame() != segment.frame:
            # Its SYN passed before it was known to begin a connection.
            a = connection.a
            syn = Frame(connection.syn_frame(), connection.syn_ns())
            self.tell(True, syn, a.isn, 0, SYN, a.rare.syn_bytes)
        by_a = connection.sent_by_a(segment)
        frame = Frame(segment.frame, segment.ts_ns)
        flags = segment.flags
        seq = segment.seq
        sender = self.a if by_a else self.b
        receiver = self.b if by_a else self.a
        if flags & (SYN | ACK) == SYN:
            if connection.pending_syn_by and connection.rare.pending_syn_isn == seq:
                return  # It seems stale.
            if sender.isn != NONE and sender.number(seq) != sender.isn:
                return  # Another ISN, that began no connection.
            flags &= ~FIN  # SYN_SENT has nothing to finish (3.10.4).
        mine, other = direction(connection, segment)
        if flags & RST and refuses_ack(connection, mine, other, segment):
            return
        unsent = flags & FIN and flags & ACK and acknowledges_unsent(other, segment.ack)
        if unsent and sender.early is None:
            sender.early, sender.early_ns = sender.copied(), segment.ts_ns
        self.tell(by_a, frame, seq, segment.ack, flags, segment.payload_bytes, unsent != 0)
        for end, peer in ((sender, receiver), (receiver, sender)):
            if end.early is not None:
                self._judge_early(end, end.early, peer, segment.ts_ns, end is sender)
            if end.fin_least_ack == NONE and end.fin + 1 < peer.top_ack:
                end.has_no_fin()  # It was dropped for its ACK, and what was sent from there on was not.

    def resume(
        self, connection: Connection, older: Incarnation, refused: Connection, segment: Segment
    ) -> bool:
        """What goes on with a SYN that was refused on the older connection: that attempt is of this one.

        To be asked before ``add`` where this connection reuses the ports of ``refused``.
        """
        if segment.flags & RST or not segment.flags & (SYN | ACK):
            return False
        by_a = connection.sent_by_a(segment)
        mine, peer = self.ends(by_a)
        attempt, _ = older.ends(refused.sent_by_a(segment))
        only_asked = 0 < attempt.syns == attempt.segments
        if mine.segments or not only_asked or max([rst.ack for rst in peer.rsts], default=NONE) != NONE:
            return False
        if peer.top_ack != NONE and mine.captured(peer.top_ack) != attempt.captured(attempt.syn_end()):
            return False
        if attempt.number(segment.seq) != (attempt.isn if segment.flags & SYN else attempt.syn_end()):
            return False
        mine.resumes(attempt, peer)
        if attempt is older.a:
            older.a = Evidence()
        else:
            older.b = Evidence()
        return True

    def tell(
        self,
        by_a: bool,
        frame: Frame,
        seq: int,
        ack: int,
        flags: int,
        payload_bytes: int,
        unsent: bool = False,
    ) -> None:
        """Add a segment of that end's as it was captured, with 32-bit numbers; ``unsent``: its ACK is of
        nothing yet."""
        self._begun = True
        sender = self.a if by_a else self.b
        receiver = self.b if by_a else self.a
        zero = flags & RST and flags & ACK and seq == 0
        own = sender.near(seq, sender.nxt) if zero else sender.number(seq)
        if zero and own != sender.nxt and own != receiver.top_ack:
            own = NONE  # That of a RST that answers a SYN (3.10.7.1) is no number of its sender's.
        acknowledged = receiver.number(ack) if flags & ACK else NONE
        if sender.early is not None:
            sender.early.add(frame, own, acknowledged, flags, payload_bytes)
        if unsent:
            acknowledged, flags = NONE, flags & ~ACK
        sender.add(frame, own, acknowledged, flags, payload_bytes)

    def _judge_early(self, end: Evidence, early: Evidence, peer: Evidence, ts_ns: int, goes_on: bool) -> None:
        """Was the FIN's ACK of something: of what passes soon after, by two clocks (4.6), or of what never
        passed, and its sender goes on after that?"""
        in_time = ts_ns - end.early_ns < RTO_MIN_NS
        if early.top_ack <= peer.nxt:
            end.early = None
            if in_time or peer.in_order < early.top_ack:
                if end is self.a:
                    self.a = early
                else:
                    self.b = early
        elif goes_on and not in_time:
            end.early = None
