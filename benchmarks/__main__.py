"""``make bench``: every program on the same captures in turn; medians, and ratios to tcpdump's.

    python -m benchmarks [WORKLOAD ...] [--rounds N] [--scale X] [--peers]

The captures are made once, from a seed, below the system's directory for temporary files. The
reference is ``tcpdump -r FILE -w /dev/null``, which reads and copies the packets and analyzes
nothing. A ratio of medians from one run is comparable between machines; seconds are not. What
workloads, columns and targets mean is told in ``benchmarks/README.md``.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import tcptrace_py
from benchmarks import workloads
from benchmarks.containers import to_pcapng, to_zstd

REFERENCE = "tcpdump"
OURS = "tcptrace-py"
LISTED = "  all listed"
ONE_JOB = "  --jobs 1"
TWO_JOBS = "  --jobs 2"
#: A program that takes longer is ended, and has failed.
LIMIT_S = 900
#: Rounds of a peer: slow and steady, fewer tell enough.
PEER_ROUNDS = 2

# A generator that was changed makes other captures, in another directory.
CAPTURES = Path(
    tempfile.gettempdir(),
    f"tcptrace-py-benchmarks-{zlib.crc32(Path(workloads.__file__).read_bytes()):08x}",
)


@dataclass(frozen=True)
class Target:
    """What a workload may cost; None where nothing is asked.

    ``time_ratio``: times the reference. ``mix_ratio``: times our own time for *mix* as pcap.
    ``bytes_each``: memory for each connection that is alive at the end (see `memory_each`).
    ``list_s``: seconds more for a report that lists every connection.
    """

    time_ratio: float | None = None
    memory_mb: float | None = None
    bytes_each: float | None = None
    mix_ratio: float | None = None
    list_s: float | None = None


TARGETS = {
    "mix": Target(1.0, memory_mb=120),
    "short": Target(2.0, bytes_each=1024, list_s=10),
    "bulk": Target(0.8, memory_mb=80),
    "flood": Target(3.0, bytes_each=1024),
    "mix.pcapng": Target(memory_mb=120, mix_ratio=1.1),
    "mix.zst": Target(memory_mb=120),
}
VERSION_S = 0.15
HUNDRED_PACKETS_S = 0.3

# A process begins with the peak memory of the one that started it, so that must be a small one.
_LAUNCHER = """
import os, signal, sys, time
nowhere = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
began = time.perf_counter()
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ, file_actions=nowhere)
signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
signal.alarm(int(sys.argv[1]))
_, status, usage = os.wait4(child, 0)
print(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, status)
"""

PEERS: dict[str, tuple[str, Callable[[Path], list[str]]]] = {
    "softflowd": ("softflowd", lambda path: ["softflowd", "-r", str(path), "-n", "127.0.0.1:9"]),
    "argus": ("argus-server", lambda path: ["argus", "-r", str(path), "-w", "/dev/null"]),
    "tcptrace": ("tcptrace", lambda path: ["tcptrace", "-n", str(path)]),
    "tshark": ("tshark", lambda path: ["tshark", "-q", "-z", "conv,tcp", "-r", str(path)]),
}


def ours(path: Path, report: Path, *, listed: bool = False, jobs: int | None = None) -> list[str]:
    """``jobs``: None for as many as a user gets who asks for none."""
    connections = [] if listed else ["--no-connections"]
    shared = [] if jobs is None else ["--jobs", str(jobs)]
    return [
        *(sys.executable, "-m", "tcptrace_py", "analyze", *connections, *shared),
        *("--json", str(report), str(path)),
    ]


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
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(LIMIT_S), *command],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.split()
    into.wall_s.append(float(told[0]))
    into.cpu_s.append(float(told[1]))
    into.peak_mb = max(into.peak_mb, int(told[2]) / 1024)
    into.failed |= told[3] != "0"


def capture(name: str, scale: float) -> Path:
    """The workload's file, made on first use."""
    base, _, container = name.partition(".")
    packets = int(workloads.WORKLOADS[base][1] * scale)
    path = CAPTURES / f"{base}-{packets}.pcap"
    if not path.exists():
        CAPTURES.mkdir(exist_ok=True)
        print(f"making {path} …", file=sys.stderr, flush=True)
        workloads.write(base, path, packets)
    if container:
        converted = path.with_suffix(".pcapng") if container == "pcapng" else path.with_suffix(".pcap.zst")
        if not converted.exists():
            print(f"making {converted} …", file=sys.stderr, flush=True)
            (to_pcapng if container == "pcapng" else to_zstd)(path, converted)
        return converted
    return path


