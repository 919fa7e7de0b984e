"""What no decoder here can read, counted by what it says it is.

A key is one number: which list the number beneath is of, then that number. The decoders count
whatever they meet; ``undecoded`` names it and leaves out what is known to carry no TCP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from tcptrace_py.capture.linktype import link_type_name

Kind = Literal[
    "link type", "ethertype", "LLC", "SNAP", "PPP", "IP protocol", "UDP port", "encrypted", "management"
]

# Places in ``KINDS``, and how far they are shifted in a key: a SNAP number takes 40 bits.
LINK_TYPE, ETHERTYPE, LLC, SNAP, PPP, IP_PROTOCOL, UDP_PORT, ENCRYPTED, MANAGEMENT = range(9)
KINDS: tuple[Kind, ...] = (
    "link type",
    "ethertype",
    "LLC",
    "SNAP",
    "PPP",
    "IP protocol",
    "UDP port",
    "encrypted",
    "management",
)
# The way ended behind an IP header.
_BEHIND_IP = frozenset((IP_PROTOCOL, UDP_PORT))
KEY_SHIFT = 48

# Different keys that are counted; all others together under the last.
MAX_KEYS = 1024
REST = len(KINDS) << KEY_SHIFT

# What ENCRYPTED numbers.
IEEE_802_11, MACSEC = range(2)
_ENCRYPTED = {IEEE_802_11: "802.11 frames, encrypted", MACSEC: "MACsec frames, encrypted"}

# Known to carry no TCP, so nothing is missed: neighbours, control and management, storage, field
# buses. (IEEE's list of EtherTypes; 0 to 0x05DC are lengths.)
_ETHERTYPES_WITHOUT_TCP = frozenset(
    (
        0x0806, 0x0842, 0x22EA, 0x22F0, 0x22F4, 0x6002, 0x6003, 0x6004, 0x8035, 0x809B, 0x80F3, 0x8137,
        0x8138, 0x8204, 0x8808, 0x8809, 0x8819, 0x8863, 0x886D, 0x8892, 0x889A, 0x88A2, 0x88A4, 0x88AB,
        0x88B8, 0x88B9, 0x88BA, 0x88BF, 0x88CA, 0x88CC, 0x88CD, 0x88E1, 0x88E3, 0x88EE, 0x88F5, 0x88F6,
        0x88F7, 0x88F8, 0x88FB, 0x8902, 0x8906, 0x890D, 0x8914, 0x8915, 0x891D, 0x9000, 0x888E, 0x88C7,
        0x8940, 0x8947, 0xFF10,
    )
)  # fmt: skip
# Spanning tree, IPX and its raw form, NetBIOS, ISO's routing, null.
_SAPS_WITHOUT_TCP = frozenset((0x00, 0x42, 0xE0, 0xF0, 0xF4, 0xF8, 0xFE, 0xFF))
# Cisco's discovery and trunk protocols, spanning trees, UDLD, PAgP; by OUI and number.
_SNAP_WITHOUT_TCP = frozenset(
    0x00000C << 16 | number for number in (0x0104, 0x010B, 0x010C, 0x0111, 0x2000, 0x2003, 0x2004)
)
# IGMP, EGP, IGP, XTP, reliable data and others of RFC 1700 that carry their own; DCCP, RSVP, ICMP,
# "none", EIGRP, OSPF, VRRP, PGM, SCTP, mobility, UDP-Lite, HIP, and the two for experiments.
_PROTOCOLS_WITHOUT_TCP = frozenset(
    (0, 1, 2, 3, 8, 9, 17, 27, 28, 33, 36, 43, 44, 46, 58, 59, 60, 88, 89, 112, 113, 132, 135, 136, 139)
)
# Compressed or encrypted, or in pieces: they may hide TCP. PPP's other network protocols can not.
_PPP_THAT_HIDES_TCP = {
    0x002D: "Van Jacobson compressed TCP/IP",
    0x002F: "Van Jacobson uncompressed TCP/IP",
    0x003D: "multilink",
    0x0053: "encrypted",
    0x0055: "encrypted, single link",
    0x0059: "multiplexed",
    0x00FB: "compressed, single link",
    0x00FD: "compressed datagram",
    0x0003: "ROHC, small CID",
    0x0005: "ROHC, large CID",
}
_IP_PROTOCOLS = {
    50: "ESP",
    55: "mobile IP, minimal encapsulation",
    94: "IP in IP, KA9Q",
    98: "RFC 1241 encapsulation",
    99: "private encryption",
    108: "IPComp",
    115: "L2TPv3",
    142: "ROHC",
}
_ETHERTYPES = {
    0x22E7: "congestion notification tag",
    0x22F3: "TRILL",
    0x876B: "Van Jacobson compressed TCP/IP",
    0x88E5: "MACsec",
    0x8870: "jumbo LLC",
    0x8874: "Broadcom tag",
    0x88C8: "TIPC",
    0x8903: "FabricPath",
    0xA0ED: "LoWPAN",
    0xDADA: "DSA tag",
}
#: UDP ports of tunnels that nobody but their ends can read.
ENCRYPTED_PORTS = {
    1194: "OpenVPN",
    4500: "ESP in UDP",
    4755: "GRE in DTLS",
    6636: "MPLS in DTLS",
    51820: "WireGuard",
}


class Undecoded(NamedTuple):
    """Packets that may carry TCP and could not be read."""

    kind: Kind | Literal["other"]
    #: Of the link type, EtherType, protocol, port; 24 bits of OUI and 16 of protocol for SNAP.
    number: int
    #: "802.11 frames, encrypted", "link type IEEE802_15_4_NOFCS", "IP protocol 50 (ESP)".
    name: str
    packets: int


def key_of(kind: int, number: int) -> int:
    return kind << KEY_SHIFT | number


def undecoded(counts: Mapping[int, int]) -> list[Undecoded]:
    """``counts`` by key, named; the most packets first. What is known to carry no TCP is left out."""
    rows = []
    for key, packets in counts.items():
        kind, number = key >> KEY_SHIFT, key & ((1 << KEY_SHIFT) - 1)
        if key == REST:
            rows.append(Undecoded("other", 0, "others", packets))
        elif not _carries_no_tcp(kind, number):
            rows.append(Undecoded(KINDS[kind], number, _name(kind, number), packets))
    return sorted(rows, key=lambda row: (-row.packets, row.name))


def _carries_no_tcp(kind: int, number: int) -> bool:
    if kind == ETHERTYPE:
        return number in _ETHERTYPES_WITHOUT_TCP or number < 0x0600
    if kind == LLC:
        return number in _SAPS_WITHOUT_TCP
    if kind == SNAP:
        return number in _SNAP_WITHOUT_TCP
    if kind == PPP:
        return number not in _PPP_THAT_HIDES_TCP
    if kind == IP_PROTOCOL:
        return number in _PROTOCOLS_WITHOUT_TCP
    return kind == MANAGEMENT


def mostly_unread(counts: Mapping[int, int], cut: int, read: int, tcp_segments: int) -> bool:
    """Of what may carry IP, was less than half read down to it; or nothing that may carry TCP?

    ``counts`` by key; ``cut`` packets ended before they said what they are, or contradict themselves;
    ``read`` are all others, those of ``counts`` and the ``tcp_segments`` among them.
    """
    missed, opaque = cut, 0
    for key, packets in counts.items():
        kind, number = key >> KEY_SHIFT, key & ((1 << KEY_SHIFT) - 1)
        if kind in _BEHIND_IP:
            opaque += 0 if _carries_no_tcp(kind, number) else packets
            continue
        read -= packets
        if key == REST or not _carries_no_tcp(kind, number):
            missed += packets
    return missed > read or (not tcp_segments and missed + opaque > read - opaque)


def _name(kind: int, number: int) -> str:
    if kind == LINK_TYPE:
        return f"link type {link_type_name(number)}"
    if kind == ETHERTYPE:
        return f"ethertype 0x{number:04X}" + _also(_ETHERTYPES.get(number))
    if kind == LLC:
        return f"LLC SAP 0x{number:02X}"
    if kind == SNAP:
        oui = f"{number >> 16:06X}"
        return f"SNAP {oui[:2]}-{oui[2:4]}-{oui[4:]} 0x{number & 0xFFFF:04X}"
    if kind == PPP:
        return f"PPP 0x{number:04X}" + _also(_PPP_THAT_HIDES_TCP.get(number))
    if kind == IP_PROTOCOL:
        return f"IP protocol {number}" + _also(_IP_PROTOCOLS.get(number))
    if kind == UDP_PORT:
        return f"UDP port {number}" + _also(ENCRYPTED_PORTS.get(number))
    return _ENCRYPTED[number]


def _also(name: str | None) -> str:
    return "" if name is None else f" ({name})"
