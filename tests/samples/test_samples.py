"""Each sample capture is diagnosed as the design says: states, frames, bases, outcomes, findings."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict

from tcptrace_py import analyze

from .catalogue import SAMPLE_DIR, SAMPLES
from .expectation import (
    Connection,
    Sample,
    expected_close,
    expected_history,
    reported_close,
    reported_handshake,
    reported_history,
    reported_subject,
    split_handshake,
)
from .frames import CaptureFile, end_text, ends_of


def name_of(sample: Sample) -> str:
    return sample.rows.replace(" ", "+") + "-" + Path(sample.name).stem


every_sample = pytest.mark.parametrize(
    "sample", [pytest.param(sample, id=name_of(sample)) for sample in SAMPLES]
)


@cache
def report_of(name: str) -> Any:
    return analyze(SAMPLE_DIR / name)


@cache
def capture_of(name: str) -> CaptureFile:
    return CaptureFile(SAMPLE_DIR / name)


def paired(sample: Sample) -> list[tuple[Connection, Any, list[int]]]:
    """Expected and reported connections side by side, with the file's numbers of the frames that each
    names.
    """
    capture, report = capture_of(sample.name), report_of(sample.name)
    in_file = list(range(1, capture.count + 1))
    wanted = list(sample.connections)
    if sample.per_connection:
        wanted.sort(key=lambda connection: capture.by_connection[ends_of(connection.between)][0])
    assert [between(got) for got in report.connections] == [connection.between for connection in wanted]
    return [
        (want, got, capture.by_connection[ends_of(want.between)] if sample.per_connection else in_file)
        for want, got in zip(wanted, report.connections, strict=True)
    ]


def between(connection: Any) -> str:
    return f"{end(connection.client)} > {end(connection.server)}"


def end(endpoint: Any) -> str:
    host = f"[{endpoint.address}]" if ":" in endpoint.address else endpoint.address
    return f"{host}:{endpoint.port}"


@every_sample
def test_histories(sample: Sample) -> None:
    capture = capture_of(sample.name)
    for want, got, numbers in paired(sample):
        for side in ("client", "server"):
            expected = expected_history(getattr(want, side), capture, numbers)
            endpoint = getattr(got, side)
            assert reported_history(endpoint.history, capture) == expected, f"{side} of {want.between}"
            for move in endpoint.history:
                if move.frame is not None:
                    assert move.ts_ns == capture.ts_ns(move.frame)
            last = ("CLOSED", "assumed")
            if endpoint.history:
                last = (endpoint.history[-1].state, endpoint.history[-1].basis)
            assert (endpoint.state, endpoint.basis) == last, f"{side} of {want.between}"


@every_sample
def test_handshakes(sample: Sample) -> None:
    capture = capture_of(sample.name)
    for want, got, numbers in paired(sample):
        words, frames = split_handshake(want.handshake)
        assert reported_handshake(got.handshake) == words, want.between
        if frames is not None:
            expected = [None if frame is None else capture.ts_ns(numbers[frame - 1]) for frame in frames]
            assert [got.handshake.syn_ns, got.handshake.synack_ns, got.handshake.ack_ns] == expected, (
                want.between
            )


@every_sample
def test_closes(sample: Sample) -> None:
    for want, got, numbers in paired(sample):
        assert reported_close(got.close) == expected_close(want.close, numbers), want.between


@every_sample
def test_counts(sample: Sample) -> None:
    for want, got, _ in paired(sample):
        if want.retransmits is not None:
            assert (got.client.retransmits, got.server.retransmits) == want.retransmits, want.between
        if want.payload_bytes is not None:
            assert (got.client.bytes, got.server.bytes) == want.payload_bytes, want.between


@every_sample
def test_roles(sample: Sample) -> None:
    for want, got, _ in paired(sample):
        assert got.roles_basis == want.roles_basis, want.between


@every_sample
def test_findings(sample: Sample) -> None:
    for want, got, _ in paired(sample):
        assert sorted(got.findings) == want.findings.split(), want.between
    report = report_of(sample.name)
    reported = sorted((found.kind, reported_subject(found.subject), found.count) for found in report.findings)
    assert reported == sorted((want.kind, want.subject, want.count) for want in sample.findings)
    severities = {(want.kind, want.subject): want.severity.split() for want in sample.findings}
    for found in report.findings:
        assert found.severity in severities[found.kind, reported_subject(found.subject)], found.kind


@every_sample
def test_evidence_points_at_frames_of_its_connections(sample: Sample) -> None:
    capture, report = capture_of(sample.name), report_of(sample.name)
    for found in report.findings:
        assert found.evidence, found.kind
        for evidence in found.evidence:
            assert evidence.connection in found.connections
            if evidence.frame is not None:
                assert evidence.ts_ns == capture.ts_ns(evidence.frame)


@every_sample
def test_connections_of_a_finding_name_it(sample: Sample) -> None:
    """A pile is its host's, not one connection's: it is in no connection's list."""
    report = report_of(sample.name)
    by_connection: dict[int, set[str]] = {connection.id: set() for connection in report.connections}
    for found in report.findings:
        if found.kind == "time-wait-pile":
            continue
        for connection_id in found.connections:
            by_connection[connection_id].add(found.kind)
    assert {connection.id: set(connection.findings) for connection in report.connections} == by_connection


