"""A `Diff` for people: on the terminal, in Markdown, and as JSON for programs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import msgspec
from rich.console import Console
from rich.text import Text

from tcptrace_py.findings.texts import TEXTS
from tcptrace_py.findings.wording import times
from tcptrace_py.gates.diff import Change, Diff, FindingChange, ServiceChange
from tcptrace_py.report.formats.markdown import cell, table
from tcptrace_py.report.formats.target import write_whole
from tcptrace_py.report.people.terminal_text import (
    SEVERITY_STYLES,
    endpoint_name,
    heading,
    latency,
    line,
    plain,
    plain_table,
)
from tcptrace_py.report.people.terminal_text import print_if_it_fits as fits

#: Services that Markdown lists; the rest is counted.
SERVICES = 50
_STYLES = {"better": "", "worse": "bold red", "changed": "", "new": "bold red", "gone": ""}


def write_json(diff: Diff, target: str | os.PathLike[str]) -> None:
    """Write to a file, whole or not at all, or to ``-``; raises `WriteError`."""
    write_whole([msgspec.json.format(msgspec.json.encode(diff), indent=2), b"\n"], target)


def write_markdown(diff: Diff, target: str | os.PathLike[str]) -> None:
    """Write to a file, whole or not at all, or to ``-``; raises `WriteError`."""
    write_whole([f"{each}\n".encode() for each in _markdown(diff)], target)


def is_empty(diff: Diff) -> bool:
    """Whether nothing changed."""
    return not (diff.findings or diff.summary or diff.services)


def verdict(diff: Diff) -> str:
    """``No difference``, ``3 regressions``, ``Nothing got worse beyond tolerance``."""
    if is_empty(diff):
        return "No difference"
    return times(diff.regressions, "regression") if diff.regressions else "No regression"


def render_verdict(diff: Diff, console: Console) -> None:
    style = SEVERITY_STYLES["warning"] if diff.regressions else "bold"
    names = Text(plain(f": {diff.before} -> {diff.after}", console), "default not bold on default")
    line(console, Text(verdict(diff), style).append(names))


def render(diff: Diff, console: Console, *, top: int = 10) -> None:
    """Print what changed, findings first. ``top``: how many findings and services are shown at most."""
    render_verdict(diff, console)
    for note in diff.notes:
        line(console, Text(plain(f"Note: {note}", console)))
    if diff.findings:
        console.print()
        heading(console, "Findings")
        for finding in diff.findings[:top]:
            change = Text(f"  {finding.change:<7}", _STYLES[finding.change])
            line(console, Text().append_text(change).append_text(_finding(finding, console)), 18)
        _left(console, len(diff.findings) - top, "finding")
    if diff.summary:
        console.print()
        heading(console, "Summary")
        _print_changes(diff.summary, console)
    for service in diff.services[:top]:
        console.print()
        title = endpoint_name(service.address, service.port)
        note = "" if service.change == "changed" else f" ({service.change})"
        heading(console, plain(title + note, console))
        changes = _telling(service.changes)
        if changes:
            _print_changes(changes, console)
    _left(console, len(diff.services) - top, "service")


def shown(name: str, value: float | None) -> str:
    """A metric's value: times in a fitting unit, ``none`` for null."""
    if value is None:
        return "none"
    return latency(value) if name.endswith("_s") else f"{value:,g}" if value % 1 else f"{int(value):,}"


def _finding(finding: FindingChange, console: Console) -> Text:
    counts = f"{finding.before:,} -> {finding.after:,} ({finding.kind})"
    return Text(f"{finding.severity:<9}" + plain(f"{_title(finding)}, {counts}", console))


def _title(finding: FindingChange) -> str:
    title = TEXTS[finding.kind].title if finding.kind in TEXTS else finding.kind
    return f"{title}: {finding.subject.label()}"


def _telling(changes: Sequence[Change]) -> list[Change]:
    """Of a service: what got better or worse, how busy it was, and its timers; the rest is in the JSON."""
    telling = ("connections", "timers.server_s", "timers.client_s")
    return [each for each in changes if each.direction != "changed" or each.name in telling]


def _word(change: Change) -> str:
    return "REGRESSION" if change.regression else change.direction


def _print_changes(changes: Sequence[Change], console: Console) -> None:
    rows = [
        (each.name, shown(each.name, each.before), shown(each.name, each.after), _word(each), each.direction)
        for each in sorted(changes, key=_worse_first)
    ]
    columns = plain_table()
    columns.add_column("  ", no_wrap=True)
    columns.add_column("counter", no_wrap=True)
    columns.add_column("before", justify="right", no_wrap=True)
    columns.add_column("after", justify="right", no_wrap=True)
    for name, before, after, word, direction in rows:
        columns.add_row(Text(f"  {word}", _STYLES[direction]), name, before, after)
    if not fits(console, columns):
        for name, before, after, word, _ in rows:
            line(console, Text(f"  {name}: {before} -> {after} {word}"), 4)


def _worse_first(change: Change) -> tuple[bool, int]:
    return (not change.regression, ("worse", "better", "changed").index(change.direction))


def _left(console: Console, count: int, what: str) -> None:
    if count > 0:
        line(console, Text(f"  {times(count, f'more {what}')}; a larger --top shows them"))


def _markdown(diff: Diff) -> Iterator[str]:
    yield f"## tcptrace-py diff: {verdict(diff).lower()}"
    yield ""
    yield f"{cell(diff.before)} → {cell(diff.after)}"
    for note in diff.notes:
        yield f"- {cell(note)}"
    if diff.findings:
        yield ""
        yield "### Findings"
        yield ""
        rows = [
            (
                f"**{each.change}**" if each.regression else each.change,
                each.severity,
                f"`{each.kind}`",
                cell(each.subject.label()),
                f"{each.before:,}",
                f"{each.after:,}",
            )
            for each in diff.findings
        ]
        yield from table(("", "severity", "kind", "whose", "before", "after"), rows, 2)
    if diff.summary:
        yield ""
        yield "### Summary"
        yield ""
        yield from _markdown_changes(diff.summary)
    for service in diff.services[:SERVICES]:
        yield from _markdown_service(service)
    left = len(diff.services) - SERVICES
    if left > 0:
        yield ""
        yield f"and {times(left, 'more service')}"


def _markdown_service(service: ServiceChange) -> Iterator[str]:
    yield ""
    title = endpoint_name(service.address, service.port)
    yield f"### {cell(title if service.change == 'changed' else f'{title} ({service.change})')}"
    changes = _telling(service.changes)
    if changes:
        yield ""
        yield from _markdown_changes(changes)


def _markdown_changes(changes: Sequence[Change]) -> Iterator[str]:
    rows = [
        (
            f"**{_word(each)}**" if each.regression else each.direction,
            f"`{each.name}`",
            shown(each.name, each.before),
            shown(each.name, each.after),
        )
        for each in sorted(changes, key=_worse_first)
    ]
    yield from table(("", "counter", "before", "after"), rows, 2)
