# cython: boundscheck=False, initializedcheck=False
"""Frames captured twice: a mirror of both directions of a port, or the ``any`` interface.

Compiled (see ``duplicates.pxd``). They are one packet each, no retransmissions.
"""

from __future__ import annotations

from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.flow_table import FlowTable
from tcptrace_py.wire.place import PLACES
from tcptrace_py.wire.segment import FIN, RST, SYN, Segment

# The latest frames are remembered for the four-tuples that share a place (``wire.place``): two in each of so
# many boxes, a power of two. So one frame in between, as of the other direction of a mirror, hides nothing.
_BOXES = 32
# And how long. With an IP identification two equal frames are one packet; without, only haste tells.
_WITH_ID_NS = 1_000_000_000
_WITHOUT_ID_NS = 5_000_000


def another(sender: Endpoint, receiver: Endpoint, segment: Segment) -> bool:
    """Is this a RST that only looks like one captured before, for want of an IP identification?

    CLOSED answers each segment with one (3.10.7.1), and here no segment so far was captured twice.
    """
    if not segment.flags & RST or segment.ip_id:
        return False
    return receiver.packets > 0 and receiver.rare.duplicates == 0 and sender.rare.duplicates == 0


class Duplicates:
    """The frames seen lately, by their fingerprints."""

    def __init__(self, table: FlowTable) -> None:
        self._table = table
        # Boxes: the fingerprint of the last frame in it, and its time, and those of the one before.
        # Memory that nobody has written to costs nothing: most captures touch little of it.
        self._seen = memoryview(bytearray(32 * PLACES * _BOXES)).cast("Q")

    def captured_before(self, segment: Segment, flow_hash: int, place: int) -> bool:
        """Was the same packet captured a moment ago? If not, it is remembered.

        ``place`` is that of its four-tuple.
        """
        if segment.ip_id:
            within_ns = _WITH_ID_NS
        elif segment.payload_bytes or segment.flags & (SYN | FIN | RST):
            within_ns = _WITHOUT_ID_NS
        else:
            # A pure ACK repeated in haste may as well be a duplicate ACK.
            return False
        fingerprint = self._table.fingerprint(segment, flow_hash)
        # Not by the fingerprint, which is seeded: which frames share a place decides which duplicates are
        # seen. The same capture must give the same report, and so must its parts: frames of four-tuples that
        # may be in another part do not come in between.
        at = segment.seq
        at = (at ^ (at >> 12) ^ segment.ip_id * 31 ^ segment.src_port) & (_BOXES - 1)
        at = 4 * (place * _BOXES + at)
        last = self._seen[at]
        if last == fingerprint:
            since_ns = segment.ts_ns - self._seen[at + 1]
            if 0 <= since_ns < within_ns:
                return True
        elif self._seen[at + 2] == fingerprint:
            since_ns = segment.ts_ns - self._seen[at + 3]
            if 0 <= since_ns < within_ns:
                return True
        self._seen[at + 2] = last
        self._seen[at + 3] = self._seen[at + 1]
        self._seen[at] = fingerprint
        self._seen[at + 1] = segment.ts_ns
        return False
