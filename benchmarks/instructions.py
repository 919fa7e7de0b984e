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
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from benchmarks import workloads
from tcptrace_py.engine import engine

RECORDED = Path(__file__).with_name("instructions.json")
TOLERANCE = 0.10

_SMALL_PACKETS = 8_000
_LARGE_PACKETS = 32_000
_REFERENCES = re.compile(r"I\s+refs:\s+([\d,]+)")
# The compiler's name for itself, as it leaves it in what it makes.
_COMPILER = re.compile(rb"(GCC: \([^)]*\)|clang version) (\d+)")
_PROGRAM = """
import os, sys
from tcptrace_py import analyze
from tcptrace_py.report.formats.json import write
write(analyze(sys.argv[1], connections=sys.argv[2] == "listed"), os.devnull)
os._exit(0)
"""


# One part of several, as a process of ``--jobs`` reads it.
_PART = """
import os, pickle, sys
from tcptrace_py.run.captures import Captures
from tcptrace_py.run.jobs import Work, read_part
from tcptrace_py.settings import Settings
work = Work((sys.argv[1],), Settings(), None, False, False)
with Captures(work.paths) as opened:
    pickle.dumps(read_part(work, opened, 0, int(sys.argv[2])))
os._exit(0)
"""


class Case(NamedTuple):
    """``listed``: the report lists every connection."""

    workload: str
    listed: bool


CASES = {
    "mix": Case("mix", listed=False),
    "short": Case("short", listed=False),
    "short, listed": Case("short", listed=True),
    "flood": Case("flood", listed=False),
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
    with (
        tempfile.TemporaryDirectory(prefix="tcptrace-py-") as scratch,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        packets: dict[tuple[str, int], int] = {}
        runs = {}
        for workload in dict.fromkeys(CASES[name].workload for name in names):
            for size in (_SMALL_PACKETS, _LARGE_PACKETS):
                path = Path(scratch, f"{workload}-{size}.pcap")
                packets[workload, size] = workloads.write(workload, path, size)
                for name in names:
                    if CASES[name].workload == workload:
                        runs[name, size] = pool.submit(_instructions, path, CASES[name].listed)
        counts = {}
        for name in names:
            workload = CASES[name].workload
            more = runs[name, _LARGE_PACKETS].result() - runs[name, _SMALL_PACKETS].result()
            packets_more = packets[workload, _LARGE_PACKETS] - packets[workload, _SMALL_PACKETS]
            counts[name] = round(more / packets_more)
        return counts


def count_parts(workload: str, jobs: Iterable[int]) -> dict[int, int]:
    """Instructions that one of so many jobs takes, over the packets of the whole capture."""
    with (
        tempfile.TemporaryDirectory(prefix="tcptrace-py-") as scratch,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        packets = {}
        runs = {}
        for size in (_SMALL_PACKETS, _LARGE_PACKETS):
            path = Path(scratch, f"{workload}-{size}.pcap")
            packets[size] = workloads.write(workload, path, size)
            for count in jobs:
                runs[count, size] = pool.submit(_run, path, _PART, str(count))
        more = packets[_LARGE_PACKETS] - packets[_SMALL_PACKETS]
        return {
            count: round((runs[count, _LARGE_PACKETS].result() - runs[count, _SMALL_PACKETS].result()) / more)
            for count in jobs
        }


def _instructions(capture: Path, listed: bool) -> int:
    return _run(capture, _PROGRAM, "listed" if listed else "counted")


def _run(capture: Path, program: str, argument: str) -> int:
    done = subprocess.run(
        [
            "valgrind",
            "--tool=cachegrind",
            "--cache-sim=no",
            "--cachegrind-out-file=/dev/null",
            sys.executable,
            "-c",
            program,
            str(capture),
            argument,
        ],
        capture_output=True,
        text=True,
        # Where a string lies in a dict is chosen anew in each run otherwise.
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    references = _REFERENCES.search(done.stderr)
    if done.returncode or references is None:
        raise RuntimeError(f"valgrind failed on {capture.name}:\n{done.stderr}")
    return int(references[1].replace(",", ""))


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
