"""Gates as JUnit XML, which CI systems show as test results: a test case a rule.

The form is that of the Jenkins and Ant schema, as far as both agree. A capture that could be read
only in part is a test case with an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from tcptrace_py.gates.gate import Verdict
from tcptrace_py.report.formats.target import write_whole
from tcptrace_py.report.model.model import Report
from tcptrace_py.report.people.proof import finding_text, headline
from tcptrace_py.report.people.verdict import allowed_text

# Everything else can not stand in XML 1.0, not even escaped.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def encode(report: Report, verdicts: Sequence[Verdict]) -> bytes:
    """The test suite as UTF-8 XML."""
    return "".join(_lines(report, verdicts)).encode()


def write(report: Report, verdicts: Sequence[Verdict], target: str | os.PathLike[str]) -> None:
    """Write to a file, whole or not at all, or to ``-``; raises `WriteError`."""
    write_whole([encode(report, verdicts)], target)


_COMMAND = re.compile(r"(?<![^\n])::")


def _lines(report: Report, verdicts: Sequence[Verdict]) -> Iterator[str]:
    errors = 0 if report.capture.complete else 1
    failures = sum(verdict.failed for verdict in verdicts)
    counts = f'tests="{len(verdicts) + errors}" failures="{failures}" errors="{errors}" skipped="0"'
    name = ", ".join(source.path for source in report.capture.sources) or "no input"
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<testsuites name="tcptrace-py" {counts} time="0">\n'
    yield f'  <testsuite name={_quoted(name)} {counts} time="0">\n'
    if errors:
        text = "\n".join(report.capture.warnings) or "the input could be read only in part"
        yield '    <testcase classname="tcptrace-py" name="the capture is complete" time="0">\n'
        yield f'      <error type="incomplete" message={_quoted(text)}/>\n'
        yield "    </testcase>\n"
    for verdict in verdicts:
        case = f'<testcase classname="tcptrace-py" name={_quoted(verdict.rule.text)} time="0"'
        if not verdict.failed:
            yield f"    {case}/>\n"
            continue
        message = f"{verdict.actual}, wanted {verdict.wanted}"
        text = "\n\n".join(finding_text(report, finding) for finding in verdict.findings)
        yield f"    {case}>\n"
        yield f'      <failure type="gate" message={_quoted(message)}>{_escaped(text)}</failure>\n'
        yield "    </testcase>\n"
    allowed = [f"{headline(f)} ({f.kind}): {allowed_text(f)}" for f in report.findings if f.allowed]
    if allowed:
        yield f"    <system-out>{_escaped(chr(10).join(allowed))}</system-out>\n"
    yield "  </testsuite>\n"
    yield "</testsuites>\n"


def _escaped(text: str) -> str:
    shown = escape(_NO_XML.sub(_replacement, text))
    # A line of a name's making is no command to GitHub's runner.
    return _COMMAND.sub("&#58;:", shown).replace("##[", "&#35;#[")


def _quoted(text: str) -> str:
    return quoteattr(_NO_XML.sub(_replacement, text)).replace("##[", "&#35;#[")


def _replacement(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()
