"""What the page's pictures are drawn from: connections and their histories, small enough for any capture.

Times are microseconds since the capture's first packet, which a script's numbers hold exactly.
Names and addresses stand once in a list, and connections name them by index. All text has
`shown` behind it: a page shows what would not print, and never obeys it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

import msgspec

from tcptrace_py.report.model.model import (
    Basis,
    CloseKind,
    Connection,
    Endpoint,
    HandshakeOutcome,
    Report,
    ResetCause,
    State,
)
from tcptrace_py.report.model.passage import Passed
from tcptrace_py.report.people.terminal_text import counter_text
from tcptrace_py.report.people.verdict import process_text
from tcptrace_py.report.pictures.html import json_block, shown
from tcptrace_py.report.pictures.page_segments import in_turn, segment_rows
from tcptrace_py.report.pictures.timeline import timeline

#: Connections on a page at most, and how many of them belong to findings at most.
CONNECTIONS = 10_000
_OF_FINDINGS = 8_000
#: Bytes that their rows take at most.
_ROWS_BYTES = 3_000_000
# Entries of one endpoint's history: the first and the last ones are kept.
_MOVES_KEPT = 24

STATES: tuple[str, ...] = get_args(State)
_OUTCOMES: tuple[str, ...] = get_args(HandshakeOutcome)
_CLOSES: tuple[str, ...] = get_args(CloseKind)
_BASES: tuple[str, ...] = get_args(Basis)
_CAUSES: tuple[str, ...] = get_args(ResetCause)
_INITIATORS = ("", "client", "server", "both")

_encoder = msgspec.json.Encoder()


def data_block(report: Report, shown_findings: int, passed: Mapping[int, Passed] | None = None) -> bytes:
    """JSON to stand in a script element; of the findings only the first ``shown_findings``.

    ``passed``: what passed on connections, by their ids; None where the packets are not kept.
    """
    return json_block(page_data(report, shown_findings, passed))


def page_data(
    report: Report, shown_findings: int, passed: Mapping[int, Passed] | None = None
) -> dict[str, Any]:
    """See ``page_charts.js`` and ``page_list.js``, which read this, for what is made of each part."""
    begin_ns = report.capture.first_ns or 0
    end_ns = report.capture.last_ns or begin_ns
    names = _Names()
    connections = report.connections
    findings = report.findings[:shown_findings]
    kept = _selected(connections, [finding.connections for finding in findings])
    rows = _within_budget([_row(each, begin_ns, names) for each in kept])
    sampled = len(rows) < len(connections)
    return {
        "begin_ms": begin_ns // 1_000_000,
        "span_us": max((end_ns - begin_ns) // 1000, 1),
        "states": STATES,
        "outcomes": [counter_text(each) for each in _OUTCOMES],
        "closes": ["not closed" if each == "open" else counter_text(each) for each in _CLOSES],
        "bases": _BASES,
        "causes": [counter_text(each) for each in _CAUSES],
        "initiators": _INITIATORS,
        "ports": report.settings.ephemeral_ports,
        "sources": len(report.capture.sources),
        "findings": [
            {
                "kind": finding.kind,
                "severity": finding.severity,
                "role": finding.subject.role,
                "address": None
                if finding.subject.address is None
                else names.address(finding.subject.address),
                "port": finding.subject.port,
                "count": finding.count,
                "connections": finding.connections,
                "first": _us(finding.first_ns, begin_ns),
                "trend": finding.trend,
                "evidence": [
                    [
                        each.connection,
                        each.frame or 0,
                        each.source,
                        _us(each.ts_ns, begin_ns),
                        shown(each.text),
                    ]
                    for each in finding.evidence
                ],
            }
            for finding in findings
        ],
        "connections": rows,
        "segments": None if passed is None else segment_rows(report, passed, kept),
        "total": report.summary.connections,
        "listed": report.listed is not None,
        "timeline": timeline(connections, begin_ns, end_ns, names.address) if sampled else None,
        "addresses": names.addresses,
        "kinds": names.kinds,
    }


class _Names:
    """Texts that many connections share, each with its index."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.kinds: list[str] = []
        self._address_index: dict[str, int] = {}
        self._kind_index: dict[str, int] = {}

    def address(self, text: str) -> int:
        return _index(text, self._address_index, self.addresses)

    def kind(self, text: str) -> int:
        return _index(text, self._kind_index, self.kinds)


def _index(text: str, index: dict[str, int], texts: list[str]) -> int:
    found = index.get(text)
    if found is None:
        found = index[text] = len(texts)
        texts.append(shown(text))
    return found


def _selected(connections: Sequence[Connection], groups: Iterable[Sequence[int]]) -> list[Connection]:
    """All, or those that findings name, in turn of the findings, and a fair sample of the rest; by id."""
    if len(connections) <= CONNECTIONS:
        return list(connections)
    chosen = set(in_turn(groups)[:_OF_FINDINGS])
    rest = [each for each in connections if each.id not in chosen]
    wanted = CONNECTIONS - len(chosen)
    # Every n-th, from the first to the last.
    sample = {rest[i * len(rest) // wanted].id for i in range(wanted)} if len(rest) > wanted else None
    return [each for each in connections if each.id in chosen or sample is None or each.id in sample]


def _within_budget(rows: list[bytes]) -> list[msgspec.Raw]:
    total = sum(map(len, rows))
    if total > _ROWS_BYTES:
        wanted = max(len(rows) * _ROWS_BYTES // total, 1)
        rows = [rows[i * len(rows) // wanted] for i in range(wanted)]
    return [msgspec.Raw(row) for row in rows]


def _row(connection: Connection, begin_ns: int, names: _Names) -> bytes:
    close = connection.close
    reset = close.reset
    return _encoder.encode(
        (
            connection.id,
            connection.stream,
            _us(connection.first_ns, begin_ns),
            _us(connection.last_ns, begin_ns),
            _end(connection.client, connection.first_ns, names),
            _end(connection.server, connection.first_ns, names),
            _OUTCOMES.index(connection.handshake.outcome),
            _CLOSES.index(close.kind),
            _INITIATORS.index(close.initiator or ""),
            [names.kind(kind) for kind in connection.findings],
            None
            if reset is None
            else (
                reset.by,
                _CAUSES.index(reset.cause),
                reset.frame,
                reset.source,
                _us(reset.ts_ns, connection.first_ns),
            ),
        )
    )


def _end(endpoint: Endpoint, first_ns: int, names: _Names) -> tuple[Any, ...]:
    history: list[int] = []
    moves = endpoint.history
    if len(moves) > 2 * _MOVES_KEPT:
        moves = [*moves[:_MOVES_KEPT], *moves[-_MOVES_KEPT:]]
    for move in moves:
        history += (
            STATES.index(move.state),
            _us(move.ts_ns, first_ns),
            move.frame or 0,
            _BASES.index(move.basis),
            move.source,
        )
    return (
        names.address(endpoint.address),
        endpoint.port,
        endpoint.packets,
        endpoint.bytes,
        endpoint.retransmits,
        history,
        "" if endpoint.process is None else shown(process_text(endpoint.process)),
    )


def _us(ts_ns: int, begin_ns: int) -> int:
    return (ts_ns - begin_ns) // 1000
