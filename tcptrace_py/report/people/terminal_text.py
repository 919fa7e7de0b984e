"""Lines, words and numbers of the terminal report."""

from __future__ import annotations

from collections.abc import Container

from msgspec import Struct
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from tcptrace_py.findings.wording import duration
from tcptrace_py.report.model.model import Report

# For terminals that have no Unicode.
_ASCII = str.maketrans({"→": "->", "←": "<-", "–": "-", "—": "-", "…": "...", "×": "x", "µ": "u"})


def plain(text: str, console: Console) -> str:
    """Text that a terminal shows as it is: no control codes, nothing its encoding lacks."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    if not text.isascii() and not console.encoding.lower().startswith("utf"):
        text = text.translate(_ASCII)
        text = text.encode(console.encoding, "backslashreplace").decode(console.encoding)
    return text


def line(console: Console, text: Text, indent: int = 2) -> None:
    """Print one line; where it is too long, what is left of it is indented."""
    lines = _wrapped(console, text, console.width)
    if len(lines) > 1:
        rest = text[len(lines[0].plain) :]
        rest = rest[len(rest.plain) - len(rest.plain.lstrip()) :]
        lines[1:] = _wrapped(console, rest, console.width - indent)
    _print_lines(console, Text(""), lines, indent)


def hang(console: Console, label: Text, body: Text | str, indent: int) -> None:
    """Print ``label``, and beside it ``body`` from column ``indent`` on."""
    text = Text(body) if isinstance(body, str) else body
    start = label.copy()
    start.append(" " * (indent - label.cell_len), "default not bold on default")
    _print_lines(console, start, _wrapped(console, text, console.width - indent), indent)


def _wrapped(console: Console, text: Text, width: int) -> list[Text]:
    return list(text.wrap(console, max(width, 10), overflow="fold"))


def _print_lines(console: Console, start: Text, lines: list[Text], indent: int) -> None:
    for text in lines or [Text("")]:
        text.rstrip()
        console.print(start + text, highlight=False, soft_wrap=True)
        start = Text(" " * indent)


def print_if_it_fits(console: Console, table: Table) -> bool:
    """Print a table unless a cell would have to be cut; whether it was printed."""
    unbounded = console.options.update(max_width=100_000)
    if Measurement.get(console, unbounded, table).maximum > console.width:
        return False
    console.print(table)
    return True


def plain_table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", highlight=False)


def heading(console: Console, text: str) -> None:
    line(console, Text(text, "bold"))


def endpoint_name(address: str, port: int) -> str:
    """``10.0.0.20:8080``, ``[2001:db8::1]:8080``."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def since(report: Report, ts_ns: int, exact: bool = False) -> str:
    """``+2.1 s`` after the capture's first packet; ``exact``: to the microsecond."""
    past_ns = ts_ns - (report.capture.first_ns or 0)
    sign = "+" if past_ns >= 0 else "-"
    if exact:
        micro = abs(past_ns) // 1000
        return f"{sign}{micro // 1_000_000}.{micro % 1_000_000:06d} s"
    return f"{sign}{duration(abs(past_ns))}"


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
    """``0.2 ms``, ``12.4 ms``, ``412 ms``, ``3.1 s``."""
    return f"{seconds * 1e3:.1f} ms" if seconds < 0.1 else duration(round(seconds * 1e9))


def in_words(counts: Struct, leave_out: Container[str] = (), only: Container[str] | None = None) -> str:
    """``380 complete, 30 half open``: the counters that are not 0, largest first."""
    found: list[tuple[int, int, str]] = []
    for name in counts.__struct_fields__:
        count = getattr(counts, name)
        if count and name not in leave_out and (only is None or name in only):
            found.append((-count, len(found), f"{count:,} {name.replace('_', ' ')}"))
    return ", ".join(text for _, _, text in sorted(found))
