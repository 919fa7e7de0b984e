"""How many there were at once, over time, counted on a grid that merges exactly.

Compiled (see ``timeline.pxd``).
"""

from __future__ import annotations

from array import array

# Numbers of a cell: when it begins, arrivals, departures, the last arrival.
_CELL = 4
_CELL_BYTES = 8 * _CELL
# Changes that wait to be put in their cells: this part of the cells that there may be, but not fewer.
_WAITING_SHARE = 8
_WAITING_LEAST = 64
# (Nothing is ever put in an array of cells: another takes its place.)
_NO_CELLS = array("q")


def arrives(ts_ns: int) -> int:
    """What ``Timeline.add`` is told of one more from now on."""
    return 2 * ts_ns


def departs(ts_ns: int) -> int:
    """The same of one less."""
    return 2 * ts_ns + 1


class Timeline:
    """Arrivals and departures by the cell of the time line that they fall in.

    The grain is the least power of two, in nanoseconds, that leaves no more than ``points`` cells
    with a change in them. So it follows from the changes alone: ``merge`` is associative and
    commutative, whoever saw which of them. With a grain of 1 ns, counts are exact; with more, they
    are those at the ends of the cells, so never more than there were.
    """

    def __init__(self, points: int) -> None:
        self._points = points
        self._room = max(_WAITING_LEAST, points // _WAITING_SHARE)
        #: A cell is 2**bits ns long.
        self._bits = 0
        #: Cells one after the other, by time.
        self._cells = _NO_CELLS
        #: Changes that are in no cell yet, as ``arrives`` and ``departs`` give them.
        self._waiting: list[int] = []
        self._peak: tuple[int, int] | None = None

    def arrive(self, ts_ns: int) -> None:
        """One more from now on."""
        self.add(arrives(ts_ns))

    def depart(self, ts_ns: int) -> None:
        """One less."""
        self.add(departs(ts_ns))

    def add(self, change: int) -> None:
        """A change by ``arrives`` or ``departs``, one object for all the time lines that it is told to."""
        self._waiting.append(change)
        if len(self._waiting) > self._room:
            self._settle()

    def merge(self, other: Timeline) -> None:
        """Take in another one, which says the same afterwards."""
        other._settle()
        self._settle()
        if self._bits < other._bits:
            self._bits = other._bits
        self._cells = self._joined(self._joined(self._cells, array("q")), other._cells)
        self._coarsen()
        self._peak = None

    def narrow(self, points: int) -> None:
        """Have no more than ``points`` cells from now on."""
        if points < self._points:
            self._points = points
            self._room = max(_WAITING_LEAST, points // _WAITING_SHARE)
            self._settle()
            self._coarsen()
            self._peak = None

    @property
    def grain_ns(self) -> int:
        """How long a cell is."""
        self._settle()
        return 1 << self._bits

    def changes(self) -> list[tuple[int, int, int]]:
        """When each cell begins, how many arrived in it and how many departed, by time."""
        self._settle()
        cells = self._cells
        return [(cells[at], cells[at + 1], cells[at + 2]) for at in range(0, len(cells), _CELL)]

    def peak(self) -> tuple[int, int]:
        """Most at once, and when that was first reached; 0 and 0 where there never was any."""
        if self._waiting or self._peak is None:
            self._settle()
            self._peak = self._highest()
        return self._peak

    def _highest(self) -> tuple[int, int]:
        cells = self._cells
        now = most = most_at_ns = 0
        for at in range(0, len(self._cells), _CELL):
            # Within 1 ns, one departs before another arrives.
            now += cells[at + 1] - cells[at + 2]
            if now > most:
                most = now
                most_at_ns = cells[at + 3]
        return most, most_at_ns

    def _settle(self) -> None:
        """Put what waits in its cells."""
        if not self._waiting:
            return
        waiting = self._waiting
        waiting.sort()
        fresh = array("q", bytes(_CELL_BYTES * len(waiting)))
        cells = fresh
        at = 0
        for change in waiting:
            cells[at] = change >> 1
            if change & 1:
                cells[at + 2] = 1
            else:
                cells[at + 1] = 1
                cells[at + 3] = change >> 1
            at += _CELL
        self._waiting = []
        self._cells = self._joined(self._cells, fresh)
        self._coarsen()

    def _joined(self, mine: array[int], its: array[int]) -> array[int]:
        """Cells of both, by time, no two with the same begin on the grid as it is now."""
        joined = array("q", bytes(8 * (len(mine) + len(its))))
        a, b, c = mine, its, joined
        a_end = len(mine)
        b_end = len(its)
        bits = self._bits
        i = 0
        j = 0
        # The last cell that was written, none at first.
        at = -_CELL
        while i < a_end or j < b_end:
            if j == b_end or (i < a_end and a[i] <= b[j]):
                begin_ns = a[i] >> bits << bits
                arrivals = a[i + 1]
                departures = a[i + 2]
                last_ns = a[i + 3]
                i += _CELL
            else:
                begin_ns = b[j] >> bits << bits
                arrivals = b[j + 1]
                departures = b[j + 2]
                last_ns = b[j + 3]
                j += _CELL
            if at < 0 or c[at] != begin_ns:
                at += _CELL
                c[at] = begin_ns
            c[at + 1] += arrivals
            c[at + 2] += departures
            if last_ns > c[at + 3]:
                c[at + 3] = last_ns
        return joined[: at + _CELL]

    def _coarsen(self) -> None:
        """Make the grain as coarse as it must be."""
        count = len(self._cells) // _CELL
        if count <= self._points:
            return
        # Two neighbours fall into one cell once the grain has as many bits as they differ in.
        joining = [0] * 64
        cells = self._cells
        for at in range(_CELL, len(self._cells), _CELL):
            differ = cells[at] ^ cells[at - _CELL]
            bits = 0
            while differ > 0:
                differ >>= 1
                bits += 1
            joining[bits] += 1
        bits = self._bits
        while count > self._points:
            bits += 1
            count -= joining[bits]
        self._bits = bits
        self._cells = self._joined(self._cells, array("q"))
