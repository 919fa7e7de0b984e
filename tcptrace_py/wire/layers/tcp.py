"""TCP: the header and its options (RFC 9293 sections 3.1 and 3.2)."""

from __future__ import annotations

import dpkt

from tcptrace_py.wire.layers.walk import IPV4_PROTOCOLS, IPV6_PROTOCOLS, Step, Walk, layer, need
from tcptrace_py.wire.result import MALFORMED, TCP
from tcptrace_py.wire.segment import (
    BEGINNING_BYTES,
    HTTP_400,
    HTTP_REQUEST,
    HTTP_RESPONSE,
    OTHER_BYTES,
    TLS_HELLO,
    TLS_RECORD,
    Segment,
)

# RFC 7323 section 2.3.
_MAX_WINDOW_SCALE = 14
_FAST_OPEN_MAGIC = b"\xf9\x89"
# Up to and with the window; see wire.fast.
_NEEDED_BYTES = 16
# A TLS record with an alert in clear; payloads longer than this are not looked at for one.
_TLS_ALERT_BYTES = 7
_MAX_ALERT_PAYLOAD_BYTES = 64
# Up to and with the status of a response.
_STATUS_BYTES = 12
_METHODS = (b"GET ", b"POST", b"PUT ", b"HEAD", b"OPTI", b"DELE", b"PATC", b"CONN")


@layer(IPV4_PROTOCOLS, 6)
@layer(IPV6_PROTOCOLS, 6)
def tcp(walk: Walk, buf: bytes, wire: int) -> Step:
    if wire < 20:
        return MALFORMED
    need(buf, _NEEDED_BYTES)
    # A snap length may cut the end of the fixed header, which holds nothing that we need.
    header = dpkt.tcp.TCP(buf[:60].ljust(20, b"\0"))
    header_bytes = header.off << 2
    if header_bytes > wire:
        return MALFORMED
    segment = walk.segment
    segment.src_port = header.sport
    segment.dst_port = header.dport
    segment.seq = header.seq
    segment.ack = header.ack
    segment.flags = header.flags & 0xFF
    segment.window = header.win
    segment.checksum = header.sum if len(buf) >= 18 else 0
    segment.payload_bytes = wire - header_bytes
    read_options(bytes(header.opts), segment)
    segment.tls_alert = -1
    if segment.payload_bytes <= _MAX_ALERT_PAYLOAD_BYTES:
        payload = buf[header_bytes : min(wire, header_bytes + _TLS_ALERT_BYTES)]
        segment.tls_alert = tls_alert(payload, segment.payload_bytes)
    segment.begins_with = begins_with(buf[header_bytes : min(wire, header_bytes + _STATUS_BYTES)])
    return TCP


def tls_alert(payload: bytes, payload_bytes: int) -> int:
    """RFC 8446 sections 5.1 and 6: an alert record, ``level << 8 | description``; 0 if encrypted; else -1."""
    if len(payload) < _TLS_ALERT_BYTES or payload[0] != 21 or payload[1] != 3:
        return -1
    if payload[3:5] != b"\0\x02":
        return 0 if int.from_bytes(payload[3:5], "big") == payload_bytes - 5 else -1
    if payload[5] not in (1, 2):
        return -1
    return payload[5] << 8 | payload[6]


def begins_with(payload: bytes) -> int:
    """``Segment.begins_with`` of what was captured of a payload."""
    if len(payload) < BEGINNING_BYTES:
        return 0
    if 20 <= payload[0] <= 23 and payload[1] == 3 and payload[2] <= 4:
        return TLS_HELLO if payload[0] == 22 and payload[5] == 1 else TLS_RECORD
    if payload.startswith(_METHODS):
        return HTTP_REQUEST
    if payload.startswith(b"HTTP/1"):
        return HTTP_400 if payload[9:12] == b"400" else HTTP_RESPONSE
    return OTHER_BYTES if any(payload[:4]) else 0


def read_options(options: bytes, segment: Segment) -> None:
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
    segment.mptcp = 0
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
        elif kind == 30 and data:
            segment.mptcp |= 1 << (data[0] >> 4)
        elif kind in (253, 254) and data[:2] == _FAST_OPEN_MAGIC:
            segment.fast_open_cookie_bytes = len(data) - 2
