"""The report as JSON: the contract of ``model.py``, and its JSON Schema.

Laid out for people and for ``diff``: two spaces of indentation, but a service and a
connection each on one line of its own. One line feed at the end.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from tcptrace_py.report.formats.target import write_whole
from tcptrace_py.report.model.model import Report

_encoder = msgspec.json.Encoder()

# A list of numbers, spread over lines. Within a JSON string there is no raw line feed.
_NUMBERS = re.compile(rb"\[\n\s+(-?\d+(?:,\n\s+-?\d+)*)\n\s+\]")
_BETWEEN_NUMBERS = re.compile(rb",\n\s+")
# Connections are written together up to so many bytes.
_BLOCK_BYTES = 1 << 16


def encode(report: Report) -> bytes:
    """The whole report as UTF-8 JSON; the same report gives the same bytes."""
    return b"".join(chunks(report))


def chunks(report: Report) -> Iterator[bytes]:
    """`encode` in pieces, so that a long list of connections is not held twice in memory."""
    services = report.services
    connections = report.listed
    frame = msgspec.structs.replace(report, services=[], listed=None)
    text = msgspec.json.format(_encoder.encode(frame), indent=2)
    text = _NUMBERS.sub(_on_one_line, text)
    head, rest = text.split(b'\n  "services": []', 1)
    yield head + b'\n  "services": '
    yield from _lines(services)
    yield rest.removesuffix(b"\n}")
    if connections is not None:
        yield b',\n  "connections": '
        yield from _lines(connections)
    yield b"\n}\n"


def write(report: Report, target: str | os.PathLike[str]) -> None:
    """Write the report to a file, whole or not at all, or to standard output (``-``).

    Raises `tcptrace_py.report.formats.target.WriteError`, an ``OSError`` whose text is one clear line.
    """
    write_whole(chunks(report), target)


def schema(model: type[msgspec.Struct] = Report) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) that every report, or other ``model``, of this version satisfies."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(model)}


def _on_one_line(match: re.Match[bytes]) -> bytes:
    return b"[" + _BETWEEN_NUMBERS.sub(b", ", match[1]) + b"]"


def _lines(items: Iterable[msgspec.Struct]) -> Iterator[bytes]:
    block = bytearray(b"[")
    separator = b"\n    "
    for item in items:
        block += separator
        _encoder.encode_into(item, block, -1)
        separator = b",\n    "
        if len(block) >= _BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    yield bytes(block) + (b"\n  ]" if separator.startswith(b",") else b"]")
