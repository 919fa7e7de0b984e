"""Every schedule of a scenario, as a passive observer tells them apart.

The worlds of :mod:`network` are the states of a nondeterministic automaton whose visible steps
are segments passing the vantage point. Determinizing it (the subset construction) gives, for
each *observation* (the segments that passed, with their times), its *belief*: every world that
some schedule with this observation can be in. All observations are enumerated, depth first, as
paths through the determinized automaton; worlds and beliefs are computed once each.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from .network import Label, Next, Scenario, World, at_rest, initial, successors

LONGEST_WORD = 80
LONGEST_SEARCH = 100_000


class Witness(NamedTuple):
    """The truth about the sender of one segment in some schedules."""

    path: str
    iss: int
    unseen: bool


Wanted = Callable[[World, Witness | None], bool]


@dataclasses.dataclass(slots=True)
class Edge:
    """One observation more: what passed, the truth about its sender, and what may be then."""

    label: Label
    witnesses: frozenset[Witness]
    targets: frozenset[int]
    node: Node | None = None


@dataclasses.dataclass(slots=True, eq=False)
class Node:
    """A belief: every world that can be the case after one or more observations."""

    worlds: frozenset[int]
    edges: list[Edge]
    paths: tuple[frozenset[str], frozenset[str]]
    #: (second, client, server) at rest with nothing lost or unseen.
    rest: frozenset[tuple[int, str, str]]
    #: (client, server) when nothing is left to happen, with nothing lost or unseen.
    end: frozenset[tuple[str, str]]
    seen: dict


class Undecided(Exception):
    """The search for an explanation was too long."""


class Explorer:
    """All of one scenario: worlds, beliefs, observations."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._ids: dict[World, int] = {}
        self.worlds: list[World] = []
        self._silent: list[tuple[int, ...] | None] = []
        self._visible: list[tuple[tuple[Label, Witness, int], ...]] = []
        self._nodes: dict[frozenset[int], Node] = {}
        self.root = self._node(frozenset([self._id(initial(scenario))]))

    def _id(self, world: World) -> int:
        number = self._ids.get(world)
        if number is None:
            number = self._ids[world] = len(self.worlds)
            self.worlds.append(world)
            self._silent.append(None)
            self._visible.append(())
        return number

    def _expand(self, number: int) -> tuple[int, ...]:
        world = self.worlds[number]
        silent, visible = [], []
        for _what, seen, after in successors(world, self.scenario):
            if seen is None:
                silent.append(self._id(after))
            else:
                witness = Witness(seen.path, seen.iss, world.unseen)
                visible.append((seen.label, witness, self._id(after)))
        done = self._silent[number] = tuple(silent)
        self._visible[number] = tuple(visible)
        return done

    def _node(self, start: frozenset[int]) -> Node:
        """The belief of all worlds that ``start`` can silently become."""
        found = set(start)
        todo = list(start)
        while todo:
            number = todo.pop()
            silent = self._silent[number]
            for after in self._expand(number) if silent is None else silent:
                if after not in found:
                    found.add(after)
                    todo.append(after)
        belief = frozenset(found)
        node = self._nodes.get(belief)
        if node is None:
            node = self._nodes[belief] = self._describe(belief)
        return node

    def _describe(self, belief: frozenset[int]) -> Node:
        paths: tuple[set[str], set[str]] = set(), set()
        rest: set[tuple[int, str, str]] = set()
        end: set[tuple[str, str]] = set()
        grouped: dict[Label, tuple[set[Witness], set[int]]] = {}
        for number in belief:
            w = self.worlds[number]
            paths[0].add(w.ends[0].path)
            paths[1].add(w.ends[1].path)
            for label, witness, after in self._visible[number]:
                witnesses, targets = grouped.setdefault(label, (set(), set()))
                witnesses.add(witness)
                targets.add(after)
            if not w.unseen and not w.lost:
                states = w.ends[0].state, w.ends[1].state
                if not self._silent[number] and not self._visible[number]:
                    end.add(states)
                if at_rest(w):
                    rest.add((w.now, *states))
        edges = [
            Edge(label, frozenset(witnesses), frozenset(targets))
            for label, (witnesses, targets) in sorted(grouped.items())
        ]
        return Node(
            belief, edges, (frozenset(paths[0]), frozenset(paths[1])), frozenset(rest), frozenset(end), {}
        )

    def follow(self, edge: Edge) -> Node:
        if edge.node is None:
            edge.node = self._node(edge.targets)
        return edge.node

    def all_nodes(self) -> Iterable[Node]:
        return self._nodes.values()

    def next_of(self, world: World) -> list[Next]:
        return successors(world, self.scenario)

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
            node = self.follow(edge)
            if node.edges and len(path) < LONGEST_WORD:
                stack.append(iter(node.edges))
            else:
                yield tuple(path)
                path.pop()

    def count_words(self) -> int:
        """How many words :meth:`words` gives, without listing them."""
        counts: dict[Node, int] = {}
        stack = [self.root]
        while stack:
            node = stack[-1]
            after = [self.follow(edge) for edge in node.edges]
            missing = [n for n in after if n not in counts]
            if missing:
                stack += missing
            else:
                counts[node] = sum(counts[n] for n in after) if after else 1
                stack.pop()
        return counts[self.root]

    def explains(
        self, word: Sequence[Label], keep: Callable[[World], bool], wanted: Callable[[World, Witness], bool]
    ) -> bool:
        """Is there a schedule with these observations, all its worlds such as ``keep`` allows, whose
        last observation leads to what is ``wanted``? Tries those with the fewest faults first."""
        none = Witness("", 0, False)
        # What each sender has still to show, after each number of observations.
        ahead = [
            tuple(tuple(x.seg for x in word[done:] if x.sender == sender) for sender in (0, 1))
            for done in range(len(word) + 1)
        ]

        def hopeless(world: World, done: int) -> bool:
            """With no fault left, each link to the vantage point must hold just what passes next."""
            if world.faults < self.scenario.faults:
                return False
            for sender, link in ((0, 0), (1, 2)):
                queue, limbo = world.links[link]
                if queue and not limbo and link not in world.cut:
                    for item, seg in zip(queue, ahead[done][sender]):  # noqa: B905
                        if item[0] != seg:
                            return True
            return False

        stack = [(self._id(initial(self.scenario)), 0, none)]
        met = set(stack)
        while stack:
            number, done, witness = stack.pop()
            if done == len(word) and wanted(self.worlds[number], witness):
                return True
            silent = self._silent[number]
            if silent is None:
                silent = self._expand(number)
            until = word[min(done, len(word) - 1)].at_s
            # The last successors are the faults: they go to the bottom of the stack.
            nexts = [(after, done, witness) for after in reversed(silent)]
            if done < len(word):
                nexts += [
                    (after, done + 1, seen if done + 1 == len(word) else none)
                    for label, seen, after in self._visible[number]
                    if label == word[done]
                ]
            for state in nexts:
                if state in met:
                    continue
                met.add(state)
                world = self.worlds[state[0]]
                if world.now <= until and not hopeless(world, state[1]) and keep(world):
                    stack.append(state)
            if len(met) > LONGEST_SEARCH:
                raise Undecided
        return False

    def belief(self, word: Sequence[Label]) -> list[Edge] | None:
        """The edges that these observations take here, or None where they cannot be."""
        edges: list[Edge] = []
        node = self.root
        for label in word:
            edge = next((e for e in node.edges if e.label == label), None)
            if edge is None:
                return None
            edges.append(edge)
            node = self.follow(edge)
        return edges

    def schedule(self, word: Sequence[Label], wanted: Wanted) -> list[Next]:
        """A shortest schedule with these observations such that ``wanted`` holds of its last world.

        ``wanted(world, witness)``: the witness is the one of the last segment.
        """
        first = (self._id(initial(self.scenario)), 0, None)
        came: dict[tuple, tuple] = {first: ()}
        queue = collections.deque([first])
        while queue:
            key = queue.popleft()
            number, done, witness = key
            world = self.worlds[number]
            if done == len(word) and wanted(world, witness):
                steps = []
                while came[key]:
                    key, what, seen = came[key]
                    steps.append((what, seen, self.worlds[key[0]]))
                worlds = [w for _, _, w in reversed(steps)][1:] + [world]
                return [(what, seen, w) for (what, seen, _), w in zip(reversed(steps), worlds, strict=True)]
            for what, seen, after in successors(world, self.scenario):
                if seen is None:
                    nxt = (self._id(after), done, witness)
                elif done < len(word) and seen.label == word[done]:
                    nxt = (self._id(after), done + 1, Witness(seen.path, seen.iss, world.unseen))
                else:
                    continue
                if nxt not in came:
                    came[nxt] = (key, what, seen)
                    queue.append(nxt)
        return []
