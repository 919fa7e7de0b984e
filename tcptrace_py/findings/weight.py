"""What a finding costs beside all that went well: of few connections among many it is worth knowing."""

from __future__ import annotations

from collections.abc import Iterable

from tcptrace_py.findings.finding import Finding
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.wire.address import is_inside, parse_address

#: Attempts at what does not answer. Programs look for devices and services that are not there, every day.
_ATTEMPTS = frozenset(("connection-refused", "connection-timeout", "connection-unreachable"))
#: What hosts do every day, or what happens to them on the Internet and in the air.
_EVERYDAY = _ATTEMPTS | {
    "dead-peer",
    "half-open-handshake",
    "path-state-lost",
    "reset-abort",
    "reset-after-close",
    "reset-no-connection",
    "unacknowledged-fin",
}
#: So few connections, of so many times as many; and however many they are, of so many times as many.
_FEW, _OF_MANY, _OF_ALL = 2, 10, 1000
#: Connections that went well, from which on one attempt at what serves nobody is somebody's who looks around.
_SERVED = 5


def weigh(findings: Iterable[Finding], knowledge: Knowledge) -> None:
    """Warnings about so little of what the capture holds that nobody would act upon it become information."""
    opened = sum(service.established for service in knowledge.services.entries.values())
    for finding in findings:
        if _everyday(finding, knowledge, opened):
            finding.severity = "info"


def _everyday(finding: Finding, knowledge: Knowledge, opened: int) -> bool:
    """``opened``: connections of the capture that were open once."""
    subject = finding.subject
    if finding.kind not in _EVERYDAY or finding.severity != "warning" or subject.address is None:
        return False
    hi, lo, version = parse_address(subject.address)
    whole = served = 0
    if subject.role == "server" and subject.port is not None:
        service = knowledge.service(version, hi, lo, subject.port)
        if service is not None:
            whole, served = service.connections, service.established
    if finding.kind in _ATTEMPTS and finding.count == 1 and not served and opened >= _SERVED:
        # Nobody came back to it, and whoever tried is served elsewhere.
        return True
    if finding.count * _OF_MANY > opened:
        return False
    if finding.count * _OF_ALL <= max(whole, opened if subject.role == "client" else 0):
        return True
    if finding.count > _FEW:
        return False
    # A service of one's own that fails as a whole matters, however little of the capture it is.
    return subject.role != "server" or not is_inside(hi, lo, version) or finding.count * _OF_MANY <= whole
