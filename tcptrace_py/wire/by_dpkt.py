"""The decoder built on dpkt: slower than the fast path, and knows more.

PPP, PPPoE, MPLS, LLC and SNAP, GRE (with PPTP, ERSPAN), IP in IP, VXLAN, Geneve, GTP-U,
Ethernet in Ethernet (IEEE 802.1ah), FDDI, IP fragments, ICMP errors; and all that the fast path
takes, so that one can be checked against the other.
"""

from __future__ import annotations

import dpkt

from tcptrace_py.wire import headers
from tcptrace_py.wire.fragments import Fragments
from tcptrace_py.wire.icmp import ERROR_TYPES, IcmpError, read_icmp_error
from tcptrace_py.wire.result import (
    FRAGMENT,
    ICMP_ERROR,
    MALFORMED,
    NOT_TCP,
    TCP,
    TRUNCATED,
    UNKNOWN_LINK,
)
from tcptrace_py.wire.segment import Segment
from tcptrace_py.wire.tunnels import (
    GENEVE_PORT,
    GPE_PROTOCOLS,
    GTP_U_PORT,
    TUNNEL_PORTS,
    VXLAN_PORTS,
    Kind,
    Tunnel,
    Tunnels,
)

# Headers of one frame, tags and labels counted, before TCP. More is an attack or nonsense.
MAX_LAYERS = 40

_LOW_64 = (1 << 64) - 1
_VLAN_TYPES = frozenset((0x8100, 0x88A8, 0x9100, 0x9200))
_AF_INET6 = frozenset((10, 23, 24, 28, 30))
_HOP_BY_HOP, _ICMP, _IP_IN_IP, _TCP, _UDP, _IPV6, _ROUTING, _FRAGMENT, _GRE, _AH, _ICMPV6, _DESTINATION = (
    0, 1, 4, 6, 17, 41, 43, 44, 47, 51, 58, 60,
)  # fmt: skip
# RFC 3378; RFC 8986 section 10.1.
_ETHERIP, _ETHERNET_IN_IP = 97, 143
_TUNNELS = frozenset((_IP_IN_IP, _IPV6, _GRE, _ETHERIP, _ETHERNET_IN_IP))
# Fragments of anything else are not worth collecting.
_WANTED_IN_FRAGMENTS = _TUNNELS | {_TCP, _AH}
_EXTENSION_HEADERS = frozenset((_HOP_BY_HOP, _ROUTING, _AH, _DESTINATION))
_GRE_HAS_SUM = 0x8000
_GRE_HAS_KEY = 0x2000
_GRE_HAS_ROUTING = 0x4000
_GRE_HAS_SEQUENCE = 0x1000
# RFC 7323 section 2.3.
_MAX_WINDOW_SCALE = 14
_FAST_OPEN_MAGIC = b"\xf9\x89"
# Up to and with the window; see wire.fast.
_NEEDED_TCP_BYTES = 16


