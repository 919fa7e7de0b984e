"""Reading and decoding in a thread of its own: the same frames as without, wherever what ends."""

from __future__ import annotations

import gzip
import os
import random
import signal
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fuzz.targets import decoded
from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.source import open_source
from tcptrace_py.capture.stop import Stop
from tcptrace_py.capture.stream import CompressedStream, open_stream, zstd_functions
from tcptrace_py.engine import engine
from tcptrace_py.report.formats import json
from tcptrace_py.run import cores
from tcptrace_py.run.analyze import analyze
from tcptrace_py.run.captures import Captures
from tcptrace_py.run.cores import THREADS_VARIABLE
from tests.capture.capture_bytes import frames, pcap
from tests.capture.test_hostile import SAMPLES
from tests.capture.test_source import COMPRESSIONS, zstd
from tests.conftest import ROOT
from tests.wire.frames import ETHERNET
from tests.wire.test_tunnels import FRAMES as TUNNELS

if engine() != "compiled":
    pytest.skip("one thread where nothing is compiled", allow_module_level=True)

from tcptrace_py.capture.inflater import Inflater
from tcptrace_py.wire.ahead import SLOT_FRAMES, Ahead

CAPTURES = sorted((ROOT / "sample_pcaps").rglob("*.pcap*"))
MARGIN = 24


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def ahead(path: Path, slot_frames: int = 2048, chunk_bytes: int = 1 << 19) -> Any:
    return Ahead(open_source(path, chunk_bytes=chunk_bytes), slot_frames)


def reports(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    made = []
    for threads in ("1", "2"):
        monkeypatch.setenv(THREADS_VARIABLE, threads)
        try:
            made.append(bytes(json.encode(analyze(path))))
        except CaptureError as error:
            made.append(str(error).encode())
    return made


def test_samples_give_the_same_frames() -> None:
    for path in CAPTURES[::3]:
        assert decoded(open_source(path)) == decoded(ahead(path, 7)), path.name


@pytest.mark.parametrize("name", SAMPLES)
def test_cut_anywhere(name: str, tmp_path: Path) -> None:
    """Every container and compression, read by chunks of all sizes."""
    path = tmp_path / "cut"
    unopened = []
    for length in range(MARGIN, len(SAMPLES[name]) + 1, 5):
        path.write_bytes(SAMPLES[name][:length])
        try:
            plain = open_source(path, chunk_bytes=64 + length % 50)
        except CaptureError:
            unopened.append(length)
            continue
        expected = decoded(plain)
        assert decoded(ahead(path, 1 + length % 3, 64 + length % 50)) == expected, length
    # A block of a compressed file that is not whole gives nothing to open; any other header is there.
    assert not unopened or name.removeprefix(".") in COMPRESSIONS
    assert not unopened or unopened[-1] < length


def test_what_dpkt_takes_comes_in_its_place(tmp_path: Path) -> None:
    """Tunnels between plain segments, and more of them than a slot has room for."""
    tunnels = [frame for frame, link_type in TUNNELS.values() if link_type == ETHERNET]
    assert len(tunnels) > 5
    plain = [data for data, *_ in _frames_of(ROOT / "sample_pcaps" / "sick_service.pcap")][:200]
    mixed = [each for pair in zip(plain, tunnels * 40, strict=False) for each in pair]
    large = [frame + bytes(100_000) for frame in tunnels] * 4 + [tunnels[0] + bytes(600_000)]
    path = tmp_path / "mixed.pcap"
    path.write_bytes(_pcap([*mixed, *large, *mixed]))
    found = decoded(ahead(path))
    assert found == decoded(open_source(path))
    assert found[1][0] == 2 * len(mixed) + len(large)


def _frames_of(path: Path) -> Iterator[tuple[bytes, int]]:
    opened = open_source(path)
    while count := opened.next_batch():
        batch = opened.batch
        for i in range(count):
            begin = batch.offset[i]
            yield bytes(batch.data[begin : begin + batch.captured[i]]), batch.ts_ns[i]
    opened.close()


def _pcap(contents: list[bytes]) -> bytes:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 20, 1)
    return head + b"".join(
        struct.pack("<IIII", 1_700_000_000 + number, 0, len(data), len(data)) + data
        for number, data in enumerate(contents)
    )


def test_closed_anywhere(tmp_path: Path) -> None:
    """While the thread waits for a slot, and when it has long ended."""
    path = tmp_path / "one.pcap"
    path.write_bytes(pcap(frames(6) * 4))
    for batches in range(26):
        opened = ahead(path, 1)
        taken = sum(opened.next_batch() for _ in range(batches))
        assert taken == min(batches, 24) == opened.packets
        opened.close()
        assert opened.next_batch() == 0
        opened.close()


