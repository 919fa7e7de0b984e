"""Mutated inputs by the number, with any build of the engine; the same seed makes the same inputs.

    python -m fuzz [TARGET ...] [--inputs N | --minutes M] [--seed S] [--jobs J] [--samples]
    python -m fuzz --again FILE TARGET

An input that breaks something is kept in ``fuzz/found`` with what it broke, and the status is 1. Before each
input is tried it lies in ``fuzz/found/TARGET-SEED-now``, so that one that ends the process is there too.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from fuzz import corpus
from fuzz.mutate import Mutator
from fuzz.targets import TARGETS, remove_file
from tcptrace_py import wire
from tcptrace_py.engine import engine

FOUND = Path(__file__).with_name("found")
# Of a hundred inputs, so many go to each target: what is largest inside gets most.
_SHARES = {"whole": 60, "reader": 10, "decoder": 24, "saved": 2, "policy": 2, "rule": 2}


def maker(target: str, seed: int, every: int = 1) -> Callable[[], bytes]:
    """What makes inputs for a target, of one of so many samples."""
    mutator = Mutator(seed, corpus.captures(every))
    drawn = random.Random(seed)
    if target in ("whole", "reader"):
        return mutator.file
    if target == "decoder":

        def frame() -> bytes:
            frames = mutator.frames()
            if not frames:
                return b""
            chosen = drawn.choice(frames)
            return chosen.link_type.to_bytes(2, "big") + bytes((drawn.choice((0, 0, 4, 255)),)) + chosen.data

        return frame
    texts = corpus.texts(target)
    return lambda: mutator.damaged(drawn.choice(texts))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all by default"
    )
    parser.add_argument("--inputs", type=int, help="so many inputs in all (default 1,000)")
    parser.add_argument("--minutes", type=float, help="for so long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="so many processes share them, seeds from S on")
    parser.add_argument("--samples", action="store_true", help="before these, each sample as it is")
    parser.add_argument("--again", type=Path, metavar="FILE", help="try one input")
    arguments = parser.parse_args()
    for name in arguments.targets:
        if name not in TARGETS:
            parser.error(f"no target {name!r}; there are {', '.join(TARGETS)}")
    targets = arguments.targets or list(TARGETS)
    try:
        if arguments.again is not None:
            for name in targets:
                TARGETS[name](arguments.again.read_bytes())
            return 0
        return _share(arguments) if arguments.jobs > 1 else _run(targets, arguments)
    finally:
        remove_file()


def _share(arguments: argparse.Namespace) -> int:
    """The first process has the samples as well; what each one says comes when it is done."""
    running = []
    for job in range(arguments.jobs):
        command = [sys.executable, "-m", "fuzz", *arguments.targets, "--seed", str(arguments.seed + job)]
        if arguments.minutes is not None:
            command += ["--minutes", str(arguments.minutes)]
        if arguments.inputs is not None:
            command += ["--inputs", str(-(-arguments.inputs // arguments.jobs))]
        if arguments.samples and job == 0:
            command.append("--samples")
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    status = 0
    for process in running:
        said, _ = process.communicate()
        print(said, end="", flush=True)
        status = status or process.returncode
    return status


def _run(targets: list[str], arguments: argparse.Namespace) -> int:
    FOUND.mkdir(exist_ok=True)
    most = arguments.inputs or (1000 if arguments.minutes is None else sys.maxsize)
    end_s = time.monotonic() + 60 * arguments.minutes if arguments.minutes is not None else None
    makers = {name: maker(name, arguments.seed) for name in targets}
    shares = [_SHARES[name] for name in targets]
    drawn = random.Random(arguments.seed)
    counts = dict.fromkeys(targets, 0)
    failures: dict[str, int] = {}
    if arguments.samples:
        samples = [path.read_bytes() for path in corpus.samples()]
        for name in ("whole", "reader"):
            for data in samples:
                _try(name, data, failures, arguments.seed)
        print(f"{len(samples):,} samples as they are, {sum(failures.values()):,} failures", flush=True)
    while sum(counts.values()) < most and (end_s is None or time.monotonic() < end_s):
        (name,) = drawn.choices(targets, shares)
        counts[name] += 1
        _try(name, makers[name](), failures, arguments.seed)
        if sum(counts.values()) % 10_000 == 0:
            print(f"{sum(counts.values()):,} inputs, {sum(failures.values()):,} failures", flush=True)
    for name in TARGETS:
        _now(name, arguments.seed).unlink(missing_ok=True)
    said = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    print(f"{engine()} engine in {Path(wire.__file__).parents[1]}")
    print(f"seed {arguments.seed}: {sum(counts.values()):,} inputs ({said})")
    print(f"{sum(failures.values()):,} failures of {len(failures):,} kinds")
    return 1 if failures else 0


def _now(name: str, seed: int) -> Path:
    return FOUND / f"{name}-{seed}-now"


def _try(name: str, data: bytes, failures: dict[str, int], seed: int) -> None:
    """Counts what breaks by target, error and place, and keeps the first input of each."""
    _now(name, seed).write_bytes(data)
    try:
        TARGETS[name](data)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{name}-{type(error).__name__}-{Path(place.filename).stem}-{place.lineno}"
        failures[kind] = failures.get(kind, 0) + 1
        if failures[kind] == 1:
            (FOUND / kind).write_bytes(data)
            (FOUND / f"{kind}.txt").write_text(traceback.format_exc())
            print(f"{kind}: {error}"[:300], flush=True)


if __name__ == "__main__":
    sys.exit(main())
