"""One packet of a connection as it passed the vantage point: what a ladder draws an arrow from."""

from __future__ import annotations

from typing import NamedTuple

from tcptrace_py.wire.frame_id import frame_number, frame_source

# Notes on a segment, as people read them.
RETRANSMITTED = "again"
DUPLICATE = "duplicate frame"
KEEP_ALIVE = "keep-alive"


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
        return frame_number(self.frame_id)

    @property
    def source(self) -> int:
        return frame_source(self.frame_id)
