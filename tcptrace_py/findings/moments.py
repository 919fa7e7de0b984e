"""When something happened, in bounded memory.

Compiled (see ``moments.pxd``).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left

#: Moments kept at most, and their first grain: 2**30 ns, about a second.
_MOMENTS = 512
_GRAIN_BITS = 30


class Moments:
    """Moments on a grid that is made coarser as it fills, by powers of two.

    Which they are follows from all that were added, in whatever order and in however many parts.
    """

    def __init__(self) -> None:
        self._bits = _GRAIN_BITS
        # In order, each once: ten thousand services have two of these for months, and as numbers of eight
        # bytes they take a tenth of what a set takes.
        self._seen = array("q")
        self._last = -1

    def add(self, ns: int) -> None:
        moment = ns >> self._bits
        if moment == self._last:
            return
        self._last = moment
        seen = self._seen
        at = bisect_left(seen, moment)
        if at < len(seen) and seen[at] == moment:
            return
        seen.insert(at, moment)
        self._fit()

    def _fit(self) -> None:
        while len(self._seen) > _MOMENTS:
            self._coarsen()

    def _coarsen(self) -> None:
        self._bits += 1
        self._seen = array("q", sorted({moment >> 1 for moment in self._seen}))
        self._last = -1

    def merge(self, other: Moments) -> None:
        """Take in another one, which stays as it is."""
        while self._bits < other._bits:
            self._coarsen()
        shift = self._bits - other._bits
        if not self._seen and not shift:
            self._seen = other._seen[:]
            return
        self._seen = array("q", sorted({*self._seen, *[moment >> shift for moment in other._seen]}))
        self._fit()

    def ever(self) -> bool:
        return len(self._seen) > 0

    def between(self, begin_ns: int, end_ns: int) -> bool:
        """Did it happen in between, by moments that lie in between as a whole?"""
        seen = self._seen
        at = bisect_left(seen, (begin_ns >> self._bits) + 1)
        return at < len(seen) and seen[at] < end_ns >> self._bits
