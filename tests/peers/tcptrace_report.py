"""Reads tcptrace's long report (``tcptrace -l``, with ``-r`` for round-trip times)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_ENDPOINT = re.compile(r"^\thost \w+:\s+(\S+)$")


@dataclass
class LongConnection:
    """One connection of the report: ``figures[0]`` are those of the first host, ``[1]`` of the second."""

    number: int
    hosts: list[str] = field(default_factory=list)
    #: By label and unit (``initial window`` is there twice); as tcptrace wrote them.
    figures: tuple[dict[str, str], dict[str, str]] = field(default_factory=lambda: ({}, {}))


def parse_long(text: str) -> list[LongConnection]:
    """The connections of a long report, in its order."""
    connections: list[LongConnection] = []
    for line in text.splitlines():
        if line.startswith("TCP connection ") and line.endswith(":") and line[15].isdigit():
            connections.append(LongConnection(int(line[15:-1])))
        elif connections and (host := _ENDPOINT.match(line)):
            connections[-1].hosts.append(host[1])
        elif connections and line.startswith("     ") and len(line) > 60 and ":" in line:
            # Columns of fixed width: 5 blanks, 18 + 1 + 9 + 1 + 5, and the same again.
            for side, part in enumerate((line[:39], line[39:])):
                figure = _figure(part)
                if figure is not None:
                    connections[-1].figures[side][figure[0]] = figure[1]
    return connections


def _figure(part: str) -> tuple[str, str] | None:
    label, colon, rest = part.strip().partition(":")
    words = rest.split()
    if not colon or not words:
        return None
    unit = words[1] if len(words) > 1 else ""
    return f"{label} {unit}" if label == "initial window" else label, words[0]
