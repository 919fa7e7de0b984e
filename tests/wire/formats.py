"""Each link type and encapsulation that is read, built from its definition around an IP packet.

A builder takes an IPv4 or IPv6 packet and its EtherType and returns the frame.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from .frames import ETHERNET, IPV4, IPV6, UDP, ethernet, ipv4, ipv6

Builder = Callable[[bytes, int], bytes]
MACS = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01"
OUTER_V4 = {"src": "198.51.100.1", "dst": "198.51.100.2"}
OUTER_V6 = {"src": "2001:db8::a", "dst": "2001:db8::b"}


class Format(NamedTuple):
    build: Builder
    link_type: int
    #: Of the tunnel: kind and identifier.
    tunnel: tuple[str, int | None] | None = None
    #: Which IP packets it can carry.
    versions: tuple[int, ...] = (4, 6)


def big(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}H", *numbers)


def snap(packet: bytes, kind: int) -> bytes:
    return b"\xaa\xaa\x03\0\0\0" + big(kind) + packet


def framed(packet: bytes, kind: int) -> bytes:
    return ethernet(packet, kind)


def ppp(packet: bytes, kind: int) -> bytes:
    return b"\xff\x03" + big(0x0021 if kind == IPV4 else 0x0057) + packet


def ieee_802_11(packet: bytes, kind: int, control: int = 0x08, flags: int = 0x01, more: bytes = b"") -> bytes:
    return (
        bytes((control, flags))
        + bytes(2)
        + MACS
        + b"\x02\0\0\0\0\x03"
        + b"\x10\0"
        + more
        + snap(packet, kind)
    )


def radiotap(frame: bytes, present: int = 0, fields: bytes = b"", extra: bytes = b"") -> bytes:
    size = 8 + len(extra) + len(fields)
    return struct.pack("<BBHI", 0, 0, size, present) + extra + fields + frame


def nflog(packet: bytes, kind: int, order: str = "<", family: int | None = None) -> bytes:
    def attribute(number: int, value: bytes) -> bytes:
        return struct.pack(order + "HH", 4 + len(value), number) + value + bytes(-len(value) % 4)

    number = (2 if kind == IPV4 else 10) if family is None else family
    before = attribute(1, b"\x08\0\x01\0") + attribute(10, b"rule\0")
    return bytes((number, 0, 0, 5)) + before + attribute(9, packet)


def pktap(frame: bytes, link_type: int = 1, size: int = 108, record: int = 1) -> bytes:
    return struct.pack("<III", size, record, link_type) + bytes(size - 12) + frame


def pflog(packet: bytes, kind: int, size: int = 61) -> bytes:
    return (bytes((size, 2 if kind == IPV4 else 24)) + bytes(size - 2)).ljust((size + 3) & ~3, b"\0") + packet


def erf(frame: bytes, kind: int, extensions: int = 0, pad: int = 0) -> bytes:
    more = b"".join(bytes((0x80 if n + 1 < extensions else 0,)) + bytes(7) for n in range(extensions))
    size = 16 + len(more) + pad + len(frame)
    head = struct.pack(">8xBBHHH", kind | (0x80 if extensions else 0), 4, size, 0, len(frame))
    return head + more + bytes(pad) + frame


def frame_relay(packet: bytes, kind: int, address: bytes = b"\x18\x41") -> bytes:
    return address + b"\x03" + (b"\xcc" if kind == IPV4 else b"\x8e") + packet


def cisco_frame_relay(packet: bytes, kind: int) -> bytes:
    return b"\x18\x41" + big(kind) + packet


def juniper(frame: bytes, flags: int = 0, more: bytes = b"") -> bytes:
    return b"MGC" + bytes((flags,)) + more + frame


def nsh(packet: bytes, kind: int) -> bytes:
    return (
        bytes((0x0F, 0xC6, 1, {IPV4: 1, IPV6: 2, 0x6558: 3}[kind]))
        + struct.pack(">I", 0x1FF)
        + bytes(16)
        + packet
    )


def mpls(packet: bytes) -> bytes:
    return struct.pack(">II", 100 << 12 | 64, 200 << 12 | 0x100 | 64) + packet


def macsec(packet: bytes, kind: int, flags: int = 0x20) -> bytes:
    return (
        bytes((flags, 0))
        + bytes(3)
        + b"\x01"
        + bytes(8 if flags & 0x20 else 0)
        + big(kind)
        + packet
        + bytes(16)
    )


def isl(frame: bytes) -> bytes:
    frame += bytes(4)  # its own check sequence
    header = b"\x01\0\x0c\0\0\0" + b"\x02\0\0\0\0\x01" + big(len(frame) + 12)
    return header + b"\xaa\xaa\x03" + b"\0\0\x0c" + bytes(6) + frame + bytes(4)


def in_ip(payload: bytes, protocol: int) -> bytes:
    return ethernet(ipv4(payload, protocol, **OUTER_V4))  # type: ignore[arg-type]


def in_ip6(payload: bytes, protocol: int) -> bytes:
    return ethernet(ipv6(payload, protocol, **OUTER_V6), IPV6)  # type: ignore[arg-type]


def datagram(payload: bytes, port: int, source: int) -> bytes:
    return big(source, port, 8 + len(payload), 0) + payload


def in_udp(payload: bytes, port: int, source: int | None = None) -> bytes:
    # Another source for each: Wireshark remembers what a pair of ports was.
    return in_ip(datagram(payload, port, 40_000 + port % 1000 if source is None else source), UDP)


def gre(payload: bytes, kind: int) -> bytes:
    return big(0, kind) + payload


def gtp_u(packet: bytes) -> bytes:
    return struct.pack(">BBHI", 0x30, 255, len(packet), 0x01020304) + packet


def l2tp(payload: bytes, flags: int = 0x0002) -> bytes:
    optional = b"".join(
        part
        for bit, part in ((0x4000, None), (0, big(7, 9)), (0x0800, big(1, 1)), (0x0200, big(2, 0)))
        if part is not None and (bit == 0 or flags & bit)
    )
    size = 2 + len(optional) + len(payload) + 2
    return big(flags) + (big(size) if flags & 0x4000 else b"") + optional + payload


def ayiya(packet: bytes, kind: int) -> bytes:
    return bytes((0x42, 0x52, 0x11, 4 if kind == IPV4 else 41)) + bytes(4 + 16 + 20) + packet


def capwap(payload: bytes, native: bool, ident: int = 0, offset: int = 0, flags: int = 0) -> bytes:
    bits = 2 << 19 | 1 << 9 | (0x100 if native else 0) | flags
    return b"\0" + bits.to_bytes(3, "big") + big(ident, offset) + payload


def tzsp(frame: bytes, number: int = 1) -> bytes:
    return b"\x01\0" + big(number) + b"\0\x0a\x01\x30\x01" + frame


def swapped(frame: bytes) -> bytes:
    return frame[1::-1] + frame[2:]


def _arcnet(kind: int) -> bytes:
    return b"\xd4" if kind == IPV4 else b"\xc4"


def shim6(packet: bytes, kind: int) -> bytes:
    length = big(len(packet) - 40 + 8)
    return ethernet(
        packet[:4] + length + b"\x8c" + packet[7:40] + b"\x06\0\x80" + bytes(5) + packet[40:], IPV6
    )


def _tagged(kind: int, size: int, front: bytes = b"") -> Builder:
    """An EtherType, then a tag of ``size`` bytes that ends with the next EtherType."""
    return lambda packet, inner: framed(front.ljust(size - 2, b"\0") + big(inner) + packet, kind)


FORMATS: dict[str, Format] = {
    # link types
    "802.11": Format(ieee_802_11, 105),
    "802.11, from the access point": Format(lambda p, k: ieee_802_11(p, k, flags=0x02), 105),
    "802.11, four addresses": Format(lambda p, k: ieee_802_11(p, k, flags=0x03, more=bytes(6)), 105),
    "802.11, QoS": Format(lambda p, k: ieee_802_11(p, k, 0x88, more=b"\0\0"), 105),
    "802.11, QoS, HT control": Format(lambda p, k: ieee_802_11(p, k, 0x88, 0x81, bytes(6)), 105),
    "802.11, several in one": Format(
        lambda p, k: ieee_802_11(p, k, 0x88, more=b"\x80\0" + MACS + big(8 + len(p))), 105
    ),
    "radiotap": Format(lambda p, k: radiotap(ieee_802_11(p, k)), 127),
    "radiotap, flags": Format(
        lambda p, k: radiotap(
            ieee_802_11(p, k, 0x88, more=b"\0\0\0\0"), 0x80000003, bytes(4 + 8) + b"\x20", bytes(4)
        ),
        127,
    ),
    "ppi": Format(lambda p, k: struct.pack("<BBHI", 0, 0, 20, 105) + bytes(12) + ieee_802_11(p, k), 192),
    "ppi, ethernet": Format(lambda p, k: struct.pack("<BBHI", 0, 0, 8, 1) + framed(p, k), 192),
    "prism": Format(lambda p, k: struct.pack("<II", 0x44, 144) + bytes(136) + ieee_802_11(p, k), 119),
    "avs": Format(lambda p, k: struct.pack(">II", 0x80211001, 64) + bytes(56) + ieee_802_11(p, k), 163),
    "avs under prism's number": Format(
        lambda p, k: struct.pack(">II", 0x80211001, 64) + bytes(56) + ieee_802_11(p, k), 119
    ),
    "nflog": Format(nflog, 239),
    "nflog, other byte order": Format(lambda p, k: nflog(p, k, ">"), 239),
    "pktap": Format(lambda p, k: pktap(framed(p, k)), 258),
    "pktap, raw": Format(lambda p, k: pktap(p, 101, 156), 258),
    "pflog": Format(pflog, 117),
    "pflog, older": Format(lambda p, k: pflog(p, k, 48), 117),
    "enc": Format(lambda p, k: struct.pack("<III", 2 if k == IPV4 else 24, 0x100, 0) + p, 109),
    "token ring": Format(lambda p, k: b"\x10\x40" + MACS + snap(p, k), 6),
    "token ring, source route": Format(
        lambda p, k: b"\x10\x40" + MACS[:6] + b"\x82" + MACS[7:] + b"\x06\x10" + bytes(4) + snap(p, k), 6
    ),
    "fddi": Format(lambda p, k: b"\x50" + MACS + snap(p, k), 10),
    "arcnet": Format(lambda p, k: b"\x01\x02" + _arcnet(k) + b"\0\0\x07" + p, 7),
    "arcnet, exception": Format(
        lambda p, k: b"\x01\x02" + _arcnet(k) + b"\xff\xff\xff" + _arcnet(k) + b"\0\0\x07" + p, 7
    ),
    "arcnet of RFC 1051": Format(lambda p, k: b"\x01\x02\xf0" + p, 7, versions=(4,)),
    "arcnet, linux": Format(lambda p, k: b"\x01\x02\0\0" + _arcnet(k) + b"\0\0\x07" + p, 129),
    "slip": Format(lambda p, k: bytes(16) + p, 8),
    "ppp with direction": Format(lambda p, k: b"\x01" + ppp(p, k), 204),
    "ppp with direction, cisco": Format(lambda p, k: b"\0\x0f\0" + big(k) + p, 204),
    "ppp of pppd": Format(lambda p, k: b"\x01" + ppp(p, k)[1:], 166),
    "ppp of pppd, direction before it": Format(lambda p, k: b"\0" + ppp(p, k), 166),
    "ppp of pppd, bare": Format(lambda p, k: b"\0" + ppp(p, k)[2:], 166),
    "cisco hdlc in ppp": Format(lambda p, k: b"\x0f\0" + big(k) + p, 50),
    "cisco hdlc in ppp, link type 9": Format(lambda p, k: b"\x8f\0" + big(k) + p, 9),
    "cisco hdlc with direction": Format(lambda p, k: b"\x01\x8f\0" + big(k) + p, 205),
    "ppp, bridged": Format(lambda p, k: b"\xff\x03\0\x31\0\x01" + framed(p, k), 9),
    "frame relay": Format(frame_relay, 107),
    "frame relay, padded": Format(lambda p, k: frame_relay(p, k).replace(b"\x03", b"\x03\0", 1), 107),
    "frame relay, four bytes": Format(lambda p, k: frame_relay(p, k, b"\x18\x40\0\x03"), 107),
    "frame relay, snap": Format(lambda p, k: b"\x18\x41\x03\0\x80\0\0\0" + big(k) + p, 107),
    "frame relay, ppp": Format(lambda p, k: b"\x18\x41\x03\xcf" + ppp(p, k)[2:], 107),
    "frame relay, bridged": Format(lambda p, k: b"\x18\x41\x03\0\x80\0\x80\xc2\0\x07" + framed(p, k), 107),
    "frame relay of cisco": Format(cisco_frame_relay, 107),
    "frame relay with direction": Format(lambda p, k: b"\x01" + frame_relay(p, k), 206),
    "rfc 1483": Format(snap, 100),
    "rfc 1483, bridged": Format(lambda p, k: b"\xaa\xaa\x03\0\x80\xc2\0\x07\0\0" + framed(p, k), 100),
    "clip": Format(snap, 106),
    "clip, bare": Format(lambda p, k: p, 106),
    "sun atm": Format(lambda p, k: b"\x02\0\0\x21" + snap(p, k), 123),
    "sun atm, LAN emulation": Format(lambda p, k: b"\x01\0\0\x21\0\x05" + framed(p, k), 123),
    "ip over fibre channel": Format(lambda p, k: bytes(16) + snap(p, k), 122),
    "firewire": Format(lambda p, k: bytes(16) + big(k) + p, 138),
    "ipoib": Format(lambda p, k: bytes(40) + big(k, 0) + p, 242),
    "ipnet": Format(
        lambda p, k: bytes((2, 2 if k == IPV4 else 26)) + struct.pack(">HI16x", 0, len(p)) + p, 226
    ),
    "erf": Format(lambda p, k: erf(framed(p, k), 2, pad=2), 197),
    "erf, extensions, colour": Format(lambda p, k: erf(framed(p, k), 11, 3, pad=2), 197),
    "erf, hdlc": Format(lambda p, k: erf(b"\x0f\0" + big(k) + p, 1), 197),
    "erf, ip": Format(lambda p, k: erf(p, 22 if k == IPV4 else 23), 197),
    "juniper ethernet": Format(lambda p, k: juniper(framed(p, k)), 178),
    "juniper ethernet, extensions": Format(
        lambda p, k: juniper(framed(p, k), 0x81, big(6) + b"\x01\x01\x09\x02\x01\x04"), 178
    ),
    "juniper ppp": Format(lambda p, k: juniper(ppp(p, k)), 179),
    "juniper frame relay": Format(lambda p, k: juniper(frame_relay(p, k)), 180),
    "juniper hdlc": Format(lambda p, k: juniper(b"\x0f\0" + big(k) + p), 181),
    "juniper, no link layer": Format(lambda p, k: juniper(struct.pack("<I", 2) + p, 0x02), 178),
    "switch tag of broadcom": Format(lambda p, k: MACS + bytes(4) + big(k) + p, 281),
    "switch tag": Format(lambda p, k: MACS + bytes(4) + big(k) + p, 284),
    "switch tag of eight bytes": Format(lambda p, k: MACS + b"\xda\xda" + bytes(6) + big(k) + p, 285),
    "switch tag before": Format(lambda p, k: bytes(4) + framed(p, k), 282),
    "cooked, 802.2": Format(lambda p, k: struct.pack(">HHH8sH", 0, 1, 6, b"", 4) + snap(p, k), 113),
    "cooked, radiotap": Format(
        lambda p, k: struct.pack(">HHH8sH", 0, 803, 6, b"", 4) + radiotap(ieee_802_11(p, k)), 113
    ),
    "cooked v2, radiotap": Format(
        lambda p, k: struct.pack(">HHIHBB8s", 4, 0, 3, 803, 0, 6, b"") + radiotap(ieee_802_11(p, k)), 276
    ),
    # EtherTypes
    "isl": Format(lambda p, k: isl(framed(p, k)), ETHERNET),
    "macsec": Format(lambda p, k: framed(macsec(p, k), 0x88E5), ETHERNET),
    "macsec, no SCI": Format(lambda p, k: framed(macsec(p, k, 0), 0x88E5), ETHERNET),
    "cisco metadata": Format(_tagged(0x8909, 8, b"\x01\x01\0\x01\0\x02"), ETHERNET),
    "e-tag": Format(_tagged(0x893F, 8), ETHERNET),
    "vn-tag": Format(_tagged(0x8926, 6), ETHERNET),
    "hsr": Format(_tagged(0x892F, 6, b"\x10\x2e\0\x01"), ETHERNET),
    "r-tag": Format(_tagged(0xF1C1, 6), ETHERNET),
    "congestion tag": Format(_tagged(0x22E9, 4), ETHERNET),
    "trill": Format(lambda p, k: framed(big(0x003F, 1, 2) + framed(p, k), 0x22F3), ETHERNET),
    "trill, options": Format(
        lambda p, k: framed(big(0x00BF, 1, 2) + bytes(8) + framed(p, k), 0x22F3), ETHERNET
    ),
    "fabricpath": Format(lambda p, k: framed(big(0x0040) + framed(p, k) + bytes(4), 0x8903), ETHERNET),
    "nsh": Format(lambda p, k: framed(nsh(p, k), 0x894F), ETHERNET),
    "nsh, ethernet": Format(lambda p, k: framed(nsh(framed(p, k), 0x6558), 0x894F), ETHERNET),
    "jumbo llc": Format(lambda p, k: framed(snap(p, k), 0x8870), ETHERNET),
    "pseudowire": Format(
        lambda p, k: framed(mpls(b"\0\x11\x22\x33\x44\x55" + MACS[6:] + big(k) + p), 0x8847), ETHERNET
    ),
    "pseudowire, control word": Format(lambda p, k: framed(mpls(bytes(4) + framed(p, k)), 0x8847), ETHERNET),
    # on IP
    "gre, wccp 2": Format(lambda p, k: in_ip(gre(b"\0\0\0\x07" + p, 0x883E), 47), ETHERNET, ("gre", None)),
    "gre, wccp 1": Format(lambda p, k: in_ip(gre(p, 0x883E), 47), ETHERNET, ("gre", None), (4,)),
    "gre, nsh": Format(lambda p, k: in_ip(gre(nsh(p, k), 0x894F), 47), ETHERNET, ("gre", None)),
    "gre, 802.11": Format(lambda p, k: in_ip(gre(ieee_802_11(p, k), 0x8310), 47), ETHERNET, ("gre", None)),
    "gre, frame relay": Format(
        lambda p, k: in_ip(gre(frame_relay(p, k), 0x6559), 47), ETHERNET, ("gre", None)
    ),
    "eoip": Format(
        lambda p, k: in_ip(big(0x2001, 0x6400, len(framed(p, k)), 7) + framed(p, k), 47),
        ETHERNET,
        ("gre", None),
    ),
    "mpls in ip": Format(lambda p, k: in_ip(mpls(p), 137), ETHERNET, ("mpls", None)),
    "mpls in ipv6": Format(lambda p, k: in_ip6(mpls(p), 137), ETHERNET, ("mpls", None)),
    "pim register": Format(lambda p, k: in_ip(b"\x21" + bytes(7) + p, 103), ETHERNET, ("pim-register", None)),
    "pim register, v6": Format(
        lambda p, k: in_ip6(b"\x21" + bytes(7) + p, 103), ETHERNET, ("pim-register", None)
    ),
    # on UDP
    "gre in udp": Format(lambda p, k: in_udp(gre(p, k), 4754), ETHERNET, ("gre", None)),
    "mpls in udp": Format(lambda p, k: in_udp(mpls(p), 6635), ETHERNET, ("mpls", None)),
    "vxlan-gpe, nsh": Format(
        lambda p, k: in_udp(b"\x0c\0\0\x04\0\0\x09\0" + nsh(p, k), 4790), ETHERNET, ("vxlan-gpe", 9)
    ),
    "gtp-u on another port": Format(lambda p, k: in_udp(gtp_u(p), 9999), ETHERNET, ("gtp-u", 0x01020304)),
    "l2tp": Format(lambda p, k: in_udp(l2tp(ppp(p, k)), 1701, 1701), ETHERNET, ("l2tp", 9)),
    "l2tp, all fields": Format(lambda p, k: in_udp(l2tp(ppp(p, k), 0x4A02), 1701), ETHERNET, ("l2tp", 9)),
    "l2tp, answer": Format(lambda p, k: in_udp(l2tp(ppp(p, k)[2:]), 40_002, 1701), ETHERNET, ("l2tp", 9)),
    "teredo": Format(lambda p, k: in_udp(p, 3544, 3544), ETHERNET, ("teredo", None), (6,)),
    "teredo, both headers": Format(
        lambda p, k: in_udp(b"\0\x01\x02\x03" + bytes(5 + 9) + bytes(8) + p, 3544),
        ETHERNET,
        ("teredo", None),
        (6,),
    ),
    "ayiya": Format(lambda p, k: in_udp(ayiya(p, k), 5072), ETHERNET, ("ayiya", None)),
    "lisp": Format(lambda p, k: in_udp(b"\x40" + bytes(7) + p, 4341), ETHERNET, ("lisp", None)),
    "tzsp": Format(lambda p, k: in_udp(tzsp(framed(p, k)), 37008), ETHERNET, ("tzsp", None)),
    "tzsp, 802.11": Format(lambda p, k: in_udp(tzsp(ieee_802_11(p, k), 18), 37008), ETHERNET, ("tzsp", None)),
    "capwap": Format(lambda p, k: in_udp(capwap(framed(p, k), False), 5247), ETHERNET, ("capwap", None)),
    "capwap, 802.11": Format(
        lambda p, k: in_udp(capwap(ieee_802_11(p, k), True), 5247), ETHERNET, ("capwap", None)
    ),
    "capwap, 802.11 of cisco": Format(
        lambda p, k: in_udp(capwap(swapped(ieee_802_11(p, k, 0x88, more=b"\0\0")), True), 5247),
        ETHERNET,
        ("capwap", None),
    ),
    "shim6": Format(shim6, ETHERNET, None, (6,)),
}
