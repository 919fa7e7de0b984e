"""Ethernet, its tags, LLC and SNAP, MPLS, and what else an EtherType names (IEEE 802.3, 802.1Q, 802.2)."""

from __future__ import annotations

from tcptrace_py.wire import headers
from tcptrace_py.wire.layers.walk import (
    ETHERTYPES,
    IPV4_PROTOCOLS,
    IPV6_PROTOCOLS,
    LARGEST_LENGTH,
    LINK_TYPES,
    PPP_PROTOCOLS,
    UDP_PORTS,
    Layer,
    Step,
    Walk,
    by_ethertype,
    by_ip_version,
    layer,
    need,
    u8,
    u16,
)
from tcptrace_py.wire.result import NOT_TCP
from tcptrace_py.wire.undecoded import ENCRYPTED, ETHERTYPE, LLC, MACSEC, SNAP

# Destinations of Cisco's ISL, without their last byte.
_ISL = (b"\x01\x00\x0c\x00\x00", b"\x03\x00\x0c\x00\x00")
# Types that a frame may begin with: by these a frame is known where it is not said where it begins.
_USUAL_TYPES = frozenset((0x0800, 0x0806, 0x8100, 0x86DD, 0x8847, 0x8863, 0x8864, 0x88A8, 0x88CC))
# RFC 1042, and the bridge tunnel encapsulation of IEEE 802.1H: a type follows.
_TYPED_OUIS = (b"\0\0\0", b"\0\0\xf8")
# RFC 2427 and RFC 2684: a bridged frame, by media. Ethernet with and without its check sequence.
_BRIDGED_OUI = b"\x00\x80\xc2"
_BRIDGED_ETHERNET = (0x0001, 0x0007)
# SAPs of IP, and of what has its type in a SNAP header.
_SAP_IP = 0x06


@layer(LINK_TYPES, 1)
@layer(ETHERTYPES, 0x6558)
def ethernet(walk: Walk, buf: bytes, wire: int) -> Step:
    header = headers.EthernetHeader(buf)
    if header.type <= LARGEST_LENGTH:
        if header.dst[:5] in _ISL:
            return isl, buf, wire
        return llc, header.data, min(wire - 14, header.type)
    return by_ethertype(walk, header.type, header.data, wire - 14)


def ethernet_at(buf: bytes, *offsets: int) -> int:
    """Where an Ethernet frame probably begins: where its type is a usual one, else at the last offset."""
    for at in offsets:
        if int.from_bytes(buf[at + 12 : at + 14], "big") in _USUAL_TYPES:
            return at
    return offsets[-1]


def isl(walk: Walk, buf: bytes, wire: int) -> Step:
    """Cisco's Inter-Switch Link: 26 bytes, then the whole frame; the fourth bits say what frame."""
    if u8(buf, 5) >> 4 != 0:  # Token Ring, FDDI or ATM
        return walk.stop(ETHERTYPE, 0)
    need(buf, 26)
    return ethernet, buf[26:], wire - 26


def _tag(size_bytes: int) -> Layer:
    """A tag: its last two bytes are the next EtherType, or a length."""

    def tag(walk: Walk, buf: bytes, wire: int) -> Step:
        number = u16(buf, size_bytes - 2)
        buf, wire = buf[size_bytes:], wire - size_bytes
        if number <= LARGEST_LENGTH:
            return llc, buf, min(wire, number)
        return by_ethertype(walk, number, buf, wire)

    return tag


# IEEE 802.1Q, 802.1ad and what QinQ used before it; 802.1Q's congestion notification tag.
layer(ETHERTYPES, 0x8100, 0x88A8, 0x9100, 0x9200, 0x22E9)(_tag(4))
# VN-Tag (802.1BR's forerunner), HSR (IEC 62439-3), 802.1CB's redundancy tag.
layer(ETHERTYPES, 0x8926, 0x892F, 0xF1C1)(_tag(6))
# 802.1BR's E-TAG.
layer(ETHERTYPES, 0x893F)(_tag(8))


@layer(ETHERTYPES, 0x8909)
def cisco_metadata(walk: Walk, buf: bytes, wire: int) -> Step:
    """Version and length, then four bytes of option (a security group), then the next EtherType."""
    if u16(buf, 0) != 0x0101:
        return walk.stop(ETHERTYPE, 0x8909)
    return _tag(8)(walk, buf, wire)


@layer(ETHERTYPES, 0x88E7)
def backbone(walk: Walk, buf: bytes, wire: int) -> Step:
    """IEEE 802.1ah: a service tag, then the customer's Ethernet."""
    return ethernet, buf[4:], wire - 4


