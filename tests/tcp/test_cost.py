"""Work for a segment is O(1), amortised, whatever a hostile sender does with one four-tuple.

Counted in lines of the tracker that are run, never in time, in a process with the uncompiled engine.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT, environment

from .floods import FLOODS

# Once: it is the uncompiled engine that is counted, whichever is tested.
pytestmark = pytest.mark.slow

#: Segments of the smaller flood; the larger has twice as many.
_SEGMENTS = 400

_PROGRAM = """
import json, sys
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.compat import tcptrace
from tcptrace_py.tcp.tracker import Tracker
from tcptrace_py.wire.segment import Segment
from tests.tcp.floods import fill

# Work may grow until as many pieces are kept as there may be: here that is soon.
tcptrace._PIECES = 32

lines = 0

def trace(frame, event, _):
    return on_line if "tcptrace_py" in frame.f_code.co_filename else None

def on_line(frame, event, _):
    global lines
    lines += event == "line"
    return on_line

def work(flood, count, many, stats):
    global lines
    tracker = Tracker(Settings(), stats=stats)
    segment = Segment()
    lines = longest = 0
    sys.settrace(trace)
    for i in range(count):
        fill(segment, i, flood, many=many)
        tracker.segment(segment)
    tracker.end()
    sys.settrace(None)
    for connection in tracker.finished:
        longest = max(longest, *(len(tracker.history(each)) for each in (connection.a, connection.b)))
        tracker.release(connection)
    return lines, longest

flood, count = sys.argv[1], int(sys.argv[2])
sizes = (count, False), (2 * count, False), (2 * count, True)
print(json.dumps([[work(flood, size, many, stats) for size, many in sizes] for stats in (False, True)]))
"""


@pytest.mark.parametrize("flood", FLOODS)
def test_twice_as_many_segments_take_twice_as_much(flood: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, flood, str(_SEGMENTS)],
        capture_output=True,
        text=True,
        env=environment(pure=True, PYTHONPATH=str(ROOT)),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for (once, _), (twice, longest), (spread, _) in json.loads(done.stdout):
        assert twice <= 2.4 * once
        # No history, and so no state of a connection, grows with what is sent on it.
        assert longest <= 16
        assert twice <= 4 * spread
