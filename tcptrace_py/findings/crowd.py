"""How many sockets were stuck at once, over the capture.

Compiled (see ``crowd.pxd``).
"""

from __future__ import annotations

_POINTS = 4096


class Crowd:
    """Counts holders of a state from their stays, ``[begin_ns, end_ns)``.

    Exact up to 4,096 points in time; beyond that the time line is made coarser, step by
    step, which may count stays that only nearly overlap as overlapping. The grain is the least
    power of two that leaves no more points than that, so it, and the result of ``merge``, do not
    depend on the order in which stays came.
    """

    def __init__(self) -> None:
        #: Time -> (arrivals, departures).
        self._changes: dict[int, list[int]] = {}
        self._grain_ns = 1

    def stay(self, begin_ns: int, end_ns: int | None) -> None:
        """Add a stay; ``end_ns`` is ``None`` for one that lasts beyond the capture."""
        self._at(begin_ns)[0] += 1
        if end_ns is not None:
            self._at(end_ns)[1] += 1
        while len(self._changes) > _POINTS:
            self._coarsen()

    def merge(self, other: Crowd) -> None:
        while self._grain_ns < other._grain_ns:
            self._coarsen()
        for ts_ns, (arrivals, departures) in other._changes.items():
            change = self._at(ts_ns)
            change[0] += arrivals
            change[1] += departures
        while len(self._changes) > _POINTS:
            self._coarsen()

    def _at(self, ts_ns: int) -> list[int]:
        ts_ns -= ts_ns % self._grain_ns
        change = self._changes.get(ts_ns)
        if change is None:
            change = self._changes[ts_ns] = [0, 0]
        return change

    def _coarsen(self) -> None:
        old = self._changes
        self._grain_ns *= 2
        self._changes = {}
        for ts_ns, (arrivals, departures) in old.items():
            change = self._at(ts_ns)
            change[0] += arrivals
            change[1] += departures

    def peak(self) -> tuple[int, int]:
        """Most holders at once, and when that was first reached."""
        now = most = most_at_ns = 0
        for ts_ns in sorted(self._changes):
            arrivals, departures = self._changes[ts_ns]
            if self._grain_ns == 1:
                # A stay ends before another begins at the same instant.
                now -= departures
                departures = 0
            now += arrivals
            if now > most:
                most, most_at_ns = now, ts_ns
            now -= departures
        return most, most_at_ns

    def samples(self, begin_ns: int, end_ns: int, n: int) -> list[tuple[int, int]]:
        """``(ts_ns, holders)`` at ``n`` instants evenly from ``begin_ns`` to ``end_ns``, both included."""
        moments = [begin_ns + (end_ns - begin_ns) * i // (n - 1) for i in range(n)]
        changes = sorted(self._changes.items())
        result: list[tuple[int, int]] = []
        now = at = 0
        for ts_ns in moments:
            while at < len(changes) and changes[at][0] <= ts_ns:
                arrivals, departures = changes[at][1]
                now += arrivals - departures
                at += 1
            result.append((ts_ns, now))
        return result
