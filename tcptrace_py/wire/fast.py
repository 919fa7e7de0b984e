"""The fast path from a frame to its TCP header, for what nearly all captures hold.

Takes Ethernet with VLAN tags, Linux cooked v1 and v2, raw IP and BSD loopback; IPv4, IPv6 with
extension headers; TCP with options. Says OTHER for what the decoder built on dpkt must take
(tunnels, fragments, MPLS, PPPoE, LLC, other link types).

Compiled (see ``fast.pxd``), and in C nothing checks a read. Bytes are hostile: before a header is
read, ``end`` (the first byte of the frame that was not captured) is checked, once for all its fields.
A test runs this file uncompiled over frames that end where their buffer does, cut at every byte: a
read of a byte that was not checked for raises there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcptrace_py.capture.pointer import pointer
from tcptrace_py.wire.place import place_between
from tcptrace_py.wire.result import (
    ELSEWHERE,
    ICMP_ERROR,
    MALFORMED,
    NOT_TCP,
    OTHER,
    TCP,
    TRUNCATED,
    UNDECODED,
)
from tcptrace_py.wire.segment import (
    BEGINNING_BYTES,
    HTTP_400,
    HTTP_REQUEST,
    HTTP_RESPONSE,
    OTHER_BYTES,
    TLS_HELLO,
    TLS_RECORD,
)
from tcptrace_py.wire.undecoded import ETHERTYPE, IP_PROTOCOL, KEY_SHIFT, UDP_PORT

if TYPE_CHECKING:
    from tcptrace_py.wire.segment import Segment

# More VLAN tags or extension headers than this are left to the decoder built on dpkt.
MAX_VLAN_TAGS = 4
MAX_EXTENSION_HEADERS = 8

# RFC 7323 section 2.3: a larger shift count must be used as 14.
MAX_WINDOW_SCALE = 14

# TCP header bytes up to and with the window (RFC 9293 section 3.1): with fewer there is no
# telling what the segment does. A snap length that leaves these still gives a segment.
NEEDED_TCP_BYTES = 16

# No code of ``wire.result``: the frame does not lie in the buffer.
OUTSIDE = -1

# With these added a number becomes a key of ``wire.undecoded``.
ETHERTYPE_KEY = ETHERTYPE << KEY_SHIFT
IP_PROTOCOL_KEY = IP_PROTOCOL << KEY_SHIFT
UDP_PORT_KEY = UDP_PORT << KEY_SHIFT
# A TLS record with an alert in clear; payloads longer than this are not looked at for one.
TLS_ALERT_BYTES = 7
MAX_ALERT_PAYLOAD_BYTES = 64
# How payloads begin, and how many bytes that takes.
_BEGINNING_BYTES, _TLS_HELLO, _TLS_RECORD = BEGINNING_BYTES, TLS_HELLO, TLS_RECORD
_HTTP_REQUEST, _HTTP_RESPONSE, _HTTP_400, _OTHER_BYTES = HTTP_REQUEST, HTTP_RESPONSE, HTTP_400, OTHER_BYTES


class FastPath:
    """Fills a Segment from frames that lie in one buffer.

    ``open`` the buffer, ``decode`` its frames, ``close`` it (a bytearray can not be resized
    while it is open). Of ``parts`` parts of the capture (see ``wire.place``) it takes the segments of
    ``part``; those of others it says are ELSEWHERE.
    """

    def __init__(self, part: int = 0, parts: int = 1) -> None:
        self.part = part
        self.parts = parts
        #: What ``decode`` met when it last returned UNDECODED: a key of ``wire.undecoded``.
        self.unread = 0
        self.close()

    def open(self, data: bytes | bytearray) -> None:
        """Reads frames from ``data`` until ``close``. Raises TypeError if it is not of these types."""
        self.close()
        if not isinstance(data, (bytes, bytearray)):
            raise TypeError(f"bytes or bytearray expected, not {type(data).__name__}")
        # In C `data` is a bare pointer; what keeps it valid is the view, which forbids a
        # bytearray to move.
        self.view = memoryview(data)
        first = pointer(data)
        self.data = first
        self.size = len(data)

    def close(self) -> None:
        """Lets go of the buffer."""
        self.size = 0
        nothing = pointer(b"")
        self.data = nothing
        self.view = memoryview(b"")

    def decode(self, start: int, captured: int, original: int, link_type: int, segment: Segment) -> int:
        """Decodes the frame of ``captured`` bytes at ``start``; returns a code of ``wire.result``.

        ``original`` is the frame's length on the wire, in bytes; ``link_type`` its LINKTYPE_. Only
        with TCP does ``segment`` hold the frame's segment (all but ``ts_ns`` and ``frame``);
        otherwise what it holds besides those two is undefined. Raises IndexError if the frame
        does not lie in the buffer.
        """
        code = self.frame(start, captured, original, link_type, segment)
        if code == OUTSIDE:
            raise IndexError("a frame outside of the buffer")
        return code

    # All that follows runs in C without the interpreter's lock.

    def frame(self, start: int, captured: int, original: int, link_type: int, segment: Segment) -> int:
        """As ``decode``, but OUTSIDE where the frame does not lie in the buffer."""
        if start < 0 or captured < 0 or captured > self.size - start:
            return OUTSIDE
        end = start + captured
        wire_end = start + original
        if link_type == 1:  # Ethernet
            if captured < 14:
                return TRUNCATED
            kind = self.u16(start + 12)
            if kind == 0x0800:
                return self.ipv4(start + 14, end, wire_end, segment)
            return self.ethertype(kind, start + 14, end, wire_end, segment)
        if link_type == 113:  # Linux cooked v1
            if captured < 16:
                return TRUNCATED
            return self.ethertype(self.u16(start + 14), start + 16, end, wire_end, segment)
        if link_type == 276:  # Linux cooked v2
            if captured < 20:
                return TRUNCATED
            return self.ethertype(self.u16(start), start + 20, end, wire_end, segment)
        if link_type == 101 or link_type == 12 or link_type == 14:  # raw IP; DLT_RAW in old files
            if captured < 1:
                return TRUNCATED
            version = self.u8(start) >> 4
            if version == 4:
                return self.ipv4(start, end, wire_end, segment)
            if version == 6:
                return self.ipv6(start, end, wire_end, segment)
            return MALFORMED
        if link_type == 228:
            return self.ipv4(start, end, wire_end, segment)
        if link_type == 229:
            return self.ipv6(start, end, wire_end, segment)
        if link_type == 0 or link_type == 108:  # BSD loopback; the same in network order
            if captured < 4:
                return TRUNCATED
            # The family is in the byte order of the host that captured; it is a small number
            # in one order and a huge one in the other.
            family = self.u32(start)
            if family & 0xFFFF == 0:
                family = self.u8(start) | self.u8(start + 1) << 8
            if family == 2:
                return self.ipv4(start + 4, end, wire_end, segment)
            # AF_INET6 of NetBSD and OpenBSD, FreeBSD, Darwin; Linux and Windows.
            if family == 24 or family == 28 or family == 30 or family == 10 or family == 23:
                return self.ipv6(start + 4, end, wire_end, segment)
            return NOT_TCP
        return OTHER

    # The only reads of the buffer: numbers in network byte order. Who calls has checked that all
    # their bytes lie before `end`. A compiler makes each of them one load.

    def u8(self, at: int) -> int:
        return self.data[at]

    def u16(self, at: int) -> int:
        here = self.data + at
        return here[0] << 8 | here[1]

    def u32(self, at: int) -> int:
        here = self.data + at
        # In a wide local first: a byte shifted by 24 would overflow a C int.
        high = here[0]
        return high << 24 | here[1] << 16 | here[2] << 8 | here[3]

    def u64(self, at: int) -> int:
        high = self.u32(at)
        return high << 32 | self.u32(at + 4)

    def ethertype(self, ethertype: int, at: int, end: int, wire_end: int, segment: Segment) -> int:
        """What follows an EtherType; its payload begins at ``at``."""
        tags = 0
        # IEEE 802.1Q, 802.1ad, and what QinQ used before it.
        while ethertype == 0x8100 or ethertype == 0x88A8 or ethertype == 0x9100 or ethertype == 0x9200:
            if tags == MAX_VLAN_TAGS:
                return OTHER
            if end - at < 4:
                return TRUNCATED
            ethertype = self.u16(at + 2)
            at += 4
            tags += 1
        if ethertype == 0x0800:
            return self.ipv4(at, end, wire_end, segment)
        if ethertype == 0x86DD:
            return self.ipv6(at, end, wire_end, segment)
        if ethertype < 0x600:  # an IEEE 802.3 length
            return OTHER
        # Tags and whatever else has a layer in `wire.layers`.
        if (
            ethertype == 0x8847
            or ethertype == 0x8848
            or ethertype == 0x8864
            or ethertype == 0x880B
            or ethertype == 0x6558
            or ethertype == 0x8926
            or ethertype == 0x88E7
            or ethertype == 0x88E5
            or ethertype == 0x8870
            or ethertype == 0x8903
            or ethertype == 0x8909
            or ethertype == 0x892F
            or ethertype == 0x893F
            or ethertype == 0x894F
            or ethertype == 0x22E9
            or ethertype == 0x22F3
            or ethertype == 0xF1C1
        ):
            return OTHER
        self.unread = ETHERTYPE_KEY + ethertype
        return UNDECODED

    def ipv4(self, at: int, end: int, wire_end: int, segment: Segment) -> int:
        """RFC 791 section 3.1."""
        if end - at < 20:
            return TRUNCATED
        # Version, header length, type of service, total length.
        word = self.u32(at)
        header = (word >> 24 & 15) << 2
        if word >> 28 != 4 or header < 20:
            return MALFORMED
        total = word & 0xFFFF
        if total == 0:
            # Captured before segmentation offload filled it in, or too long for 16 bits.
            total = wire_end - at
        if total < header:
            return MALFORMED
        word = self.u32(at + 4)
        fragment = word & 0x3FFF  # MF and the offset
        segment.ip_version = 4
        segment.ip_id = word >> 16
        segment.ttl = self.u8(at + 8)
        protocol = self.u8(at + 9)
        segment.src_hi = 0
        segment.src_lo = self.u32(at + 12)
        segment.dst_hi = 0
        segment.dst_lo = self.u32(at + 16)
        limit = at + total
        if end > limit:
            end = limit  # what follows is padding of the link
        at += header
        if fragment == 0 and protocol == 6:
            return self.tcp(at, end, limit, segment)
        return self.ipv4_other(protocol, fragment, at, end, limit, segment)

    def ipv4_other(
        self, protocol: int, fragment: int, at: int, end: int, limit: int, segment: Segment
    ) -> int:
        """IPv4's payload where it is a fragment or not plain TCP."""
        if fragment != 0:
            if protocol == 1 or protocol == 58:
                return NOT_TCP
            return OTHER
        headers = 0
        while protocol == 51:  # AH (RFC 4302)
            if headers == MAX_EXTENSION_HEADERS:
                return OTHER
            if limit - at < 12:
                return MALFORMED
            if end - at < 12:
                return TRUNCATED
            protocol = self.u8(at)
            size = (self.u8(at + 1) + 2) << 2
            if size < 12 or size > limit - at:
                return MALFORMED
            at += size
            headers += 1
        if protocol == 6:
            return self.tcp(at, end, limit, segment)
        if protocol == 17:
            return self.udp(at, end, limit, segment)
        if protocol == 1:
            if limit - at < 1:
                return MALFORMED
            if end - at < 1:
                return TRUNCATED
            # Destination unreachable, source quench, time exceeded, parameter problem (RFC 792).
            kind = self.u8(at)
            if kind == 3 or kind == 4 or kind == 11 or kind == 12:
                return ICMP_ERROR
            return NOT_TCP
        return self.other(protocol)

    def ipv6(self, at: int, end: int, wire_end: int, segment: Segment) -> int:
        """RFC 8200 sections 3 and 4."""
        if end - at < 40:
            return TRUNCATED
        if self.u8(at) >> 4 != 6:
            return MALFORMED
        length = self.u16(at + 4)
        if length == 0:
            # A jumbogram (RFC 2675) or BIG TCP; where neither, the frame ends here as well.
            length = wire_end - at - 40
            if length < 0:
                return MALFORMED
        protocol = self.u8(at + 6)
        segment.ip_version = 6
        segment.ip_id = 0
        segment.ttl = self.u8(at + 7)
        segment.src_hi = self.u64(at + 8)
        segment.src_lo = self.u64(at + 16)
        segment.dst_hi = self.u64(at + 24)
        segment.dst_lo = self.u64(at + 32)
        at += 40
        limit = at + length
        if end > limit:
            end = limit
        if protocol == 6:
            return self.tcp(at, end, limit, segment)
        headers = 0
        # Hop-by-hop options, routing, AH, destination options.
        while protocol == 0 or protocol == 43 or protocol == 51 or protocol == 60:
            if headers == MAX_EXTENSION_HEADERS:
                return OTHER
            if limit - at < 8:
                return MALFORMED
            if end - at < 8:
                return TRUNCATED
            size = self.u8(at + 1)
            if protocol == 51:
                size = (size + 2) << 2  # RFC 4302 section 2.2: in units of 4 bytes
                if size < 12:
                    return MALFORMED
            else:
                size = (size + 1) << 3
            if size > limit - at:
                return MALFORMED
            protocol = self.u8(at)
            at += size
            headers += 1
        if protocol == 6:
            return self.tcp(at, end, limit, segment)
        if protocol == 17:
            return self.udp(at, end, limit, segment)
        # Fragment header; mobility, HIP and shim6.
        if protocol == 44 or protocol == 135 or protocol == 139 or protocol == 140:
            return OTHER
        if protocol == 58:
            if limit - at < 1:
                return MALFORMED
            if end - at < 1:
                return TRUNCATED
            # Destination unreachable, packet too big, time exceeded, parameter problem (RFC 4443).
            kind = self.u8(at)
            return ICMP_ERROR if 1 <= kind <= 4 else NOT_TCP
        return self.other(protocol)

    def other(self, protocol: int) -> int:
        """An IP protocol that is none of the above: a tunnel, or nothing that we know."""
        # IPv4, IPv6, GRE, EtherIP, PIM, MPLS, Ethernet.
        if (
            protocol == 4
            or protocol == 41
            or protocol == 47
            or protocol == 97
            or protocol == 103
            or protocol == 137
            or protocol == 143
        ):
            return OTHER
        self.unread = IP_PROTOCOL_KEY + protocol
        return UNDECODED

    def udp(self, at: int, end: int, limit: int, segment: Segment) -> int:
        """Tunnels that ride on UDP: by their ports, and what has the beginning of GTP-U on any other."""
        if end - at < 4:
            return NOT_TCP
        src = self.u16(at)
        dst = self.u16(at + 2)
        if self.is_tunnel_port(dst) or self.is_tunnel_port(src):
            return OTHER
        if self.is_encrypted_port(dst):
            self.unread = UDP_PORT_KEY + dst
            return UNDECODED
        if self.is_encrypted_port(src):
            self.unread = UDP_PORT_KEY + src
            return UNDECODED
        if end - at >= 36 and self.u16(at + 8) == 0x30FF:
            return OTHER
        return NOT_TCP

    def is_tunnel_port(self, port: int) -> bool:
        """The ports of ``wire.layers.udp``."""
        return (
            port == 4789
            or port == 2152
            or port == 6081
            or port == 8472
            or port == 4790
            or port == 1701
            or port == 3544
            or port == 4341
            or port == 4754
            or port == 5072
            or port == 5247
            or port == 6635
            or port == 37008
        )

    def is_encrypted_port(self, port: int) -> bool:
        """``wire.undecoded.ENCRYPTED_PORTS``."""
        return port == 4500 or port == 51820 or port == 1194 or port == 4755 or port == 6636

    def tcp(self, at: int, end: int, limit: int, segment: Segment) -> int:
        """RFC 9293 section 3.1; the segment lies in ``at..limit``, captured up to ``end``."""
        length = limit - at
        if length < 20:
            return MALFORMED
        captured = end - at
        if captured < NEEDED_TCP_BYTES:
            return TRUNCATED
        # Data offset, control bits, window.
        word = self.u32(at + 12)
        header = (word >> 28) << 2
        if header < 20 or header > length:
            return MALFORMED
        segment.flags = word >> 16 & 0xFF
        segment.window = word & 0xFFFF
        word = self.u32(at)
        segment.src_port = word >> 16
        segment.dst_port = word & 0xFFFF
        if self.parts > 1 and self.is_elsewhere(segment):
            return ELSEWHERE
        segment.seq = self.u32(at + 4)
        segment.ack = self.u32(at + 8)
        segment.checksum = self.u16(at + 16) if captured >= 18 else 0
        segment.payload_bytes = length - header
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
        segment.mptcp = 0
        segment.tls_alert = -1
        if length - header >= TLS_ALERT_BYTES and length - header <= MAX_ALERT_PAYLOAD_BYTES:
            if captured >= header + TLS_ALERT_BYTES and self.u8(at + header) == 21:
                segment.tls_alert = self.tls_alert(at + header, length - header)
        segment.begins_with = 0
        if length - header >= _BEGINNING_BYTES and captured >= header + _BEGINNING_BYTES:
            segment.begins_with = self.begins_with(at + header, min(length, captured) - header)
        if header > 20 and captured > 20:
            if captured < header:
                self.options(at + 20, end, segment)
            else:
                self.options(at + 20, at + header, segment)
        return TCP

    def is_elsewhere(self, segment: Segment) -> bool:
        at = place_between(
            segment.src_hi, segment.src_lo, segment.src_port, segment.dst_hi, segment.dst_lo, segment.dst_port
        )
        return at % self.parts != self.part

    def tls_alert(self, at: int, payload_bytes: int) -> int:
        """RFC 8446 sections 5.1 and 6: an alert record; 0 if encrypted (RFC 5246), -1 if it is no such."""
        if self.u8(at + 1) != 3:
            return -1
        if self.u16(at + 3) != 2:
            return 0 if self.u16(at + 3) == payload_bytes - 5 else -1
        level = self.u8(at + 5)
        if level != 1 and level != 2:
            return -1
        return level << 8 | self.u8(at + 6)

    def begins_with(self, at: int, payload_bytes: int) -> int:
        """``Segment.begins_with`` of a payload of which so much was captured."""
        word = self.u32(at)
        first = word >> 24
        if 20 <= first <= 23 and word >> 16 & 0xFF == 3 and word >> 8 & 0xFF <= 4:
            return _TLS_HELLO if first == 22 and self.u8(at + 5) == 1 else _TLS_RECORD
        if first < 0x43 or first > 0x50:
            # No "C" to "P".
            return _OTHER_BYTES if word else 0
        if word == 0x48545450 and self.u16(at + 4) == 0x2F31:
            if payload_bytes >= 12 and self.u16(at + 9) == 0x3430 and self.u8(at + 11) == 0x30:
                return _HTTP_400
            return _HTTP_RESPONSE
        if word == 0x47455420 or word == 0x504F5354 or word == 0x50555420 or word == 0x48454144:
            return _HTTP_REQUEST
        if word == 0x4F505449 or word == 0x44454C45 or word == 0x50415443 or word == 0x434F4E4E:
            return _HTTP_REQUEST
        return _OTHER_BYTES

    def options(self, at: int, end: int, segment: Segment) -> int:
        """RFC 9293 section 3.2; stops at the first option that ``end`` cuts or that is no option."""
        # Nearly every segment with options has NOP, NOP, timestamps (RFC 7323 appendix A).
        if end - at == 12 and self.u32(at) == 0x0101080A:
            segment.has_timestamps = True
            segment.ts_val = self.u32(at + 4)
            segment.ts_ecr = self.u32(at + 8)
            return 0
        while at < end:
            kind = self.u8(at)
            if kind == 0:
                break
            if kind == 1:
                at += 1
                continue
            if end - at < 2:
                break
            size = self.u8(at + 1)
            if size < 2 or size > end - at:
                break
            if kind == 8:
                if size == 10:
                    segment.has_timestamps = True
                    segment.ts_val = self.u32(at + 2)
                    segment.ts_ecr = self.u32(at + 6)
            elif kind == 5:
                if size >= 10 and (size - 2) & 7 == 0:
                    segment.sack_blocks = (size - 2) >> 3
                    segment.sack_left = self.u32(at + 2)
                    segment.sack_right = self.u32(at + 6)
            elif kind == 2:
                if size == 4:
                    segment.mss_bytes = self.u16(at + 2)
            elif kind == 3:
                if size == 3:
                    scale = self.u8(at + 2)
                    segment.window_scale = MAX_WINDOW_SCALE if scale > MAX_WINDOW_SCALE else scale
            elif kind == 4:
                if size == 2:
                    segment.sack_permitted = True
            elif kind == 34:
                segment.fast_open_cookie_bytes = size - 2
            elif kind == 30:
                if size >= 3:
                    segment.mptcp |= 1 << (self.u8(at + 2) >> 4)
            elif kind == 254 or kind == 253:
                # Fast Open before it had a number of its own (RFC 6994, RFC 7413 appendix A).
                if size >= 4 and self.u16(at + 2) == 0xF989:
                    segment.fast_open_cookie_bytes = size - 4
            at += size
        return 0
