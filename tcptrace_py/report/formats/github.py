"""GitHub Actions: annotations as workflow commands, and the step's summary.

Annotations are lines of a step's output, ``::error title=...::message``. GitHub shows ten errors,
ten warnings and ten notices of a step, so failed gates come first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from tcptrace_py.gates.gate import Verdict
from tcptrace_py.report.formats import markdown
from tcptrace_py.report.formats.target import WriteError, write_whole
from tcptrace_py.report.model.model import Report
from tcptrace_py.report.people.proof import evidence_text, headline
from tcptrace_py.report.people.remedy import action
from tcptrace_py.report.people.verdict import allowed_text, folded

#: Where Actions tells a step to append its summary.
SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
#: GitHub refuses a summary of more than 1 MiB.
_SUMMARY_BYTES = 1 << 20

# Findings that one annotation names.
_CULPRITS = 10
_LEVELS = {"critical": "error", "warning": "warning", "info": "notice"}


def encode(report: Report, verdicts: Sequence[Verdict] = ()) -> bytes:
    """The annotations, one a line: failed gates, then findings, worst first.

    With gates only they are errors; a finding is then a warning at most, and without
    gates a critical one is an error.
    """
    return "".join(f"{line}\n" for line in _lines(report, verdicts)).encode()


def write(report: Report, verdicts: Sequence[Verdict], target: str | os.PathLike[str]) -> None:
    """Write the annotations to a file, whole or not at all, or to ``-``; raises `WriteError`."""
    write_whole([encode(report, verdicts)], target)


def append_summary(text: bytes, path: str) -> None:
    """Append Markdown to a step's summary file. Raises `WriteError`."""
    if len(text) > _SUMMARY_BYTES:
        cut = text.rfind(b"\n", 0, _SUMMARY_BYTES - 100) + 1
        text = text[:cut] + b"\n\nThe rest is too long for a step's summary.\n"
    try:
        with open(path, "ab") as stream:
            stream.write(text)
    except OSError as error:
        raise WriteError(path, error.strerror or str(error)) from error


def summary(report: Report, verdicts: Sequence[Verdict] = ()) -> bytes:
    """What `append_summary` is for."""
    return markdown.encode(report, verdicts)


def _lines(report: Report, verdicts: Sequence[Verdict]) -> Iterator[str]:
    # A fact is annotated once: rules that failed over the same findings together, and a finding that
    # made one fail with it.
    failed: dict[object, list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.failed:
            same = tuple(map(id, verdict.findings)) or verdict.rule.text
            failed.setdefault(same, []).append(verdict)
    said: set[int] = set()
    for together in failed.values():
        findings = together[0].findings
        said.update(map(id, findings))
        lines = [verdict.line for verdict in together]
        lines += [headline(finding) for finding in findings[1:_CULPRITS]]
        if findings and findings[0].evidence:
            lines.append(evidence_text(report, findings[0].evidence[0]))
        rules = ", ".join(verdict.rule.text for verdict in together)
        yield _command("error", f"tcptrace-py: {rules}", "\n".join(lines))
    if not report.capture.complete:
        text = "; ".join(report.capture.warnings) or "the input could be read only in part"
        yield _command("warning", "tcptrace-py: incomplete capture", text)
    for finding in (each.finding for each in folded(report.findings)):
        if id(finding) in said:
            continue
        level = _LEVELS[finding.severity] if finding.allowed is None else "notice"
        if verdicts and level == "error":
            level = "warning"
        message = finding.explanation
        if allowed := allowed_text(finding):
            message = f"{allowed[:1].upper()}{allowed[1:]}\n{message}"
        if fix := action(finding.remedy):
            message += f"\nFix: {fix}"
        if finding.evidence:
            message += f"\n{evidence_text(report, finding.evidence[0])}"
        yield _command(level, headline(finding), message)


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    text = "".join(c if c.isprintable() or c in "\r\n" else c.encode("unicode_escape").decode() for c in text)
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
