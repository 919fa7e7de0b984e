"""The tracker against every schedule within the bounds of :mod:`scenarios`, and random longer ones.

What is asked of it, and why no more can be asked of a passive observer: :mod:`judge`.
``python -m tests.model`` takes larger bounds as well, and prints the counts.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import asked_for_uncompiled, for_this_run

from .adapter import TrackerWatcher
from .drawing import ladder
from .judge import Claims, Entry, Failure, Judge
from .network import Scenario
from .run import Result, judged, without_collector
from .scenarios import FULL, QUICK, TESTED
from .walks import Walk, judge_walk, walk

#: Kinds of counterexamples after which a scenario is given up, and how many are drawn.
ENOUGH = 6
SHOWN = 2


def check(result: Result) -> None:
    assert result.observations
    if result.found:
        pytest.fail("\n\n".join(ladder(each) for each in result.found[:SHOWN]), pytrace=False)


@pytest.mark.parametrize("scenario", for_this_run(QUICK), ids=lambda s: s.name)
def test_every_schedule(scenario: Scenario) -> None:
    check(judged(scenario, ENOUGH))


@pytest.mark.slow
@pytest.mark.parametrize("scenario", [s for s in TESTED if s not in QUICK], ids=lambda s: s.name)
def test_every_schedule_of_the_larger_bounds(scenario: Scenario) -> None:
    check(judged(scenario, ENOUGH))


class Deaf(TrackerWatcher):
    """Claims nothing."""

    def claims(self) -> tuple[Claims, ...]:
        return ()


class Certain(TrackerWatcher):
    """Takes what is presumed for a fact."""

    def claims(self) -> tuple[Claims, ...]:
        return tuple(
            (tuple(map(self._sure, client)), tuple(map(self._sure, server)))
            for client, server in super().claims()
        )

    def _sure(self, entry: Entry) -> Entry:
        return entry._replace(basis="sent") if entry.basis == "presumed" else entry


@pytest.mark.parametrize(("watcher", "checks"), [(Deaf, {"keeps up"}), (Certain, {"fact", "standing"})])
def test_a_tracker_that_claims_too_little_or_too_much_is_refuted(
    watcher: type[TrackerWatcher], checks: set[str]
) -> None:
    judge = Judge(next(each for each in FULL if each.name == "abort, one fault"), watcher)
    with without_collector():
        judge.run()
    assert checks <= {check for check, _kind in judge.found}
    for example in judge.found.values():
        drawn = ladder(example)
        assert example.failure.text in drawn
        assert drawn.count("-->") + drawn.count("<--") == len(example.word)


# --- longer schedules, chosen at random -----------------------------------------------------------

#: ``wait4``: no sum of these is as long as an application may let its socket wait in CLOSE_WAIT.
_CALLS = st.lists(st.sampled_from(["send", "send", "?eof", "wait4"]), min_size=1, max_size=8)
_CLOSES: list[tuple[str, ...]] = [("shut",), ("last",), ()]
_ABORTS: list[tuple[str, ...]] = [("close",), ("abort",), ("abort+ack",)]
_CHOICES = st.lists(st.integers(0, 40), max_size=300)
_VANTAGES = st.sampled_from(["client", "middle", "server"])


def _scripts(opening: str, closes: list[tuple[str, ...]]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.builds(lambda middle, end: (*opening.split(), *middle, *end), _CALLS, st.sampled_from(closes))


def _random(examples: int) -> settings:
    """The same every time: what fails once in a thousand runs is found by raising ``examples`` here.

    A fifth of them where the uncompiled engine is asked for: the compiled one takes them all.
    """
    return settings(
        max_examples=examples // 5 if asked_for_uncompiled() else examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )


def check_walk(scenario: Scenario, done: Walk, failures: list[Failure]) -> None:
    if failures:
        passed = "\n".join(
            f"{n:3d} {label.at_s:4d} s {'-->' if label.sender == 0 else '<--'} {label.seg}"
            for n, label in enumerate(done.labels, 1)
        )
        pytest.fail(f"{scenario}\n{passed}\n" + "\n".join(f.text for f in failures), pytrace=False)


def judged_as_any(scenario: Scenario, choices: list[int]) -> None:
    """All that is asked of a schedule within the bounds, of one beyond them."""
    done = walk(scenario, choices)
    with without_collector():
        judge = Judge(scenario._replace(faults=done.faults), TrackerWatcher)
        word = judge.explorer.word(done.labels)
        assert word is not None, "a schedule that the explorer does not know"
        failures = judge.replay(word) if word else []
    check_walk(scenario, done, failures)


@_random(250)
@given(_scripts("open", _CLOSES), _scripts("listen", _CLOSES), _VANTAGES, _CHOICES)
def test_longer_schedules_with_two_faults(
    client: tuple[str, ...], server: tuple[str, ...], vantage: str, choices: list[int]
) -> None:
    judged_as_any(Scenario("random", (client, server), vantage=vantage, faults=2), choices)


@_random(250)
@given(_scripts("open ?up send", _CLOSES), _scripts("open ?up send", _CLOSES), _VANTAGES, _CHOICES)
def test_longer_schedules_where_both_open(
    client: tuple[str, ...], server: tuple[str, ...], vantage: str, choices: list[int]
) -> None:
    # One opens, its SYN passes, and the other opens before that arrives.
    choices = [*((1, 0, 1) if vantage == "server" else (0, 0, 2)), *choices]
    judged_as_any(Scenario("random", (client, server), vantage=vantage, faults=1), choices)


@_random(600)
@given(
    _scripts("open ?up", _CLOSES + _ABORTS),
    _scripts("listen ?up", _CLOSES + _ABORTS),
    _VANTAGES,
    st.integers(0, 4),
    _CHOICES,
)
def test_what_the_sender_shows_holds_whatever_goes_wrong(
    client: tuple[str, ...], server: tuple[str, ...], vantage: str, faults: int, choices: list[int]
) -> None:
    """Unless something happened unseen; and at rest, unless something was lost."""
    scenario = Scenario("random", (client, server), vantage=vantage, faults=faults)
    with without_collector():
        done = walk(scenario, choices)
        failures = judge_walk(scenario, done, TrackerWatcher)
    check_walk(scenario, done, failures)
