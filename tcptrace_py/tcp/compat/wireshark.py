"""What Wireshark says of a conversation: its stream number and its completeness.

Compiled (see ``wireshark.pxd``). Wireshark keys streams by four-tuple alone and begins a new
one when a bare SYN brings another sequence number than the stream began with; the endpoints'
states do not matter to it. So a stream can hold several of our connections (ports reused with
the same number), and a connection can pass through several streams (a stale SYN). Neither
changes our own ids.

``completeness`` is the field ``tcp.completeness`` at the end of the capture: what was seen of
the conversation, in the bits below. As in Wireshark, SYN counts only as the first segment,
FIN only with an ACK, and ACK only without payload.
"""

from __future__ import annotations

from tcptrace_py.wire.segment import ACK, FIN, RST, SYN, Segment

#: The bits of ``tcp.completeness``.
SEEN_SYN = 1
SEEN_SYN_ACK = 2
SEEN_ACK = 4
SEEN_DATA = 8
SEEN_FIN = 16
SEEN_RST = 32

_SEQ_MASK = 0xFFFFFFFF


class Stream:
    """One conversation as Wireshark counts them.

    Each side's first sequence number is kept as Wireshark guesses it: that of its SYN, or one
    before what it first sent or was first acknowledged.
    """

    def __init__(self) -> None:
        #: As ``tcp.stream``: counts from 0 over the whole capture.
        self.number = 0
        self.completeness = 0
        #: The stream that took this one's place on the same four-tuple.
        self.newer: Stream | None = None
        # The side with the lower address (and port) is "low".
        self.has_low = False
        self.low_base = 0
        self.has_high = False
        self.high_base = 0

    def begin(self, segment: Segment) -> None:
        """The stream's first segment."""
        flags = segment.flags
        if flags & SYN and not flags & ACK:
            self.completeness = SEEN_SYN | (SEEN_DATA if segment.payload_bytes else 0)
        self._note_bases(segment, self._from_low(segment))

    def reopens(self, segment: Segment) -> bool:
        """A bare SYN that Wireshark takes for the begin of another stream."""
        if self._from_low(segment):
            return bool(self.has_low) and self.low_base != segment.seq
        return bool(self.has_high) and self.high_base != segment.seq

    def go_on(self, segment: Segment) -> None:
        """Any segment but the first."""
        flags = segment.flags
        if flags & ACK:
            if flags & SYN:
                self.completeness |= SEEN_SYN_ACK
            elif segment.payload_bytes:
                self.completeness |= SEEN_DATA
            else:
                self.completeness |= SEEN_ACK
            if flags & FIN:
                self.completeness |= SEEN_FIN
        if flags & RST:
            self.completeness |= SEEN_RST
        if not self.has_low or not self.has_high:
            self._note_bases(segment, self._from_low(segment))

    def _from_low(self, segment: Segment) -> bool:
        if segment.src_hi != segment.dst_hi:
            return segment.src_hi < segment.dst_hi
        if segment.src_lo != segment.dst_lo:
            return segment.src_lo < segment.dst_lo
        return segment.src_port < segment.dst_port

    def _note_bases(self, segment: Segment, from_low: bool) -> None:
        own = segment.seq if segment.flags & SYN else (segment.seq - 1) & _SEQ_MASK
        peers = (segment.ack - 1) & _SEQ_MASK
        acknowledges = bool(segment.flags & ACK)
        if from_low:
            if not self.has_low:
                self.has_low = True
                self.low_base = own
            if acknowledges and not self.has_high:
                self.has_high = True
                self.high_base = peers
        else:
            if not self.has_high:
                self.has_high = True
                self.high_base = own
            if acknowledges and not self.has_low:
                self.has_low = True
                self.low_base = peers
