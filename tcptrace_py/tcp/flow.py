"""Whether a segment is on a four-tuple, either way round.

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
