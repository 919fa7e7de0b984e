"""One thread, two, and the same files uncompiled give the same report, byte for byte."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import workloads
from tcptrace_py.run.cores import THREADS_VARIABLE
from tests.conftest import ROOT, environment

SAMPLES = ROOT / "sample_pcaps"
#: Captures that others made, kept beside the repository on some machines.
CORPUS = ROOT.parent / "shared" / "corpus"
CASES = ROOT.parent / "shared" / "cases"
SUFFIXES = (".pcap", ".pcapng", ".trace", ".dmp.gz", ".pcap.gz", ".pcapng.gz")

# Before each report: how many bytes it has, which engine made it, how many threads that began.
_REPORTS = """
import sys, threading
from tcptrace_py import CaptureError, analyze
from tcptrace_py.engine import engine
from tcptrace_py.report.formats.json import encode

begun, start = [], threading.Thread.start
threading.Thread.start = lambda thread: begun.append(thread) or start(thread)
out = sys.stdout.buffer
for path in sys.argv[2:]:
    begun.clear()
    try:
        report = encode(analyze(path, connections=sys.argv[1] == "listed"))
    except CaptureError as error:
        report = str(error).encode()
    out.write(b"%d %d %s\\n" % (len(report), len(begun), engine().encode()))
    out.write(report)
"""


def captures_under(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.name.endswith(SUFFIXES) and path.is_file())


def reports(paths: list[Path], *, pure: bool, threads: int, listed: bool) -> list[bytes]:
    """The JSON report of each capture, by one engine, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _REPORTS, "listed" if listed else "unlisted", *map(str, paths)],
        capture_output=True,
        env=environment(pure=pure, **{"PYTHONPATH": str(ROOT), THREADS_VARIABLE: str(threads)}),
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    left = done.stdout
    found = []
    while left:
        head, _, left = left.partition(b"\n")
        length, begun, ran = head.split(b" ", 2)
        assert ran == (b"pure Python" if pure else b"compiled")
        assert int(begun) == threads - 1
        found.append(left[: int(length)])
        left = left[int(length) :]
    return found


def assert_same(paths: list[Path], *, listed: bool = True) -> None:
    compiled, in_two, uncompiled = (
        reports(paths, pure=pure, threads=threads, listed=listed)
        for pure, threads in ((False, 1), (False, 2), (True, 1))
    )
    assert len(compiled) == len(in_two) == len(uncompiled) == len(paths)
    for others in (in_two, uncompiled):
        differing = [
            path.name for path, one, other in zip(paths, compiled, others, strict=True) if one != other
        ]
        assert differing == []


def test_samples(both_engines: None) -> None:
    paths = captures_under(SAMPLES)
    assert paths, "sample_pcaps/ holds no capture"
    assert_same(paths)


@pytest.mark.slow
def test_captures_of_others(both_engines: None) -> None:
    paths = [*captures_under(CORPUS), *captures_under(CASES)]
    if not paths:
        pytest.skip("no captures of others beside this repository")
    assert_same(paths)


#: The flood is one in which SYNs are held back, as they are from a thousand without an answer on.
WORKLOAD_PACKETS = {"mix": 8_000, "short": 4_000, "bulk": 4_000, "flood": 8_000}


@pytest.mark.slow
@pytest.mark.parametrize("workload", WORKLOAD_PACKETS)
def test_workloads_of_the_benchmark(workload: str, both_engines: None, tmp_path: Path) -> None:
    path = tmp_path / f"{workload}.pcap"
    workloads.write(workload, path, WORKLOAD_PACKETS[workload])
    assert_same([path], listed=workload != "flood")
