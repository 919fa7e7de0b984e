"""One packet of a connection as it passed the vantage point: what a ladder draws an arrow from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tcptrace_py.wire.frame_id import frame_number, frame_source
from tcptrace_py.wire.segment import ACK, SYN

# Notes on a segment, as people read them.
RETRANSMITTED = "again"
DUPLICATE = "duplicate frame"
KEEP_ALIVE = "keep-alive"


class Passage(NamedTuple):
    """``seq`` and ``ack`` as sent; ``window`` not scaled; ``note``: one of the above, or nothing.

    ``sack``: the edges of its first SACK block, which is the newest; ``window_scale``: of a SYN, -1
    without. With ``icmp`` it is an ICMP error about the connection, ``note`` says which, and there is no
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
    sack: tuple[int, int] | None = None
    window_scale: int = -1

    @property
    def frame(self) -> int:
        """Counts from 1 in its file."""
        return frame_number(self.frame_id)

    @property
    def source(self) -> int:
        return frame_source(self.frame_id)


class Passed(NamedTuple):
    """What passed on a connection: the first passages, and the last ones where some were left out between."""

    first: list[Passage]
    last: list[Passage]
    left_out: int


class Numbers:
    """Sequence numbers of one direction, counted from a base and on beyond 2**32."""

    def __init__(self, base: int) -> None:
        self._base = base
        self._last = 0

    def relative(self, number: int) -> int:
        off = (number - self._base - self._last) & 0xFFFFFFFF
        if off >= 1 << 31:
            off -= 1 << 32
        self._last += off
        return self._last


def number_base(passages: Sequence[Passage], from_client: bool) -> tuple[int, bool]:
    """The number that counts as 0 in one direction, and whether it is the ISN."""
    for each in passages:
        if not each.icmp and each.from_client == from_client and each.flags & SYN:
            return each.seq, True
    for each in passages:
        if each.icmp:
            continue
        if each.from_client == from_client:
            return (each.seq - 1) & 0xFFFFFFFF, False
        if each.flags & ACK:
            return (each.ack - 1) & 0xFFFFFFFF, False
    return 0, False
