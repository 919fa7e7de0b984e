"""The segments of a page's ladders: of which connections, how many, and how a script finds them.

A page has room for some, not for a capture: those of connections that findings name come first,
then a fair sample, and of a long connection its first and its last ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import msgspec

from tcptrace_py.report.model.model import Connection, Report
from tcptrace_py.report.model.passage import Passed
from tcptrace_py.report.people.ladder import segments
from tcptrace_py.report.pictures.html import shown

#: Of one connection and of all together, at most; and the bytes that they take.
OF_ONE = 200
_OF_ALL = 20_000
_BYTES = 1_200_000

_encoder = msgspec.json.Encoder()


def in_turn(groups: Iterable[Sequence[int]]) -> list[int]:
    """The ids of several findings, each once: the first of each finding, then the second of each, ..."""
    named: dict[int, None] = {}
    for ids in zip_longest(*groups):
        named.update(dict.fromkeys(each for each in ids if each is not None))
    return list(named)


def wanted_segments(report: Report) -> dict[int, tuple[Connection, int]]:
    """The connections whose segments a page shows, by id, each with how many of them at most."""
    by_id = {each.id: each for each in report.connections}
    named = [n for n in in_turn(each.connections for each in report.findings) if n in by_id]
    chosen = set(named)
    rest = [each.id for each in report.connections if each.id not in chosen]
    wanted: dict[int, tuple[Connection, int]] = {}
    room = _OF_ALL
    for number in (*named, *_spread(rest)):
        connection = by_id[number]
        count = min(connection.client.packets + connection.server.packets, OF_ONE)
        if count > room:
            break
        room -= count
        wanted[number] = (connection, OF_ONE)
    return wanted


def _spread(ids: list[int]) -> list[int]:
    """The same in another order, of which every beginning is spread over the whole."""
    step = 1 << max(len(ids) - 1, 0).bit_length()
    order: list[int] = ids[:1]
    while step > 1:
        order += ids[step // 2 :: step]
        step //= 2
    return order


def segment_rows(report: Report, passed: Mapping[int, Passed], kept: Sequence[Connection]) -> dict[str, Any]:
    """By id: how many were left out, behind how many of the rows, and the rows.

    A row is ``[from the client, frame, source, µs since the connection's first packet, what its sender
    says of itself, what it says to its receiver, note]``.
    """
    on_page = {each.id for each in kept}
    found: dict[str, Any] = {}
    room = _BYTES
    for number, (connection, _) in wanted_segments(report).items():
        if number not in on_page or number not in passed:
            continue
        first, last, left_out = passed[number]
        passages = [*first, *last]
        rows = _encoder.encode(
            [
                (
                    int(segment.from_client),
                    each.frame,
                    each.source,
                    (each.ts_ns - connection.first_ns) // 1000,
                    *segment.words(),
                    shown(segment.note),
                )
                for each, segment in zip(passages, segments(passages), strict=True)
                if segment is not None
            ]
        )
        room -= len(rows)
        if room < 0:
            break
        found[str(number)] = (left_out, len(first), msgspec.Raw(rows))
    return found
