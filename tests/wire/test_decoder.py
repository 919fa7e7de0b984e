"""The decoder over batches: routing between the two decoders, counts, buffers."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import tcptrace_py.wire
from tcptrace_py.capture.batch import FrameBatch
from tcptrace_py.wire import result
from tcptrace_py.wire.decoder import Decoder
from tcptrace_py.wire.fast import FastPath
from tcptrace_py.wire.frame_id import frame_number, frame_source
from tcptrace_py.wire.undecoded import MAX_KEYS

from .frames import ETHERNET, ICMP, IPV6, RAW, UDP, ethernet, fields, ipv4, ipv6, tcp

TCP_FRAME = ethernet(ipv4(tcp(b"x" * 10)))
MPLS_FRAME = ethernet(b"\0\x06\x41\x40" + ipv4(tcp(b"x" * 10)), 0x8847)
UDP_FRAME = ethernet(ipv4(bytes(20), UDP))
PING_FRAME = ethernet(ipv4(b"\x08" + bytes(7), ICMP))
UNREACHABLE_FRAME = ethernet(ipv4(b"\x03\x01" + bytes(6) + ipv4(tcp(sport=5, dport=6, seq=7)), ICMP))
UNREACHABLE_UDP_FRAME = ethernet(ipv4(b"\x03\x03" + bytes(6) + ipv4(bytes(8), UDP), ICMP))
MALFORMED_FRAME = ethernet(ipv4(tcp(offset=3)))


def batch_of(*frames: tuple[bytes, int] | bytes, first_number: int = 1) -> FrameBatch:
    batch = FrameBatch()
    data = bytearray(b"\xaa" * 16)
    for i, given in enumerate(frames):
        frame, link_type = given if isinstance(given, tuple) else (given, ETHERNET)
        batch.offset[i] = len(data)
        batch.captured[i] = len(frame)
        batch.original[i] = len(frame)
        batch.ts_ns[i] = 1_700_000_000_000_000_000 + i
        batch.link_type[i] = link_type
        data += frame + b"\xaa" * 3
    batch.data = data
    batch.count = len(frames)
    batch.first_number = first_number
    return batch


def test_codes_and_counts() -> None:
    frames = [
        TCP_FRAME,
        MPLS_FRAME,
        UDP_FRAME,
        PING_FRAME,
        UNREACHABLE_FRAME,
        UNREACHABLE_UDP_FRAME,
        MALFORMED_FRAME,
        TCP_FRAME[:40],
        ethernet(ipv4(tcp(b"1234"), flags_offset=0x2000)),
        (TCP_FRAME, 147),
        (TCP_FRAME, 5000),
        (TCP_FRAME, 147),
        ethernet(b"\xff\xff" + bytes(40), 30),
    ]
    decoder = Decoder()
    batch = batch_of(*frames)
    decoder.begin(batch)
    codes = [decoder.decode(batch, i) for i in range(batch.count)]
    decoder.end()
    assert codes == [
        result.TCP,
        result.TCP,
        result.NOT_TCP,
        result.NOT_TCP,
        result.ICMP_ERROR,
        result.NOT_TCP,
        result.MALFORMED,
        result.TRUNCATED,
        result.FRAGMENT,
        result.UNKNOWN_LINK,
        result.UNKNOWN_LINK,
        result.UNKNOWN_LINK,
        result.NOT_TCP,
    ]
    assert decoder.tcp_segments == 2
    assert decoder.skipped() == {
        "not_tcp": 4,
        "truncated": 1,
        "malformed": 1,
        "unknown_link": 3,
        "fragment": 1,
        "icmp_error": 1,
    }
    assert decoder.tcp_segments + sum(decoder.skipped().values()) == len(frames)
    assert decoder.unknown_link_types == [147, 5000]


def test_every_skipped_code_has_a_name() -> None:
    assert set(result.SKIPPED_NAMES) == set(range(result.CODES)) - {
        result.TCP,
        result.OTHER,
        result.UNDECODED,
        result.ELSEWHERE,
    }
    assert Decoder().skipped() == dict.fromkeys(result.SKIPPED_NAMES.values(), 0)


def test_time_number_and_source() -> None:
    decoder = Decoder()
    batch = batch_of(TCP_FRAME, UDP_FRAME, MPLS_FRAME, first_number=4097)
    decoder.begin(batch, source=3)
    for i in range(3):
        decoder.decode(batch, i)
        assert decoder.segment.ts_ns == 1_700_000_000_000_000_000 + i
        assert frame_source(decoder.segment.frame) == 3
        assert frame_number(decoder.segment.frame) == 4097 + i
    decoder.end()


def test_both_ways_fill_the_same_segment() -> None:
    decoder = Decoder()
    segment = decoder.segment
    batch = batch_of(TCP_FRAME, MPLS_FRAME)
    decoder.begin(batch)
    decoder.decode(batch, 0)
    fast = fields(segment)
    segment.seq = 0
    decoder.decode(batch, 1)
    assert decoder.segment is segment
    assert fields(segment) == fast
    decoder.end()


def test_the_icmp_error_is_there_to_be_read() -> None:
    decoder = Decoder()
    assert decoder.icmp_error is None
    batch = batch_of(UNREACHABLE_FRAME, TCP_FRAME)
    decoder.begin(batch)
    assert decoder.decode(batch, 0) == result.ICMP_ERROR
    error = decoder.icmp_error
    assert error is not None
    assert (error.src_port, error.dst_port, error.seq, error.reason) == (5, 6, 7, "host unreachable")
    decoder.end()


def test_a_datagram_whose_pieces_lie_in_two_batches() -> None:
    payload = tcp(b"x" * 1500)
    decoder = Decoder()
    first = batch_of(ethernet(ipv4(payload[:800], flags_offset=0x2000)))
    decoder.begin(first)
    assert decoder.decode(first, 0) == result.FRAGMENT
    decoder.end()
    second = batch_of(ethernet(ipv4(payload[800:], flags_offset=100)))
    decoder.begin(second)
    assert decoder.decode(second, 0) == result.TCP
    assert decoder.segment.payload_bytes == 1500
    decoder.end()


def test_the_buffer_is_held_until_the_end() -> None:
    decoder = Decoder()
    batch = batch_of(TCP_FRAME)
    decoder.begin(batch)
    with pytest.raises(BufferError):
        batch.data += b"more"
    decoder.decode(batch, 0)
    decoder.end()
    batch.data += b"more"
    decoder.end()
    # a second begin lets go of the first batch
    other = batch_of(UDP_FRAME)
    decoder.begin(batch)
    decoder.begin(other)
    batch.data += b"more"
    assert decoder.decode(other, 0) == result.NOT_TCP
    decoder.end()


def test_after_the_end_nothing_is_read() -> None:
    decoder = Decoder()
    batch = batch_of(TCP_FRAME)
    decoder.begin(batch)
    decoder.end()
    with pytest.raises(IndexError):
        decoder.decode(batch, 0)


def test_an_empty_batch() -> None:
    decoder = Decoder()
    decoder.begin(FrameBatch())
    decoder.end()
    assert decoder.tcp_segments == 0


def test_what_is_counted_by_name_is_bounded() -> None:
    decoder = Decoder()
    kinds = MAX_KEYS + 50
    batch = batch_of(*[(b"\0" * 40, 10_000 + n) for n in range(kinds)])
    decoder.begin(batch)
    for i in range(batch.count):
        decoder.decode(batch, i)
    decoder.end()
    assert decoder.unknown_link_types == [10_000 + n for n in range(MAX_KEYS)]
    assert decoder.skipped()["unknown_link"] == kinds
    rows = decoder.undecoded()
    assert len(rows) == MAX_KEYS + 1 and sum(row.packets for row in rows) == kinds
    assert rows[0] == ("other", 0, "others", 50)


def test_what_stays_undecoded_is_counted_by_name() -> None:
    protected = b"\x08\x41" + bytes(22) + bytes(40)
    frames = [
        (TCP_FRAME, 230),
        (protected, 105),
        ethernet(bytes(60), 0x88E5)[:14] + b"\x2c" + bytes(60),
        ethernet(bytes(60), 0x4305),
        ethernet(bytes(60), 0x4305),
        ethernet(ipv4(bytes(60), 50)),
        ethernet(ipv6(bytes(60), 108), IPV6),
        ethernet(ipv4(bytes(2) + b"\xca\x6c" + bytes(60), UDP)),
        ethernet(ipv4(b"\x11\x94\x11\x94" + bytes(60), UDP)),
        ethernet(b"\xaa\xaa\x03\x00\x12\x34\x56\x78" + bytes(60), 68),
        ethernet(b"\x7e\x7e\x03" + bytes(60), 63),
        (b"\xff\x03\x00\xfd" + bytes(60), 9),
        # no way to carry TCP: ARP, OSPF, SCTP, spanning tree, LCP, DNS, LLDP
        ethernet(bytes(60), 0x0806),
        ethernet(ipv4(bytes(60), 89)),
        ethernet(ipv6(bytes(60), 132), IPV6),
        ethernet(b"\x42\x42\x03" + bytes(60), 63),
        (b"\xff\x03\xc0\x21" + bytes(60), 9),
        UDP_FRAME,
        ethernet(bytes(60), 0x88CC),
    ]
    decoder = Decoder()
    batch = batch_of(*frames)
    decoder.begin(batch)
    codes = [decoder.decode(batch, i) for i in range(batch.count)]
    decoder.end()
    assert codes == [result.UNKNOWN_LINK] + [result.NOT_TCP] * (len(frames) - 1)
    assert [tuple(row) for row in decoder.undecoded()] == [
        ("ethertype", 0x4305, "ethertype 0x4305", 2),
        ("encrypted", 0, "802.11 frames, encrypted", 1),
        ("IP protocol", 108, "IP protocol 108 (IPComp)", 1),
        ("IP protocol", 50, "IP protocol 50 (ESP)", 1),
        ("LLC", 0x7E, "LLC SAP 0x7E", 1),
        ("encrypted", 1, "MACsec frames, encrypted", 1),
        ("PPP", 0xFD, "PPP 0x00FD (compressed datagram)", 1),
        ("SNAP", 0x12345678, "SNAP 00-12-34 0x5678", 1),
        ("UDP port", 4500, "UDP port 4500 (ESP in UDP)", 1),
        ("UDP port", 51820, "UDP port 51820 (WireGuard)", 1),
        ("link type", 230, "link type IEEE802_15_4_NOFCS", 1),
    ]


def test_the_fast_path_takes_bytes_and_bytearrays_only() -> None:
    fast = FastPath()
    fast.open(bytearray(TCP_FRAME))
    fast.open(TCP_FRAME)
    with pytest.raises(TypeError):
        fast.open("text")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        fast.open(memoryview(TCP_FRAME))  # type: ignore[arg-type]
    # and holds nothing after that
    with pytest.raises(IndexError):
        fast.decode(0, len(TCP_FRAME), len(TCP_FRAME), RAW, Decoder().segment)


def test_the_buffer_is_read_in_one_place() -> None:
    # In C the buffer is a pointer and nothing checks a read; `test_hostile.check` runs the same file
    # uncompiled over buffers that raise. Only these may index it.
    source = Path(inspect.getfile(tcptrace_py.wire)).with_name("fast.py")
    tree = ast.parse(source.read_text())
    users = set()
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Attribute) and node.attr == "data":
                    users.add(function.name)
    assert users == {"open", "close", "u8", "u16", "u32"}
