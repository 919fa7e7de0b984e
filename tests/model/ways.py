"""Distinct ways through the rules of reading that schedules take.

``TCPTRACE_PY_PURE=1 python -m tests.model.ways [part of a name]...`` prints them by scenario. A way is what
each rule answered, in the order in which they were asked, for one reading of both ends. Every way that is
counted here has been judged: the claims that followed from it hold on all schedules that look the same.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import NamedTuple

from tcptrace_py.tcp import machine
from tcptrace_py.tcp.reading import RULES, rules

from .network import Scenario
from .run import judged
from .scenarios import FULL, QUICK

#: What no schedule of the model needs, for it has none of that.
OUTSIDE = {
    "picked_up": "a capture that begins mid-stream",
    "fast_open": "data on a SYN",
    "answered_early": "two clocks",
    "falls_silent": "the end of the capture",
}


class Ways(NamedTuple):
    """``said``: how often a rule said yes (or when), and how often no, by its name."""

    distinct: set[int]
    said: dict[bool, Counter[str]]


def homes(name: str) -> list[ModuleType]:
    """The modules of the reading that know the rule by name."""
    reading = [module for path, module in sys.modules.items() if path.startswith(f"{rules.__package__}.")]
    return [module for module in reading if hasattr(module, name)]


@contextmanager
def counted() -> Iterator[Ways]:
    """Count all readings of the tracker meanwhile."""
    ways = Ways(set(), {True: Counter(), False: Counter()})
    way: list[tuple[str, bool]] = []

    def noting(name: str, rule: Callable[..., object]) -> Callable[..., object]:
        def asked(*arguments: object) -> object:
            answer = rule(*arguments)
            says = bool(answer[0] if isinstance(answer, tuple) else answer)
            ways.said[says][name] += 1
            way.append((name, says))
            return answer

        return asked

    read = machine.read

    def reading(*arguments: object) -> object:
        way.clear()
        found = read(*arguments)
        ways.distinct.add(hash(tuple(way)))
        return found

    known = {name: getattr(homes(name)[0], name) for name in RULES}
    machine.read = reading  # type: ignore[assignment]
    for name, rule in known.items():
        for home in homes(name):
            setattr(home, name, noting(name, rule))
    try:
        yield ways
    finally:
        machine.read = read
        for name, rule in known.items():
            for home in homes(name):
                setattr(home, name, rule)


def main(scenarios: Iterable[Scenario]) -> int:
    refuted = []
    with counted() as ways:
        for scenario in scenarios:
            before = len(ways.distinct)
            refuted += [scenario.name] if judged(scenario, 1).found else []
            print(f"{scenario.name:60} {len(ways.distinct) - before:>6,} ways", flush=True)
    print(f"{len(ways.distinct):,} ways through the rules")
    for says, word in ((True, "never needed"), (False, "never said no")):
        print(f"{word}: {', '.join(name for name in RULES if not ways.said[says][name])}")
    for name in refuted:
        print(f"refuted: {name}")
    return 1 if refuted else 0


if __name__ == "__main__":
    parts = sys.argv[1:]
    sys.exit(main([each for each in FULL if any(part in each.name for part in parts)] if parts else QUICK))
