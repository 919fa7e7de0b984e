"""What a finding costs beside all that went well: of few connections among many it is worth knowing."""

from __future__ import annotations

from collections.abc import Sequence

from tcptrace_py.findings.finding import Finding
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.wire.address import parse_address
from tcptrace_py.wire.inside import is_inside

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
#: What is told from a segment that is not there.
_BY_ABSENCE = _EVERYDAY | {
    "accept-queue-full",
    "idle-timeout",
    "keep-alive-race",
    "stuck-close-wait",
    "stuck-fin-wait-2",
    "unresponsive-server",
}
_MANY = 10
#: So few connections, of so many times as many; and however many they are, of so many times as many.
_FEW, _OF_MANY, _OF_ALL = 2, 10, 1000
#: Connections that went well, from which on one attempt at what serves nobody is somebody's who looks around.
_SERVED = 5


def weigh(findings: Sequence[Finding], knowledge: Knowledge) -> None:
    """Warnings about so little of what the capture holds that nobody would act upon it become information.

    So do those that rest on what did not pass, of few connections, where the capture lost segments.
    """
    opened = sum(service.established for service in knowledge.services.entries.values())
    for finding in findings:
        if _everyday(finding, knowledge, opened):
            finding.severity = "info"
    if knowledge.lossy():
        for finding in findings:
            if finding.severity != "info" and finding.kind in _BY_ABSENCE and finding.count < _MANY:
                finding.severity, finding.confidence = "info", "possible"
                of = f"{knowledge.holed:,} of {knowledge.connections:,} connections"
                finding.explanation += f" The capture lacks segments of {of}: that may be all there is to it."


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
