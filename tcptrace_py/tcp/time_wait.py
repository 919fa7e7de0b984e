"""How many sockets are in TIME_WAIT at once: in all, on one address, toward one destination.

Compiled (see ``time_wait.pxd``). A value: ``merge`` is associative and commutative.
"""

from __future__ import annotations

from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.timeline import Timeline, arrives, departs

# Connections named as examples of a pile.
_EXAMPLES = 20
# Cells of a time line: of the whole, and of one pile.
_WHOLE_POINTS = 16_384
_PILE_POINTS = 2048
# Piles known at most, of each sort: the smaller half is let go where there are more.
_PILES = 131_072
# Piles asked for lately, each in the one place that its addresses and port give it: a power of two.
_RECENT = 2048
# Odd numbers, such as those of splitmix64, that carry each bit of an address to the lowest.
_MIX = 0x9E3779B97F4A7C15
_MIX_TO = 0xBF58476D1CE4E5B9

#: IP version, address (two halves), and of a destination address and port; 0 where all are meant.
Key = tuple[int, int, int, int, int, int]


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
        #: Arrivals on the time line: those that entered, also where that was taken back, or came back.
        self.arrived = 0
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

    def enter(self, connection: int, ts_ns: int, frame: int, arrival: int) -> None:
        """One more socket has entered TIME_WAIT; ``arrival`` says so to a time line."""
        self._first_and_last(ts_ns, frame, connection, ts_ns, frame)
        self.entered += 1
        self.arrived += 1
        self.now += 1
        if self.now > self.most:
            self.most = self.now
        self._name(connection)
        self.timeline.add(arrival)

    def merge(self, other: Pile) -> None:
        """Take in the pile of another part of the capture."""
        self._first_and_last(
            other.first_ns, other.first_frame, other.first_connection, other.last_ns, other.last_frame
        )
        self.entered += other.entered
        self.arrived += other.arrived
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
        if count == _EXAMPLES and connection > self.last_named:
            return
        at = count
        while at > 0:
            before = named[at - 1]
            if before == connection:
                return
            if before < connection:
                break
            at -= 1
        named.insert(at, connection)
        if count == _EXAMPLES:
            named.pop()
        self.last_named = named[len(named) - 1]


def _place(lo: int, to_lo: int, to_port: int) -> int:
    mixed = lo * _MIX ^ (to_lo ^ to_port) * _MIX_TO
    return (mixed ^ (mixed >> 32)) % _RECENT


