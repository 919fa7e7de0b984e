"""Random schedules, merged as they would be if each direction were stamped by a clock of its own.

What the tracker makes of them must not depend on how the two directions are merged (4.6 and 4.9 of the
design): each keeps its own order, frames and stamps stay. Two kinds of schedules are left out, for what
decides in them is no number, but only what passed first:

- with segments of a connection from before the capture: no SYN in it shows where they belong, so they are a
  connection of their own before the first SYN, and strays of that connection after it;
- where both ends open, and one resets: whether it had a SYN of its own on its way then, so that there is one
  connection, or none any more or not yet, so that there are two.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .adapter import TrackerWatcher
from .endpoint import ACK, RST, SYN
from .judge import Claims
from .network import Label, Scenario
from .scenarios import FULL
from .walks import walk

_CALLS = ("send", "send", "?eof", "wait4")
_CLOSES = (("shut",), ("last",), (), ("close",), ("abort",), ("abort+ack",))
_OPENINGS = (("listen",), ("listen", "?up"), ("open", "?up"), ("listen late",))
# Half a millisecond more than so many: one passes each millisecond, and all again after a second at least.
_SKEWS_MS = (1, 2, 3, 5, 8, 12, 20)
#: Those that no segment of a connection from before the capture passes in.
_SCENARIOS = [each for each in FULL if each.old == ((), ())]


class Merged(NamedTuple):
    labels: tuple[Label, ...]
    #: Which passes first, and then.
    order: list[int]


class Ending(TrackerWatcher):
    """Is told when the capture is over."""

    def end(self) -> tuple[Claims, ...]:
        self._tracker.end()
        return self.claims()


def _script(rng: random.Random, opening: tuple[str, ...]) -> tuple[str, ...]:
    calls = tuple(rng.choice(_CALLS) for _ in range(rng.randint(1, 4)))
    return (*opening, *calls, *rng.choice(_CLOSES))


def _scenario(rng: random.Random) -> Scenario:
    if rng.random() < 0.5:
        chosen = rng.choice(_SCENARIOS)
        return chosen._replace(faults=max(chosen.faults, rng.randint(0, 3)))
    scripts = _script(rng, ("open", "?up")), _script(rng, rng.choice(_OPENINGS))
    vantage = rng.choice(["client", "middle", "server"])
    return Scenario("random", scripts, vantage=vantage, faults=rng.randint(0, 3))


def decided(labels: Sequence[Label]) -> bool:
    """Do its numbers tell how many connections there are?"""
    opens = {label.sender for label in labels if label.seg.flags & (SYN | ACK) == SYN}
    return len(opens) < 2 or not any(label.seg.flags & RST for label in labels)


def schedules(count: int, seed: int) -> Iterator[Merged]:
    """So many that pass in another order by two clocks."""
    rng = random.Random(seed)
    while count:
        labels = walk(_scenario(rng), [rng.randint(0, 40) for _ in range(rng.randint(0, 120))]).labels
        late, skew_ms = rng.randint(0, 1), rng.choice(_SKEWS_MS) + 0.5
        passes = [
            1000 * label.at_s + number + skew_ms * (label.sender == late)
            for number, label in enumerate(labels)
        ]
        order = sorted(range(len(labels)), key=passes.__getitem__)
        if order != list(range(len(labels))) and decided(labels):
            count -= 1
            yield Merged(labels, order)


def read_in(labels: Sequence[Label], order: Sequence[int]) -> list[list[list[tuple[str, int, str]]]]:
    """Each connection's two histories, but for what clocks did."""
    watcher = Ending()
    for number in order:
        watcher.feed(number, labels[number])
    return [
        [[(each.state, each.frame, each.basis) for each in end if each.basis != "timer"] for end in ends]
        for ends in watcher.end()
    ]


def differing(count: int, seed: int = 14) -> Iterator[Merged]:
    """Those of so many that the tracker reads otherwise."""
    for merged in schedules(count, seed):
        if read_in(*merged) != read_in(merged.labels, range(len(merged.labels))):
            yield merged
