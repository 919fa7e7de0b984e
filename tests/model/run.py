"""Judges many scenarios at once, one process a core."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from .adapter import TrackerWatcher
from .judge import Counterexample, Judge
from .network import Scenario


class Result(NamedTuple):
    scenario: Scenario
    observations: int
    steps: int
    #: One counterexample of each kind, the shortest first.
    found: list[Counterexample]
    cpu_s: float


def judged(scenario: Scenario) -> Result:
    began = time.process_time()
    judge = Judge(scenario, TrackerWatcher)
    judge.run()
    found = sorted(judge.found.values(), key=lambda each: (len(each.word), each.failure))
    return Result(scenario, judge.words, judge.steps, found, time.process_time() - began)


def judging(scenarios: Sequence[Scenario]) -> Iterator[Result]:
    """The results, in the order of the scenarios."""
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(judged, scenarios)
