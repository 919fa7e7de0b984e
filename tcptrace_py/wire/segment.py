"""One TCP segment as the tracker needs it: plain numbers, no payload.

Compiled (see ``segment.pxd``). One ``Segment`` is filled again for each frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tcptrace_py.wire.tunnels import Tunnel

# Control bits of the TCP header (RFC 9293 section 3.1).
FIN = 0x01
SYN = 0x02
RST = 0x04
PSH = 0x08
ACK = 0x10
URG = 0x20
ECE = 0x40
CWR = 0x80

# Bits of ``Segment.mptcp``.
MP_JOIN = 1 << 1
MP_FASTCLOSE = 1 << 7

#: What a payload begins with, as ``Segment.begins_with`` has it: a TLS record (RFC 8446 section 5.1), that of
#: a ClientHello by itself; HTTP/1 (RFC 9112 section 2.1), its 400 by itself; 0: not captured, or zeros.
TLS_HELLO, TLS_RECORD, HTTP_REQUEST, HTTP_RESPONSE, HTTP_400, OTHER_BYTES = range(1, 7)
#: So many bytes tell.
BEGINNING_BYTES = 6


class Segment:
    """The headers of one TCP segment (RFC 9293 section 3.1) and of the IP packet around it.

    Addresses are two 64-bit halves, network order read as numbers; an IPv4
    address has ``*_hi == 0`` and its 32 bits in ``*_lo``.
    """

    def __init__(self) -> None:
        self.ts_ns = 0
        #: The capture's time when it passed: the latest time stamp up to it; 0 is its own.
        self.now_ns = 0
        #: Which frame it came in, and of which source: see ``frame_id.py``.
        self.frame = 0
        self.ip_version = 0
        self.src_hi = 0
        self.src_lo = 0
        self.dst_hi = 0
        self.dst_lo = 0
        self.src_port = 0
        self.dst_port = 0
        self.seq = 0
        self.ack = 0
        self.flags = 0
        #: The window field as sent, not scaled.
        self.window = 0
        #: Payload by the IP length, whatever the snap length cut.
        self.payload_bytes = 0
        self.checksum = 0
        #: IPv4 identification, 0 for IPv6.
        self.ip_id = 0
        #: IPv4 TTL or IPv6 hop limit.
        self.ttl = 0
        #: Options: -1 (or False) where absent.
        self.mss_bytes = -1
        self.window_scale = -1
        self.sack_permitted = False
        self.has_timestamps = False
        self.ts_val = 0
        self.ts_ecr = 0
        #: SACK blocks in the segment; the first one's edges (a D-SACK, if there is one, comes first).
        self.sack_blocks = 0
        self.sack_left = 0
        self.sack_right = 0
        #: The innermost tunnel that it came through, a ``wire.tunnels.Tunnel``.
        self.tunnel: Tunnel | None = None
        #: TCP Fast Open (RFC 7413): -1 no option, 0 a request for a cookie, else the cookie's bytes.
        self.fast_open_cookie_bytes = -1
        #: Multipath TCP (RFC 8684 section 3): a bit for each subtype of its option that is there, the lowest
        #: for subtype 0; see ``MP_JOIN`` and the like.
        self.mptcp = 0
        #: A TLS alert in clear at the payload's beginning: ``level << 8 | description``; 0: one that is
        #: encrypted (up to TLS 1.2: close_notify, nearly always); -1 if none.
        self.tls_alert = -1
        #: What the payload begins with: ``TLS_HELLO`` and the like.
        self.begins_with = 0
