"""What the sockets of all known connections are doing now: one look at each of them.

Compiled (see ``census.pxd``). Only live capture asks, now and then.
"""

from __future__ import annotations

from tcptrace_py.findings.suspicion import Suspicion
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.state import CLOSE_WAIT, CLOSED, LISTEN, STATES

#: IP version, upper and lower 64 bits of an address, port.
Socket = tuple[int, int, int, int]


class Census:
    """States of clients and servers, who holds CLOSE_WAIT, and which connections are suspicious.

    ``close_waits``: for each holder (a server by its address and port; a client by its address,
    with port -1) how many, and since when the oldest, ns since the epoch. Connections that are
    over hold no socket: they are not counted, but can be suspicious.
    """

    def __init__(self) -> None:
        self.alive = 0
        self.clients = [0] * STATES
        self.servers = [0] * STATES
        self.close_waits: dict[Socket, tuple[int, int]] = {}
        self.suspects: list[Connection] = []

    def take(self, connections: list[Connection], suspicion: Suspicion, now_ns: int) -> None:
        """Count all of these; a connection at a time, in one go."""
        clients = self.clients
        servers = self.servers
        for connection in connections:
            if suspicion.suspicious(connection, now_ns):
                self.suspects.append(connection)
            client = connection.client()
            server = connection.server()
            client_state = client.state
            server_state = server.state
            if (client_state == CLOSED or client_state == LISTEN) and (
                server_state == CLOSED or server_state == LISTEN
            ):
                continue
            self.alive += 1
            clients[client_state] += 1
            servers[server_state] += 1
            if client_state == CLOSE_WAIT:
                self._hold(connection, client, -1, server.fin_acked_ns)
            if server_state == CLOSE_WAIT:
                self._hold(connection, server, server.port, client.fin_acked_ns)

    def _hold(self, connection: Connection, endpoint: Endpoint, port: int, since_ns: int) -> None:
        key = (connection.ip_version, endpoint.address_hi, endpoint.address_lo, port)
        count, oldest_ns = self.close_waits.get(key, (0, since_ns))
        self.close_waits[key] = (count + 1, min(oldest_ns, since_ns))
