"""What every report for people says first, made once: verdict, scope, whose doing, and in which order.

The terminal, Markdown, GitHub's annotations and the picture all take it from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, tzinfo
from typing import NamedTuple

from tcptrace_py.findings.finding import SEVERITIES, Finding, Process, Severity
from tcptrace_py.findings.texts import TEXTS
from tcptrace_py.findings.wording import duration, times
from tcptrace_py.report.model.model import Handshakes, Report, Service
from tcptrace_py.report.people.clock import moment

#: A kind that only shows what another kind on the same connections says of the culprit.
_MIRROR_OF = {"stuck-fin-wait-2": "stuck-close-wait"}
_COUNTED: dict[Severity, tuple[str, str]] = {
    "critical": ("critical", "critical"),
    "warning": ("warning", "warnings"),
    "info": ("informational", "informational"),
}
# Processes, and file descriptors of each, that are named; so much of a command line names a program.
_PROCESSES = 3
_DESCRIPTORS = 5
_COMMAND_CHARACTERS = 60


class Shown(NamedTuple):
    """A finding as it is shown; ``mirrors`` are findings that say the same from the other side."""

    finding: Finding
    mirrors: list[Finding]


def folded(findings: Sequence[Finding]) -> list[Shown]:
    """The findings in their order, mirrors under their culprit."""
    shown = [Shown(finding, []) for finding in findings]
    culprit_of: dict[tuple[str, int], Shown] = {}
    for each in shown:
        if each.finding.kind in _MIRROR_OF.values():
            for connection in each.finding.connections:
                culprit_of.setdefault((each.finding.kind, connection), each)
    kept = []
    for each in shown:
        finding = each.finding
        kind = _MIRROR_OF.get(finding.kind)
        if kind is not None and finding.severity == "info" and finding.connections:
            culprits = [culprit_of.get((kind, connection)) for connection in finding.connections]
            if culprits[0] is not None and None not in culprits:
                culprits[0].mirrors.append(finding)
                continue
        kept.append(each)
    return kept


def counted(findings: Iterable[Finding]) -> str:
    """``1 critical, 4 warnings, 2 allowed``; empty where there are none."""
    findings = list(findings)
    severities = [finding.severity for finding in findings if finding.allowed is None]
    numbers = ((severities.count(severity), severity) for severity in SEVERITIES)
    counts = [times(n, *_COUNTED[severity]) for n, severity in numbers if n]
    if allowed := len(findings) - len(severities):
        counts.append(f"{allowed:,} allowed")
    return ", ".join(counts)


def allowed_text(finding: Finding) -> str:
    """``allowed until 2099-12-31: the pool leaks, mended in 2.4``; empty where it is not allowed."""
    if finding.allowed is None:
        return ""
    until = f" until {finding.allowed.expires}" if finding.allowed.expires else ""
    return f"allowed{until}: {finding.allowed.reason}"


def verdict(report: Report) -> str:
    """``1 critical, 4 warnings``, ``No findings``, or why nothing could be found."""
    capture = report.capture
    blind = "" if capture.decoded else "Mostly not decoded"
    if found := counted(each.finding for each in folded(report.findings)):
        return f"{blind}; {found}" if blind else found
    if blind:
        return blind
    if capture.tcp_segments:
        return "No findings" if capture.coverage.enough else "No findings in what was seen"
    if capture.packets and capture.skipped.filtered == capture.packets:
        return "No packet matched the filter"
    return "No TCP" if capture.packets else "No packets"


def scope(report: Report, zone: tzinfo | None = UTC) -> str:
    """``66 connections, 628 packets, 113 s from 2026-03-02 10:00:01 UTC``: what was looked at."""
    capture = report.capture
    parts = [times(report.summary.connections, "connection")] if report.summary.connections else []
    filtered = capture.skipped.filtered
    if filtered:
        parts.append(f"{capture.packets - filtered:,} of {times(capture.packets, 'packet')}")
    else:
        parts.append(times(capture.packets, "packet"))
    text = ", ".join(parts)
    if capture.first_ns is not None and capture.last_ns is not None:
        length = duration(capture.last_ns - capture.first_ns)
        text += f", {length} from {moment(capture.first_ns, zone, exact=False)}"
    if report.summary.connections and capture.coverage.whole:
        text += ", both directions, no gaps"
    return text


def input_name(report: Report) -> str:
    """The one input, or how many there are."""
    sources = report.capture.sources
    if len(sources) == 1:
        return sources[0].path if sources[0].path != "-" else "standard input"
    return times(len(sources), "file")


def title(finding: Finding) -> str:
    """``sockets stuck in CLOSE_WAIT``."""
    return TEXTS[finding.kind].title if finding.kind in TEXTS else finding.kind


def how_many(finding: Finding, report: Report | None = None) -> str:
    """``14 connections``, the sockets of a pile at its peak; with a report ``14 of 38 connections``."""
    if finding.kind == "time-wait-pile":
        return f"{times(finding.count, 'socket')} at once"
    whole = _connections_of(finding, report) if report is not None else 0
    if whole >= finding.count and whole > 1:
        return f"{finding.count:,} of {whole:,} connections"
    return times(finding.count, "connection")


def _connections_of(finding: Finding, report: Report) -> int:
    subject = finding.subject
    if subject.role != "server":
        return 0
    for service in report.services:
        if service.port == subject.port and service.address == subject.address:
            return service.connections
    return 0


def failed(handshakes: Handshakes) -> int:
    """Attempts that never became a connection."""
    h = handshakes
    return h.refused + h.unanswered + h.unreachable + h.half_open + h.aborted


def by_trouble(services: Iterable[Service]) -> list[Service]:
    """Those with stuck sockets first, then the busiest; the report's own order decides the rest."""
    return sorted(services, key=lambda service: (-service.close_wait.stuck, -service.connections))


def held_by(finding: Finding) -> list[str]:
    """``pid 123 (python3 leaky.py; leaky.service), fd 4, 6, 42 bytes unread``; often nothing."""
    lines = [process_text(process) for process in finding.processes[:_PROCESSES]]
    left = len(finding.processes) - len(lines)
    return [*lines, f"and {times(left, 'more process', 'more processes')}"] if left else lines


def command_text(command: str) -> str:
    """``python3 -c import socket; …``: its first line, cut between words where it is long."""
    shown = command.strip().split("\n", 1)[0].rstrip()
    if len(shown) > _COMMAND_CHARACTERS:
        shown = shown[:_COMMAND_CHARACTERS]
        shown = shown.rsplit(" ", 1)[0] if " " in shown.strip() else shown
    return shown if shown == command.strip() else f"{shown.rstrip()} …"


def process_text(process: Process) -> str:
    """``pid 123 (python3 leaky.py; leaky.service), fd 4, 6, 42 bytes unread``, as far as it is known."""
    where = process.unit or (f"container {process.container}" if process.container else "")
    text = f"pid {process.pid} ({command_text(process.command)}{'; ' if where else ''}{where})"
    shown = ", ".join(map(str, process.descriptors[:_DESCRIPTORS]))
    if shown:
        text += f", fd {shown}{', …' if len(process.descriptors) > _DESCRIPTORS else ''}"
    if process.unread_bytes:
        text += f", {times(process.unread_bytes, 'byte')} unread"
    return text
