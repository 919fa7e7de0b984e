"""Captured frames to pcap files: lengths, rotation, readable at any time."""

from __future__ import annotations

import errno
import struct
from pathlib import Path

import pytest

from tcptrace_py.capture.batch import FrameBatch
from tcptrace_py.capture.live_frames import fill, wire_bytes
from tcptrace_py.capture.pcap_writer import PcapWriter
from tcptrace_py.capture.source import open_source

_IPV4 = struct.pack("!BBHHHBBH", 0x45, 0, 1500, 1, 0, 64, 6, 0) + bytes(8)
_IPV6 = struct.pack("!IHBB", 6 << 28, 1460, 6, 64) + bytes(32)


@pytest.mark.parametrize(
    ("frame", "link_type", "expected"),
    [
        (bytes(12) + b"\x08\x00" + _IPV4, 1, 1514),
        (bytes(12) + b"\x86\xdd" + _IPV6, 1, 1514),
        (bytes(12) + b"\x81\x00\0\x05\x86\xdd" + _IPV6, 1, 1518),
        (bytes(12) + b"\x88\xa8\0\x06\x81\x00\0\x05\x08\x00" + _IPV4, 1, 1522),
        (bytes(14) + b"\x08\x00" + _IPV4, 113, 1516),
        (b"\x86\xdd" + bytes(18) + _IPV6, 276, 1520),
        (_IPV4, 101, 1500),
        (_IPV6, 101, 1500),
        # What does not say: as long as can be.
        (bytes(12) + b"\x08\x06" + bytes(30), 1, 65535),
        (bytes(12) + b"\x86\xdd" + _IPV6[:4] + bytes(36), 1, 65535),
        (_IPV4, 147, 65535),
        (b"", 101, 65535),
    ],
)
def test_the_length_on_the_wire(frame: bytes, link_type: int, expected: int) -> None:
    assert wire_bytes(b"before" + frame, 6, len(frame), link_type) == expected
    # Cut anywhere, nothing beyond the frame is read.
    for cut in range(len(frame)):
        assert wire_bytes(frame[:cut], 0, cut, link_type) in (expected, 65535)


def _batch(*frames: bytes, snap_bytes: int = 60) -> FrameBatch:
    batch = FrameBatch()
    meta = []
    at = 0
    for number, frame in enumerate(frames):
        meta.append(struct.pack("=IIII", 1_700_000_000, number, at, len(frame)))
        at += len(frame)
    packed = memoryview(b"".join(meta)).cast("I")
    assert fill(batch, b"".join(frames), packed, snap_bytes, 1) == len(frames)
    return batch


_WHOLE = bytes(12) + b"\x08\x00" + _IPV4 + bytes(20)
_CUT = _WHOLE + bytes(6)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    batch = _batch(_WHOLE, _CUT)
    writer = PcapWriter(tmp_path / "x.pcap", 1, 60)
    for done in (1, 2, 3):
        writer.write(batch, batch.count)
        # Nobody has closed it, and it is whole.
        reader = open_source(tmp_path / "x.pcap")
        count = reader.next_batch()
        read = reader.batch
        assert count == 2 * done
        assert [read.captured[i] for i in range(2)] == [54, 60]
        assert [read.original[i] for i in range(2)] == [54, 1514]
        assert [read.ts_ns[i] for i in range(2)] == [1_700_000_000_000_000_000, 1_700_000_000_000_001_000]
        frame = bytes(read.data[read.offset[1] : read.offset[1] + read.captured[1]])
        assert frame == _CUT
        assert reader.next_batch() == 0 and reader.problem is None
        reader.close()
    writer.close()


def test_rotation_by_size_keeps_the_newest(tmp_path: Path) -> None:
    writer = PcapWriter(tmp_path / "x.pcap", 1, 60, rotate_bytes=200, keep=2)
    for _ in range(10):
        writer.write(_batch(_WHOLE, _CUT), 2)
    writer.close()
    kept = sorted(path.name for path in tmp_path.iterdir())
    # 24 bytes of header and 146 a batch: two batches each file.
    assert kept == ["x-000004.pcap", "x-000005.pcap"]
    assert all((tmp_path / name).stat().st_size == 24 + 2 * 146 for name in kept)


def test_rotation_by_age(tmp_path: Path) -> None:
    now = [0.0]
    writer = PcapWriter(tmp_path / "x.pcap", 1, 60, rotate_s=10, clock=lambda: now[0])
    for now[0] in (1, 9, 10, 12, 45):
        writer.write(_batch(_WHOLE), 1)
    writer.close()
    sizes = {path.name: (path.stat().st_size - 24) // 70 for path in tmp_path.iterdir()}
    assert sizes == {"x-000001.pcap": 2, "x-000002.pcap": 2, "x-000003.pcap": 1}


def test_a_full_disk_is_an_error_of_the_system() -> None:
    try:
        writer = PcapWriter("/dev/full", 1, 60)
    except OSError as error:
        assert error.errno == errno.ENOSPC
    else:
        writer.close()
        pytest.fail("writing to a full device went well")
