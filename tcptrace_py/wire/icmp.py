"""ICMP and ICMPv6 errors: which connection's segment drew one, and what it says.

RFC 792, RFC 1122 section 3.2.2, RFC 1812 section 5.2.7 and RFC 4443.
"""

from __future__ import annotations

from dataclasses import dataclass

import dpkt

from tcptrace_py.wire.headers import ExtensionHeader, IcmpHeader, Ipv4Header, Ipv6Header, TcpPorts

_PROTOCOL_TCP = 6
_MAX_EXTENSION_HEADERS = 16
_LOW_64 = (1 << 64) - 1

DESTINATION_UNREACHABLE = 3
SOURCE_QUENCH = 4
TIME_EXCEEDED = 11
PARAMETER_PROBLEM = 12
FRAGMENTATION_NEEDED = 4  # a code of destination unreachable

V6_DESTINATION_UNREACHABLE = 1
V6_PACKET_TOO_BIG = 2
V6_TIME_EXCEEDED = 3
V6_PARAMETER_PROBLEM = 4

# The types that quote the packet which drew them (redirects too, but they are no errors).
ERROR_TYPES = {
    4: frozenset((DESTINATION_UNREACHABLE, SOURCE_QUENCH, TIME_EXCEEDED, PARAMETER_PROBLEM)),
    6: frozenset((V6_DESTINATION_UNREACHABLE, V6_PACKET_TOO_BIG, V6_TIME_EXCEEDED, V6_PARAMETER_PROBLEM)),
}

_REASONS: dict[tuple[int, int], dict[int, str]] = {
    (4, DESTINATION_UNREACHABLE): {
        0: "network unreachable",
        1: "host unreachable",
        2: "protocol unreachable",
        3: "port unreachable",
        4: "fragmentation needed",
        5: "source route failed",
        6: "destination network unknown",
        7: "destination host unknown",
        8: "source host isolated",
        9: "network administratively prohibited",
        10: "host administratively prohibited",
        11: "network unreachable for type of service",
        12: "host unreachable for type of service",
        13: "administratively prohibited",
        14: "host precedence violation",
        15: "precedence cutoff in effect",
    },
    (4, TIME_EXCEEDED): {0: "time to live exceeded", 1: "fragment reassembly time exceeded"},
    (6, V6_DESTINATION_UNREACHABLE): {
        0: "no route to destination",
        1: "administratively prohibited",
        2: "beyond scope of source address",
        3: "address unreachable",
        4: "port unreachable",
        5: "source address failed policy",
        6: "route to destination rejected",
        7: "error in source routing header",
        8: "headers too long",
    },
    (6, V6_TIME_EXCEEDED): {0: "hop limit exceeded", 1: "fragment reassembly time exceeded"},
}

# For a code without a name of its own.
_TYPE_REASONS = {
    (4, DESTINATION_UNREACHABLE): "destination unreachable",
    (4, SOURCE_QUENCH): "source quench",
    (4, TIME_EXCEEDED): "time exceeded",
    (4, PARAMETER_PROBLEM): "parameter problem",
    (6, V6_DESTINATION_UNREACHABLE): "destination unreachable",
    (6, V6_PACKET_TOO_BIG): "packet too big",
    (6, V6_TIME_EXCEEDED): "time exceeded",
    (6, V6_PARAMETER_PROBLEM): "parameter problem",
}


