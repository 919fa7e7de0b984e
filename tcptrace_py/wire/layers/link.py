"""Link types that put a small header of their own before IP, Ethernet or LLC.

By the pcap link-type registry (tcpdump.org/linktypes.html) and what it refers to.
"""

from __future__ import annotations

from tcptrace_py.wire import headers
from tcptrace_py.wire.layers.ethernet import ethernet, llc
from tcptrace_py.wire.layers.walk import (
    ETHERTYPES,
    LARGEST_LENGTH,
    LINK_TYPES,
    MAX_PARTS,
    Step,
    Walk,
    by_ethertype,
    by_ip_version,
    by_link_type,
    layer,
    need,
    u8,
    u16,
    u16_little,
    u32,
    u32_little,
)
from tcptrace_py.wire.result import FRAGMENT, MALFORMED, NOT_TCP
from tcptrace_py.wire.undecoded import ETHERTYPE, LINK_TYPE

_AF_INET6 = frozenset((10, 23, 24, 28, 30))
# ARPHRD_ value of Linux: a cooked frame begins with radiotap's header.
_ARPHRD_RADIOTAP, _RADIOTAP = 803, 127


@layer(LINK_TYPES, 0, 108)
def loopback(walk: Walk, buf: bytes, wire: int) -> Step:
    """BSD's, in the byte order of the host that captured, and OpenBSD's, in network byte order."""
    family = headers.LoopbackHeader(buf).family
    if family & 0xFFFF == 0:
        family = int.from_bytes(buf[:2], "little")
    if family == 2:
        return ETHERTYPES[0x0800], buf[4:], wire - 4
    if family in _AF_INET6:
        return ETHERTYPES[0x86DD], buf[4:], wire - 4
    return NOT_TCP


@layer(LINK_TYPES, 113)
def cooked(walk: Walk, buf: bytes, wire: int) -> Step:
    header = headers.SllHeader(buf)
    return _cooked(walk, header.hrd, header.ethtype, buf[16:], wire - 16)


@layer(LINK_TYPES, 276)
def cooked_2(walk: Walk, buf: bytes, wire: int) -> Step:
    header = headers.Sll2Header(buf)
    return _cooked(walk, header.hrd, header.ethtype, buf[20:], wire - 20)


def _cooked(walk: Walk, hardware: int, number: int, buf: bytes, wire: int) -> Step:
    if number > LARGEST_LENGTH:
        return by_ethertype(walk, number, buf, wire)
    # Not a length: Linux' own numbers for what has no EtherType.
    if hardware == _ARPHRD_RADIOTAP:
        return by_link_type(walk, _RADIOTAP, buf, wire)
    if number == 4:
        return llc, buf, wire
    return walk.stop(ETHERTYPE, number)


@layer(LINK_TYPES, 10)
def fddi(walk: Walk, buf: bytes, wire: int) -> Step:
    if headers.FddiHeader(buf).frame_control & 0xF0 != 0x50:
        return NOT_TCP  # no LLC frame
    return llc, buf[13:], wire - 13


@layer(LINK_TYPES, 6)
def token_ring(walk: Walk, buf: bytes, wire: int) -> Step:
    """IEEE 802.5: access and frame control, addresses, and a route where the source's first bit says so."""
    need(buf, 14)
    if buf[1] >> 6 != 1:
        return NOT_TCP  # a MAC frame
    size = 14
    if buf[8] & 0x80:
        route = u8(buf, 14) & 0x1F
        if route < 2 or route & 1:
            return MALFORMED
        size += route
    need(buf, size)
    return llc, buf[size:], wire - size


@layer(LINK_TYPES, 7)
def arcnet(walk: Walk, buf: bytes, wire: int) -> Step:
    return _arcnet(walk, buf, wire, 2)


@layer(LINK_TYPES, 129)
def arcnet_linux(walk: Walk, buf: bytes, wire: int) -> Step:
    return _arcnet(walk, buf, wire, 4)  # two bytes of offset besides


