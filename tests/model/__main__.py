"""Every bound, with counts and the shortest counterexamples: ``python -m tests.model [part of a name]``.

``--known`` takes what was found as what is known, so that the tests fail only where it changes.
"""

from __future__ import annotations

import sys
import time

from .judge import Counterexample, ladder
from .run import KNOWN, judging
from .scenarios import FULL


def main(arguments: list[str]) -> int:
    record = "--known" in arguments
    names = [each for each in arguments if each != "--known"]
    scenarios = [each for each in FULL if not names or any(name in each.name for name in names)]
    found: list[Counterexample] = []
    kinds: set[str] = set()
    observations = steps = sides = 0
    began = time.monotonic()
    print(f"{'scenario':62} {'observations':>12} {'steps':>8} {'sides':>7} {'kinds of failure':>16} {'CPU s':>6}")
    with judging(scenarios) as coming:
        for scenario in scenarios:
            result = coming[scenario.name].result()
            print(
                f"{scenario.name:62} {result.observations:12,} {result.steps:8,} {result.sides:7,}"
                f" {len(result.found):16} {result.seconds:6.1f}",
                flush=True,
            )
            observations += result.observations
            steps += result.steps
            sides += result.sides
            found += result.found
            kinds |= result.kinds()
    took = f"{time.monotonic() - began:.0f} s"
    print(f"{f'{len(scenarios)} scenarios, {took}':62} {observations:12,} {steps:8,} {sides:7,} {len(found):16}")
    if record:
        KNOWN.write_text("".join(f"{each}\n" for each in sorted(kinds)))
        return 0
    for example in sorted(found, key=lambda each: (len(each.word), each.failure)):
        print("\n" + ladder(example))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
