"""Every link type and encapsulation that is read: whole, cut, damaged; tshark is the judge."""

from __future__ import annotations

import random
import re
import shutil
import struct
from functools import cache
from pathlib import Path

import pytest

from tcptrace_py.wire import result
from tcptrace_py.wire.by_dpkt import DpktDecoder
from tcptrace_py.wire.fast import FastPath
from tcptrace_py.wire.layers.walk import (
    ETHERTYPES,
    IPV4_PROTOCOLS,
    IPV6_PROTOCOLS,
    LARGEST_LENGTH,
    LINK_TYPES,
    UDP_PORTS,
)
from tcptrace_py.wire.segment import Segment
from tcptrace_py.wire.undecoded import ENCRYPTED_PORTS
from tests.capture.capture_bytes import Frame, enhanced, interface, section
from tests.conftest import for_this_run

from . import formats
from .formats import FORMATS
from .frames import (
    ETHERNET,
    FRAGMENT,
    IPV4,
    IPV6,
    UDP,
    WITHOUT_TCP,
    ethernet,
    fields,
    ipv4,
    ipv6,
    ipv6_fragment,
    tcp,
)
from .test_hostile import check
from .test_tunnels import FRAMES as TUNNELS
from .test_udp_tunnels import by_tshark, by_us

CASES = Path(__file__).parents[3] / "shared" / "cases" / "links"
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="no captures of link types")
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

OPTIONS = b"\x01\x01\x08\x0a\0\0\0\x01\0\0\0\x02"


def summed(packet: bytes) -> bytes:
    """An IPv4 packet with the right checksum (RFC 791), which nothing looks at but GTP-U's form."""
    total = sum(struct.unpack(">10H", packet[:20]))
    return packet[:10] + formats.big(-total % 0xFFFF) + packet[12:]


PACKETS = {
    4: (summed(ipv4(tcp(b"x" * 400, options=OPTIONS))), IPV4),
    6: (ipv6(tcp(b"x" * 400, options=OPTIONS)), IPV6),
}
EACH = [(name, version) for name, form in FORMATS.items() for version in form.versions]
IDS = [f"{name}, IPv{version}" for name, version in EACH]
each_format = pytest.mark.parametrize("name, version", EACH, ids=IDS)


def built(name: str, version: int) -> tuple[bytes, int]:
    form = FORMATS[name]
    return form.build(*PACKETS[version]), form.link_type


@cache
def segment_of(version: int) -> Segment:
    packet, _ = PACKETS[version]
    segment = Segment()
    assert DpktDecoder().decode(packet, len(packet), 101, segment) == result.TCP
    assert (segment.payload_bytes, segment.ts_val, segment.ip_version) == (400, 1, version)
    return segment


def expected(version: int) -> dict[str, int]:
    return fields(segment_of(version))


def decoded(frame: bytes, link_type: int, original: int | None = None) -> tuple[int, Segment]:
    """The fast path, and where that leaves it the other, as ``Decoder`` does it."""
    size = len(frame) if original is None else original
    segment = Segment()
    code = fast(frame, link_type, size, segment)
    if code in (result.OTHER, result.ICMP_ERROR):
        code = DpktDecoder().decode(frame, size, link_type, segment)
    return (result.NOT_TCP if code == result.UNDECODED else code), segment


def fast(
    frame: bytes, link_type: int = ETHERNET, original: int | None = None, segment: Segment | None = None
) -> int:
    path = FastPath()
    path.open(frame)
    size = len(frame) if original is None else original
    code = path.decode(0, len(frame), size, link_type, Segment() if segment is None else segment)
    path.close()
    return code


@each_format
def test_the_segment_and_its_tunnel(name: str, version: int) -> None:
    frame, link_type = built(name, version)
    code, segment = decoded(frame, link_type)
    assert code == result.TCP
    assert fields(segment) == expected(version)
    tunnel = segment.tunnel
    assert (None if tunnel is None else (tunnel.kind, tunnel.identifier)) == FORMATS[name].tunnel


@each_format
def test_cut_at_every_byte(name: str, version: int) -> None:
    frame, link_type = built(name, version)
    headers = frame.index(b"x" * 400)
    whole = segment_of(version)
    ends = [getattr(whole, each) for each in ENDS]
    # All of the headers, and where the payload begins and ends: in between one byte is like another.
    for captured in (*range(headers + 32), *range(headers + 368, len(frame))):
        # By a snap length, and as if there had been no more.
        for original in (len(frame), captured):
            code, segment = decoded(frame[:captured], link_type, original)
            if code == result.TCP:
                assert captured >= headers - 16
                # At most options and payload are missing.
                assert [getattr(segment, each) for each in ENDS] == ends, captured
            else:
                assert code in (result.TRUNCATED, result.NOT_TCP, result.MALFORMED), captured
        if captured >= headers - 16:
            assert code == result.TCP or name in NEEDS_ITS_END, captured


