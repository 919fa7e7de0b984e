# cython: annotation_typing=True, wraparound=True
"""Both ends' histories, from opening to RST."""

from __future__ import annotations

from tcptrace_py.tcp.evidence import Evidence
from tcptrace_py.tcp.reading.closing import closes
from tcptrace_py.tcp.reading.opening import established, opens
from tcptrace_py.tcp.reading.resets import believes_reset, reach_of, sends_reset, weighed
from tcptrace_py.tcp.reading.rules import History


def read(a: Evidence, b: Evidence, over: bool = False) -> tuple[History, History]:
    """The histories of both ends, but for what clocks do; ``over``: nothing will pass any more."""
    a_own, b_own, a_came, b_came = weighed(a, b, over)
    histories = []
    for end, peer, own, came in ((a, b, a_own, a_came), (b, a, b_own, b_came)):
        history = History()
        reach = reach_of(end, peer, own, came)
        opens(history, end, peer)
        if history:
            closes(history, end, peer, established(history, end, peer, reach), reach)
        if own and not (came and came < own and history):
            sends_reset(history, end, peer, own)
        if came:
            believes_reset(history, end, peer, came)
        histories.append(history)
    return histories[0], histories[1]
