"""Graphs as a page: both directions one above the other, zoomed and panned together."""

from __future__ import annotations

from collections.abc import Sequence

from tcptrace_py.report.pictures.graph import ROLES, Graph, Mark
from tcptrace_py.report.pictures.html import json_block, rendered, shown

_PARTS = ("graph.html", "graph.css", "graph.js")


def encode(graphs: Sequence[Graph], heading: Sequence[str]) -> bytes:
    """The page as UTF-8; ``heading``: lines above the graphs, the first of which is its title."""
    roles = [role for role in ROLES if any(mark.role == role for graph in graphs for mark in graph.marks)]
    data = {
        "roles": [[role, ROLES[role]] for role in roles],
        "graphs": [
            {
                "title": shown(graph.title),
                "unit": graph.unit,
                "from_zero": graph.from_zero,
                "end": max(graph.end_ns // 1000, 1),
                "states": [[each.state, each.begin_ns // 1000, each.end_ns // 1000] for each in graph.states],
                # In order of the time that they end, so that what lies before a view is found quickly.
                "marks": [_row(each) for each in sorted(graph.marks, key=_end)],
            }
            for graph in graphs
        ],
    }
    return rendered(_PARTS, json_block(data), title=heading[0], heading=list(heading[1:]), graphs=graphs)


def _end(mark: Mark) -> int:
    return mark.to_ns if mark.shape == "line" else mark.t_ns


def _row(mark: Mark) -> list[object]:
    """Shape, role, time in µs and value; of a line its end too, of a text its words."""
    row: list[object] = [mark.shape, mark.role, mark.t_ns // 1000, round(mark.y, 3)]
    if mark.shape == "line":
        row += (mark.to_ns // 1000, round(mark.to_y, 3))
    elif mark.shape == "text":
        row.append(mark.text)
    return row
