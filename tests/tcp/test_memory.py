"""What a connection and a held SYN weigh: memory touched is what a capture of many connections costs."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import pytest

from tcptrace_py.engine import engine
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.tracker import Tracker
from tcptrace_py.wire.segment import Segment
from tests.segments import BEGIN_NS, segment

from .floods import fill

pytestmark = pytest.mark.skipif(engine() != "compiled", reason="objects of C structs only")

MANY = 4_000

#: A request and its answer, closed by both sides: eleven transitions.
CONVERSATION = (
    ("c", "SYN", 100, 0, 0),
    ("s", "SYN+ACK", 500, 101, 0),
    ("c", "ACK", 101, 501, 0),
    ("c", "ACK", 101, 501, 200),
    ("s", "ACK", 501, 301, 900),
    ("c", "ACK", 301, 1401, 0),
    ("c", "FIN+ACK", 301, 1401, 0),
    ("s", "FIN+ACK", 1401, 302, 0),
    ("c", "ACK", 302, 1402, 0),
)


def passing(conversation: tuple[tuple[str, str, int, int, int], ...]) -> Iterator[Segment]:
    """The same from many ports, all within seconds."""
    for number in range(MANY):
        for step, (sender, flags, seq, ack, payload_bytes) in enumerate(conversation):
            made = segment(sender, flags, seq, ack, payload_bytes)
            if sender == "c":
                made.src_port = 2_000 + number
            else:
                made.dst_port = 2_000 + number
            made.ts_ns = made.now_ns = BEGIN_NS + 20_000 * (10 * number + step)
            made.frame = 10 * number + step + 1
            yield made


def bytes_each(tracker: Tracker, conversation: tuple[tuple[str, str, int, int, int], ...]) -> float:
    """Bytes that the tracker took for each, its place in the table included."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for made in passing(conversation):
            tracker.segment(made)
        del made
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert tracker.connections == MANY
    assert tracker.known == MANY
    return (after - before) / MANY


def test_a_connection_with_both_endpoints_and_its_history() -> None:
    assert bytes_each(Tracker(Settings(), peers=False), CONVERSATION) <= 700


def test_a_syn_that_nobody_answers() -> None:
    tracker = Tracker(Settings(), peers=False)
    tracker.hold_from = 0
    # 64 for itself, and its share of room that may be a fifth too large, and of a table that may be 3/8 full.
    assert bytes_each(tracker, CONVERSATION[:1]) <= 64 * 1.25 + 8 * 8 / 3


#: The server's data is sent again, and less of it once more: that is not of the regular way.
AGAIN = (*CONVERSATION[:5], *(("s", "ACK", 501, 301, size) for size in (800, 700)), *CONVERSATION[6:])


def test_a_connection_that_has_evidence() -> None:
    tracker = Tracker(Settings(), peers=False)
    assert bytes_each(tracker, AGAIN) <= 4_600
    assert tracker.recent is not None and tracker.recent.shown is not None


#: All of one connection.
_ENDLESS = (
    "stale SYNs",
    "RSTs in the window",
    "RSTs exact",
    "holes",
    "holes filled backwards",
    "the tail again",
    "FINs",
)


@pytest.mark.parametrize("flood", _ENDLESS)
def test_evidence_is_bounded_whatever_comes(flood: str) -> None:
    """Twice as many segments of one connection leave no more."""
    tracker = Tracker(Settings(), peers=False)
    made = Segment()
    weighed = []
    tracemalloc.start()
    try:
        for number in range(1_201):
            fill(made, number, flood, step_ns=20_000_000)
            tracker.segment(made)
            while tracker.finished:
                tracker.release(tracker.finished.pop())
            if number in (600, 1_200):
                gc.collect()  # Freed tuples that Python keeps for the next are no matter.
                weighed.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert weighed[1] <= weighed[0] + 2_000
