"""A finding and its evidence in plain text, for reports that machines carry to people."""

from __future__ import annotations

from tcptrace_py.findings.finding import CONFIDENCE_MEANINGS, Evidence, Finding
from tcptrace_py.findings.wording import moment
from tcptrace_py.report.model.model import Report
from tcptrace_py.report.people import remedy
from tcptrace_py.report.people.verdict import held_by, how_many, title

#: Observations of one finding that are told; the JSON report has them all.
EVIDENCE = 10


def headline(finding: Finding) -> str:
    """``sockets stuck in CLOSE_WAIT: server 10.0.0.20:8080, 14 connections``."""
    return f"{title(finding)}: {finding.subject.label()}, {how_many(finding)}"


def evidence_text(report: Report, evidence: Evidence) -> str:
    """``frame 12, 2024-05-01 12:03:04.120 UTC, connection 3: ...``; ``of FILE`` where there are several."""
    where = ""
    if evidence.frame is not None:
        where = f"frame {evidence.frame}"
        sources = report.capture.sources
        if len(sources) > 1 and evidence.source < len(sources):
            where += f" of {sources[evidence.source].path}"
        where += ", "
    return f"{where}{moment(evidence.ts_ns)}, connection {evidence.connection}: {evidence.text}"


def finding_text(report: Report, finding: Finding) -> str:
    """All of a finding in a few lines: what, when, the evidence, what to do, how sure."""
    lines = [
        f"{finding.severity.upper()} {headline(finding)} ({finding.kind})",
        f"from {moment(finding.first_ns)} to {moment(finding.last_ns)}",
        finding.explanation,
    ]
    lines += [f"- {evidence_text(report, each)}" for each in finding.evidence[:EVIDENCE]]
    left = len(finding.evidence) - EVIDENCE
    if left > 0:
        lines.append(f"- and {left:,} more")
    lines += [f"Held by: {holder}" for holder in held_by(finding)]
    prose = " ".join(text for text, command in remedy.pieces(finding.remedy) if not command)
    lines.append(f"What to do: {remedy.plain(prose)}" if prose else "There is nothing to do.")
    lines += [f"  {command}" for command in remedy.commands(finding.remedy)]
    if finding.display_filter:
        lines.append(f"In Wireshark: {finding.display_filter}")
    lines.append(f"{finding.confidence.capitalize()}: {CONFIDENCE_MEANINGS[finding.confidence]}.")
    return "\n".join(lines)
