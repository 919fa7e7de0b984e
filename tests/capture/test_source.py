"""Opening: compressions, pipes, standard input, and everything that is no capture."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import lz4.frame
import pytest

from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.source import open_source
from tests.capture.capture_bytes import frames, pcap, pcapng, read, read_bytes, rest, snoop

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    # With a checksum, as their own commands write it.
    "zstd": lambda plain: zstd.compress(plain, options={zstd.CompressionParameter.checksum_flag: 1}),
    "lz4": lambda plain: lz4.frame.compress(plain, content_checksum=True),
}
# What `zstd` and `lz4` skip: magic, length, content.
SKIPPABLE = b"\x5a\x2a\x4d\x18\x04\x00\x00\x00abcd"


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("build", [pcap, pcapng, snoop])
def test_compressions(tmp_path: Path, compression: str, build: Callable[..., bytes]) -> None:
    given = frames(300)
    content = COMPRESSIONS[compression](build(given))
    found, reader = read_bytes(tmp_path, content)
    assert found == given
    assert reader.problem is None
    assert reader.compression == compression
    assert reader.consumed_bytes == reader.size_bytes == len(content)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_several_members_are_one_capture(tmp_path: Path, compression: str) -> None:
    given = frames(300)
    plain = pcap(given)
    compress = COMPRESSIONS[compression]
    pieces = [plain[at : at + 700] for at in range(0, len(plain), 700)]
    found, reader = read_bytes(tmp_path, b"".join(map(compress, pieces)))
    assert found == given
    assert reader.problem is None


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_skippable_frames(tmp_path: Path, compression: str) -> None:
    given = frames(30)
    plain = pcap(given)
    compress = COMPRESSIONS[compression]
    content = SKIPPABLE + compress(plain[:500]) + SKIPPABLE + compress(plain[500:]) + SKIPPABLE
    found, reader = read_bytes(tmp_path, content)
    assert found == given
    assert reader.problem is None


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_padding_is_ignored_and_garbage_is_told(tmp_path: Path, compression: str) -> None:
    given = frames(30)
    content = COMPRESSIONS[compression](pcap(given))
    found, reader = read_bytes(tmp_path, content + bytes(4096))
    assert found == given
    assert reader.problem is None
    found, reader = read_bytes(tmp_path, content + b"something else")
    assert found == given
    assert (
        reader.problem
        == f"{tmp_path / 'x.cap'}: something else follows the {compression} data; it was left out"
    )


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_highly_compressible_data_is_taken_in_pieces(tmp_path: Path, compression: str) -> None:
    given = [frames(1)[0]._replace(number=n, data=bytes(60_000), original=60_000) for n in range(1, 101)]
    found, reader = read_bytes(tmp_path, COMPRESSIONS[compression](pcap(given)))
    assert len(found) == 100
    assert reader.problem is None


def test_wrong_checksum_of_gzip_costs_no_frame(tmp_path: Path) -> None:
    given = frames(300)
    content = bytearray(gzip.compress(pcap(given)))
    content[-6] ^= 0xFF
    for chunk_bytes in (64, 512 * 1024):
        found, reader = read_bytes(tmp_path, bytes(content), chunk_bytes)
        assert found == given
        assert reader.problem is not None
        assert "x.cap: corrupt gzip data" in reader.problem


@pytest.mark.parametrize("package", ["backports", "lz4"])
def test_missing_package_is_told(tmp_path: Path, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if package == "backports" and sys.version_info >= (3, 14):
        pytest.skip("zstd is part of Python from 3.14 on")
    compression = {"backports": "zstd", "lz4": "lz4"}[package]
    for name in list(sys.modules):
        if name.split(".")[0] == package:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(CaptureError, match=rf"x\.cap: {compression} data needs the Python package"):
        read_bytes(tmp_path, COMPRESSIONS[compression](pcap(frames(3))))


def test_fifo_with_short_reads(tmp_path: Path) -> None:
    given = frames(40)
    content = pcapng(given)
    path = tmp_path / "fifo"
    os.mkfifo(path)

    def feed() -> None:
        with open(path, "wb", buffering=0) as out:
            for at in range(0, len(content), 7):
                out.write(content[at : at + 7])

    feeder = threading.Thread(target=feed)
    feeder.start()
    found, reader = read(path)
    feeder.join()
    assert found == given
    assert reader.size_bytes is None
    assert reader.consumed_bytes == len(content)


def test_frames_of_a_pipe_are_given_before_it_ends(tmp_path: Path) -> None:
    given = frames(2)
    content = pcap(given)
    path = tmp_path / "fifo"
    os.mkfifo(path)
    go_on = threading.Event()

    def feed() -> None:
        with open(path, "wb", buffering=0) as out:
            out.write(content[: 24 + 16 + len(given[0].data)])
            go_on.wait(20)
            out.write(content[24 + 16 + len(given[0].data) :])

    feeder = threading.Thread(target=feed)
    feeder.start()
    reader = open_source(path)
    assert reader.next_batch() == 1
    go_on.set()
    assert reader.next_batch() == 1
    assert reader.next_batch() == 0
    feeder.join()


READ_STANDARD_INPUT = """
from tcptrace_py.capture.source import CaptureError, open_source
try:
    reader = open_source("-")
    while reader.next_batch():
        pass
    found = (reader.name, reader.path, reader.format, reader.compression, reader.packets, reader.problem)
    print(*found, sep="|")
except CaptureError as error:
    print(error)
