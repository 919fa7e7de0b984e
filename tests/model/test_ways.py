"""The ways through the rules that the model's schedules take, each judged: :mod:`ways`."""

from __future__ import annotations

import pytest

from tcptrace_py.engine import engine
from tcptrace_py.tcp.reading import RULES

from .run import judged
from .scenarios import QUICK
from .ways import OUTSIDE, counted

#: They take most rules in little time.
SCENARIOS = (
    "the server closes with its SYN+ACK, close in any order",
    "a forged RST, then an abort",
    "close in any order",
    "a forged RST, both go on with FIN",
    "a late listener, the client aborts at once, one fault",
)


@pytest.mark.skipif(engine() == "compiled", reason="rules are wrapped where they are looked up by name")
def test_small_scenarios_take_most_rules_in_many_ways_and_none_is_refuted() -> None:
    with counted() as ways:
        for scenario in QUICK:
            if scenario.name in SCENARIOS:
                assert not judged(scenario, 1).found
    assert len(ways.distinct) > 60
    needed = {name for name in RULES if ways.said[True][name]}
    assert len(needed) >= 20
    assert not needed & set(OUTSIDE)