class DpktDecoder:
    """Fills a Segment from any frame whose link type it knows; keeps fragments between frames."""

    def __init__(self) -> None:
        self.fragments = Fragments()
        #: What ``decode`` found when it last returned ICMP_ERROR.
        self.icmp_error: IcmpError | None = None
        self._tunnels = Tunnels()
        self._tunnel: Tunnel | None = None
        self._layers = 0
        # Whether `wire` is what an enclosing header says. At first it is only what the capture
        # says of the frame, which editing tools get wrong when they cut packets.
        self._enclosed = False

    def decode(self, frame: bytes, original_bytes: int, link_type: int, segment: Segment) -> int:
        """Decodes the captured bytes of one frame; returns a code of ``wire.result``, never OTHER.

        ``original_bytes`` is the frame's length on the wire, ``link_type`` its LINKTYPE_.
        ``segment.ts_ns`` must be set: fragments age by it. With TCP the rest of ``segment`` but
        ``frame`` is filled, otherwise undefined. Whatever the bytes, raises nothing.
        """
        self._layers = 0
        self._enclosed = False
        self._tunnel = None
        try:
            code = self._link(link_type, frame, original_bytes, segment)
            segment.tunnel = None if self._tunnel is None else self._tunnels.one(self._tunnel)
            return code
        except dpkt.NeedData:
            return TRUNCATED
        except Exception:
            # dpkt lets struct.error, IndexError and others out besides its own; the bytes are
            # hostile, and no frame may end the analysis of all the others.
            return MALFORMED

    # Each of these takes the captured bytes from its header on and `wire`, their length on the
    # wire, which may be more. dpkt raises NeedData where a header is cut.

    def _link(self, link_type: int, buf: bytes, wire: int, segment: Segment) -> int:
        if link_type == 1:
            return self._ethernet(buf, wire, segment)
        if link_type == 113:
            return self._ethertype(headers.SllHeader(buf).ethtype, buf[16:], wire - 16, segment)
        if link_type == 276:
            return self._ethertype(headers.Sll2Header(buf).ethtype, buf[20:], wire - 20, segment)
        if link_type in (12, 14, 101):
            return self._ip_by_version(buf, wire, segment)
        if link_type == 228:
            return self._ipv4(buf, wire, segment)
        if link_type == 229:
            return self._ipv6(buf, wire, segment)
        if link_type in (0, 108):
            return self._loopback(buf, wire, segment)
        if link_type == 9:
            return self._ppp_in_hdlc(buf, wire, segment)
        if link_type == 50:
            # RFC 1662 framing, or Cisco's, told by the address byte.
            if buf[:1] in (b"\x0f", b"\x8f"):
                return self._cisco_hdlc(buf, wire, segment)
            return self._ppp_in_hdlc(buf, wire, segment)
        if link_type == 104:
            return self._cisco_hdlc(buf, wire, segment)
        if link_type == 51:
            return self._pppoe(buf, wire, segment)
        if link_type == 10:
            if headers.FddiHeader(buf).frame_control & 0xF0 != 0x50:
                return NOT_TCP  # no LLC frame
            return self._llc(buf[13:], wire - 13, segment)
        return UNKNOWN_LINK

    def _loopback(self, buf: bytes, wire: int, segment: Segment) -> int:
        family = headers.LoopbackHeader(buf).family
        if family & 0xFFFF == 0:
            family = int.from_bytes(buf[:2], "little")
        if family == 2:
            return self._ipv4(buf[4:], wire - 4, segment)
        if family in _AF_INET6:
            return self._ipv6(buf[4:], wire - 4, segment)
        return NOT_TCP

    def _ethernet(self, buf: bytes, wire: int, segment: Segment) -> int:
        header = headers.EthernetHeader(buf)
        return self._ethertype(header.type, header.data, wire - 14, segment)

    def _ethertype(self, ethertype: int, buf: bytes, wire: int, segment: Segment) -> int:
        while True:
            self._next_layer()
            if ethertype in _VLAN_TYPES:
                ethertype = headers.VlanTag(buf).type
                buf, wire = buf[4:], wire - 4
            elif ethertype == 0x8926:  # VN-Tag (IEEE 802.1BR's forerunner)
                _need(buf, 6)
                ethertype = int.from_bytes(buf[4:6], "big")
                buf, wire = buf[6:], wire - 6
            else:
                break
        if ethertype == 0x0800:
            return self._ipv4(buf, wire, segment)
        if ethertype == 0x86DD:
            return self._ipv6(buf, wire, segment)
        if ethertype <= 1500:
            return self._llc(buf, min(wire, ethertype), segment)
        if ethertype in (0x8847, 0x8848):
            return self._mpls(buf, wire, segment)
        if ethertype == 0x8864:
            return self._pppoe(buf, wire, segment)
        if ethertype == 0x880B:
            return self._ppp(buf, wire, segment)
        if ethertype == 0x6558:
            return self._ethernet(buf, wire, segment)
        if ethertype == 0x88E7:  # IEEE 802.1ah: service tag, then the customer's Ethernet
            return self._ethernet(buf[4:], wire - 4, segment)
        return NOT_TCP

    def _llc(self, buf: bytes, wire: int, segment: Segment) -> int:
        header = headers.LlcHeader(buf)
        if header.is_snap:
            snap = headers.SnapHeader(header.data)
            # RFC 1042, and the bridge tunnel encapsulation of IEEE 802.1H.
            if snap.oui not in (b"\0\0\0", b"\0\0\xf8") or snap.type <= 1500:
                return NOT_TCP
            return self._ethertype(snap.type, snap.data, wire - 8, segment)
        if header.dsap == 0x06:  # SAP of IP
            return self._ipv4(header.data, wire - 3, segment)
        return NOT_TCP

    def _mpls(self, buf: bytes, wire: int, segment: Segment) -> int:
        """RFC 3032. What follows the last label is not said: IP by its version, else a pseudowire."""
        last = False
        while not last:
            self._next_layer()
            last = bool(headers.MplsLabel(buf).s)
            buf, wire = buf[4:], wire - 4
        _need(buf, 1)
        if buf[0] >> 4 in (4, 6):
            return self._ip_by_version(buf, wire, segment)
        if buf[0] >> 4 == 0:  # a control word (RFC 4385) before the Ethernet frame
            return self._ethernet(buf[4:], wire - 4, segment)
        return self._ethernet(buf, wire, segment)

    def _pppoe(self, buf: bytes, wire: int, segment: Segment) -> int:
        header = headers.PppoeHeader(buf)
        if header.code != 0:
            return NOT_TCP
        self._enclosed = True
        return self._ppp(header.data[: header.len], header.len, segment)

    def _ppp_in_hdlc(self, buf: bytes, wire: int, segment: Segment) -> int:
        # Address and control may be left out by agreement (RFC 1661 section 6.6).
        _need(buf, 2)
        if buf[:2] == b"\xff\x03":
            return self._ppp(buf[2:], wire - 2, segment)
        return self._ppp(buf, wire, segment)

    def _ppp(self, buf: bytes, wire: int, segment: Segment) -> int:
        header = headers.PppHeader(buf)
        rest = wire - (len(buf) - len(header.data))
        if header.p == 0x0021:
            return self._ipv4(header.data, rest, segment)
        if header.p == 0x0057:
            return self._ipv6(header.data, rest, segment)
        if header.p in (0x0281, 0x0283):
            return self._mpls(header.data, rest, segment)
        return NOT_TCP

    def _cisco_hdlc(self, buf: bytes, wire: int, segment: Segment) -> int:
        header = headers.CiscoHdlcHeader(buf)
        if header.type <= 1500:
            return NOT_TCP
        return self._ethertype(header.type, header.data, wire - 4, segment)

    def _gre(self, buf: bytes, wire: int, segment: Segment) -> int:
        """RFC 2784, 2890; PPTP (RFC 2637); ERSPAN."""
        header = headers.GreHeader(buf)
        if header.v > 1 or header.flags & _GRE_HAS_ROUTING:
            return NOT_TCP
        key = None
        if header.flags & _GRE_HAS_KEY and header.v == 0:
            at = 8 if header.flags & _GRE_HAS_SUM else 4
            key = int.from_bytes(buf[at : at + 4], "big")
        self._comes_through("gre", segment, key)
        buf, wire = header.data, wire - (len(buf) - len(header.data))
        if header.p == 0x88BE:
            # ERSPAN type II has a header of its own, type I none; only II has numbers.
            size = 8 if header.flags & _GRE_HAS_SEQUENCE else 0
        elif header.p == 0x22EB:  # type III, with a subheader if the last bit says so
            _need(buf, 12)
            size = 20 if buf[11] & 1 else 12
        elif header.p == 0x880B:
            return self._ppp_in_hdlc(buf, wire, segment)
        elif header.p <= 1500:
            return NOT_TCP
        else:
            return self._ethertype(header.p, buf, wire, segment)
        return self._ethernet(buf[size:], wire - size, segment)

    def _ip_by_version(self, buf: bytes, wire: int, segment: Segment) -> int:
        _need(buf, 1)
        if buf[0] >> 4 == 4:
            return self._ipv4(buf, wire, segment)
        if buf[0] >> 4 == 6:
            return self._ipv6(buf, wire, segment)
        return MALFORMED

    def _ipv4(self, buf: bytes, wire: int, segment: Segment) -> int:
        self._next_layer()
        header = headers.Ipv4Header(buf)
        header_bytes = header.hl << 2
        # No total length: captured before segmentation offload filled it in.
        total = header.len or wire
        if self._enclosed:
            total = min(total, wire)
        if header.v != 4 or header.hl < 5 or total < header_bytes:
            return MALFORMED
        segment.ip_version = 4
        segment.ip_id = header.id
        segment.ttl = header.ttl
        segment.src_hi = 0
        segment.src_lo = int.from_bytes(header.src, "big")
        segment.dst_hi = 0
        segment.dst_lo = int.from_bytes(header.dst, "big")
        buf, wire = buf[header_bytes:total], total - header_bytes
        if header.mf or header.offset:
            if header.p not in _WANTED_IN_FRAGMENTS:
                return NOT_TCP
            whole = self.fragments.add(
                (4, segment.src_lo, segment.dst_lo, header.p, header.id),
                header.offset << 3,
                wire,
                bool(header.mf),
                buf,
                header.p,
                segment.ts_ns,
            )
            if whole is None:
                return FRAGMENT
            buf, wire = whole.front, whole.length_bytes
        return self._upper(4, header.p, buf, wire, segment)

    def _ipv6(self, buf: bytes, wire: int, segment: Segment) -> int:
        self._next_layer()
        header = headers.Ipv6Header(buf)
        # No payload length: a jumbogram (RFC 2675), segmentation offload, or really nothing.
        length = header.plen or wire - 40
        if self._enclosed:
            length = min(length, wire - 40)
        if header.v != 6 or length < 0:
            return MALFORMED
        src = int.from_bytes(header.src, "big")
        dst = int.from_bytes(header.dst, "big")
        segment.ip_version = 6
        segment.ip_id = 0
        segment.ttl = header.hlim
        segment.src_hi = src >> 64
        segment.src_lo = src & _LOW_64
        segment.dst_hi = dst >> 64
        segment.dst_lo = dst & _LOW_64
        return self._upper(6, header.nxt, header.data[:length], length, segment)

    def _upper(self, version: int, protocol: int, buf: bytes, wire: int, segment: Segment) -> int:
        """What follows an IP header: extension headers, then TCP, a tunnel or ICMP."""
        self._enclosed = True
        while protocol == _AH or (version == 6 and (protocol in _EXTENSION_HEADERS or protocol == _FRAGMENT)):
            self._next_layer()
            if wire < (12 if version == 4 else 8):
                return MALFORMED
            if version == 4:
                _need(buf, 12)
            header = headers.ExtensionHeader(buf)
            if protocol == _FRAGMENT:
                taken = self._ipv6_fragment(buf, wire, segment)
                if isinstance(taken, int):
                    return taken
                protocol, buf, wire = taken
                continue
            size = (header.len + 2) << 2 if protocol == _AH else (header.len + 1) << 3
            if size > wire or (protocol == _AH and size < 12):
                return MALFORMED
            protocol = header.nxt
            buf, wire = buf[size:], wire - size
        if protocol == _TCP:
            return self._tcp(buf, wire, segment)
        if protocol in _TUNNELS:
            self._next_layer()
            if protocol == _GRE:
                return self._gre(buf, wire, segment)
            if protocol == _ETHERIP:
                self._comes_through("etherip", segment)
                return self._ethernet(buf[2:], wire - 2, segment)
            if protocol == _ETHERNET_IN_IP:
                self._comes_through("ethernet-in-ip", segment)
                return self._ethernet(buf, wire, segment)
            self._comes_through("ip-in-ip", segment)
            if protocol == _IP_IN_IP:
                return self._ipv4(buf, wire, segment)
            return self._ipv6(buf, wire, segment)
        if protocol == _UDP:
            return self._udp(buf, wire, segment)
        if protocol == (_ICMP if version == 4 else _ICMPV6):
            if wire < 1:
                return MALFORMED
            _need(buf, 1)
            if buf[0] not in ERROR_TYPES[version]:
                return NOT_TCP
            error = read_icmp_error(buf, version, segment.src_hi, segment.src_lo)
            if error is None:
                return NOT_TCP
            self.icmp_error = error
            return ICMP_ERROR
        return NOT_TCP

    def _comes_through(self, kind: Kind, segment: Segment, identifier: int | None = None) -> None:
        """What follows is inside a tunnel, between the addresses that ``segment`` holds by now."""
        self._tunnel = Tunnel(
            kind,
            segment.ip_version,
            segment.src_hi,
            segment.src_lo,
            segment.dst_hi,
            segment.dst_lo,
            identifier,
        )

    def _udp(self, buf: bytes, wire: int, segment: Segment) -> int:
        """Tunnels by either port, as Wireshark does it."""
        ports = {int.from_bytes(buf[0:2], "big"), int.from_bytes(buf[2:4], "big")}
        if len(buf) < 4 or not ports & TUNNEL_PORTS:
            return NOT_TCP
        if wire < 8:
            return MALFORMED
        header = headers.UdpHeader(buf)
        self._next_layer()
        # No length: a jumbogram (RFC 2675 section 4), or segmentation offload.
        wire = min(wire, header.ulen or wire) - 8
        if wire < 8:
            return NOT_TCP
        buf = header.data[:wire]
        if GTP_U_PORT in ports:
            return self._gtp_u(buf, wire, segment)
        if GENEVE_PORT in ports:
            return self._geneve(buf, wire, segment)
        return self._vxlan(buf, wire, segment, generic=not ports & VXLAN_PORTS)

    def _vxlan(self, buf: bytes, wire: int, segment: Segment, generic: bool) -> int:
        header = headers.VxlanHeader(buf)
        if not header.flags & 0x08:  # there is no valid VNI
            return NOT_TCP
        self._comes_through("vxlan-gpe" if generic else "vxlan", segment, header.vni)
        if not generic:
            return self._ethernet(header.data, wire - 8, segment)
        if header.flags & 0x30 or header.next not in GPE_PROTOCOLS:  # another version, or nothing we know
            return NOT_TCP
        return self._ethertype(GPE_PROTOCOLS[header.next], header.data, wire - 8, segment)

    def _geneve(self, buf: bytes, wire: int, segment: Segment) -> int:
        header = headers.GeneveHeader(buf)
        size = header.options_bytes
        if header.version or header.protocol <= 1500:
            return NOT_TCP
        if size > wire - 8:
            return MALFORMED
        self._comes_through("geneve", segment, header.vni)
        return self._ethertype(header.protocol, header.data[size:], wire - 8 - size, segment)

    def _gtp_u(self, buf: bytes, wire: int, segment: Segment) -> int:
        header = headers.GtpHeader(buf)
        if header.flags >> 4 != 3 or header.type != 255:  # version 1, and a user's packet
            return NOT_TCP
        wire = min(wire - 8, header.len)
        buf = header.data[:wire]
        self._comes_through("gtp-u", segment, header.teid)
        if header.flags & 0x07:
            # Sequence and N-PDU numbers, then the type of the first extension header (section 5.2).
            _need(buf, 4)
            extension = buf[3] if header.flags & 0x04 else 0
            buf, wire = buf[4:], wire - 4
            while extension:
                self._next_layer()
                _need(buf, 1)
                size = buf[0] << 2
                if size == 0 or size > wire:
                    return MALFORMED
                _need(buf, size)
                extension = buf[size - 1]
                buf, wire = buf[size:], wire - size
        _need(buf, 1)
        if buf[0] >> 4 not in (4, 6):
            return NOT_TCP
        return self._ip_by_version(buf, wire, segment)

    def _ipv6_fragment(self, buf: bytes, wire: int, segment: Segment) -> int | tuple[int, bytes, int]:
        """Returns what follows the fragment header, or a code if it is not all there."""
        header = headers.FragmentHeader(buf)
        buf, wire = buf[8:], wire - 8
        if not header.frag_off and not header.m_flag:
            return header.nxt, buf, wire  # an atomic fragment (RFC 6946)
        if header.nxt not in _WANTED_IN_FRAGMENTS and header.nxt not in _EXTENSION_HEADERS:
            return NOT_TCP
        whole = self.fragments.add(
            (6, segment.src_hi, segment.src_lo, segment.dst_hi, segment.dst_lo, header.id),
            header.frag_off << 3,
            wire,
            bool(header.m_flag),
            buf,
            header.nxt,
            segment.ts_ns,
        )
        if whole is None:
            return FRAGMENT
        return whole.protocol, whole.front, whole.length_bytes

    def _tcp(self, buf: bytes, wire: int, segment: Segment) -> int:
        if wire < 20:
            return MALFORMED
        _need(buf, _NEEDED_TCP_BYTES)
        # A snap length may cut the end of the fixed header, which holds nothing that we need.
        tcp = dpkt.tcp.TCP(buf[:60].ljust(20, b"\0"))
        header_bytes = tcp.off << 2
        if header_bytes > wire:
            return MALFORMED
        segment.src_port = tcp.sport
        segment.dst_port = tcp.dport
        segment.seq = tcp.seq
        segment.ack = tcp.ack
        segment.flags = tcp.flags & 0xFF
        segment.window = tcp.win
        segment.checksum = tcp.sum if len(buf) >= 18 else 0
        segment.payload_bytes = wire - header_bytes
        _read_options(bytes(tcp.opts), segment)
        return TCP

    def _next_layer(self) -> None:
        self._layers += 1
        if self._layers > MAX_LAYERS:
            raise dpkt.UnpackError("too many headers")