class _Breaking:
    """A stream that raises, or waits, at its n-th read."""

    descriptor = -1

    def __init__(self, stream: Any, at: int, error: BaseException | None = None) -> None:
        self._stream, self._left, self._error = stream, at, error
        self.reached, self.goes_on = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def readinto(self, target: memoryview) -> int:
        self._left -= 1
        if self._left == 0:
            self.reached.set()
            if self._error is not None:
                raise self._error
            assert self.goes_on.wait(60)
        got: int = self._stream.readinto(target[:50])
        return got


@pytest.mark.parametrize("at", range(1, 7))
def test_an_error_of_the_thread_is_raised_after_what_came_before_it(at: int, tmp_path: Path) -> None:
    path = tmp_path / "some.pcap"
    path.write_bytes(pcap(frames(6)))
    taken = []
    for threads in (1, 2):
        reader: Any = open_source(path, chunk_bytes=80)
        reader.stream = _Breaking(reader.stream, at, MemoryError("no more"))
        opened = reader if threads == 1 else Ahead(reader, 1)
        with pytest.raises(MemoryError, match="no more"):
            while opened.next_batch():
                pass
        taken.append(opened.packets)
        opened.close()
    assert taken[0] == taken[1]


def test_a_file_that_can_not_be_read_on(tmp_path: Path) -> None:
    path = tmp_path / "long.pcap"
    path.write_bytes(pcap(frames(6) * 500))
    said = []
    for threads in (1, 2):
        reader: Any = open_source(path, chunk_bytes=1024)
        instead = os.open(os.devnull, os.O_WRONLY)
        os.dup2(instead, reader.stream.descriptor)
        os.close(instead)
        said.append(decoded(reader if threads == 1 else Ahead(reader)))
    assert said[0] == said[1]
    assert "bad file descriptor" in str(said[1][1][1])


def test_an_interrupt_ends_the_waiting(tmp_path: Path) -> None:
    path = tmp_path / "some.pcap"
    path.write_bytes(pcap(frames(6)))
    reader: Any = open_source(path, chunk_bytes=80)
    stream = reader.stream = _Breaking(reader.stream, 2)
    opened = Ahead(reader)

    def interrupt() -> None:
        assert stream.reached.wait(60)
        # By then it waits for the thread, which waits for `goes_on`.
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    helper = threading.Thread(target=interrupt)
    with pytest.raises(KeyboardInterrupt):
        helper.start()
        while opened.next_batch():
            pass
    stream.goes_on.set()
    opened.close()
    helper.join()


