"""What dpkt takes: link types and tunnels that the fast path leaves."""

from __future__ import annotations

import struct

import pytest

from tcptrace_py.wire import result
from tcptrace_py.wire.by_dpkt import DpktDecoder
from tcptrace_py.wire.segment import Segment

from .frames import (
    ETHERNET,
    GRE,
    IPV4,
    IPV6,
    SLL,
    SLL2,
    TCP,
    UDP,
    WITHOUT_TCP,
    ah,
    ethernet,
    extension,
    fields,
    ipv4,
    ipv6,
    sll,
    sll2,
    tcp,
    vlan,
)

PPP, FDDI, PPP_HDLC, PPP_ETHER, C_HDLC = 9, 10, 50, 51, 104
MPLS, PPPOE, TEB, PBB, VN_TAG = 0x8847, 0x8864, 0x6558, 0x88E7, 0x8926

INNER_V4 = ipv4(tcp(b"x" * 1000, options=b"\x01\x01\x08\x0a\0\0\0\x01\0\0\0\x02"))
INNER_V6 = ipv6(tcp(b"x" * 1000, options=b"\x01\x01\x08\x0a\0\0\0\x01\0\0\0\x02"))
# Bytes that are enough for any of the headers below, and cut the payload.
SNAP = 260


def pppoe(payload: bytes, protocol: bytes = b"\0\x21", code: int = 0) -> bytes:
    payload = protocol + payload
    return struct.pack(">BBHH", 0x11, code, 5, len(payload)) + payload


def mpls(payload: bytes, labels: int = 1) -> bytes:
    stack = b"".join(struct.pack(">I", (100 + n) << 12 | (n == labels - 1) << 8 | 64) for n in range(labels))
    return stack + payload


def snap(payload: bytes, ethertype: int = IPV4, oui: bytes = b"\0\0\0") -> bytes:
    return b"\xaa\xaa\x03" + oui + struct.pack(">H", ethertype) + payload


def gre(payload: bytes, protocol: int = IPV4, flags: int = 0, optional: bytes = b"") -> bytes:
    return struct.pack(">HH", flags, protocol) + optional + payload


def outer(payload: bytes, protocol: int) -> bytes:
    return ethernet(ipv4(payload, protocol, src="198.51.100.1", dst="198.51.100.2", ident=1, ttl=2))


def outer_v6(payload: bytes, protocol: int) -> bytes:
    return ethernet(ipv6(payload, protocol, src="2001:db8::a", dst="2001:db8::b", hop_limit=2), IPV6)


