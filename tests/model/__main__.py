"""Every bound, with counts and the shortest counterexamples: ``python -m tests.model [part of a name]``."""

from __future__ import annotations

import sys
import time

from .adapter import TrackerWatcher
from .judge import Counterexample, Judge, ladder
from .scenarios import FULL


def main() -> int:
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    found: list[Counterexample] = []
    totals = [0, 0, 0]
    started = time.monotonic()
    for scenario in FULL:
        if wanted not in scenario.name:
            continue
        began = time.monotonic()
        judge = Judge(scenario, TrackerWatcher)
        judge.run()
        counts = [judge.words, judge.steps, len(judge.explorer.worlds)]
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        print(
            f"{scenario.name:52} {counts[0]:7} observations {counts[1]:7} steps judged {counts[2]:6} worlds"
            f" {len(judge.found):3} kinds of failure {judge.undecided:2} undecided"
            f" {time.monotonic() - began:6.1f} s",
            flush=True,
        )
        found += judge.found.values()
    print(
        f"{totals[0]} observations, {totals[1]} steps judged, {totals[2]} worlds,"
        f" {time.monotonic() - started:.0f} s"
    )
    for example in sorted(found, key=lambda each: (len(each.word), each.failure)):
        print("\n" + ladder(example))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
