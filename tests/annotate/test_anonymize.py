"""Anonymous frames: addresses keep their prefixes, nothing else of whom or what is left."""

from __future__ import annotations

import ipaddress
import struct
from pathlib import Path

import dpkt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcptrace_py import analyze
from tcptrace_py.capture.source import open_source
from tcptrace_py.run.annotate import Written, annotated
from tcptrace_py.wire.anonymize import Anonymizer
from tests.samples.catalogue import SAMPLE_DIR, SAMPLES

KEY = b"a key of a test"


def common_bits(one: bytes, two: bytes) -> int:
    width = 8 * len(one)
    return width - (int.from_bytes(one) ^ int.from_bytes(two)).bit_length()


@settings(max_examples=200, deadline=None)
@given(st.sampled_from((4, 16)), st.data())
def test_as_many_leading_bits_are_common_after_as_before(width: int, data: st.DataObject) -> None:
    one = data.draw(st.binary(min_size=width, max_size=width))
    kept = data.draw(st.integers(0, 8 * width))
    mask = (1 << (8 * width - kept)) - 1
    other = (int.from_bytes(one) & ~mask | data.draw(st.integers(0, mask))).to_bytes(width)
    made = Anonymizer(KEY)
    assert common_bits(made.address(one), made.address(other)) == common_bits(one, other)
    assert Anonymizer(KEY).address(one) == made.address(one)


def test_another_key_gives_other_addresses() -> None:
    addresses = [bytes((10, 0, 0, n)) for n in range(64)]
    one, two = Anonymizer(b"one"), Anonymizer(b"two")
    assert [one.address(each) for each in addresses] != [two.address(each) for each in addresses]
    assert len({one.address(each) for each in addresses}) == len(addresses)
    assert any(one.address(each) != each for each in addresses)


def test_addresses_in_a_text_are_replaced_and_nothing_else_is() -> None:
    made = Anonymizer(KEY)
    v4 = str(ipaddress.ip_address(made.address(bytes((10, 0, 0, 20)))))
    v6 = str(ipaddress.ip_address(made.address(ipaddress.ip_address("2001:db8::1").packed)))
    text = "10.0.0.20:8080 after 26.5 s, [2001:db8::1]:443, 2001:db8::1: 12:03:04, frame 30."
    assert made.text(text) == f"{v4}:8080 after 26.5 s, [{v6}]:443, {v6}: 12:03:04, frame 30."


@pytest.mark.parametrize("name", [each.name for each in SAMPLES])
def test_a_sample_made_anonymous_reads_the_same(name: str, tmp_path: Path) -> None:
    original = analyze(SAMPLE_DIR / name)
    written = Written()
    path = tmp_path / "anonymous.pcapng"
    path.write_bytes(b"".join(annotated([SAMPLE_DIR / name], {}, written, anonymizer=Anonymizer(KEY))))
    made = analyze(path)
    assert written.left_out == 0
    assert made.summary == original.summary
    assert made.capture.skipped == original.capture.skipped
    # Payload is gone, and which language was spoken in it; so is which addresses are private, and with it
    # whether a host is one of many on the Internet, whose everyday ends are information.
    told = [(each.kind, each.count, each.connections) for each in original.findings]
    left = [each for each in told if each[0] not in ("tls-alert", "protocol-mismatch")]
    assert sorted(left) == sorted((e.kind, e.count, e.connections) for e in made.findings)
    for one, two in zip(original.connections or [], made.connections or [], strict=True):
        assert [(m.state, m.ts_ns, m.frame) for m in one.client.history] == [
            (m.state, m.ts_ns, m.frame) for m in two.client.history
        ]
        # Which of two addresses is the lower may have changed, and Zeek's originator with it.
        assert (one.client.port, one.client.bytes) == (two.client.port, two.client.bytes)


def frames_of(path: Path) -> list[tuple[int, bytes]]:
    reader = open_source(path)
    frames = []
    while count := reader.next_batch():
        batch = reader.batch
        for i in range(count):
            at = batch.offset[i]
            frames.append((batch.link_type[i], bytes(batch.data[at : at + batch.captured[i]])))
    reader.close()
    return frames


def ethernet(ip: bytes, kind: int, trailer: bytes = b"") -> bytes:
    return (
        bytes.fromhex("0200000000aa") + bytes.fromhex("0200000000bb") + struct.pack(">H", kind) + ip + trailer
    )


