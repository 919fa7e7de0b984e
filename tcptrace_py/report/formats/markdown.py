"""The report in Markdown (GitHub's dialect), for step summaries, merge requests and issues."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

from tcptrace_py.findings.wording import times
from tcptrace_py.gates.gate import Verdict
from tcptrace_py.report.formats.target import write_whole
from tcptrace_py.report.model.model import Report, Service
from tcptrace_py.report.people.proof import EVIDENCE, evidence_text, headline
from tcptrace_py.report.people.remedy import pieces
from tcptrace_py.report.people.verdict import (
    allowed_text,
    by_trouble,
    failed,
    folded,
    held_by,
    how_many,
    scope,
    verdict,
)

#: Findings told in full, and services listed; the rest is counted.
FINDINGS = 20
SERVICES = 20

# What Markdown or HTML would take as its own, also at the start of a line.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~&!@])")


def encode(report: Report, verdicts: Sequence[Verdict] = ()) -> bytes:
    """The report as UTF-8 Markdown; ``verdicts`` of gates, if there were any, come first."""
    return "".join(f"{line}\n" for line in _lines(report, verdicts)).encode()


def write(report: Report, verdicts: Sequence[Verdict], target: str | os.PathLike[str]) -> None:
    """Write to a file, whole or not at all, or to ``-``; raises `WriteError`."""
    write_whole([encode(report, verdicts)], target)


def cell(text: str) -> str:
    """Text that others wrote, as a table's cell shows it: no markup, one line."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    shown = _SPECIAL.sub(r"\\\1", shown)
    # Where it begins a line, it is no command to GitHub's runner.
    return f"\\{shown}" if shown.startswith("::") else shown


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: int) -> Iterator[str]:
    """A table whose last ``numbers`` columns stand to the right; the cells are Markdown already."""
    yield f"| {' | '.join(head)} |"
    words = len(head) - numbers
    yield f"|{'|'.join([' --- '] * words + [' ---: '] * numbers)}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _lines(report: Report, verdicts: Sequence[Verdict]) -> Iterator[str]:
    yield f"## tcptrace-py: {verdict(report)}"
    yield ""
    yield _scope(report)
    for warning in report.capture.warnings:
        yield f"- {cell(warning)}"
    if verdicts:
        yield ""
        count = sum(verdict.failed for verdict in verdicts)
        yield f"### Gates: {count:,} of {len(verdicts):,} failed"
        yield ""
        rows = [
            ("**failed**" if v.failed else "passed", cell(v.rule.text), cell(v.actual), cell(v.wanted))
            for v in sorted(verdicts, key=_failed_first)
        ]
        yield from table(("", "rule", "actual", "wanted"), rows, 0)
    yield from _findings(report)
    yield from _services(report)


def _failed_first(verdict: Verdict) -> bool:
    return not verdict.failed


def _scope(report: Report) -> str:
    capture = report.capture
    names = ", ".join(cell(source.path) for source in capture.sources[:5])
    if len(capture.sources) > 5:
        names += f" and {times(len(capture.sources) - 5, 'more file')}"
    what = scope(report)
    text = f"{names}: {what}." if names else f"{what}."
    if capture.filter is not None:
        text += f" Only packets that match {_code(capture.filter)}."
    return text if capture.complete else f"{text} **The input could be read only in part.**"


def _findings(report: Report) -> Iterator[str]:
    if not report.findings:
        return
    yield ""
    yield "### Findings"
    yield ""
    findings = folded(report.findings)
    shown = [each.finding for each in findings[:FINDINGS]]
    rows = [
        (
            f"{f.severity}, allowed" if f.allowed else f.severity,
            f"`{f.kind}`",
            cell(f.subject.label()),
            how_many(f, report),
            f.confidence,
        )
        for f in shown
    ]
    yield from table(("severity", "kind", "whose", "how many", "how sure"), rows, 1)
    left = len(findings) - FINDINGS
    if left > 0:
        yield ""
        yield f"and {times(left, 'more finding')}"
    for finding in shown:
        yield ""
        yield f"<details><summary>{cell(headline(finding))}</summary>"
        yield ""
        if allowed := allowed_text(finding):
            yield f"**{cell(allowed[:1].upper() + allowed[1:])}**"
            yield ""
        yield cell(finding.explanation)
        yield ""
        for evidence in finding.evidence[:EVIDENCE]:
            yield f"- {cell(evidence_text(report, evidence))}"
        more = len(finding.evidence) - EVIDENCE
        if more > 0:
            yield f"- and {more:,} more"
        for holder in held_by(finding):
            yield ""
            yield f"**Held by:** {cell(holder)}"
        if finding.remedy:
            yield ""
            yield from _remedy(finding.remedy)
        if finding.display_filter:
            yield ""
            yield f"**In Wireshark:** {_code(finding.display_filter)}"
        yield ""
        yield "</details>"


def _remedy(remedy: str) -> Iterator[str]:
    """Commands in blocks of their own, which a page offers to copy."""
    label = "**What to do:** "
    for text, command in pieces(remedy):
        if command:
            yield from ("", "```sh", text, "```", "")
        else:
            yield f"{label}{cell(text)}"
            label = ""


def _code(text: str) -> str:
    """Text that others wrote, as code."""
    return f"<code>{cell(text)}</code>"


def _services(report: Report) -> Iterator[str]:
    if not report.services:
        return
    yield ""
    yield "### Services"
    yield ""
    busiest = by_trouble(report.services)
    rows = [_service(service) for service in busiest[:SERVICES]]
    yield from table(("server", "connections", "failed to open", "reset", "stuck in CLOSE\\_WAIT"), rows, 4)
    left = len(busiest) - SERVICES
    if left > 0:
        yield ""
        yield f"and {times(left, 'more service')}"


def _service(service: Service) -> tuple[str, ...]:
    host = f"[{service.address}]" if ":" in service.address else service.address
    return (
        cell(f"{host}:{service.port}"),
        f"{service.connections:,}",
        f"{failed(service.handshakes):,}",
        f"{service.closes.reset:,}",
        f"{service.close_wait.stuck:,}",
    )
