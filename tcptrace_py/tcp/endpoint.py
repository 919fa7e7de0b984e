"""One endpoint of a connection: its state and the sequence space it has used.

Compiled (see ``endpoint.pxd``): plain numbers; what few endpoints ever have is in an
object that is made when there is something. What the numbers mean is RFC 9293 section
3.3.1; they are what passed the vantage point, so ``snd_nxt`` is the SND.NXT that
we have *seen*, and ``rcv_nxt`` the RCV.NXT that the endpoint has *shown* by its ACKs.

States change in ``transitions.py`` only.
"""

from __future__ import annotations

from typing import Any

from tcptrace_py.tcp.compat.tcptrace import Stats
from tcptrace_py.tcp.serial import advance, distance
from tcptrace_py.wire.segment import ACK, FIN, RST, SYN, Segment

# What a segment does besides carrying data; together, since C reads each of them from memory.
_STEERING = SYN | FIN | RST | ACK

# Holes remembered for one endpoint; beyond that the oldest is given up as never filled.
_HOLES = 64


class EndpointRare:
    """What few endpoints have: gaps, probes, half-close, what was sent or captured again."""

    def __init__(self) -> None:
        #: It is of more than one endpoint, and never written to.
        self.shared = False
        #: What it has been, where that does not follow (``history.keep``).
        self.history: bytes | None = None
        #: ``[left, right]`` pairs of sequence space that never passed.
        self.holes: list[list[int]] | None = None
        #: How often SND.NXT moved without our seeing what it sent, and with which of its packets last.
        self.gaps = 0
        self.gap_packet = 0
        #: Out-of-window segment seen last, in case the next one goes on from there.
        self.suspect_nxt = 0
        self.duplicates = 0
        self.retransmits = 0
        self.keep_alives = 0
        #: Probes sent since the peer was last heard.
        self.unanswered_probes = 0
        #: The first retransmission or probe since then (``Endpoint.unanswered``).
        self.first_unanswered_ns = 0
        self.first_unanswered_frame = 0
        #: Payload of its SYN (Fast Open).
        self.syn_bytes = 0
        #: New payload sent after the peer's FIN was acknowledged (half-close).
        self.half_close_bytes = 0
        self.half_close_last_ns = 0
        #: Its last FIN, where the first was not the only one.
        self.last_fin_ns = 0
        self.last_fin_frame = 0
        self.time_wait_restarts = 0
        #: Figures of what it sent, if they were asked for.
        self.stats: Stats | None = None


# Nothing of all that. Whoever has something to write asks ``Endpoint.own_rare`` where.
_NOTHING = EndpointRare()
_NOTHING.shared = True


def new_endpoint() -> Endpoint:
    """An ``Endpoint()``: compiled, a class that is called costs more than what it makes."""
    endpoint = Endpoint.__new__(Endpoint)
    endpoint.begin()
    return endpoint


