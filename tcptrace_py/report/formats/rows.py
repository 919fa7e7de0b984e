"""Connections as rows of flat columns, for tables: one column for each value of the model.

A column is named after its path: ``client.address`` is ``client_address``. What is a list of its
own, such as an endpoint's history, is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from msgspec import Struct

from tcptrace_py.report.model.model import Connection


class Column(NamedTuple):
    """``type`` is ``int``, ``float``, ``bool``, ``str`` or ``list`` (of text); any may be None."""

    name: str
    type: type


class _Run(NamedTuple):
    """Values that are always there, fetched at once: ``get`` gives a tuple."""

    get: Callable[[Any], tuple[Any, ...]]


class _Nullable(NamedTuple):
    """A struct that may be None; then all its ``width`` values are."""

    get: Callable[[Any], Any]
    width: int
    parts: list[_Run | _Nullable]


def row(connection: Connection) -> list[Any]:
    """The connection's values in the order of `COLUMNS`."""
    values: list[Any] = []
    _collect(connection, _PARTS, values)
    return values


def _collect(struct: Any, parts: list[_Run | _Nullable], values: list[Any]) -> None:
    for part in parts:
        found = part.get(struct)
        if isinstance(part, _Run):
            values.extend(found)
        elif found is None:
            values.extend([None] * part.width)
        else:
            _collect(found, part.parts, values)


def _plan(struct: type[Struct], prefix: str, columns: list[Column]) -> list[_Run | _Nullable]:
    """How to fetch the values of ``struct``; ``columns`` takes their names, which begin with ``prefix``."""
    parts: list[_Run | _Nullable] = []
    run: list[str] = []

    def end_run() -> None:
        if run:
            parts.append(_Run(_getter(run)))
            run.clear()

    def walk(struct: type[Struct], path: str) -> None:
        for name, hint in get_type_hints(struct).items():
            inner = [each for each in get_args(hint) if each is not NoneType]
            may_be_none = NoneType in get_args(hint)
            kind = inner[0] if may_be_none else hint
            if isinstance(kind, type) and issubclass(kind, Struct):
                if not may_be_none:
                    walk(kind, f"{path}{name}.")
                    continue
                end_run()
                before = len(columns)
                below = _plan(kind, f"{prefix}{path}{name}.", columns)
                parts.append(_Nullable(attrgetter(path + name), len(columns) - before, below))
                continue
            if get_origin(kind) is Literal:
                kind = str
            elif kind == list[str]:
                kind = list
            if kind in (int, float, bool, str, list):
                columns.append(Column(f"{prefix}{path}{name}".replace(".", "_"), kind))
                run.append(path + name)

    walk(struct, "")
    end_run()
    return parts


def _getter(paths: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if len(paths) > 1:
        return attrgetter(*paths)
    one = attrgetter(paths[0])
    return lambda struct: (one(struct),)


_columns: list[Column] = []
_PARTS = _plan(Connection, "", _columns)
COLUMNS = tuple(_columns)