@pytest.mark.parametrize("packed", [False, True])
def test_stopped_early_the_rest_is_missing(
    packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(THREADS_VARIABLE, "2")
    path = tmp_path / "long.pcap"
    content = (ROOT / "sample_pcaps" / "sick_service.pcap").read_bytes()
    whole = content + 20 * content[24:]
    path.write_bytes(gzip.compress(whole, 1, mtime=0) if packed else whole)
    stop = Stop()
    report = analyze(path, stop=stop, progress=lambda *_: stop.ask())
    # A slot, and not all.
    assert report.capture.packets == SLOT_FRAMES
    assert report.capture.sources[0].packets == report.capture.packets
    assert report.capture.complete is False
    assert report.capture.warnings[0] == "interrupted: the capture ends here; the rest was not read"


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_compressed(compression: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock goes to and fro, and Python's time for it is set again; of a corrupt file as much is saved."""
    content = (ROOT / "sample_pcaps" / "sick_service.pcap").read_bytes()
    packed = COMPRESSIONS[compression](content + 2 * content[24:])
    switch_s = sys.getswitchinterval()
    path = tmp_path / "packed"
    for damaged in (packed, packed[:-20], packed[:-9] + bytes([packed[-9] ^ 64]) + packed[-8:]):
        path.write_bytes(damaged)
        one, two = reports(path, monkeypatch)
        assert one == two
        assert sys.getswitchinterval() == switch_s


_ZSTD = COMPRESSIONS["zstd"]
_SKIPPABLE = b"\x5a\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc"


@pytest.mark.parametrize(
    ("behind", "regular"),
    [
        (b"", True),
        (_SKIPPABLE, True),
        (b"\0" * 7, False),
        (b"garbage", False),
        (b"\x28\xb5\x2f\xfd", False),
        (gzip.compress(b"", mtime=0), False),
    ],
    ids=["nothing", "skippable", "zeros", "garbage", "cut", "gzip"],
)
def test_the_library_alone_decompresses_what_is_regular(
    behind: bytes, regular: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several frames, cut anywhere in the capture; all else begins anew and passes over what was given."""
    if zstd_functions() is None:
        pytest.skip("the package does not show its library")
    content = (ROOT / "sample_pcaps" / "sick_service.pcap").read_bytes()
    fell_back = []
    go_on_after = CompressedStream.go_on_after
    monkeypatch.setattr(
        CompressedStream,
        "go_on_after",
        lambda stream, given: (fell_back.append(given), go_on_after(stream, given)),
    )
    path = tmp_path / "packed"
    for cut in (1, 7, 24, 1000, len(content) - 1):
        path.write_bytes(_ZSTD(content[:cut]) + _SKIPPABLE + _ZSTD(content[cut:]) + behind)
        for chunk_bytes in (64, 4096, 1 << 19):
            del fell_back[:]
            assert decoded(open_source(path, chunk_bytes=chunk_bytes)) == decoded(ahead(path, 7, chunk_bytes))
            assert bool(fell_back) != regular
        one, two = reports(path, monkeypatch)
        assert one == two


def _saved(path: Path, chunk_bytes: int, by_library: bool) -> tuple[object, ...]:
    """What can be had of a compressed file, how it ends, and how much of it was read."""
    try:
        stream, head = open_stream(path)
    except CaptureError as error:
        return (str(error),)
    assert isinstance(stream, CompressedStream)
    functions = stream.functions()
    reading: Any = stream
    if by_library and functions is not None:
        reading = Inflater(stream, functions)
    content = bytearray(head)
    buffer = memoryview(bytearray(chunk_bytes))
    problem = ""
    try:
        while got := reading.readinto(buffer):
            content += buffer[:got]
    except CaptureError as error:
        problem = str(error)
    consumed_bytes = reading.consumed_bytes
    reading.close()
    return bytes(content), problem, consumed_bytes


def test_of_a_corrupt_zstd_file_both_ways_save_the_same(tmp_path: Path) -> None:
    """Whatever is asked for at once: all blocks before the corrupt one, and not a byte of it."""
    if zstd_functions() is None:
        pytest.skip("the package does not show its library")
    drawn = random.Random(17)
    content = (ROOT / "sample_pcaps" / "sick_service.pcap").read_bytes()[:1800] + drawn.randbytes(700)
    # Many small blocks, two frames, a checksum behind the second.
    blocks = zstd.ZstdCompressor()
    packed = b"".join(blocks.compress(content[i : i + 500], blocks.FLUSH_BLOCK) for i in range(0, 2500, 500))
    packed += blocks.flush()
    packed += zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: 1})
    path = tmp_path / "packed"
    ends = set()
    for _ in range(60):
        damaged = bytearray(packed)
        for _ in range(drawn.choice((1, 1, 3))):
            damaged[drawn.randrange(len(damaged))] ^= 1 << drawn.randrange(8)
        if drawn.random() < 0.3:
            del damaged[drawn.randrange(len(damaged)) :]
        path.write_bytes(damaged)
        saved = _saved(path, 1 << 19, by_library=False)
        ends.add(saved[1:2])
        assert saved == _saved(path, 64, by_library=False) == _saved(path, 64, by_library=True)
    assert len(ends) > 3


def test_on_two_cores_one_process_reads_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "JOBS_PAY_BYTES", 0)
    monkeypatch.setattr(cores, "_BYTES_A_JOB", 1)
    monkeypatch.setattr(cores, "_PAYS_BYTES", 0)
    monkeypatch.delenv(THREADS_VARIABLE, raising=False)
    path = ROOT / "sample_pcaps" / "sick_service.pcap"
    for count, one_thread, processes in ((1, False, 1), (2, False, 1), (2, True, 2), (4, False, 4)):
        monkeypatch.setattr(cores, "cores", lambda count=count: count)
        if one_thread:
            monkeypatch.setenv(THREADS_VARIABLE, "1")
        else:
            monkeypatch.delenv(THREADS_VARIABLE, raising=False)
        with Captures([path]) as opened:
            assert cores.jobs_for(opened) == processes


def test_several_captures_are_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Their frames alternate, so slots of both are in use at a time."""
    content = (ROOT / "sample_pcaps" / "sick_service.pcap").read_bytes()
    records = []
    at = 24
    while at < len(content):
        size = 16 + struct.unpack_from("<I", content, at + 8)[0]
        records.append(content[at : at + size])
        at += size
    paths = []
    for part in range(3):
        path = tmp_path / f"{part}.pcap"
        path.write_bytes(content[:24] + b"".join(records[part::3]))
        paths.append(path)
    made = []
    for threads in ("1", "2"):
        monkeypatch.setenv(THREADS_VARIABLE, threads)
        made.append(json.encode(analyze(*paths)))
    assert made[0] == made[1]
