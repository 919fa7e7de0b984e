"""What a capture knows of one service, over all its connections.

Compiled (see ``service.pxd``). Bounded, and merges to the same whatever part noted which connection.
"""

from __future__ import annotations

#: Moments kept of when a service was heard, and their first grain: 2**30 ns, about a second.
_MOMENTS = 512
_GRAIN_BITS = 30

#: IP version, address (two halves), port.
ServiceKey = tuple[int, int, int, int]


class Moments:
    """When something happened, on a grid that is made coarser as it fills: by powers of two."""

    def __init__(self) -> None:
        self._bits = _GRAIN_BITS
        self._seen: set[int] = set()
        self._last = -1

    def add(self, ns: int) -> None:
        moment = ns >> self._bits
        if moment == self._last:
            return
        self._last = moment
        self._seen.add(moment)
        while len(self._seen) > _MOMENTS:
            self._coarsen()

    def _coarsen(self) -> None:
        self._bits += 1
        self._seen = {moment >> 1 for moment in self._seen}
        self._last = -1

    def merge(self, other: Moments) -> None:
        while self._bits < other._bits:
            self._coarsen()
        shift = self._bits - other._bits
        for moment in other._seen:
            self._seen.add(moment >> shift)
        while len(self._seen) > _MOMENTS:
            self._coarsen()

    def ever(self) -> bool:
        return len(self._seen) > 0

    def between(self, begin_ns: int, end_ns: int) -> bool:
        """Did it happen in between, by moments that lie in between as a whole?"""
        first = (begin_ns >> self._bits) + 1
        last = (end_ns >> self._bits) - 1
        return any(first <= moment <= last for moment in self._seen)


class Service:
    """One server address and port, over all its connections."""

    def __init__(self, version: int, hi: int, lo: int, port: int) -> None:
        self.version = version
        self.hi = hi
        self.lo = lo
        self.port = port
        self.connections = 0
        #: Whose handshake was complete, and in which the server sent data.
        self.established = 0
        self.answered = 0
        self.heard = Moments()
        #: When it last sent data, of each connection.
        self.replied = Moments()
        #: By class of idle time: who closed idle connections after how long (server, client), and the
        #: idle times that ended with data which was answered.
        self.closed: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.survived: dict[int, int] = {}
        self.longest_survived_ns = 0
        #: Idle times that ended with data which nobody answered.
        self.lost: dict[int, int] = {}
        self.shortest_lost_ns = 0
        #: Connections that its accept queue did not take although the handshake was complete.
        self.not_accepted = 0
        #: Connections in which a side announced a window of zero.
        self.zero_windows = 0
        #: Connections in which it had answered, though nothing of that was captured; and lone SYNs.
        self.unseen = 0
        self.lone_syns = 0

    def lose(self, ns: int) -> None:
        """Somebody spoke after so long a silence, in vain."""
        if not self.shortest_lost_ns or ns < self.shortest_lost_ns:
            self.shortest_lost_ns = ns

    def merge(self, other: Service) -> None:
        self.connections += other.connections
        self.established += other.established
        self.answered += other.answered
        self.heard.merge(other.heard)
        self.replied.merge(other.replied)
        for mine, its in zip(
            (*self.closed, self.survived, self.lost),
            (*other.closed, other.survived, other.lost),
            strict=True,
        ):
            for number, n in its.items():
                mine[number] = mine.get(number, 0) + n
        self.longest_survived_ns = max(self.longest_survived_ns, other.longest_survived_ns)
        if other.lost:
            self.lose(other.shortest_lost_ns)
        self.not_accepted += other.not_accepted
        self.zero_windows += other.zero_windows
        self.unseen += other.unseen
        self.lone_syns += other.lone_syns
