"""Tunnels directly on IP: GRE with what it carries, IP in IP, EtherIP, PIM register."""

from __future__ import annotations

from tcptrace_py.wire import headers
from tcptrace_py.wire.layers.ethernet import ethernet
from tcptrace_py.wire.layers.serial import frame_relay, ppp_in_hdlc
from tcptrace_py.wire.layers.walk import (
    ETHERTYPES,
    IPV4_PROTOCOLS,
    IPV6_PROTOCOLS,
    LARGEST_LENGTH,
    UDP_PORTS,
    Layer,
    Step,
    Table,
    Walk,
    by_ethertype,
    by_ip_version,
    layer,
    need,
    u8,
    u32,
)
from tcptrace_py.wire.layers.wireless import ieee_802_11
from tcptrace_py.wire.result import NOT_TCP
from tcptrace_py.wire.undecoded import ETHERTYPE, IP_PROTOCOL

_HAS_SUM, _HAS_KEY, _HAS_ROUTING, _HAS_SEQUENCE = 0x8000, 0x2000, 0x4000, 0x1000

# What GRE carries that has no EtherType elsewhere. PPP by RFC 2637; MikroTik's EoIP; raw frame relay;
# Aruba's tunnels of 802.11 frames, one for each of its queues.
_GRE_PROTOCOLS: Table = {
    0x880B: ppp_in_hdlc,
    0x6400: ethernet,
    0x6559: frame_relay,
    **dict.fromkeys(range(0x8200, 0x8380, 0x10), ieee_802_11),
}
_ERSPAN_II, _ERSPAN_III = 0x88BE, 0x22EB
_WCCP = 0x883E


def gre(walk: Walk, buf: bytes, wire: int) -> Step:
    """RFC 2784, 2890; PPTP (RFC 2637); ERSPAN; on UDP by RFC 8086."""
    header = headers.GreHeader(buf)
    if header.v > 1 or header.flags & _HAS_ROUTING:
        return walk.stop(IP_PROTOCOL, 47)
    key = None
    if header.flags & _HAS_KEY and header.v == 0:
        key = u32(buf, 8 if header.flags & _HAS_SUM else 4)
    walk.comes_through("gre", key)
    buf, wire = header.data, wire - (len(buf) - len(header.data))
    if header.p == _ERSPAN_II:
        # Type II has a header of its own, type I none; only II has numbers.
        return _behind(ethernet, buf, wire, 8 if header.flags & _HAS_SEQUENCE else 0)
    if header.p == _ERSPAN_III:  # with a subheader if the last bit says so
        return _behind(ethernet, buf, wire, 20 if u8(buf, 11) & 1 else 12)
    if header.p == _WCCP:
        # Version 2 puts a header of its own before the packet, version 1 none.
        return by_ip_version(walk, *_skip(buf, wire, 0 if u8(buf, 0) >> 4 == 4 else 4))
    if header.p in _GRE_PROTOCOLS:
        return _GRE_PROTOCOLS[header.p], buf, wire
    if header.p <= LARGEST_LENGTH:
        return walk.stop(ETHERTYPE, header.p)
    return by_ethertype(walk, header.p, buf, wire)


def _skip(buf: bytes, wire: int, size: int) -> tuple[bytes, int]:
    need(buf, size)
    return buf[size:], wire - size


def _behind(following: Layer, buf: bytes, wire: int, size: int) -> Step:
    return following, *_skip(buf, wire, size)


def etherip(walk: Walk, buf: bytes, wire: int) -> Step:
    """RFC 3378."""
    walk.comes_through("etherip")
    return _behind(ethernet, buf, wire, 2)


def ethernet_in_ip(walk: Walk, buf: bytes, wire: int) -> Step:
    """RFC 8986 section 10.1."""
    walk.comes_through("ethernet-in-ip")
    return ethernet, buf, wire


def ipv4_in_ip(walk: Walk, buf: bytes, wire: int) -> Step:
    """RFC 2003, RFC 2473."""
    walk.comes_through("ip-in-ip")
    return ETHERTYPES[0x0800], buf, wire


def ipv6_in_ip(walk: Walk, buf: bytes, wire: int) -> Step:
    """RFC 4213, RFC 2473."""
    walk.comes_through("ip-in-ip")
    return ETHERTYPES[0x86DD], buf, wire


def pim(walk: Walk, buf: bytes, wire: int) -> Step:
    """RFC 7761 section 4.9.3: a register message (type 1) carries the packet; a null register none."""
    if u8(buf, 0) != 0x21 or u32(buf, 4) & 0x40000000:
        return NOT_TCP
    walk.comes_through("pim-register")
    return by_ip_version(walk, *_skip(buf, wire, 8))


for _table in (IPV4_PROTOCOLS, IPV6_PROTOCOLS):
    layer(_table, 4)(ipv4_in_ip)
    layer(_table, 41)(ipv6_in_ip)
    layer(_table, 47)(gre)
    layer(_table, 97)(etherip)
    layer(_table, 103)(pim)
    layer(_table, 143)(ethernet_in_ip)
layer(UDP_PORTS, 4754)(gre)
