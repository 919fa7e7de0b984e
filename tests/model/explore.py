"""Every schedule of a scenario, as a passive observer tells them apart.

One side of the vantage point (:mod:`network`) is a nondeterministic automaton whose visible
steps are segments passing the vantage point, its own or its peer's. Determinizing it (the
subset construction) gives, for each *observation* (the segments that passed, with their times),
its *belief*: everything that this side can be in some schedule with this observation, with the
fewest faults that it takes. What has passed is all that the two sides know of each other, so
the beliefs about a whole schedule are all pairs of the two whose faults together are within the
bound. The pairs are never listed: sides, beliefs and the steps between them are computed once
each, for all observations and for all scenarios that share them.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from .endpoint import CLOSE_WAIT, NEVER
from .network import (
    IDLE,
    Label,
    Move,
    Rules,
    Scenario,
    Side,
    Witness,
    at_rest,
    clocks,
    fault_moves,
    free_moves,
    may_reach,
    moves,
    reached,
)

LONGEST_WORD = 80

_Key = TypeVar("_Key")

#: Of a side for which all is over: its state, was it stuck in CLOSE-WAIT, was anything lost on it.
Over = tuple[str, bool, bool]


#: The label, the witness of a segment, and what a side is then.
Visible = tuple[Label, Witness, int]


def _keep(fewest: dict[_Key, int], key: _Key, faults: int) -> None:
    if faults < fewest.get(key, NEVER):
        fewest[key] = faults


class Leaving(NamedTuple):
    """A segment of this side passes the vantage point; the sides that can be left then."""

    witnesses: dict[Witness, int]
    after: dict[int, int]
    least: int


class Reaching(NamedTuple):
    """A segment passes towards this side. Had anything happened unseen there by then?"""

    unseen: dict[bool, int]
    after: dict[int, int]
    least: int


class Belief:
    """Everything that one side can be after some observations: its number -> the fewest faults.

    So are the other dictionaries here: what can be -> the fewest faults that it takes.
    """

    def __init__(self, automaton: Automaton, sides: dict[int, int]) -> None:
        self._automaton = automaton
        self.sides = sides
        self.least = min(sides.values())
        self._left: dict[Label, Leaving] = {}
        self._reached: dict[Label, Reaching | None] = {}
        self._after: dict[tuple[Label, int], Belief] = {}

    @functools.cached_property
    def _now(self) -> list[tuple[Side, int]]:
        """The sides by the second of the last observation, before their clocks run on."""
        sides = [(self._automaton.sides[number], faults) for number, faults in self.sides.items()]
        now = min(side.now for side, _ in sides)
        return [(side, faults) for side, faults in sides if side.now == now]

    @functools.cached_property
    def paths(self) -> dict[str, int]:
        """The endpoint's paths."""
        out: dict[str, int] = {}
        for side, faults in self._now:
            _keep(out, side.tcb.path, faults)
        return out

    @functools.cached_property
    def seen_paths(self) -> dict[str, int]:
        """Its paths where nothing has happened unseen."""
        out: dict[str, int] = {}
        for side, faults in self._now:
            if not side.hides:
                _keep(out, side.tcb.path, faults)
        return out

    @functools.cached_property
    def rest(self) -> dict[tuple[int, str], int]:
        """(second, state) at rest, with nothing lost or unseen."""
        out: dict[tuple[int, str], int] = {}
        for number, faults in self.sides.items():
            side = self._automaton.sides[number]
            if not side.unseen and not side.lost and at_rest(side, self._automaton.rules):
                _keep(out, (side.now, side.tcb.state), faults)
        return out

    @functools.cached_property
    def over(self) -> dict[Over, int]:
        """Nothing is left to happen, and nothing has happened unseen."""
        out: dict[Over, int] = {}
        for number, faults in self.sides.items():
            side = self._automaton.sides[number]
            if not side.unseen and self._automaton.is_over(number):
                stuck = side.forgotten or side.tcb.state == CLOSE_WAIT
                _keep(out, (side.tcb.state, stuck, side.lost), faults)
        return out

    @functools.cached_property
    def _leaving(self) -> dict[Label, list[tuple[Witness, int, int]]]:
        found: dict[Label, list[tuple[Witness, int, int]]] = {}
        for number, faults in self.sides.items():
            for label, witness, after in self._automaton.visible[number]:
                found.setdefault(label, []).append((witness, after, faults))
        return found

    def labels(self) -> list[Label]:
        """What this side may let pass next."""
        return sorted(self._leaving)

    def leaving(self, label: Label) -> Leaving | None:
        if label not in self._left:
            if label not in self._leaving:
                return None
            witnesses: dict[Witness, int] = {}
            targets: dict[int, int] = {}
            for witness, after, faults in self._leaving[label]:
                _keep(witnesses, witness, faults)
                _keep(targets, after, faults)
            self._left[label] = Leaving(witnesses, targets, min(targets.values()))
        return self._left[label]

    def reaching(self, label: Label) -> Reaching | None:
        """None where this side would not have let that pass, or not then."""
        if label not in self._reached:
            unseen: dict[bool, int] = {}
            targets: dict[int, int] = {}
            for number, faults in self.sides.items():
                after = self._automaton.reached(number, label)
                if after is not None:
                    _keep(unseen, self._automaton.sides[number].hides, faults)
                    _keep(targets, after, faults)
            self._reached[label] = Reaching(unseen, targets, min(targets.values())) if targets else None
        return self._reached[label]

    def passing(self, label: Label) -> Leaving | Reaching | None:
        """That segment passes; None where it can not, or not then."""
        return self.leaving(label) if label.sender == self._automaton.rules.end else self.reaching(label)

    def after(self, label: Label, most: int) -> Belief:
        """What this side can be once that has passed (it must be able to), with up to ``most`` faults."""
        found = self._after.get((label, most))
        if found is None:
            passing = self.passing(label)
            assert passing is not None
            found = self._after[label, most] = self._automaton.belief(passing.after, most)
        return found