@dataclass(frozen=True, slots=True)
class IcmpError:
    """An ICMP error about a TCP segment.

    ``src_*`` and ``dst_*`` are those of the *quoted* segment: its sender is who the error is
    addressed to. Addresses are two 64-bit halves, as in Segment.
    """

    ip_version: int
    src_hi: int
    src_lo: int
    dst_hi: int
    dst_lo: int
    src_port: int
    dst_port: int
    #: Sequence number of the quoted segment.
    seq: int
    #: ICMP type and code; their meaning depends on ``ip_version``.
    type: int
    code: int
    #: Who says so: source address of the packet that carried the error.
    reporter_hi: int
    reporter_lo: int
    #: The next hop's MTU where the error is about size, else 0 (0 too from an old router).
    mtu_bytes: int

    @property
    def reason(self) -> str:
        """In the words of the RFCs: "port unreachable", "fragmentation needed", ..."""
        kind = (self.ip_version, self.type)
        return _REASONS.get(kind, {}).get(self.code, _TYPE_REASONS[kind])

    @property
    def about_size(self) -> bool:
        """Path MTU discovery (RFC 1191, RFC 8201): the sender shall send smaller segments."""
        if self.ip_version == 4:
            return self.type == DESTINATION_UNREACHABLE and self.code == FRAGMENTATION_NEEDED
        return self.type == V6_PACKET_TOO_BIG

    @property
    def tells(self) -> bool:
        """Whether it is evidence: it fails an attempt, or says why large segments do not arrive."""
        return self.about_size or self.fails_attempt

    @property
    def fails_attempt(self) -> bool:
        """Whether a connection attempt (SYN_SENT) fails by it.

        Destination unreachable does; time exceeded and parameter problem do on Linux as well
        (tcp_v4_err: EHOSTUNREACH, EPROTO). Path MTU discovery and source quench (RFC 6633) do not.
        An established connection survives all of them (RFC 1122 section 4.2.3.9, RFC 5461).
        """
        if self.about_size:
            return False
        return self.ip_version == 6 or self.type != SOURCE_QUENCH


def read_icmp_error(message: bytes, ip_version: int, reporter_hi: int, reporter_lo: int) -> IcmpError | None:
    """Reads an ICMP (``ip_version`` 4) or ICMPv6 (6) message from its type field on.

    Returns None unless it is an error that quotes the beginning of a TCP segment. Raises
    ``dpkt.UnpackError`` (``dpkt.NeedData`` where the bytes are too few) if it can not be read.
    """
    header = IcmpHeader(message)
    if header.type not in ERROR_TYPES[ip_version]:
        return None
    if len(header.data) < 4:
        raise dpkt.NeedData("ICMP error without its second word")
    mtu_bytes = 0
    if ip_version == 4:
        if header.type == DESTINATION_UNREACHABLE and header.code == FRAGMENTATION_NEEDED:
            mtu_bytes = int.from_bytes(header.data[2:4], "big")
    elif header.type == V6_PACKET_TOO_BIG:
        mtu_bytes = int.from_bytes(header.data[0:4], "big")
    quoted = header.data[4:]
    if ip_version == 4:
        ip = Ipv4Header(quoted)
        if ip.v != 4 or ip.hl < 5:
            raise dpkt.UnpackError("quoted packet is not IPv4")
        if ip.p != _PROTOCOL_TCP or ip.offset:
            return None
        transport = quoted[ip.hl << 2 :]
    else:
        ip = Ipv6Header(quoted)
        if ip.v != 6:
            raise dpkt.UnpackError("quoted packet is not IPv6")
        protocol, transport = _behind_extension_headers(ip.nxt, ip.data)
        if protocol != _PROTOCOL_TCP:
            return None
    tcp = TcpPorts(transport)
    src = int.from_bytes(ip.src, "big")
    dst = int.from_bytes(ip.dst, "big")
    return IcmpError(
        ip_version=ip_version,
        src_hi=src >> 64,
        src_lo=src & _LOW_64,
        dst_hi=dst >> 64,
        dst_lo=dst & _LOW_64,
        src_port=tcp.sport,
        dst_port=tcp.dport,
        seq=tcp.seq,
        type=header.type,
        code=header.code,
        reporter_hi=reporter_hi,
        reporter_lo=reporter_lo,
        mtu_bytes=mtu_bytes,
    )


def _behind_extension_headers(protocol: int, data: bytes) -> tuple[int, bytes]:
    for _ in range(_MAX_EXTENSION_HEADERS):
        if protocol not in (0, 43, 44, 51, 60):
            break
        header = ExtensionHeader(data)
        if protocol == 44:
            if int.from_bytes(header.rest[0:2], "big") >> 3:
                return 44, b""  # not the first fragment: no TCP header in it
            size = 8
        elif protocol == 51:
            size = (header.len + 2) << 2
        else:
            size = (header.len + 1) << 3
        protocol = header.nxt
        data = data[size:]
    return protocol, data
