"""The reading of evidence before the model's judge, in the scenarios in which all its claims hold."""

from __future__ import annotations

import pytest

from .drawing import ladder
from .judge import Judge
from .network import Scenario
from .reading import ReadingWatcher
from .scenarios import FULL

#: Scenarios in which every claim of the reading holds, whatever the schedule.
HOLD = (
    "close in any order",
    "both applications go away",
    "FIN on the last bytes",
    "simultaneous open",
    "half-close, the server goes on",
    "half-close, the client goes on",
    "the client aborts",
    "the server aborts",
    "both abort",
    "abort after FIN",
    "refused",
    "refused, or not",
    "the server never closes",
    "the client never closes",
    "nobody closes",
    "the server closes late",
    "the server closes too late",
    "the server aborts too late",
    "the server works, then closes",
    "the client closes too late",
    "the client closes late",
    "port reuse after 2MSL",
    "stale SYN, nobody there",
    "stale SYN and a new one",
    "half-open discovery",
    "the server restarts",
    "FIN on the last bytes, one fault",
    "abort, one fault",
)
#: Those of them that take long.
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


def chosen(names: tuple[str, ...]) -> list[Scenario]:
    return [scenario for scenario in FULL if scenario.name in names]


def judged(scenario: Scenario) -> None:
    judge = Judge(scenario, ReadingWatcher)
    judge.run(2)
    assert judge.words
    if judge.found:
        pytest.fail("\n\n".join(ladder(each) for each in judge.found.values()), pytrace=False)


@pytest.mark.parametrize("scenario", chosen(HOLD), ids=lambda s: s.name)
def test_every_schedule(scenario: Scenario) -> None:
    judged(scenario)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", chosen(SLOW), ids=lambda s: s.name)
def test_every_schedule_of_the_larger_bounds(scenario: Scenario) -> None:
    judged(scenario)