class Step(NamedTuple):
    """One step of one side's schedule: the segments that had passed, the side, what happened.

    Without a ``move``, a segment of the other side passed.
    """

    passed: int
    before: Side
    move: Move | None
    after: Side


#: ``wanted(side, witness)`` of the last side of a schedule, and of the last segment if this side sent it.
Wanted = Callable[[Side, Witness | None], bool]
#: A side, how many segments have passed, the witness of the last one of all.
_At = tuple[Side, int, Witness | None]


class Automaton:
    """All that one side can do by these rules, from wherever it starts and whatever goes wrong."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.sides: list[Side] = []
        #: What happens unseen on a side, and what may go wrong there; None where that has not been asked.
        self.silent: list[list[int] | None] = []
        self._wrong: list[list[int] | None] = []
        self.visible: list[list[Visible]] = []
        self._free: list[int] = []
        self._numbers: dict[Side, int] = {}
        self._beliefs: dict[frozenset[tuple[int, int]], Belief] = {}

    def number(self, side: Side) -> int:
        if self.rules.any_application:
            # Explanations are not asked for these.
            if side.unseen or side.lost or side.waits_since != NEVER or side.forgotten:
                side = side._replace(unseen=False, lost=False, waits_since=NEVER, forgotten=False)
        number = self._numbers.get(side)
        if number is None:
            number = self._numbers[side] = len(self.sides)
            self.sides.append(side)
            self.silent.append(None)
            self._wrong.append(None)
            self.visible.append([])
            self._free.append(0)
        return number

    def moves(self, side: Side) -> tuple[list[Move], int]:
        possible, free = moves(side, self.rules)
        return (possible + clocks(side) if free == IDLE else possible), free

    def _expand(self, number: int) -> list[int]:
        side = self.sides[number]
        possible, free = free_moves(side, self.rules)
        if free == IDLE:
            possible += clocks(side)
        self._free[number] = free
        silent = []
        for move in possible:
            after = self.number(move.after)
            if move.passes is None or move.witness is None:
                silent.append(after)
            else:
                label = Label(side.now, self.rules.end, move.passes)
                self.visible[number].append((label, move.witness, after))
        self.silent[number] = silent
        return silent

    def wrong(self, number: int) -> list[int]:
        """The sides that one fault makes of this one."""
        found = self._wrong[number]
        if found is None:
            possible = fault_moves(self.sides[number], self.rules)
            found = self._wrong[number] = [self.number(move.after) for move in possible]
        return found

    def is_over(self, number: int) -> bool:
        return not (self.silent[number] or self.visible[number] or self.wrong(number))

    def reached(self, number: int, label: Label) -> int | None:
        side = self.sides[number]
        return self.number(reached(side, label)) if may_reach(side, self._free[number], label.at_s) else None

    def belief(self, start: dict[int, int], most: int) -> Belief:
        """All that ``start`` can become while nothing passes, with up to ``most`` faults."""
        fewest: dict[int, int] = {}
        levels: list[list[int]] = [[] for _ in range(most + 1)]
        for number, faults in start.items():
            if faults <= most:
                levels[faults].append(number)
        for faults, todo in enumerate(levels):
            wrong = levels[faults + 1] if faults < most else None
            while todo:
                number = todo.pop()
                if number in fewest:
                    continue
                fewest[number] = faults
                silent = self.silent[number]
                todo += self._expand(number) if silent is None else silent
                if wrong is not None:
                    wrong += self.wrong(number)
        key = frozenset(fewest.items())
        found = self._beliefs.get(key)
        if found is None:
            found = self._beliefs[key] = Belief(self, fewest)
        return found


@functools.lru_cache(maxsize=64)
def automaton(rules: Rules) -> Automaton:
    return Automaton(rules)


class SideExplorer:
    """All that one side can do from its start, with up to ``most`` faults."""

    def __init__(self, rules: Rules, start: Side, most: int) -> None:
        self.rules = rules
        self.most = most
        self._start = start
        self._automaton = automaton(rules)
        self.sides = self._automaton.sides
        self._moves = self._automaton.moves
        self.root = self._automaton.belief({self._automaton.number(start): 0}, most)

    def after(self, word: Sequence[Label]) -> Belief | None:
        """What this side can be after these observations, whatever the other side is."""
        belief: Belief | None = self.root
        for label in word:
            assert belief is not None
            passing = belief.passing(label)
            if passing is None or passing.least > self.most:
                return None
            belief = belief.after(label, self.most)
        return belief

    def is_over(self, side: Side) -> bool:
        return not self._moves(side)[0]

    def schedule(self, word: Sequence[Label], wanted: Wanted) -> list[Step] | None:
        """A shortest schedule with these observations, of the fewest faults, that ends as ``wanted``."""
        came: dict[_At, tuple[_At, Step] | None] = {}
        levels: list[deque[tuple[_At, tuple[_At, Step] | None]]] = [deque() for _ in range(self.most + 1)]
        levels[0].append(((self._start, 0, None), None))
        for faults, queue in enumerate(levels):
            while queue:
                at, origin = queue.popleft()
                if at in came:
                    continue
                came[at] = origin
                side, done, witness = at
                if done == len(word) and wanted(side, witness):
                    return _steps(came, at)
                possible, free = self._moves(side)
                label = word[done] if done < len(word) else None
                last = done + 1 == len(word)
                if label is not None and label.sender != self.rules.end and may_reach(side, free, label.at_s):
                    after = reached(side, label)
                    queue.append(((after, done + 1, None), (at, Step(done, side, None, after))))
                for move in possible:
                    if faults + move.faults > self.most:
                        continue
                    step = Step(done, side, move, move.after)
                    if move.passes is None:
                        levels[faults + move.faults].append(((move.after, done, witness), (at, step)))
                    elif label == Label(side.now, self.rules.end, move.passes):
                        seen = move.witness if last else None
                        queue.append(((move.after, done + 1, seen), (at, step)))
        return None


def _steps(came: dict[_At, tuple[_At, Step] | None], at: _At) -> list[Step]:
    steps = []
    origin = came[at]
    while origin is not None:
        before, step = origin
        steps.append(step)
        origin = came[before]
    return steps[::-1]


@functools.lru_cache(maxsize=64)
def side_explorer(rules: Rules, start: Side, most: int) -> SideExplorer:
    return SideExplorer(rules, start, most)


class Edge(NamedTuple):
    """One observation more: what passed, the truth about its sender, and what may be then."""

    label: Label
    witnesses: frozenset[Witness]
    node: Node


class Node:
    """Both sides' beliefs: all that can be the case after some observations."""

    def __init__(self, explorer: Explorer, beliefs: tuple[Belief, Belief]) -> None:
        self._explorer = explorer
        self._after: dict[Label, Edge | None] = {}
        self.beliefs = beliefs
        #: What a judge has found right here before.
        self.seen: set[object] = set()

    @functools.cached_property
    def paths(self) -> tuple[frozenset[str], frozenset[str]]:
        client, server = self.beliefs
        return frozenset(client.paths), frozenset(server.paths)

    @functools.cached_property
    def seen_paths(self) -> tuple[frozenset[str], frozenset[str]]:
        """The paths of each end in schedules in which nothing has happened unseen on either side."""
        client, server = (belief.seen_paths for belief in self.beliefs)
        most = self._explorer.most
        return (
            frozenset(p for p, n in client.items() if n + min(server.values(), default=NEVER) <= most),
            frozenset(p for p, n in server.items() if n + min(client.values(), default=NEVER) <= most),
        )

    @functools.cached_property
    def rest(self) -> frozenset[tuple[int, str, str]]:
        """(second, client, server) at rest with nothing lost or unseen."""
        client, server = self.beliefs
        return frozenset(
            (at_s, state, other)
            for (at_s, state), faults in client.rest.items()
            for (other_at_s, other), more in server.rest.items()
            if at_s == other_at_s and faults + more <= self._explorer.most
        )

    @functools.cached_property
    def over(self) -> frozenset[tuple[Over, Over]]:
        """Both ends when nothing is left to happen, with nothing unseen."""
        client, server = self.beliefs
        return frozenset(
            (one, other)
            for one, faults in client.over.items()
            for other, more in server.over.items()
            if faults + more <= self._explorer.most
        )

    @functools.cached_property
    def edges(self) -> list[Edge]:
        labels = sorted(self.beliefs[0].labels() + self.beliefs[1].labels())
        return [edge for edge in map(self.after, labels) if edge is not None]

    def after(self, label: Label) -> Edge | None:
        """This observation more; None where it cannot be."""
        if label not in self._after:
            self._after[label] = self._follow(label)
        return self._after[label]

    def _follow(self, label: Label) -> Edge | None:
        leaving = self.beliefs[label.sender].leaving(label)
        reaching = self.beliefs[1 - label.sender].reaching(label)
        most = self._explorer.most
        if leaving is None or reaching is None:
            return None
        if leaving.least + reaching.least > most:
            return None
        witnesses = frozenset(
            witness._replace(unseen=witness.unseen or unseen)
            for witness, faults in leaving.witnesses.items()
            for unseen, more in reaching.unseen.items()
            if faults + more <= most
        )
        sent, got = (self.beliefs[end] for end in (label.sender, 1 - label.sender))
        after = sent.after(label, most - reaching.least), got.after(label, most - leaving.least)
        return Edge(label, witnesses, self._explorer.node(after if label.sender == 0 else after[::-1]))