ENDS = ("src_lo", "dst_lo", "src_port", "dst_port", "seq", "ack", "flags")
#: Told by a length that has to agree, or by what ends the frame.
NEEDS_ITS_END = {"gtp-u on another port", "macsec", "macsec, no SCI"}


@each_format
def test_mutations_raise_nothing_and_both_decoders_agree(name: str, version: int) -> None:
    frame, link_type = built(name, version)
    frame = frame[: frame.index(b"x" * 400) + 20]
    rng = random.Random(name)
    for _ in for_this_run(range(40)):
        mutated = bytearray(frame)
        for _ in range(rng.choice((1, 1, 2, 4))):
            mutated[rng.randrange(len(mutated))] = rng.choice(
                (0, 1, 2, 6, 0x45, 0x7F, 0x80, 0xFF, rng.randrange(256))
            )
        check(bytes(mutated), len(mutated) + rng.choice((0, 0, 400)), link_type)
    for at in range(frame.index(b"x" * 20) - 52):
        for value in (0x00, 0xFF):
            check(frame[:at] + bytes((value,)) + frame[at + 1 :], len(frame), link_type)


@pytest.mark.parametrize("link_type", sorted(LINK_TYPES))
def test_random_bytes_of_each_link_type(link_type: int) -> None:
    rng = random.Random(link_type)
    for size in range(0, 200, 3):
        check(rng.randbytes(size), size + rng.choice((0, 50)), link_type)
        check(bytes(size), size, link_type)
        check(b"\xff" * size, size, link_type)


def test_every_link_type_that_is_read_has_a_case() -> None:
    by_hand = {link_type for _, link_type in TUNNELS.values()} | {0, 12, 14, 101, 108, 113, 228, 229, 276}
    assert set(LINK_TYPES) == by_hand | {form.link_type for form in FORMATS.values()} | {167}


# --- the fast path leaves what has a layer, and only that


def test_the_fast_path_knows_all_ethertypes_with_a_layer() -> None:
    own = {0x0800, 0x86DD, 0x8100, 0x88A8, 0x9100, 0x9200}
    for number in range(LARGEST_LENGTH + 1, 0x10000):
        code = fast(ethernet(bytes(60), number))
        if number not in own and number >= 0x600:
            assert (code == result.OTHER) == (number in ETHERTYPES), hex(number)


@pytest.mark.parametrize("version", [4, 6])
def test_both_decoders_know_the_same_ip_protocols(version: int) -> None:
    for number in range(256):
        payload = b"\x3b\0" + bytes(60)
        frame = ethernet(ipv4(payload, number)) if version == 4 else ethernet(ipv6(payload, number), IPV6)
        check(frame, len(frame), ETHERNET)
        known = IPV4_PROTOCOLS if version == 4 else IPV6_PROTOCOLS
        if number not in (0, 43, 51, 60):  # another header follows them
            assert (fast(frame) == result.UNDECODED) == (number not in known), number


def test_both_decoders_know_the_same_ports() -> None:
    for number in range(0x10000):
        for ports in (formats.big(number, 9), formats.big(9, number)):
            code = fast(ethernet(ipv4(ports + bytes(60), UDP)))
            if number in UDP_PORTS:
                assert code == result.OTHER
            elif number in ENCRYPTED_PORTS:
                assert code == result.UNDECODED
            else:
                assert code == result.NOT_TCP


# --- tunnels in pieces


