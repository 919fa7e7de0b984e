"""Which side is the client where nobody was seen to open the connection (4.7 of the design).

Compiled (see ``roles.pxd``): every passive opener is remembered.
"""

from __future__ import annotations

from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.words import BY_FIRST_SPEAKER, BY_LISTENER, BY_PORT

# Listeners remembered: more than any real network that one interface sees has.
_LISTENERS = 1 << 18
_IPV4_LAST = 0xFFFFFFFF


class Roles:
    """Who was seen to listen, and guesses from that."""

    def __init__(self) -> None:
        self._listeners: set[object] = set()

    def listens(self, endpoint: Endpoint) -> None:
        """The endpoint was seen to accept a connection."""
        if len(self._listeners) < _LISTENERS:
            self._listeners.add(self._socket(endpoint))

    def guess(self, connection: Connection) -> None:
        """A known listener is the server, or else the lower port, or else who did not speak first."""
        a = connection.a
        b = connection.b
        a_listens = self._socket(a) in self._listeners
        b_listens = self._socket(b) in self._listeners
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
