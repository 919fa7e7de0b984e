"""What causes ask of a connection besides its own numbers."""

from __future__ import annotations

from tcptrace_py.findings.case import Case
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.service import Service, ServiceKey
from tcptrace_py.tcp.observations import class_ns, idle_class
from tcptrace_py.tcp.serial import distance


def service_key(case: Case) -> ServiceKey:
    server = case.endpoint(case.server_by)
    return (case.connection.ip_version, server.address_hi, server.address_lo, server.port)


def client_key(case: Case) -> ServiceKey:
    client = case.endpoint(case.client_by)
    return (case.connection.ip_version, client.address_hi, client.address_lo, client.port)


def service_of(group: Group, knowledge: Knowledge) -> Service | None:
    """What is known of the service that a group's connections went to, where it is one."""
    if group.side == "server" and group.role == "server":
        return knowledge.service(group.version, group.hi, group.lo, group.service_port)
    if group.peers.count() == 1 and group.service_port >= 0:
        version, hi, lo = group.sole_peer
        return knowledge.service(version, hi, lo, group.service_port)
    return None


def round_trip_ns(case: Case) -> int:
    """The handshake's round trip, both ways past the vantage point; -1 if it was not measured."""
    connection = case.connection
    client, server = case.endpoint(case.client_by), case.endpoint(case.server_by)
    if not connection.syn_frame() or not connection.syn_ack_frame or not connection.ack_frame:
        return -1
    if client.syns != 1 or server.syn_acks != 1:
        return -1
    return connection.ack_ns - connection.syn_ns()


def acknowledged(case: Case, by: int) -> bool:
    """Everything that endpoint ``by`` sent was acknowledged, as far as was seen."""
    endpoint = case.endpoint(by)
    return bool(endpoint.has_una and endpoint.has_snd and distance(endpoint.snd_nxt, endpoint.snd_una) <= 0)


def timer_between(closed: dict[int, int], least_ns: int, most_ns: int) -> tuple[int, int, int]:
    first, last = idle_class(least_ns), idle_class(most_ns)
    near = sorted(number for number in closed if first <= number <= last)
    if not near:
        return 0, 0, 0
    return sum(closed[number] for number in near), class_ns(near[0]), class_ns(near[-1] + 1)
