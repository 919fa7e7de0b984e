"""Single schedules, chosen by numbers: longer than those of :mod:`explore`, or with more faults.

With few faults all that look like one are still known, and it is judged as those are. With any number,
:func:`judge_walk` judges it by its own truth: a fact must hold in every schedule in which nothing
unseen happened, so it must hold in this one; transitions must be those of the figure; at rest with nothing
lost, the states must be this schedule's, and where they are not, the explorer decides whether another truth
looks the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .explore import Edge
from .judge import FACTS, Claims, Failure, Judge, Watcher, claims_among, no_transition
from .network import BUSY, IDLE, Label, Move, Rules, Scenario, Side, at_rest, clocks, moves, reached

LONGEST_WALK = 400

Sides = tuple[Side, Side]


class Walk(NamedTuple):
    #: Each segment that passed, with the truth about its sender in this schedule.
    labels: tuple[Label, ...]
    edges: tuple[Edge, ...]
    #: Both sides when that many segments had passed and nothing was left under way, where that was so.
    rests: dict[int, Sides]
    faults: int


def _choices(sides: Sides, rules: tuple[Rules, Rules]) -> list[tuple[int, Move]]:
    """What can happen next, and on which side. Time passes when neither has anything else to do."""
    options = [moves(side, each) for side, each in zip(sides, rules, strict=True)]
    for end, (possible, free) in enumerate(options):
        if free == BUSY:
            return [(end, move) for move in possible]
    out = [(end, move) for end, (possible, _) in enumerate(options) for move in possible]
    if all(free == IDLE for _, free in options):
        soonest = min(side.deadline for side in sides)
        due = [end for end, side in enumerate(sides) if side.deadline == soonest]
        out += [(end, move) for end in due for move in clocks(sides[end])]
    return out


def walk(scenario: Scenario, choices: Sequence[int]) -> Walk:
    """One schedule: step by step the possible one of that number, the first when choices run out."""
    rules = scenario.rules(0), scenario.rules(1)
    sides = scenario.start(0), scenario.start(1)
    labels: list[Label] = []
    edges: list[Edge] = []
    rests: dict[int, Sides] = {}
    faults = 0
    for step in range(LONGEST_WALK):
        now = max(side.now for side in sides)
        if labels and now == labels[-1].at_s and all(map(at_rest, sides, rules)):
            rests[len(labels)] = sides
        possible = [each for each in _choices(sides, rules) if faults + each[1].faults <= scenario.faults]
        if not possible:
            break
        choice = choices[step] if step < len(choices) else 0
        end, move = possible[choice % len(possible)]
        other = sides[1 - end]
        if move.passes is not None and move.witness is not None:
            label = Label(sides[end].now, end, move.passes)
            witness = move.witness._replace(unseen=move.witness.unseen or other.hides)
            labels.append(label)
            edges.append(Edge(label, frozenset([witness]), None))
            other = reached(other, label)
        faults += move.faults
        other = other._replace(now=move.after.now)
        sides = (move.after, other) if end == 0 else (other, move.after)
    return Walk(tuple(labels), tuple(edges), rests, faults)


def judge_walk(scenario: Scenario, done: Walk, watcher: Callable[[], Watcher]) -> list[Failure]:
    tracker = watcher()
    judge = Judge(scenario._replace(faults=done.faults), watcher)
    failures: list[Failure] = []
    before: tuple[Claims, ...] = ()
    for number, label in enumerate(done.labels):
        tracker.feed(number, label)
        claims = tracker.claims()
        so_far = done.edges[: number + 1]
        unseen = any(witness.unseen for edge in so_far for witness in edge.witnesses)
        for which, connection in enumerate(claims):
            for end in (0, 1):
                history = connection[end]
                failures += no_transition(history)
                for index, entry in enumerate(history):
                    known = which < len(before) and entry in before[which][end]
                    if entry.basis in FACTS and not known and not unseen:
                        failures += judge.fact(so_far, history, index)
        rest = done.rests.get(number + 1)
        if rest is not None and not any(side.unseen or side.lost for side in rest):
            if not claims_among(claims, {(rest[0].tcb.state, rest[1].tcb.state)}):
                edges = judge.explorer.word(done.labels[: number + 1])
                assert edges, "the explorer knows no such schedule"
                failures += judge.rest(edges, claims)
        before = claims
    tracker.forget()
    return failures
