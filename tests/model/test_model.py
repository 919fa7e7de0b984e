"""The tracker against every schedule within the bounds of :mod:`scenarios`, and random longer ones.

What is asked of it, and why no more can be asked of a passive observer: :mod:`judge`.
``python -m tests.model`` runs all bounds and prints the counts.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .adapter import TrackerWatcher
from .judge import Judge, ladder
from .network import Scenario
from .scenarios import OPEN, QUICK, TESTED
from .walks import judge_walk, walk

#: Kinds of counterexamples after which a scenario is given up, and how many are drawn.
ENOUGH = 6
SHOWN = 2


def check(scenario: Scenario, enough: int = ENOUGH) -> None:
    judge = Judge(scenario, TrackerWatcher)
    judge.run(enough)
    assert judge.words
    shortest = sorted(judge.found.values(), key=lambda e: (len(e.word), e.failure))[:SHOWN]
    if shortest:
        pytest.fail("\n\n".join(ladder(each) for each in shortest), pytrace=False)


@pytest.mark.parametrize("scenario", QUICK, ids=lambda s: s.name)
def test_every_schedule(scenario: Scenario) -> None:
    check(scenario)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", [s for s in TESTED if s not in QUICK], ids=lambda s: s.name)
def test_every_schedule_of_the_larger_bounds(scenario: Scenario) -> None:
    check(scenario)


@pytest.mark.slow
@pytest.mark.xfail(strict=True, reason="counterexamples are known: python -m tests.model draws them")
@pytest.mark.parametrize("scenario", OPEN, ids=lambda s: s.name)
def test_schedules_with_known_counterexamples(scenario: Scenario) -> None:
    check(scenario, enough=1)


def _script(opening: str) -> st.SearchStrategy[tuple[str, ...]]:
    calls = st.lists(st.sampled_from(["send", "?eof", "?up", "wait5"]), max_size=4)
    closing = st.sampled_from([["shut"], ["last"], ["close"], ["abort"], ["abort+ack"], []])
    return st.builds(lambda middle, end: (opening, "?up", *middle, *end), calls, closing)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    client=_script("open"),
    server=_script("listen"),
    vantage=st.sampled_from(["client", "middle", "server"]),
    choices=st.lists(st.integers(0, 40), max_size=120),
)
def test_longer_random_schedules(
    client: tuple[str, ...], server: tuple[str, ...], vantage: str, choices: list[int]
) -> None:
    scenario = Scenario("random", (client, server), vantage=vantage, faults=0)
    done = walk(scenario, choices)
    failures = judge_walk(scenario, done, TrackerWatcher)
    if failures:
        passed = "\n".join(
            f"{n:3d} {label.at_s:4d} s {'-->' if label.sender == 0 else '<--'} {label.seg}"
            for n, label in enumerate(done.labels, 1)
        )
        pytest.fail(f"{scenario}\n{passed}\n" + "\n".join(f.text for f in failures), pytrace=False)
