"""How many sockets are in TIME_WAIT at once: in all, on one address, toward one destination.

Compiled (see ``time_wait.pxd``). A value: ``merge`` is associative and commutative.
"""

from __future__ import annotations

from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.timeline import Timeline

# Connections named as examples of a pile.
_EXAMPLES = 20
# Cells of a time line: of the whole, and of one pile.
_WHOLE_POINTS = 16_384
_PILE_POINTS = 2048
# Piles known at most, of each sort: the smaller half is let go where there are more.
_PILES = 131_072


class Pile:
    """Sockets in TIME_WAIT of one address; ``to_*`` name the destination, if it is about one."""

    def __init__(self) -> None:
        self.ip_version = 4
        self.address_hi = 0
        self.address_lo = 0
        self.to_hi = 0
        self.to_lo = 0
        self.to_port = 0
        #: In it now, in the order in which segments passed, and the most that ever were.
        self.now = 0
        self.most = 0
        self.entered = 0
        #: The first that entered, and the last: time, frame and connection.
        self.first_ns = 0
        self.first_frame = 0
        self.first_connection = -1
        self.last_ns = 0
        self.last_frame = 0
        #: The lowest ids.
        self.connections: list[int] = []
        self.last_named = -1
        self.timeline = Timeline(_PILE_POINTS)

    @property
    def peak(self) -> int:
        """Most at once."""
        most: int = self.timeline.peak()[0]
        return most

    @property
    def peak_at_ns(self) -> int:
        """When the most were first reached."""
        at_ns: int = self.timeline.peak()[1]
        return at_ns

    def enter(self, connection: int, ts_ns: int, frame: int) -> None:
        """One more socket has entered TIME_WAIT."""
        self._first_and_last(ts_ns, frame, connection, ts_ns, frame)
        self.entered += 1
        self.now += 1
        if self.now > self.most:
            self.most = self.now
        self._name(connection)
        self.timeline.arrive(ts_ns)

    def merge(self, other: Pile) -> None:
        """Take in the pile of another part of the capture."""
        self._first_and_last(
            other.first_ns, other.first_frame, other.first_connection, other.last_ns, other.last_frame
        )
        self.entered += other.entered
        self.now += other.now
        for connection in other.connections:
            self._name(connection)
        self.timeline.merge(other.timeline)

    def renumber(self, numbers: list[int]) -> None:
        """Connections have other ids now, in the same order: ``numbers[id]``."""
        self.connections = [numbers[connection] for connection in self.connections]
        if self.last_named >= 0:
            self.last_named = numbers[self.last_named]
        if self.first_connection >= 0:
            self.first_connection = numbers[self.first_connection]

    def _first_and_last(
        self, first_ns: int, first_frame: int, connection: int, last_ns: int, last_frame: int
    ) -> None:
        if (
            self.first_connection < 0
            or first_ns < self.first_ns
            or (first_ns == self.first_ns and first_frame < self.first_frame)
        ):
            self.first_ns = first_ns
            self.first_frame = first_frame
            self.first_connection = connection
        if last_ns > self.last_ns or (last_ns == self.last_ns and last_frame > self.last_frame):
            self.last_ns = last_ns
            self.last_frame = last_frame

    def _name(self, connection: int) -> None:
        named = self.connections
        count = len(named)
        if not count or connection > self.last_named:
            if count < _EXAMPLES:
                named.append(connection)
                self.last_named = connection
        elif connection not in named:
            named.append(connection)
            named.sort()
            del named[_EXAMPLES:]
            self.last_named = named[len(named) - 1]


