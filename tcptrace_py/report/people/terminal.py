"""The report for people at a terminal, worst things first.

Made for 80 columns, right from 40 up. Nothing is cut off: what is too long is folded.
Colour only repeats what words say. Text that comes from outside (names of files,
addresses, evidence) is never taken as markup, and what would not show is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tcptrace_py.findings.finding import CONFIDENCE_MEANINGS, SEVERITIES, Evidence, Finding
from tcptrace_py.findings.texts import TEXTS
from tcptrace_py.findings.wording import duration, moment, times
from tcptrace_py.report.model.model import Report, Service, States
from tcptrace_py.report.people.terminal_connections import print_connections
from tcptrace_py.report.people.terminal_text import (
    amount,
    endpoint_name,
    hang,
    heading,
    in_words,
    latency,
    line,
    plain,
    plain_table,
    print_if_it_fits,
    since,
)

_STYLES = {"critical": "bold white on red", "warning": "bold yellow", "info": "cyan"}
# The longest severity word and two spaces.
_INDENT = 10
# Of one finding, so that the next one is on the same screen.
_EVIDENCE = 4
_IDS = 8
# In commands of a remedy: what differs between findings of one kind.
_PORT_FILTER = re.compile(r"[sd]port = :\d+")


def render(report: Report, console: Console, *, top: int = 10, connections: bool = False) -> None:
    """Print the report. ``top``: how many findings, services and connections are shown at most.

    ``connections``: list them too, those with findings first.
    """
    top = max(top, 0)
    _print_verdict(report, console)
    _print_warnings(report, console)
    if len(report.findings) > 1:
        _print_overview(report, console, top)
    told: dict[str, str] = {}
    for finding in report.findings[:top]:
        _print_finding(report, finding, console, told)
    if report.summary.connections:
        _print_summary(report, console)
        _print_states(report, console)
        _print_services(report, console, top)
    if connections and report.connections is not None:
        print_connections(report, console, top)
    _print_limits(report, console)


def _print_verdict(report: Report, console: Console) -> None:
    capture = report.capture
    counts = [(sum(f.severity == severity for f in report.findings), severity) for severity in SEVERITIES]
    if any(count for count, _ in counts):
        verdict = ", ".join(f"{count:,} {severity}" for count, severity in counts if count)
        style = _STYLES[report.findings[0].severity]
    elif capture.tcp_segments:
        verdict, style = "No findings", "bold green"
    else:
        verdict, style = "No TCP", "bold"
    what = f" in {_input_name(report)}: "
    if report.summary.connections:
        what += times(report.summary.connections, "connection") + ", "
    what += times(capture.packets, "packet")
    if capture.first_ns is not None and capture.last_ns is not None:
        what += f", {duration(capture.last_ns - capture.first_ns)}"
    line(console, Text(verdict, style).append(plain(what, console), "default not bold on default"))
    if capture.first_ns is not None:
        line(console, Text(f"It begins at {moment(capture.first_ns)}; +times count from there.", "dim"))


def _input_name(report: Report) -> str:
    sources = report.capture.sources
    if len(sources) == 1:
        return sources[0].path if sources[0].path != "-" else "standard input"
    return times(len(sources), "file")


def _print_warnings(report: Report, console: Console) -> None:
    capture = report.capture
    if not capture.complete:
        line(console, Text("INCOMPLETE: the input could be read only in part.", "bold yellow"))
    warnings = list(capture.warnings)
    if capture.dropped_by_kernel:
        dropped = times(capture.dropped_by_kernel, "packet")
        warnings.append(f"the kernel dropped {dropped} before they were captured")
    cut = capture.skipped.truncated
    if cut:
        warnings.append(f"{times(cut, 'packet')} cut before the end of the TCP header (snap length)")
    if capture.skipped.malformed:
        warnings.append(f"{times(capture.skipped.malformed, 'malformed packet')} left out")
    if capture.skipped.unknown_link:
        warnings.append(f"{times(capture.skipped.unknown_link, 'packet')} of a link type without a decoder")
    for warning in warnings:
        hang(console, Text("note: ", "yellow"), plain(warning, console), 6)


def _print_overview(report: Report, console: Console, top: int) -> None:
    console.print()
    for finding in report.findings[:top]:
        label = Text(finding.severity.upper(), _STYLES[finding.severity])
        what = f"{finding.kind}: {finding.subject.label()}, {_how_many(finding)}, "
        what += f"since {since(report, finding.first_ns)}"
        hang(console, label, plain(what, console), _INDENT)
    more = report.findings[top:]
    if more:
        counts = [(sum(f.severity == severity for f in more), severity) for severity in SEVERITIES]
        rest = ", ".join(f"{count:,} {severity}" for count, severity in counts if count)
        hang(console, Text(""), f"and {len(more):,} more ({rest}); a larger --top shows them", _INDENT)


def _how_many(finding: Finding) -> str:
    if finding.kind == "time-wait-pile":
        return f"{times(finding.count, 'socket')} at once"
    return times(finding.count, "connection")


def _print_finding(report: Report, finding: Finding, console: Console, told: dict[str, str]) -> None:
    """``told``: general texts that stand above already, and the finding that they stand at."""
    console.print()
    label = Text(finding.severity.upper(), _STYLES[finding.severity])
    title = TEXTS[finding.kind].title if finding.kind in TEXTS else finding.kind
    what = f"{title}: {finding.subject.label()}, {_how_many(finding)}"
    hang(console, label, Text(plain(what, console), "bold"), _INDENT)
    rows = [("when", Text(_when(report, finding)))]
    rows.append(("what", Text(plain(_news(finding, told), console))))
    rows.extend(_evidence_rows(report, finding, console))
    rows.append(("do", Text(plain(_advice(finding, told), console))))
    if finding.confidence != "certain":
        sure = f"{finding.confidence}: {CONFIDENCE_MEANINGS[finding.confidence]}"
        rows.append(("sure", Text(plain(sure, console))))
    rows.append(("in", Text(f"{_ids(finding)} ({finding.kind}, {finding.confidence})")))
    for name, text in rows:
        hang(console, Text(f"  {name}", "dim"), text, _INDENT)


def _news(finding: Finding, told: dict[str, str]) -> str:
    """The explanation, without what is said of that kind in general if it was said before."""
    meaning = TEXTS[finding.kind].meaning if finding.kind in TEXTS else ""
    if not meaning or not finding.explanation.endswith(meaning):
        return finding.explanation
    if meaning in told:
        return finding.explanation.removesuffix(meaning).rstrip()
    told[meaning] = finding.subject.label()
    return finding.explanation


def _advice(finding: Finding, told: dict[str, str]) -> str:
    general = _PORT_FILTER.sub("", finding.remedy)
    if not general:
        return "nothing"
    if general in told:
        return f"as for {told[general]} above"
    told[general] = finding.subject.label()
    return finding.remedy


def _when(report: Report, finding: Finding) -> str:
    begin = f"{since(report, finding.first_ns)} ({moment(finding.first_ns)})"
    if finding.last_ns <= finding.first_ns:
        return f"at {begin}"
    return f"from {begin} to {since(report, finding.last_ns)}"


def _ids(finding: Finding) -> str:
    shown = finding.connections[:_IDS]
    text = ", ".join(f"{connection}" for connection in shown)
    text = f"connection {text}" if len(finding.connections) == 1 else f"connections {text}"
    left = len(finding.connections) - len(shown)
    if finding.count > len(finding.connections):
        # The finding itself names some only.
        return f"among others {text}"
    return f"{text} and {left:,} more in the JSON report" if left else text


def _evidence_rows(report: Report, finding: Finding, console: Console) -> Iterator[tuple[str, Text]]:
    label = "proof"
    for evidence in finding.evidence[:_EVIDENCE]:
        text = Text()
        text.append(plain(_place(report, evidence), console), "bold")
        text.append(f"{since(report, evidence.ts_ns, exact=True)}", "dim")
        text.append(plain(f" connection {evidence.connection}: {evidence.text}", console))
        yield label, text
        label = ""
    left = len(finding.evidence) - _EVIDENCE
    if left > 0:
        yield label, Text(f"and {left:,} more in the JSON report", "dim")


def _place(report: Report, evidence: Evidence) -> str:
    """``frame 12 ``, or nothing for what is no segment (the time says when)."""
    if evidence.frame is None:
        return ""
    sources = report.capture.sources
    if len(sources) > 1 and evidence.source < len(sources):
        return f"frame {evidence.frame} of {sources[evidence.source].path} "
    return f"frame {evidence.frame} "


def _print_summary(report: Report, console: Console) -> None:
    summary = report.summary
    console.print()
    heading(console, "Summary")
    handshakes = summary.handshakes
    opened = in_words(handshakes, ("simultaneous", "fast_open"))
    special = in_words(handshakes, only=("simultaneous", "fast_open"))
    rows = [
        ("handshakes", f"{opened} (of these {special})" if special else opened),
        ("closes", in_words(summary.closes)),
    ]
    wait = summary.close_wait
    if wait.longest_s is None:
        rows.append(("CLOSE_WAIT", "never seen"))
    else:
        longest = duration(round(wait.longest_s * 1e9))
        text = f"{wait.stuck:,} stuck, {wait.open_at_end:,} there at the end, longest {longest}"
        rows.append(("CLOSE_WAIT", text))
    if summary.time_wait.peak_at_ns is None:
        rows.append(("TIME_WAIT", "never seen"))
    else:
        at = since(report, summary.time_wait.peak_at_ns)
        text = f"{summary.time_wait.entered:,} entered, at most {summary.time_wait.peak:,} at once, at {at}"
        rows.append(("TIME_WAIT", text))
    causes = in_words(summary.resets.by_cause)
    rows.append(("resets", f"{summary.resets.total:,}: {causes}" if causes else "none"))
    for name, text in rows:
        hang(console, Text(f"  {name}", "dim"), text, 14)


def _print_states(report: Report, console: Console) -> None:
    console.print()
    heading(console, "States at the end of the capture")
    table = plain_table()
    table.add_column("  state", no_wrap=True)
    table.add_column("clients", justify="right", no_wrap=True)
    table.add_column("servers", justify="right", no_wrap=True)
    states = report.summary.states_at_end
    for state in States.__struct_fields__:
        client, server = getattr(states.client, state), getattr(states.server, state)
        if client or server:
            table.add_row(f"  {state}", f"{client:,}", f"{server:,}")
    console.print(table)


def _print_services(report: Report, console: Console, top: int) -> None:
    services = sorted(report.services, key=_service_order)
    shown = services[:top]
    left = len(services) - len(shown)
    if shown:
        console.print()
        heading(console, f"Services ({len(shown):,} of {len(services):,})" if left else "Services")
        rows = [_service_row(service) for service in shown]
        if not print_if_it_fits(console, _service_table(rows)):
            _list_services(rows, console)
    if left:
        line(console, Text(f"  {left:,} more; a larger --top shows them"))
    if report.unlisted_connections:
        count = times(report.unlisted_connections, "connection")
        line(console, Text(f"  {count} to further services that are not listed (a scan?)"))


def _service_order(service: Service) -> tuple[int, int]:
    """Stuck sockets first, then the busiest; the order of the report, by address, decides the rest."""
    return (-service.close_wait.stuck, -service.connections)


def _service_row(service: Service) -> tuple[str, ...]:
    h = service.handshakes
    failed = h.refused + h.unanswered + h.unreachable + h.half_open + h.aborted
    took = service.handshake_time
    return (
        f"  {endpoint_name(service.address, service.port)}",
        f"{service.connections:,}",
        f"{failed:,}",
        f"{service.closes.reset:,}",
        f"{service.close_wait.stuck:,}",
        amount(service.bytes_to_server),
        amount(service.bytes_to_client),
        latency(took.mean_s) if took else "",
    )


def _service_table(rows: Sequence[tuple[str, ...]]) -> Table:
    table = plain_table()
    table.add_column("  server", no_wrap=True)
    for name in ("conns", "failed", "reset", "stuck", "in", "out", "opens in"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _list_services(rows: Sequence[tuple[str, ...]], console: Console) -> None:
    for name, connections, failed, reset, stuck, inward, outward, took in rows:
        line(console, Text(name), indent=4)
        text = f"{connections} conns, {failed} failed, {reset} reset, {stuck} stuck, "
        text += f"{inward} in, {outward} out"
        hang(console, Text(""), f"{text}, opens in {took}" if took else text, 4)


def _print_limits(report: Report, console: Console) -> None:
    """What this capture can not tell."""
    capture = report.capture
    limits = []
    if not report.findings and report.summary.connections:
        limits.append(
            "Nothing is wrong as far as these packets show. They do not show what applications did, what"
            " was never captured, or what came before and after."
        )
    unseen = report.summary.handshakes.unseen
    if unseen:
        limits.append(f"{times(unseen, 'connection')} began before the capture or unseen by it.")
    if capture.first_ns is not None and capture.last_ns is not None and report.summary.connections:
        length_s = (capture.last_ns - capture.first_ns) / 1e9
        after_s = report.settings.close_wait_after_s
        if length_s < after_s:
            threshold = duration(round(after_s * 1e9))
            limits.append(f"Stuck sockets can not be told in less than {threshold} of capture.")
    if limits:
        console.print()
    for limit in limits:
        line(console, Text(limit, "dim"))
