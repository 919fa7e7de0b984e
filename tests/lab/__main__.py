"""``python -m tests.lab``: run the scenarios and compare, or record them anew."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

from .compare import Comparison, captures, compare, load
from .judged import Verdict, judge
from .live import watch
from .network import missing
from .random_lives import life
from .run import FAMILIES, Outcome, run, save, scratch
from .scenarios import SCENARIOS
from .script import Scenario

#: Random lives; a block of addresses has room for as many.
_AT_ONCE = 120

#: The heavy one runs by itself, so that the others' timing is not disturbed.
ALONE = "time_wait_pile"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("scenario", nargs="*", help="names or parts of names (default: all)")
    parser.add_argument("--quick", action="store_true", help="only what the test suite runs")
    parser.add_argument("--family", choices=FAMILIES, action="append", help="default: both")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep captures and truth there")
    parser.add_argument(
        "--record", type=Path, metavar="DIR", help="only write captures and truth there, no comparison"
    )
    parser.add_argument("--recorded", type=Path, metavar="DIR", help="compare what was recorded, run nothing")
    parser.add_argument(
        "--live", action="store_true", help="with a running live on each host, held against its kernel"
    )
    parser.add_argument("--random", type=int, metavar="N", help="N lives that are drawn, not written")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the first of them (default: 0)")
    wanted = parser.parse_args()
    if wanted.recorded:
        return _report([_compared(path) for path in sorted(wanted.recorded.glob("*.json*"))], [])
    if reason := missing():
        print(f"tests.lab: {reason}", file=sys.stderr)
        return 3
    if wanted.random:
        return _random(wanted.random, wanted.seed, wanted.keep)
    chosen = [s for s in SCENARIOS if not wanted.quick or s.speed == "quick"]
    if wanted.scenario:
        chosen = [s for s in chosen if any(part in s.name for part in wanted.scenario)]
    if not chosen:
        parser.error("no scenario has such a name")
    families = wanted.family or FAMILIES
    if wanted.live:
        return _watch([(scenario, family) for scenario in chosen for family in families])
    began = time.monotonic()
    outcomes = _run(chosen, families, 99 if wanted.record else None)
    failed = [done for done in outcomes if done.failure]
    directory = wanted.record or wanted.keep or scratch()
    try:
        paths = [save(done, directory) for done in outcomes if not done.failure]
        if wanted.record:
            _thin(outcomes, directory)
            print(f"recorded {len(paths)} runs in {time.monotonic() - began:.0f} s")
            return _report([], failed)
        status = _report([_compared(path) for path in paths], failed)
        print(f"{time.monotonic() - began:.0f} s")
        return status
    finally:
        if not (wanted.record or wanted.keep):
            shutil.rmtree(directory)


def _watch(jobs: list[tuple[Scenario, str]]) -> int:
    watched = watch(jobs, random.SystemRandom().randrange(100, 250))
    print(f"{'scenario':<52} {'host':>6} {'confirmed':>9} {'disagreements':>13}")
    for each in watched:
        name = f"{each.scenario} {each.family}"
        print(f"{name:<52} {each.host:>6} {each.confirmed:>9} {len(each.disagreements):>13}")
        for line in each.disagreements:
            print(f"    {line}{'' if line in each.unexplained else ', explained'}")
    unexplained = sum(len(each.unexplained) for each in watched)
    explained = sum(len(each.disagreements) for each in watched) - unexplained
    print(
        f"{len(watched)} lives, {sum(each.confirmed for each in watched):,} endpoints confirmed,"
        f" {explained} disagreements explained, {unexplained} not"
    )
    return 1 if unexplained else 0


def _random(count: int, seed: int, keep: Path | None) -> int:
    """Lives ``seed`` and following, some hundred at once; those of one kind are told together."""
    directory = keep or scratch()
    kinds: dict[Verdict, list[str]] = {}
    totals: Counter[str] = Counter()
    lives = 0
    try:
        for first in range(seed, seed + count, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, seed + count))
            for family in FAMILIES:
                chosen = [life(number) for number in numbers if (number % 3 == 0) == (family == "v6")]
                for done in run(chosen, [family], at_once=60):
                    if done.failure:
                        print(f"{done.scenario.name}: the lab failed\n{done.failure}", file=sys.stderr)
                        continue
                    lives += 1
                    path = save(done, directory)
                    truth = load(path)
                    for verdict in judge(truth, captures(path, truth), done.client):
                        totals[verdict.what] += 1
                        kinds.setdefault(verdict, []).append(f"{done.scenario.name}-{family}")
        for verdict, names in sorted(kinds.items(), key=lambda kind: -len(kind[1])):
            if verdict.what == "not":
                print(f"{len(names)} {verdict.side} seen from the {verdict.vantage}: {verdict.why}")
                print(f"    kernel {verdict.kernel or '-'}\n    ours   {verdict.ours or '-'}\n    {names[0]}")
        whys = Counter(verdict.why for verdict, names in kinds.items() if verdict.why for _ in names)
        for why, number in whys.most_common():
            print(f"{number:>6} {why}")
        print(
            f"{lives} lives, {totals['confirmed']:,} endpoints confirmed, {totals['explained']:,} explained,"
            f" {totals['not']:,} not"
        )
        return 1 if totals["not"] else 0
    finally:
        if not keep:
            shutil.rmtree(directory)


def _run(chosen: list[Scenario], families: tuple[str, ...], block: int | None) -> list[Outcome]:
    alone = [s for s in chosen if s.name == ALONE]
    others = [s for s in chosen if s.name != ALONE]
    outcomes = run(others, families, block=block) if others else []
    for family in families if alone else ():
        outcomes += run(alone, [family], block=None if block is None else block - 1)
    return outcomes


def _thin(outcomes: list[Outcome], directory: Path) -> None:
    """The saved set stays small: IPv4, with all vantage points of the quick scenarios; of IPv6
    only the quick ones, as one vantage point saw them."""
    for done in outcomes:
        if done.failure or (done.family == "v4" and done.scenario.speed == "quick"):
            continue
        stem = f"{done.scenario.name}-{done.family}"
        vantages = done.scenario.vantages
        keep = "middle" if "middle" in vantages else vantages[0]
        for path in directory.glob(f"{stem}.*"):
            if done.family == "v6" and done.scenario.speed != "quick":
                path.unlink()
            elif ".pcap" in path.name and f".{keep}." not in path.name:
                path.unlink()


def _compared(path: Path) -> list[Comparison]:
    truth = load(path)
    return [compare(capture, truth, vantage) for vantage, capture in captures(path, truth).items()]


def _report(rows: list[list[Comparison]], failed: list[Outcome]) -> int:
    totals = [0, 0, 0]
    if rows:
        print(f"{'scenario':<52} {'endpoints':>9} {'transitions':>11} {'mismatches':>10}")
    for row in rows:
        counts = [
            sum(c.endpoints for c in row),
            sum(c.transitions for c in row),
            sum(len(c.mismatches) for c in row),
        ]
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        print(f"{row[0].scenario + ' ' + row[0].family:<52} {counts[0]:>9} {counts[1]:>11} {counts[2]:>10}")
        for comparison in row:
            for line in comparison.mismatches:
                print(f"    seen from the {comparison.vantage}: {line}")
            for line in comparison.explained:
                print(f"    seen from the {comparison.vantage}, explained: {line}")
    if rows:
        print(f"{'total':<52} {totals[0]:>9} {totals[1]:>11} {totals[2]:>10}")
    for done in failed:
        print(f"{done.scenario.name} {done.family}: the lab failed\n{done.failure}")
    return 1 if totals[2] or failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        # Scripts may still sleep in their threads. All they hold, namespaces too, ends with the process.
        os._exit(130)
