"""When something happened, in bounded memory.

Compiled (see ``moments.pxd``).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left

#: Moments kept at most, and their first grain: 2**30 ns, about a second.
_MOMENTS = 512
_GRAIN_BITS = 30
#: So many moments up to the latest are known by a bit each.
_RECENT = 64
_ALL_BITS = 0xFFFF_FFFF_FFFF_FFFF
_BIT = 1


class Moments:
    """Moments on a grid that is made coarser as it fills, by powers of two.

    Which they are follows from all that were added, in whatever order and in however many parts.
    """

    def __init__(self) -> None:
        self._bits = _GRAIN_BITS
        # In order, each once: ten thousand services have two of these for months, and as numbers of eight
        # bytes they take a tenth of what a set takes.
        self._seen = array("q")
        self._forget()

    def _forget(self) -> None:
        """Nothing is known but what is in the array."""
        self._latest = -1
        # Bit 0 is the latest moment, bit 1 the one before it: nearly all that is added was there already.
        self._recent = 0

    def add(self, ns: int) -> None:
        moment = ns >> self._bits
        behind = self._latest - moment
        if 0 <= behind < _RECENT and (self._recent >> behind) & _BIT:
            return
        seen = self._seen
        at = bisect_left(seen, moment)
        if at == len(seen) or seen[at] != moment:
            seen.insert(at, moment)
        if behind < 0:
            self._recent = (self._recent << -behind) & _ALL_BITS if -behind < _RECENT else 0
            self._latest = moment
            behind = 0
        if behind < _RECENT:
            self._recent |= _BIT << behind
        self._fit()

    def _fit(self) -> None:
        while len(self._seen) > _MOMENTS:
            self._coarsen()

    def _coarsen(self) -> None:
        self._bits += 1
        self._seen = array("q", sorted({moment >> 1 for moment in self._seen}))
        self._forget()

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
