"""Scans: attempts at many ports or addresses are one ``probe``, no failures of each. And SYN floods."""

from __future__ import annotations

from collections.abc import Mapping, Set

from tcptrace_py.findings.finding import Finding
from tcptrace_py.findings.group import MANY, Group, Groups
from tcptrace_py.findings.service import Service
from tcptrace_py.findings.texts import SYN_FLOOD, TEXTS, remedy
from tcptrace_py.findings.wording import times

KIND = "probe"
#: What a scan's attempts would be called by themselves.
EXPLAINS = frozenset({"connection-refused", "connection-timeout", "connection-unreachable"})

#: So many attempts at once at one service look like an attack or an outage.
FLOOD = 100

# Ports of one host, or hosts on one port, from which on it is a scan: nobody has so many services, or tries
# so many addresses of one name.
_PORTS = 20
_HOSTS = 50
# Attempts at each; who wants to be served comes back.
_ATTEMPTS = 1.5
# So many ports of one host nobody needs, however often each is tried.
_PLENTY = 100
# So often a scanner tries one port again.
_AGAIN = 3
# A port of its own for so many of the hosts: peers that were heard of somewhere, not a list of ports.
_OWN_PORT = 0.5


#: IP version and address (two halves).
Client = tuple[int, int, int]
Scanners = Set[Client]


def scanned(group: Group) -> bool:
    """One client (the group is about the peer) tried each of many ports or addresses about once."""
    if not group.about_peer or group.side != "server":
        return False
    if group.count > _ATTEMPTS * group.targets.count() and group.ports < _PLENTY * group.hosts:
        return False
    if group.ports >= _PORTS and group.ports > group.hosts / _OWN_PORT:
        return True
    return group.hosts >= _HOSTS and group.ports <= group.hosts * 0.1


def scans(attempts: Mapping[str, Groups]) -> tuple[list[Finding], Scanners, list[list[Group]]]:
    """Scans, one finding for each who scans; these clients; and what else failed, of each kind of attempts.

    ``attempts``: failed ones, by what became of them (``refused``). A scan meets several answers, and of each
    perhaps too few to look like one.
    """
    joint = Groups()
    if sum(len(groups) for groups in attempts.values()) >= MANY:
        for group in (each for groups in attempts.values() for each in groups):
            if group.role == "others" or group.count <= _AGAIN:
                joint.take(group)
    scanners = {(group.version, group.hi, group.lo): group for group in joint.by_peer() if scanned(group)}
    met: dict[Client, dict[str, int]] = {client: {} for client in scanners}
    found = []
    others: list[list[Group]] = []
    for answer, groups in attempts.items():
        others.append([])
        for group in groups.by_peer():
            client = _client(group)
            if client is not None and client in met and (group.about_peer or group.count <= _AGAIN):
                met[client][answer] = met[client].get(answer, 0) + group.count
            elif scanned(group):
                found.append(_scan_finding(group, answer))
            else:
                others[-1].append(group)
    for client, group in scanners.items():
        answers = met[client]
        each = [f"{n:,} {answer}" for answer, n in answers.items()] if len(answers) > 1 else list(answers)
        found.append(_scan_finding(group, ", ".join(each)))
    return found, set(scanners), others


def begun_scans(begun: Groups) -> dict[Client, Finding]:
    """Scans of ports that were under way when the capture ended, by who scans.

    Many addresses on one port do not tell: so a program that has just started looks too.
    """
    return {
        client: _scan_finding(group, "still under way as far as the capture goes")
        for group in begun.by_peer()
        if scanned(group) and group.ports >= _PORTS and (client := _client(group))
    }


def _client(group: Group) -> Client | None:
    """The one client whose attempts a group has; None if there are several."""
    if group.side != "server":
        return None
    if group.about_peer:
        return (group.version, group.hi, group.lo)
    return group.sole_peer if group.peers.count() == 1 else None


def flood_finding(group: Group, kind: str, service: Service | None) -> Finding | None:
    """A SYN flood that the capture ends in before any attempt is late; None where it is no such thing.

    ``group``: attempts that are under way at the capture's end, at one service.
    """
    if group.count < FLOOD or group.role != "server" or group.peers.count() * 2 < group.count:
        return None
    if service is not None and group.count * 2 < service.connections:
        # So many are under way at any moment where so many are served.
        return None
    explanation = (
        f"{times(group.count, 'attempt')} at {group.who()[0].lower()}{group.who()[1:]} from"
        f" {times(group.peers.count(), 'address', 'addresses')} were still under way as far as the"
        " capture goes, and hardly any other was completed: a SYN flood, most likely."
    )
    return group.finding(kind, "warning", explanation, remedy(SYN_FLOOD, ""))


def peers_tried(group: Group, hosts: int = _PORTS) -> bool:
    """Many hosts, most of them on a port of its own: so peer-to-peer programs look for peers."""
    many = group.about_peer and group.side == "server" and group.hosts >= hosts
    return many and group.ports >= _OWN_PORT * group.hosts


def _scan_finding(group: Group, answer: str) -> Finding:
    """``answer``: what became of the attempts, ``refused``."""
    text = TEXTS[KIND]
    ports, hosts = times(group.ports, "port"), times(group.hosts, "address", "addresses")
    explanation = (
        f"{group.they()[0].upper()}{group.they()[1:]} tried {ports} of {hosts}, each about once:"
        f" {times(group.count, 'attempt')}, {answer}. That is a scan."
        f" {text.meaning}"
    )
    return group.finding(KIND, "info", explanation, remedy(text, ""))
