"""No input of n bytes takes more than a stated number of steps, or of bytes of memory: counted, not timed.

A step is a line of the package that is run by the uncompiled engine, from the file to the report.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, environment
from tests.wire.frames import ethernet, ipv4, tcp

# Once: it is the uncompiled engine that is counted, whichever is tested.
pytestmark = pytest.mark.slow

#: Steps that a report takes at least, and for each byte of the capture at most.
STEPS, STEPS_A_BYTE = 100_000, 60
#: The same of bytes of memory, beyond what the modules take.
MEMORY, MEMORY_A_BYTE = 4_000_000, 300

_READING = """
import json, sys, tracemalloc
from fuzz.targets import consistent
from tcptrace_py import analyze
from tcptrace_py.capture.error import CaptureError

def run(path):
    try:
        consistent(analyze(path, stats=True))
    except CaptureError:
        pass

def peak_of(path):
    tracemalloc.start()
    run(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak
"""
_COUNTING = """
lines = 0

def trace(frame, event, _):
    return on_line if "/tcptrace_py/" in frame.f_code.co_filename else None

def on_line(frame, event, _):
    global lines
    lines += event == "line"
    return on_line

counted = []
for path in sys.argv[1:]:
    run(path)
    peak = peak_of(path)
    lines = 0
    sys.settrace(trace)
    run(path)
    sys.settrace(None)
    counted.append((lines, peak))
print(json.dumps(counted))
"""


def _count(paths: list[Path]) -> list[tuple[int, int]]:
    done = subprocess.run(
        [sys.executable, "-c", _READING + _COUNTING, *map(os.fspath, paths)],
        capture_output=True,
        text=True,
        env=environment(pure=True, PYTHONPATH=str(ROOT)),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    counted: list[tuple[int, int]] = json.loads(done.stdout)
    return counted


def _record(data: bytes) -> bytes:
    return bytes(8) + len(data).to_bytes(4, "little") * 2 + data


_PCAP = bytes.fromhex("d4c3b2a1 02000400 00000000 00000000 00000400 01000000")


def _empty_records(n: int) -> bytes:
    return _PCAP + _record(b"") * (n // 16)


def _blocks(n: int) -> bytes:
    """A pcapng of nothing but blocks that mean nothing."""
    section = bytes.fromhex("0a0d0d0a 1c000000 4d3c2b1a 01000000 ffffffffffffffff 1c000000")
    return section + bytes.fromhex("99990000 0c000000 0c000000") * (n // 12)


def _sections(n: int) -> bytes:
    return bytes.fromhex("0a0d0d0a 1c000000 4d3c2b1a 01000000 ffffffffffffffff 1c000000") * (n // 28)


def _interfaces(n: int) -> bytes:
    return _blocks(0) + bytes.fromhex("01000000 14000000 01000000 00000000 14000000") * (n // 20)


def _tags(n: int) -> bytes:
    frame = ethernet(b"\x00\x01\x81\x00" * 200, ethertype=0x8100)
    return _PCAP + _record(frame) * (n // (16 + len(frame)))


def _syns(n: int) -> bytes:
    frames = [_record(ethernet(ipv4(tcp(seq=i * 7919, flags=2)))) for i in range(n // 70)]
    return _PCAP + b"".join(frames)


def _noise(n: int) -> bytes:
    made = random.Random(1)
    return _PCAP + b"".join(_record(made.randbytes(60)) for _ in range(n // 76))


SHAPES: dict[str, Callable[[int], bytes]] = {
    "empty records": _empty_records,
    "blocks": _blocks,
    "sections": _sections,
    "interfaces": _interfaces,
    "tags": _tags,
    "SYNs": _syns,
    "noise": _noise,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_steps_and_memory_follow_the_bytes(shape: str, tmp_path: Path) -> None:
    sizes = (10_000, 20_000)
    paths = [tmp_path / f"{n}.bin" for n in sizes]
    for n, path in zip(sizes, paths, strict=True):
        path.write_bytes(SHAPES[shape](n))
    (once, _), (twice, peak) = _count(paths)
    assert twice <= STEPS + STEPS_A_BYTE * sizes[1]
    assert twice <= 2.3 * once
    assert peak <= MEMORY + MEMORY_A_BYTE * sizes[1]


def test_so_do_those_of_mutated_captures(tmp_path: Path) -> None:
    from fuzz import corpus
    from fuzz.captures import container
    from fuzz.mutate import Mutator

    mutator, made = Mutator(99, corpus.captures()), random.Random(99)
    paths = []
    for number in range(30):
        paths.append(tmp_path / f"{number}.bin")
        data = container(mutator.frames(), made)
        paths[-1].write_bytes(mutator.damaged(data) if number % 2 else data)
    for path, (steps, peak) in zip(paths, _count(paths), strict=True):
        size = path.stat().st_size
        assert steps <= STEPS + STEPS_A_BYTE * size
        assert peak <= MEMORY + MEMORY_A_BYTE * size


def test_what_expands_takes_no_more_memory_than_a_buffer(tmp_path: Path) -> None:
    """A few kilobytes that are 12 MB of empty records when they are unpacked."""
    packer = zlib.compressobj(9, wbits=31)
    data = packer.compress(_empty_records(3 * MEMORY)) + packer.flush()
    (tmp_path / "bomb.pcap.gz").write_bytes(data)
    (tmp_path / "small.pcap.gz").write_bytes(gzip.compress(_empty_records(1000)))
    assert len(data) < 40_000
    program = "run(sys.argv[1])\nprint(peak_of(sys.argv[2]))\n"
    done = subprocess.run(
        [sys.executable, "-c", _READING + program, "small.pcap.gz", "bomb.pcap.gz"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment(PYTHONPATH=str(ROOT)),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= MEMORY
