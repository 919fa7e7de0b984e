"""The report for people at a terminal: the verdict, then whose doing, since when, and what to do.

Made for 80 columns, right from 40 up. Nothing is cut off: what is too long is folded, commands excepted,
which stand on lines of their own. Colour only repeats what words say, and is legible on black and on
white. Text that comes from outside (names of files, addresses, evidence) is never taken as markup, and
what would not show is escaped.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tcptrace_py.findings.finding import Finding
from tcptrace_py.findings.wording import duration, times
from tcptrace_py.report.model.model import Report, Service
from tcptrace_py.report.people.clock import in_zone
from tcptrace_py.report.people.remedy import action, commands, first_sentence
from tcptrace_py.report.people.terminal_connections import print_connections
from tcptrace_py.report.people.terminal_proof import print_proof, print_states, print_summary
from tcptrace_py.report.people.terminal_text import (
    INDENT,
    SEVERITY_STYLES,
    command_line,
    hang,
    heading,
    line,
    plain,
    plain_table,
    print_if_it_fits,
    service_cells,
    since,
    spark,
)
from tcptrace_py.report.people.verdict import (
    Shown,
    allowed_text,
    by_trouble,
    counted,
    folded,
    held_by,
    how_many,
    input_name,
    scope,
    verdict,
)
from tcptrace_py.report.people.view import View

# A file list longer than this is not repeated in a command to copy.
_MOST_PATHS = 3


def render(report: Report, console: Console, view: View = View()) -> None:  # noqa: B008
    """Print the report as ``view`` wants it: the verdict first."""
    print_verdict(report, console, view)
    if view.quiet:
        return
    _print_warnings(report, console)
    findings = folded(report.findings)
    if findings:
        console.print()
        _print_findings(report, findings, console, view)
        _print_next(report, findings, console, view)
    if report.summary.connections:
        if view.verbose:
            print_summary(report, console)
            print_states(report, console)
        if not view.brief:
            _print_services(report, console, view)
    if view.connections and report.listed is not None:
        print_connections(report, console, view)
    _print_limits(report, console, view)


def print_verdict(report: Report, console: Console, view: View) -> None:
    """The one line that answers: what was found, and in what."""
    counting = [finding.severity for finding in report.findings if finding.allowed is None]
    style = SEVERITY_STYLES[counting[0]] if counting else "bold"
    text = Text(verdict(report), style)
    what = f" in {input_name(report)} · {scope(report, view.zone)}"
    line(console, text.append(plain(what, console), "default not bold on default"))


def _print_warnings(report: Report, console: Console) -> None:
    capture = report.capture
    if capture.filter is not None:
        line(console, Text(plain(f"Only packets that match: {capture.filter}", console)))
    if not capture.complete:
        line(console, Text("INCOMPLETE: the input could be read only in part.", "bold"))
    warnings = list(capture.warnings)
    if capture.skipped.malformed:
        warnings.append(f"{times(capture.skipped.malformed, 'malformed packet')} left out")
    if capture.skipped.unknown_link:
        warnings.append(f"{times(capture.skipped.unknown_link, 'packet')} of a link type without a decoder")
    for warning in warnings:
        hang(console, Text("note: ", "bold"), plain(warning, console), 6)


def _print_findings(report: Report, findings: Sequence[Shown], console: Console, view: View) -> None:
    shown: dict[str, str] = {}
    for number, each in enumerate(findings[: view.top]):
        if view.verbose and number:
            console.print()
        _print_head(report, each, console)
        if view.verbose:
            print_proof(report, each.finding, console, view, shown)
        elif each.finding.severity != "info" and each.finding.allowed is None:
            _print_fact(each.finding, console, view)
            _print_fix(each.finding, console, shown)
        if each.mirrors:
            hang(console, Text(""), plain(_mirrored(each.mirrors), console), INDENT)
    more = findings[view.top :]
    if more:
        rest = f"{view.more(len(more))} ({counted(each.finding for each in more)})"
        hang(console, Text(""), plain(rest, console), INDENT)


def _print_head(report: Report, each: Shown, console: Console) -> None:
    finding = each.finding
    if finding.allowed is None:
        label = Text(finding.severity.upper(), SEVERITY_STYLES[finding.severity])
    else:
        label = Text("ALLOWED", SEVERITY_STYLES["info"])
    subject = finding.subject.label().removeprefix("server ")
    text = Text(finding.kind, "bold")
    text.append(plain(f": {subject}, {how_many(finding, report)}, {_when(report, finding)}", console))
    if drawn := spark(finding.trend, console):
        text.append(f" {drawn}")
    if finding.connections:
        text.append(f" (#{finding.connections[0]})")
    hang(console, label, text, INDENT)
    if allowed := allowed_text(finding):
        hang(console, Text(""), plain(f"{finding.severity}, {allowed}", console), INDENT)


def _when(report: Report, finding: Finding) -> str:
    begin, end = since(report, finding.first_ns), since(report, finding.last_ns)
    trend = finding.trend
    if trend and trend[-1]:
        risen = trend[-1] > trend[0] and all(a <= b for a, b in zip(trend, trend[1:], strict=False))
        return f"from {begin}, {'still growing' if risen else 'still there at the end'}"
    if finding.last_ns <= finding.first_ns or begin == end:
        return f"at {begin}"
    return f"from {begin} to {end}"


def _print_fact(finding: Finding, console: Console, view: View) -> None:
    """What was seen, and how sure that is."""
    fact = first_sentence(in_zone(finding.explanation, view.zone)).rstrip(".")
    _print_labelled(finding.confidence.capitalize(), fact, console)


def _print_labelled(label: str, text: str, console: Console) -> None:
    hang(console, Text(""), Text(f"{label}: ", "bold").append(plain(text, console), "not bold"), INDENT)


def _print_fix(finding: Finding, console: Console, shown: dict[str, str]) -> None:
    fix = action(finding.remedy)
    if fix and fix not in shown:
        shown[fix] = finding.subject.label()
        _print_labelled("Fix", fix, console)
    for holder in held_by(finding):
        _print_labelled("Held by", holder, console)
    if finding.severity == "critical" and not finding.processes:
        for command in commands(finding.remedy)[:1]:
            command_line(console, plain(command, console), INDENT + 2)


def _mirrored(mirrors: Sequence[Finding]) -> str:
    count = sum(finding.count for finding in mirrors)
    sides = times(len({finding.subject.address for finding in mirrors}), mirrors[0].subject.role)
    return f"Mirrored as {mirrors[0].kind}: {times(count, 'connection')} of {sides}"


def _print_next(report: Report, findings: Sequence[Shown], console: Console, view: View) -> None:
    """The next step, ready to copy."""
    counting = [each.finding for each in findings if each.finding.allowed is None]
    worst = counting[0] if counting else findings[0].finding
    label = "Next: "
    lines = []
    show = _show_command(report, worst)
    if show is not None:
        lines.append(show)
    lines.append(f"tcptrace-py explain {worst.kind}")
    hint = "" if view.verbose else f"(-v: {'proof, services' if view.brief else 'proof and all counters'})"
    if hint and len(f"{label}{lines[-1]}    {hint}") <= console.width:
        lines[-1] += f"    {hint}"
        hint = ""
    if worst.display_filter:
        lines.append(f"Wireshark: {worst.display_filter}")
    if not view.brief:
        console.print()
    for text in lines:
        command_line(console, plain(text, console), len(label), Text(label, "bold"))
        label = " " * len(label)
    if hint:
        hang(console, Text(label), hint, len(label))


def _show_command(report: Report, finding: Finding) -> str | None:
    paths = [source.path for source in report.capture.sources]
    readable = all(source.format != "live" and source.path != "-" for source in report.capture.sources)
    if not finding.connections or not readable or not 0 < len(paths) <= _MOST_PATHS:
        return None
    words = ["tcptrace-py", "show", *paths, str(finding.connections[0])]
    if report.capture.filter is not None:
        words += ["--filter", report.capture.filter]
    return shlex.join(words)


def _print_services(report: Report, console: Console, view: View) -> None:
    services = by_trouble(report.services)
    shown = services[: view.top]
    left = len(services) - len(shown)
    if shown:
        console.print()
        heading(console, f"Services ({len(shown):,} of {len(services):,})" if left else "Services")
        rows = [_service_row(service) for service in shown]
        if not print_if_it_fits(console, _service_table(rows)):
            _list_services(rows, console)
    if left:
        line(console, Text(plain(f"  {view.more(left)}", console)))
    if report.unlisted_connections:
        count = times(report.unlisted_connections, "connection")
        line(console, Text(f"  {count} to further services that are not listed (a scan?)"))


def _service_row(service: Service) -> tuple[str, ...]:
    name, *cells, took = service_cells(service)
    return f"  {name}", *cells, took or "-", f"{service.zero_windows:,}"


def _service_table(rows: Sequence[tuple[str, ...]]) -> Table:
    table = plain_table()
    table.add_column("  server", no_wrap=True)
    # Zero windows are rare, and a line has 80 columns.
    columns = len(rows[0]) if any(row[-1] != "0" for row in rows) else len(rows[0]) - 1
    for name in ("conns", "failed", "reset", "stuck", "resent", "in", "out", "RTT", "0 win")[: columns - 1]:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row[:columns]))
    return table


def _list_services(rows: Sequence[tuple[str, ...]], console: Console) -> None:
    for name, connections, unopened, reset, stuck, resent, inward, outward, took, zero in rows:
        line(console, Text(name), indent=4)
        many = "connection" if connections == "1" else "connections"
        text = f"{connections} {many}, {unopened} failed, {reset} reset, {stuck} stuck, {resent} resent, "
        text += f"{inward} in, {outward} out"
        text += "" if took == "-" else f", RTT {took}"
        text += "" if zero == "0" else f", {zero} with a zero window"
        hang(console, Text(""), text, 4)


def _print_limits(report: Report, console: Console, view: View) -> None:
    """What this capture cannot tell."""
    capture = report.capture
    limits = []
    if not report.findings and report.summary.connections and capture.coverage.enough:
        limits.append(
            "Nothing is wrong as far as these packets show. They do not show what applications did, what"
            " was never captured, or what came before and after."
        )
    unseen = report.summary.handshakes.unseen
    if unseen and not capture.coverage.mostly(unseen):
        limits.append(f"{times(unseen, 'connection')} began before the capture, or unseen by it.")
    if capture.first_ns is not None and capture.last_ns is not None and report.summary.connections:
        length_s = (capture.last_ns - capture.first_ns) / 1e9
        after_s = report.settings.close_wait_after_s
        if length_s < after_s:
            threshold = duration(round(after_s * 1e9))
            limits.append(f"A capture shorter than {threshold} cannot show stuck sockets.")
    if limits:
        console.print()
    for limit in limits:
        line(console, Text(limit))