def _arcnet(walk: Walk, buf: bytes, wire: int, at: int) -> Step:
    """RFC 1201: the protocol, split flag and sequence number; RFC 1051 has the protocol alone."""
    protocol = u8(buf, at)
    if protocol == 240:
        return ETHERTYPES[0x0800], buf[at + 1 :], wire - at - 1
    if protocol not in (196, 212):
        return NOT_TCP
    split = u8(buf, at + 1)
    if split == 0xFF:  # an exception: filled up, and said again behind the filling
        at += 4
        split = u8(buf, at + 1)
    need(buf, at + 4)
    if split & 1 == 0 and split:
        return FRAGMENT  # the first piece, whose flag is odd, has the headers
    return by_ip_version(walk, buf[at + 4 :], wire - at - 4)


@layer(LINK_TYPES, 8)
def slip(walk: Walk, buf: bytes, wire: int) -> Step:
    """Direction and the compressed header as it came; what follows is decompressed."""
    need(buf, 16)
    return by_ip_version(walk, buf[16:], wire - 16)


@layer(LINK_TYPES, 100)
def atm_rfc1483(walk: Walk, buf: bytes, wire: int) -> Step:
    return llc, buf, wire


@layer(LINK_TYPES, 106)
def atm_clip(walk: Walk, buf: bytes, wire: int) -> Step:
    """Classical IP over ATM on Linux: LLC and SNAP, or IP at once."""
    if u8(buf, 0) >> 4 in (4, 6):
        return by_ip_version(walk, buf, wire)
    return llc, buf, wire


@layer(LINK_TYPES, 123)
def sun_atm(walk: Walk, buf: bytes, wire: int) -> Step:
    """Direction and type, VPI, VCI; then LLC, or LAN emulation with its two bytes before Ethernet."""
    need(buf, 4)
    kind = buf[0] & 0x0F
    if kind == 2:
        return llc, buf[4:], wire - 4
    if kind == 1:
        need(buf, 6)
        return ethernet, buf[6:], wire - 6
    return NOT_TCP


@layer(LINK_TYPES, 109)
def enc(walk: Walk, buf: bytes, wire: int) -> Step:
    """OpenBSD's view of IPsec, decrypted: family, SPI, flags."""
    need(buf, 12)
    return by_ip_version(walk, buf[12:], wire - 12)


@layer(LINK_TYPES, 117)
def pflog(walk: Walk, buf: bytes, wire: int) -> Step:
    """The header says its length without what fills it up to a multiple of four."""
    size = (u8(buf, 0) + 3) & ~3
    if size < 48:
        return MALFORMED
    need(buf, size)
    return by_ip_version(walk, buf[size:], wire - size)


@layer(LINK_TYPES, 122)
def ip_over_fibre_channel(walk: Walk, buf: bytes, wire: int) -> Step:
    """RFC 4338: two addresses of eight bytes, then LLC."""
    need(buf, 16)
    return llc, buf[16:], wire - 16


@layer(LINK_TYPES, 138)
def ieee_1394(walk: Walk, buf: bytes, wire: int) -> Step:
    """Apple's IP over FireWire: two addresses of eight bytes, then an EtherType."""
    return by_ethertype(walk, u16(buf, 16), buf[18:], wire - 18)


# LINKTYPE_IPOIB: the destination's 40 bytes come before RFC 4391's own four.
@layer(LINK_TYPES, 242)
def ip_over_infiniband(walk: Walk, buf: bytes, wire: int) -> Step:
    return by_ethertype(walk, u16(buf, 40), buf[44:], wire - 44)


@layer(LINK_TYPES, 197)
def erf(walk: Walk, buf: bytes, wire: int) -> Step:
    """Endace's record: time, type, flags, lengths; extension headers of eight bytes while bit 7 says so."""
    kind = u8(buf, 8)
    need(buf, 16)
    size = 16
    more = kind & 0x80
    for _ in range(MAX_PARTS):
        if not more:
            break
        more = u8(buf, size) & 0x80
        size += 8
    need(buf, size)
    buf, wire = buf[size:], wire - size
    kind &= 0x7F
    if kind in (2, 11, 16, 20):  # Ethernet, of a colour, by a hash; two bytes before it
        need(buf, 2)
        return ethernet, buf[2:], wire - 2
    if kind in (1, 10, 15, 19):  # HDLC
        return by_link_type(walk, 50, buf, wire)
    if kind == 22:
        return ETHERTYPES[0x0800], buf, wire
    if kind == 23:
        return ETHERTYPES[0x86DD], buf, wire
    if kind in (27, 48):  # metadata, padding
        return NOT_TCP
    return walk.stop(LINK_TYPE, 197)


