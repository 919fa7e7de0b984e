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


def _work(flood: str, count: int, many: bool, stats: bool) -> tuple[int, int]:
    """How many lines are run for so many segments, and the longest history that they leave."""
    lines = longest = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        return on_line if "tcptrace_py" in frame.f_code.co_filename else None

    def on_line(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return on_line

    tracker = Tracker(Settings(), stats=stats)
    segment = Segment()
    sys.settrace(trace)
    try:
        for i in range(count):
            fill(segment, i, flood, many=many)
            tracker.segment(segment)
        tracker.end()
    finally:
        sys.settrace(None)
    for connection in tracker.finished:
        longest = max(longest, *(len(tracker.history(each)) for each in (connection.a, connection.b)))
        tracker.release(connection)
    return lines, longest


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
