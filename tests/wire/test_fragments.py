"""Datagrams in pieces (RFC 791, RFC 8200 section 4.5, RFC 5722)."""

from __future__ import annotations

import random

import pytest

from tcptrace_py.wire import fragments, result
from tcptrace_py.wire.by_dpkt import DpktDecoder
from tcptrace_py.wire.fragments import Fragments
from tcptrace_py.wire.segment import Segment

from .frames import (
    ETHERNET,
    FRAGMENT,
    IPV6,
    RAW,
    TCP,
    UDP,
    ethernet,
    extension,
    fields,
    ipv4,
    ipv6,
    ipv6_fragment,
    tcp,
)

SEGMENT = tcp(bytes(range(256)) * 12, options=b"\x01\x01\x08\x0a\0\0\0\x01\0\0\0\x02")


def pieces_v4(payload: bytes, step: int = 1480, **ip: int | str) -> list[bytes]:
    assert step % 8 == 0
    return [
        ipv4(
            payload[at : at + step],
            flags_offset=(0x2000 if at + step < len(payload) else 0) | at // 8,
            **ip,  # type: ignore[arg-type]
        )
        for at in range(0, len(payload), step)
    ]


def pieces_v6(payload: bytes, step: int = 1400, protocol: int = TCP) -> list[bytes]:
    assert step % 8 == 0
    return [
        ipv6(
            ipv6_fragment(payload[at : at + step], protocol, at, at + step < len(payload)),
            FRAGMENT,
        )
        for at in range(0, len(payload), step)
    ]


def feed(packets: list[bytes], decoder: DpktDecoder | None = None) -> tuple[list[int], Segment]:
    decoder = decoder or DpktDecoder()
    segment = Segment()
    return [decoder.decode(packet, len(packet), RAW, segment) for packet in packets], segment


def whole(packet: bytes) -> dict[str, int]:
    segment = Segment()
    assert DpktDecoder().decode(packet, len(packet), RAW, segment) == result.TCP
    return fields(segment)


@pytest.mark.parametrize("step", [8, 16, 24, 1480, 3000])
def test_in_order(step: int) -> None:
    codes, segment = feed(pieces_v4(SEGMENT, step))
    assert codes == [result.FRAGMENT] * (len(codes) - 1) + [result.TCP]
    assert fields(segment) == whole(ipv4(SEGMENT))
    assert segment.payload_bytes == 3072
    codes, segment = feed(pieces_v6(SEGMENT, step))
    assert codes == [result.FRAGMENT] * (len(codes) - 1) + [result.TCP]
    assert fields(segment) == whole(ipv6(SEGMENT))


@pytest.mark.parametrize("seed", range(10))
def test_in_any_order_with_duplicates(seed: int) -> None:
    for pieces, expected in (
        (pieces_v4(SEGMENT, 256), whole(ipv4(SEGMENT))),
        (pieces_v6(SEGMENT, 256), whole(ipv6(SEGMENT))),
    ):
        shuffled = pieces[:]
        rng = random.Random(seed)
        rng.shuffle(shuffled)
        # All but the one that completes it come twice.
        twice = [piece for piece in shuffled[:-1] for _ in range(2)] + shuffled[-1:]
        codes, segment = feed(twice)
        assert codes == [result.FRAGMENT] * (len(codes) - 1) + [result.TCP]
        assert fields(segment) == expected


def test_two_datagrams_interleaved() -> None:
    a = pieces_v4(SEGMENT, 1480, ident=1)
    b = pieces_v4(SEGMENT, 1480, ident=2)
    c = pieces_v4(SEGMENT, 1480, ident=1, src="10.9.9.9")
    codes, _ = feed([packet for trio in zip(a, b, c, strict=True) for packet in trio])
    assert codes == [result.FRAGMENT] * (len(codes) - 3) + [result.TCP] * 3


def test_pieces_cut_by_the_snap_length_still_add_up() -> None:
    decoder, segment = DpktDecoder(), Segment()
    codes = []
    for packet in pieces_v4(SEGMENT):
        frame = ethernet(packet)
        codes.append(decoder.decode(frame[:68], len(frame), ETHERNET, segment))
    assert codes == [result.FRAGMENT, result.FRAGMENT, result.TCP]
    assert (segment.payload_bytes, segment.seq) == (3072, 0xFEDCBA98)


