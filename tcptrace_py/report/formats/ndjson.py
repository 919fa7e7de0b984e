"""Connections as newline-delimited JSON: the objects of the JSON report's ``connections``, one a line.

Each is written when the connection is finished and then forgotten, so memory does not
grow with their number; the lines come in that order, and ``id`` sorts them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from tcptrace_py.report.formats.target import open_whole
from tcptrace_py.report.model.model import Connection


@contextmanager
def writer(target: str | os.PathLike[str]) -> Iterator[Callable[[Connection], None]]:
    """For a ``with`` block: call what it gives with each connection. See `open_whole` for errors."""
    encode = msgspec.json.Encoder().encode
    with open_whole(target) as output:

        def write(connection: Connection) -> None:
            output.write(encode(connection) + b"\n")

        yield write
