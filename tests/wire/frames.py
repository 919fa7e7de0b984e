"""Frames made byte by byte, layer by layer: each function puts its header before ``payload``."""

from __future__ import annotations

import ipaddress
import struct

from tcptrace_py.wire import result
from tcptrace_py.wire.segment import ACK, Segment

ETHERNET, NULL, LOOP, RAW, SLL, SLL2 = 1, 0, 108, 101, 113, 276
IPV4, IPV6 = 0x0800, 0x86DD
TCP, UDP, ICMP, ICMPV6, GRE, AH, FRAGMENT = 6, 17, 1, 58, 47, 51, 44

#: Codes of frames that hold no TCP, or none that can be found.
WITHOUT_TCP = frozenset((result.NOT_TCP, result.UNDECODED))

#: What a decoder fills; ``ts_ns`` and ``frame`` are not the frame's.
FIELDS = (
    "ip_version src_hi src_lo dst_hi dst_lo src_port dst_port seq ack flags window payload_bytes checksum "
    "ip_id ttl mss_bytes window_scale sack_permitted has_timestamps ts_val ts_ecr sack_blocks sack_left "
    "sack_right fast_open_cookie_bytes mptcp tls_alert begins_with"
).split()


def fields(segment: Segment) -> dict[str, int]:
    return {name: getattr(segment, name) for name in FIELDS}


def ethernet(payload: bytes, ethertype: int = IPV4) -> bytes:
    return b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01" + struct.pack(">H", ethertype) + payload


def vlan(payload: bytes, ethertype: int = IPV4, tci: int = 7) -> bytes:
    """A tag's last two bytes and the next EtherType; the tag's own type stands before it."""
    return struct.pack(">HH", tci, ethertype) + payload


def sll(payload: bytes, ethertype: int = IPV4) -> bytes:
    return struct.pack(">HHH8sH", 4, 1, 6, b"\x02\0\0\0\0\x01\0\0", ethertype) + payload


def sll2(payload: bytes, ethertype: int = IPV4) -> bytes:
    return struct.pack(">HHIHBB8s", ethertype, 0, 3, 1, 4, 6, b"\x02\0\0\0\0\x01\0\0") + payload


def ipv4(
    payload: bytes,
    protocol: int = TCP,
    *,
    src: str = "10.1.2.3",
    dst: str = "192.0.2.200",
    options: bytes = b"",
    total: int | None = None,
    flags_offset: int = 0x4000,
    version: int = 4,
    ihl: int | None = None,
    ident: int = 0xBEEF,
    ttl: int = 61,
) -> bytes:
    assert len(options) % 4 == 0
    if total is None:
        total = 20 + len(options) + len(payload)
    if ihl is None:
        ihl = 5 + len(options) // 4
    return (
        struct.pack(">BBHHHBBH", version << 4 | ihl, 0, total, ident, flags_offset, ttl, protocol, 0)
        + ipaddress.IPv4Address(src).packed
        + ipaddress.IPv4Address(dst).packed
        + options
        + payload
    )


def ipv6(
    payload: bytes,
    protocol: int = TCP,
    *,
    src: str = "2001:db8:1:2:3:4:5:6",
    dst: str = "fe80::ff:fe00:1",
    length: int | None = None,
    version: int = 6,
    hop_limit: int = 63,
) -> bytes:
    length = len(payload) if length is None else length
    return (
        struct.pack(">IHBB", version << 28 | 0x12345, length, protocol, hop_limit)
        + ipaddress.IPv6Address(src).packed
        + ipaddress.IPv6Address(dst).packed
        + payload
    )


def extension(payload: bytes, protocol: int, size: int = 8) -> bytes:
    """Hop-by-hop options, destination options or routing: all alike but for what fills them."""
    assert size % 8 == 0
    return bytes((protocol, size // 8 - 1)) + bytes(size - 2) + payload


def ah(payload: bytes, protocol: int, size: int = 24) -> bytes:
    assert size % 4 == 0
    return bytes((protocol, size // 4 - 2)) + bytes(size - 2) + payload


def ipv6_fragment(payload: bytes, protocol: int, offset: int, more: bool, ident: int = 77) -> bytes:
    assert offset % 8 == 0
    return struct.pack(">BBHI", protocol, 0, offset | more, ident) + payload


def tcp(
    payload: bytes = b"",
    *,
    sport: int = 49152,
    dport: int = 443,
    seq: int = 0xFEDCBA98,
    ack: int = 0x89ABCDEF,
    flags: int = ACK,
    window: int = 0xFDE8,
    options: bytes = b"",
    offset: int | None = None,
    reserved: int = 0,
    checksum: int = 0xCAFE,
) -> bytes:
    if offset is None:
        options = options + bytes(-len(options) % 4)
        offset = 5 + len(options) // 4
    return (
        struct.pack(">HHIIBBHHH", sport, dport, seq, ack, offset << 4 | reserved, flags, window, checksum, 0)
        + options
        + payload
    )
