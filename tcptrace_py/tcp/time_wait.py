"""How many sockets are in TIME_WAIT at once: in all, on one address, toward one destination.

Compiled (see ``time_wait.pxd``). Only who has sockets in TIME_WAIT now, or once
had many, is remembered.
"""

from __future__ import annotations

from tcptrace_py.tcp.endpoint import Endpoint

# Connections named as examples of a pile.
_EXAMPLES = 20


class Pile:
    """Sockets in TIME_WAIT of one address; ``to_*`` name the destination, if it is about one."""

    def __init__(self) -> None:
        self.ip_version = 4
        self.address_hi = 0
        self.address_lo = 0
        self.to_hi = 0
        self.to_lo = 0
        self.to_port = 0
        self.now = 0
        self.peak = 0
        self.peak_at_ns = 0
        self.entered = 0
        self.first_ns = 0
        self.last_ns = 0
        self.first_frame = 0
        self.last_frame = 0
        self.connections: list[int] = []


class TimeWait:
    """Counts endpoints as they enter and leave TIME_WAIT.

    A pile that has drained is forgotten unless its peak had reached ``floor`` sockets.
    """

    def __init__(self, floor: int) -> None:
        self.floor = floor
        self.now = 0
        self.peak = 0
        self.peak_at_ns = 0
        self.entered = 0
        self._by_address: dict[object, Pile] = {}
        self._by_destination: dict[object, Pile] = {}

    def enter(
        self, endpoint: Endpoint, peer: Endpoint, ip_version: int, connection: int, ts_ns: int, frame: int
    ) -> None:
        self.now += 1
        self.entered += 1
        if self.now > self.peak:
            self.peak = self.now
            self.peak_at_ns = ts_ns
        pile = self._pile(self._by_address, (endpoint.address_hi, endpoint.address_lo, ip_version), endpoint)
        pile.ip_version = ip_version
        self._grow(pile, connection, ts_ns, frame)
        if not endpoint.passive:
            # Only who opens actively takes an ephemeral port, so only it can run out of them.
            pile = self._pile(
                self._by_destination,
                (endpoint.address_hi, endpoint.address_lo, peer.address_hi, peer.address_lo, peer.port),
                endpoint,
            )
            pile.ip_version = ip_version
            pile.to_hi = peer.address_hi
            pile.to_lo = peer.address_lo
            pile.to_port = peer.port
            self._grow(pile, connection, ts_ns, frame)

    def leave(self, endpoint: Endpoint, peer: Endpoint, ip_version: int) -> None:
        self.now -= 1
        self._shrink(self._by_address, (endpoint.address_hi, endpoint.address_lo, ip_version))
        if not endpoint.passive:
            self._shrink(
                self._by_destination,
                (endpoint.address_hi, endpoint.address_lo, peer.address_hi, peer.address_lo, peer.port),
            )

    def resume(self, endpoint: Endpoint, peer: Endpoint, ip_version: int) -> None:
        """It is in TIME_WAIT still: that it had left was a wrong belief."""
        self.now += 1
        key = (endpoint.address_hi, endpoint.address_lo, ip_version)
        pile = self._pile(self._by_address, key, endpoint)
        pile.now += 1
        if not endpoint.passive:
            toward = (endpoint.address_hi, endpoint.address_lo, peer.address_hi, peer.address_lo, peer.port)
            pile = self._pile(self._by_destination, toward, endpoint)
            pile.now += 1

    def _pile(self, piles: dict[object, Pile], key: object, endpoint: Endpoint) -> Pile:
        pile = piles.get(key)
        if pile is None:
            pile = Pile()
            pile.address_hi = endpoint.address_hi
            pile.address_lo = endpoint.address_lo
            piles[key] = pile
        return pile

    def _grow(self, pile: Pile, connection: int, ts_ns: int, frame: int) -> None:
        pile.now += 1
        pile.entered += 1
        if pile.entered == 1:
            pile.first_ns = ts_ns
            pile.first_frame = frame
        pile.last_ns = ts_ns
        pile.last_frame = frame
        if pile.now > pile.peak:
            pile.peak = pile.now
            pile.peak_at_ns = ts_ns
        if pile.entered <= _EXAMPLES:
            pile.connections.append(connection)

    def _shrink(self, piles: dict[object, Pile], key: object) -> None:
        pile = piles.get(key)
        if pile is None:
            return
        pile.now -= 1
        if pile.now <= 0 and pile.peak < self.floor:
            del piles[key]

    def addresses(self) -> list[Pile]:
        """Piles by the address that holds them."""
        return list(self._by_address.values())

    def destinations(self) -> list[Pile]:
        """Piles of active openers by address and destination."""
        return list(self._by_destination.values())
