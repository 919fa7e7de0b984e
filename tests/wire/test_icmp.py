"""ICMP errors that quote TCP: what they say and about which connection."""

from __future__ import annotations

import struct

import pytest

from tcptrace_py.wire import result
from tcptrace_py.wire.address import parse_address
from tcptrace_py.wire.by_dpkt import DpktDecoder
from tcptrace_py.wire.icmp import IcmpError, read_icmp_error
from tcptrace_py.wire.segment import SYN, Segment

from .frames import AH, FRAGMENT, ICMP, ICMPV6, RAW, TCP, UDP, ah, extension, ipv4, ipv6, ipv6_fragment, tcp

CLIENT, SERVER, ROUTER = "10.0.0.5", "203.0.113.9", "192.0.2.1"
CLIENT6, SERVER6, ROUTER6 = "2001:db8::5", "2001:db8:ffff::9", "fe80::1"
SEGMENT = tcp(sport=40000, dport=8080, seq=0xFFFFFFF0, ack=0, flags=SYN)


def error(kind: int, code: int, quoted: bytes, word: bytes = bytes(4)) -> bytes:
    return struct.pack(">BBH", kind, code, 0) + word + quoted


def decode(packet: bytes) -> tuple[int, IcmpError | None]:
    decoder = DpktDecoder()
    return decoder.decode(packet, len(packet), RAW, Segment()), decoder.icmp_error


def from_router(kind: int, code: int, quoted: bytes | None = None, word: bytes = bytes(4)) -> bytes:
    if quoted is None:
        quoted = ipv4(SEGMENT, src=CLIENT, dst=SERVER)[:28]
    return ipv4(error(kind, code, quoted, word), ICMP, src=ROUTER, dst=CLIENT)


def from_router6(kind: int, code: int, quoted: bytes | None = None, word: bytes = bytes(4)) -> bytes:
    if quoted is None:
        quoted = ipv6(SEGMENT, src=CLIENT6, dst=SERVER6)
    return ipv6(error(kind, code, quoted, word), ICMPV6, src=ROUTER6, dst=CLIENT6)


def check_quote(found: IcmpError, src: str, dst: str, reporter: str) -> None:
    version = found.ip_version
    assert (found.src_hi, found.src_lo, version) == parse_address(src)
    assert (found.dst_hi, found.dst_lo, version) == parse_address(dst)
    assert (found.reporter_hi, found.reporter_lo, version) == parse_address(reporter)
    assert (found.src_port, found.dst_port, found.seq) == (40000, 8080, 0xFFFFFFF0)


@pytest.mark.parametrize(
    "kind, code, reason, fails_attempt",
    [
        (3, 0, "network unreachable", True),
        (3, 1, "host unreachable", True),
        (3, 2, "protocol unreachable", True),
        (3, 3, "port unreachable", True),
        (3, 4, "fragmentation needed", False),
        (3, 5, "source route failed", True),
        (3, 9, "network administratively prohibited", True),
        (3, 10, "host administratively prohibited", True),
        (3, 13, "administratively prohibited", True),
        (3, 200, "destination unreachable", True),
        (4, 0, "source quench", False),
        (11, 0, "time to live exceeded", True),
        (11, 1, "fragment reassembly time exceeded", True),
        (11, 9, "time exceeded", True),
        (12, 0, "parameter problem", True),
    ],
)
def test_icmp(kind: int, code: int, reason: str, fails_attempt: bool) -> None:
    # RFC 792 quotes the header and eight bytes: ports and sequence number.
    got, found = decode(from_router(kind, code))
    assert got == result.ICMP_ERROR
    assert found is not None
    check_quote(found, CLIENT, SERVER, ROUTER)
    assert (found.type, found.code, found.reason, found.fails_attempt) == (kind, code, reason, fails_attempt)
    assert found.about_size == (reason == "fragmentation needed")


@pytest.mark.parametrize(
    "kind, code, reason, fails_attempt",
    [
        (1, 0, "no route to destination", True),
        (1, 1, "administratively prohibited", True),
        (1, 3, "address unreachable", True),
        (1, 4, "port unreachable", True),
        (1, 99, "destination unreachable", True),
        (2, 0, "packet too big", False),
        (3, 0, "hop limit exceeded", True),
        (3, 1, "fragment reassembly time exceeded", True),
        (4, 1, "parameter problem", True),
    ],
)
def test_icmpv6(kind: int, code: int, reason: str, fails_attempt: bool) -> None:
    got, found = decode(from_router6(kind, code))
    assert got == result.ICMP_ERROR
    assert found is not None
    check_quote(found, CLIENT6, SERVER6, ROUTER6)
    assert (found.type, found.code, found.reason, found.fails_attempt) == (kind, code, reason, fails_attempt)
    assert found.about_size == (reason == "packet too big")