class Piles:
    """Piles by what they are of."""

    def __init__(self) -> None:
        self.by_key: dict[Key, Pile] = {}
        self._recent: list[Pile | None] = [None] * _RECENT

    def find(self, endpoint: Endpoint, to_hi: int, to_lo: int, to_port: int, ip_version: int) -> Pile | None:
        """The pile of an endpoint's address, toward one destination or in all; None where there is none."""
        place = _place(endpoint.address_lo, to_lo, to_port)
        pile = self._recent[place]
        if (
            pile is not None
            and pile.address_lo == endpoint.address_lo
            and pile.to_lo == to_lo
            and pile.to_port == to_port
            and pile.address_hi == endpoint.address_hi
            and pile.to_hi == to_hi
            and pile.ip_version == ip_version
        ):
            return pile
        pile = self.by_key.get((ip_version, endpoint.address_hi, endpoint.address_lo, to_hi, to_lo, to_port))
        self._recent[place] = pile
        return pile

    def of(self, endpoint: Endpoint, to_hi: int, to_lo: int, to_port: int, ip_version: int) -> Pile:
        """The same, begun if need be."""
        pile = self.find(endpoint, to_hi, to_lo, to_port, ip_version)
        if pile is None:
            key = (ip_version, endpoint.address_hi, endpoint.address_lo, to_hi, to_lo, to_port)
            pile = self._begin(key)
        return pile

    def _begin(self, key: Key) -> Pile:
        if len(self.by_key) >= _PILES:
            self._let_go()
        pile = Pile()
        pile.ip_version, pile.address_hi, pile.address_lo, pile.to_hi, pile.to_lo, pile.to_port = key
        self.by_key[key] = pile
        return pile

    def remove(self, pile: Pile) -> None:
        key = (pile.ip_version, pile.address_hi, pile.address_lo, pile.to_hi, pile.to_lo, pile.to_port)
        del self.by_key[key]
        self._recent[_place(pile.address_lo, pile.to_lo, pile.to_port)] = None

    def _let_go(self) -> None:
        ranked = sorted(self.by_key.items(), key=lambda item: (item[1].entered, item[0]))
        for key, _ in ranked[: len(ranked) // 2]:
            del self.by_key[key]
        self._recent = [None] * _RECENT

    def merge(self, other: Piles) -> None:
        for key, pile in other.by_key.items():
            mine = self.by_key.get(key)
            if mine is None:
                mine = self._begin(key)
            mine.merge(pile)


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
        self._by_address = Piles()
        #: Only who opens actively takes an ephemeral port, so only it can run out of them.
        self._by_destination = Piles()

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
        arrival = arrives(ts_ns)
        self.now += 1
        self.entered += 1
        self._timeline.add(arrival)
        self._by_address.of(endpoint, 0, 0, 0, ip_version).enter(connection, ts_ns, frame, arrival)
        if not endpoint.passive:
            pile = self._by_destination.of(endpoint, peer.address_hi, peer.address_lo, peer.port, ip_version)
            pile.enter(connection, ts_ns, frame, arrival)

    def leave(self, endpoint: Endpoint, peer: Endpoint, ip_version: int, ts_ns: int) -> None:
        departure = departs(ts_ns)
        self.now -= 1
        self._timeline.add(departure)
        self._shrink(self._by_address, self._by_address.find(endpoint, 0, 0, 0, ip_version), departure)
        if not endpoint.passive:
            piles = self._by_destination
            pile = piles.find(endpoint, peer.address_hi, peer.address_lo, peer.port, ip_version)
            self._shrink(piles, pile, departure)

    def take_back(
        self, endpoint: Endpoint, peer: Endpoint, ip_version: int, entered_ns: int, left_ns: int
    ) -> None:
        """It never entered TIME_WAIT at ``entered_ns``, nor left it again (-1: had not), as was believed."""
        self.entered -= 1
        self._take_back(self._by_address.of(endpoint, 0, 0, 0, ip_version), left_ns)
        if not endpoint.passive:
            pile = self._by_destination.of(endpoint, peer.address_hi, peer.address_lo, peer.port, ip_version)
            self._take_back(pile, left_ns)
        if left_ns >= 0:
            self.now += 1
            self._timeline.arrive(left_ns)
        self.leave(endpoint, peer, ip_version, entered_ns)

    def merge(self, other: TimeWait) -> None:
        """Take in what another part of the capture counted, which stays as it is."""
        self.now += other.now
        self.entered += other.entered
        self._timeline.merge(other._timeline)
        self._by_address.merge(other._by_address)
        self._by_destination.merge(other._by_destination)

    def renumber(self, numbers: list[int]) -> None:
        """Connections have other ids now, in the same order: ``numbers[id]``."""
        for pile in (*self.addresses(), *self.destinations()):
            pile.renumber(numbers)

    def addresses(self) -> list[Pile]:
        """Piles by the address that holds them."""
        return list(self._by_address.by_key.values())

    def destinations(self) -> list[Pile]:
        """Piles of active openers by address and destination."""
        return list(self._by_destination.by_key.values())

    def _take_back(self, pile: Pile, left_ns: int) -> None:
        pile.entered -= 1
        if left_ns >= 0:
            pile.now += 1
            pile.arrived += 1
            pile.timeline.arrive(left_ns)

    def _shrink(self, piles: Piles, pile: Pile | None, departure: int) -> None:
        if pile is None:
            return
        pile.now -= 1
        pile.timeline.add(departure)
        if pile.now <= 0 and pile.most < self.floor:
            piles.remove(pile)
