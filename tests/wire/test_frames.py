"""Both decoders on frames made by hand, with the exact values that must come out."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable

import pytest

from tcptrace_py.wire import result
from tcptrace_py.wire.by_dpkt import DpktDecoder
from tcptrace_py.wire.fast import FastPath
from tcptrace_py.wire.segment import (
    ACK,
    CWR,
    ECE,
    FIN,
    HTTP_400,
    HTTP_REQUEST,
    HTTP_RESPONSE,
    OTHER_BYTES,
    PSH,
    RST,
    SYN,
    TLS_HELLO,
    TLS_RECORD,
    URG,
    Segment,
)

from . import frames
from .frames import (
    AH,
    ETHERNET,
    FRAGMENT,
    ICMP,
    ICMPV6,
    IPV6,
    LOOP,
    NULL,
    RAW,
    SLL,
    SLL2,
    UDP,
    ah,
    ethernet,
    extension,
    fields,
    ipv4,
    ipv6,
    ipv6_fragment,
    sll,
    sll2,
    tcp,
    vlan,
)

Decode = Callable[..., tuple[int, Segment]]


def by_fast_path(frame: bytes, link_type: int = ETHERNET, original: int | None = None) -> tuple[int, Segment]:
    segment = Segment()
    fast = FastPath()
    # Not at the start of the buffer, and not up to its end.
    fast.open(b"\xff" * 13 + frame + b"\xff" * 200)
    code = fast.decode(13, len(frame), len(frame) if original is None else original, link_type, segment)
    fast.close()
    return code, segment


def by_dpkt(frame: bytes, link_type: int = ETHERNET, original: int | None = None) -> tuple[int, Segment]:
    segment = Segment()
    code = DpktDecoder().decode(frame, len(frame) if original is None else original, link_type, segment)
    return code, segment


@pytest.fixture(params=[by_fast_path, by_dpkt], ids=["fast", "dpkt"])
def decode(request: pytest.FixtureRequest) -> Decode:
    return request.param  # type: ignore[no-any-return]


#: What ``ipv4(tcp(b"x" * 10))`` says, all of it.
PLAIN = {
    "ip_version": 4,
    "src_hi": 0,
    "src_lo": 0x0A010203,
    "dst_hi": 0,
    "dst_lo": 0xC00002C8,
    "src_port": 49152,
    "dst_port": 443,
    "seq": 0xFEDCBA98,
    "ack": 0x89ABCDEF,
    "flags": ACK,
    "window": 0xFDE8,
    "payload_bytes": 10,
    "checksum": 0xCAFE,
    "ip_id": 0xBEEF,
    "ttl": 61,
    "mss_bytes": -1,
    "window_scale": -1,
    "sack_permitted": False,
    "has_timestamps": False,
    "ts_val": 0,
    "ts_ecr": 0,
    "sack_blocks": 0,
    "sack_left": 0,
    "sack_right": 0,
    "fast_open_cookie_bytes": -1,
    "mptcp": 0,
    "tls_alert": -1,
    "begins_with": OTHER_BYTES,
}
V6_ADDRESSES = {
    "ip_version": 6,
    "src_hi": 0x20010DB8_00010002,
    "src_lo": 0x00030004_00050006,
    "dst_hi": 0xFE800000_00000000,
    "dst_lo": 0x000000FF_FE000001,
    "ip_id": 0,
    "ttl": 63,
}
PLAIN_V6 = PLAIN | V6_ADDRESSES
IN_V4 = ipv4(tcp(b"x" * 10))
IN_V6 = ipv6(tcp(b"x" * 10))


@pytest.mark.parametrize(
    "frame, link_type, expected",
    [
        (ethernet(IN_V4), ETHERNET, PLAIN),
        (ethernet(IN_V6, IPV6), ETHERNET, PLAIN_V6),
        (ethernet(vlan(IN_V4), 0x8100), ETHERNET, PLAIN),
        (ethernet(vlan(IN_V4, tci=0xE000), 0x8100), ETHERNET, PLAIN),
        (ethernet(vlan(IN_V6, IPV6), 0x8100), ETHERNET, PLAIN_V6),
        (ethernet(vlan(vlan(IN_V4), 0x8100), 0x88A8), ETHERNET, PLAIN),
        (ethernet(vlan(vlan(IN_V4), 0x9200), 0x9100), ETHERNET, PLAIN),
        (ethernet(vlan(vlan(vlan(vlan(IN_V4), 0x8100), 0x8100), 0x88A8), 0x88A8), ETHERNET, PLAIN),
        (sll(IN_V4), SLL, PLAIN),
        (sll(IN_V6, IPV6), SLL, PLAIN_V6),
        (sll(vlan(IN_V4), 0x8100), SLL, PLAIN),
        (sll2(IN_V4), SLL2, PLAIN),
        (sll2(IN_V6, IPV6), SLL2, PLAIN_V6),
        *[(IN_V4, link_type, PLAIN) for link_type in (RAW, 12, 14, 228)],
        *[(IN_V6, link_type, PLAIN_V6) for link_type in (RAW, 12, 14, 229)],
        *[(struct.pack(order + "I", 2) + IN_V4, NULL, PLAIN) for order in "<>"],
        *[(struct.pack(o + "I", af) + IN_V6, NULL, PLAIN_V6) for o in "<>" for af in (10, 23, 24, 28, 30)],
        (struct.pack(">I", 2) + IN_V4, LOOP, PLAIN),
        (struct.pack(">I", 24) + IN_V6, LOOP, PLAIN_V6),
    ],
)
def test_link_layers(decode: Decode, frame: bytes, link_type: int, expected: dict[str, int]) -> None:
    code, segment = decode(frame, link_type)
    assert code == result.TCP
    assert fields(segment) == expected


def test_many_vlan_tags_are_left_to_dpkt() -> None:
    frame = IN_V4
    for depth in range(8):
        frame = vlan(frame, 0x8100 if depth else 0x0800)
    frame = ethernet(frame, 0x8100)
    assert by_fast_path(frame)[0] == result.OTHER
    code, segment = by_dpkt(frame)
    assert code == result.TCP
    assert fields(segment) == PLAIN


def test_a_flood_of_vlan_tags_ends() -> None:
    frame = ethernet(vlan(b"", 0x8100) * 5000, 0x8100)
    assert by_fast_path(frame)[0] == result.OTHER
    assert by_dpkt(frame)[0] == result.MALFORMED


# --- IPv4


def test_ethernet_padding_is_no_payload(decode: Decode) -> None:
    code, segment = decode(ethernet(ipv4(tcp())) + bytes(6))
    assert (code, segment.payload_bytes) == (result.TCP, 0)


def test_padding_is_no_tcp_option(decode: Decode) -> None:
    # The data offset claims options, but the packet ends before them.
    frame = ethernet(ipv4(tcp(offset=6))) + b"\x02\x04\x05\xb4\0\0"
    assert decode(frame)[0] == result.MALFORMED


def test_ip_options(decode: Decode) -> None:
    code, segment = decode(ethernet(ipv4(tcp(b"x" * 10), options=b"\x94\x04\0\0" + b"\x01" * 36)))
    assert code == result.TCP
    assert fields(segment) == PLAIN


@pytest.mark.parametrize("captured", [54, 60, 14 + 40 + 70_000])
def test_total_length_zero_takes_the_frames_length(decode: Decode, captured: int) -> None:
    frame = ethernet(ipv4(tcp(b"x" * 70_000), total=0))
    code, segment = decode(frame[:captured], original=len(frame))
    assert (code, segment.payload_bytes) == (result.TCP, 70_000)


def test_payload_is_counted_by_the_ip_length_where_the_snap_length_cut_it(decode: Decode) -> None:
    frame = ethernet(ipv4(tcp(b"x" * 1400)))
    code, segment = decode(frame[:54], original=len(frame))
    assert (code, segment.payload_bytes) == (result.TCP, 1400)


def test_authentication_header(decode: Decode) -> None:
    code, segment = decode(ethernet(ipv4(ah(tcp(b"x" * 10), frames.TCP), AH)))
    assert code == result.TCP
    assert fields(segment) == PLAIN


@pytest.mark.parametrize(
    "packet",
    [
        ipv4(tcp(), version=5),
        ipv4(tcp(), ihl=4),
        ipv4(tcp(), total=19),
        ipv4(tcp(), options=bytes(8), total=24),
        ipv4(tcp(), total=39),  # no room for a TCP header
        ipv4(tcp(offset=4)),
        ipv4(tcp(offset=0)),
        ipv4(tcp(offset=15)),
        ipv4(ah(tcp(), frames.TCP, 200)[:60], AH),
        ipv4(bytes((6, 0)) + bytes(40), AH),  # an AH of 8 bytes
        ipv4(b"", AH),
        ipv4(b"", ICMP),
    ],
)
def test_malformed_ipv4(decode: Decode, packet: bytes) -> None:
    assert decode(ethernet(packet) + bytes(60))[0] == result.MALFORMED


def test_ip_version_must_be_the_one_announced(decode: Decode) -> None:
    assert decode(ethernet(IN_V6))[0] == result.MALFORMED
    assert decode(ethernet(IN_V4 + bytes(40), IPV6))[0] == result.MALFORMED
    assert decode(IN_V6, 228)[0] == result.MALFORMED
    assert decode(IN_V4 + bytes(40), 229)[0] == result.MALFORMED
    assert decode(b"\x50" + bytes(60), RAW)[0] == result.MALFORMED


# --- IPv6


@pytest.mark.parametrize(
    "packet",
    [
        ipv6(extension(tcp(b"x" * 10), frames.TCP), 0),
        ipv6(extension(tcp(b"x" * 10), frames.TCP, 64), 60),
        ipv6(extension(tcp(b"x" * 10), frames.TCP, 40), 43),
        ipv6(ah(tcp(b"x" * 10), frames.TCP, 12), AH),
        ipv6(ah(tcp(b"x" * 10), frames.TCP, 28), AH),
        ipv6(extension(extension(ah(extension(tcp(b"x" * 10), frames.TCP, 16), 60), AH, 56), 43, 2048), 0),
    ],
)
def test_extension_headers(decode: Decode, packet: bytes) -> None:
    code, segment = decode(ethernet(packet, IPV6))
    assert code == result.TCP
    assert fields(segment) == PLAIN_V6


def test_many_extension_headers_are_left_to_dpkt() -> None:
    packet = tcp(b"x" * 10)
    protocol = frames.TCP
    for _ in range(12):
        packet, protocol = extension(packet, protocol), 60
    frame = ethernet(ipv6(packet, protocol), IPV6)
    assert by_fast_path(frame)[0] == result.OTHER
    code, segment = by_dpkt(frame)
    assert code == result.TCP
    assert fields(segment) == PLAIN_V6


def test_a_flood_of_extension_headers_ends() -> None:
    frame = ethernet(ipv6(extension(b"", 60) * 8000, 60), IPV6)
    assert by_fast_path(frame)[0] == result.OTHER
    assert by_dpkt(frame)[0] == result.MALFORMED


@pytest.mark.parametrize("captured", [14 + 60, 14 + 8 + 60, 14 + 8 + 60 + 100_000])
def test_jumbogram(decode: Decode, captured: int) -> None:
    jumbo = bytes((frames.TCP, 0, 0xC2, 4)) + struct.pack(">I", 8 + 20 + 100_000) + tcp(b"x" * 100_000)
    frame = ethernet(ipv6(jumbo, 0, length=0), IPV6)
    code, segment = decode(frame[:captured], original=len(frame))
    if captured < 14 + 40 + 8 + 16:
        assert code == result.TRUNCATED
    else:
        assert (code, segment.payload_bytes) == (result.TCP, 100_000)


def test_payload_length_zero_without_a_jumbo_option(decode: Decode) -> None:
    frame = ethernet(ipv6(tcp(b"x" * 90_000), length=0), IPV6)
    code, segment = decode(frame)
    assert (code, segment.payload_bytes) == (result.TCP, 90_000)


@pytest.mark.parametrize(
    "packet",
    [
        ipv6(tcp(), version=4),
        ipv6(tcp(), length=19),
        ipv6(tcp(offset=4)),
        ipv6(tcp(offset=6)),
        ipv6(extension(b"", frames.TCP), 0),
        ipv6(extension(tcp(), frames.TCP, 800)[:100], 0),
        ipv6(extension(b"", frames.TCP)[:6], 0),
        ipv6(bytes((6, 0)) + bytes(40), AH),
        ipv6(extension(b"", ICMPV6), 0),
    ],
)
def test_malformed_ipv6(decode: Decode, packet: bytes) -> None:
    assert decode(ethernet(packet, IPV6) + bytes(60))[0] == result.MALFORMED


# --- TCP


@pytest.mark.parametrize("flags", [0, FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, 0xFF, SYN | ACK | ECE | CWR])
@pytest.mark.parametrize("reserved", [0, 1, 0xF])
def test_flags_and_reserved_bits(decode: Decode, flags: int, reserved: int) -> None:
    code, segment = decode(ethernet(ipv4(tcp(b"x" * 10, flags=flags, reserved=reserved))))
    assert code == result.TCP
    assert fields(segment) == PLAIN | {"flags": flags}


@pytest.mark.parametrize(
    "options, expected",
    [
        (b"\x02\x04\x05\xb4", {"mss_bytes": 1460}),
        (b"\x02\x04\xff\xff", {"mss_bytes": 65535}),
        (b"\x01\x03\x03\x07", {"window_scale": 7}),
        (b"\x01\x03\x03\x00", {"window_scale": 0}),
        (b"\x01\x03\x03\x0e", {"window_scale": 14}),
        (b"\x01\x03\x03\x0f", {"window_scale": 14}),
        (b"\x01\x03\x03\xff", {"window_scale": 14}),
        (b"\x01\x01\x04\x02", {"sack_permitted": True}),
        (
            b"\x01\x01\x08\x0a\xff\xff\xff\xff\x80\0\0\x01",
            {"has_timestamps": True, "ts_val": 0xFFFFFFFF, "ts_ecr": 0x80000001},
        ),
        (
            b"\x08\x0a\0\0\0\x05\0\0\0\x06\x01\x01",
            {"has_timestamps": True, "ts_val": 5, "ts_ecr": 6},
        ),
        (
            b"\x01\x01\x05\x0a\xff\xff\xff\xf0\0\0\0\x10",
            {"sack_blocks": 1, "sack_left": 0xFFFFFFF0, "sack_right": 0x10},
        ),
        (
            b"\x05\x22" + bytes(range(32)),
            {"sack_blocks": 4, "sack_left": 0x00010203, "sack_right": 0x04050607},
        ),
        (b"\x22\x02", {"fast_open_cookie_bytes": 0}),
        (b"\x22\x0a" + b"c" * 8, {"fast_open_cookie_bytes": 8}),
        (b"\x1e\x0c\x10\x02" + b"t" * 8, {"mptcp": 1 << 1}),  # MP_JOIN
        (b"\x1e\x0c\x70\0" + b"k" * 8 + b"\x1e\x04\x20\x01", {"mptcp": 1 << 7 | 1 << 2}),  # MP_FASTCLOSE, DSS
        (b"\x1e\x03\xf0", {"mptcp": 1 << 15}),
        (b"\x1e\x02", {}),  # without a subtype
        (b"\x1e\x0c\x70", {}),  # cut
        (b"\xfe\x04\xf9\x89", {"fast_open_cookie_bytes": 0}),
        (b"\xfe\x0c\xf9\x89" + b"c" * 8, {"fast_open_cookie_bytes": 8}),
        (b"\xfe\x0c\xf9\x88" + b"c" * 8, {}),
        (b"\xfe\x02", {}),
        # a SYN as Linux sends it
        (
            b"\x02\x04\x05\xb4\x04\x02\x08\x0a\0\0\0\x09\0\0\0\0\x01\x03\x03\x0a",
            {
                "mss_bytes": 1460,
                "sack_permitted": True,
                "has_timestamps": True,
                "ts_val": 9,
                "window_scale": 10,
            },
        ),
        # unknown options are stepped over
        (b"\x1e\x04\0\0\xfd\x06zzzz\x01\x01\x02\x04\x02\x18", {"mss_bytes": 536, "mptcp": 1}),
        # the end-of-options mark ends them
        (b"\0\x02\x04\x05\xb4", {}),
        (b"\x02\x04\x05\xb4\0\x03\x03\x07", {"mss_bytes": 1460}),
        # lengths that are none: nothing after them can be told
        (b"\x02\x00\x03\x03\x07", {}),
        (b"\x02\x01\x03\x03\x07", {}),
        (b"\x03\x03\x05\x02\x09\x05\xb4\0", {"window_scale": 5}),
        (b"\x01\x01\x01\x02", {}),
        # wrong lengths for their kinds: stepped over
        (b"\x02\x03\x05\x03\x04\0\0\x04\x03\0\x08\x02\x05\x03\0\x03\x03\x07", {"window_scale": 7}),
        (b"\x05\x02\x05\x09" + b"z" * 7, {}),
        # the last of two alike counts
        (b"\x02\x04\0\x01\x02\x04\0\x02", {"mss_bytes": 2}),
    ],
)
def test_options(decode: Decode, options: bytes, expected: dict[str, int]) -> None:
    for packet, plain in ((ipv4, PLAIN), (ipv6, PLAIN_V6)):
        frame = packet(tcp(b"x" * 10, options=options))
        code, segment = decode(frame, RAW)
        assert code == result.TCP
        assert fields(segment) == plain | expected


def test_options_of_the_frame_before_do_not_stay() -> None:
    fast, dpkt_decoder = FastPath(), DpktDecoder()
    full = ipv4(
        tcp(
            options=b"\x02\x04\x05\xb4\x03\x03\x07\x04\x02\x22\x04cc\x05\x0a" + b"s" * 8 + b"\x08\x0atttteeee"
        )
    )
    plain = ipv4(tcp(b"x" * 10))
    segment = Segment()
    fast.open(full + plain)
    assert fast.decode(0, len(full), len(full), RAW, segment) == result.TCP
    assert segment.has_timestamps and segment.sack_blocks == 1 and segment.fast_open_cookie_bytes == 2
    assert fast.decode(len(full), len(plain), len(plain), RAW, segment) == result.TCP
    assert fields(segment) == PLAIN
    assert dpkt_decoder.decode(full, len(full), RAW, segment) == result.TCP
    assert segment.has_timestamps and segment.sack_blocks == 1 and segment.fast_open_cookie_bytes == 2
    assert dpkt_decoder.decode(plain, len(plain), RAW, segment) == result.TCP
    assert fields(segment) == PLAIN


def test_a_header_cut_by_the_snap_length_still_gives_its_numbers(decode: Decode) -> None:
    options = b"\x02\x04\x05\xb4\x04\x02\x08\x0a\0\0\0\x09\0\0\0\x07\x01\x03\x03\x0a"
    frame = ethernet(ipv4(tcp(b"x" * 10, options=options)))
    known = PLAIN | {"checksum": 0, "begins_with": 0}
    for captured in range(len(frame) + 1):
        code, segment = decode(frame[:captured], original=len(frame))
        if captured < 14 + 20 + 16:
            assert code == result.TRUNCATED, captured
            continue
        if captured >= 14 + 20 + 18:
            known["checksum"] = 0xCAFE
        if captured >= 14 + 40 + 4:
            known["mss_bytes"] = 1460
        if captured >= 14 + 40 + 6:
            known["sack_permitted"] = True
        if captured >= 14 + 40 + 16:
            known |= {"has_timestamps": True, "ts_val": 9, "ts_ecr": 7}
        if captured >= 14 + 40 + 20:
            known["window_scale"] = 10
        if captured >= 14 + 40 + 20 + 6:
            known["begins_with"] = OTHER_BYTES
        assert code == result.TCP, captured
        assert fields(segment) == known, captured


# --- What is no TCP, and what the fast path leaves


@pytest.mark.parametrize(
    "frame, link_type",
    [
        (ethernet(bytes(28), 0x0806), ETHERNET),
        (ethernet(bytes(50), 0x88CC), ETHERNET),
        (ethernet(b"", 0x8863), ETHERNET),
        (ethernet(ipv4(bytes(20), UDP)), ETHERNET),
        (ethernet(ipv4(bytes(20), 132)), ETHERNET),
        (ethernet(ipv4(bytes(20), 50)), ETHERNET),
        (ethernet(ipv4(extension(tcp(), frames.TCP), 0)), ETHERNET),
        (ethernet(ipv4(b"\x08\0\0\0" + bytes(20), ICMP, flags_offset=0x2000)), ETHERNET),
        (ethernet(ipv6(bytes(20), UDP), IPV6), ETHERNET),
        (ethernet(ipv6(b"", 59), IPV6), ETHERNET),
        (ethernet(ipv6(extension(bytes(20), UDP), 0), IPV6), ETHERNET),
        (ethernet(ipv4(b"\x08\0\0\0" + bytes(20), ICMP)), ETHERNET),
        (ethernet(ipv6(b"\x87\0\0\0" + bytes(20), ICMPV6), IPV6), ETHERNET),
        (ethernet(ipv4(b"\x01\0\0\0" + bytes(20), ICMPV6)), ETHERNET),
        (ethernet(ipv6(b"\x03\0\0\0" + bytes(20), ICMP), IPV6), ETHERNET),
        (struct.pack("<I", 7) + bytes(40), NULL),
        (sll(bytes(28), 0x0806), SLL),
    ],
)
def test_not_tcp(decode: Decode, frame: bytes, link_type: int) -> None:
    assert decode(frame, link_type)[0] in frames.WITHOUT_TCP


@pytest.mark.parametrize(
    "frame, link_type",
    [
        (ethernet(b"", 0x8847), ETHERNET),
        (ethernet(b"", 0x8848), ETHERNET),
        (ethernet(b"", 0x8864), ETHERNET),
        (ethernet(b"", 0x88E7), ETHERNET),
        (ethernet(bytes(40), 40), ETHERNET),
        *[(ethernet(ipv4(bytes(40), protocol)), ETHERNET) for protocol in (4, 41, 47, 143)],
        *[(ethernet(ipv6(bytes(40), protocol), IPV6), ETHERNET) for protocol in (4, 41, 47, 143)],
        (ethernet(ipv4(tcp(), flags_offset=0x2000)), ETHERNET),
        (ethernet(ipv4(tcp(), flags_offset=0x0001)), ETHERNET),
        (ethernet(ipv4(tcp(), flags_offset=0x1FFF)), ETHERNET),
        (ethernet(ipv6(ipv6_fragment(tcp(), frames.TCP, 0, True), FRAGMENT), IPV6), ETHERNET),
        (bytes(80), 9),
        (bytes(80), 10),
        (bytes(80), 147),
    ],
)
def test_what_the_fast_path_leaves_to_dpkt(frame: bytes, link_type: int) -> None:
    assert by_fast_path(frame, link_type)[0] == result.OTHER


@pytest.mark.parametrize("kind", [3, 4, 11, 12])
def test_icmp_errors_are_left_to_dpkt(kind: int) -> None:
    assert by_fast_path(ethernet(ipv4(bytes((kind, 0)), ICMP)))[0] == result.ICMP_ERROR


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_icmpv6_errors_are_left_to_dpkt(kind: int) -> None:
    frame = ethernet(ipv6(extension(bytes((kind, 0)), ICMPV6), 60), IPV6)
    assert by_fast_path(frame)[0] == result.ICMP_ERROR


def test_unknown_link_type() -> None:
    assert by_dpkt(bytes(80), 147)[0] == result.UNKNOWN_LINK


def test_a_frame_outside_of_the_buffer_raises() -> None:
    fast = FastPath()
    fast.open(bytearray(ethernet(IN_V4)))
    with pytest.raises(IndexError):
        fast.decode(30, 60, 60, ETHERNET, Segment())
    with pytest.raises(IndexError):
        fast.decode(-20, 60, 60, ETHERNET, Segment())
    fast.close()
    with pytest.raises(IndexError):
        fast.decode(0, 60, 60, ETHERNET, Segment())


def test_addresses_are_numbers_in_network_order(decode: Decode) -> None:
    for src, dst in (("0.0.0.0", "255.255.255.255"), ("128.0.0.1", "127.255.255.254")):
        _, segment = decode(ipv4(tcp(), src=src, dst=dst), RAW)
        assert segment.src_lo == int(ipaddress.ip_address(src))
        assert segment.dst_lo == int(ipaddress.ip_address(dst))
    for src, dst in (("::", "ffff:" * 7 + "ffff"), ("8000::8000:0:0:1", "7fff::7fff:0:0:1")):
        _, segment = decode(ipv6(tcp(), src=src, dst=dst), RAW)
        assert segment.src_hi << 64 | segment.src_lo == int(ipaddress.ip_address(src))
        assert segment.dst_hi << 64 | segment.dst_lo == int(ipaddress.ip_address(dst))


@pytest.mark.parametrize(
    ("payload", "alert"),
    [
        (b"\x15\x03\x03\0\x02\x02\x28", 0x228),  # fatal, handshake_failure
        (b"\x15\x03\x01\0\x02\x01\0" + b"\x15\x03\x01", 0x100),  # a warning, and what follows it
        (b"\x15\x03\x03\0\x1a" + b"e" * 26, 0),  # encrypted
        (b"\x15\x03\x03\0\x1a" + b"e" * 27, -1),  # more than the record
        (b"\x15\x03\x03\0\x1b" + b"e" * 26, -1),  # less
        (b"\x15\x03\x03\0\x02\x03\x28", -1),  # no such level
        (b"\x16\x03\x03\0\x02\x02\x28", -1),  # no alert
        (b"\x15\x02\x03\0\x02\x02\x28", -1),  # no TLS
        (b"\x15\x03\x03\0\x02\x02", -1),  # cut
        (b"\x15\x03\x03\0\x02\x02\x28" + b"x" * 100, -1),  # too long to be looked at
    ],
)
def test_tls_alerts_in_clear(decode: Decode, payload: bytes, alert: int) -> None:
    for packet in (ipv4, ipv6):
        code, segment = decode(packet(tcp(payload)), RAW)
        assert (code, segment.tls_alert) == (result.TCP, alert)


@pytest.mark.parametrize(
    ("payload", "begins_with"),
    [
        (b"\x16\x03\x01\x02\0\x01\0", TLS_HELLO),
        (b"\x16\x03\x03\0\x5a\x02\0", TLS_RECORD),
        (b"\x15\x03\x01\0\x02\x02\x46", TLS_RECORD),
        (b"\x17\x03\x05\0\x02\x02\x46", OTHER_BYTES),  # no such version
        (b"GET / HTTP/1.1", HTTP_REQUEST),
        (b"OPTIONS * HTTP/1.1", HTTP_REQUEST),
        (b"CONNECT a:443 HTTP/1.1", HTTP_REQUEST),
        (b"GETS k", OTHER_BYTES),
        (b"HTTP/1.1 200 OK", HTTP_RESPONSE),
        (b"HTTP/1.0 400 Bad Request", HTTP_400),
        (b"HTTP/1.1 40", HTTP_RESPONSE),  # cut before it says which
        (b"HTTP is", OTHER_BYTES),
        (b"220 mail ESMTP", OTHER_BYTES),
        (b"\0\0\0\0\0\0", 0),  # payload zeroed
        (b"GET /", 0),  # too short to tell
        (b"", 0),
    ],
)
def test_what_a_payload_begins_with(decode: Decode, payload: bytes, begins_with: int) -> None:
    for packet in (ipv4, ipv6):
        code, segment = decode(packet(tcp(payload)), RAW)
        assert (code, segment.begins_with) == (result.TCP, begins_with)
