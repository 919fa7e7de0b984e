# cython: boundscheck=False, initializedcheck=False
"""How many there were at once, over time, counted on a grid that merges exactly.

Compiled (see ``timeline.pxd``).
"""

from __future__ import annotations

from array import array

# Numbers of a cell: when it begins; arrivals in the upper half, departures in the lower; the last arrival.
_CELL = 3
_ARRIVAL = 1 << 32
_DEPARTURE = 1
_CELL_BYTES = 8 * _CELL
# There is room for so many numbers more, at least, when cells need some.
_CELLS_MORE = 64 * _CELL
# Changes before there are cells.
_FEW = 16
# Changes that wait to be put in cells before the last: this part of all that there may be, but not fewer.
_WAITING_SHARE = 8
_WAITING_LEAST = 64


def arrives(ts_ns: int) -> int:
    """What ``Timeline.add`` is told of one more from now on."""
    return 2 * ts_ns


def departs(ts_ns: int) -> int:
    """The same of one less."""
    return 2 * ts_ns + 1


class Cells:
    """Cells one after the other, by time, in the first ``used`` numbers of ``row``."""

    def __init__(self, row: array[int], used: int) -> None:
        self.row = row
        self.numbers = row
        self.used = used
        self.room = len(row)

    def grow(self) -> None:
        larger = array("q", bytes(8 * (self.room + max(_CELLS_MORE, self.room // 8))))
        numbers = larger
        for at in range(self.used):
            numbers[at] = self.numbers[at]
        self.row = larger
        self.numbers = larger
        self.room = len(larger)


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
        self._cells: Cells | None = None
        #: Changes that are in no cell yet, as ``arrives`` and ``departs`` give them.
        self._waiting: list[int] = []
        #: The most, and when; what has changed since makes it old.
        self._peak = (0, 0)
        self._old = False

    def arrive(self, ts_ns: int) -> None:
        """One more from now on."""
        self.add(arrives(ts_ns))

    def depart(self, ts_ns: int) -> None:
        """One less."""
        self.add(departs(ts_ns))

    def add(self, change: int) -> None:
        """A change by ``arrives`` or ``departs``. Most come by time: into the last cell, or one behind it."""
        self._old = True
        ts_ns = change >> 1
        begin_ns = ts_ns >> self._bits << self._bits
        cells = self._cells
        if cells is None:
            self._wait(change, _FEW)
            return
        at = cells.used - _CELL
        if begin_ns != cells.numbers[at]:
            if begin_ns < cells.numbers[at]:
                self._wait(change, self._room)
                return
            if cells.used + _CELL > cells.room:
                cells.grow()
            at = cells.used
            cells.used += _CELL
            cells.numbers[at] = begin_ns
        if change & 1:
            cells.numbers[at + 1] += _DEPARTURE
        else:
            cells.numbers[at + 1] += _ARRIVAL
            if ts_ns > cells.numbers[at + 2]:
                cells.numbers[at + 2] = ts_ns
        if cells.used > self._points * _CELL:
            self._coarsen()

    def merge(self, other: Timeline) -> None:
        """Take in another one, which says the same afterwards."""
        its = other._settled()
        mine = self._settled()
        if self._bits < other._bits:
            self._bits = other._bits
        self._cells = self._joined(self._joined(mine, None), its)
        self._coarsen()
        self._old = True

    def narrow(self, points: int) -> None:
        """Have no more than ``points`` cells from now on."""
        if points < self._points:
            self._points = points
            self._room = max(_WAITING_LEAST, points // _WAITING_SHARE)
            self._settled()
            self._coarsen()
            self._old = True

    @property
    def grain_ns(self) -> int:
        """How long a cell is."""
        self._settled()
        return 1 << self._bits

    def changes(self) -> list[tuple[int, int, int]]:
        """When each cell begins, how many arrived in it and how many departed, by time."""
        cells = self._settled()
        if cells is None:
            return []
        row = cells.row
        return [
            (row[at], row[at + 1] // _ARRIVAL, row[at + 1] % _ARRIVAL) for at in range(0, cells.used, _CELL)
        ]

    def peak(self) -> tuple[int, int]:
        """Most at once, and when that was first reached; 0 and 0 where there never was any."""
        if self._old:
            self._peak = self._highest(self._settled())
            self._old = False
        return self._peak

    def __reduce__(self) -> tuple[object, ...]:
        cells = self._settled()
        row = array("q") if cells is None else cells.row[: cells.used]
        return _restored, (self._points, self._bits, row)

    def restore(self, bits: int, row: array[int]) -> None:
        """Have these cells, of an empty time line."""
        self._bits = bits
        if row:
            self._cells = Cells(row, len(row))
            self._old = True

    def _highest(self, cells: Cells | None) -> tuple[int, int]:
        now = most = most_at_ns = 0
        if cells is not None:
            numbers = cells.numbers
            for at in range(0, cells.used, _CELL):
                # Within 1 ns, one departs before another arrives.
                now += numbers[at + 1] // _ARRIVAL - numbers[at + 1] % _ARRIVAL
                if now > most:
                    most = now
                    most_at_ns = numbers[at + 2]
        return most, most_at_ns

    def _wait(self, change: int, most: int) -> None:
        self._waiting.append(change)
        if len(self._waiting) > most:
            self._settled()

    def _settled(self) -> Cells | None:
        """All cells, those of what waits among them; None while there was no change."""
        waiting = self._waiting
        if waiting:
            waiting.sort()
            fresh = Cells(array("q", bytes(_CELL_BYTES * len(waiting))), _CELL * len(waiting))
            numbers = fresh.numbers
            at = 0
            for change in waiting:
                numbers[at] = change >> 1
                if change & 1:
                    numbers[at + 1] = _DEPARTURE
                else:
                    numbers[at + 1] = _ARRIVAL
                    numbers[at + 2] = change >> 1
                at += _CELL
            self._waiting = []
            self._cells = self._joined(self._cells, fresh)
            self._coarsen()
        return self._cells

    def _joined(self, mine: Cells | None, its: Cells | None) -> Cells | None:
        """Cells of both, by time, no two with the same begin on the grid as it is now."""
        a_end = 0 if mine is None else mine.used
        b_end = 0 if its is None else its.used
        if a_end + b_end == 0:
            return None
        joined = Cells(array("q", bytes(8 * (a_end + b_end))), 0)
        c = joined.numbers
        # Of a side that has none, nothing is read.
        a = c if mine is None else mine.numbers
        b = c if its is None else its.numbers
        bits = self._bits
        i = 0
        j = 0
        # The last cell that was written, none at first.
        at = -_CELL
        while i < a_end or j < b_end:
            if j == b_end or (i < a_end and a[i] <= b[j]):
                begin_ns = a[i] >> bits << bits
                changes = a[i + 1]
                last_ns = a[i + 2]
                i += _CELL
            else:
                begin_ns = b[j] >> bits << bits
                changes = b[j + 1]
                last_ns = b[j + 2]
                j += _CELL
            if at < 0 or c[at] != begin_ns:
                at += _CELL
                c[at] = begin_ns
            c[at + 1] += changes
            if last_ns > c[at + 2]:
                c[at + 2] = last_ns
        joined.used = at + _CELL
        return joined

    def _coarsen(self) -> None:
        """Make the grain as coarse as it must be."""
        cells = self._cells
        if cells is None or cells.used <= self._points * _CELL:
            return
        # Two neighbours fall into one cell once the grain has as many bits as they differ in.
        joining = [0] * 64
        numbers = cells.numbers
        for at in range(_CELL, cells.used, _CELL):
            differ = (numbers[at] ^ numbers[at - _CELL]) >> self._bits
            bits = self._bits
            while differ > 0:
                differ >>= 1
                bits += 1
            joining[bits] += 1
        bits = self._bits
        count = cells.used // _CELL
        while count > self._points:
            bits += 1
            count -= joining[bits]
        self._bits = bits
        self._cells = self._joined(cells, None)


def _restored(points: int, bits: int, row: array[int]) -> Timeline:
    made = Timeline(points)
    made.restore(bits, row)
    return made
