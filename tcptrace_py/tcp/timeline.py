"""How many there were at once, over time, counted on a grid that merges exactly.

Compiled (see ``timeline.pxd``).
"""

from __future__ import annotations

# Changes that wait to be put on the grid.
_WAITING = 512


class Timeline:
    """Arrivals and departures by the cell of the time line that they fall in.

    The grain is the least power of two, in nanoseconds, that leaves no more than ``points`` cells
    with a change in them. So it follows from the changes alone: ``merge`` is associative and
    commutative, whoever saw which of them. With a grain of 1 ns, counts are exact; with more, they
    are those at the ends of the cells, so never more than there were.
    """

    def __init__(self, points: int) -> None:
        self._points = points
        self._grain_ns = 1
        #: Begin of a cell: arrivals, departures, the last arrival in it.
        self._cells: dict[int, list[int]] = {}
        #: Changes not on the grid yet: ``2 * ts_ns``, and 1 more for a departure.
        self._waiting: list[int] = []

    def arrive(self, ts_ns: int) -> None:
        """One more from now on."""
        self._waiting.append(2 * ts_ns)
        if len(self._waiting) >= _WAITING:
            self._settle()

    def depart(self, ts_ns: int) -> None:
        """One less."""
        self._waiting.append(2 * ts_ns + 1)
        if len(self._waiting) >= _WAITING:
            self._settle()

    def merge(self, other: Timeline) -> None:
        """Take in another one, which says the same afterwards."""
        other._settle()
        self._settle()
        while self._grain_ns < other._grain_ns:
            self._coarsen()
        for ts_ns, (arrivals, departures, last_ns) in other._cells.items():
            self._add(ts_ns, arrivals, departures, last_ns)
        while len(self._cells) > self._points:
            self._coarsen()

    def peak(self) -> tuple[int, int]:
        """Most at once, and when that was first reached; 0 and 0 where there never was any."""
        self._settle()
        now = most = most_at_ns = 0
        for ts_ns in sorted(self._cells):
            arrivals, departures, last_ns = self._cells[ts_ns]
            # Within 1 ns, one departs before another arrives.
            now += arrivals - departures
            if now > most:
                most, most_at_ns = now, last_ns
        return most, most_at_ns

    def _settle(self) -> None:
        for change in self._waiting:
            ts_ns = change >> 1
            if change & 1:
                self._add(ts_ns, 0, 1, 0)
            else:
                self._add(ts_ns, 1, 0, ts_ns)
        self._waiting.clear()
        while len(self._cells) > self._points:
            self._coarsen()

    def _add(self, ts_ns: int, arrivals: int, departures: int, last_ns: int) -> None:
        begin_ns = ts_ns - ts_ns % self._grain_ns
        cell = self._cells.get(begin_ns)
        if cell is None:
            self._cells[begin_ns] = [arrivals, departures, last_ns]
            return
        cell[0] += arrivals
        cell[1] += departures
        if last_ns > cell[2]:
            cell[2] = last_ns

    def _coarsen(self) -> None:
        cells = self._cells
        self._cells = {}
        self._grain_ns *= 2
        for ts_ns, (arrivals, departures, last_ns) in cells.items():
            self._add(ts_ns, arrivals, departures, last_ns)