def test_every_reset_cause_has_a_sample() -> None:
    """S9. A stray RST ends nothing, so only the counters know of it."""
    counted: Counter[str] = Counter()
    for sample in SAMPLES:
        counted.update(asdict(report_of(sample.name).summary.resets.by_cause))
    assert {cause for cause, count in counted.items() if count} == {
        "refused",
        "handshake_abort",
        "abort",
        "close_wait_abort",
        "after_close",
        "no_connection",
        "timeout",
        "time_wait",
        "stray",
    }


@pytest.mark.parametrize("name", ["reset_stray.pcap", "reset_in_window_contradicted.pcap"])
def test_stray_resets_are_counted_and_end_nothing(name: str) -> None:
    """S9."""
    report = report_of(name)
    assert (report.summary.resets.by_cause.stray, report.summary.closes.reset) == (1, 0)
    assert [connection.close.reset for connection in report.connections] == [None]


def test_round_trip_times_on_either_side_of_the_vantage_point() -> None:
    """S1: SYN to SYN+ACK is the way to the server and back, SYN+ACK to ACK the way to the client and back."""
    (connection,) = report_of("three_way_handshake.pcap").connections
    handshake = connection.handshake
    assert handshake.synack_ns - handshake.syn_ns == 16_537_000
    assert handshake.ack_ns - handshake.synack_ns == 4_143_000


def test_half_close_bytes_and_time() -> None:
    """S5: what the server sent after the client had finished."""
    (connection,) = report_of("half_close.pcap").connections
    assert connection.server.half_close_bytes == 4000
    assert connection.client.half_close_bytes == 0


def test_time_wait_pile_peak() -> None:
    """S19: all 1,100 at once, reached when the last one came; the finding names examples."""
    report, capture = report_of("time_wait_pile.pcap"), capture_of("time_wait_pile.pcap")
    assert (report.summary.time_wait.entered, report.summary.time_wait.peak) == (1100, 1100)
    assert report.summary.time_wait.peak_at_ns == capture.last_ns
    (found,) = report.findings
    assert found.connections
    assert found.connections == sorted(set(found.connections))
    assert "10.0.0.20:8080" in found.explanation


def test_sick_service_summary() -> None:
    """The counters of a capture with many connections, counted by hand from its scenario."""
    summary = report_of("sick_service.pcap").summary
    handshakes, closes, at_end = summary.handshakes, summary.closes, summary.states_at_end
    assert summary.connections == 66
    assert (handshakes.complete, handshakes.refused, handshakes.unanswered) == (57, 6, 3)
    assert (closes.four_way, closes.half_closed, closes.reset, closes.open) == (36, 14, 13, 3)
    assert (summary.close_wait.stuck, summary.close_wait.open_at_end) == (14, 14)
    # The first of them: client closed at 3.03 s, the capture ends at 112.73 s.
    assert summary.close_wait.longest_s == pytest.approx(111.0, abs=0.05)
    # The first eight clients of the leaking service have given up by the end of the capture.
    assert (at_end.server.CLOSE_WAIT, at_end.client.FIN_WAIT_2, at_end.client.SYN_SENT) == (14, 6, 3)
    causes = summary.resets.by_cause
    assert (causes.refused, causes.abort, causes.no_connection, summary.resets.total) == (6, 5, 2, 13)


def test_end_text_writes_addresses_as_the_report_does() -> None:
    assert end_text(bytes.fromhex("20010db8000000000000000000000010"), 80) == "[2001:db8::10]:80"
