"""Longer random schedules: too long to know all that look alike, so judged by their own truth.

A fact must hold in every schedule in which nothing unseen happened, so it must hold in this
one. Arrows must be arrows. At rest with nothing lost, the states must be this schedule's; where
they are not, the beliefs of :mod:`explore` decide whether another truth looks the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .explore import Edge, Witness
from .judge import Claims, Failure, Judge, Watcher, claims_among, no_arrow
from .network import Label, Scenario, World, at_rest, initial, successors

LONGEST_WALK = 400


class Walk(NamedTuple):
    labels: tuple[Label, ...]
    edges: tuple[Edge, ...]
    #: The world when each segment had passed and nothing was left under way, where there was one.
    rests: dict[int, World]
    end: World


def walk(scenario: Scenario, choices: Sequence[int]) -> Walk:
    """One schedule: step by step the possible one of that number, the first when choices run out."""
    world = initial(scenario)
    edges: list[Edge] = []
    rests: dict[int, World] = {}
    for step in range(LONGEST_WALK):
        nexts = successors(world, scenario)
        if edges and at_rest(world) and world.now == edges[-1].label.at_s:
            rests[len(edges)] = world
        if not nexts:
            break
        choice = choices[step] if step < len(choices) else 0
        _what, seen, after = nexts[choice % len(nexts)]
        if seen is not None:
            witness = Witness(seen.path, seen.iss, world.unseen)
            edges.append(Edge(seen.label, frozenset([witness]), frozenset()))
        world = after
    return Walk(tuple(e.label for e in edges), tuple(edges), rests, world)


def judge_walk(scenario: Scenario, done: Walk, watcher: Callable[[], Watcher]) -> list[Failure]:
    tracker = watcher()
    judge = Judge(scenario, watcher)
    failures: list[Failure] = []
    before: tuple[Claims, ...] = ()
    for number, label in enumerate(done.labels):
        tracker.feed(number, label)
        claims = tracker.claims()
        for which, connection in enumerate(claims):
            for end in (0, 1):
                history = connection[end]
                failures += no_arrow(history)
                for index, entry in enumerate(history):
                    known = which < len(before) and entry in before[which][end]
                    if known or entry.basis not in ("sent", "acknowledged"):
                        continue
                    if not any(w.unseen for e in done.edges[: number + 1] for w in e.witnesses):
                        failures += judge.fact(done.edges[: number + 1], history, index)
        rest = done.rests.get(number + 1)
        if rest is not None and not rest.unseen and not rest.lost:
            states = rest.ends[0].state, rest.ends[1].state
            if not claims_among(claims, {states}):
                edges = judge.explorer.belief(done.labels[: number + 1])
                assert edges is not None
                failures += judge.rest(tuple(edges), claims)
        before = claims
    return failures