class Endpoint:
    """Address, state, sequence numbers and counters of one side."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.address_hi = 0
        self.address_lo = 0
        self.port = 0

        self.state = 0
        #: ``codes.BY_ITS_SEGMENTS`` and those after it.
        self.closed_by = 0

        # Sequence space, by what passed the vantage point.
        self.has_isn = False
        self.isn = 0
        self.has_snd = False
        self.snd_nxt = 0
        self.has_una = False
        self.snd_una = 0
        self.has_rcv = False
        self.rcv_nxt = 0
        self.fin_sent = False
        self.fin_seq = 0
        #: It had been LISTENing: it answered a SYN and sent none of its own.
        self.passive = False
        #: SND.NXT moved without our seeing what it sent; a FIN may hide there.
        self.tail_gap = False
        #: The last segment was out of the window; see ``EndpointRare.suspect_nxt``.
        self.has_suspect = False
        # The receive window it announces.
        self.window_scale = -1
        self.window_field = 0

        #: TTL of what it sent last that was no RST and out of the ordinary, 0 before.
        self.ttl = 0
        #: Its first SYN's TSval, if it had one.
        self.has_syn_ts = False
        self.syn_ts_val = 0
        #: Its largest segment's payload, and the first that was so large.
        self.largest_bytes = 0
        self.largest_seq = 0
        #: What its first data begins with, as ``Segment.begins_with``; and that no other's came before.
        self.begins_with = 0
        self.spoke_first = False

        # Counters.
        self.packets = 0
        self.bytes = 0
        #: How often it took up the word: its first data, and data after the other side's.
        self.turns = 0
        self.syns = 0
        self.syn_acks = 0
        self.fins = 0
        self.rsts = 0
        #: Retransmissions sent since the peer was last heard.
        self.unanswered = 0

        # Times, and the frames that prove them.
        self.last_ns = 0
        self.last_frame = 0
        self.last_data_ns = 0
        self.fin_ns = 0
        self.fin_frame = 0
        #: When and in which frame its FIN was first acknowledged by the peer.
        self.fin_acked_ns = 0
        self.fin_acked_frame = 0

        # Its running clock: kind (0 none), deadline, and its place in that clock's queue.
        self.clock = 0
        self.deadline_ns = 0
        self.clock_before: Endpoint | None = None
        self.clock_after: Endpoint | None = None
        #: What few endpoints have; until it has, one that all share: see ``own_rare``.
        self.rare = _NOTHING
        #: The ``Connection`` it is an end of (two compiled classes cannot name each other).
        self.connection: Any = None

    @property
    def proven_open(self) -> bool:
        """It was seen to send data or SYN, so no FIN of its own went before the capture."""
        return self.bytes > 0 or self.syns > 0 or self.syn_acks > 0

    def own_rare(self) -> EndpointRare:
        """What it alone has, to be written to."""
        if self.rare.shared:
            self.rare = EndpointRare()
        return self.rare

    def last_fin_ns(self) -> int:
        return self.rare.last_fin_ns if self.rare.last_fin_frame else self.fin_ns

    def last_fin_frame(self) -> int:
        return self.rare.last_fin_frame or self.fin_frame

    def window_bytes(self) -> int:
        """Receive window as last announced; the largest it can mean where the scale is unknown."""
        if self.window_scale >= 0:
            return self.window_field << self.window_scale
        if self.has_isn:
            return self.window_field
        return self.window_field << 14

    def keeps_on(self, receiver: Endpoint, segment: Segment) -> bool:
        """It goes on where this end left off and acknowledges what has passed, in a stream without gaps.

        So do most segments of most connections: they change nothing but numbers.
        """
        return (
            segment.flags & _STEERING == ACK
            and self.snd_nxt == segment.seq
            and self.has_snd
            and self.rare.holes is None
            and receiver.rare.holes is None
            and receiver.has_una
            and segment.window != 0
            and segment.ack != 0
            and (
                receiver.snd_una == segment.ack
                or (
                    distance(segment.ack, receiver.snd_una) > 0
                    and distance(segment.ack, receiver.snd_nxt) <= 0
                )
            )
        )

    def go_on(self, receiver: Endpoint, segment: Segment) -> None:
        """A regular segment of an established endpoint to its like: nothing moves but the numbers.

        All that ``Machine.segment`` would do with it, for most segments are of this kind.
        """
        self.window_field = segment.window
        self.has_suspect = False
        if segment.payload_bytes:
            self.snd_nxt = advance(segment.seq, segment.payload_bytes)
            self.tail_gap = False
            self.speak(receiver, segment.payload_bytes, segment.ts_ns)
        if segment.ack != self.rcv_nxt:
            self.take_ack(segment.ack)
        receiver.snd_una = segment.ack
        receiver.be_heard()

    def speak(self, receiver: Endpoint, fresh_bytes: int, ts_ns: int) -> None:
        """So much data passes that had not passed before."""
        self.bytes += fresh_bytes
        if receiver.last_data_ns >= self.last_data_ns:
            self.turns += 1
        self.last_data_ns = ts_ns

    def be_heard(self) -> None:
        """It has an answer to all that it asked."""
        self.unanswered = 0
        if not self.rare.shared:
            self.rare.unanswered_probes = 0

    def ask(self, segment: Segment) -> None:
        """A retransmission or probe that wants an answer: note the first since the peer was last heard."""
        if self.unanswered == 0 and self.rare.unanswered_probes == 0:
            rare = self.own_rare()
            rare.first_unanswered_ns = segment.ts_ns
            rare.first_unanswered_frame = segment.frame

    def take_ack(self, ack: int) -> bool:
        """Note an acknowledgment that this endpoint sends; whether it is news (RCV.NXT moved)."""
        if not self.has_rcv:
            self.has_rcv = True
            self.rcv_nxt = ack
            return True
        if distance(ack, self.rcv_nxt) > 0:
            self.rcv_nxt = ack
            return True
        return False

    def be_acknowledged(self, ack: int) -> None:
        """Note that the peer acknowledges up to ``ack``, perhaps what we never saw (a gap)."""
        if not self.has_snd:
            self.has_snd = True
            self.snd_nxt = ack
        elif distance(ack, self.snd_nxt) > 0:
            self._skip_to(ack)
        if not self.has_una or distance(ack, self.snd_una) > 0:
            self.has_una = True
            self.snd_una = ack

    def take_sequence_space(self, segment: Segment) -> int:
        """Account for what a segment of this endpoint carries (SYN, payload, FIN).

        Returns the payload bytes in it that are new, by sequence number. Counts retransmissions (space that
        had passed before) and holes.
        """
        carried = segment.payload_bytes
        if segment.flags & (SYN | FIN):
            carried += (1 if segment.flags & SYN else 0) + (1 if segment.flags & FIN else 0)
        seq = segment.seq
        if not self.has_snd:
            self.has_snd = True
            self.snd_nxt = advance(seq, carried)
            return segment.payload_bytes
        ahead = distance(seq, self.snd_nxt)
        if carried == 0:
            if ahead > 0:
                self._skip_to(seq)
            return 0
        if ahead >= 0:
            # The common case: it goes on where it left off, or after a hole.
            if ahead > 0:
                self._skip_to(seq)
            self.snd_nxt = advance(seq, carried)
            self.tail_gap = False
            return segment.payload_bytes
        # It begins in space already used: how much goes beyond it, how much fills holes?
        fresh = ahead + carried
        if fresh > 0:
            self.snd_nxt = advance(seq, carried)
        else:
            fresh = 0
        if self.rare.holes is not None:
            fresh += self._fill(seq, advance(seq, carried))
        if fresh < carried:
            rare = self.own_rare()
            rare.retransmits += 1
        if segment.flags & FIN and not self.fin_sent:
            fresh -= 1
        if fresh > segment.payload_bytes:
            fresh = segment.payload_bytes
        return fresh if fresh > 0 else 0

    def _skip_to(self, seq: int) -> None:
        """SND.NXT is ``seq`` now, though we did not see what lies before it."""
        rare = self.own_rare()
        if rare.holes is None:
            rare.holes = []
        if len(rare.holes) == _HOLES:
            del rare.holes[0]
        rare.holes.append([self.snd_nxt, seq])
        rare.gaps += 1
        rare.gap_packet = self.packets
        self.tail_gap = True
        self.snd_nxt = seq

    def _fill(self, left: int, right: int) -> int:
        """Take ``left``..``right`` out of the holes; how much of it was one."""
        filled = 0
        kept: list[list[int]] = []
        for hole in self.rare.holes or ():
            begin, end = hole
            cut_left = begin if distance(begin, left) > 0 else left
            cut_right = end if distance(end, right) < 0 else right
            covered = distance(cut_right, cut_left)
            if covered <= 0:
                kept.append(hole)
                continue
            filled += covered
            if end == self.snd_nxt and cut_right == end:
                self.tail_gap = False
            if distance(cut_left, begin) > 0:
                kept.append([begin, cut_left])
            if distance(end, cut_right) > 0:
                kept.append([cut_right, end])
        self.own_rare().holes = kept or None
        return filled
