"""A ladder in the terminal: made for 80 columns, right from 40 up, ASCII where there is no UTF-8.

Colour only repeats what arrowheads and words say.
"""

from __future__ import annotations

import textwrap

from rich.console import Console
from rich.text import Text

from tcptrace_py.report.people.ladder import Ladder, Row, Segment
from tcptrace_py.report.people.terminal_text import hang, heading, line, plain

# Longer arrows are hard to follow.
_WIDEST = 120
_NARROWEST = 40
# From here on the states stand beside the arrows, else between them.
_BESIDE = 76
# The longest state, its mark and a space.
_STATE = 13
# Legible on black and on white, as cyan, yellow, green and blue are not on both.
_CLIENT, _SERVER = "magenta", ""
_STATES, _LINES, _FINDING = "bold", "dim", "bold"
_BRIEFEST = 2
_SHORTEST_HALF = 11


class _Signs:
    def __init__(self, console: Console) -> None:
        # Whether the encoding is UTF-8, not what it could spell: a terminal's font has these or none.
        full = console.encoding.lower().replace("-", "").startswith("utf")
        self.bar, self.dash, self.right, self.left = "│─►◄" if full else "|-><"
        self.fold, self.cut = ("⋮", "…") if full else (":", "~")


def render_ladder(ladder: Ladder, console: Console) -> None:
    """Print it; what comes from outside is never taken as markup, and is escaped where it does not print."""
    heading(console, plain(ladder.title, console))
    for text in ladder.heading:
        line(console, Text(plain(text, console)))
    console.print()
    _Drawing(ladder, console).print()
    if ladder.legend:
        console.print()
        line(console, Text("; ".join(ladder.legend), _LINES))
    for label, kind, text in ladder.findings:
        console.print()
        line(console, Text(label, _FINDING))
        hang(console, Text(""), plain(text, console), 2)
        hang(console, Text(""), Text(f"More: tcptrace-py explain {kind}", _LINES), 2)


