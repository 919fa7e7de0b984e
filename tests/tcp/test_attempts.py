"""SYNs held back until something answers them: all that is reported must be as if they were not."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from tcptrace_py.capture.source import open_source
from tcptrace_py.findings.diagnosis import Diagnosis
from tcptrace_py.report.model.builder import ReportBuilder
from tcptrace_py.report.model.model import Capture, Skipped
from tcptrace_py.run.finished import report_finished
from tcptrace_py.run.replay import Replay
from tcptrace_py.settings import Settings
from tcptrace_py.wire.segment import Segment
from tests.segments import STEP_NS, Trace, segment

SAMPLES = Path(__file__).parents[2] / "sample_pcaps"
CAPTURES = sorted(path for path in SAMPLES.rglob("*.pcap*") if path.suffix in (".pcap", ".pcapng"))
ALWAYS = 0
NEVER = sys.maxsize


def report(path: Path, hold_from: int) -> bytes:
    settings = Settings()
    replay = Replay(settings, peers=False)
    tracker = replay.tracker
    tracker.hold_from = hold_from
    builder = ReportBuilder(tracker.arrows.journal)
    diagnosis = Diagnosis(settings, tracker.history)
    reader = open_source(path)
    try:
        while count := reader.next_batch():
            replay.run(reader.batch, 0, 0, count)
            report_finished(tracker, diagnosis, builder, False, False)
    finally:
        reader.close()
    more = True
    while more:
        more = tracker.end(3)
        report_finished(tracker, diagnosis, builder, False, True)
    findings = diagnosis.findings(tracker.time_wait, replay.last_ns)
    capture = Capture([], replay.first_ns, replay.last_ns, replay.packets, 0, Skipped(), None, True, [])
    return msgspec.json.encode(builder.finish(capture, findings, tracker.time_wait, settings, keep=False))


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_a_report_does_not_depend_on_it(path: Path) -> None:
    assert report(path, ALWAYS) == report(path, NEVER)


def held() -> Trace:
    trace = Trace(peers=False)
    trace.tracker.hold_from = ALWAYS
    return trace


def syn_from(port: int) -> Segment:
    made = segment("c", "SYN", 100)
    made.src_port = port
    return made


def histories(trace: Trace) -> list[tuple[str, str]]:
    return [(trace.words(each.a), trace.words(each.b)) for each in trace.end()]


def test_a_held_syn_is_no_connection_yet_but_has_its_number() -> None:
    trace = held().play("c SYN 100")
    assert trace.tracker.connections == 1
    assert trace.tracker.table.all() == []
    trace.play("s SYN+ACK 500 101")
    (connection,) = trace.tracker.table.all()
    assert connection.id == 0
    assert (connection.syn_frame, connection.syn_ack_frame, connection.a.packets) == (1, 2, 1)
    assert histories(trace) == [("SYN_SENT@1s", "LISTEN@2a SYN_RCVD@2s")]


def test_its_clock_runs_from_when_it_came() -> None:
    trace = held().play(
        """
        c SYN 100
        +100
        c SYN 100
        +28
        """
    )
    (connection,) = trace.end()
    assert trace.words(connection.a) == "SYN_SENT@1s CLOSED@t"
    assert connection.a.retransmits == 1
    (sent, closed) = trace.tracker.history(connection.a)
    assert closed[1] - sent[1] == 127_000_000_000


def test_one_that_ran_out_can_still_be_answered() -> None:
    trace = held().play(
        """
        c SYN 100
        +130
        s SYN+ACK 500 101
        c ACK 101 501
        """
    )
    assert histories(trace) == [("SYN_SENT@1s ESTABLISHED@3a", "LISTEN@2a SYN_RCVD@2s ESTABLISHED@3p")]


def test_it_is_handed_over_when_nothing_more_is_expected() -> None:
    trace = held().play("c SYN 100\n+186")
    assert trace.tracker.finished == []
    trace.play("+2")
    (connection,) = trace.tracker.finished
    assert trace.words(connection.a) == "SYN_SENT@1s CLOSED@t"


def test_the_rest_comes_in_order_of_id_and_as_many_as_asked_for() -> None:
    trace = held()
    for port in range(2000, 2010):
        trace.feed(syn_from(port))
    trace.feed(syn_from(2003))  # a retransmission: it is a connection now
    ids = []
    more = True
    while more:
        more = trace.tracker.end(4)
        assert len(trace.tracker.finished) <= 4
        ids += [connection.id for connection in trace.tracker.finished]
        trace.tracker.finished = []
    assert ids == list(range(10))


def test_a_frame_captured_twice_is_not_held_twice() -> None:
    trace = held().play("c SYN 100")
    trace.now_ns -= STEP_NS
    trace.play("c SYN 100")
    (connection,) = trace.end()
    assert connection.a.duplicates == 1
    assert connection.a.retransmits == 0
