"""dpkt's header classes, told to read their own header and no further.

dpkt's packets decode all that they carry as soon as they are made, and cut it to the captured
bytes. The decoder needs one header at a time, with the length on the wire kept beside it, so
that a snap length does not change a payload's size and that nested tunnels do not recurse.
"""

from __future__ import annotations

import struct
from typing import Any

import dpkt
from dpkt.dpkt import Packet

# A class attribute, so that it is the method of each class below.
_own_header_only = Packet.unpack


class EthernetHeader(dpkt.ethernet.Ethernet):  # type: ignore[misc]
    unpack = _own_header_only

    def __init__(self, buf: bytes) -> None:
        # Ethernet's own constructor decodes the payload once more.
        self._next_type = None
        Packet.__init__(self, buf)


class VlanTag(dpkt.ethernet.VLANtag8021Q):  # type: ignore[misc]
    unpack = _own_header_only


class MplsLabel(dpkt.ethernet.MPLSlabel):  # type: ignore[misc]
    unpack = _own_header_only


class SllHeader(dpkt.sll.SLL):  # type: ignore[misc]
    unpack = _own_header_only


class Sll2Header(dpkt.sll2.SLL2):  # type: ignore[misc]
    unpack = _own_header_only


class LlcHeader(dpkt.llc.LLC):  # type: ignore[misc]
    unpack = _own_header_only


class SnapHeader(Packet):  # type: ignore[misc]
    """What follows LLC with both SAPs 0xAA (IEEE 802)."""

    __hdr__ = (("oui", "3s", b"\0\0\0"), ("type", "H", 0))


class FddiHeader(Packet):  # type: ignore[misc]
    """FDDI's MAC header (ISO 9314-2), as LINKTYPE_FDDI has it; LLC follows."""

    __hdr__ = (("frame_control", "B", 0x50), ("dst", "6s", b""), ("src", "6s", b""))


class LoopbackHeader(Packet):  # type: ignore[misc]
    """BSD loopback. dpkt's own is in this machine's byte order and decodes what it carries."""

    __hdr__ = (("family", "I", 2),)


class CiscoHdlcHeader(Packet):  # type: ignore[misc]
    __hdr__ = (("address", "B", 0x0F), ("control", "B", 0), ("type", "H", 0x0800))


class PppHeader(dpkt.pppoe.PPP):  # type: ignore[misc]
    """The PPP protocol field, one byte or two (RFC 1661 section 2)."""

    # Nothing to decode by: the payload stays bytes.
    _protosw: dict[int, Any] = {}


class PppoeHeader(dpkt.pppoe.PPPoE):  # type: ignore[misc]
    unpack = _own_header_only


class GreHeader(dpkt.gre.GRE):  # type: ignore[misc]
    data: bytes

    def unpack(self, buf: bytes) -> None:
        Packet.unpack(self, buf)
        _, formats = self.opt_fields_fmts()
        size = struct.calcsize("!" + "".join(formats))
        if len(self.data) < size:
            raise dpkt.NeedData(f"got {len(self.data)}, {size} needed at least")
        self.data = self.data[size:]


class Ipv4Header(dpkt.ip.IP):  # type: ignore[misc]
    """Without options: they begin ``data``."""

    unpack = _own_header_only


class Ipv6Header(dpkt.ip6.IP6):  # type: ignore[misc]
    """Without extension headers: they begin ``data``."""

    unpack = _own_header_only


class ExtensionHeader(Packet):  # type: ignore[misc]
    """The first eight bytes of any IPv6 extension header, and of AH (RFC 8200 section 4, RFC 4302)."""

    __hdr__ = (("nxt", "B", 59), ("len", "B", 0), ("rest", "6s", b""))


class FragmentHeader(dpkt.ip6.IP6FragmentHeader):  # type: ignore[misc]
    unpack = _own_header_only


class IcmpHeader(dpkt.icmp.ICMP):  # type: ignore[misc]
    """ICMP and ICMPv6 alike: type, code, checksum."""

    unpack = _own_header_only


class TcpPorts(Packet):  # type: ignore[misc]
    """The eight bytes of TCP that any ICMP error quotes (RFC 792)."""

    __hdr__ = (("sport", "H", 0), ("dport", "H", 0), ("seq", "I", 0))


class UdpHeader(dpkt.udp.UDP):  # type: ignore[misc]
    unpack = _own_header_only


class VxlanHeader(Packet):  # type: ignore[misc]
    """RFC 7348 section 5; VXLAN-GPE names the next protocol in what is reserved there."""

    __hdr__ = (("flags", "B", 0x08), ("reserved", "2s", b"\0\0"), ("next", "B", 0), ("vni_reserved", "I", 0))

    @property
    def vni(self) -> int:
        return int(self.vni_reserved) >> 8


class GeneveHeader(Packet):  # type: ignore[misc]
    """RFC 8926 section 3.4, without its options."""

    __hdr__ = (("version_length", "B", 0), ("flags", "B", 0), ("protocol", "H", 0), ("vni_reserved", "I", 0))

    @property
    def vni(self) -> int:
        return int(self.vni_reserved) >> 8

    @property
    def version(self) -> int:
        return int(self.version_length) >> 6

    @property
    def options_bytes(self) -> int:
        return (int(self.version_length) & 0x3F) << 2


class GtpHeader(Packet):  # type: ignore[misc]
    """GTP-U (3GPP TS 29.281 section 5.1), its mandatory part."""

    __hdr__ = (("flags", "B", 0x30), ("type", "B", 255), ("len", "H", 0), ("teid", "I", 0))
