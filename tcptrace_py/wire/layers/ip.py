"""IPv4 and IPv6 with their extension headers and fragments, ICMP errors (RFC 791, 8200, 4302)."""

from __future__ import annotations

from tcptrace_py.wire import headers
from tcptrace_py.wire.icmp import ERROR_TYPES, read_icmp_error
from tcptrace_py.wire.layers.walk import (
    ETHERTYPES,
    IPV4_PROTOCOLS,
    IPV6_PROTOCOLS,
    LINK_TYPES,
    PPP_PROTOCOLS,
    UDP_PORTS,
    Step,
    Walk,
    by_ip_protocol,
    by_ip_version,
    layer,
    need,
    u8,
    u16,
)
from tcptrace_py.wire.result import FRAGMENT, ICMP_ERROR, MALFORMED, NOT_TCP
from tcptrace_py.wire.undecoded import IP_PROTOCOL

_LOW_64 = (1 << 64) - 1
_ICMP, _UDP, _ICMPV6 = 1, 17, 58
# Raw IP; DLT_RAW in old files.
layer(LINK_TYPES, 101, 12, 14)(by_ip_version)


@layer(LINK_TYPES, 228)
@layer(ETHERTYPES, 0x0800)
@layer(PPP_PROTOCOLS, 0x0021)
def ipv4(walk: Walk, buf: bytes, wire: int) -> Step:
    header = headers.Ipv4Header(buf)
    header_bytes = header.hl << 2
    # No total length: captured before segmentation offload filled it in.
    total = header.len or wire
    if walk.enclosed:
        total = min(total, wire)
    if header.v != 4 or header.hl < 5 or total < header_bytes:
        return MALFORMED
    segment = walk.segment
    segment.ip_version = 4
    segment.ip_id = header.id
    segment.ttl = header.ttl
    segment.src_hi = 0
    segment.src_lo = int.from_bytes(header.src, "big")
    segment.dst_hi = 0
    segment.dst_lo = int.from_bytes(header.dst, "big")
    buf, wire = buf[header_bytes:total], total - header_bytes
    walk.enclosed = True
    if not header.mf and not header.offset:
        return by_ip_protocol(walk, header.p, buf, wire)
    key = (4, segment.src_lo, segment.dst_lo, header.p, header.id)
    return _fragment(walk, key, header.offset << 3, bool(header.mf), header.p, buf, wire)


@layer(LINK_TYPES, 229)
@layer(ETHERTYPES, 0x86DD)
@layer(PPP_PROTOCOLS, 0x0057)
def ipv6(walk: Walk, buf: bytes, wire: int) -> Step:
    header = headers.Ipv6Header(buf)
    # No payload length: a jumbogram (RFC 2675), segmentation offload, or really nothing.
    length = header.plen or wire - 40
    if walk.enclosed:
        length = min(length, wire - 40)
    if header.v != 6 or length < 0:
        return MALFORMED
    src = int.from_bytes(header.src, "big")
    dst = int.from_bytes(header.dst, "big")
    segment = walk.segment
    segment.ip_version = 6
    segment.ip_id = 0
    segment.ttl = header.hlim
    segment.src_hi = src >> 64
    segment.src_lo = src & _LOW_64
    segment.dst_hi = dst >> 64
    segment.dst_lo = dst & _LOW_64
    walk.enclosed = True
    return by_ip_protocol(walk, header.nxt, header.data[:length], length)


# Hop-by-hop options, routing, destination options; mobility (RFC 6275), HIP (RFC 7401), and
# shim6 (RFC 5533), which say what follows them although it is mostly nothing.
@layer(IPV6_PROTOCOLS, 0, 43, 60, 135, 139, 140)
def extension(walk: Walk, buf: bytes, wire: int) -> Step:
    if wire < 8:
        return MALFORMED
    header = headers.ExtensionHeader(buf)
    size = (header.len + 1) << 3
    if size > wire:
        return MALFORMED
    return by_ip_protocol(walk, header.nxt, buf[size:], wire - size)


@layer(IPV4_PROTOCOLS, 51)
@layer(IPV6_PROTOCOLS, 51)
def authentication(walk: Walk, buf: bytes, wire: int) -> Step:
    if wire < (12 if walk.segment.ip_version == 4 else 8):
        return MALFORMED
    need(buf, 12 if walk.segment.ip_version == 4 else 8)
    header = headers.ExtensionHeader(buf)
    size = (header.len + 2) << 2  # RFC 4302 section 2.2: in units of 4 bytes
    if size > wire or size < 12:
        return MALFORMED
    return by_ip_protocol(walk, header.nxt, buf[size:], wire - size)


@layer(IPV6_PROTOCOLS, 44)
def ipv6_fragment(walk: Walk, buf: bytes, wire: int) -> Step:
    if wire < 8:
        return MALFORMED
    header = headers.FragmentHeader(buf)
    buf, wire = buf[8:], wire - 8
    if not header.frag_off and not header.m_flag:  # an atomic fragment (RFC 6946)
        return by_ip_protocol(walk, header.nxt, buf, wire)
    segment = walk.segment
    key = (6, segment.src_hi, segment.src_lo, segment.dst_hi, segment.dst_lo, header.id)
    return _fragment(walk, key, header.frag_off << 3, bool(header.m_flag), header.nxt, buf, wire)


def _fragment(
    walk: Walk, key: tuple[int, ...], start: int, more: bool, protocol: int, buf: bytes, wire: int
) -> Step:
    known = IPV4_PROTOCOLS if walk.segment.ip_version == 4 else IPV6_PROTOCOLS
    if protocol in (_ICMP, _ICMPV6):
        return NOT_TCP  # what an error quotes would be in its first piece, but errors are short
    if protocol not in known:
        return walk.stop(IP_PROTOCOL, protocol)
    if protocol == _UDP and start == 0 and len(buf) >= 4 and not _is_tunnel(buf):
        walk.fragments.refuse(key, walk.segment.ts_ns)
    if walk.fragments.refused(key, walk.segment.ts_ns):
        return NOT_TCP
    whole = walk.fragments.add(key, start, wire, more, buf, protocol, walk.segment.ts_ns)
    if whole is None:
        return FRAGMENT
    return by_ip_protocol(walk, whole.protocol, whole.front, whole.length_bytes)


def _is_tunnel(udp: bytes) -> bool:
    return u16(udp, 2) in UDP_PORTS or u16(udp, 0) in UDP_PORTS


@layer(IPV4_PROTOCOLS, _ICMP)
@layer(IPV6_PROTOCOLS, _ICMPV6)
def icmp(walk: Walk, buf: bytes, wire: int) -> Step:
    segment = walk.segment
    if wire < 1:
        return MALFORMED
    if u8(buf, 0) not in ERROR_TYPES[segment.ip_version]:
        return NOT_TCP
    error = read_icmp_error(buf, segment.ip_version, segment.src_hi, segment.src_lo)
    if error is None:
        return NOT_TCP
    walk.icmp_error = error
    return ICMP_ERROR