def test_the_mtu() -> None:
    _, found = decode(from_router(3, 4, word=b"\0\0\x05\x78"))
    assert found is not None and found.mtu_bytes == 1400
    _, found = decode(from_router6(2, 0, word=b"\0\0\x05\0"))
    assert found is not None and found.mtu_bytes == 1280
    _, found = decode(from_router(3, 1, word=b"\0\0\x05\x78"))
    assert found is not None and found.mtu_bytes == 0


@pytest.mark.parametrize(
    "packet, src, dst, reporter",
    [
        # more than eight bytes; quoted IP options
        (from_router(3, 1, ipv4(SEGMENT + b"x" * 500, src=CLIENT, dst=SERVER)), CLIENT, SERVER, ROUTER),
        (
            from_router(3, 1, ipv4(SEGMENT, src=CLIENT, dst=SERVER, options=bytes(8))[:36]),
            CLIENT,
            SERVER,
            ROUTER,
        ),
        # the first fragment was quoted
        (
            from_router(3, 1, ipv4(SEGMENT, src=CLIENT, dst=SERVER, flags_offset=0x2000)),
            CLIENT,
            SERVER,
            ROUTER,
        ),
        (
            from_router6(1, 3, ipv6(extension(SEGMENT[:8], TCP), 0, src=CLIENT6, dst=SERVER6, length=99)),
            CLIENT6,
            SERVER6,
            ROUTER6,
        ),
        (
            from_router6(1, 3, ipv6(ah(SEGMENT, TCP), AH, src=CLIENT6, dst=SERVER6)),
            CLIENT6,
            SERVER6,
            ROUTER6,
        ),
        (
            from_router6(
                1, 3, ipv6(ipv6_fragment(SEGMENT, TCP, 0, True), FRAGMENT, src=CLIENT6, dst=SERVER6)
            ),
            CLIENT6,
            SERVER6,
            ROUTER6,
        ),
        # the error itself came through a tunnel
        (ipv4(from_router(3, 1), 4, src="198.51.100.1"), CLIENT, SERVER, ROUTER),
    ],
)
def test_other_quotes(packet: bytes, src: str, dst: str, reporter: str) -> None:
    code, found = decode(packet)
    assert code == result.ICMP_ERROR
    assert found is not None
    check_quote(found, src, dst, reporter)


@pytest.mark.parametrize(
    "packet",
    [
        from_router(3, 3, ipv4(bytes(8), UDP)),
        from_router(3, 3, ipv4(SEGMENT, flags_offset=0x0010)),
        from_router(5, 1),
        from_router(0, 0),
        from_router6(1, 4, ipv6(bytes(8), UDP)),
        from_router6(1, 4, ipv6(ipv6_fragment(SEGMENT, TCP, 64, True), FRAGMENT)),
        from_router6(1, 4, ipv6(extension(b"", 0) * 30, 0)),
        from_router6(137, 0),
        from_router6(129, 0),
    ],
)
def test_nothing_about_tcp(packet: bytes) -> None:
    assert decode(packet) == (result.NOT_TCP, None)


@pytest.mark.parametrize(
    "packet", [from_router(3, 3, ipv4(SEGMENT, version=6)), from_router6(1, 4, ipv6(SEGMENT, version=4))]
)
def test_malformed_quotes(packet: bytes) -> None:
    assert decode(packet) == (result.MALFORMED, None)


@pytest.mark.parametrize(
    "packet, needed", [(from_router(3, 3), 20 + 8 + 28), (from_router6(1, 4), 40 + 8 + 48)]
)
def test_cut_anywhere(packet: bytes, needed: int) -> None:
    decoder = DpktDecoder()
    for captured in range(len(packet) + 1):
        code = decoder.decode(packet[:captured], len(packet), RAW, Segment())
        assert code == (result.ICMP_ERROR if captured >= needed else result.TRUNCATED), captured


def test_the_message_alone() -> None:
    found = read_icmp_error(error(3, 3, ipv4(SEGMENT, src=CLIENT, dst=SERVER)), 4, 0, 0xC0000201)
    assert found is not None
    check_quote(found, CLIENT, SERVER, ROUTER)
    assert read_icmp_error(b"\x08\0\0\0", 4, 0, 0) is None