@layer(ETHERTYPES, 0x88E5)
def macsec(walk: Walk, buf: bytes, wire: int) -> Step:
    """IEEE 802.1AE section 9: six bytes, and eight more with SCI; in clear where neither E nor C is set."""
    flags = u8(buf, 0)
    if flags & 0x0C:
        return walk.stop(ENCRYPTED, MACSEC)
    size = 16 if flags & 0x20 else 8
    return _tag(size)(walk, buf, wire - 16)  # the integrity check value ends the frame


@layer(ETHERTYPES, 0x22F3)
def trill(walk: Walk, buf: bytes, wire: int) -> Step:
    """RFC 6325 section 3: six bytes and its options, then the ingress's Ethernet frame."""
    size = 6 + ((u16(buf, 0) >> 6 & 0x1F) << 2)
    need(buf, size)
    return ethernet, buf[size:], wire - size


@layer(ETHERTYPES, 0x8903)
def fabricpath(walk: Walk, buf: bytes, wire: int) -> Step:
    """Cisco's: the outer frame's addresses are switches, then a tree and TTL, then the frame."""
    need(buf, 2)
    return ethernet, buf[2:], wire - 2


@layer(ETHERTYPES, 0x894F)
def nsh(walk: Walk, buf: bytes, wire: int) -> Step:
    """RFC 8300 section 2: length in words of four bytes, and the next protocol."""
    size = (u16(buf, 0) & 0x3F) << 2
    following = u8(buf, 3)
    if buf[0] >> 6 != 0 or size < 8 or following not in NEXT_PROTOCOLS:
        return walk.stop(ETHERTYPE, 0x894F)
    need(buf, size)
    return by_ethertype(walk, NEXT_PROTOCOLS[following], buf[size:], wire - size)


#: What the next-protocol field of NSH and of VXLAN-GPE names, as EtherTypes.
NEXT_PROTOCOLS = {1: 0x0800, 2: 0x86DD, 3: 0x6558, 4: 0x894F, 5: 0x8847}


@layer(ETHERTYPES, 0x8870)
def llc(walk: Walk, buf: bytes, wire: int) -> Step:
    """IEEE 802.2; 0x8870 where a length would say more than a length can."""
    header = headers.LlcHeader(buf)
    if header.is_snap:
        snap = headers.SnapHeader(header.data)
        if snap.oui in _TYPED_OUIS and snap.type > LARGEST_LENGTH:
            return by_ethertype(walk, snap.type, snap.data, wire - 8)
        if snap.oui == _BRIDGED_OUI and snap.type in _BRIDGED_ETHERNET:
            # With two bytes of padding on ATM, without on frame relay.
            at = ethernet_at(snap.data, 0, 2)
            return ethernet, snap.data[at:], wire - 8 - at
        return walk.stop(SNAP, int.from_bytes(snap.oui, "big") << 16 | snap.type)
    if header.dsap == _SAP_IP:
        return ETHERTYPES[0x0800], header.data, wire - 3
    return walk.stop(LLC, header.dsap)


@layer(ETHERTYPES, 0x8847, 0x8848)
@layer(PPP_PROTOCOLS, 0x0281, 0x0283)
def mpls(walk: Walk, buf: bytes, wire: int) -> Step:
    """RFC 3032. What follows the last label is not said: IP by its version, else a pseudowire."""
    if not headers.MplsLabel(buf).s:
        return mpls, buf[4:], wire - 4
    buf, wire = buf[4:], wire - 4
    if u8(buf, 0) >> 4 in (4, 6):
        return by_ip_version(walk, buf, wire)
    if buf[0] >> 4 == 1:  # an associated channel (RFC 5586): management of the path
        return NOT_TCP
    # An Ethernet frame (RFC 4448), behind a control word that begins with four zero bits or at
    # once: then its destination may begin so as well.
    at = ethernet_at(buf, 0, 4) if buf[0] >> 4 == 0 else 0
    return ethernet, buf[at:], wire - at


def _mpls_in_ip(walk: Walk, buf: bytes, wire: int) -> Step:
    walk.comes_through("mpls")
    return mpls, buf, wire


# RFC 4023; RFC 7510.
layer(IPV4_PROTOCOLS, 137)(_mpls_in_ip)
layer(IPV6_PROTOCOLS, 137)(_mpls_in_ip)
layer(UDP_PORTS, 6635)(_mpls_in_ip)
