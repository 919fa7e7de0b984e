"""What the flow table holds: anything that has a four-tuple.

Compiled (see ``flow.pxd``).
"""

from __future__ import annotations

from tcptrace_py.wire.segment import Segment


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
