"""How many sockets were stuck at once, over the capture.

Compiled (see ``crowd.pxd``).
"""

from __future__ import annotations

from tcptrace_py.tcp.timeline import Timeline

#: Points in time that a crowd has at most.
POINTS = 4096


class Crowd:
    """Counts holders of a state from their stays, ``[begin_ns, end_ns)``.

    Exact up to ``points`` changes; beyond that the time line is made coarser, step by step (see
    `Timeline`), which may count stays that only nearly overlap as overlapping.
    """

    def __init__(self, points: int = POINTS) -> None:
        self._timeline = Timeline(points)

    def stay(self, begin_ns: int, end_ns: int | None) -> None:
        """Add a stay; ``end_ns`` is ``None`` for one that lasts beyond the capture."""
        self._timeline.arrive(begin_ns)
        if end_ns is not None:
            self._timeline.depart(end_ns)

    def merge(self, other: Crowd) -> None:
        self._timeline.merge(other._timeline)

    def narrow(self, points: int) -> None:
        """Have no more than ``points`` points from now on."""
        self._timeline.narrow(points)

    def peak(self) -> tuple[int, int]:
        """Most holders at once, and when that was first reached."""
        now = most = most_at_ns = 0
        exact = self._timeline.grain_ns == 1
        for begin_ns, arrivals, departures in self._timeline.changes():
            # A stay ends before another begins at the same instant; within a cell nobody knows.
            there = now + arrivals - departures if exact else now + arrivals
            if there > most:
                most, most_at_ns = there, begin_ns
            now += arrivals - departures
        return most, most_at_ns

    def samples(self, begin_ns: int, end_ns: int, n: int) -> list[tuple[int, int]]:
        """``(ts_ns, holders)`` at ``n`` instants evenly from ``begin_ns`` to ``end_ns``, both included."""
        moments = [begin_ns + (end_ns - begin_ns) * i // (n - 1) for i in range(n)]
        changes = self._timeline.changes()
        result: list[tuple[int, int]] = []
        now = at = 0
        for ts_ns in moments:
            while at < len(changes) and changes[at][0] <= ts_ns:
                now += changes[at][1] - changes[at][2]
                at += 1
            result.append((ts_ns, now))
        return result
