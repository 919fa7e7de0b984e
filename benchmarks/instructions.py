"""Instructions that an analysis takes for each packet: a measure that a busy machine does not move.

    python -m benchmarks.instructions [WORKLOAD ...] [--record]

Valgrind's cachegrind counts the instructions of a whole analysis of a small capture and of a
larger one of the same workload. What the larger takes more, over the packets that it has more,
is what a packet costs with its share of a connection; loading Python and the modules cancels out.

Counts depend on the interpreter, on the compiler of the engine and on the processor's
architecture, so ``instructions.json`` holds figures for each such build that was measured.
``--record`` replaces those of this build. Without it, the exit status is 1 where a workload takes
over 10 % more than was recorded.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from benchmarks import workloads
from tcptrace_py.engine import engine
from tcptrace_py.run.cores import THREADS_VARIABLE

RECORDED = Path(__file__).with_name("instructions.json")
TOLERANCE = 0.10

_SIZES = 8_000, 32_000
_REFERENCES = re.compile(r"^==(\d+)== I\s+refs:\s+([\d,]+)", re.MULTILINE)
# The compiler's name for itself, as it leaves it in what it makes.
_COMPILER = re.compile(rb"(GCC: \([^)]*\)|clang version) (\d+)")
# Under valgrind Python takes longer to start than to analyze: it starts once, and forks for each run.
_RUNS = """
import json, os, sys
{imports}
for arguments in json.loads(sys.argv[1]):
    child = os.fork()
    if not child:
        {run}
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"of {{arguments}} nothing came")
    print(child, flush=True)
"""
_ANALYSIS = _RUNS.format(
    imports="""
from tcptrace_py import analyze
from tcptrace_py.report.formats.json import write
""",
    run="write(analyze(arguments[0], connections=arguments[1]), os.devnull)",
)
# One part of several, as a process of ``--jobs`` reads it.
_PART = _RUNS.format(
    imports="""
import pickle
from tcptrace_py.run.captures import Captures
from tcptrace_py.run.jobs import Work, read_part
from tcptrace_py.settings import Settings
def part(path, jobs):
    work = Work((path,), Settings(), None, False, False)
    with Captures(work.paths) as opened:
        pickle.dumps(read_part(work, opened, 0, jobs))
