"""What the flow table holds: anything that has a four-tuple.

Compiled (see ``flow.pxd``).
"""

from __future__ import annotations

from tcptrace_py.wire.segment import Segment


def on_four_tuple(
    segment: Segment, hi: int, lo: int, port: int, peer_hi: int, peer_lo: int, peer_port: int
) -> bool:
    """Does the segment pass between these two, in either direction?"""
    if (
        port == segment.src_port
        and peer_port == segment.dst_port
        and lo == segment.src_lo
        and peer_lo == segment.dst_lo
        and hi == segment.src_hi
        and peer_hi == segment.dst_hi
    ):
        return True
    return (
        port == segment.dst_port
        and peer_port == segment.src_port
        and lo == segment.dst_lo
        and peer_lo == segment.src_lo
        and hi == segment.dst_hi
        and peer_hi == segment.src_hi
    )


class Flow:
    """A place in the flow table: the hash of a four-tuple, and the next flow in the same bucket."""

    hash: int
    next_in_bucket: Flow | None

    def joins(self, segment: Segment) -> bool:
        """Is the segment, in either direction, on this flow's four-tuple?"""
        raise NotImplementedError

    def touch(self) -> int:
        """Read what its next segment will need first; the number means nothing."""
        raise NotImplementedError
