"""Reading: both ends' histories as a pure function of their evidence (4.9 of the design).

Each rule is a function of a few lines that asks one question; its docstring is subject, rule and consequence,
its ``@rule`` the section of RFC 9293 or what else it rests on. ``end`` is the end that is read, ``peer`` the
other. A rule knows of other rules' answers only by its arguments. So whoever adds one adds a function, a
trace that needs it, and a line where it is asked: in ``opens``, ``established``, ``closes`` or ``weigh``.

``tests/tcp/test_reading.py`` shows that each is needed, and holds them against the law of merging; the model
(``tests/model``) judges them by every schedule of two RFC 9293 endpoints.
"""

from __future__ import annotations

from tcptrace_py.tcp.reading.histories import Reading, read
from tcptrace_py.tcp.reading.outcome import Outcome, Reset, certain, outcome
from tcptrace_py.tcp.reading.rules import RULES, Rule

__all__ = ["RULES", "Outcome", "Reading", "Reset", "Rule", "certain", "outcome", "read"]