def test_headers_behind_a_gap_in_the_captured_bytes_are_not_made_up() -> None:
    decoder, segment = DpktDecoder(), Segment()
    codes = []
    for packet in pieces_v4(SEGMENT, 16):
        frame = ethernet(packet)
        codes.append(decoder.decode(frame[: 14 + 20 + 12], len(frame), ETHERNET, segment))
    assert codes[-1] == result.TRUNCATED


def test_extension_headers_in_the_fragments() -> None:
    payload = extension(SEGMENT, TCP, 16)
    codes, segment = feed(pieces_v6(payload, 8, protocol=60))
    assert codes[-1] == result.TCP
    assert fields(segment) == whole(ipv6(SEGMENT))


def test_the_fragment_header_behind_other_headers() -> None:
    packets = [
        ipv6(
            extension(ipv6_fragment(SEGMENT[at : at + 1400], TCP, at, at + 1400 < len(SEGMENT)), FRAGMENT), 0
        )
        for at in range(0, len(SEGMENT), 1400)
    ]
    codes, segment = feed(packets)
    assert codes[-1] == result.TCP
    assert fields(segment) == whole(ipv6(SEGMENT))


def test_an_atomic_fragment_is_whole() -> None:
    # RFC 6946, even while other fragments of the same identification wait.
    decoder = DpktDecoder()
    feed(pieces_v6(SEGMENT)[:1], decoder)
    codes, segment = feed([ipv6(ipv6_fragment(SEGMENT, TCP, 0, False), FRAGMENT)], decoder)
    assert codes == [result.TCP]
    assert fields(segment) == whole(ipv6(SEGMENT))


def test_a_tunnel_in_pieces() -> None:
    codes, segment = feed(pieces_v4(ipv4(SEGMENT), 1480, protocol=4, src="198.51.100.1"))
    assert codes == [result.FRAGMENT, result.FRAGMENT, result.TCP]
    assert fields(segment) == whole(ipv4(SEGMENT))


def test_fragments_of_other_protocols_are_not_kept() -> None:
    decoder = DpktDecoder()
    codes, _ = feed(pieces_v4(SEGMENT, protocol=132) + pieces_v6(SEGMENT, protocol=132), decoder)
    assert set(codes) == {result.UNDECODED}
    assert len(decoder.fragments) == 0


@pytest.mark.parametrize("pieces", [pieces_v4, pieces_v6])
def test_the_first_piece_shows_that_udp_is_no_tunnel(pieces) -> None:  # type: ignore[no-untyped-def]
    decoder = DpktDecoder()
    first, *rest = pieces(SEGMENT, protocol=UDP)
    codes, segment = feed([first, *rest], decoder)
    assert set(codes) == {result.NOT_TCP}
    assert decoder.fragments.pieces == 0
    # What came before it could not be known.
    codes, _ = feed([*rest, first, rest[0]])
    assert codes == [result.FRAGMENT] * len(rest) + [result.NOT_TCP] * 2
    # Later another datagram may have the same identification.
    segment.ts_ns = fragments.MAX_AGE_NS + 1
    assert decoder.decode(rest[0], len(rest[0]), RAW, segment) == result.FRAGMENT


@pytest.mark.parametrize("pieces", [pieces_v4, pieces_v6])
def test_overlaps_reject_the_datagram_and_what_comes_after(pieces) -> None:  # type: ignore[no-untyped-def]
    small, large = pieces(SEGMENT, 512), pieces(SEGMENT, 1024)
    # 0..512, then 0..1024 over it; afterwards the datagram would be complete.
    codes, _ = feed([small[0], large[0], *large[1:], *small])
    assert set(codes) == {result.FRAGMENT}


