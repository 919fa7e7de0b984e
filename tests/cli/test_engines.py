"""The compiled engine and the same files uncompiled give the same report, byte for byte."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import workloads
from tests.conftest import ROOT, environment

SAMPLES = ROOT / "sample_pcaps"
#: Captures that others made, kept beside the repository on some machines.
CORPUS = ROOT.parent / "shared" / "corpus"
SUFFIXES = (".pcap", ".pcapng", ".trace", ".dmp.gz", ".pcap.gz", ".pcapng.gz")

_REPORTS = """
import sys
from tcptrace_py import CaptureError, analyze
from tcptrace_py.engine import engine
from tcptrace_py.report.formats.json import encode

out = sys.stdout.buffer
for path in sys.argv[2:]:
    try:
        report = encode(analyze(path, connections=sys.argv[1] == "listed"))
    except CaptureError as error:
        report = str(error).encode()
    out.write(b"%d %s\\n" % (len(report), engine().encode()))
    out.write(report)
"""


def captures_under(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.name.endswith(SUFFIXES) and path.is_file())


def reports(paths: list[Path], *, pure: bool, listed: bool) -> list[bytes]:
    """The JSON report of each capture, by the engine that ``pure`` picks, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _REPORTS, "listed" if listed else "unlisted", *map(str, paths)],
        capture_output=True,
        env=environment(pure=pure, PYTHONPATH=str(ROOT)),
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    left = done.stdout
    found = []
    while left:
        head, _, left = left.partition(b"\n")
        length, _, ran = head.partition(b" ")
        assert ran == (b"pure Python" if pure else b"compiled")
        found.append(left[: int(length)])
        left = left[int(length) :]
    return found


def assert_same(paths: list[Path], *, listed: bool = True) -> None:
    compiled, uncompiled = (reports(paths, pure=pure, listed=listed) for pure in (False, True))
    assert len(compiled) == len(uncompiled) == len(paths)
    differing = [path.name for path, one, two in zip(paths, compiled, uncompiled, strict=True) if one != two]
    assert differing == []


def test_samples(both_engines: None) -> None:
    paths = captures_under(SAMPLES)
    assert paths, "sample_pcaps/ holds no capture"
    assert_same(paths)


@pytest.mark.slow
def test_captures_of_others(both_engines: None) -> None:
    paths = captures_under(CORPUS)
    if not paths:
        pytest.skip("no captures of others beside this repository")
    assert_same(paths)


#: The flood is one in which SYNs are held back, as they are from 65,536 flows on.
WORKLOAD_PACKETS = {"mix": 8_000, "short": 4_000, "bulk": 4_000, "flood": 80_000}


@pytest.mark.slow
@pytest.mark.parametrize("workload", WORKLOAD_PACKETS)
def test_workloads_of_the_benchmark(workload: str, both_engines: None, tmp_path: Path) -> None:
    path = tmp_path / f"{workload}.pcap"
    workloads.write(workload, path, WORKLOAD_PACKETS[workload])
    assert_same([path], listed=workload != "flood")
