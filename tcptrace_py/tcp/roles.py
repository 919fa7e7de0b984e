"""Which side is the client where nobody was seen to open the connection (4.7 of the design).

Compiled (see ``roles.pxd``): every passive opener is remembered.
"""

from __future__ import annotations

from tcptrace_py.tcp.codes import BY_FIRST_SPEAKER, BY_LISTENER, BY_PORT
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint

#: Connections whose roles are guessed only when all listeners are known: the first that began.
MOST_UNDECIDED = 10_000

# Listeners remembered: more than any real network that one interface sees has.
_LISTENERS = 1 << 18
_IPV4_LAST = 0xFFFFFFFF
_RECENT = 256


class Listeners:
    """Who was seen to listen, and guesses from that. A value: ``merge`` is associative and commutative.

    Of more than are remembered, those with the least addresses and ports stay, in whatever order they came.
    """

    def __init__(self) -> None:
        self._sockets: set[object] = set()
        #: Some that were added lately, each in the one place that its address and port give it.
        self._recent: list[Endpoint | None] = [None] * _RECENT

    def add(self, endpoint: Endpoint) -> None:
        """The endpoint was seen to accept a connection."""
        place = (endpoint.address_lo ^ endpoint.port) % _RECENT
        recent = self._recent[place]
        if (
            recent is not None
            and recent.port == endpoint.port
            and recent.address_lo == endpoint.address_lo
            and recent.address_hi == endpoint.address_hi
        ):
            return
        self._recent[place] = endpoint
        self._sockets.add(self._socket(endpoint))
        if len(self._sockets) > 2 * _LISTENERS:
            self.prune()

    def merge(self, other: Listeners) -> None:
        """Take in those that were seen in another part of the capture."""
        self._sockets |= other._sockets
        if len(self._sockets) > 2 * _LISTENERS:
            self.prune()

    def prune(self) -> None:
        """Keep no more than are remembered."""
        if len(self._sockets) > _LISTENERS:
            self._sockets = set(sorted(self._sockets, key=_order)[:_LISTENERS])

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (self._sockets,)

    def restore(self, sockets: set[object]) -> None:
        """Be those, of none."""
        self._sockets = sockets

    def guess(self, connection: Connection) -> None:
        """A known listener is the server, or else the lower port, or else who did not speak first."""
        a = connection.a
        b = connection.b
        a_listens = self._socket(a) in self._sockets
        b_listens = self._socket(b) in self._sockets
        if a_listens != b_listens:
            connection.client_is_a = b_listens
            connection.roles_basis = BY_LISTENER
        elif a.port != b.port:
            connection.client_is_a = b.port < a.port
            connection.roles_basis = BY_PORT
        else:
            connection.client_is_a = True
            connection.roles_basis = BY_FIRST_SPEAKER

    def _socket(self, endpoint: Endpoint) -> object:
        """What tells its address and port from all others; one number for IPv4, which is quicker."""
        if endpoint.address_hi or endpoint.address_lo > _IPV4_LAST:
            return endpoint.address_hi, endpoint.address_lo, endpoint.port
        return endpoint.address_lo << 16 | endpoint.port


def _restored(sockets: set[object]) -> Listeners:
    listeners = Listeners()
    listeners.restore(sockets)
    return listeners


def _order(socket: object) -> tuple[int, int, int]:
    return socket if isinstance(socket, tuple) else (0, 0, int(socket))  # type: ignore[call-overload]