def test_after_its_age_an_identification_may_be_used_again() -> None:
    decoder, segment = DpktDecoder(), Segment()
    first, second, third = pieces_v4(SEGMENT)
    segment.ts_ns = 1_000_000_000
    assert decoder.decode(first, len(first), RAW, segment) == result.FRAGMENT
    assert decoder.decode(second, len(second), RAW, segment) == result.FRAGMENT
    segment.ts_ns += fragments.MAX_AGE_NS + 1
    assert decoder.decode(third, len(third), RAW, segment) == result.FRAGMENT
    assert decoder.decode(second, len(second), RAW, segment) == result.FRAGMENT
    assert decoder.decode(first, len(first), RAW, segment) == result.TCP


@pytest.mark.parametrize(
    "packet",
    [
        ipv4(bytes(13), flags_offset=0x2000),  # not a multiple of 8, and more to come
        ipv4(b"", flags_offset=0x2001),
        ipv4(bytes(64), flags_offset=0x1FFF),  # beyond 65535
        ipv6(ipv6_fragment(bytes(13), TCP, 0, True), FRAGMENT),
        ipv6(ipv6_fragment(b"", TCP, 8, False), FRAGMENT),
        ipv6(bytes(7), FRAGMENT),
    ],
)
def test_impossible_pieces(packet: bytes) -> None:
    decoder = DpktDecoder()
    codes, _ = feed([packet], decoder)
    assert codes == [result.MALFORMED]
    assert len(decoder.fragments) == 0


def test_contradictory_ends_reject_the_datagram() -> None:
    table = Fragments()
    assert table.add((1,), 800, 8, False, b"", TCP, 0) is None
    assert table.add((1,), 1600, 8, False, b"", TCP, 0) is None
    assert table.add((1,), 0, 800, True, b"", TCP, 0) is None
    # the end, then a piece beyond it
    assert table.add((2,), 800, 8, False, b"", TCP, 0) is None
    assert table.add((2,), 808, 8, True, b"", TCP, 0) is None
    assert table.add((2,), 0, 800, True, b"", TCP, 0) is None
    # a piece, then an end before it
    assert table.add((3,), 800, 8, True, b"", TCP, 0) is None
    assert table.add((3,), 400, 8, False, b"", TCP, 0) is None
    assert table.add((3,), 0, 400, True, b"", TCP, 0) is None
    # the same place once as the last piece, once not
    assert table.add((4,), 800, 8, False, b"", TCP, 0) is None
    assert table.add((4,), 800, 8, True, b"", TCP, 0) is None
    assert table.add((4,), 0, 800, True, b"", TCP, 0) is None
    assert table.pieces == 0


def test_the_table_is_bounded() -> None:
    table = Fragments()
    for ident in range(3 * fragments.MAX_DATAGRAMS):
        table.add((ident,), 8, 8, True, bytes(8), TCP, ident)
    assert len(table) == fragments.MAX_DATAGRAMS
    assert table.pieces == fragments.MAX_DATAGRAMS
    table = Fragments()
    for ident in range(10):
        for start in range(8, 65_520, 8):
            table.add((ident,), start, 8, True, bytes(8), TCP, 0)
            assert table.pieces <= fragments.MAX_PIECES
    assert 0 < len(table) < 10
    # what was given up does not come back as a whole
    assert table.add((0,), 0, 8, False, bytes(8), TCP, 0) is not None
    assert table.pieces <= fragments.MAX_PIECES


def test_only_the_front_is_kept() -> None:
    table = Fragments()
    assert table.add((1,), 1000, 1000, False, b"b" * 1000, TCP, 0) is None
    got = table.add((1,), 0, 1000, True, b"a" * 1000, TCP, 0)
    assert got == (b"a" * fragments.FRONT_BYTES, 2000, TCP)


def test_ipv6_names_its_protocol_in_the_first_piece() -> None:
    packets = [
        ipv6(ipv6_fragment(SEGMENT[1400:], 60, 1400, False), FRAGMENT),
        ipv6(ipv6_fragment(SEGMENT[:1400], TCP, 0, True), FRAGMENT),
    ]
    codes, segment = feed([ethernet(p, IPV6)[14:] for p in packets])
    assert codes == [result.FRAGMENT, result.TCP]
    assert fields(segment) == whole(ipv6(SEGMENT))
