"""What a capture knows of a client's address toward a service, and of the connections of a client's port.

Compiled (see ``uses.pxd``). Bounded, and merges to the same whatever part noted which connection.
"""

from __future__ import annotations

from tcptrace_py.findings.distinct import mix
from tcptrace_py.findings.kept import Sample
from tcptrace_py.findings.moments import Moments
from tcptrace_py.findings.service import ServiceKey
from tcptrace_py.tcp.attempt import Attempt
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.serial import advance

#: SYNs with timestamps kept of one pair, of those answered and of those that were not.
_STAMPS = 48
#: Connections kept of one client's port.
_USES = 16


class Pair:
    """A client's address toward a service: when it was served, timestamps of its SYNs, answered and not.

    Or (port 0) toward a host: whose answers to it were not captured.
    """

    def __init__(self) -> None:
        #: ``(ns, ts_val)`` by their hash.
        self.stamps = Sample(_STAMPS)
        self.unanswered = Sample(_STAMPS)
        self.served = Moments()
        #: Connections in which the host had answered, though nothing of that was captured.
        self.unseen = 0

    def merge(self, other: Pair) -> None:
        self.stamps.narrow(other.stamps)
        for ns, ts_val in other.stamps.entries.values():
            self.add(ns, ts_val, True)
        self.unanswered.narrow(other.unanswered)
        for ns, ts_val in other.unanswered.entries.values():
            self.add(ns, ts_val, False)
        self.served.merge(other.served)
        self.unseen += other.unseen

    def add(self, ns: int, ts_val: int, answered: bool) -> None:
        kept = self.stamps if answered else self.unanswered
        rank = mix(ns, ts_val)
        if kept.wants(rank):
            kept.put(rank, (ns, ts_val))


class Use:
    """A connection by its client's port: numbers that tell whose a lone segment is."""

    def fill(self, connection: Connection, client: Endpoint, server: Endpoint) -> None:
        self.id = connection.id
        self.first_ns = connection.first_ns
        self.last_ns = connection.last_ns
        self.version = connection.ip_version
        self.client_hi = client.address_hi
        self.client_lo = client.address_lo
        self.hi = server.address_hi
        self.lo = server.address_lo
        self.port = server.port
        self.has_isn = bool(client.has_isn)
        self.isn = client.isn
        self.answered = server.packets > 0
        self.client_nxt = client.snd_nxt
        self.has_server = bool(server.has_snd)
        #: The first number that the server was seen to use, which is that of a lone segment.
        self.server_first = server.isn if server.has_isn else advance(server.snd_nxt, -server.bytes)
        self.server_nxt = server.snd_nxt
        self.begun_by_syn = bool(connection.syn_frame())
        self.has_acked = bool(server.has_rcv)
        self.acked = server.rcv_nxt

    def fill_syn(self, attempt: Attempt) -> None:
        self.id = attempt.id
        self.first_ns = attempt.ts_ns
        self.last_ns = attempt.ts_ns
        self.version = attempt.ip_version
        self.client_hi = attempt.src_hi
        self.client_lo = attempt.src_lo
        self.hi = attempt.dst_hi
        self.lo = attempt.dst_lo
        self.port = attempt.dst_port
        self.has_isn = True
        self.isn = attempt.seq
        self.answered = False
        self.client_nxt = advance(attempt.seq, 1)
        self.has_server = False
        self.server_first = 0
        self.server_nxt = 0
        self.begun_by_syn = True
        self.has_acked = False
        self.acked = 0

    @property
    def server(self) -> ServiceKey:
        return (self.version, self.hi, self.lo, self.port)


def use_of(connection: Connection, client: Endpoint, server: Endpoint) -> Use:
    """The connection as a use of its client's port."""
    # (Compiled, a constructor's arguments go through a tuple, and numbers through objects.)
    use = Use()
    use.fill(connection, client, server)
    return use


def pair_rank(client_hi: int, client_lo: int, server_hi: int, server_lo: int, port: int) -> int:
    return mix(mix(client_hi, client_lo), mix(server_hi ^ (port << 48), server_lo))


def remember(uses: list[Use], use: Use) -> None:
    """The latest connections of a client's port; of those to one service the latest two."""
    same = 0
    oldest: Use | None = None
    oldest_same: Use | None = None
    for each in uses:
        if oldest is None or _before(each, oldest):
            oldest = each
        if each.lo == use.lo and each.port == use.port and each.hi == use.hi:
            same += 1
            if oldest_same is None or _before(each, oldest_same):
                oldest_same = each
    if same < 2 and len(uses) < _USES:
        uses.append(use)
        return
    gone = oldest if same < 2 else oldest_same
    if gone is not None and _before(gone, use):
        uses[uses.index(gone)] = use


def _before(one: Use, other: Use) -> bool:
    return one.first_ns < other.first_ns or (one.first_ns == other.first_ns and one.id < other.id)
