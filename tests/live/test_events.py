"""The stream of events: what is told once, what again."""

from __future__ import annotations

import io
import json
from typing import Any

from tcptrace_py.findings.finding import Finding, Severity, Subject
from tcptrace_py.report.formats.events import Dropped, EventWriter


def _finding(count: int, port: int = 80, severity: Severity = "warning") -> Finding:
    return Finding(
        kind="stuck-close-wait",
        severity=severity,
        subject=Subject("server", "10.0.0.1", port),
        count=count,
        connections=list(range(count)),
        first_ns=1,
        last_ns=2,
        evidence=[],
        explanation="why",
        remedy="what",
        confidence="certain",
    )


def _take(stream: io.BytesIO) -> list[dict[str, Any]]:
    text = stream.getvalue()
    stream.seek(0)
    stream.truncate()
    assert text == b"" or text.endswith(b"\n")
    return [json.loads(line) for line in text.splitlines()]


def test_a_finding_is_told_when_it_is_new_or_grows() -> None:
    stream = io.BytesIO()
    writer = EventWriter(stream)
    writer.found([_finding(2)], 10)
    assert _take(stream) == [
        {
            "event": "finding",
            "ts_ns": 10,
            "kind": "stuck-close-wait",
            "severity": "warning",
            "subject": {"role": "server", "address": "10.0.0.1", "port": 80},
            "count": 2,
            "connections": [0, 1],
            "confidence": "certain",
            "explanation": "why",
            "display_filter": "ip.addr == 10.0.0.1 && tcp.port == 80",
        }
    ]
    writer.found([_finding(2)], 11)
    assert _take(stream) == []
    writer.found([_finding(3), _finding(1, port=81)], 12)
    assert [(each["subject"]["port"], each["count"]) for each in _take(stream)] == [(80, 3), (81, 1)]
    writer.found([_finding(3, severity="critical"), _finding(1, port=81)], 13)
    assert [each["severity"] for each in _take(stream)] == ["critical"]


def test_a_finding_that_is_gone_is_cleared_and_new_when_it_comes_back() -> None:
    stream = io.BytesIO()
    writer = EventWriter(stream)
    writer.found([_finding(2)], 10)
    writer.found([], 11)
    writer.found([], 12)
    writer.found([_finding(1)], 13)
    assert [(each["event"], each["ts_ns"]) for each in _take(stream)] == [
        ("finding", 10),
        ("cleared", 11),
        ("finding", 13),
    ]


def test_drops_are_told_when_they_rise() -> None:
    stream = io.BytesIO()
    writer = EventWriter(stream)
    for dropped in (0, 5, 5, 7):
        writer.dropped(dropped, 10)
    assert [each["dropped_by_kernel"] for each in _take(stream)] == [5, 7]
    writer.write(Dropped(1, 2))
    assert _take(stream) == [{"event": "dropped", "ts_ns": 1, "dropped_by_kernel": 2}]
