"""Graphs as an SVG picture, both directions above each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from tcptrace_py.report.pictures.graph import ROLES, Graph, Mark, Role
from tcptrace_py.report.pictures.html import shown

_WIDTH, _HEIGHT = 1000, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 16, 34, 46
_LEGEND = 26
# Texts beyond this would only cover each other.
_MOST_TEXTS = 400
# Of Okabe and Ito, told apart by the colour-blind; darker where a thin line needs it.
COLOURS: dict[Role, str] = {
    "data": "#1a1a1a",
    "again": "#d1420a",
    "ack": "#0b7a4b",
    "window": "#b07c00",
    "sack": "#8c3fa0",
    "special": "#0054db",
    "reset": "#c2185b",
    "mean": "#d1420a",
    "average": "#0054db",
}
#: Behind the marks, faint.
STATE_COLOURS = {
    "SYN_SENT": "#ffb40b",
    "SYN_RCVD": "#67200d",
    "ESTABLISHED": "#54c677",
    "FIN_WAIT_1": "#aeb9ff",
    "FIN_WAIT_2": "#0054db",
    "CLOSE_WAIT": "#d1420a",
    "CLOSING": "#170015",
    "LAST_ACK": "#61256f",
    "TIME_WAIT": "#7b7f86",
}


def svg(graphs: Sequence[Graph]) -> Iterator[bytes]:
    """The picture as XML."""
    height = len(graphs) * _HEIGHT + _LEGEND
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
        f' viewBox="0 0 {_WIDTH} {height}" role="img">\n'
        f"<title>{_text(graphs[0].title)}</title>\n"
        "<style>text{font:12px system-ui,'DejaVu Sans',sans-serif;fill:#1a1a1a}"
        ".t{font-weight:bold;font-size:14px}"
        ".m{font-size:10px}.s{font-size:10px;fill:#444}path{fill:none;stroke-width:1}</style>\n"
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>\n'
    ).encode()
    for number, graph in enumerate(graphs):
        yield f'<g transform="translate(0,{number * _HEIGHT})">\n'.encode()
        for piece in _panel(graph):
            yield piece.encode() + b"\n"
        yield b"</g>\n"
    yield "".join(_legend(graphs, height - 10)).encode()
    yield b"</svg>\n"


def _panel(graph: Graph) -> Iterator[str]:
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    ys = [y for mark in graph.marks for y in ((mark.y, mark.to_y) if mark.shape == "line" else (mark.y,))]
    low, high = min(ys, default=0), max(ys, default=1)
    if graph.from_zero:
        low = min(low, 0)
    high += (high - low) * 0.04 or 1
    span = graph.end_ns - graph.begin_ns

    def x(t_ns: int) -> float:
        return round(_LEFT + width * (t_ns - graph.begin_ns) / span, 1)

    def y(value: float) -> float:
        return round(_TOP + height * (1 - (value - low) / (high - low)), 1)

    yield f'<text class="t" x="{_LEFT}" y="20">{_text(graph.title)}</text>'
    for stay in graph.states:
        left, right = x(stay.begin_ns), x(stay.end_ns)
        yield (
            f'<rect x="{left}" y="{_TOP}" width="{max(right - left, 0.5):.1f}" height="{height}"'
            f' fill="{STATE_COLOURS[stay.state]}" opacity=".13"><title>{stay.state}</title></rect>'
        )
        if right - left > 7 * len(stay.state):
            yield f'<text class="s" x="{left + 4:.1f}" y="{_TOP + 12}">{stay.state}</text>'
    for tick, label in _ticks(low, high, 6):
        yield f'<path d="M{_LEFT},{y(tick)}H{_LEFT + width}" stroke="#ddd"/>'
        yield f'<text x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{label}</text>'
    for tick, label in _ticks(graph.begin_ns / 1e9, graph.end_ns / 1e9, 8):
        at = x(round(tick * 1e9))
        yield f'<path d="M{at},{_TOP + height}v4" stroke="#888"/>'
        yield f'<text x="{at}" y="{_TOP + height + 18}" text-anchor="middle">{label} s</text>'
    below = f"{graph.unit}. {graph.note}" if graph.note else graph.unit
    yield f'<text x="{_LEFT}" y="{_HEIGHT - 10}">{_text(below)}</text>'
    yield f'<path d="M{_LEFT},{_TOP}V{_TOP + height}H{_LEFT + width}" stroke="#888"/>'
    # One path for each role; what falls on the same place of the picture is drawn once.
    paths: dict[Role, dict[str, None]] = {}
    texts: dict[tuple[float, float, str], Role] = {}
    for mark in graph.marks:
        if mark.shape == "text":
            if len(texts) < _MOST_TEXTS:
                texts.setdefault((x(mark.t_ns), y(mark.y), mark.text), mark.role)
        else:
            end = (x(mark.to_ns), y(mark.to_y))
            paths.setdefault(mark.role, {})[_path(mark, x(mark.t_ns), y(mark.y), *end)] = None
    for role, pieces in paths.items():
        yield f'<path d="{"".join(pieces)}" stroke="{COLOURS[role]}"/>'
    for (left, up, text), role in texts.items():
        place = f'x="{left}" y="{up - 4:.1f}" text-anchor="middle"'
        yield f'<text class="m" {place} style="fill:{COLOURS[role]}">{_text(text)}</text>'


def _path(mark: Mark, x: float, y: float, to_x: float, to_y: float) -> str:
    if mark.shape == "line":
        return f"M{x},{y}L{to_x},{to_y}"
    if mark.shape == "up":
        return f"M{x - 2.5:.1f},{y + 3:.1f}L{x},{y}L{x + 2.5:.1f},{y + 3:.1f}"
    if mark.shape == "down":
        return f"M{x - 2.5:.1f},{y - 3:.1f}L{x},{y}L{x + 2.5:.1f},{y - 3:.1f}"
    if mark.shape == "tick":
        return f"M{x},{y}v4"
    if mark.shape == "diamond":
        return f"M{x},{y - 3.5:.1f}l3.5,3.5l-3.5,3.5l-3.5,-3.5z"
    return f"M{x - 1:.1f},{y}h2M{x},{y - 1:.1f}v2"


def _legend(graphs: Sequence[Graph], y: int) -> Iterator[str]:
    used = {mark.role for graph in graphs for mark in graph.marks}
    at = _LEFT
    for role, name in ROLES.items():
        if role in used:
            yield f'<path d="M{at},{y - 4}h16" stroke="{COLOURS[role]}" style="stroke-width:3"/>'
            yield f'<text x="{at + 21}" y="{y}">{_text(name)}</text>\n'
            at += 40 + 7 * len(name)


def _ticks(low: float, high: float, wanted: int) -> Iterator[tuple[float, str]]:
    rough = (high - low) / wanted
    power = 10 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough)
    digits = max(0, -math.floor(math.log10(step)))
    tick = math.ceil(low / step)
    while tick * step <= high:
        yield tick * step, f"{tick * step:,.{digits}f}"
        tick += 1


def _text(text: str) -> str:
    return escape(shown(text).encode("utf-8", "backslashreplace").decode("utf-8"))