def _need(buf: bytes, size: int) -> None:
    if len(buf) < size:
        raise dpkt.NeedData(f"got {len(buf)}, {size} needed at least")


def _read_options(options: bytes, segment: Segment) -> None:
    """RFC 9293 section 3.2.

    Not by ``dpkt.tcp.parse_opts``: it reads on behind the end-of-options mark, takes the
    impossible lengths 0 and 1 for 2, and gives an option that is cut as if it were whole.
    """
    segment.mss_bytes = -1
    segment.window_scale = -1
    segment.sack_permitted = False
    segment.has_timestamps = False
    segment.ts_val = 0
    segment.ts_ecr = 0
    segment.sack_blocks = 0
    segment.sack_left = 0
    segment.sack_right = 0
    segment.fast_open_cookie_bytes = -1
    while options and options[0] != dpkt.tcp.TCP_OPT_EOL:
        kind = options[0]
        if kind == dpkt.tcp.TCP_OPT_NOP:
            options = options[1:]
            continue
        if len(options) < 2 or not 2 <= options[1] <= len(options):
            return
        data, options = options[2 : options[1]], options[options[1] :]
        if kind == dpkt.tcp.TCP_OPT_MSS and len(data) == 2:
            segment.mss_bytes = int.from_bytes(data, "big")
        elif kind == dpkt.tcp.TCP_OPT_WSCALE and len(data) == 1:
            segment.window_scale = min(data[0], _MAX_WINDOW_SCALE)
        elif kind == dpkt.tcp.TCP_OPT_SACKOK and not data:
            segment.sack_permitted = True
        elif kind == dpkt.tcp.TCP_OPT_SACK and data and len(data) % 8 == 0:
            segment.sack_blocks = len(data) // 8
            segment.sack_left = int.from_bytes(data[0:4], "big")
            segment.sack_right = int.from_bytes(data[4:8], "big")
        elif kind == dpkt.tcp.TCP_OPT_TIMESTAMP and len(data) == 8:
            segment.has_timestamps = True
            segment.ts_val = int.from_bytes(data[0:4], "big")
            segment.ts_ecr = int.from_bytes(data[4:8], "big")
        elif kind == 34:
            segment.fast_open_cookie_bytes = len(data)
        elif kind in (253, 254) and data[:2] == _FAST_OPEN_MAGIC:
            segment.fast_open_cookie_bytes = len(data) - 2
