"""Lines, words and numbers of the terminal report."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence

from msgspec import Struct
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from tcptrace_py.findings.wording import duration
from tcptrace_py.report.model.model import Report, Service
from tcptrace_py.report.people.verdict import failed

#: Legible on black and on white: bold, or black and white on a colour.
SEVERITY_STYLES = {"critical": "bold white on red", "warning": "black on yellow", "info": "bold"}
#: Where the text of a finding begins: the longest severity word and two spaces.
INDENT = 10
# For terminals that have no Unicode.
_ASCII = str.maketrans({"→": "->", "←": "<-", "–": "-", "—": "-", "…": "...", "×": "x", "µ": "u", "·": "-"})
_UNIT = re.compile(r"(?<=\d) (?=(?:s|ms|min|h|d|B|kB|MB|GB|TB)\b)")
_WORD = re.compile(r"\s*\S+\s*")
# Of the private use area, for captured text has none by then (it would be escaped).
_NO_BREAK = "\ue000"
# What GitHub's runner takes as a command: anywhere in a line, and where one begins. A file's name could.
_COMMAND_ANYWHERE = "##["
_COMMAND_BEGINS = re.compile(r"\s*::[A-Za-z]")
_BARS = "▁▂▃▄▅▆▇█"


def plain(text: str, console: Console) -> str:
    """Text that a terminal shows as it is: no control codes, nothing its encoding lacks.

    Nor what GitHub's runner takes as a command wherever it is in a line.
    """
    if _COMMAND_ANYWHERE in text:
        text = text.replace(_COMMAND_ANYWHERE, "\\x23#[")
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    if not text.isascii() and not console.encoding.lower().startswith("utf"):
        text = text.translate(_ASCII)
        text = text.encode(console.encoding, "backslashreplace").decode(console.encoding)
    return text


def line(console: Console, text: Text, indent: int = 2) -> None:
    """Print one line; where it is too long, what is left of it is indented."""
    lines = _wrapped(text, console.width)
    if len(lines) > 1:
        rest = text[len(lines[0].plain) :]
        rest = rest[len(rest.plain) - len(rest.plain.lstrip()) :]
        lines[1:] = _wrapped(rest, console.width - indent)
    _print_lines(console, Text(""), lines, indent)


def hang(console: Console, label: Text, body: Text | str, indent: int) -> None:
    """Print ``label``, and beside it ``body`` from column ``indent`` on."""
    text = Text(body) if isinstance(body, str) else body
    start = label.copy()
    # An append's style adds to the label's own, which would reach into the body.
    start = Text.assemble(start, " " * (indent - label.cell_len))
    _print_lines(console, start, _wrapped(text, console.width - indent), indent)


def command_line(console: Console, command: str, indent: int, label: Text | None = None) -> None:
    """Print a command on a line of its own that is never wrapped, so that it can be copied."""
    start = Text.assemble(label) if label is not None else Text()
    start = Text.assemble(start, " " * (indent - start.cell_len), command)
    console.print(start, highlight=False, soft_wrap=True)


def spark(counts: Sequence[int], console: Console) -> str:
    """A line of bars, from nothing to the most; empty where there is nothing to see or no Unicode."""
    most = max(counts, default=0)
    if most <= 1 or not console.encoding.lower().startswith("utf"):
        return ""
    top = len(_BARS) - 1
    return "".join(_BARS[round(count / most * top)] for count in counts)


def _wrapped(text: Text, width: int) -> list[Text]:
    # A number stays with its unit.
    text = text.copy()
    text.plain = _UNIT.sub(_NO_BREAK, text.plain)
    lines = [
        piece
        for each in text.split("\n", allow_blank=True)
        for piece in each.divide(_folds(each.plain, max(width, 10)))
    ]
    for each in lines:
        each.plain = each.plain.replace(_NO_BREAK, " ")
    return lines


def _folds(text: str, width: int) -> list[int]:
    """Where further lines begin. A word that no line has room for stays whole: perhaps to be copied."""
    folds = []
    used = 0
    for word in _WORD.finditer(text):
        if used and used + cell_len(word[0].rstrip()) > width:
            folds.append(word.start())
            used = 0
        used += cell_len(word[0])
    return folds


def _print_lines(console: Console, start: Text, lines: list[Text], indent: int) -> None:
    for text in lines or [Text("")]:
        text.rstrip()
        whole = start + text
        if _COMMAND_BEGINS.match(whole.plain):
            at = whole.plain.index(":")
            whole = Text.assemble(whole[:at], "\\x3a", whole[at + 1 :])
        console.print(whole, highlight=False, soft_wrap=True)
        start = Text(" " * indent)


def print_if_it_fits(console: Console, table: Table) -> bool:
    """Print a table unless a cell would have to be cut; whether it was printed."""
    unbounded = console.options.update(max_width=100_000)
    if Measurement.get(console, unbounded, table).maximum > console.width:
        return False
    console.print(table)
    return True


def plain_table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="", highlight=False)


def heading(console: Console, text: str) -> None:
    line(console, Text(text, "bold"))


def endpoint_name(address: str, port: int) -> str:
    """``10.0.0.20:8080``, ``[2001:db8::1]:8080``."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def since(report: Report, ts_ns: int, exact: bool = False) -> str:
    """``+2.1 s`` after the capture's first packet, or ``the start``; ``exact``: to the microsecond."""
    past_ns = ts_ns - (report.capture.first_ns or 0)
    sign = "+" if past_ns >= 0 else "-"
    if exact:
        micro = abs(past_ns) // 1000
        return f"{sign}{micro // 1_000_000}.{micro % 1_000_000:06d} s"
    if past_ns == 0:
        return "the start"
    short = abs(past_ns) < 1_000_000
    return sign + (latency(abs(past_ns) / 1e9) if short else duration(abs(past_ns)))