@layer(LINK_TYPES, 226)
def ipnet(walk: Walk, buf: bytes, wire: int) -> Step:
    """Solaris: version, family, hook, length, interfaces and zones."""
    need(buf, 24)
    return by_ip_version(walk, buf[24:], wire - 24)


@layer(LINK_TYPES, 239)
def nflog(walk: Walk, buf: bytes, wire: int) -> Step:
    """Linux: family, version, group; then length, type and value of each attribute, one the packet.

    Lengths are in the byte order of the host that captured, and tell it.
    """
    need(buf, 4)
    at = 4
    for _ in range(MAX_PARTS):
        if at >= wire:
            break
        size, kind = u16_little(buf, at), u16_little(buf, at + 2)
        if kind & 0xFF == 0:  # no attribute has as high a number
            size, kind = u16(buf, at), u16(buf, at + 2)
        if size < 4:
            return MALFORMED
        if kind == 9:
            end = at + size
            return by_ip_version(walk, buf[at + 4 : end], min(wire, end) - at - 4)
        at += (size + 3) & ~3
    return NOT_TCP


@layer(LINK_TYPES, 258)
def pktap(walk: Walk, buf: bytes, wire: int) -> Step:
    """Apple's: its length, what the record is, the link type of what follows."""
    size, kind, link_type = u32_little(buf, 0), u32_little(buf, 4), u32_little(buf, 8)
    if size < 12 or size > wire:
        return MALFORMED
    if kind != 1:
        return NOT_TCP
    need(buf, size)
    return by_link_type(walk, link_type, buf[size:], wire - size)


def _switch_tag(walk: Walk, buf: bytes, wire: int, size: int) -> Step:
    """A switch's own tag between the addresses and the EtherType."""
    need(buf, 12 + size)
    return ethernet, buf[:12] + buf[12 + size :], wire - size


@layer(LINK_TYPES, 281, 284)
def switch_tag_4(walk: Walk, buf: bytes, wire: int) -> Step:
    """Broadcom's and Marvell's."""
    return _switch_tag(walk, buf, wire, 4)


@layer(LINK_TYPES, 285)
def switch_tag_8(walk: Walk, buf: bytes, wire: int) -> Step:
    """Marvell's with an EtherType."""
    return _switch_tag(walk, buf, wire, 8)


@layer(LINK_TYPES, 282)
def switch_tag_before(walk: Walk, buf: bytes, wire: int) -> Step:
    """Broadcom's, before the addresses."""
    need(buf, 4)
    return ethernet, buf[4:], wire - 4


# --- Juniper

_JUNIPER_MAGIC = 0x4D4743
_JUNIPER_LINKS = {167: 51, 178: 1, 179: 9, 180: 107, 181: 104}


def _juniper(link_type: int) -> None:
    @layer(LINK_TYPES, link_type)
    def juniper(walk: Walk, buf: bytes, wire: int) -> Step:
        """Magic, flags, extensions by their length; the link layer's header may be left out."""
        flags = u8(buf, 3)
        if u32(buf, 0) >> 8 != _JUNIPER_MAGIC:
            return MALFORMED
        size = 6 + u16(buf, 4) if flags & 0x80 else 4
        if flags & 0x02:  # no header of the link layer: the address family in its place
            size += 4
            need(buf, size)
            return by_ip_version(walk, buf[size:], wire - size)
        need(buf, size)
        return by_link_type(walk, _JUNIPER_LINKS[link_type], buf[size:], wire - size)


for _number in _JUNIPER_LINKS:
    _juniper(_number)
