"""Tunnels that ride on UDP, by either port, as Wireshark does it; GTP-U by its form besides."""

from __future__ import annotations

from functools import partial

from tcptrace_py.wire import headers
from tcptrace_py.wire.layers.ethernet import NEXT_PROTOCOLS, ethernet
from tcptrace_py.wire.layers.serial import ppp_in_hdlc
from tcptrace_py.wire.layers.walk import (
    ETHERTYPES,
    IPV4_PROTOCOLS,
    IPV6_PROTOCOLS,
    LARGEST_LENGTH,
    MAX_PARTS,
    UDP_PORTS,
    Step,
    Walk,
    by_ethertype,
    by_ip_version,
    by_link_type,
    layer,
    need,
    u8,
    u16,
    u24,
)
from tcptrace_py.wire.layers.wireless import ieee_802_11_of_cisco
from tcptrace_py.wire.result import FRAGMENT, MALFORMED, NOT_TCP
from tcptrace_py.wire.undecoded import ENCRYPTED_PORTS, UDP_PORT

_GTP_U = 2152
_CAPWAP = 5247


@layer(IPV4_PROTOCOLS, 17)
@layer(IPV6_PROTOCOLS, 17)
def udp(walk: Walk, buf: bytes, wire: int) -> Step:
    if len(buf) < 4:
        return NOT_TCP
    src, dst = u16(buf, 0), u16(buf, 2)
    found = UDP_PORTS.get(dst) or UDP_PORTS.get(src)
    if found is None:
        for port in (dst, src):
            if port in ENCRYPTED_PORTS:
                return walk.stop(UDP_PORT, port)
        if not has_the_form_of_gtp_u(buf, wire):
            return NOT_TCP
        found = gtp_u
    if wire < 8:
        return MALFORMED
    header = headers.UdpHeader(buf)
    # No length: a jumbogram (RFC 2675 section 4), or segmentation offload.
    wire = min(wire, header.ulen or wire) - 8
    if wire < 8:
        return NOT_TCP
    return found, header.data[:wire], wire


@layer(UDP_PORTS, 4789, 8472)
def vxlan(walk: Walk, buf: bytes, wire: int) -> Step:
    """RFC 7348 section 5; 8472 is Linux' port from before it had a number."""
    header = headers.VxlanHeader(buf)
    if not header.flags & 0x08:  # there is no valid VNI
        return NOT_TCP
    walk.comes_through("vxlan", header.vni)
    return ethernet, header.data, wire - 8


@layer(UDP_PORTS, 4790)
def vxlan_gpe(walk: Walk, buf: bytes, wire: int) -> Step:
    """draft-ietf-nvo3-vxlan-gpe."""
    header = headers.VxlanHeader(buf)
    if not header.flags & 0x08:
        return NOT_TCP
    if header.flags & 0x30 or header.next not in NEXT_PROTOCOLS:  # another version, or nothing we know
        return walk.stop(UDP_PORT, 4790)
    walk.comes_through("vxlan-gpe", header.vni)
    return by_ethertype(walk, NEXT_PROTOCOLS[header.next], header.data, wire - 8)


@layer(UDP_PORTS, 6081)
def geneve(walk: Walk, buf: bytes, wire: int) -> Step:
    """RFC 8926 section 3.4."""
    header = headers.GeneveHeader(buf)
    size = header.options_bytes
    if header.version or header.protocol <= LARGEST_LENGTH:
        return NOT_TCP
    if size > wire - 8:
        return MALFORMED
    walk.comes_through("geneve", header.vni)
    return by_ethertype(walk, header.protocol, header.data[size:], wire - 8 - size)


@layer(UDP_PORTS, _GTP_U)
def gtp_u(walk: Walk, buf: bytes, wire: int) -> Step:
    """3GPP TS 29.281 section 5.1."""
    header = headers.GtpHeader(buf)
    if header.flags >> 4 != 3 or header.type != 255:  # version 1, and a user's packet
        return NOT_TCP
    wire = min(wire - 8, header.len)
    buf = header.data[:wire]
    walk.comes_through("gtp-u", header.teid)
    if header.flags & 0x07:
        # Sequence and N-PDU numbers, then the type of the first extension header.
        need(buf, 4)
        return gtp_u_extension(buf[3] if header.flags & 0x04 else 0, walk, buf[4:], wire - 4)
    return _gtp_u_packet(walk, buf, wire)


def gtp_u_extension(kind: int, walk: Walk, buf: bytes, wire: int) -> Step:
    """Section 5.2: a length in words of four bytes; the last byte is the next one's type."""
    if kind == 0:
        return _gtp_u_packet(walk, buf, wire)
    size = u8(buf, 0) << 2
    if size == 0 or size > wire:
        return MALFORMED
    following = u8(buf, size - 1)
    return partial(gtp_u_extension, following), buf[size:], wire - size


def _gtp_u_packet(walk: Walk, buf: bytes, wire: int) -> Step:
    if u8(buf, 0) >> 4 not in (4, 6):
        return NOT_TCP
    return by_ip_version(walk, buf, wire)


def has_the_form_of_gtp_u(buf: bytes, wire: int) -> bool:
    """Whether this UDP datagram can only be GTP-U, on whatever port: see ``docs/formats.md``.

    Version 1, a user's packet, no options; three lengths that agree to the byte (UDP's, GTP's and
    the inner IP's); and IPv4's checksum, or the address of an IPv6 host.
    """
    if len(buf) < 36 or buf[8] != 0x30 or buf[9] != 255:
        return False
    length = u16(buf, 10)
    if u16(buf, 4) != wire or length != wire - 16:
        return False
    inner = buf[16:]
    if inner[0] == 0x45:
        total = sum(u16(inner, at) for at in range(0, 20, 2))
        return u16(inner, 2) == length and total % 0xFFFF == 0
    if inner[0] >> 4 == 6 and len(inner) >= 40:
        return u16(inner, 4) == length - 40 and inner[6] == 6 and inner[8] >> 5 in (1, 7)
    return False


