"""Counting different addresses in bounded memory."""

from __future__ import annotations

from heapq import heappush, heapreplace

_EXACT = 512
_MASK = (1 << 64) - 1
_SPAN = 1 << 64


def _mix(a: int, b: int) -> int:
    # splitmix64's finalizer over both halves: the same on every machine and in every run.
    x = (a * 0x9E3779B97F4A7C15 + b + 0x632BE59BD9B4E019) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


class Distinct:
    """How many different pairs of 64-bit numbers were added: exact up to 512, then an estimate.

    The estimate keeps the 512 smallest hashes (k minimum values: Bar-Yossef et al., 2002);
    its standard error is about 4.5 %.
    """

    __slots__ = ("_heap", "_kept")

    def __init__(self) -> None:
        self._kept: set[int] = set()
        self._heap: list[int] = []

    def add(self, hi: int, lo: int) -> None:
        self._add(_mix(hi, lo))

    def _add(self, hashed: int) -> None:
        kept = self._kept
        if hashed in kept:
            return
        heap = self._heap
        if len(heap) < _EXACT:
            kept.add(hashed)
            heappush(heap, -hashed)
        elif hashed < -heap[0]:
            kept.add(hashed)
            kept.discard(-heapreplace(heap, -hashed))

    def merge(self, other: Distinct) -> None:
        for hashed in other._kept:
            self._add(hashed)

    @property
    def exact(self) -> bool:
        return len(self._heap) < _EXACT

    def count(self) -> int:
        if self.exact:
            return len(self._heap)
        return round((_EXACT - 1) * _SPAN / (1 - self._heap[0]))

    def say(self, one: str, many: str = "") -> str:
        """``1 client address``, ``30 client addresses``, ``about 98,000 client addresses``."""
        n = self.count()
        if n == 1:
            return f"1 {one}"
        many = many or one + "s"
        if self.exact:
            return f"{n} {many}"
        digits = 10 ** max(len(str(n)) - 2, 0)
        return f"about {round(n / digits) * digits:,} {many}"
