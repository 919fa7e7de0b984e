"""PPP, PPPoE, Cisco HDLC and frame relay (RFC 1661, 1662, 2516, 2427; ITU-T Q.922)."""

from __future__ import annotations

from tcptrace_py.wire import headers
from tcptrace_py.wire.layers.ethernet import ethernet, llc
from tcptrace_py.wire.layers.walk import (
    ETHERTYPES,
    LARGEST_LENGTH,
    LINK_TYPES,
    PPP_PROTOCOLS,
    Step,
    Walk,
    by_ethertype,
    by_ppp_protocol,
    layer,
    need,
    u8,
    u16,
)
from tcptrace_py.wire.result import MALFORMED, NOT_TCP
from tcptrace_py.wire.undecoded import ETHERTYPE, PPP

_CISCO_ADDRESSES = (b"\x0f", b"\x8f")
_ADDRESS_AND_CONTROL = b"\xff\x03"
# Network layer protocol identifiers (ISO/IEC TR 9577) that name IP, or have its name behind them.
_NLPID_SNAP, _NLPID_IPV6, _NLPID_IPV4, _NLPID_PPP = 0x80, 0x8E, 0xCC, 0xCF


@layer(ETHERTYPES, 0x880B)
def ppp(walk: Walk, buf: bytes, wire: int) -> Step:
    header = headers.PppHeader(buf)
    return by_ppp_protocol(walk, header.p, header.data, wire - (len(buf) - len(header.data)))


def ppp_in_hdlc(walk: Walk, buf: bytes, wire: int) -> Step:
    # Address and control may be left out by agreement (RFC 1661 section 6.6).
    need(buf, 2)
    if buf[:2] == _ADDRESS_AND_CONTROL:
        return ppp, buf[2:], wire - 2
    return ppp, buf, wire


@layer(LINK_TYPES, 104)
def cisco_hdlc(walk: Walk, buf: bytes, wire: int) -> Step:
    header = headers.CiscoHdlcHeader(buf)
    if header.type <= LARGEST_LENGTH:
        return walk.stop(ETHERTYPE, header.type)
    return by_ethertype(walk, header.type, header.data, wire - 4)


@layer(LINK_TYPES, 9, 50)
def hdlc(walk: Walk, buf: bytes, wire: int) -> Step:
    """RFC 1662 framing, or Cisco's, told by the address byte."""
    if buf[:1] in _CISCO_ADDRESSES:
        return cisco_hdlc, buf, wire
    return ppp_in_hdlc, buf, wire


@layer(LINK_TYPES, 166)
def ppp_of_pppd(walk: Walk, buf: bytes, wire: int) -> Step:
    """A direction in the address byte's place, or before it."""
    need(buf, 3)
    if buf[1:3] == _ADDRESS_AND_CONTROL or buf[1] != _ADDRESS_AND_CONTROL[1]:
        return hdlc, buf[1:], wire - 1
    return ppp, buf[2:], wire - 2


@layer(LINK_TYPES, 204)
def ppp_with_direction(walk: Walk, buf: bytes, wire: int) -> Step:
    return hdlc, buf[1:], wire - 1


@layer(LINK_TYPES, 205)
def cisco_hdlc_with_direction(walk: Walk, buf: bytes, wire: int) -> Step:
    return cisco_hdlc, buf[1:], wire - 1


@layer(LINK_TYPES, 51)
@layer(ETHERTYPES, 0x8864)
def pppoe(walk: Walk, buf: bytes, wire: int) -> Step:
    header = headers.PppoeHeader(buf)
    if header.code != 0:
        return NOT_TCP
    walk.enclosed = True
    return ppp, header.data[: header.len], header.len


@layer(PPP_PROTOCOLS, 0x0031)
def bridged(walk: Walk, buf: bytes, wire: int) -> Step:
    """RFC 3518 section 4.2: flags, the media, then the frame; Ethernet is the first."""
    need(buf, 2)
    if buf[0] & 0x20 or buf[1] != 1:  # padded by what LCP agreed on and is not seen; other media
        return walk.stop(PPP, 0x0031)
    return ethernet, buf[2:], wire - 2


@layer(LINK_TYPES, 206)
def frame_relay_with_direction(walk: Walk, buf: bytes, wire: int) -> Step:
    return frame_relay, buf[1:], wire - 1


@layer(LINK_TYPES, 107)
def frame_relay(walk: Walk, buf: bytes, wire: int) -> Step:
    """Two to four bytes of address, the last of them odd; then RFC 2427 or Cisco's EtherType."""
    size = 2
    need(buf, size)
    while not buf[size - 1] & 1:
        size += 1
        if size > 4:
            return MALFORMED
        need(buf, size)
    buf, wire = buf[size:], wire - size
    if u8(buf, 0) != 0x03:  # no unnumbered information
        number = u16(buf, 0)
        if number <= LARGEST_LENGTH:
            return walk.stop(ETHERTYPE, number)
        return by_ethertype(walk, number, buf[2:], wire - 2)
    at = 2 if u8(buf, 1) == 0 else 1  # a byte of padding
    identifier = u8(buf, at)
    buf, wire = buf[at + 1 :], wire - at - 1
    if identifier == _NLPID_IPV4:
        return ETHERTYPES[0x0800], buf, wire
    if identifier == _NLPID_IPV6:
        return ETHERTYPES[0x86DD], buf, wire
    if identifier == _NLPID_PPP:
        return ppp, buf, wire
    if identifier == _NLPID_SNAP:  # what follows is a SNAP header without its LLC
        return llc, b"\xaa\xaa\x03" + buf, wire + 3
    return NOT_TCP
