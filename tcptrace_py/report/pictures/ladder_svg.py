"""A ladder as an SVG picture, for an issue tracker: the same rows, in one file without outside parts.

Colours are from the palette of Okabe and Ito, and only repeat what arrowheads, dashes and words say.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from tcptrace_py.report.formats.target import write_whole
from tcptrace_py.report.people.ladder import Ladder, Row, Segment
from tcptrace_py.report.people.ladder_terminal import time_text

_WIDTH = 1000
_CLIENT_X, _SERVER_X = 190, _WIDTH - 190
_MIDDLE_X = _WIDTH // 2
_MARGIN = 24
_LINE = 18
_ROW = 30
# A character of the font, for wrapping and for the boxes behind text.
_CHARACTER = 7.3
_CLIENT, _SERVER, _FINDING, _INK, _PALE = "#0072b2", "#b34a00", "#7a3265", "#1a1a1a", "#8a8a8a"

_STYLE = (
    "text{font:12px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:" + _INK + "}"
    ".title{font-size:15px;font-weight:bold}.state{font-weight:bold}.pale{fill:#5f5f5f}"
    ".finding{font-weight:bold;fill:" + _FINDING + "}"
)


def write_svg(ladder: Ladder, target: str | os.PathLike[str]) -> None:
    """To a file, whole or not at all, or to standard output for ``-``; raises as `write_whole` does."""
    write_whole((piece.encode() for piece in svg(ladder)), target)


def svg(ladder: Ladder) -> Iterator[str]:
    """The picture as XML, line by line."""
    drawing = _Drawing()
    drawing.ladder(ladder)
    height = drawing.y + _MARGIN
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
    yield f' viewBox="0 0 {_WIDTH} {height}" role="img">\n'
    yield f"<title>{_text(ladder.title)}</title>\n"
    yield f"<style>{_STYLE}</style>\n"
    yield "<defs>"
    for name, colour in (("client", _CLIENT), ("server", _SERVER)):
        yield f'<marker id="to-{name}" markerWidth="10" markerHeight="8" refX="9" refY="4" orient="auto">'
        yield f'<path d="M0,0 L10,4 L0,8 z" fill="{colour}"/></marker>'
    yield "</defs>\n"
    yield f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>\n'
    for piece in drawing.pieces:
        yield piece + "\n"
    yield "</svg>\n"


class _Drawing:
    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.y = _MARGIN

    def ladder(self, ladder: Ladder) -> None:
        self._line(ladder.title, "title")
        for text in ladder.heading:
            self._wrapped(text, "pale")
        self.y += _LINE
        self._put(_CLIENT_X, self.y, "client", "state", "middle")
        self._put(_MIDDLE_X, self.y, "time, frame", "pale", "middle")
        self._put(_SERVER_X, self.y, "server", "state", "middle")
        self.y += _LINE
        self._put(_CLIENT_X, self.y, ladder.client, "pale", "middle")
        self._put(_SERVER_X, self.y, ladder.server, "pale", "middle")
        self.y += 10
        top, place = self.y, len(self.pieces)
        self.y += 8
        for row in ladder.rows:
            self._row(row)
        self.y += 8
        # The lifelines lie behind everything that was drawn on them.
        self.pieces[place:place] = [
            f'<path d="M{x},{top} V{self.y}" stroke="{_PALE}" stroke-width="1.5"/>'
            for x in (_CLIENT_X, _SERVER_X)
        ]
        self.y += _LINE
        if ladder.legend:
            self._line("; ".join(ladder.legend), "pale")
        for label, _, text in ladder.findings:
            self.y += 8
            self._line(label, "finding")
            self._wrapped(text, "")

    def _row(self, row: Row) -> None:
        self.y += _ROW
        when = time_text(row.ts_ns) + (f" #{row.frame}" if row.frame else "")
        if row.segment is not None:
            self._arrow(row.segment, when)
        elif when:
            self._boxed(when)
        self._states(row)
        if row.segment is not None and row.segment.note:
            self.y += 14
            self._boxed(f"({row.segment.note})")
        for n, text in enumerate(row.text.splitlines()):
            if n or when:
                self.y += _LINE
            self._boxed(text)
        for kind, text in row.marks:
            self._mark(f"{kind}: {text}")

    def _arrow(self, segment: Segment, when: str) -> None:
        sender, receiver = segment.words()
        start, end = (_CLIENT_X, _SERVER_X) if segment.from_client else (_SERVER_X, _CLIENT_X)
        colour, name = (_CLIENT, "client") if segment.from_client else (_SERVER, "server")
        step = 1 if segment.from_client else -1
        dashes = ' stroke-dasharray="6 4"' if segment.note else ""
        self.pieces.append(
            f'<path d="M{start + 2 * step},{self.y} H{end - 2 * step}" stroke="{colour}" stroke-width="1.6"'
            f'{dashes} marker-end="url(#to-{name})"/>'
        )
        near, far = ("start", "end") if segment.from_client else ("end", "start")
        self._put(start + 10 * step, self.y - 5, sender, "", near)
        self._put(end - 22 * step, self.y - 5, receiver, "", far)
        self._boxed(when)

    def _states(self, row: Row) -> None:
        for n in range(max(len(row.client), len(row.server))):
            if n:
                self.y += _LINE
            if n < len(row.client):
                self._state(_CLIENT_X - 10, row.client[n], "end")
            if n < len(row.server):
                self._state(_SERVER_X + 10, row.server[n], "start")

    def _state(self, x: int, text: str, anchor: str) -> None:
        width = len(text) * _CHARACTER + 14
        left = x - width if anchor == "end" else x
        self.pieces.append(
            f'<rect x="{left:.1f}" y="{self.y - 10}" width="{width:.1f}" height="20" rx="4" fill="#eef2f6"'
            f' stroke="{_PALE}"/>'
        )
        self._put(round(left + width / 2), self.y + 4, text, "state", "middle")

    def _mark(self, text: str) -> None:
        width = int((_SERVER_X - _CLIENT_X - 40) / _CHARACTER)
        for n, each in enumerate(textwrap.wrap(text, width)):
            self.y += _LINE
            if not n:
                x, y = _CLIENT_X + 14, self.y
                self.pieces.append(f'<path d="M{x},{y + 4} l6,-11 l6,11 z" fill="{_FINDING}"/>')
            self._put(_CLIENT_X + 32, self.y + 4, each, "finding", "start")
        self.y += 4

    def _boxed(self, text: str) -> None:
        width = len(text) * _CHARACTER + 8
        self.pieces.append(
            f'<rect x="{_MIDDLE_X - width / 2:.1f}" y="{self.y - 8}" width="{width:.1f}" height="16"'
            ' fill="#ffffff"/>'
        )
        self._put(_MIDDLE_X, self.y + 4, text, "pale", "middle")

    def _line(self, text: str, style: str) -> None:
        self._put(_MARGIN, self.y, text, style, "start")
        self.y += _LINE

    def _wrapped(self, text: str, style: str) -> None:
        for each in textwrap.wrap(text, int((_WIDTH - 2 * _MARGIN) / _CHARACTER)):
            self._line(each, style)

    def _put(self, x: int, y: int, text: str, style: str, anchor: str) -> None:
        if text:
            named = f" class={quoteattr(style)}" if style else ""
            self.pieces.append(f'<text x="{x}" y="{y}"{named} text-anchor="{anchor}">{_text(text)}</text>')


def _text(text: str) -> str:
    """For XML, which has no place for control characters; they are escaped as in the terminal."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return escape(shown.encode("utf-8", "backslashreplace").decode("utf-8"))
