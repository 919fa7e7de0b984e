"""Judges many scenarios at once, one process a core."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
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


def judged(scenario: Scenario, enough: int | None = None) -> Result:
    """Stops at ``enough`` kinds of failure."""
    began = time.process_time()
    with without_collector():
        judge = Judge(scenario, TrackerWatcher)
        judge.run(enough)
    found = sorted(judge.found.values(), key=lambda each: (len(each.word), each.failure))
    return Result(scenario, judge.words, judge.steps, found, time.process_time() - began)


#: glibc's parameters ``M_TRIM_THRESHOLD`` and ``M_MMAP_THRESHOLD``: above both, freed memory goes back.
_THRESHOLDS = (-1, -3)
_KEPT_BYTES = 32 << 20


def _keep_freed_memory() -> None:
    """Where this is glibc. The thresholds are set in all or in none: one that is set fixes the other."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    for threshold in _THRESHOLDS if mallopt else ():
        mallopt(threshold, _KEPT_BYTES)


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Millions of tuples live as long as their scenario: looking at them took a third of the time.

    Nor is the memory of one tracker, given back, asked for again for the next: pages would be made anew.
    """
    _keep_freed_memory()
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextlib.contextmanager
def started(scenarios: Sequence[Scenario]) -> Iterator[dict[str, Future[Result]]]:
    """Their results by name, as they come. The last of them is begun first: it takes longest."""
    # Forked, the processes have these modules, by whatever name a test run gave them.
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("fork")) as pool:
        try:
            yield {each.name: pool.submit(judged, each) for each in reversed(scenarios)}
        finally:
            pool.shutdown(cancel_futures=True)
