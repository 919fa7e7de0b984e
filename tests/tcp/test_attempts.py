"""SYNs held back until something answers them: all that is reported must be as if they were not."""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Iterator
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
from tcptrace_py.tcp.history import history_of
from tcptrace_py.tcp.tracker import Tracker
from tcptrace_py.wire.segment import ACK, RST, SYN, Segment
from tests.conftest import for_this_run
from tests.segments import BEGIN_NS, STEP_NS, Trace, segment

SAMPLES = Path(__file__).parents[2] / "sample_pcaps"
CAPTURES = sorted(path for path in SAMPLES.rglob("*.pcap*") if path.suffix in (".pcap", ".pcapng"))
ALWAYS = 0
NEVER = sys.maxsize


class Reporter:
    """A tracker, and the report of what it has followed.

    ``counted``: SYNs that nobody answered are handed over as they are.
    """

    def __init__(self, hold_from: int, counted: bool) -> None:
        self.settings = Settings()
        self.replay = Replay(self.settings, peers=False)
        self.tracker = self.replay.tracker
        self.tracker.hold_from = hold_from
        self.tracker.attempts_wait = counted
        self.builder = ReportBuilder(gaps=self.tracker.gaps)
        self.diagnosis = Diagnosis(self.settings, self.tracker.gaps)

    def drain(self, at_end: bool = False) -> None:
        report_finished(self.tracker, self.diagnosis, self.builder, False, at_end)

    def report(self, packets: int) -> bytes:
        tracker = self.tracker
        tracker.tick(tracker.last_ns)
        self.drain()
        more = True
        while more:
            more = tracker.end(3)
            self.drain(at_end=True)
        findings = self.diagnosis.findings(tracker.time_wait, tracker.last_ns)
        for defects in (self.diagnosis.defects, self.builder.defects, tracker.defects):
            assert defects.lines() == []
        capture = Capture([], tracker.first_ns, tracker.last_ns, packets, 0, Skipped(), None, True, [])
        made = self.builder.finish(capture, findings, tracker.time_wait, self.settings, keep=False)
        return msgspec.json.encode(made)


def report(path: Path, hold_from: int, counted: bool = False) -> bytes:
    reporter = Reporter(hold_from, counted)
    reader = open_source(path)
    try:
        while count := reader.next_batch():
            reporter.replay.run(reader.batch, 0, 0, count)
            reporter.drain()
    finally:
        reader.close()
    return reporter.report(reporter.replay.packets)


@pytest.mark.parametrize("path", for_this_run(CAPTURES), ids=lambda path: path.stem)
def test_a_report_does_not_depend_on_it(path: Path) -> None:
    expected = report(path, NEVER)
    assert report(path, ALWAYS) == expected
    assert report(path, ALWAYS, counted=True) == expected


def attempts(seed: int) -> Iterator[Segment]:
    """SYNs of all kinds, most of which nobody answers, over five minutes with two silences."""
    dice = random.Random(seed)
    now_ns = BEGIN_NS
    sent: list[Segment] = []
    for frame in range(1, 1000):
        now_ns += dice.randrange(30_000_000) if frame % 250 else 100_000_000_000
        made = syn_from(dice.randrange(1024, 65536))
        made.seq = dice.choice((0, dice.getrandbits(32), dice.getrandbits(32)))
        made.src_lo = dice.choice((0x0A000009, 0xC6336400 + dice.randrange(256), dice.getrandbits(32)))
        made.dst_port = dice.choice((80, 80, 443, dice.randrange(65536)))
        if dice.random() < 0.3:
            made.ip_version = 6
            made.src_hi = made.dst_hi = 0x20010DB800000000
        made.ttl = dice.choice((64, 64, 128, 9))
        made.window_scale = dice.choice((-1, 7))
        made.ip_id = frame
        if dice.random() < 0.4:
            made.has_timestamps = True
            made.ts_val = 1000 * frame + dice.randrange(100_000)
        made.payload_bytes = 100 if dice.random() < 0.05 else 0
        if sent and dice.random() < 0.3:
            # Again; or what was asked answers, refuses, or begins anew on the same ports.
            old = dice.choice(sent[-40:])
            turned = dice.random() < 0.7
            source, target = ("dst", "src") if turned else ("src", "dst")
            for part in ("hi", "lo", "port"):
                setattr(made, f"src_{part}", getattr(old, f"{source}_{part}"))
                setattr(made, f"dst_{part}", getattr(old, f"{target}_{part}"))
            made.ip_version = old.ip_version
            if turned:
                made.flags = dice.choice((SYN | ACK, RST | ACK))
                made.ack = (old.seq + 1) & 0xFFFFFFFF
                made.payload_bytes = 0
            elif dice.random() < 0.7:
                made.seq = old.seq
        else:
            sent.append(made)
        made.frame = frame
        made.ts_ns = made.now_ns = now_ns
        yield made


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("until", [200, 600], ids=["at once", "late"])
def test_nor_does_that_of_a_flood(seed: int, until: int) -> None:
    reports = set()
    for hold_from, counted in ((NEVER, False), (ALWAYS, False), (ALWAYS, True), (20, True)):
        reporter = Reporter(hold_from, counted)
        last_ns = 0
        for made in itertools.islice(attempts(seed), until):
            if last_ns and made.ts_ns - last_ns > 60_000_000_000:
                reporter.tracker.gaps.add(last_ns, made.ts_ns)
            last_ns = made.ts_ns
            reporter.tracker.segment(made)
            if made.frame % 32 == 0:
                reporter.drain()
        reports.add(reporter.report(until))
    assert len(reports) == 1


