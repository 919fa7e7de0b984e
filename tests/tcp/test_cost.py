"""Work for a segment is O(1), amortised, whatever a hostile sender does with one four-tuple.

Counted in lines of the tracker that are run, never in time, and so in the run with the uncompiled engine.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

from tcptrace_py.engine import engine
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.compat import tcptrace
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


def _work(flood: str, count: int, many: bool, stats: bool) -> tuple[int, int]:
    """How many lines are run for so many segments, and the longest history that they leave."""
    tracker = Tracker(Settings(), stats=stats)
    segment = Segment()
    with _Lines() as lines:
        for i in range(count):
            fill(segment, i, flood, many=many)
            tracker.segment(segment)
        tracker.end()
    return lines.count, _let_go(tracker)


def _let_go(tracker: Tracker) -> int:
    """Release what is finished; the longest history of that."""
    longest = 0
    for connection in tracker.finished:
        longest = max(longest, *(len(tracker.history(each)) for each in (connection.a, connection.b)))
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
    once, _ = _work(flood, _SEGMENTS, False, stats)
    twice, longest = _work(flood, 2 * _SEGMENTS, False, stats)
    spread, _ = _work(flood, 2 * _SEGMENTS, True, stats)
    assert twice <= 2.4 * once
    # No history, and so no state of a connection, grows with what is sent on it.
    assert longest <= 16
    assert twice <= 4 * spread


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