class TimeWait:
    """Counts endpoints as they enter and leave TIME_WAIT.

    ``floor``: a pile that has drained is forgotten unless its most had reached so many sockets. That
    needs all of a pile in one place: 0, for a part of a capture, forgets none.
    """

    def __init__(self, floor: int) -> None:
        self.floor = floor
        self.now = 0
        self.entered = 0
        self._timeline = Timeline(_WHOLE_POINTS)
        self._by_address: dict[object, Pile] = {}
        self._by_destination: dict[object, Pile] = {}

    @property
    def peak(self) -> int:
        """Most at once."""
        most: int = self._timeline.peak()[0]
        return most

    @property
    def peak_at_ns(self) -> int:
        """When the most were first reached, 0 where there never was any."""
        at_ns: int = self._timeline.peak()[1]
        return at_ns

    def enter(
        self, endpoint: Endpoint, peer: Endpoint, ip_version: int, connection: int, ts_ns: int, frame: int
    ) -> None:
        self.now += 1
        self.entered += 1
        self._timeline.arrive(ts_ns)
        self._of_address(endpoint, ip_version).enter(connection, ts_ns, frame)
        if not endpoint.passive:
            # Only who opens actively takes an ephemeral port, so only it can run out of them.
            self._toward(endpoint, peer, ip_version).enter(connection, ts_ns, frame)

    def leave(self, endpoint: Endpoint, peer: Endpoint, ip_version: int, ts_ns: int) -> None:
        self.now -= 1
        self._timeline.depart(ts_ns)
        self._shrink(self._by_address, (endpoint.address_hi, endpoint.address_lo, ip_version), ts_ns)
        if not endpoint.passive:
            self._shrink(self._by_destination, self._socket_toward(endpoint, peer, ip_version), ts_ns)

    def resume(self, endpoint: Endpoint, peer: Endpoint, ip_version: int, ts_ns: int) -> None:
        """It is in TIME_WAIT still: that it had left at ``ts_ns`` was a wrong belief."""
        self.now += 1
        self._timeline.arrive(ts_ns)
        self._resume(self._of_address(endpoint, ip_version), ts_ns)
        if not endpoint.passive:
            self._resume(self._toward(endpoint, peer, ip_version), ts_ns)

    def take_back(self, endpoint: Endpoint, peer: Endpoint, ip_version: int) -> None:
        """It never entered TIME_WAIT, as was believed; it is counted there still."""
        self.entered -= 1
        pile = self._of_address(endpoint, ip_version)
        pile.entered -= 1
        if not endpoint.passive:
            pile = self._toward(endpoint, peer, ip_version)
            pile.entered -= 1

    def merge(self, other: TimeWait) -> None:
        """Take in what another part of the capture counted, which stays as it is."""
        self.now += other.now
        self.entered += other.entered
        self._timeline.merge(other._timeline)
        self._merge_piles(self._by_address, other._by_address)
        self._merge_piles(self._by_destination, other._by_destination)

    def renumber(self, numbers: list[int]) -> None:
        """Connections have other ids now, in the same order: ``numbers[id]``."""
        for piles in (self._by_address, self._by_destination):
            for pile in piles.values():
                pile.renumber(numbers)

    def addresses(self) -> list[Pile]:
        """Piles by the address that holds them."""
        return list(self._by_address.values())

    def destinations(self) -> list[Pile]:
        """Piles of active openers by address and destination."""
        return list(self._by_destination.values())

    def _merge_piles(self, piles: dict[object, Pile], others: dict[object, Pile]) -> None:
        for key, other in others.items():
            pile = piles.get(key)
            if pile is None:
                pile = Pile()
                pile.ip_version = other.ip_version
                pile.address_hi = other.address_hi
                pile.address_lo = other.address_lo
                pile.to_hi = other.to_hi
                pile.to_lo = other.to_lo
                pile.to_port = other.to_port
                piles[key] = pile
            pile.merge(other)

    def _of_address(self, endpoint: Endpoint, ip_version: int) -> Pile:
        key = (endpoint.address_hi, endpoint.address_lo, ip_version)
        pile = self._by_address.get(key)
        return self._begin(self._by_address, key, endpoint, ip_version) if pile is None else pile

    def _toward(self, endpoint: Endpoint, peer: Endpoint, ip_version: int) -> Pile:
        key = self._socket_toward(endpoint, peer, ip_version)
        pile = self._by_destination.get(key)
        if pile is None:
            pile = self._begin(self._by_destination, key, endpoint, ip_version)
            pile.to_hi = peer.address_hi
            pile.to_lo = peer.address_lo
            pile.to_port = peer.port
        return pile

    def _socket_toward(self, endpoint: Endpoint, peer: Endpoint, ip_version: int) -> object:
        version_and_port = ip_version << 16 | peer.port
        return (
            endpoint.address_hi,
            endpoint.address_lo,
            peer.address_hi,
            peer.address_lo,
            version_and_port,
        )

    def _begin(self, piles: dict[object, Pile], key: object, endpoint: Endpoint, ip_version: int) -> Pile:
        if len(piles) >= _PILES:
            self._let_go(piles)
        pile = Pile()
        pile.ip_version = ip_version
        pile.address_hi = endpoint.address_hi
        pile.address_lo = endpoint.address_lo
        piles[key] = pile
        return pile

    def _let_go(self, piles: dict[object, Pile]) -> None:
        ranked = sorted(piles.items(), key=lambda item: (item[1].entered, item[0]))
        for key, _ in ranked[: len(ranked) // 2]:
            del piles[key]

    def _resume(self, pile: Pile, ts_ns: int) -> None:
        pile.now += 1
        pile.timeline.arrive(ts_ns)

    def _shrink(self, piles: dict[object, Pile], key: object, ts_ns: int) -> None:
        pile = piles.get(key)
        if pile is None:
            return
        pile.now -= 1
        pile.timeline.depart(ts_ns)
        if pile.now <= 0 and pile.most < self.floor:
            del piles[key]