def test_what_is_counted_never_was_a_connection() -> None:
    reporter = Reporter(ALWAYS, counted=True)
    tracker = reporter.tracker
    for port in range(2000, 2010):
        made = syn_from(port)
        made.ts_ns = BEGIN_NS + port
        tracker.segment(made)
    tracker.end()
    ids = []
    while (attempt := tracker.next_attempt()) is not None:
        ids.append(attempt.id)
    assert ids == list(range(10))
    assert tracker.finished == []


def test_room_of_those_that_are_gone_is_used_again() -> None:
    """Whatever is answered, runs out and is told of: each SYN has one end, and is as it was sent."""
    dice = random.Random(7)
    tracker = Reporter(ALWAYS, counted=True).tracker
    sent: list[Segment] = []
    over: dict[int, tuple[int, ...]] = {}
    answered: set[int] = set()
    for number in range(2_500):
        made = syn_from(1024 + number)
        made.frame = made.seq = made.ts_val = number + 1
        made.has_timestamps = number % 2 == 0
        made.window_scale = number % 15 - 1
        made.ip_id = number % 65536
        made.ts_ns = made.now_ns = BEGIN_NS + number * 400_000_000
        if number % 3 == 0:
            made.ip_version = 6
            made.src_hi, made.dst_hi = number << 32, 0x20010DB8 << 32
        tracker.segment(made)
        sent.append(made)
        asked = dice.randrange(max(0, number - 50), number + 1)
        if asked not in answered:
            answered.add(asked)
            tracker.segment(answer_to(sent[asked], made.now_ns))
        if number % 500 == 0:
            collect(tracker, over)
    tracker.end()
    collect(tracker, over)
    assert len(answered) > 1_000 and len(over) > 500
    assert over.keys() | answered == set(range(2_500))
    for number, told in over.items():
        made = sent[number]
        assert told == (made.src_hi, made.dst_hi, made.src_port, made.seq, made.ts_val, made.window_scale)
        assert number not in answered


def collect(tracker: Tracker, over: dict[int, tuple[int, ...]]) -> None:
    while (told := tracker.next_attempt()) is not None:
        assert told.id not in over
        over[told.id] = (
            told.src_hi,
            told.dst_hi,
            told.src_port,
            told.seq,
            told.ts_val,
            told.window_scale,
        )


def answer_to(syn: Segment, now_ns: int) -> Segment:
    made = segment("s", "SYN+ACK", 500, syn.seq + 1)
    made.frame = syn.frame + 10_000
    made.ts_ns = made.now_ns = now_ns
    made.ip_version = syn.ip_version
    made.src_hi, made.dst_hi = syn.dst_hi, syn.src_hi
    made.dst_port = syn.src_port
    return made


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
    assert (connection.syn_frame(), connection.syn_ack_frame, connection.a.packets) == (1, 2, 1)
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
    assert connection.a.rare.retransmits == 1
    (sent, closed) = history_of(connection.a)
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
    assert connection.a.rare.duplicates == 1
    assert connection.a.rare.retransmits == 0