FRAMES = {
    "pppoe": (ethernet(pppoe(INNER_V4), PPPOE), ETHERNET),
    "pppoe, short protocol field": (ethernet(pppoe(INNER_V4, b"\x21"), PPPOE), ETHERNET),
    "pppoe v6": (ethernet(pppoe(INNER_V6, b"\0\x57"), PPPOE), ETHERNET),
    "pppoe over qinq": (ethernet(vlan(vlan(pppoe(INNER_V4), PPPOE), 0x8100), 0x88A8), ETHERNET),
    "pppoe link": (pppoe(INNER_V4), PPP_ETHER),
    "mpls": (ethernet(mpls(INNER_V4), MPLS), ETHERNET),
    "mpls multicast, three labels, v6": (ethernet(mpls(INNER_V6, 3), 0x8848), ETHERNET),
    "mpls in vlan": (ethernet(vlan(mpls(INNER_V4, 2), MPLS), 0x8100), ETHERNET),
    "mpls, control word, ethernet": (ethernet(mpls(bytes(4) + ethernet(INNER_V4)), MPLS), ETHERNET),
    "mpls in ppp": (b"\xff\x03\x02\x81" + mpls(INNER_V4), PPP),
    "mpls in cooked": (sll(mpls(INNER_V4), MPLS), SLL),
    "ppp": (b"\xff\x03\0\x21" + INNER_V4, PPP),
    "ppp, no address": (b"\0\x21" + INNER_V4, PPP),
    "ppp, short protocol field": (b"\x57" + INNER_V6, PPP),
    "ppp in hdlc": (b"\xff\x03\0\x57" + INNER_V6, PPP_HDLC),
    "cisco hdlc in ppp's": (b"\x0f\0\x08\0" + INNER_V4, PPP_HDLC),
    "cisco hdlc": (b"\x8f\0\x86\xdd" + INNER_V6, C_HDLC),
    "ppp by ethertype": (ethernet(b"\0\x21" + INNER_V4, 0x880B), ETHERNET),
    "fddi": (b"\x50" + bytes(12) + snap(INNER_V4), FDDI),
    "snap": (ethernet(snap(INNER_V4), 8 + len(INNER_V4)), ETHERNET),
    "snap of 802.1H": (ethernet(snap(INNER_V6, IPV6, b"\0\0\xf8"), 8 + len(INNER_V6)), ETHERNET),
    "llc": (ethernet(b"\x06\x06\x03" + INNER_V4, 3 + len(INNER_V4)), ETHERNET),
    "802.1ah": (ethernet(bytes(4) + ethernet(vlan(INNER_V4), 0x8100), PBB), ETHERNET),
    "vn-tag": (ethernet(bytes(4) + struct.pack(">H", 0x8100) + vlan(INNER_V6, IPV6), VN_TAG), ETHERNET),
    "ethernet in ethernet": (ethernet(ethernet(INNER_V4), TEB), ETHERNET),
    "gre": (outer(gre(INNER_V4), GRE), ETHERNET),
    "gre v6 over v6": (outer_v6(gre(INNER_V6, IPV6), GRE), ETHERNET),
    "gre behind options": (outer_v6(extension(gre(INNER_V6, IPV6), GRE), 60), ETHERNET),
    "gre, sum": (outer(gre(INNER_V4, flags=0x8000, optional=bytes(4)), GRE), ETHERNET),
    "gre, key": (outer(gre(INNER_V4, flags=0x2000, optional=bytes(4)), GRE), ETHERNET),
    "gre, sum, key, sequence": (outer(gre(INNER_V4, flags=0xB000, optional=bytes(12)), GRE), ETHERNET),
    "gre, ethernet": (outer(gre(ethernet(vlan(INNER_V4), 0x8100), TEB), GRE), ETHERNET),
    "gre, mpls": (outer(gre(mpls(INNER_V4), MPLS), GRE), ETHERNET),
    "pptp": (outer(gre(b"\xff\x03\0\x21" + INNER_V4, 0x880B, 0x3081, bytes(12)), GRE), ETHERNET),
    "pptp, no acknowledgment": (outer(gre(b"\0\x21" + INNER_V4, 0x880B, 0x3001, bytes(8)), GRE), ETHERNET),
    "erspan I": (outer(gre(ethernet(INNER_V4), 0x88BE), GRE), ETHERNET),
    "erspan II": (
        outer(gre(b"\x10" + bytes(7) + ethernet(INNER_V4), 0x88BE, 0x1000, bytes(4)), GRE),
        ETHERNET,
    ),
    "erspan III": (
        outer(gre(b"\x20" + bytes(11) + ethernet(INNER_V4), 0x22EB, 0x1000, bytes(4)), GRE),
        ETHERNET,
    ),
    "erspan III, subheader": (
        outer(
            gre(b"\x20" + bytes(10) + b"\x01" + bytes(8) + ethernet(INNER_V4), 0x22EB, 0x1000, bytes(4)), GRE
        ),
        ETHERNET,
    ),
    "ip in ip": (outer(INNER_V4, 4), ETHERNET),
    "6in4": (outer(INNER_V6, 41), ETHERNET),
    "4in6": (outer_v6(INNER_V4, 4), ETHERNET),
    "6in6": (outer_v6(INNER_V6, 41), ETHERNET),
    "ip in ip in ip": (outer(ipv4(INNER_V4, 4, src="198.51.100.3"), 4), ETHERNET),
    "ip in ah": (outer(ah(INNER_V4, 4), 51), ETHERNET),
    "etherip": (outer(b"\x30\0" + ethernet(INNER_V6, IPV6), 97), ETHERNET),
    "ethernet in ip": (outer(ethernet(INNER_V6, IPV6), 143), ETHERNET),
    "gre in cooked v2": (sll2(outer(gre(INNER_V4), GRE)[14:]), SLL2),
}


