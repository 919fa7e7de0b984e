"""Draws the house from what its modules import: ``python packaging/architecture.py > architecture.svg``.

Each folder of ``tcptrace_py/`` is a room; of report/ the model is one, which gates judge, and the writers
another, which write verdicts too. A packet goes through them from left to right, and a room may import only
rooms to its left, so every arc leads back to the left. ``--check`` draws nothing and names each
import that does not; `make lint` runs that.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "tcptrace_py"
#: In the order of a packet's way; what each gives to those right of it.
ROOMS = {
    "capture": "frames",
    "kernel": "sockets",
    "wire": "segments",
    "tcp": "histories",
    "findings": "causes",
    "report.model": "a report",
    "gates": "verdicts",
    "report": "writers",
    "run": "it all, once",
    "cli": "options",
}
#: Modules whose methods call ahead, to a room on their right: a report writes itself.
CALLS_AHEAD = {"tcptrace_py.report.model.model": "report"}
#: Modules beside the rooms, which any of them may import.
LEAVES = ("version", "settings", "engine")

_LEFT, _STEP, _BOX, _TOP = 70, 122, 104, 340
_INK, _PALE, _FAULT = "#1a1a1a", "#5f7f9f", "#b34a00"


class Import(NamedTuple):
    """``module`` (dotted) of one room imports ``imported`` of another; ``late``: inside a function."""

    room: str
    imported_room: str
    module: str
    imported: str
    late: bool


def room_of(module: str) -> str | None:
    """The room of a dotted name, or None for a leaf, the package itself and everybody else's modules."""
    inside = module.removeprefix(f"{PACKAGE}.")
    if inside == module:
        return None
    # The longest name that fits: report.model before report.
    fitting = [room for room in ROOMS if f"{inside}.".startswith(f"{room}.")]
    return max(fitting, key=len, default=None)


def imports(package: Path) -> Iterator[Import]:
    """Every import from one room of ``package`` of another, in functions and for types among them."""
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        room = room_of(module)
        if room is None:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef))
        late = {id(inner) for function in functions for inner in ast.walk(function)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            for name in names:
                other = room_of(name)
                if other is not None and other != room:
                    yield Import(room, other, module, name, id(node) in late)


def faults(found: list[Import]) -> list[str]:
    """The imports that go against the packet's way, a line each."""
    order = list(ROOMS)
    return [
        f"{each.module} imports {each.imported}: {each.room} may not know {each.imported_room}"
        for each in found
        if order.index(each.imported_room) > order.index(each.room)
        and not (each.late and CALLS_AHEAD.get(each.module) == each.imported_room)
    ]


def svg(found: list[Import]) -> str:
    order = list(ROOMS)
    width = _LEFT * 2 + _STEP * (len(order) - 1) + 30
    height = _TOP + 110
    pieces = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" role="img">',
        "<title>The rooms of tcptrace-py and what they import</title>",
        "<style>text{font:13px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:"
        + _INK
        + "}.name{font-weight:bold}.small{font-size:11px;fill:#5f5f5f}</style>",
        f'<defs><marker id="end" markerUnits="userSpaceOnUse" markerWidth="10" markerHeight="8"'
        f' refX="8" refY="4" orient="auto">'
        f'<path d="M0,0 L8,4 L0,8 z" fill="{_PALE}"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    counts = Counter((each.room, each.imported_room) for each in found)
    for (room, imported), count in sorted(counts.items()):
        here, there = order.index(room), order.index(imported)
        start, end = _LEFT + here * _STEP - 12, _LEFT + there * _STEP + 12
        rise = 26 + 38 * abs(here - there)
        colour = _PALE if there < here else _FAULT
        stroke = min(1 + count / 12, 5)
        pieces.append(
            f'<path d="M{start},{_TOP} C{start},{_TOP - rise} {end},{_TOP - rise} {end},{_TOP - 3}"'
            f' fill="none" stroke="{colour}" stroke-width="{stroke:.1f}" stroke-opacity="0.75"'
            ' marker-end="url(#end)">'
            f"<title>{room} imports {imported}: {count}</title></path>"
        )
    for number, (room, gives) in enumerate(ROOMS.items()):
        x = _LEFT + number * _STEP
        pieces.append(
            f'<rect x="{x - _BOX // 2}" y="{_TOP}" width="{_BOX}" height="46" rx="6" fill="#eef2f6"'
            f' stroke="{_INK}"/><text x="{x}" y="{_TOP + 20}" class="name" text-anchor="middle">{room}</text>'
            f'<text x="{x}" y="{_TOP + 37}" class="small" text-anchor="middle">{gives}</text>'
        )
    pieces.append(
        f'<text x="{_LEFT - _BOX // 2}" y="{_TOP + 76}" class="small">a packet\'s way: left to right; '
        "an arc: imports, thicker where there are more; to the right (red) only a report that writes itself"
        "</text></svg>"
    )
    return "\n".join(pieces) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only name the imports that go the wrong way")
    check = parser.parse_args().check
    found = list(imports(ROOT / PACKAGE))
    strangers = {
        path.name
        for path in (ROOT / PACKAGE).iterdir()
        if path.is_dir() and path.name != "__pycache__" and path.name not in ROOMS
    }
    if check:
        lines = [*faults(found), *(f"{PACKAGE}/{name} is no room" for name in sorted(strangers))]
        if lines:
            sys.exit("\n".join(lines))
    else:
        print(svg(found), end="")


if __name__ == "__main__":
    main()