def tcp(options: bytes, payload: bytes, v6: bool = False) -> bytes:
    head = struct.pack(">HHIIBBHHH", 40000, 80, 7, 9, (20 + len(options)) // 4 << 4, 0x18, 1000, 0xBEEF, 0)
    segment = head + options + payload
    if v6:
        addresses = ipaddress.ip_address("2001:db8::5").packed + ipaddress.ip_address("2001:db8::9").packed
        return struct.pack(">IHBB", 6 << 28, len(segment), 6, 64) + addresses + segment
    return (
        struct.pack(
            ">BBHHHBBH4s4s",
            0x45,
            0,
            20 + len(segment),
            1,
            0,
            64,
            6,
            0,
            bytes((10, 1, 2, 3)),
            bytes((10, 1, 2, 4)),
        )
        + segment
    )


@pytest.mark.parametrize("v6", [False, True])
@pytest.mark.parametrize("cut", [None, 70, 200])
def test_no_secret_is_left_and_checksums_fit(v6: bool, cut: int | None) -> None:
    secret = b"Cookie: a secret"
    # MSS, a fast open cookie (RFC 7413), which is a secret too, and what follows the end of options.
    options = b"\x02\x04\x05\xb4" + b"\x22\x0a" + b"COOKIE!!" + b"\x00\x01secret"[:8] + b"\0\0"
    options = options[: len(options) // 4 * 4]
    whole = ethernet(tcp(options, secret * 9, v6), 0x86DD if v6 else 0x0800, b"trailer")
    data = whole if cut is None else whole[:cut]
    made = Anonymizer(KEY).frame(1, data, len(whole))
    assert made is not None and len(made) == len(data)
    for gone in (b"secret", b"COOKIE", b"trailer", whole[:6], whole[6:12]):
        assert gone not in made
    assert made[0] & 3 == 2 and made[6] & 3 == 2
    at = 14 + (40 if v6 else 20)
    assert made[at : at + 16] == data[at : at + 16], "ports, numbers, flags and window stay"
    # As on the wire: what was cut is zeros.
    full = made + bytes(len(whole) - len(made))
    end = len(whole) - len(b"trailer")
    segment = full[at:end]
    addresses = full[22:54] if v6 else full[26:34]
    pseudo = addresses + struct.pack(">II", len(segment), 6)
    if cut is None or cut >= at + 20 + len(options):
        assert dpkt.in_cksum(pseudo + segment) == 0
    if not v6:
        assert dpkt.in_cksum(full[14:34]) == 0


def test_an_icmp_error_keeps_what_it_is_about() -> None:
    quoted = tcp(b"", b"secret")
    icmp = struct.pack(">BBHI", 3, 1, 0, 0) + quoted
    outer = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + len(icmp), 1, 0, 64, 1, 0, bytes((10, 1, 2, 9)), bytes((10, 1, 2, 3))
    )
    made = Anonymizer(KEY).frame(101, outer + icmp, len(outer) + len(icmp))
    assert made is not None
    assert b"secret" not in made
    assert dpkt.in_cksum(made[20:]) == 0
    # The quoted sender is the one that the error went to.
    assert made[28 + 12 : 28 + 16] == made[16:20]
    assert made[48:56] == quoted[20:28]


@pytest.mark.parametrize(
    ("link_type", "frame"),
    [
        (1, ethernet(bytes(28), 0x0806)),
        (1, ethernet(tcp(b"", b"x")[:9] + b"\x11" + tcp(b"", b"x")[10:], 0x0800)),
        (1, ethernet(tcp(b"", b"x")[:6] + b"\x20\x00" + tcp(b"", b"x")[8:], 0x0800)),
        (1, b"\x01\x02"),
        (1, ethernet(tcp(b"", b"")[:25], 0x0800)),
        (147, tcp(b"", b"")),
        (101, b""),
    ],
    ids=["arp", "udp", "fragment", "short", "cut", "unknown link", "empty"],
)
def test_what_is_not_understood_is_for_nobody(link_type: int, frame: bytes) -> None:
    assert Anonymizer(KEY).frame(link_type, frame, len(frame)) is None


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from((0, 1, 12, 101, 108, 113, 228, 229, 276)), st.binary(max_size=120), st.integers(0, 2000)
)
def test_no_bytes_make_it_fail(link_type: int, frame: bytes, more: int) -> None:
    made = Anonymizer(KEY).frame(link_type, frame, len(frame) + more)
    assert made is None or len(made) == len(frame)
