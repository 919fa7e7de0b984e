"""Connections as comma-separated values (RFC 4180): a line of column names, then one line each.

The columns are those of `tcptrace_py.report.formats.rows`. An empty cell is null; ``true`` and
``false``; the kinds of finding are separated by a blank. Like NDJSON it is written as
connections finish.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tcptrace_py.report.formats.rows import COLUMNS, row
from tcptrace_py.report.formats.target import open_whole
from tcptrace_py.report.model.model import Connection


@contextmanager
def writer(target: str | os.PathLike[str]) -> Iterator[Callable[[Connection], None]]:
    """For a ``with`` block: call what it gives with each connection. See `open_whole` for errors."""
    line = io.StringIO()
    cells = csv.writer(line)

    def encoded(values: list[Any]) -> bytes:
        cells.writerow(values)
        text = line.getvalue()
        line.seek(0)
        line.truncate()
        return text.encode()

    names = encoded([column.name for column in COLUMNS])
    begun = False
    with open_whole(target) as output:

        def write(connection: Connection) -> None:
            nonlocal begun
            if not begun:
                begun = True
                output.write(names)
            output.write(encoded([_cell(value) for value in row(connection)]))

        yield write
        if not begun:
            output.write(names)


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(value) if isinstance(value, list) else value
