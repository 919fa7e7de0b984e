"""Reading: both ends' histories as a pure function of their evidence (4.9 of the design).

Each rule is a function of a few lines that asks one question; its docstring is subject, rule and consequence,
its ``@rule`` the section of RFC 9293 or what else it rests on. ``end`` is the end that is read, ``peer`` the
other. A rule knows of other rules' answers only by its arguments. So whoever adds one adds a function, a
trace that needs it, and a line where it is asked: in ``opens``, ``established``, ``closes`` or ``weigh``.

A shadow so far: the tracker still makes its histories itself. ``tests/tcp/test_reading.py`` says how far the
two agree, and ``tests/model/test_reading.py`` what the model says of this one.
"""

from __future__ import annotations

from tcptrace_py.tcp.evidence import Evidence
from tcptrace_py.tcp.reading.closing import closes
from tcptrace_py.tcp.reading.opening import established, opens
from tcptrace_py.tcp.reading.resets import believes_reset, both_reset, reach_of, sends_reset, weigh
from tcptrace_py.tcp.reading.rules import RULES, History, Rule

__all__ = ["RULES", "History", "Rule", "read"]


def read(a: Evidence, b: Evidence) -> tuple[History, History]:
    """The histories of both ends, but for what clocks do."""
    a_own, b_came = weigh(a, b)
    b_own, a_came = weigh(b, a)
    if a_own and b_own:
        a_own, b_own, a_came, b_came = both_reset(a, b, a_own, b_own, a_came, b_came)
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