class Explorer:
    """All of one scenario: sides, beliefs, observations."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.most = scenario.faults
        self.sides = tuple(
            side_explorer(scenario.rules(end), scenario.start(end), scenario.faults) for end in (0, 1)
        )
        self._nodes: dict[tuple[Belief, Belief], Node] = {}
        self.root = self.node((self.sides[0].root, self.sides[1].root))

    def node(self, beliefs: tuple[Belief, ...]) -> Node:
        client, server = beliefs
        node = self._nodes.get((client, server))
        if node is None:
            node = self._nodes[client, server] = Node(self, (client, server))
        return node

    def nodes(self) -> list[Node]:
        """Every node of every observation."""
        found = {self.root: None}
        todo = [self.root]
        while todo:
            for edge in todo.pop().edges:
                if edge.node not in found:
                    found[edge.node] = None
                    todo.append(edge.node)
        return list(found)

    def words(self) -> Iterator[tuple[Edge, ...]]:
        """Every longest observation, as the edges that it takes, depth first."""
        path: list[Edge] = []
        stack = [iter(self.root.edges)]
        while stack:
            edge = next(stack[-1], None)
            if edge is None:
                stack.pop()
                if path:
                    path.pop()
                continue
            path.append(edge)
            if edge.node.edges and len(path) < LONGEST_WORD:
                stack.append(iter(edge.node.edges))
            else:
                yield tuple(path)
                path.pop()

    def count_words(self) -> int:
        """How many words :meth:`words` gives, without listing them."""
        counts: dict[Node, int] = {}
        stack = [self.root]
        while stack:
            node = stack[-1]
            missing = [edge.node for edge in node.edges if edge.node not in counts]
            if missing:
                stack += missing
            else:
                counts[node] = sum(counts[edge.node] for edge in node.edges) or 1
                stack.pop()
        return counts[self.root]

    def word(self, labels: Sequence[Label]) -> tuple[Edge, ...] | None:
        """The edges that these observations take here, or None where they cannot be."""
        edges: list[Edge] = []
        node = self.root
        for label in labels:
            edge = node.after(label)
            if edge is None:
                return None
            edges.append(edge)
            node = edge.node
        return tuple(edges)
