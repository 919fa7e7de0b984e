"""Classic pcap: every variant gives the frames that were written."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import dpkt
import pytest

from tcptrace_py.capture.error import CaptureError
from tests.capture.capture_bytes import Frame, frames, pcap, read, read_bytes


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("chunk_bytes", [64, 1000, 512 * 1024])
@pytest.mark.parametrize("variant", ["microseconds", "nanoseconds", "modified"])
def test_variants(tmp_path: Path, order: str, chunk_bytes: int, variant: str) -> None:
    given = frames(50, step_ns=1 if variant == "nanoseconds" else 1000)
    content = pcap(given, order=order, nanoseconds=variant == "nanoseconds", modified=variant == "modified")
    found, reader = read_bytes(tmp_path, content, chunk_bytes)
    assert found == given
    assert reader.problem is None
    assert reader.warnings == []
    assert reader.format == "pcap"
    assert reader.link_types == {"ETHERNET"}
    assert reader.dropped_by_kernel is None
    assert reader.compression is None
    assert reader.consumed_bytes == reader.size_bytes == len(content)


def test_more_frames_than_a_batch_holds(tmp_path: Path) -> None:
    given = [Frame(number, number * 1000, 3, 1, b"abc") for number in range(1, 10_001)]
    found, _ = read_bytes(tmp_path, pcap(given))
    assert found == given


def test_a_frame_larger_than_the_buffer(tmp_path: Path) -> None:
    given = [
        Frame(1, 0, 10, 1, bytes(10)),
        Frame(2, 0, 200_000, 1, bytes(200_000)),
        Frame(3, 0, 5, 1, b"after"),
    ]
    found, reader = read_bytes(tmp_path, pcap(given), 4096)
    assert found == given
    assert reader.problem is None


def test_no_frames_is_no_problem(tmp_path: Path) -> None:
    found, reader = read_bytes(tmp_path, pcap([]))
    assert found == []
    assert reader.problem is None


def test_written_by_dpkt(tmp_path: Path) -> None:
    given = frames(20)
    file = io.BytesIO()
    writer = dpkt.pcap.Writer(file, nano=True)
    for frame in given:
        # Not the writer's own time argument: a float has no nanoseconds left.
        seconds, rest_ns = divmod(frame.ts_ns, 1_000_000_000)
        file.write(struct.pack("=IIII", seconds, rest_ns, len(frame.data), frame.original) + frame.data)
    del writer
    found, _ = read_bytes(tmp_path, file.getvalue())
    assert found == given


@pytest.mark.parametrize(
    ("version", "swapped"),
    [((2, 2), True), ((543, 0), True), ((2, 3), True), ((2, 3), False), ((2, 1), True)],
)
def test_length_fields_of_old_versions(tmp_path: Path, version: tuple[int, int], swapped: bool) -> None:
    given = frames(20)
    found, _ = read_bytes(tmp_path, pcap(given, version=version, swap_lengths=swapped))
    assert found == given


@pytest.mark.parametrize("version", [(1, 0), (3, 0), (0, 0)])
def test_unknown_version(tmp_path: Path, version: tuple[int, int]) -> None:
    with pytest.raises(
        CaptureError, match=rf"x\.cap: pcap version {version[0]}\.{version[1]} is not supported"
    ):
        read_bytes(tmp_path, pcap([], version=version))


def test_captured_more_than_original(tmp_path: Path) -> None:
    content = pcap([]) + struct.pack("<IIII", 1, 2, 4, 1) + b"abcd"
    found, _ = read_bytes(tmp_path, content)
    assert found == [Frame(1, 1_000_002_000, 4, 1, b"abcd")]


@pytest.mark.parametrize(
    ("network", "link_type", "name"),
    [
        (1, 1, "ETHERNET"),
        (0xF4000001, 1, "ETHERNET"),  # frame check sequence, its length in the upper bits
        (12, 101, "RAW"),
        (14, 101, "RAW"),
        (113, 113, "LINUX_SLL"),
        (276, 276, "LINUX_SLL2"),
        (9999, 9999, "LINKTYPE_9999"),
    ],
)
def test_link_type(tmp_path: Path, network: int, link_type: int, name: str) -> None:
    found, reader = read_bytes(tmp_path, pcap(frames(2), network=network))
    assert [frame.link_type for frame in found] == [link_type, link_type]
    assert reader.link_types == {name}


@pytest.mark.parametrize("claim", [262_145, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_record_that_claims_too_much(tmp_path: Path, claim: int) -> None:
    given = frames(5)
    content = pcap(given) + struct.pack("<IIII", 0, 0, claim, claim) + bytes(1000)
    found, reader = read_bytes(tmp_path, content)
    assert found == given
    assert reader.problem is not None
    assert f"x.cap: record 6 claims {claim} bytes" in reader.problem


def test_a_large_snap_length_is_believed_within_reason(tmp_path: Path) -> None:
    given = [Frame(1, 0, 300_000, 1, bytes(300_000))]
    found, reader = read_bytes(tmp_path, pcap(given, snap_bytes=400_000))
    assert found == given
    claim = struct.pack("<IIII", 0, 0, 0x7FFFFFFF, 0x7FFFFFFF)
    found, reader = read_bytes(tmp_path, pcap(given, snap_bytes=0xFFFFFFFF) + claim)
    assert found == given
    assert reader.problem is not None
    assert "claims 2147483647 bytes" in reader.problem


def test_time_stamps_at_the_edges(tmp_path: Path) -> None:
    content = pcap([]) + struct.pack("<IIII", 0xFFFFFFFF, 0xFFFFFFFF, 0, 0) + struct.pack("<IIII", 0, 0, 0, 0)
    found, _ = read_bytes(tmp_path, content)
    assert [frame.ts_ns for frame in found] == [0xFFFFFFFF * 1_000_001_000, 0]


def test_progress_is_told_while_reading(tmp_path: Path) -> None:
    from tcptrace_py.capture.source import open_source

    path = tmp_path / "x.pcap"
    path.write_bytes(pcap(frames(2000)))
    reader = open_source(path, chunk_bytes=4096)
    seen = []
    while reader.next_batch():
        seen.append(reader.consumed_bytes)
    assert seen == sorted(set(seen))
    assert len(seen) > 10
    assert reader.size_bytes == seen[-1] == path.stat().st_size


def test_close_ends_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap(frames(2000)))
    _, reader = read(path)
    reader.close()
    assert reader.next_batch() == 0
