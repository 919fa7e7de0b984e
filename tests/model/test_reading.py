"""The reading of evidence before the model's judge: every claim of it holds, whatever the schedule."""

from __future__ import annotations

import pytest

from .drawing import ladder
from .network import Scenario
from .reading import ReadingWatcher
from .run import judged
from .scenarios import FULL, OLD_SEGMENTS_LONG, OVERTAKING_RESETS, TWO_FAULTS

#: Those that take long, and are tested all the same.
SLOW = (
    "one segment each way",
    "one segment each way, both go away",
    "simultaneous open, one segment each way",
    "close in any order, one fault",
    "both go away, one fault",
    "one segment, one fault",
    "the server aborts, one fault",
    "the server never closes, one fault",
    "cut while opening",
    "cut while closing",
    "two faults at the client",
)
#: Those, and all of two faults, are left to ``python -m tests.model --reading``.
LEFT = (
    "two segments each way, at the client",
    "two segments each way, at the server",
    "one segment back, one fault",
    "one segment each way, one fault",
    "half-close, one fault",
    "cut while closing both ways",
)

SCENARIOS = FULL + OVERTAKING_RESETS
LONG = OLD_SEGMENTS_LONG + TWO_FAULTS
QUICK = [each for each in SCENARIOS if each.name not in SLOW + LEFT and each not in LONG]


def check(scenario: Scenario) -> None:
    result = judged(scenario, 2, ReadingWatcher)
    assert result.observations
    if result.found:
        pytest.fail("\n\n".join(map(ladder, result.found)), pytrace=False)


# The reading is not compiled: one run is enough.
@pytest.mark.slow
@pytest.mark.parametrize("scenario", QUICK, ids=lambda s: s.name)
def test_every_schedule(scenario: Scenario) -> None:
    check(scenario)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", [each for each in SCENARIOS if each.name in SLOW], ids=lambda s: s.name)
def test_every_schedule_of_the_larger_bounds(scenario: Scenario) -> None:
    check(scenario)
