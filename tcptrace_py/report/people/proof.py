"""A finding and its evidence in plain text, for reports that machines carry to people."""

from __future__ import annotations

from tcptrace_py.findings.finding import CONFIDENCE_MEANINGS, Evidence, Finding
from tcptrace_py.findings.texts import TEXTS
from tcptrace_py.findings.wording import moment, times
from tcptrace_py.report.model.model import Report

#: Observations of one finding that are told; the JSON report has them all.
EVIDENCE = 10


def headline(finding: Finding) -> str:
    """``sockets stuck in CLOSE_WAIT: server 10.0.0.20:8080, 14 connections``."""
    title = TEXTS[finding.kind].title if finding.kind in TEXTS else finding.kind
    return f"{title}: {finding.subject.label()}, {how_many(finding)}"


def how_many(finding: Finding) -> str:
    """``14 connections``, or the sockets of a pile at its peak."""
    if finding.kind == "time-wait-pile":
        return f"{times(finding.count, 'socket')} at once"
    return times(finding.count, "connection")


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
        lines.append(f"- and {left:,} more in the JSON report")
    lines.append(f"What to do: {finding.remedy}" if finding.remedy else "There is nothing to do.")
    lines.append(f"{finding.confidence.capitalize()}: {CONFIDENCE_MEANINGS[finding.confidence]}.")
    return "\n".join(lines)
