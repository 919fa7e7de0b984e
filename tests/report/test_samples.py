"""The report's sums against its own connection list, over the sample captures."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import jsonschema
import msgspec
import pytest

from tcptrace_py import analyze
from tcptrace_py.report.formats import json as report_json
from tcptrace_py.report.model.model import Connection, Report

SAMPLES = Path(__file__).resolve().parents[2] / "sample_pcaps"
NAMES = sorted(path.name for path in SAMPLES.glob("*.pcap*"))


def in_close_wait_s(report: Report, connection: Connection) -> list[float]:
    """How long each endpoint was in CLOSE_WAIT, by its history."""
    stays = []
    for endpoint in (connection.client, connection.server):
        moves = endpoint.history
        for i, move in enumerate(moves):
            if move.state == "CLOSE_WAIT":
                end_ns = moves[i + 1].ts_ns if i + 1 < len(moves) else report.capture.last_ns
                stays.append(((end_ns or 0) - move.ts_ns) / 1e9)
    return stays


def nonzero(counts: msgspec.Struct) -> dict[str, int]:
    return {name: count for name, count in msgspec.structs.asdict(counts).items() if count}


@pytest.mark.parametrize("name", NAMES)
def test_the_sums_are_those_of_the_connections(name: str) -> None:
    report = analyze(SAMPLES / name)
    connections, summary = report.connections, report.summary
    assert connections is not None
    assert [c.id for c in connections] == list(range(summary.connections))
    handshakes = Counter(c.handshake.outcome for c in connections)
    handshakes.update(
        {
            "simultaneous": sum(c.handshake.simultaneous for c in connections),
            "fast_open": sum(c.handshake.fast_open for c in connections),
        }
    )
    assert nonzero(summary.handshakes) == dict(+handshakes)
    assert nonzero(summary.closes) == dict(Counter(c.close.kind for c in connections))
    assert nonzero(summary.states_at_end.client) == dict(Counter(c.client.state for c in connections))
    assert nonzero(summary.states_at_end.server) == dict(Counter(c.server.state for c in connections))
    causes = Counter(c.close.reset.cause for c in connections if c.close.reset)
    causes["stray"] += sum(c.stray_resets > 0 for c in connections)
    assert nonzero(summary.resets.by_cause) == dict(+causes)
    assert summary.resets.total == causes.total()
    stuck = sum(f.count for f in report.findings if f.kind == "stuck-close-wait")
    assert summary.close_wait.stuck == stuck == sum("stuck-close-wait" in c.findings for c in connections)
    assert sum(s.connections for s in report.services) == summary.connections
    assert report.capture.packets == report.capture.tcp_segments + sum(
        msgspec.structs.astuple(report.capture.skipped)
    )


@pytest.mark.parametrize("name", NAMES)
def test_close_wait_lasted_as_the_histories_say(name: str) -> None:
    report = analyze(SAMPLES / name)
    stays = [stay for connection in report.connections or [] for stay in in_close_wait_s(report, connection)]
    longest_s = report.summary.close_wait.longest_s
    assert longest_s == pytest.approx(max(stays)) if stays else longest_s is None


@pytest.mark.parametrize("name", NAMES)
def test_a_state_is_that_of_the_last_move(name: str) -> None:
    for connection in analyze(SAMPLES / name).connections or []:
        for endpoint in (connection.client, connection.server):
            last = endpoint.history[-1] if endpoint.history else None
            assert (endpoint.state, endpoint.basis) == (
                (last.state, last.basis) if last else ("CLOSED", "assumed")
            )


def test_every_sample_satisfies_the_schema_and_reads_back() -> None:
    validator = jsonschema.Draft202012Validator(report_json.schema())
    for name in NAMES:
        report = analyze(SAMPLES / name)
        text = report_json.encode(report)
        validator.validate(json.loads(text))
        assert msgspec.json.decode(text, type=Report) == report