def amount(n: int) -> str:
    """Bytes for people, in powers of 1,000: ``512 B``, ``1.2 kB``, ``3.4 GB``."""
    if n < 1000:
        return f"{n} B"
    value = n / 1000
    units = iter(("kB", "MB", "GB", "TB"))
    unit = next(units)
    while value >= 999.5 and unit != "TB":
        value /= 1000
        unit = next(units)
    return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"


def latency(seconds: float) -> str:
    """``23 µs``, ``0.2 ms``, ``12.4 ms``, ``412 ms``, ``3.1 s``."""
    if 0 < seconds < 5e-5:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.1f} ms" if seconds < 0.1 else duration(round(seconds * 1e9))


#: Counters whose names people write otherwise than with a space.
_HYPHENATED = {"four_way", "three_way", "half_open", "half_closed"}


def service_cells(service: Service) -> tuple[str, ...]:
    """Server, connections, failed, reset, stuck, resent, bytes in, out, round trip ("" if not measured)."""
    took = service.handshake_time
    return (
        endpoint_name(service.address, service.port),
        f"{service.connections:,}",
        f"{failed(service.handshakes):,}",
        f"{service.closes.reset:,}",
        f"{service.close_wait.stuck:,}",
        f"{service.retransmits:,}",
        amount(service.bytes_to_server),
        amount(service.bytes_to_client),
        latency(took.mean_s) if took else "",
    )


def counter_text(name: str) -> str:
    """``four_way`` as people write it: ``four-way``. The name of a state stays as it is."""
    if name.isupper():
        return name
    return name.replace("_", "-" if name in _HYPHENATED else " ").replace("icmp", "ICMP")


def in_words(counts: Struct, leave_out: Container[str] = (), only: Container[str] | None = None) -> str:
    """``380 complete, 30 half-open``: the counters that are not 0, largest first."""
    found: list[tuple[int, int, str]] = []
    for name in counts.__struct_fields__:
        count = getattr(counts, name)
        if count and name not in leave_out and (only is None or name in only):
            found.append((-count, len(found), f"{count:,} {counter_text(name)}"))
    return ", ".join(text for _, _, text in sorted(found))
