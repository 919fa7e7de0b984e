"""From header to header: the tables, and what is known of a frame on the way.

A layer takes the captured bytes from its header on and ``wire``, their length on the wire, which
may be more. It returns a code of ``wire.result`` where the way ends, else the next layer with what
that one shall take. So nothing nests, and how many headers a frame can have is counted in one
place. Where a header is cut, ``dpkt.NeedData`` is raised, by ``need`` and the like or by dpkt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import dpkt

from tcptrace_py.wire.result import MALFORMED, UNDECODED, UNKNOWN_LINK
from tcptrace_py.wire.tunnels import Kind, Tunnel
from tcptrace_py.wire.undecoded import ETHERTYPE, IP_PROTOCOL, LINK_TYPE, PPP, key_of

if TYPE_CHECKING:
    from tcptrace_py.wire.fragments import Fragments
    from tcptrace_py.wire.icmp import IcmpError
    from tcptrace_py.wire.segment import Segment

Layer: TypeAlias = Callable[["Walk", bytes, int], "Step"]
#: A code of ``wire.result``, or the next layer with its captured bytes and their length on the wire.
Step: TypeAlias = "int | tuple[Layer, bytes, int]"
Table: TypeAlias = dict[int, Layer]

#: By LINKTYPE_; by EtherType (tags too); by PPP protocol; by IP protocol, for each version of IP;
#: by UDP port.
LINK_TYPES: Table = {}
ETHERTYPES: Table = {}
PPP_PROTOCOLS: Table = {}
IPV4_PROTOCOLS: Table = {}
IPV6_PROTOCOLS: Table = {}
UDP_PORTS: Table = {}

# Attributes, tags and the like in one header. More is an attack or nonsense.
MAX_PARTS = 32

# An EtherType of at most this is a length (IEEE 802.3 section 3.2.6).
LARGEST_LENGTH = 1500


class Walk:
    """One frame on its way through its headers."""

    def __init__(self, segment: Segment, fragments: Fragments) -> None:
        #: IP and TCP headers are written here.
        self.segment = segment
        #: Datagrams in pieces; shared by all frames.
        self.fragments = fragments
        #: The innermost tunnel so far.
        self.tunnel: Tunnel | None = None
        #: Whether ``wire`` is what an enclosing header says. At first it is only what the capture
        #: says of the frame, which editing tools get wrong when they cut packets.
        self.enclosed = False
        #: With UNDECODED and UNKNOWN_LINK: a key of ``wire.undecoded``.
        self.unread = 0
        #: With ICMP_ERROR: what was found.
        self.icmp_error: IcmpError | None = None

    def comes_through(self, kind: Kind, identifier: int | None = None) -> None:
        """What follows is inside a tunnel, between the addresses that ``segment`` holds by now."""
        segment = self.segment
        self.tunnel = Tunnel(
            kind,
            segment.ip_version,
            segment.src_hi,
            segment.src_lo,
            segment.dst_hi,
            segment.dst_lo,
            identifier,
        )

    def stop(self, kind: int, number: int) -> int:
        """The way ends at what has no layer: ``number`` of the list ``kind`` of ``wire.undecoded``."""
        self.unread = key_of(kind, number)
        return UNKNOWN_LINK if kind == LINK_TYPE else UNDECODED


def layer(table: Table, *numbers: int) -> Callable[[Layer], Layer]:
    """Puts the function that it decorates into ``table``, under each of ``numbers``."""

    def put(function: Layer) -> Layer:
        for number in numbers:
            assert number not in table, number
            table[number] = function
        return function

    return put


# --- what comes next


def by_link_type(walk: Walk, number: int, buf: bytes, wire: int) -> Step:
    found = LINK_TYPES.get(number)
    return walk.stop(LINK_TYPE, number) if found is None else (found, buf, wire)


def by_ethertype(walk: Walk, number: int, buf: bytes, wire: int) -> Step:
    """For a number that is a type, not a length."""
    found = ETHERTYPES.get(number)
    return walk.stop(ETHERTYPE, number) if found is None else (found, buf, wire)


def by_ppp_protocol(walk: Walk, number: int, buf: bytes, wire: int) -> Step:
    found = PPP_PROTOCOLS.get(number)
    return walk.stop(PPP, number) if found is None else (found, buf, wire)


def by_ip_protocol(walk: Walk, number: int, buf: bytes, wire: int) -> Step:
    """What an IP header, whose version is in the segment, or one of its extension headers names."""
    found = (IPV4_PROTOCOLS if walk.segment.ip_version == 4 else IPV6_PROTOCOLS).get(number)
    return walk.stop(IP_PROTOCOL, number) if found is None else (found, buf, wire)


def by_ip_version(walk: Walk, buf: bytes, wire: int) -> Step:
    """IPv4 or IPv6, by the first four bits."""
    version = u8(buf, 0) >> 4
    if version == 4:
        return ETHERTYPES[0x0800], buf, wire
    if version == 6:
        return ETHERTYPES[0x86DD], buf, wire
    return MALFORMED


# --- numbers in network byte order, where all their bytes were captured


def need(buf: bytes, size_bytes: int) -> None:
    if len(buf) < size_bytes:
        raise dpkt.NeedData(f"got {len(buf)}, {size_bytes} needed at least")


def u8(buf: bytes, at: int) -> int:
    need(buf, at + 1)
    return buf[at]


def u16(buf: bytes, at: int) -> int:
    need(buf, at + 2)
    return int.from_bytes(buf[at : at + 2], "big")


def u24(buf: bytes, at: int) -> int:
    need(buf, at + 3)
    return int.from_bytes(buf[at : at + 3], "big")


def u32(buf: bytes, at: int) -> int:
    need(buf, at + 4)
    return int.from_bytes(buf[at : at + 4], "big")


def u16_little(buf: bytes, at: int) -> int:
    need(buf, at + 2)
    return int.from_bytes(buf[at : at + 2], "little")


def u32_little(buf: bytes, at: int) -> int:
    need(buf, at + 4)
    return int.from_bytes(buf[at : at + 4], "little")