class _Drawing:
    def __init__(self, ladder: Ladder, console: Console) -> None:
        self._ladder = ladder
        self._console = console
        self._signs = _Signs(console)
        width = max(_NARROWEST, min(console.width, _WIDEST))
        self._beside = width >= _BESIDE
        self._width = width
        self._margin = _STATE if self._beside else 0
        self._body = width - 2 * self._margin - 2
        shown = [row for row in ladder.rows if row.ts_ns is not None]
        self._frame_width = max((len(row.frame) for row in shown), default=0) + 1
        # Microseconds, unless that leaves too little of the arrows.
        for self._digits in (6, 3, 0):
            self._time_width = max((len(time_text(row.ts_ns, self._digits)) for row in shown), default=0)
            arrows = max(self._body - self._time_width - self._frame_width - 3, 0)
            if arrows >= 2 * _SHORTEST_HALF:
                break
        self._halves = (arrows // 2, arrows - arrows // 2)
        self._brevity = next(
            (each for each in range(_BRIEFEST) if all(self._fits(row.segment, each) for row in shown)),
            _BRIEFEST,
        )

    def print(self) -> None:
        self._print_head()
        for row in self._ladder.rows:
            self._print_row(row)
        if self._brevity:
            letters = "S SYN, F FIN, R RST, P PSH, U URG, E ECE, W CWR, A ACK"
            self._console.print()
            line(self._console, Text(letters, _LINES))

    def _fits(self, segment: Segment | None, brevity: int) -> bool:
        if segment is None:
            return True
        sender, receiver = segment.words(brevity)
        first, second = self._halves if segment.from_client else self._halves[::-1]
        # A dash before each, and the arrowhead.
        return len(sender) + 1 <= first and len(receiver) + 2 <= second

    def _print_head(self) -> None:
        middle = "time".rjust(self._time_width) + "  frame"
        at = self._margin + self._halves[0] + 2
        head = "client".ljust(at) + middle
        rows = [head + "server".rjust(max(self._width - len(head), 7))]
        names = (self._ladder.client, self._ladder.server)
        if sum(map(len, names)) + 2 <= self._width:
            rows.append(names[0] + names[1].rjust(self._width - len(names[0])))
        for each in rows:
            self._print(Text(each, _LINES))

    def _print_row(self, row: Row) -> None:
        client, server = list(row.client), list(row.server)
        if not self._beside:
            if row.ts_ns is not None or row.text:
                self._print_body(self._body_of(row), "", "")
            while client or server:
                self._print_states(client.pop(0) if client else "", server.pop(0) if server else "")
        else:
            body = self._body_of(row)
            self._print_body(body, client.pop(0) if client else "", server.pop(0) if server else "")
            while client or server:
                blank = Text(" " * self._body)
                self._print_body(blank, client.pop(0) if client else "", server.pop(0) if server else "")
        for text in self._texts_below(row):
            self._print_body(Text(text.center(self._body)[: self._body]), "", "")
        for kind, text in row.marks:
            self._print_mark(kind, plain(text, self._console))

    def _print_body(self, body: Text, client: str, server: str) -> None:
        out = Text()
        if self._beside:
            out.append(client.rjust(self._margin - 1), _STATES)
            out.append(" ")
        out.append(self._signs.bar, _LINES)
        out.append_text(body)
        out.append(self._signs.bar, _LINES)
        if self._beside and server:
            out.append(" ")
            out.append(server, _STATES)
        self._print(out)

    def _print_states(self, client: str, server: str) -> None:
        out = Text()
        out.append(self._signs.bar, _LINES)
        out.append(client, _STATES)
        out.append(" " * (self._body - len(client) - len(server)))
        out.append(server, _STATES)
        out.append(self._signs.bar, _LINES)
        self._print(out)

    def _body_of(self, row: Row) -> Text:
        if row.ts_ns is None:
            if row.text:
                return Text(self._signs.fold.center(self._body), _LINES)
            return Text(" " * self._body)
        when = time_text(row.ts_ns, self._digits).rjust(self._time_width)
        frame = (f"#{row.frame}" if row.frame else "").ljust(self._frame_width)
        middle = f" {when} {frame} "
        left, right = self._halves
        if row.segment is None:
            return Text(" " * left + middle + " " * right, _LINES)
        sender, receiver = row.segment.words(self._brevity)
        out = Text()
        if row.segment.from_client:
            out.append(self._half(sender, left, True), _CLIENT)
            out.append(middle, _LINES)
            out.append(self._half(receiver, right - 1, True) + self._signs.right, _CLIENT)
        else:
            out.append(self._signs.left + self._half(receiver, left - 1, False), _SERVER)
            out.append(middle, _LINES)
            out.append(self._half(sender, right, False), _SERVER)
        return out

    def _half(self, text: str, width: int, left: bool) -> str:
        """Text on a part of an arrow: at its beginning, left or right."""
        dash = self._signs.dash
        if not text or width < 4:
            return dash * width
        if len(text) > width - 1:
            text = text[: width - 2] + self._signs.cut
        return (dash + text).ljust(width, dash) if left else (text + dash).rjust(width, dash)

    def _texts_below(self, row: Row) -> list[str]:
        texts = []
        if row.segment is not None and row.segment.note:
            texts.append(f"({row.segment.note})")
        for text in row.text.splitlines():
            texts += textwrap.wrap(plain(text, self._console), self._body - 2, break_on_hyphens=False)
        return texts

    def _print_mark(self, kind: str, text: str) -> None:
        """A finding, across the ladder below the frame that proves it."""
        margin = self._margin
        wrapped = textwrap.wrap(
            f"! {kind}: {text}", self._body - 2, subsequent_indent="  ", break_on_hyphens=False
        )
        for each in wrapped:
            out = Text(" " * margin)
            out.append(self._signs.bar, _LINES)
            out.append(f" {each}".ljust(self._body), _FINDING)
            out.append(self._signs.bar, _LINES)
            self._print(out)

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True, highlight=False)


def time_text(ts_ns: int | None, digits: int = 6) -> str:
    """Seconds since the first packet, to the microsecond or to fewer ``digits``."""
    if ts_ns is None:
        return ""
    parts = abs(ts_ns) // 10 ** (9 - digits)
    whole, rest = divmod(parts, 10**digits)
    return f"{'-' if ts_ns < 0 else ''}{whole}" + (f".{rest:0{digits}d}" if digits else "")