@layer(UDP_PORTS, 1701)
def l2tp(walk: Walk, buf: bytes, wire: int) -> Step:
    """L2TPv2 (RFC 2661 section 3.1): flags say which fields there are; PPP follows."""
    flags = u16(buf, 0)
    version = flags & 0x0F
    if version == 3:  # RFC 3931: how long its cookie is was agreed upon beforehand
        return NOT_TCP if flags & 0x8000 else walk.stop(UDP_PORT, 1701)
    if version != 2 or flags & 0x8000:  # a control message
        return NOT_TCP
    at = 2
    if flags & 0x4000:
        wire = min(wire, u16(buf, at))
        at += 2
    session = u16(buf, at + 2)
    at += 4
    if flags & 0x0800:
        at += 4
    if flags & 0x0200:
        at += 2 + u16(buf, at)
    if at > wire:
        return MALFORMED
    need(buf, at)
    walk.comes_through("l2tp", session)
    return ppp_in_hdlc, buf[at:wire], wire - at


@layer(UDP_PORTS, 3544)
def teredo(walk: Walk, buf: bytes, wire: int) -> Step:
    """RFC 4380 section 5.1.1: an authentication and an origin may come before the packet."""
    if u16(buf, 0) == 1:
        size = 13 + u8(buf, 2) + u8(buf, 3)
        need(buf, size)
        buf, wire = buf[size:], wire - size
    if u16(buf, 0) == 0:
        need(buf, 8)
        buf, wire = buf[8:], wire - 8
    if u8(buf, 0) >> 4 != 6:
        return NOT_TCP
    walk.comes_through("teredo")
    return ETHERTYPES[0x86DD], buf, wire


@layer(UDP_PORTS, 5072)
def ayiya(walk: Walk, buf: bytes, wire: int) -> Step:
    """draft-massar-v6ops-ayiya-02: lengths of identity and signature, the next header, a time."""
    need(buf, 8)
    size = 8 + (1 << (buf[0] >> 4)) + (buf[1] >> 4 << 2)
    if buf[2] & 0x0F != 1 or buf[3] not in (4, 41) or size > wire:  # only "forward" carries a packet
        return NOT_TCP
    need(buf, size)
    walk.comes_through("ayiya")
    return by_ip_version(walk, buf[size:], wire - size)


@layer(UDP_PORTS, 4341)
def lisp(walk: Walk, buf: bytes, wire: int) -> Step:
    """RFC 9300 section 5: eight bytes, then IP."""
    need(buf, 9)
    if buf[8] >> 4 not in (4, 6):
        return NOT_TCP
    walk.comes_through("lisp")
    return by_ip_version(walk, buf[8:], wire - 8)


@layer(UDP_PORTS, 37008)
def tzsp(walk: Walk, buf: bytes, wire: int) -> Step:
    """TaZmen Sniffer Protocol: version, type, what it carries; then tags, ended by the tag 1."""
    need(buf, 4)
    if buf[0] != 1 or buf[1] not in (0, 1):
        return NOT_TCP
    number = u16(buf, 2)
    at = 4
    for _ in range(MAX_PARTS):
        if u8(buf, at) == 1:
            break
        at += 1 if buf[at] == 0 else 2 + u8(buf, at + 1)
    else:
        return MALFORMED
    walk.comes_through("tzsp")
    link_type = _TZSP_LINKS.get(number)
    if link_type is None:
        return walk.stop(UDP_PORT, 37008)
    return by_link_type(walk, link_type, buf[at + 1 :], wire - at - 1)


_TZSP_LINKS = {1: 1, 18: 105, 119: 119, 127: 163}


@layer(UDP_PORTS, _CAPWAP)
def capwap(walk: Walk, buf: bytes, wire: int) -> Step:
    """RFC 5415 section 4.3: the frames of a wireless client, 802.3 or 802.11; in pieces if too long."""
    if u8(buf, 0) == 1:
        return walk.stop(UDP_PORT, _CAPWAP)  # DTLS
    if buf[0] != 0:
        return NOT_TCP
    bits = u24(buf, 1)
    size = bits >> 19 << 2
    radio, native, piece, last, keep_alive = (
        bits >> 9 & 0x1F,
        bits & 0x100,
        bits & 0x80,
        bits & 0x40,
        bits & 8,
    )
    if size < 8 or size > wire:
        return MALFORMED
    need(buf, size)
    if keep_alive:
        return NOT_TCP
    ident, start = u16(buf, 4), u16(buf, 6) & 0xFFF8
    buf, wire = buf[size:], wire - size
    if piece:
        segment = walk.segment
        key = (_CAPWAP, segment.src_hi, segment.src_lo, segment.dst_hi, segment.dst_lo, ident)
        whole = walk.fragments.add(key, start, wire, not last, buf, 0, segment.ts_ns)
        if whole is None:
            return FRAGMENT
        buf, wire = whole.front, whole.length_bytes
    walk.comes_through("capwap")
    if not native:
        return ethernet, buf, wire
    if radio != 1:
        return walk.stop(UDP_PORT, _CAPWAP)
    return ieee_802_11_of_cisco, buf, wire