def pieces(payload: bytes, protocol: int, version: int) -> list[bytes]:
    half = len(payload) // 16 * 8
    if version == 6:
        return [
            ethernet(ipv6(ipv6_fragment(part, protocol, at, more), FRAGMENT), IPV6)
            for part, at, more in ((payload[:half], 0, True), (payload[half:], half, False))
        ]
    first = ipv4(payload[:half], protocol, flags_offset=0x2000)
    return [ethernet(first), ethernet(ipv4(payload[half:], protocol, flags_offset=half // 8))]


IN_UDP = [
    name
    for name, form in FORMATS.items()
    if form.tunnel is not None and 4 in form.versions and form.build(*PACKETS[4])[23] == UDP
]


@pytest.mark.parametrize("name", [name for name in IN_UDP if name not in NEEDS_ITS_END])
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("turned", [False, True], ids=["in order", "turned"])
def test_udp_tunnels_in_pieces(name: str, version: int, turned: bool) -> None:
    frame, _ = built(name, 4)
    split = pieces(frame[34:], UDP, version)
    decoder, segment = DpktDecoder(), Segment()
    codes = [
        decoder.decode(piece, len(piece), ETHERNET, segment) for piece in (split[::-1] if turned else split)
    ]
    assert codes == [result.FRAGMENT, result.TCP]
    assert fields(segment) == expected(4)
    assert len(decoder.fragments) == 0


def test_capwap_in_pieces() -> None:
    inner = ethernet(PACKETS[4][0])
    half = 200
    parts = [(inner[:half], 0, 0x80), (inner[half:], half, 0xC0)]
    decoder, segment = DpktDecoder(), Segment()
    codes = []
    for part, offset, flags in parts:
        frame = formats.in_udp(formats.capwap(part, False, 5, offset, flags), 5247)
        codes.append(decoder.decode(frame, len(frame), ETHERNET, segment))
    assert codes == [result.FRAGMENT, result.TCP]
    assert fields(segment) == expected(4)


# --- GTP-U by its form


def test_gtp_u_by_its_form_needs_all_of_it() -> None:
    for version in (4, 6):
        packet, _ = PACKETS[version]
        whole = formats.in_udp(formats.gtp_u(packet), 9999)
        assert decoded(whole, ETHERNET)[0] == result.TCP
        assert decoded(whole[:200], ETHERNET, len(whole))[0] == result.TCP
        header = whole.index(packet)
        # Each byte that says what it is: the form, and lengths; IPv4's checksum is over all 20 bytes.
        told_by = [
            header - 8,
            header - 7,
            header - 6,
            header - 5,
            header,
            header + 4 if version == 6 else header + 2,
        ]
        told_by += [header + 6, header + 8] if version == 6 else list(range(header, header + 20))
        for at in told_by:
            damaged = bytearray(whole)
            damaged[at] ^= 0x40
            assert decoded(bytes(damaged), ETHERNET)[0] == result.NOT_TCP, at - header
        longer = whole[:38] + formats.big(int.from_bytes(whole[38:40], "big") + 1) + whole[40:]
        assert decoded(longer + b"x", ETHERNET)[0] == result.NOT_TCP


def test_random_payloads_are_no_gtp_u() -> None:
    rng = random.Random(29281)
    for _ in range(20_000):
        size = rng.randrange(30, 120)
        payload = b"\x30\xff" + formats.big(size - 8) + rng.randbytes(4) + rng.choice((b"\x45", b"\x60"))
        payload += rng.randbytes(size - len(payload))
        assert decoded(formats.in_udp(payload, 9999), ETHERNET)[0] == result.NOT_TCP


# --- what is not there to be read


@pytest.mark.parametrize(
    "frame, link_type",
    [
        (formats.ieee_802_11(*PACKETS[4], control=0x48), 105),  # no data
        (formats.ieee_802_11(*PACKETS[4], control=0x80), 105),  # a beacon
        (formats.ieee_802_11(*PACKETS[4], flags=0x41), 105),  # encrypted
        (b"\x10\0" + formats.MACS + formats.snap(*PACKETS[4]), 6),  # a MAC frame
        (formats.pktap(ethernet(PACKETS[4][0]), record=2), 258),
        (formats.in_udp(formats.l2tp(formats.ppp(*PACKETS[4]), 0xC802), 1701), ETHERNET),  # control
        (formats.in_udp(formats.l2tp(formats.ppp(*PACKETS[4]), 0x0003), 1701), ETHERNET),  # version 3
        (
            formats.in_udp(formats.capwap(ethernet(PACKETS[4][0]), False, flags=8), 5247),
            ETHERNET,
        ),  # keep-alive
        (
            formats.in_udp(b"\x01\0\0\0" + formats.capwap(ethernet(PACKETS[4][0]), False), 5247),
            ETHERNET,
        ),  # DTLS
        (formats.in_ip(b"\x20" + bytes(7) + PACKETS[4][0], 103), ETHERNET),  # hello
        (formats.in_ip(b"\x21\0\0\0\x40\0\0\0" + PACKETS[4][0], 103), ETHERNET),  # null register
        (formats.framed(formats.macsec(*PACKETS[4], flags=0x2C), 0x88E5), ETHERNET),
        (
            formats.framed(formats.mpls(b"\x10\0\0\x21" + PACKETS[4][0]), 0x8847),
            ETHERNET,
        ),  # associated channel
    ],
)
def test_without_tcp(frame: bytes, link_type: int) -> None:
    assert decoded(frame, link_type)[0] in WITHOUT_TCP


def test_a_later_piece_of_a_wireless_frame_is_a_fragment() -> None:
    frame = bytearray(formats.ieee_802_11(*PACKETS[4]))
    frame[22] |= 1
    assert decoded(bytes(frame), 105)[0] == result.FRAGMENT


def test_a_frame_that_the_radio_received_damaged_is_malformed() -> None:
    frame = formats.radiotap(formats.ieee_802_11(*PACKETS[4]), 2, b"\x40")
    assert decoded(frame, 127)[0] == result.MALFORMED


@pytest.mark.parametrize(
    "frame, link_type",
    [
        (ethernet((b"\x0f\xc2\x01\x04" + b"\0\0\x01\xff") * 200, 0x894F), ETHERNET),  # NSH in NSH
        (formats.pktap(formats.pktap(b"", 258, 12) * 100, 258, 12), 258),
        (b"\0\0\x08\0\xc0\0\0\0" * 100, 192),
        (ethernet((bytes(4) + b"\x89\x3f") * 200, 0x8926), ETHERNET),
        (b"\x02\0\0\x05" + b"\x05\0\x01\0\x07\0\0\0" * 1000, 239),
        (formats.in_udp(b"\x01\0\0\x01" + bytes(1000), 37008), ETHERNET),
        (formats.erf(ethernet(PACKETS[4][0]), 2, 100, 2), 197),
        (b"\0\0\x08\0" + b"\xff" * 400, 127),
    ],
)
def test_nesting_and_lists_without_end_end(frame: bytes, link_type: int) -> None:
    code, _ = decoded(frame, link_type)
    assert code in (result.MALFORMED, result.NOT_TCP, result.TRUNCATED)


# --- judges


@needs_cases
def test_the_cases_hold_what_tshark_counts() -> None:
    """``docs/formats.md`` says why ``mpls_pw_cw`` differs."""
    table = re.findall(
        r"^\| `(\S+)` \| .*? \| (\d+) \| \d+ \|$", (CASES / "README.md").read_text(), re.MULTILINE
    )
    assert len(table) == len(list(CASES.glob("*.pcap")))
    differ = {name: (int(count), len(by_us(CASES / name))) for name, count in table}
    assert {name: pair for name, pair in differ.items() if pair[0] != pair[1]} == {"mpls_pw_cw.pcap": (0, 3)}


#: Where tshark (4.0) and we do not agree, each with the reason.
TSHARK_SAYS_OTHERWISE = {
    "nflog, other byte order": "it takes the byte order of the machine that it runs on",
    "slip": "it does not read this link type",
    "clip": "it expects IP at once, libpcap's filters expect LLC, Linux has both",
    "congestion tag": "it does not know this tag",
    "pseudowire": "it guesses by the vendors of the addresses, and these are local ones",
    "pseudowire, control word": "it guesses by the vendors of the addresses, and these are local ones",
    "gtp-u on another port": "it goes by the port alone",
    "capwap, 802.11": "it takes the first two bytes as swapped, as Cisco has them, unless told otherwise",
}


#: Link types that no file may have for tshark to open it.
UNKNOWN_TO_TSHARK = {166, 205, 206, 281, 282, 284, 285}


@needs_tshark
def test_tshark_finds_the_same_segments(tmp_path: Path) -> None:
    judged_here = [each for each in EACH if FORMATS[each[0]].link_type not in UNKNOWN_TO_TSHARK]
    link_types = sorted({FORMATS[name].link_type for name, _ in judged_here})
    content = section() + b"".join(interface(link_type) for link_type in link_types)
    for number, (name, version) in enumerate(judged_here, 1):
        frame, link_type = built(name, version)
        row = Frame(number, 1_700_000_000_000_000_000 + number * 1000, len(frame), link_type, frame)
        content += enhanced(row, of=link_types.index(link_type))
    path = tmp_path / "all.pcapng"
    path.write_bytes(content)
    judged, ours = by_tshark(path), by_us(path)
    differ = {
        name: (judged.get(number), ours.get(number))
        for number, (name, _) in enumerate(judged_here, 1)
        if judged.get(number) != ours.get(number)
    }
    assert set(differ) == set(TSHARK_SAYS_OTHERWISE), differ
