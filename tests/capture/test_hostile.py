"""Cut, changed and random bytes: frames or one clear line, never anything else."""

from __future__ import annotations

import os
import random
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tcptrace_py.capture.error import CaptureError
from tests.capture.capture_bytes import (
    Frame,
    enhanced,
    frames,
    interface,
    obsolete,
    option,
    pcap,
    pcapng,
    read,
    section,
    simple,
    snoop,
    statistics,
)
from tests.capture.test_source import COMPRESSIONS


def full_pcapng(given_frames: list[Frame]) -> bytes:
    """All that the reader knows of: both byte orders, clocks, every packet block, counters."""
    first, second, third, fourth, fifth, sixth = given_frames
    counters = option(5, struct.pack("<Q", 3)) + option(7, struct.pack("<Q", 4))
    clock = option(9, b"\x8a") + option(14, struct.pack("<q", 3))
    return (
        section()
        + interface(options=clock)
        + interface(113)
        + enhanced(first, options=option(4, bytes(8)))
        + obsolete(second, of=1, drops=2)
        + simple(third)
        + statistics(0, counters)
        + section(">")
        + interface(276, order=">")
        + enhanced(fourth, order=">")
        + simple(fifth, order=">")
        + obsolete(sixth, order=">")
    )


SAMPLES: dict[str, bytes] = {
    "pcap": pcap(frames(6)),
    "pcap big-endian": pcap(frames(6), order=">", nanoseconds=True),
    "pcap 2.3": pcap(frames(6), version=(2, 3), swap_lengths=True),
    "pcap modified": pcap(frames(6), modified=True),
    "pcapng": full_pcapng(frames(6)),
    "pcapng big-endian": pcapng(frames(6), ">"),
    "snoop": snoop(frames(6)),
}
SAMPLES |= {name: compress(pcap(frames(6))) for name, compress in COMPRESSIONS.items()}


def outcome(path: Path, chunk_bytes: int) -> tuple[list[Frame], str | None]:
    """Frames, and the problem or why it could not be opened; other exceptions pass."""
    try:
        found, reader = read(path, chunk_bytes)
    except CaptureError as error:
        assert str(error).startswith(f"{path}: ")
        assert "\n" not in str(error)
        return [], str(error)
    if reader.problem is not None:
        assert reader.problem.startswith(f"{path}: ")
        assert "\n" not in reader.problem
    for frame in found:
        assert 0 <= frame.ts_ns < 2**63 - 10**18
    return found, reader.problem


def ends_between_records(content: bytes, cut: bytes) -> bool:
    """Whether ``cut`` is itself a whole capture: only then may it be read without a complaint."""
    if content[:4] == b"\x0a\x0d\x0d\x0a":
        at, order = 0, "<"
        while at < len(cut):
            if content[at : at + 4] == b"\x0a\x0d\x0d\x0a":
                order = "<" if content[at + 8] == 0x4D else ">"
            at += struct.unpack_from(order + "I", content, at + 4)[0]
        return at == len(cut) and at > 0
    if content[:5] == b"snoop":
        at = 16
        while at < len(cut):
            at += struct.unpack_from(">I", content, at + 8)[0]
        return at == len(cut)
    order = ">" if content[0] == 0xA1 else "<"
    modified = 8 if b"\xb2\xcd" in content[:4] or b"\xcd\xb2" in content[:4] else 0
    at = 24
    while at < len(cut):
        at += 16 + modified + min(struct.unpack_from(order + "II", content, at + 8))
    return at == len(cut)


@pytest.mark.parametrize("chunk_bytes", [64, 512 * 1024])
@pytest.mark.parametrize("name", SAMPLES)
def test_cut_at_every_byte(tmp_path: Path, name: str, chunk_bytes: int) -> None:
    content = SAMPLES[name]
    path = tmp_path / "x.cap"
    path.write_bytes(content)
    whole, problem = outcome(path, chunk_bytes)
    assert len(whole) == 6
    assert problem is None
    counts = []
    for length in range(len(content) - 1, -1, -1):
        os.truncate(path, length)
        found, problem = outcome(path, chunk_bytes)
        assert found == whole[: len(found)]
        counts.append(len(found))
        may_be_whole = name not in COMPRESSIONS and ends_between_records(content, content[:length])
        assert (problem is None) == may_be_whole, length
    assert counts == sorted(counts, reverse=True)


# Both ways of reading must agree; the compiled and the uncompiled one are compared elsewhere.
@pytest.mark.parametrize("name", SAMPLES)
def test_changed_bytes(tmp_path: Path, name: str) -> None:
    source = random.Random(name)
    path = tmp_path / "x.cap"
    values = (0, 1, 0x7F, 0x80, 0xFF)
    for _ in range(400):
        content = bytearray(SAMPLES[name])
        for _ in range(source.randint(1, 4)):
            content[source.randrange(len(content))] = source.choice((*values, source.randrange(256)))
        path.write_bytes(content)
        found, problem = outcome(path, 512 * 1024)
        again, problem_again = outcome(path, 64)
        if name not in COMPRESSIONS:
            assert again == found
            assert problem_again == problem


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    head=st.sampled_from([sample[:size] for sample in SAMPLES.values() for size in (4, 8, 24, 48, 60)]),
    tail=st.binary(max_size=400),
)
def test_random_bytes_after_a_good_beginning(tmp_path: Path, head: bytes, tail: bytes) -> None:
    path = tmp_path / "x.cap"
    path.write_bytes(head + tail)
    outcome(path, 512 * 1024)


# Of the libraries that decompress: once is enough.
@pytest.mark.slow
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_corrupt_compressed_data_keeps_what_came_before(tmp_path: Path, compression: str) -> None:
    source = random.Random(compression)
    given_frames = [Frame(number, number * 1000, 500, 1, source.randbytes(500)) for number in range(1, 4001)]
    compress: Callable[[bytes], bytes] = COMPRESSIONS[compression]
    content = bytearray(compress(pcap(given_frames)))
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    path = tmp_path / "x.cap"
    path.write_bytes(content)
    found, problem = outcome(path, 512 * 1024)
    sound = 0
    while sound < len(found) and found[sound] == given_frames[sound]:
        sound += 1
    # A decompressor works block by block, and bzip2's have 900 kB: what lies before the corrupt one is there.
    assert sound >= {"gzip": 1950, "xz": 1900, "zstd": 1700, "lz4": 1700, "bzip2": 1600}[compression]
    assert problem is not None


@pytest.mark.slow
def test_no_reader_reads_what_was_not_filled_in() -> None:
    """In C nothing checks a read of the buffer; ``tests.capture.guarded`` runs the same files uncompiled."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.capture.guarded"],
        env={**os.environ, "TCPTRACE_PY_PURE": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    captures, frames_read = (int(word) for word in re.findall(r"\d+", done.stdout))
    assert captures > 5000 and frames_read > 20_000
