"""pcapng: sections, interfaces, clocks, block types, counters, and blocks that lie about themselves."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tcptrace_py.capture.error import CaptureError
from tests.capture.capture_bytes import (
    Frame,
    block,
    enhanced,
    frames,
    interface,
    obsolete,
    option,
    padded,
    pcapng,
    read_bytes,
    section,
    simple,
    statistics,
)

LATEST_NS = 2**62 - 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("chunk_bytes", [64, 1000, 512 * 1024])
def test_enhanced_packets(tmp_path: Path, order: str, chunk_bytes: int) -> None:
    given = frames(50)
    found, reader = read_bytes(tmp_path, pcapng(given, order), chunk_bytes)
    assert found == given
    assert reader.problem is None
    assert reader.format == "pcapng"
    assert reader.link_types == {"ETHERNET"}
    assert reader.dropped_by_kernel is None


@pytest.mark.parametrize("chunk_bytes", [64, 512 * 1024])
def test_sections_of_both_byte_orders_count_their_interfaces_anew(tmp_path: Path, chunk_bytes: int) -> None:
    first, second, third, fourth = frames(4)
    content = (
        section("<")
        + interface(1)
        + interface(113)
        + enhanced(first, of=1)
        + section(">")
        + interface(101, order=">")
        + enhanced(second, of=0, order=">")
        + section("<")
        + interface(276)
        + interface(0)
        + enhanced(third, of=0)
        + enhanced(fourth, of=1)
    )
    found, reader = read_bytes(tmp_path, content, chunk_bytes)
    assert found == [
        first._replace(link_type=113),
        second._replace(link_type=101),
        third._replace(link_type=276),
        fourth._replace(link_type=0),
    ]
    assert reader.link_types == {"ETHERNET", "LINUX_SLL", "RAW", "LINUX_SLL2", "NULL"}
    assert reader.problem is None


def test_an_interface_of_an_earlier_section_is_gone(tmp_path: Path) -> None:
    first, second = frames(2)
    content = section() + interface() + enhanced(first) + section() + enhanced(second)
    found, reader = read_bytes(tmp_path, content)
    assert found == [first]
    assert reader.problem is not None
    assert "frame 2 is from interface 0, which the file does not describe" in reader.problem


def test_many_interfaces(tmp_path: Path) -> None:
    given = frames(100)
    content = section() + b"".join(interface(number) for number in range(200, 300))
    content += b"".join(enhanced(frame, of=99 - index) for index, frame in enumerate(given))
    found, _ = read_bytes(tmp_path, content)
    assert [frame.link_type for frame in found] == list(range(299, 199, -1))


@pytest.mark.parametrize(
    ("resolution", "ticks", "offset_s", "ts_ns"),
    [
        (None, 1_700_000_000_123_456, 0, 1_700_000_000_123_456_000),
        (0, 1_700_000_000, 0, 1_700_000_000_000_000_000),
        (3, 1_700_000_000_123, 0, 1_700_000_000_123_000_000),
        (6, 1_700_000_000_123_456, 5, 1_700_000_005_123_456_000),
        (6, 1_700_000_000_123_456, -5, 1_699_999_995_123_456_000),
        (9, 1_700_000_000_123_456_789, 0, 1_700_000_000_123_456_789),
        (9, 123, 1_700_000_000, 1_700_000_000_000_000_123),
        (12, 1_700_000_000_123_456 * 1000, 0, 1_700_000_000_123_456),
        (12, 2**64 - 1, 0, 18_446_744_073_709_551),
        (0x80 | 0, 7, 0, 7_000_000_000),
        (0x80 | 10, 1_700_000_000 * 1024 + 512, 0, 1_700_000_000_500_000_000),
        (0x80 | 32, (1_700_000_000 << 32) + (1 << 31), 0, 1_700_000_000_500_000_000),
        (0x80 | 34, (1_000_000_000 << 34) + (1 << 32), 0, 1_000_000_000_250_000_000),
        (0x80 | 63, 2**63 + 2**62, 0, 1_500_000_000),
        (0x80 | 127, 2**64 - 1, 0, 0),
        (127, 2**64 - 1, 0, 0),
        (6, 0, 0, 0),
    ],
)
def test_clocks(tmp_path: Path, resolution: int | None, ticks: int, offset_s: int, ts_ns: int) -> None:
    options = b"" if resolution is None else option(9, bytes([resolution]))
    if offset_s:
        options += option(14, struct.pack("<q", offset_s))
    content = section() + interface(options=options + option(0, b"")) + enhanced(frames(1)[0], ticks=ticks)
    found, reader = read_bytes(tmp_path, content)
    assert [frame.ts_ns for frame in found] == [ts_ns]
    assert reader.warnings == []


@pytest.mark.parametrize(
    ("resolution", "ticks", "offset_s", "ts_ns"),
    [
        (6, 2**64 - 1, 0, LATEST_NS),
        (6, 2**63, 0, LATEST_NS),
        (9, 2**62, 0, LATEST_NS),
        (0, 2**64 - 1, 2**63 - 1, LATEST_NS),
        (6, 10, -1, 0),
        (6, 10, -(2**63), 0),
    ],
)
def test_impossible_times_are_bounded_and_told(
    tmp_path: Path, resolution: int, ticks: int, offset_s: int, ts_ns: int
) -> None:
    options = option(9, bytes([resolution])) + option(14, struct.pack("<q", offset_s))
    first, second = frames(2)
    content = (
        section() + interface(options=options) + enhanced(first, ticks=ticks) + enhanced(second, ticks=ticks)
    )
    found, reader = read_bytes(tmp_path, content)
    assert [frame.ts_ns for frame in found] == [ts_ns, ts_ns]
    assert len(reader.warnings) == 1
    assert reader.warnings[0].endswith("the nearest of these is used")


def test_simple_packets_take_the_time_before_and_say_so_once(tmp_path: Path) -> None:
    given = [Frame(number, 0, number * 2, 1, b"x" * number) for number in range(1, 4)]
    content = section() + interface(snap_bytes=5) + simple(given[0]) + enhanced(frames(1)[0])
    content += b"".join(map(simple, given[1:])) + simple(Frame(0, 0, 9, 1, b"123456789"))
    found, reader = read_bytes(tmp_path, content)
    assert [frame.ts_ns for frame in found] == [0] + [frames(1)[0].ts_ns] * 4
    # The block pads to four bytes and says nothing of the captured length: the snap length does.
    assert [frame.data for frame in found] == [b"x\0", b"", b"xx\0\0", b"xxx\0\0"[:4], b"12345"]
    assert [frame.original for frame in found] == [2, 0, 4, 6, 9]
    assert len(reader.warnings) == 1
    assert "frame 1 and maybe others have no time stamp" in reader.warnings[0]


@pytest.mark.parametrize("order", ["<", ">"])
def test_obsolete_packets_and_their_drops(tmp_path: Path, order: str) -> None:
    given = frames(6)
    content = section(order) + interface(1, order=order) + interface(113, order=order)
    for index, frame in enumerate(given):
        content += obsolete(frame, of=index % 2, drops=(0xFFFF, 0, 3)[index % 3], order=order)
    found, reader = read_bytes(tmp_path, content)
    assert found == [frame._replace(link_type=(1, 113)[index % 2]) for index, frame in enumerate(given)]
    assert reader.dropped_by_kernel == 6


@pytest.mark.parametrize("order", ["<", ">"])
def test_drops_counted_by_enhanced_packets(tmp_path: Path, order: str) -> None:
    def drops(number: int) -> bytes:
        return (
            option(2, bytes(4), order) + option(4, struct.pack(order + "Q", number), order) + option(0, b"")
        )

    first, second, third = frames(3)
    content = section(order) + interface(order=order) + enhanced(first, options=drops(2), order=order)
    content += enhanced(second, options=drops(2**64 - 1), order=order) + enhanced(third, order=order)
    found, reader = read_bytes(tmp_path, content)
    assert found == [first, second, third]
    assert reader.dropped_by_kernel == 2**64 + 1


@pytest.mark.parametrize("order", ["<", ">"])
def test_interface_statistics(tmp_path: Path, order: str) -> None:
    def counters(dropped: int, by_system: int | None = None) -> bytes:
        out = option(4, struct.pack(order + "Q", 1000), order) + option(
            5, struct.pack(order + "Q", dropped), order
        )
        return out if by_system is None else out + option(7, struct.pack(order + "Q", by_system), order)

    content = section(order) + interface(order=order) + interface(order=order)
    content += enhanced(frames(1)[0], options=option(4, struct.pack(order + "Q", 99), order), order=order)
    content += statistics(0, counters(5), order)
    content += statistics(0, counters(7), order)  # the counters go on: the last holds
    content += statistics(1, counters(1, 2), order)
    content += statistics(9, counters(1000), order)  # no such interface
    content += section(order) + interface(order=order) + statistics(0, counters(10), order)
    _, reader = read_bytes(tmp_path, content)
    assert reader.dropped_by_kernel == 7 + 3 + 10
    assert reader.problem is None


def test_statistics_without_drop_counters_say_nothing(tmp_path: Path) -> None:
    _, reader = read_bytes(tmp_path, section() + interface() + statistics(0, option(4, bytes(8))))
    assert reader.dropped_by_kernel is None


def test_unknown_blocks_are_skipped(tmp_path: Path) -> None:
    given = frames(3)
    content = section() + block(0x80000001, bytes(400)) + interface() + enhanced(given[0]) + block(4, b"")
    content += enhanced(given[1]) + block(0xBAD, bytes(100_000)) + enhanced(given[2]) + block(10, bytes(8))
    found, reader = read_bytes(tmp_path, content, 4096)
    assert found == given
    assert reader.problem is None


def test_broken_options_end_the_options_only(tmp_path: Path) -> None:
    given = frames(2)
    lying = struct.pack("<HH", 9, 60000) + bytes(4)
    content = section() + interface(options=lying) + enhanced(given[0], options=lying) + enhanced(given[1])
    found, reader = read_bytes(tmp_path, content)
    assert found == given
    assert reader.problem is None


def with_length(length: int) -> bytes:
    return struct.pack("<II", 6, length) + bytes(max(length - 12, 0) & 0xFFFF) + struct.pack("<I", length)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (with_length(0), "claims 0 bytes"),
        (with_length(8), "claims 8 bytes"),
        (with_length(33), "claims 33 bytes"),
        (with_length(0xFFFFFFFC), "claims 4294967292 bytes"),
        (with_length(17 * 1024 * 1024), "claims 17825792 bytes"),
        (with_length(12), "too short"),
        (with_length(28), "too short"),
        (struct.pack("<III", 77, 12, 16), "says 12 bytes at its start and 16 at its end"),
        (block(6, struct.pack("<IIIII", 0, 0, 0, 5, 5) + bytes(4)), "too short"),
        (block(6, struct.pack("<IIIII", 0, 0, 0, 0xFFFFFFFF, 5) + bytes(4)), "too short"),
        (block(6, struct.pack("<IIIII", 1, 0, 0, 0, 0)), "interface 1, which the file does not describe"),
        (block(6, struct.pack("<IIIII", 0xFFFFFFFF, 0, 0, 0, 0)), "interface 4294967295"),
        (block(2, struct.pack("<HHIIII", 1, 0, 0, 0, 0, 0)), "interface 1, which"),
        (block(3, b""), "too short"),
        (block(1, b"abcd"), "interface description is too short"),
        (block(5, b"abcd"), "interface statistics block is too short"),
        (
            block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 2, 0, -1)),
            "pcapng version 2.0 is not supported",
        ),
        (block(0x0A0D0D0A, struct.pack("<IHHq", 0x11223344, 1, 0, -1)), "no known byte-order magic"),
        (block(0x0A0D0D0A, struct.pack("<I", 0x1A2B3C4D)), "section header is too short"),
    ],
)
def test_blocks_that_lie(tmp_path: Path, bad: bytes, says: str) -> None:
    given = frames(3)
    found, reader = read_bytes(tmp_path, pcapng(given) + bad + enhanced(given[0]))
    assert found == given
    assert reader.problem is not None
    assert reader.problem.startswith(str(tmp_path / "x.cap") + ": ")
    assert says in reader.problem


def test_packets_before_any_interface(tmp_path: Path) -> None:
    for packet in (enhanced(frames(1)[0]), simple(frames(1)[0]), obsolete(frames(1)[0])):
        found, reader = read_bytes(tmp_path, section() + packet)
        assert found == []
        assert reader.problem is not None
        assert "frame 1 is from interface 0" in reader.problem


def test_first_block_without_byte_order(tmp_path: Path) -> None:
    content = block(0x0A0D0D0A, padded(b"not a magic at all"))
    with pytest.raises(
        CaptureError, match=r"x\.cap: not a pcapng file \(unknown byte-order magic 0x6e6f7420\)"
    ):
        read_bytes(tmp_path, content)
