"""Work for a segment is O(1), amortised, whatever a hostile sender does with one four-tuple.

Counted in lines of the tracker that are run, never in time, and so in the run with the uncompiled engine.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from types import FrameType
from typing import Any, NamedTuple

import pytest

from tcptrace_py.engine import engine
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.compat import tcptrace
from tcptrace_py.tcp.history import history_of
from tcptrace_py.tcp.tracker import Tracker
from tcptrace_py.wire.segment import Segment

from .floods import FLOODS, fill

pytestmark = pytest.mark.skipif(engine() == "compiled", reason="compiled code has no lines to count")

#: Segments of the smaller flood; the larger has twice as many.
_SEGMENTS = 400


class _Lines:
    """Counts the lines of the package that are run meanwhile."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> _Lines:
        sys.settrace(self._enters)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _enters(self, frame: FrameType, event: str, _: Any) -> Any:
        return self._on_line if "tcptrace_py" in frame.f_code.co_filename else None

    def _on_line(self, frame: FrameType, event: str, _: Any) -> Any:
        self.count += event == "line"
        return self._on_line


class _Work(NamedTuple):
    """Lines that are run for the second and for the fourth quarter of the segments, and to hand over what
    they all leave; the longest history among that."""

    second: int
    fourth: int
    end: int
    longest_history: int


def _work(flood: str, count: int, many: bool, stats: bool) -> _Work:
    tracker = Tracker(Settings(), stats=stats)
    segment = Segment()
    quarter = count // 4
    lines = [_Lines() for _ in range(4)]
    for number, counting in enumerate(lines):
        with counting if number % 2 else nullcontext():
            for i in range(number * quarter, (number + 1) * quarter):
                fill(segment, i, flood, many=many)
                tracker.segment(segment)
    with _Lines() as at_end:
        tracker.end()
    return _Work(lines[1].count, lines[3].count, at_end.count, _let_go(tracker))


def _let_go(tracker: Tracker) -> int:
    """Release what is finished; the longest history of that."""
    longest = 0
    for connection in tracker.finished:
        longest = max(longest, *(len(history_of(each)) for each in (connection.a, connection.b)))
        tracker.release(connection)
    tracker.finished = []
    return longest


@pytest.mark.parametrize("stats", [False, True], ids=["", "stats"])
@pytest.mark.parametrize("flood", FLOODS)
def test_twice_as_many_segments_take_twice_as_much(
    flood: str, stats: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Work may grow until as many pieces are kept as there may be: here that is soon.
    monkeypatch.setattr(tcptrace, "_PIECES", 32)
    one = _work(flood, 2 * _SEGMENTS, False, stats)
    spread = _work(flood, _SEGMENTS, True, stats)
    # The fourth quarter comes after 2.3 times as many segments as the second.
    assert one.fourth <= 1.35 * one.second
    # No history, and so no state of a connection, grows with what is sent on it.
    assert one.longest_history <= 16
    assert one.second + one.fourth + one.end <= 4 * 2 * (spread.second + spread.fourth + spread.end)


#: Segments before the first look, and before the second.
_FEW, _MANY = 5_000, 50_000


@pytest.mark.slow
@pytest.mark.parametrize("flood", ["SYNs", "SYNs refused", "reused after RST", "chaos near"])
def test_a_segment_takes_as_much_after_fifty_thousand_as_after_five_thousand(flood: str) -> None:
    """Counted in a window of as many segments, there and there; ``make test`` leaves it out."""
    tracker, segment = Tracker(Settings()), Segment()
    looks = []
    for i in range(_MANY):
        fill(segment, i, flood)
        if _FEW - _SEGMENTS <= i < _FEW or _MANY - _SEGMENTS <= i:
            with _Lines() as lines:
                tracker.segment(segment)
            looks.append(lines.count)
        else:
            tracker.segment(segment)
        _let_go(tracker)
    assert sum(looks[_SEGMENTS:]) <= 1.2 * sum(looks[:_SEGMENTS])
