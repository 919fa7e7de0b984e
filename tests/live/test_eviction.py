"""The table of connections stays within its bound, and nothing is lost from the counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcptrace_py.capture.source import open_source
from tcptrace_py.run.replay import Replay
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.eviction import evict
from tcptrace_py.tcp.tracker import Tracker
from tests.conftest import ROOT, for_this_run
from tests.segments import BEGIN_NS, segment

SAMPLES = sorted((ROOT / "sample_pcaps").glob("*.pcap"))


@pytest.mark.parametrize("most", [1, 3, 20])
@pytest.mark.parametrize("sample", for_this_run(SAMPLES), ids=lambda path: path.stem)
def test_each_connection_is_handed_over_once(sample: Path, most: int) -> None:
    replay = Replay(Settings())
    tracker = replay.tracker
    reader = open_source(sample)
    ids: list[int] = []

    def drain() -> None:
        finished, tracker.finished = tracker.finished, []
        for connection in finished:
            ids.append(connection.id)
            tracker.release(connection)

    while count := reader.next_batch():
        for i in range(count):
            replay.run(reader.batch, 0, i, i + 1)
            evict(tracker, most)
            assert tracker.table.count <= most
            drain()
    reader.close()
    tracker.end()
    drain()
    assert sorted(ids) == list(range(tracker.connections))
    # Who was let go in TIME_WAIT is not in TIME_WAIT for ever.
    assert 0 <= tracker.time_wait.now <= 2 * most


@pytest.mark.parametrize("counted", [False, True])
def test_syns_that_nobody_answers_go_before_connections_in_use(counted: bool) -> None:
    """``counted``: they are handed over as SYNs, and never become connections."""
    tracker = Tracker(Settings(), peers=False)
    tracker.hold_from = 0
    tracker.attempts_wait = counted
    handshake = (("c", "SYN", 100, 0), ("s", "SYN+ACK", 300, 101), ("c", "ACK", 101, 301))
    frame = 0
    for sender, flags, seq, ack in handshake:
        frame += 1
        tracker.segment(segment(sender, flags, seq, ack, frame=frame, ts_ns=BEGIN_NS + frame))
    for port in range(2_000, 2_200):
        frame += 1
        tracker.segment(segment("c", "SYN", 100, src_port=port, frame=frame, ts_ns=BEGIN_NS + frame))
        evict(tracker, 20)
        assert tracker.known <= 20
    assert (tracker.table.count, tracker.evicted_open) == (1, 181)
    tracker.end()
    told = [each.id for each in tracker.finished]
    while (attempt := tracker.next_attempt()) is not None:
        told.append(attempt.id)
    assert sorted(told) == list(range(201))


def test_those_that_are_over_go_first() -> None:
    replay = Replay(Settings())
    tracker = replay.tracker
    reader = open_source(ROOT / "sample_pcaps" / "sick_service.pcap")
    while count := reader.next_batch():
        replay.run(reader.batch, 0, 0, count)
    reader.close()
    known = tracker.table.all()
    over = [each for each in known if each.a.state <= 1 and each.b.state <= 1]
    assert 0 < len(over) < len(known)
    tracker.finished.clear()
    evict(tracker, len(known) - len(over))
    assert {each.id for each in tracker.finished} == {each.id for each in over}
    assert (tracker.evicted_over, tracker.evicted_open) == (len(over), 0)
    evict(tracker, 1)
    assert tracker.table.count <= 1
    assert tracker.evicted_open >= len(known) - len(over) - 1