"""


def read_standard_input(content: bytes, **options: object) -> str:
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(root)])}
    done = subprocess.run(
        [sys.executable, "-c", READ_STANDARD_INPUT],
        input=content,
        capture_output=True,
        env=environment,
        timeout=60,
    )
    assert done.stderr == b""
    return done.stdout.decode().strip()


def test_standard_input() -> None:
    assert read_standard_input(pcap(frames(7))) == "standard input|-|pcap|None|7|None"
    assert read_standard_input(gzip.compress(pcapng(frames(7)))) == "standard input|-|pcapng|gzip|7|None"
    assert read_standard_input(b"") == "standard input: empty file"
    assert read_standard_input(b"hello world") == (
        "standard input: not a capture file (unknown magic 0x68656c6c)"
    )
    cut = "standard input: cut short: the record after frame 6 is incomplete"
    assert read_standard_input(pcap(frames(7))[:-1]) == f"standard input|-|pcap|None|6|{cut}"


def test_standard_input_left_non_blocking() -> None:
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(root)])}
    child = subprocess.Popen(
        [sys.executable, "-c", READ_STANDARD_INPUT], stdin=ours, stdout=subprocess.PIPE, env=environment
    )
    os.close(ours)
    content = pcap(frames(7))
    for at in range(0, len(content), 100):
        time.sleep(0.01)
        os.write(theirs, content[at : at + 100])
    os.close(theirs)
    out, _ = child.communicate(timeout=60)
    assert out.decode().strip() == "standard input|-|pcap|None|7|None"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty file"),
        (b"\x7fELF and so on", "not a capture file (unknown magic 0x7f454c46)"),
        (b"a", "not a capture file (unknown magic 0x61)"),
        (b"\xd4\xc3\xb2\xa1", "cut short inside the pcap file header"),
        (pcap([])[:-1], "cut short inside the pcap file header"),
        (pcapng([])[:11], "cut short inside the pcapng file header"),
        (b"snoop\0\0\0\0", "cut short inside the snoop file header"),
        (b"snoop\0\0\0" + bytes(8), "not a snoop file of version 2"),
        (gzip.compress(b"", mtime=0), "empty file inside the gzip compression"),
        (gzip.compress(b"hello world", mtime=0), "not a capture file (unknown magic 0x68656c6c)"),
        (gzip.compress(pcap([]), mtime=0)[:5], "cut short: the gzip data has no end"),
        (b"\x1f\x8b\x08\xff" + bytes(20), "corrupt gzip data"),
        (b"BZh9" + bytes(20), "corrupt bzip2 data"),
        (b"\xfd7zXZ\x00" + bytes(20), "corrupt xz data"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 20, "corrupt zstd data"),
        (b"\x04\x22\x4d\x18" + bytes(20), "corrupt lz4 data"),
    ],
)
def test_no_capture(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(content)
    with pytest.raises(CaptureError) as caught:
        open_source(path)
    assert str(caught.value).startswith(f"{path}: {says}")
    assert "\n" not in str(caught.value)


def test_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"missing\.pcap: no such file$"):
        open_source(tmp_path / "missing.pcap")
    with pytest.raises(CaptureError, match=r": is a directory$"):
        open_source(tmp_path)
    with pytest.raises(CaptureError, match="null"):
        open_source("a\0b")
    with pytest.raises(CaptureError, match=r": not a directory$"):
        (tmp_path / "file").write_bytes(b"")
        open_source(tmp_path / "file" / "x.pcap")


def test_not_permitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(io, "FileIO", refuse)
    with pytest.raises(CaptureError, match=r"x\.pcap: permission denied$"):
        open_source(tmp_path / "x.pcap")


def test_reading_that_fails_keeps_the_frames_before(tmp_path: Path) -> None:
    given = frames(2000)
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap(given))
    reader = open_source(path, chunk_bytes=4096)
    count = reader.next_batch()
    stream = reader.stream  # type: ignore[attr-defined]

    class Broken:
        def readinto(self, target: memoryview) -> int:
            raise OSError(5, "Input/output error")

        def close(self) -> None: ...

    stream._raw.close()
    stream._raw = Broken()
    assert reader.next_batch() == 0
    assert reader.packets == count
    assert reader.problem == f"{path}: input/output error"


def test_a_failed_opening_leaves_no_descriptor_open(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    before = len(os.listdir("/proc/self/fd"))
    for content in (
        b"",
        b"hello world",
        pcap([])[:20],
        gzip.compress(b"x", mtime=0)[:9],
        gzip.compress(b"hello world", mtime=0),
    ):
        path.write_bytes(content)
        with pytest.raises(CaptureError):
            open_source(path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_snoop(tmp_path: Path) -> None:
    given = frames(40)
    for chunk_bytes in (64, 512 * 1024):
        found, reader = read_bytes(tmp_path, snoop(given), chunk_bytes)
        assert found == given
        assert (reader.format, reader.link_types, reader.dropped_by_kernel) == ("snoop", {"ETHERNET"}, 3)
    found, reader = read_bytes(tmp_path, snoop(given, data_link=7))
    assert reader.link_types == {"SNOOP_7"}
    assert {frame.link_type for frame in found} == {0xFFFF}
    content = snoop(given) + bytes(24)
    found, reader = read_bytes(tmp_path, content)
    assert found == given
    assert reader.problem is not None
    assert "record 41 claims 0 bytes for a frame of 0" in reader.problem


def test_two_readers_do_not_share_anything(tmp_path: Path) -> None:
    given = frames(20)
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap(given))
    first, second = open_source(path), open_source(path)
    assert rest(first) == given
    assert rest(second) == given
