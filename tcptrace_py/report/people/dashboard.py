"""The dashboard of a live capture: what sockets do now, in as many lines as the terminal has.

Every line is made to measure, so that nothing wraps and nothing jumps. Colour only
repeats what words say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.text import Text

from tcptrace_py.findings.finding import Finding
from tcptrace_py.findings.wording import duration, times
from tcptrace_py.report.people.dashboard_lists import (
    Focus,
    LiveConnection,
    LiveService,
    help_lines,
    list_lines,
)
from tcptrace_py.report.people.terminal_text import SEVERITY_STYLES, plain
from tcptrace_py.tcp.state import STATE_NAMES

_BARS = "▁▂▃▄▅▆▇█"
_ASCII_BARS = "_.-=+*%#"
# Two columns from this width on.
_WIDE = 70
_LEFT = 32
# Lines for overview, findings and a list together.
_ROOM_FOR_BOTH = 30
# States that tell of trouble when they are many.
_HOT = {"CLOSE_WAIT", "TIME_WAIT", "FIN_WAIT_2", "LAST_ACK", "SYN_RCVD"}


@dataclass(slots=True)
class Holder:
    """Sockets in CLOSE_WAIT of one service, or of one client; ``oldest_ns`` is an age."""

    name: str
    count: int
    oldest_ns: int


@dataclass(slots=True)
class TimeWaitPile:
    """Sockets in TIME_WAIT of one address; ``toward`` where most of its ports are taken, and their share."""

    address: str
    count: int
    toward: str = ""
    share: float = 0.0


@dataclass(slots=True)
class View:
    """What the dashboard shows; numbers of now. ``opened`` and ``resets``: per second, the latest last."""

    interface: str
    elapsed_ns: int = 0
    packets: int = 0
    packets_per_s: float = 0.0
    tcp_segments: int = 0
    dropped_by_kernel: int = 0
    connections: int = 0
    alive: int = 0
    let_go: int = 0
    clients: Sequence[int] = ()
    servers: Sequence[int] = ()
    opened: Sequence[int] = ()
    resets: Sequence[int] = ()
    close_waits: list[Holder] = field(default_factory=list)
    close_wait_after_ns: int = 0
    time_waits: list[TimeWaitPile] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    #: Only where a list of them is shown.
    live_connections: list[LiveConnection] = field(default_factory=list)
    live_services: list[LiveService] = field(default_factory=list)


def sparkline(values: Sequence[int], width: int, bars: str = _BARS) -> str:
    """The last ``width`` values as bars; the highest is as high as it gets, nothing is lowest."""
    shown = list(values)[-width:] if width > 0 else []
    most = max(shown, default=0)
    top = len(bars) - 1
    drawn = [bars[0] if not value else bars[max(1, round(value / most * top))] for value in shown]
    return "".join(drawn).rjust(width) if width > 0 else ""


def lines(view: View, console: Console, focus: Focus | None = None) -> list[Text]:
    """The dashboard for the console's size: exactly its height, no line longer than its width."""
    width, height = console.size
    focus = focus or Focus()
    listed = bool(focus.shown)
    focus.visible = False
    head = _head(view, console, width, focus)
    room = max(0, height - len(head))
    if focus.help:
        body = help_lines(console)
    elif focus.detail or (listed and focus.chosen and room < _ROOM_FOR_BOTH):
        body = list_lines(focus, view.live_connections, view.live_services, console, room)
    elif width >= _WIDE:
        body = _body(view, console, width, room)
    else:
        body = [*_states(view), Text(), *_close_waits(view, console, 4), Text()]
        body += _time_waits(view, console, 4)
    if focus.shown and not (focus.help or focus.detail) and room >= _ROOM_FOR_BOTH:
        # The findings keep a few lines, the list takes the rest.
        body = body[: room // 3]
        body += [Text(), *_findings(view, console, width, max(2, room // 6)), Text()]
        body += list_lines(focus, view.live_connections, view.live_services, console, room - len(body))
    elif not (focus.help or focus.detail) and not (listed and focus.chosen):
        body.append(Text())
        body += _findings(view, console, width, max(0, room - len(body)))
    shown = (head + body)[:height]
    for line in shown:
        line.truncate(width, overflow="ellipsis")
    return shown + [Text() for _ in range(height - len(shown))]


def _head(view: View, console: Console, width: int, focus: Focus) -> list[Text]:
    title = Text("tcptrace-py live on ", "bold")
    title.append(plain(view.interface, console), "bold underline")
    title.append(f"   {_clock(view.elapsed_ns)}", "default not bold on default")
    ends = "PAUSED  ? keys  q ends" if focus.paused else "? keys  q ends"
    title.append(" " * max(2, width - title.cell_len - len(ends)))
    title.append(ends, "bold" if focus.paused else "")
    counts = Text()
    if view.dropped_by_kernel:
        # First, so that no width cuts it.
        counts.append(f" {view.dropped_by_kernel:,} DROPPED by the kernel ", "bold white on red")
        counts.append("  ")
    counts.append(f"{times(view.packets, 'packet')}, {_rate(view.packets_per_s)}   ")
    counts.append(f"{times(view.connections, 'connection')}, {view.alive:,} alive   ")
    if view.let_go:
        counts.append(f"{view.let_go:,} let go   ", "bold")
    if not view.dropped_by_kernel:
        counts.append("none dropped")
    bars = _BARS if console.encoding.lower().startswith("utf") else _ASCII_BARS
    label = 18
    # What the highest bar stands for.
    scale = 12
    room = max(0, min(60, (width - 2 * (label + scale + 2)) // 2))
    rates = Text()
    for name, values, style in (("opened", view.opened, ""), ("reset", view.resets, "red")):
        now = values[-1] if values else 0
        rates.append(f"{name} {now:,}/s".ljust(label))
        rates.append(sparkline(values, room, bars), style)
        most = max(list(values)[-room:], default=0) if room else 0
        rates.append(f" max {most:,}".ljust(scale) if most else " " * scale)
        rates.append("  ")
    rates.rstrip()
    notes = [Text(plain(note, console), "bold") for note in view.notes[:2]]
    return [title, counts, rates, *notes, Text()]


def _body(view: View, console: Console, width: int, room: int) -> list[Text]:
    left = _states(view)
    rows = max(len(left), min(len(STATE_NAMES) + 1, room - 3))
    if room > 2 * rows:
        rows = min(room // 2, 2 * rows)
    holders = (rows - 1) // 2
    right = _close_waits(view, console, holders - 1)
    right += [Text(), *_time_waits(view, console, rows - len(right) - 2)]
    body = []
    for i in range(max(len(left), len(right))):
        line = left[i].copy() if i < len(left) else Text()
        line.truncate(_LEFT, overflow="ellipsis", pad=True)
        line.append(" ")
        if i < len(right):
            line.append_text(right[i])
        line.truncate(width, overflow="ellipsis")
        body.append(line)
    return body


def _states(view: View) -> list[Text]:
    """Those that an endpoint is in; the others fold away."""
    table = [Text(f"{'state':<12}{'clients':>9}{'servers':>9}", "underline")]
    for i, name in enumerate(STATE_NAMES):
        client = view.clients[i] if i < len(view.clients) else 0
        server = view.servers[i] if i < len(view.servers) else 0
        if client or server:
            table.append(Text(f"{name:<12}{client:>9,}{server:>9,}", "bold" if name in _HOT else ""))
    if len(table) == 1:
        table.append(Text("no connection is alive"))
    return table


def _close_waits(view: View, console: Console, rows: int) -> list[Text]:
    table = [Text("CLOSE_WAIT held by", "underline")]
    if not view.close_waits:
        table.append(Text("nobody"))
        return table
    shown = view.close_waits[: rows if len(view.close_waits) <= rows else max(0, rows - 1)]
    for holder in shown:
        style = "bold red" if holder.oldest_ns > view.close_wait_after_ns else ""
        name = plain(holder.name, console)
        table.append(Text(f"{holder.count:>6,}  {name}  oldest {duration(holder.oldest_ns)}", style))
    left = len(view.close_waits) - len(shown)
    if left:
        table.append(Text(f"        and {left:,} more"))
    return table


def _time_waits(view: View, console: Console, rows: int) -> list[Text]:
    table = [Text("TIME_WAIT on, and ports taken toward", "underline")]
    if not view.time_waits:
        table.append(Text("nobody"))
        return table
    shown = view.time_waits[: rows if len(view.time_waits) <= rows else max(0, rows - 1)]
    for pile in shown:
        text = Text(f"{pile.count:>6,}  {plain(pile.address, console)}")
        if pile.toward:
            style = "bold red" if pile.share >= 0.8 else "bold" if pile.share >= 0.1 else ""
            text.append(f"  {pile.share:.1%} {plain(pile.toward, console)}", style)
        table.append(text)
    left = len(view.time_waits) - len(shown)
    if left:
        table.append(Text(f"        and {left:,} more"))
    return table


def _findings(view: View, console: Console, width: int, rows: int) -> list[Text]:
    table = [Text("findings" if view.findings else "no findings so far", "underline")]
    shown = view.findings[: rows - 1 if len(view.findings) <= rows - 1 else max(0, rows - 2)]
    for finding in shown:
        line = Text(finding.severity.upper().ljust(8), SEVERITY_STYLES[finding.severity])
        unit = "socket" if finding.kind == "time-wait-pile" else "connection"
        what = f"  {finding.kind}: {finding.subject.label()}, {times(finding.count, unit)}"
        line.append(plain(what, console), "default not bold on default")
        table.append(line)
    left = len(view.findings) - len(shown)
    if left:
        table.append(Text(f"          and {left:,} more"))
    return table


def _clock(ns: int) -> str:
    minutes, seconds = divmod(max(ns, 0) // 1_000_000_000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def _rate(per_s: float) -> str:
    return f"{per_s:,.0f}/s"