""",
    run="part(*arguments)",
)


class Case(NamedTuple):
    """``listed``: the report lists every connection."""

    workload: str
    listed: bool


CASES = {
    "mix": Case("mix", listed=False),
    "short": Case("short", listed=False),
    "short, listed": Case("short", listed=True),
    "flood": Case("flood", listed=False),
    "lossy": Case("lossy", listed=False),
    "bulk": Case("bulk", listed=False),
}


def obstacle() -> str:
    """Why nothing can be counted here; empty where it can."""
    if engine() != "compiled":
        return "the engine is not compiled"
    if not shutil.which("valgrind"):
        return "valgrind is missing: apt-get install valgrind"
    return ""


def build() -> str:
    """What the counts depend on: ``CPython 3.11 -O3, GCC 12, x86_64``."""
    from tcptrace_py.run import replay

    made_by = _COMPILER.search(Path(str(replay.__file__)).read_bytes())
    compiler = "unknown compiler"
    if made_by:
        compiler = f"{'GCC' if made_by[1].startswith(b'GCC') else 'clang'} {made_by[2].decode()}"
    levels = re.findall(r"-O\w", sysconfig.get_config_var("CFLAGS") or "")
    level = f" {levels[-1]}" if levels else ""
    version = ".".join(platform.python_version_tuple()[:2])
    return f"{platform.python_implementation()} {version}{level}, {compiler}, {platform.machine()}"


def recorded() -> dict[str, int]:
    """Instructions a packet for each case, as recorded of this build; empty if it never was."""
    return _all_recorded().get(build(), {})


def record(counts: dict[str, int]) -> None:
    every = _all_recorded()
    every[build()] = every.get(build(), {}) | counts
    RECORDED.write_text(json.dumps(every, indent=2, sort_keys=True) + "\n")


def _all_recorded() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    return found


def count(names: Iterable[str] = CASES) -> dict[str, int]:
    """Instructions a packet for each of the cases."""
    names = list(names)
    with _captures(dict.fromkeys(CASES[name].workload for name in names)) as captures:
        runs = [
            (str(captures[CASES[name].workload, size][0]), CASES[name].listed)
            for name in names
            for size in _SIZES
        ]
        totals = iter(_instructions(_ANALYSIS, runs))
        return {name: _each(captures, CASES[name].workload, *islice(totals, 2)) for name in names}


def count_parts(workload: str, jobs: Iterable[int]) -> dict[int, int]:
    """Instructions that one of so many jobs takes, over the packets of the whole capture."""
    jobs = list(jobs)
    with _captures([workload]) as captures:
        runs = [(str(captures[workload, size][0]), number) for number in jobs for size in _SIZES]
        totals = iter(_instructions(_PART, runs))
        return {number: _each(captures, workload, *islice(totals, 2)) for number in jobs}


#: Path and number of packets, by workload and size.
_Captures = dict[tuple[str, int], tuple[Path, int]]


@contextmanager
def _captures(names: Iterable[str]) -> Iterator[_Captures]:
    with tempfile.TemporaryDirectory(prefix="tcptrace-py-") as scratch:
        written = {}
        for workload in names:
            for size in _SIZES:
                path = Path(scratch, f"{workload}-{size}.pcap")
                written[workload, size] = path, workloads.write(workload, path, size)
        yield written


def _each(captures: _Captures, workload: str, small: int, large: int) -> int:
    (_, few), (_, many) = (captures[workload, size] for size in _SIZES)
    return round((large - small) / (many - few))


def _instructions(program: str, runs: Sequence[tuple[str, int]]) -> list[int]:
    """What each run takes, with the start of Python that is common to all."""
    done = subprocess.run(
        [
            "valgrind",
            "--tool=cachegrind",
            "--cache-sim=no",
            "--cachegrind-out-file=/dev/null",
            sys.executable,
            "-c",
            program,
            json.dumps(runs),
        ],
        capture_output=True,
        text=True,
        # Where a string lies in a dict is chosen anew in each run otherwise.
        env={
            **os.environ,
            "PYTHONHASHSEED": "0",
            THREADS_VARIABLE: "1",
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        },
    )
    counted = {int(process): total for process, total in _REFERENCES.findall(done.stderr)}
    children = [int(line) for line in done.stdout.split()]
    if done.returncode or len(children) != len(runs) or not counted.keys() >= set(children):
        raise RuntimeError(f"valgrind failed:\n{done.stderr}")
    return [int(counted[child].replace(",", "")) for child in children]


def change(name: str, now: int, before: int) -> str:
    """One line about a case, for people."""
    return f"{name:<14} {now:7,} instructions a packet, recorded {before:7,}: {now / before - 1:+.1%}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=" | ".join(CASES))
    parser.add_argument("--record", action="store_true", help="keep the figures as those of this build")
    parser.add_argument(
        "--jobs", type=int, nargs="+", metavar="N", help="what one of N processes of --jobs takes, instead"
    )
    arguments = parser.parse_args()
    unknown = [name for name in arguments.workloads if name not in CASES]
    if unknown:
        parser.error(f"unknown workload {unknown[0]!r}; there are {', '.join(CASES)}")
    problem = obstacle()
    if problem:
        sys.exit(problem)
    if arguments.jobs:
        for workload in dict.fromkeys(CASES[name].workload for name in arguments.workloads or CASES):
            counts_by_jobs = count_parts(workload, [1, *arguments.jobs])
            for jobs, now in counts_by_jobs.items():
                share = now / counts_by_jobs[1]
                print(
                    f"{workload:<6} {jobs:3} jobs: {now:6,} instructions a packet each, {share:4.0%} of one"
                )
        return 0
    before = recorded()
    counts = count(arguments.workloads or CASES)
    print(build())
    worse = False
    for name, now in counts.items():
        if name in before:
            print(change(name, now, before[name]))
            worse |= now > before[name] * (1 + TOLERANCE)
        else:
            print(f"{name:<14} {now:7,} instructions a packet")
    if arguments.record:
        record(counts)
    elif not before:
        print("nothing is recorded of this build: --record keeps these figures", file=sys.stderr)
    elif worse:
        print(f"more than {TOLERANCE:.0%} above what was recorded", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
