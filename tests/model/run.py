"""Judges many scenarios at once, one process a core, and knows which counterexamples are known."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .adapter import TrackerWatcher
from .judge import Counterexample, Judge
from .network import Scenario

#: ``scenario | check | kind`` of every kind of counterexample that the tracker is known to have.
#: It may only get shorter: ``python -m tests.model --known`` writes it anew.
KNOWN = Path(__file__).with_name("known.txt")


class Result(NamedTuple):
    scenario: Scenario
    observations: int
    steps: int
    #: Everything that either side can be, at any time.
    sides: int
    #: One counterexample of each kind, the shortest first.
    found: list[Counterexample]
    seconds: float

    def kinds(self) -> set[str]:
        return {f"{self.scenario.name} | {each.failure.check} | {each.failure.kind}" for each in self.found}


def judged(scenario: Scenario) -> Result:
    began = time.process_time()
    judge = Judge(scenario, TrackerWatcher)
    judge.run()
    found = sorted(judge.found.values(), key=lambda each: (len(each.word), each.failure))
    sides = sum(len(side.sides) for side in judge.explorer.sides)
    return Result(scenario, judge.words, judge.steps, sides, found, time.process_time() - began)


@contextmanager
def judging(scenarios: Sequence[Scenario]) -> Iterator[dict[str, Future[Result]]]:
    """The results to come, by the scenarios' names."""
    # The last are the longest: begun first, so that no core idles at the end.
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        coming = {each.name: pool.submit(judged, each) for each in reversed(scenarios)}
        yield coming
        for each in coming.values():
            each.cancel()


def known_kinds(scenario: Scenario) -> set[str]:
    if not KNOWN.exists():
        return set()
    lines = KNOWN.read_text().splitlines()
    return {line for line in lines if line.startswith(scenario.name + " | ")}
