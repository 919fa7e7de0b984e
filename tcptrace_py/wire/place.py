"""A hash of four-tuples that is the same both ways and in every process: what a capture is split by.

Compiled (see ``place.pxd``). No table of flows hangs on it (see ``flow_table.py``), so it may be foreseen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tcptrace_py.wire.segment import Segment

#: How many places there are, so how many parts at most.
PLACES = 256

_MASK = (1 << 64) - 1
# The finalizer of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB


def place(segment: Segment) -> int:
    """The place of the segment's four-tuple, ``0 <= place < PLACES``."""
    return place_between(
        segment.src_hi, segment.src_lo, segment.src_port, segment.dst_hi, segment.dst_lo, segment.dst_port
    )


def place_between(hi: int, lo: int, port: int, peer_hi: int, peer_lo: int, peer_port: int) -> int:
    """The place of the four-tuple of these two."""
    source = lo ^ (port << 40)
    target = peer_lo ^ (peer_port << 40)
    if hi or peer_hi:
        source = source ^ _mix(hi, _MASK)
        target = target ^ _mix(peer_hi, _MASK)
    return (_mix(source, _MASK) + _mix(target, _MASK) & _MASK) >> 56


def _mix(number: int, mask: int) -> int:
    number = (number ^ (number >> 30)) * _FIRST & mask
    number = (number ^ (number >> 27)) * _SECOND & mask
    return number ^ (number >> 31)
