"""The report as a page to look at: one file that needs nothing else, neither a network nor a server.

The verdict, the findings and the tables are HTML that stands without any script; the scripts add
the pictures, the list of connections and their ladders from the data block. Everything that a
capture or a file name brought in is hostile: the template escapes it, the data block can not end
its script element, and the page's policy runs no script and loads nothing but what is named here.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tcptrace_py.findings.finding import CONFIDENCE_MEANINGS, SEVERITIES, Evidence, Finding
from tcptrace_py.findings.texts import TEXTS
from tcptrace_py.findings.wording import duration, moment, times
from tcptrace_py.gates.gate import Verdict
from tcptrace_py.report.formats.target import write_whole
from tcptrace_py.report.model.model import Connection, Report, Service
from tcptrace_py.report.model.passage import Passed
from tcptrace_py.report.people.terminal_text import amount, endpoint_name, in_words, latency, since
from tcptrace_py.report.people.verdict import (
    allowed_text,
    by_trouble,
    counted,
    failed,
    how_many,
    process_text,
    title,
)
from tcptrace_py.report.pictures.html import rendered
from tcptrace_py.report.pictures.page_data import data_block

#: Told in full; the rest is counted. With their longest texts these stay below a megabyte.
FINDINGS = 200
_PARTS = ("page.html", "page.css", "page_charts.js", "page_list.js")
# Those that are not folded up at first.
_OPEN = 8
_EVIDENCE = 12
_ROWS = 300
_LINES = 30
_LONGEST_LINE = 500
_SOURCES_IN_COMMAND = 3

# In commands of a remedy: what differs between findings of one kind.
_PORT_FILTER = re.compile(r"[sd]port = :\d+")


def write(
    report: Report,
    verdicts: Sequence[Verdict],
    target: str | os.PathLike[str],
    passed: Mapping[int, Passed] | None = None,
) -> None:
    """To a file, whole or not at all, or to standard output for ``-``; raises as `write_whole` does."""
    write_whole([encode(report, verdicts, passed)], target)


def encode(
    report: Report, verdicts: Sequence[Verdict] = (), passed: Mapping[int, Passed] | None = None
) -> bytes:
    """The page as UTF-8; ``verdicts`` of gates, if there were any, stand above the findings.

    ``passed``: the segments of the connections that `wanted_segments` names, for their ladders.
    """
    return rendered(_PARTS, data_block(report, FINDINGS, passed), **_Page(report, verdicts).context())


class _Page:
    """What the template shows, in words."""

    def __init__(self, report: Report, verdicts: Sequence[Verdict]) -> None:
        self._report = report
        self._verdicts = verdicts
        self._connections = report.connections
        # General texts that stand above already, and the number of the finding that they stand at.
        self._told: dict[str, int] = {}

    def context(self) -> dict[str, Any]:
        report = self._report
        services = by_trouble(report.services)
        pairs = _pairs(self._connections)
        return {
            "title": self._sources(),
            "tool": report.tool,
            "severity": report.findings[0].severity if report.findings else "none",
            "verdict": self._verdict(),
            "besides": self._besides(),
            "tiles": list(self._tiles()),
            "warnings": [_cut(each) for each in self._warnings()][:_LINES],
            "more_warnings": max(len(self._warnings()) - _LINES, 0),
            "gates": [
                {"failed": each.failed, "rule": each.rule.text, "actual": each.actual, "wanted": each.wanted}
                for each in sorted(self._verdicts, key=lambda verdict: not verdict.failed)
            ],
            "findings": [self._finding(n, each) for n, each in enumerate(report.findings[:FINDINGS])],
            "more_findings": max(len(report.findings) - FINDINGS, 0),
            "connections": report.summary.connections,
            "listed": report.listed is not None,
            "services": [_service(each) for each in services[:_ROWS]],
            "more_services": max(len(services) - _ROWS, 0),
            "unlisted": report.unlisted_connections,
            "pairs": pairs[:_ROWS],
            "more_pairs": max(len(pairs) - _ROWS, 0),
            "sources": [
                {
                    "path": _cut(each.path),
                    "format": each.format,
                    "links": ", ".join(each.link_types),
                    "packets": each.packets,
                    "bytes": amount(each.bytes),
                }
                for each in report.capture.sources[:_LINES]
            ],
            "more_sources": max(len(report.capture.sources) - _LINES, 0),
            "summary": list(self._summary()),
            "settings": [
                (name, getattr(report.settings, name)) for name in report.settings.__dataclass_fields__
            ],
            "show_command": self._show_command(),
        }

    def _sources(self) -> str:
        """What the page is about, for its title."""
        sources = self._report.capture.sources
        if len(sources) != 1:
            return times(len(sources), "file")
        path = sources[0].path
        return "standard input" if path == "-" else os.path.basename(path) or path

    def _verdict(self) -> str:
        report = self._report
        if report.findings:
            first = report.findings[0]
            return f"{_title(first)}: {first.subject.label()}, {how_many(first, report)}"
        if not report.capture.tcp_segments:
            return "There is no TCP in what was read"
        if not report.capture.complete:
            return "Nothing is wrong in the part of the input that could be read"
        if self._warnings():
            return "Nothing is wrong as far as this capture can tell"
        return "Nothing is wrong in what was captured"

    def _besides(self) -> list[tuple[str, str]]:
        """All findings, counted by severity."""
        found = self._report.findings
        groups = [
            (severity, [each for each in found if each.severity == severity and each.allowed is None])
            for severity in SEVERITIES
        ]
        groups.append(("info", [each for each in found if each.allowed is not None]))
        return [(severity, counted(group)) for severity, group in groups if group]

    def _tiles(self) -> Iterator[tuple[str, str, str]]:
        report = self._report
        capture, summary = report.capture, report.summary
        yield "Connections", f"{summary.connections:,}", in_words(summary.closes)
        yield "Packets", f"{capture.packets:,}", f"{capture.tcp_segments:,} TCP segments"
        if capture.first_ns is not None and capture.last_ns is not None:
            lasted = duration(capture.last_ns - capture.first_ns)
            yield "Time", lasted, f"from {moment(capture.first_ns)}"
        wait = summary.close_wait
        if wait.longest_s is not None and wait.stuck:
            longest = (
                f"{wait.open_at_end:,} there at the end, longest {duration(round(wait.longest_s * 1e9))}"
            )
            yield "Stuck in CLOSE_WAIT", f"{wait.stuck:,}", longest
        if summary.time_wait.entered:
            yield "TIME_WAIT at once", f"{summary.time_wait.peak:,}", f"{summary.time_wait.entered:,} entered"
        if summary.resets.total:
            yield "Resets", f"{summary.resets.total:,}", in_words(summary.resets.by_cause)

    def _warnings(self) -> list[str]:
        """How good the capture is: what a reader has to know before the rest is believed."""
        capture = self._report.capture
        warnings = [] if capture.complete else ["The input could be read only in part."]
        warnings += capture.warnings
        skipped = capture.skipped
        if skipped.malformed:
            warnings.append(f"{times(skipped.malformed, 'malformed packet')} left out.")
        if skipped.unknown_link:
            warnings.append(
                f"{times(skipped.unknown_link, 'packet')} of a link type without a decoder left out."
            )
        return warnings

    def _finding(self, number: int, finding: Finding) -> dict[str, Any]:
        report = self._report
        text = TEXTS.get(finding.kind)
        facts, meaning = finding.explanation, ""
        if text is not None and text.meaning and facts.endswith(text.meaning):
            facts, meaning = facts.removesuffix(text.meaning).rstrip(), text.meaning
        meaning_of = self._told.setdefault(meaning, number)
        remedy_of = self._told.setdefault(_PORT_FILTER.sub("", finding.remedy), number)
        begin = f"{since(report, finding.first_ns)} ({moment(finding.first_ns)})"
        return {
            "number": number,
            "kind": finding.kind,
            "severity": finding.severity,
            "allowed": _cut(allowed_text(finding)),
            "title": _title(finding),
            "subject": finding.subject.label(),
            "count": how_many(finding, report),
            "processes": [process_text(each) for each in finding.processes[:_LINES]],
            "since": begin,
            "until": since(report, finding.last_ns) if finding.last_ns > finding.first_ns else "",
            "confidence": finding.confidence,
            "sure": CONFIDENCE_MEANINGS[finding.confidence],
            "facts": facts,
            "meaning": meaning if meaning_of == number else "",
            "remedy": _with_commands(finding.remedy),
            "remedy_of": remedy_of if finding.remedy and remedy_of != number else None,
            "open": finding.severity != "info" and finding.allowed is None and number < _OPEN or number == 0,
            "evidence": [self._evidence(each) for each in finding.evidence[:_EVIDENCE]],
            "more_evidence": max(len(finding.evidence) - _EVIDENCE, 0),
            "filter": finding.display_filter,
            "reference": text.reference if text is not None else "",
        }

    def _evidence(self, evidence: Evidence) -> dict[str, Any]:
        sources = self._report.capture.sources
        several = len(sources) > 1 and evidence.source < len(sources)
        return {
            "frame": evidence.frame,
            "file": os.path.basename(sources[evidence.source].path) if several else "",
            "time": since(self._report, evidence.ts_ns, exact=True),
            "connection": evidence.connection,
            "text": evidence.text,
        }

    def _summary(self) -> Iterator[tuple[str, str]]:
        summary = self._report.summary
        yield "Handshakes", in_words(summary.handshakes, ("simultaneous", "fast_open")) or "none"
        yield "Closes", in_words(summary.closes) or "none"
        yield "Resets", in_words(summary.resets.by_cause) or "none"
        yield "Clients at the end", in_words(summary.states_at_end.client) or "none"
        yield "Servers at the end", in_words(summary.states_at_end.server) or "none"
        skipped = in_words(self._report.capture.skipped)
        yield "Packets without a TCP segment", skipped or "none"

    def _show_command(self) -> str:
        """The command that shows a connection segment by segment, but for its number."""
        paths = [each.path for each in self._report.capture.sources]
        usable = 0 < len(paths) <= _SOURCES_IN_COMMAND and all(
            path.isprintable() and not path.startswith("-") for path in paths
        )
        return f"tcptrace-py show {shlex.join(paths) if usable else 'CAPTURE'}"


def _title(finding: Finding) -> str:
    text = title(finding)
    return text[:1].upper() + text[1:]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_LINE else text[:_LONGEST_LINE] + " …"


def _with_commands(remedy: str) -> list[tuple[bool, str]]:
    """The remedy in pieces; True is a command to copy, which stood in backticks."""
    return [(bool(n % 2), piece) for n, piece in enumerate(remedy.split("`")) if piece]


def _service(service: Service) -> dict[str, Any]:
    took = service.handshake_time
    return {
        "name": endpoint_name(service.address, service.port),
        "connections": service.connections,
        "failed": failed(service.handshakes),
        "reset": service.closes.reset,
        "stuck": service.close_wait.stuck,
        "retransmits": service.retransmits,
        "received": (service.bytes_to_server, amount(service.bytes_to_server)),
        "sent": (service.bytes_to_client, amount(service.bytes_to_client)),
        "opens": (took.mean_s, latency(took.mean_s)) if took else (-1, ""),
    }


def _pairs(connections: Sequence[Connection]) -> list[dict[str, Any]]:
    """Who talks to whom: each client address with each service, those with failures first."""
    found: dict[tuple[str, str, int], dict[str, Any]] = {}
    for each in connections:
        key = (each.client.address, each.server.address, each.server.port)
        row = found.get(key)
        if row is None:
            row = found[key] = {
                "client": each.client.address,
                "server": endpoint_name(each.server.address, each.server.port),
                **dict.fromkeys(("connections", "failed", "reset", "retransmits", "sent", "received"), 0),
            }
        row["connections"] += 1
        row["failed"] += each.handshake.outcome not in ("complete", "unseen")
        row["reset"] += each.close.kind == "reset"
        row["retransmits"] += each.client.retransmits + each.server.retransmits
        row["sent"] += each.client.bytes
        row["received"] += each.server.bytes
    rows = sorted(found.values(), key=lambda row: (-row["failed"] - row["reset"], -row["connections"]))
    for row in rows[:_ROWS]:
        row["sent"] = (row["sent"], amount(row["sent"]))
        row["received"] = (row["received"], amount(row["received"]))
    return rows