def measure(name: str, rounds: int, scale: float, peers: bool, report: Path) -> dict[str, Runs]:
    """Each program's runs, in turn within each round, so that all meet the same moods of the machine."""
    path = capture(name, scale)
    commands = {
        REFERENCE: ["tcpdump", "-r", str(path), "-w", "/dev/null"],
        # The last to write, so that `report` is that of every connection counted.
        **({LISTED: ours(path, Path(os.devnull), listed=True)} if TARGETS[name].list_s else {}),
        ONE_JOB: ours(path, Path(os.devnull), jobs=1),
        TWO_JOBS: ours(path, Path(os.devnull), jobs=2),
        OURS: ours(path, report),
    }
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
            if program not in PEERS or round_number < PEER_ROUNDS:
                run(command, runs[program])
    return runs


def memory_each(peak_mb: float, least_mb: float, report: Path) -> float:
    """Bytes for each connection: what the peak is above that of a run over a hundred packets.

    In *short* and *flood* the capture is over before any of their clocks is, so that all of its
    connections are alive at the end.
    """
    connections: int = json.loads(report.read_bytes())["summary"]["connections"]
    return (peak_mb - least_mb) * 1024 * 1024 / max(connections, 1)


def row(name: str, program: str, measured: Runs, reference_s: float | None, notes: list[str]) -> None:
    median_s = measured.median_s()
    ratio = f"{median_s / reference_s:7.2f}" if reference_s else " " * 7
    failed = ["failed"] if measured.failed else []
    print(
        f"{name:<11} {program:<12} {median_s:8.2f} s {ratio} {statistics.median(measured.cpu_s):8.2f} s"
        f" {measured.peak_mb:8.0f} MB  {'; '.join(failed + notes)}".rstrip(),
        flush=True,
    )


def against(what: str, measured: float, wanted: float, unit: str = "") -> str:
    """``time 0.93, target 1.0: met``"""
    verdict = "met" if measured <= wanted else f"missed, {measured / wanted:.1f} times that"
    shown = f"{measured:,.0f}" if wanted >= 50 else f"{measured:.2f}"
    return f"{what} {shown}{unit}, target {wanted:g}{unit}: {verdict}"


def show(name: str, runs: dict[str, Runs], least_mb: float, mix_s: float | None, report: Path) -> None:
    target = TARGETS[name]
    reference_s = runs[REFERENCE].median_s()
    our_s = runs[OURS].median_s()
    one_job_s = runs[ONE_JOB].median_s()
    for program, measured in runs.items():
        notes = []
        if program == OURS:
            if target.time_ratio is not None:
                notes.append(against("time", our_s / reference_s, target.time_ratio))
            if target.mix_ratio is not None and mix_s is not None:
                notes.append(against("time to mix", our_s / mix_s, target.mix_ratio))
            if target.memory_mb is not None:
                notes.append(against("peak", measured.peak_mb, target.memory_mb, " MB"))
        elif program == ONE_JOB and target.bytes_each is not None:
            # Of two processes each has a part of the connections.
            each = memory_each(measured.peak_mb, least_mb, report)
            notes.append(against("a connection", each, target.bytes_each, " B"))
        elif program == TWO_JOBS and not measured.failed:
            notes.append(f"{one_job_s / measured.median_s():.2f} times as fast as one job")
        elif program == LISTED and target.list_s is not None:
            notes.append(against("more", measured.median_s() - one_job_s, target.list_s, " s"))
        elif program in PEERS and not measured.failed and measured.median_s() < our_s:
            notes.append(f"faster than {OURS}")
        row(name, program, measured, reference_s, notes)


def show_start(rounds: int) -> float:
    """Rows for what takes no time but to start; the peak memory of an analysis of a hundred packets."""
    path = CAPTURES / "hundred.pcap"
    CAPTURES.mkdir(exist_ok=True)
    workloads.write("short", path, 100)
    version, hundred = Runs(), Runs()
    for _ in range(max(rounds, 5)):
        run([sys.executable, "-m", "tcptrace_py", "--version"], version)
        run(ours(path, Path(os.devnull)), hundred)
    row("--version", OURS, version, None, [against("time", version.median_s(), VERSION_S, " s")])
    row("100 packets", OURS, hundred, None, [against("time", hundred.median_s(), HUNDRED_PACKETS_S, " s")])
    return hundred.peak_mb


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
        missing = [package for program, (package, _) in PEERS.items() if not shutil.which(program)]
        if missing:
            print(f"missing peers: apt-get install {' '.join(missing)}", file=sys.stderr)
    # As an installation does: compiling the modules anew in each run would count as ours.
    compileall.compile_dir(Path(tcptrace_py.__file__).parent, quiet=2)
    print(f"{'workload':<11} {'program':<12} {'wall':>10} {'ratio':>7} {'cpu':>10} {'peak':>11}")
    least_mb = show_start(arguments.rounds)
    mix_s: float | None = None
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "report.json")
        for name in arguments.workloads:
            runs = measure(name, arguments.rounds, arguments.scale, arguments.peers, report)
            show(name, runs, least_mb, mix_s, report)
            if name == "mix":
                mix_s = runs[OURS].median_s()


if __name__ == "__main__":
    main()
