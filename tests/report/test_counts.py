"""Every count and duration of the summary against the histories, over all samples and traces."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from tcptrace_py import analyze
from tcptrace_py.capture.error import CaptureError
from tcptrace_py.report.model.builder import ReportBuilder
from tcptrace_py.report.model.model import Capture, Connection, Report, Skipped
from tcptrace_py.settings import Settings
from tests.conftest import for_this_run
from tests.segments import STEP_NS, Trace, segment
from tests.tcp.test_reading import TRACES, schedule

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLES = sorted((REPOSITORY / "sample_pcaps").rglob("*.pcap*"))
#: Captures beside the repository, if they are there.
OTHERS = sorted(
    path
    for name in ("cases/states", "corpus")
    for path in (REPOSITORY.parent / "shared" / name).rglob("*.pcap*")
)

SYNCHRONIZED = {"ESTABLISHED", "CLOSE_WAIT"}


def nonzero(counts: msgspec.Struct) -> dict[str, int]:
    return {name: count for name, count in msgspec.structs.asdict(counts).items() if count}


def states(connection: Connection) -> list[list[str]]:
    return [[move.state for move in end.history] for end in (connection.client, connection.server)]


def stays(report: Report, state: str) -> list[tuple[int, int | None]]:
    """When each endpoint entered and left a state; None: it is there still."""
    found: list[tuple[int, int | None]] = []
    for connection in report.connections:
        for end in (connection.client, connection.server):
            left = [move.ts_ns for move in end.history[1:]] + [None]
            found += [
                (move.ts_ns, at) for move, at in zip(end.history, left, strict=False) if move.state == state
            ]
    return found


def check_waits(report: Report) -> None:
    """TIME_WAIT and CLOSE_WAIT, and the states at the end."""
    summary = report.summary
    waits = stays(report, "TIME_WAIT")
    changes = Counter(entered_ns for entered_ns, _ in waits)
    changes.subtract(left_ns for _, left_ns in waits if left_ns is not None)
    now, peak, peak_at_ns = 0, 0, None
    for ts_ns in sorted(changes):
        now += changes[ts_ns]
        if now > peak:
            peak, peak_at_ns = now, ts_ns
    time_wait = summary.time_wait
    assert (time_wait.entered, time_wait.peak, time_wait.peak_at_ns) == (len(waits), peak, peak_at_ns)
    waits = stays(report, "CLOSE_WAIT")
    end_ns = report.capture.last_ns or 0
    longest_ns = max(((end_ns if left_ns is None else left_ns) - ns for ns, left_ns in waits), default=None)
    assert summary.close_wait.longest_s == (None if longest_ns is None else longest_ns / 1e9)
    assert summary.close_wait.open_at_end == sum(left_ns is None for _, left_ns in waits)
    for ends, counted in (
        ([each.client for each in report.connections], summary.states_at_end.client),
        ([each.server for each in report.connections], summary.states_at_end.server),
    ):
        last = Counter(end.history[-1].state if end.history else "CLOSED" for end in ends)
        assert nonzero(counted) == last == Counter(end.state for end in ends)
        for end in ends:
            assert end.basis == (end.history[-1].basis if end.history else "assumed")


def check_outcomes(report: Report) -> None:
    """Handshakes and closes."""
    summary = report.summary
    outcomes = Counter(each.handshake.outcome for each in report.connections)
    outcomes["simultaneous"] = sum(each.handshake.simultaneous for each in report.connections)
    outcomes["fast_open"] = sum(each.handshake.fast_open for each in report.connections)
    assert nonzero(summary.handshakes) == +outcomes
    assert nonzero(summary.closes) == Counter(each.close.kind for each in report.connections)
    for connection in report.connections:
        histories = states(connection)
        opened = [bool(SYNCHRONIZED & set(history)) for history in histories]
        outcome = connection.handshake.outcome
        if outcome == "complete":
            assert any(opened)
        elif outcome == "unseen":
            assert not any({"SYN_SENT", "SYN_RCVD"} & set(history) for history in histories)
        else:
            assert not all(opened)
        close = connection.close
        first = ["FIN_WAIT_1" in history for history in histories]
        last = ["LAST_ACK" in history for history in histories]
        if close.kind == "simultaneous":
            assert (first, close.initiator) == ([True, True], "both")
        elif close.kind in ("four_way", "three_way"):
            assert sorted(first) == sorted(last) == [False, True]
            assert close.initiator == ("client" if first[0] else "server")
        elif close.kind == "half_closed":
            assert first != last
        else:
            assert last == [False, False]


def check_sums(report: Report) -> None:
    summary, connections = report.summary, report.connections
    assert [each.id for each in connections] == list(range(summary.connections))
    causes = Counter(each.close.reset.cause for each in connections if each.close.reset)
    causes["stray"] += sum(each.stray_resets > 0 for each in connections)
    assert nonzero(summary.resets.by_cause) == +causes
    assert summary.resets.total == causes.total()
    stuck = sum(finding.count for finding in report.findings if finding.kind == "stuck-close-wait")
    assert summary.close_wait.stuck == stuck
    assert stuck == sum("stuck-close-wait" in each.findings for each in connections)
    assert sum(service.connections for service in report.services) == summary.connections
    skipped = sum(msgspec.structs.astuple(report.capture.skipped))
    assert report.capture.packets == report.capture.tcp_segments + skipped


def traced(trace: Trace) -> Report:
    tracker = trace.tracker
    builder = ReportBuilder()
    for connection in trace.end():
        builder.add(connection, (), True)
    capture = Capture(
        [], tracker.first_ns, tracker.last_ns, trace.frame, trace.frame, Skipped(), None, True, []
    )
    return builder.finish(capture, [], tracker.time_wait, Settings())


@pytest.mark.parametrize(
    "path", for_this_run(SAMPLES + OTHERS), ids=lambda path: f"{path.parent.name}-{path.name}"
)
def test_in_captures(path: Path) -> None:
    try:
        report = analyze(path)
    except CaptureError:
        pytest.skip("no capture that can be read")
    check_waits(report)
    check_outcomes(report)
    check_sums(report)


@pytest.mark.parametrize("name", TRACES)
def test_in_traces(name: str) -> None:
    report = traced(Trace().play(TRACES[name][0]))
    check_waits(report)
    check_outcomes(report)


def test_waits_in_random_schedules() -> None:
    rng = random.Random(14)
    for _ in range(800):
        trace = Trace()
        for _, ts_ns, who, seq, ack, flags, size in schedule(rng):
            made = segment("cs"[who], "", seq, ack if flags & 16 else 0, size)
            made.flags = flags
            trace.now_ns = ts_ns - STEP_NS
            trace.feed(made)
        check_waits(traced(trace))
