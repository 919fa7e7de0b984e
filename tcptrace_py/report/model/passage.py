"""One packet of a connection as it passed the vantage point: what a ladder draws an arrow from."""

from __future__ import annotations

from typing import NamedTuple

# Notes on a segment, as people read them.
RETRANSMITTED = "again"
DUPLICATE = "duplicate frame"
KEEP_ALIVE = "keep-alive"

_SOURCE_SHIFT = 40
_FRAME_MASK = (1 << _SOURCE_SHIFT) - 1


class Passage(NamedTuple):
    """``seq`` and ``ack`` as sent; ``window`` not scaled; ``note``: one of the above, or nothing.

    With ``icmp`` it is an ICMP error about the connection, ``note`` says which, and there is no
    segment.
    """

    frame_id: int
    ts_ns: int
    from_client: bool
    flags: int
    seq: int
    ack: int
    payload_bytes: int
    window: int
    note: str = ""
    icmp: bool = False

    @property
    def frame(self) -> int:
        """Counts from 1 in its file."""
        return self.frame_id & _FRAME_MASK

    @property
    def source(self) -> int:
        return self.frame_id >> _SOURCE_SHIFT
