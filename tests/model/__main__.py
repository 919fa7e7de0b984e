"""Every bound, its counts and shortest counterexamples: ``python -m tests.model [part of a name]...``.

``python -m tests.model merged``: ten thousand random schedules merged as two clocks would have it.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import as_completed

from .drawing import ladder
from .judge import Counterexample
from .merging import differing
from .run import started
from .scenarios import FULL

_ROW = "{:52} {:>12} {:>9} {:>16} {:>6}"


_MERGED = 10_000


def merged() -> int:
    found = 0
    for labels, order in differing(_MERGED):
        found += 1
        print(f"\nin the order {[number + 1 for number in order]}:")
        for number, label in enumerate(labels, 1):
            print(f"{number:4d} {label.at_s:4d} s {'-->' if label.sender == 0 else '<--'} {label.seg}")
    print(f"{_MERGED:,} schedules merged as two clocks would have it: {found} are read otherwise")
    return 1 if found else 0


def main(names: list[str]) -> int:
    if names == ["merged"]:
        return merged()
    scenarios = [each for each in FULL if not names or any(name in each.name for name in names)]
    found: list[Counterexample] = []
    refuted: list[str] = []
    observations = steps = 0
    began = time.monotonic()
    print(_ROW.format("scenario", "observations", "steps", "kinds of failure", "CPU s"))
    with started(scenarios) as results:
        for future in as_completed(results.values()):
            result = future.result()
            name, examples = result.scenario.name, result.found
            row = name, f"{result.observations:,}", f"{result.steps:,}", len(examples), f"{result.cpu_s:.1f}"
            print(_ROW.format(*row), flush=True)
            observations += result.observations
            steps += result.steps
            found += examples
            refuted += [name] if examples else []
    for example in sorted(found, key=lambda each: (len(each.word), each.failure)):
        print("\n" + ladder(example))
    print(
        f"\n{len(scenarios)} scenarios in {time.monotonic() - began:.0f} s: {observations:,} observations,"
        f" {steps:,} steps judged; {len(found)} kinds of failure in {len(refuted)} scenarios:"
    )
    for name in refuted:
        print(f"  {name}")
    return 1 if refuted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
