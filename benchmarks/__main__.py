"""``make bench``: every program on the same captures in turn; medians, and ratios to tcpdump's.

    python -m benchmarks [WORKLOAD ...] [--rounds N] [--scale X] [--peers]

The captures are made once, below ``benchmarks/captures``. The reference is
``tcpdump -r FILE -w /dev/null``, which reads and copies the packets and analyzes nothing.
A ratio of medians from one run is comparable between machines; seconds are not.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import workloads
from benchmarks.containers import to_pcapng, to_zstd

CAPTURES = Path(__file__).parent / "captures"
REFERENCE = "tcpdump"


@dataclass(frozen=True)
class Target:
    """What a workload may cost: times the reference, and peak memory in MB (None: see the row's note)."""

    time_ratio: float | None
    memory_mb: float | None = None
    note: str = ""


TARGETS = {
    "mix": Target(1.0, 120),
    "short": Target(2.0, None, "1 KB a live connection"),
    "bulk": Target(0.8, 80),
    "flood": Target(3.0, None, "1 KB an entry"),
    "mix.pcapng": Target(None, 120, "1.1 x the time of mix"),
    "mix.zst": Target(None, 120),
}


def ours(path: Path) -> list[str]:
    return [
        sys.executable,
        "-m",
        "tcptrace_py",
        "analyze",
        "--no-connections",
        "--json",
        "/dev/null",
        str(path),
    ]


PROGRAMS: dict[str, Callable[[Path], list[str]]] = {
    "tcpdump": lambda path: ["tcpdump", "-r", str(path), "-w", "/dev/null"],
    "tcptrace-py": ours,
}
PEERS: dict[str, tuple[str, Callable[[Path], list[str]]]] = {
    "softflowd": ("softflowd", lambda path: ["softflowd", "-r", str(path), "-n", "127.0.0.1:9"]),
    "argus": ("argus-server", lambda path: ["argus", "-r", str(path), "-w", "/dev/null"]),
    "tcptrace": ("tcptrace", lambda path: ["tcptrace", "-n", str(path)]),
    "tshark": ("tshark", lambda path: ["tshark", "-q", "-z", "conv,tcp", "-r", str(path)]),
}


@dataclass
class Runs:
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    peak_mb: float = 0.0
    failed: bool = False

    def median_s(self) -> float:
        return statistics.median(self.wall_s)


def run(command: list[str], into: Runs) -> None:
    """One whole process; its own resource usage, as the kernel counts it."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    into.wall_s.append(time.perf_counter() - began)
    process.returncode = os.waitstatus_to_exitcode(status)
    into.cpu_s.append(usage.ru_utime + usage.ru_stime)
    into.peak_mb = max(into.peak_mb, usage.ru_maxrss / 1024)
    into.failed |= process.returncode != 0


def capture(name: str, scale: float) -> Path:
    """The workload's file, made on first use."""
    base, _, container = name.partition(".")
    packets = int(workloads.WORKLOADS[base][1] * scale)
    path = CAPTURES / f"{base}-{packets}.pcap"
    if not path.exists():
        CAPTURES.mkdir(exist_ok=True)
        print(f"making {path.name} …", file=sys.stderr, flush=True)
        workloads.write(base, path, packets)
    if container:
        converted = path.with_suffix(".pcapng") if container == "pcapng" else path.with_suffix(".pcap.zst")
        if not converted.exists():
            print(f"making {converted.name} …", file=sys.stderr, flush=True)
            (to_pcapng if container == "pcapng" else to_zstd)(path, converted)
        return converted
    return path


def measure(name: str, rounds: int, scale: float, peers: bool) -> dict[str, Runs]:
    path = capture(name, scale)
    commands = {program: command(path) for program, command in PROGRAMS.items()}
    if name.endswith(".zst"):
        # tcpdump reads no compressed files: it gets what zstd unpacks.
        commands[REFERENCE] = ["sh", "-c", f"zstd -dcq '{path}' | tcpdump -r - -w /dev/null"]
    elif peers:
        for program, (_, command) in PEERS.items():
            if shutil.which(program):
                commands[program] = command(path)
    runs = {program: Runs() for program in commands}
    with path.open("rb") as warm:
        while warm.read(1 << 24):
            pass
    for round_number in range(rounds):
        for program, command in commands.items():
            if program in PEERS and round_number >= 2:
                # Slow and steady: two rounds of a peer tell enough.
                continue
            run(command, runs[program])
    return runs


def show(name: str, runs: dict[str, Runs], beside_s: float | None) -> None:
    target = TARGETS[name]
    reference_s = runs[REFERENCE].median_s()
    for program, measured in runs.items():
        ratio = measured.median_s() / reference_s
        notes = ""
        if program == "tcptrace-py":
            wanted = [] if target.time_ratio is None else [f"time {target.time_ratio:.1f}"]
            wanted += [] if target.memory_mb is None else [f"{target.memory_mb:.0f} MB"]
            wanted += [target.note] if target.note else []
            notes = "target " + ", ".join(wanted) if wanted else ""
            if beside_s:
                notes += f"; {measured.median_s() / beside_s:.2f} x mix"
        failed = "  (failed)" if measured.failed else ""
        print(
            f"{name:<11} {program:<12} {measured.median_s():8.2f} s {ratio:7.2f} "
            f"{statistics.median(measured.cpu_s):8.2f} s {measured.peak_mb:8.0f} MB  {notes}{failed}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workloads", nargs="*", default=list(TARGETS), metavar="WORKLOAD")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="of the packets of each workload")
    parser.add_argument("--peers", action="store_true", help="other flow trackers as well (slow)")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.workloads if name not in TARGETS]
    if unknown:
        parser.error(f"unknown workload {unknown[0]!r}; there are {', '.join(TARGETS)}")
    if not shutil.which(REFERENCE):
        sys.exit("the reference is missing: apt-get install tcpdump")
    if arguments.peers:
        for program, (package, _) in PEERS.items():
            if not shutil.which(program):
                print(f"{program} is missing: apt-get install {package}", file=sys.stderr)
    print(f"{'workload':<11} {'program':<12} {'wall':>10} {'ratio':>7} {'cpu':>10} {'peak':>11}")
    mix_s: float | None = None
    for name in arguments.workloads:
        runs = measure(name, arguments.rounds, arguments.scale, arguments.peers)
        show(name, runs, mix_s if name.startswith("mix.") else None)
        if name == "mix":
            mix_s = runs["tcptrace-py"].median_s()


if __name__ == "__main__":
    main()
