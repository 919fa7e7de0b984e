"""When a capture was there: the silences in which it holds no packet at all.

Of such a silence nobody knows whether nothing passed or nothing was captured (files of several days
joined, a capture that was stopped and begun again), so no duration is counted across one.
"""

from __future__ import annotations

from bisect import bisect_right

#: A silence of all packets that is so long is a gap in the capture.
SILENCE_NS = 600_000_000_000
#: The grid's first step, 69 s: shorter than any gap, so none of them lies in one cell.
CELL_BITS = 36
# Cells known at most; beyond that the grid is made coarser, and only longer silences are found.
_CELLS = 4_096
# Gaps known at once while the capture is read: the latest.
_GAPS = 4_096


class Gaps:
    """Silences of a whole capture, ``(begin_ns, end_ns)``, in order of time."""

    def __init__(self, known: list[tuple[int, int]] | None = None) -> None:
        self._begins: list[int] = []
        #: When each ended; one list all the time, so whoever has it sees at little cost if there are any.
        self.ends: list[int] = []
        for begin_ns, end_ns in known or ():
            self.add(begin_ns, end_ns)

    def __len__(self) -> int:
        return len(self.ends)

    def __bool__(self) -> bool:
        return bool(self.ends)

    def add(self, begin_ns: int, end_ns: int) -> None:
        """The latest one."""
        self._begins.append(begin_ns)
        self.ends.append(end_ns)
        if len(self.ends) > _GAPS:
            del self._begins[: _GAPS // 2], self.ends[: _GAPS // 2]

    def until(self, since_ns: int, until_ns: int) -> int:
        """How far a duration from ``since_ns`` to ``until_ns`` reaches before it meets a gap."""
        first = bisect_right(self.ends, since_ns)
        if first == len(self.ends) or self._begins[first] >= until_ns:
            return until_ns
        return max(self._begins[first], since_ns)

    def since(self, since_ns: int, until_ns: int) -> int:
        """From when on a duration from ``since_ns`` to ``until_ns`` has no gap in it."""
        behind = bisect_right(self.ends, until_ns)
        return max(since_ns, self.ends[behind - 1]) if behind else since_ns


#: Of a capture that is known to have run all the time, or of which nothing is known.
NO_GAPS = Gaps()


class Presence:
    """The moments of frames, by their first and last in each cell of a grid.

    A value: ``merge`` is associative and commutative, and adds nothing where both have seen the same.
    """

    def __init__(self) -> None:
        self._bits = CELL_BITS
        self._cells: dict[int, tuple[int, int]] = {}

    def add(self, first_ns: int, last_ns: int) -> None:
        """Frames passed at both moments, which lie in one cell of the first grid, and perhaps in between."""
        self._put(first_ns >> self._bits, first_ns, last_ns)
        self._fit()

    def _put(self, cell: int, first_ns: int, last_ns: int) -> None:
        known = self._cells.get(cell)
        if known is not None:
            first_ns, last_ns = min(first_ns, known[0]), max(last_ns, known[1])
        self._cells[cell] = (first_ns, last_ns)

    def _fit(self) -> None:
        while len(self._cells) > _CELLS:
            self._coarsen()

    def _coarsen(self) -> None:
        self._bits += 1
        old, self._cells = self._cells, {}
        for cell, (first_ns, last_ns) in old.items():
            self._put(cell >> 1, first_ns, last_ns)

    def merge(self, other: Presence) -> None:
        while self._bits < other._bits:
            self._coarsen()
        shift = self._bits - other._bits
        for cell, (first_ns, last_ns) in other._cells.items():
            self._put(cell >> shift, first_ns, last_ns)
        self._fit()

    def gaps(self) -> list[tuple[int, int]]:
        """The silences, ``(begin_ns, end_ns)``, in order of time."""
        found = []
        before_ns = -1
        for _, (first_ns, last_ns) in sorted(self._cells.items()):
            if before_ns >= 0 and first_ns - before_ns >= SILENCE_NS:
                found.append((before_ns, first_ns))
            before_ns = last_ns
        return found
