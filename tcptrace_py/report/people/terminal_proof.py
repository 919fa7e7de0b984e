"""The long form of the terminal report: each finding's proof, explanation and remedy, and all counters."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from tcptrace_py.findings.finding import CONFIDENCE_MEANINGS, Evidence, Finding
from tcptrace_py.findings.texts import TEXTS
from tcptrace_py.findings.wording import duration
from tcptrace_py.report.model.model import Report, States
from tcptrace_py.report.people.clock import in_zone, moment
from tcptrace_py.report.people.remedy import pieces
from tcptrace_py.report.people.terminal_text import (
    INDENT,
    command_line,
    hang,
    heading,
    in_words,
    plain,
    plain_table,
    since,
)
from tcptrace_py.report.people.verdict import held_by, title
from tcptrace_py.report.people.view import View


def print_proof(
    report: Report, finding: Finding, console: Console, view: View, shown: dict[str, str]
) -> None:
    """``shown``: general texts that stand above already, and the finding that they stand at."""
    day = moment(finding.first_ns, view.zone)
    _row(console, "what", f"{_sentence(title(finding))}, first at {day}. {_news(finding, shown, view)}")
    label = "proof"
    for text in _evidence(report, finding, console, view):
        hang(console, Text(f"  {label}", "bold"), text, INDENT)
        label = ""
    label = "held by"
    for holder in held_by(finding):
        _row(console, label, holder)
        label = ""
    _print_remedy(finding, console, shown)
    sure = f"{finding.confidence}: {CONFIDENCE_MEANINGS[finding.confidence]}"
    _row(console, "sure", sure)
    _row(console, "in", _ids(finding, view))
    if finding.display_filter:
        _row(console, "filter", finding.display_filter)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _row(console: Console, label: str, text: str) -> None:
    hang(console, Text(f"  {label}", "bold"), plain(text, console), INDENT)


def _news(finding: Finding, shown: dict[str, str], view: View) -> str:
    """The explanation, without what is said of that kind in general if it was said before."""
    explanation = in_zone(finding.explanation, view.zone)
    meaning = TEXTS[finding.kind].meaning if finding.kind in TEXTS else ""
    if not meaning or not explanation.endswith(meaning):
        return explanation
    if meaning in shown:
        return explanation.removesuffix(meaning).rstrip()
    shown[meaning] = finding.subject.label()
    return explanation


def _print_remedy(finding: Finding, console: Console, shown: dict[str, str]) -> None:
    prose = " ".join(piece for piece, command in pieces(finding.remedy) if not command)
    if not prose:
        _row(console, "fix", "nothing")
        return
    label = "fix"
    general = prose in shown
    if general:
        _row(console, label, f"as for {shown[prose]} above")
        label = ""
    shown.setdefault(prose, finding.subject.label())
    for piece, command in pieces(finding.remedy):
        if command:
            command_line(console, plain(piece, console), INDENT + 2)
        elif not general:
            _row(console, label, piece)
            label = ""


def _ids(finding: Finding, view: View) -> str:
    ids = [f"#{connection}" for connection in finding.connections[: view.ids]]
    text = f"connection {ids[0]}" if len(ids) == 1 else f"connections {', '.join(ids)}"
    left = len(finding.connections) - len(ids)
    if finding.count > len(finding.connections):
        # The finding itself names some only.
        return f"among others {text}"
    return f"{text} and {view.more(left)}" if left else text


def _evidence(report: Report, finding: Finding, console: Console, view: View) -> Iterator[Text]:
    for evidence in finding.evidence[: view.evidence]:
        text = Text()
        text.append(plain(_place(report, evidence), console), "bold")
        text.append(since(report, evidence.ts_ns, exact=True))
        said = in_zone(evidence.text, view.zone)
        text.append(plain(f" #{evidence.connection}: {said}", console))
        yield text
    left = len(finding.evidence) - view.evidence
    if left > 0:
        yield Text(plain(f"and {view.more(left)}", console))


def _place(report: Report, evidence: Evidence) -> str:
    """``frame 12 ``, or nothing for what is no segment (the time says when)."""
    if evidence.frame is None:
        return ""
    sources = report.capture.sources
    if len(sources) > 1 and evidence.source < len(sources):
        return f"frame {evidence.frame} of {sources[evidence.source].path} "
    return f"frame {evidence.frame} "


def print_summary(report: Report, console: Console) -> None:
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
        stuck = f"{wait.stuck:,} stuck" if wait.stuck else "none stuck"
        left = f"{wait.open_at_end:,} still open at the end" if wait.open_at_end else "none left at the end"
        rows.append(("CLOSE_WAIT", f"{stuck}, {left}, longest {longest}"))
    if summary.time_wait.peak_at_ns is None:
        rows.append(("TIME_WAIT", "never seen"))
    else:
        at = since(report, summary.time_wait.peak_at_ns)
        text = f"{summary.time_wait.entered:,} entered, at most {summary.time_wait.peak:,} at once, at {at}"
        rows.append(("TIME_WAIT", text))
    causes = in_words(summary.resets.by_cause)
    rows.append(("resets", f"{summary.resets.total:,}: {causes}" if causes else "none"))
    resent = sum(service.retransmits for service in report.services)
    rows.append(("resent", f"{resent:,}" if resent else "nothing"))
    for name, text in rows:
        hang(console, Text(f"  {name}", "bold"), text, 14)


def print_states(report: Report, console: Console) -> None:
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