def expected(frame: bytes) -> dict[str, int]:
    """The inner packet's fields: the tunnel leaves no trace."""
    inner = INNER_V6 if INNER_V6 in frame else INNER_V4
    assert inner in frame
    segment = Segment()
    assert DpktDecoder().decode(inner, len(inner), 101, segment) == result.TCP
    assert segment.payload_bytes == 1000
    assert (segment.ts_val, segment.ts_ecr) == (1, 2)
    assert segment.ttl == (63 if inner is INNER_V6 else 61)
    return fields(segment)


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("captured", [SNAP, 1 << 20], ids=["cut", "whole"])
def test_tunnel(name: str, captured: int) -> None:
    frame, link_type = FRAMES[name]
    segment = Segment()
    assert DpktDecoder().decode(frame[:captured], len(frame), link_type, segment) == result.TCP
    assert fields(segment) == expected(frame)


@pytest.mark.parametrize(
    "frame",
    [
        ethernet(pppoe(ipv4(tcp(b"x" * 100, offset=5), total=9000)), PPPOE),
        ethernet(pppoe(ipv6(tcp(b"x" * 100), length=9000), b"\0\x57"), PPPOE) + bytes(9),
        outer(ipv4(tcp(b"x" * 100), total=9000), 4) + bytes(9),
        outer(gre(ipv6(tcp(b"x" * 100), length=9000), IPV6), GRE) + bytes(9),
        outer(ipv4(tcp(b"x" * 100), total=0), 4) + bytes(9),
        outer_v6(ipv6(tcp(b"x" * 100), length=0), 41) + bytes(9),
    ],
)
def test_an_enclosing_length_bounds_the_inner_one(frame: bytes) -> None:
    segment = Segment()
    assert DpktDecoder().decode(frame, len(frame), ETHERNET, segment) == result.TCP
    assert segment.payload_bytes == 100


@pytest.mark.parametrize("name", FRAMES)
def test_cut_anywhere(name: str) -> None:
    frame, link_type = FRAMES[name]
    headers = frame.index(b"x" * 1000) - 12 - 4  # the fixed header but for checksum and urgent pointer
    for captured in range(headers):
        code = DpktDecoder().decode(frame[:captured], len(frame), link_type, Segment())
        assert code == result.TRUNCATED, captured
    assert DpktDecoder().decode(frame[:headers], len(frame), link_type, Segment()) == result.TCP


@pytest.mark.parametrize(
    "frame, link_type",
    [
        (ethernet(pppoe(b"", b"\xc0\x21"), PPPOE), ETHERNET),
        (ethernet(pppoe(INNER_V4, code=0x07), PPPOE), ETHERNET),
        (ethernet(b"\x42\x42\x03" + bytes(40), 43), ETHERNET),
        (ethernet(snap(bytes(40), 0x2000, b"\0\0\x0c"), 48), ETHERNET),
        (ethernet(snap(bytes(40), 0x0806), 48), ETHERNET),
        (outer(gre(INNER_V4, flags=0x4000, optional=bytes(8)), GRE), ETHERNET),
        (outer(gre(INNER_V4, flags=0x0002), GRE), ETHERNET),
        (outer(gre(bytes(60), 0x0806), GRE), ETHERNET),
        (outer(gre(bytes(60), 0x0004), GRE), ETHERNET),
        (outer(ipv4(bytes(30), UDP), 4), ETHERNET),
        (b"\x00" + bytes(12) + snap(INNER_V4), FDDI),
        (b"\x0f\0\0\x10" + bytes(40), C_HDLC),
    ],
)
def test_tunnels_without_tcp(frame: bytes, link_type: int) -> None:
    assert DpktDecoder().decode(frame, len(frame), link_type, Segment()) in WITHOUT_TCP


def test_nesting_without_end_ends() -> None:
    packet = tcp()
    for _ in range(2000):
        packet = ipv4(packet, 4 if packet[0] == 0x45 else TCP)
    frame = ethernet(packet)
    assert DpktDecoder().decode(frame, len(frame), ETHERNET, Segment()) == result.MALFORMED
    frame = ethernet(ethernet(b"", TEB) * 4000, TEB)
    assert DpktDecoder().decode(frame, len(frame), ETHERNET, Segment()) == result.MALFORMED
    frame = ethernet(b"\0\0\0\0" * 16000, MPLS)
    assert DpktDecoder().decode(frame, len(frame), ETHERNET, Segment()) == result.MALFORMED
