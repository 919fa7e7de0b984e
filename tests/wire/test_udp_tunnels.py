"""Tunnels that ride on UDP, and tshark as the judge of what any tunnel holds."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from tcptrace_py import analyze
from tcptrace_py.capture.source import open_source
from tcptrace_py.wire import result
from tcptrace_py.wire.by_dpkt import DpktDecoder
from tcptrace_py.wire.decoder import Decoder
from tcptrace_py.wire.fast import FastPath
from tcptrace_py.wire.segment import ACK, FIN, SYN, Segment

from .frames import ETHERNET, IPV4, IPV6, UDP, WITHOUT_TCP, ethernet, extension, fields, ipv4, ipv6, tcp, vlan
from .test_tunnels import FRAMES, INNER_V4, INNER_V6, TEB, outer, outer_v6

VXLAN, OTV, GPE, GENEVE, GTP = 4789, 8472, 4790, 6081, 2152


def udp(payload: bytes, dport: int, sport: int = 49_999, length: int | None = None) -> bytes:
    return struct.pack(">HHHH", sport, dport, 8 + len(payload) if length is None else length, 0) + payload


def vxlan(payload: bytes, vni: int = 0xABCDEF, flags: int = 0x08, following: int = 0) -> bytes:
    return struct.pack(">BxxBI", flags, following, vni << 8) + payload


def geneve(
    payload: bytes, protocol: int = TEB, vni: int = 77, options: bytes = b"", version: int = 0
) -> bytes:
    return struct.pack(">BBHI", version << 6 | len(options) // 4, 0, protocol, vni << 8) + options + payload


def gtp(
    payload: bytes, optional: bytes = b"", flags: int = 0, kind: int = 255, length: int | None = None
) -> bytes:
    size = len(optional) + len(payload) if length is None else length
    return struct.pack(">BBHI", 0x30 | flags, kind, size, 0x01020304) + optional + payload


#: name: (frame, kind, identifier)
TUNNELS = {
    "vxlan": (outer(udp(vxlan(ethernet(INNER_V4)), VXLAN), UDP), "vxlan", 0xABCDEF),
    "vxlan v6 over v6": (outer_v6(udp(vxlan(ethernet(INNER_V6, IPV6)), VXLAN), UDP), "vxlan", 0xABCDEF),
    "vxlan with a tag": (outer(udp(vxlan(ethernet(vlan(INNER_V4), 0x8100)), VXLAN), UDP), "vxlan", 0xABCDEF),
    "vxlan, group policy": (outer(udp(vxlan(ethernet(INNER_V4), 5, 0x88), VXLAN), UDP), "vxlan", 5),
    "vxlan on Linux' port": (outer(udp(vxlan(ethernet(INNER_V4), 42), OTV), UDP), "vxlan", 42),
    "vxlan, answer": (outer(udp(vxlan(ethernet(INNER_V4)), 50_000, VXLAN), UDP), "vxlan", 0xABCDEF),
    "vxlan, no length": (outer(udp(vxlan(ethernet(INNER_V4)), VXLAN, length=0), UDP), "vxlan", 0xABCDEF),
    "vxlan behind options": (
        outer_v6(extension(udp(vxlan(ethernet(INNER_V6, IPV6)), VXLAN), UDP), 60),
        "vxlan",
        0xABCDEF,
    ),
    "vxlan in a tag": (
        ethernet(
            vlan(ipv4(udp(vxlan(ethernet(INNER_V4)), VXLAN), UDP, src="198.51.100.1", dst="198.51.100.2")),
            0x8100,
        ),
        "vxlan",
        0xABCDEF,
    ),
    "vxlan-gpe, v4": (outer(udp(vxlan(INNER_V4, 9, 0x0C, 1), GPE), UDP), "vxlan-gpe", 9),
    "vxlan-gpe, v6": (outer(udp(vxlan(INNER_V6, 9, 0x0C, 2), GPE), UDP), "vxlan-gpe", 9),
    "vxlan-gpe, ethernet": (outer(udp(vxlan(ethernet(INNER_V4), 9, 0x0C, 3), GPE), UDP), "vxlan-gpe", 9),
    "geneve": (outer(udp(geneve(ethernet(INNER_V4)), GENEVE), UDP), "geneve", 77),
    "geneve, options": (
        outer(udp(geneve(ethernet(INNER_V6, IPV6), options=b"\0\1\x80\1abcd"), GENEVE), UDP),
        "geneve",
        77,
    ),
    "geneve, v4": (outer(udp(geneve(INNER_V4, IPV4), GENEVE), UDP), "geneve", 77),
    "geneve, v6": (outer_v6(udp(geneve(INNER_V6, IPV6), GENEVE), UDP), "geneve", 77),
    "gtp-u": (outer(udp(gtp(INNER_V4), GTP, GTP), UDP), "gtp-u", 0x01020304),
    "gtp-u, v6": (outer(udp(gtp(INNER_V6), GTP, GTP), UDP), "gtp-u", 0x01020304),
    "gtp-u, numbers": (outer(udp(gtp(INNER_V4, b"\0\1\0\0", 2), GTP), UDP), "gtp-u", 0x01020304),
    "gtp-u, extension": (
        outer(udp(gtp(INNER_V4, b"\0\1\0\x85" + b"\1\x10\x09\0", 4), GTP), UDP),
        "gtp-u",
        0x01020304,
    ),
    "gtp-u, two extensions": (
        outer(udp(gtp(INNER_V6, b"\0\0\0\xc0" + b"\1\0\1\x85" + b"\1\x10\x09\0", 4), GTP), UDP),
        "gtp-u",
        0x01020304,
    ),
    "ip in ip in vxlan": (
        outer(udp(vxlan(outer(INNER_V4, 4), 8), VXLAN), UDP),
        "ip-in-ip",
        None,
    ),
}

NOT_TUNNELS = {
    "vxlan without a VNI": outer(udp(vxlan(ethernet(INNER_V4), flags=0), VXLAN), UDP),
    "vxlan-gpe, version 1": outer(udp(vxlan(INNER_V4, 9, 0x1C, 1), GPE), UDP),
    "vxlan-gpe, NSH": outer(udp(vxlan(INNER_V4, 9, 0x0C, 4), GPE), UDP),
    "geneve, version 1": outer(udp(geneve(ethernet(INNER_V4), version=1), GENEVE), UDP),
    "gtp echo": outer(udp(gtp(b"", b"\0\1\0\0", 2, kind=1), GTP, GTP), UDP),
    "gtp, version 2": outer(udp(b"\x48" + gtp(INNER_V4)[1:], GTP), UDP),
    "gtp with neither 4 nor 6": outer(udp(gtp(b"\xff\x03\0\x21" + INNER_V4), GTP), UDP),
    "empty": outer(udp(b"", VXLAN), UDP),
    "another port": outer(udp(vxlan(ethernet(INNER_V4)), 4788), UDP),
    "udp in vxlan": outer(udp(vxlan(ethernet(ipv4(udp(b"x" * 30, 53), UDP))), VXLAN), UDP),
}


def decoded(frame: bytes, original: int | None = None) -> tuple[int, Segment]:
    segment = Segment()
    code = DpktDecoder().decode(frame, len(frame) if original is None else original, ETHERNET, segment)
    return code, segment


@pytest.mark.parametrize("name", TUNNELS)
@pytest.mark.parametrize("captured", [300, 1 << 20], ids=["cut", "whole"])
def test_inner_segment_and_outer_addresses(name: str, captured: int) -> None:
    frame, kind, identifier = TUNNELS[name]
    code, segment = decoded(frame[:captured], len(frame))
    assert code == result.TCP
    inner = Segment()
    packet = INNER_V6 if INNER_V6 in frame else INNER_V4
    assert DpktDecoder().decode(packet, len(packet), 101, inner) == result.TCP
    assert fields(segment) == fields(inner)
    assert inner.tunnel is None
    tunnel = segment.tunnel
    assert tunnel is not None
    assert (tunnel.kind, tunnel.identifier) == (kind, identifier)
    if tunnel.ip_version == 4:
        assert (tunnel.src_lo, tunnel.dst_lo) == (0xC6336401, 0xC6336402)  # 198.51.100.1 and .2
    else:
        assert (tunnel.src_lo, tunnel.dst_lo) == (0xA, 0xB)


@pytest.mark.parametrize("name", TUNNELS)
def test_fast_path_leaves_them(name: str) -> None:
    frame, _, _ = TUNNELS[name]
    fast = FastPath()
    fast.open(frame)
    assert fast.decode(0, len(frame), len(frame), ETHERNET, Segment()) == result.OTHER
    fast.close()


@pytest.mark.parametrize("name", NOT_TUNNELS)
def test_without_tcp(name: str) -> None:
    assert decoded(NOT_TUNNELS[name])[0] in WITHOUT_TCP


@pytest.mark.parametrize("name", TUNNELS)
def test_cut_anywhere(name: str) -> None:
    frame, _, _ = TUNNELS[name]
    headers = frame.index(b"x" * 1000) - 12 - 4
    for captured in range(headers):
        code, _ = decoded(frame[:captured], len(frame))
        assert code in (result.TRUNCATED, result.NOT_TCP), captured
        # Before its ports are seen, nobody can tell a tunnel from any other UDP.
        if code == result.NOT_TCP:
            assert captured < 14 + 4 + 40 + 8 + 4
    assert decoded(frame[:headers], len(frame))[0] == result.TCP


@pytest.mark.parametrize(
    "frame",
    [
        outer(udp(vxlan(ethernet(ipv4(tcp(b"x" * 100), total=9000))), VXLAN), UDP) + bytes(9),
        outer(udp(vxlan(ethernet(ipv4(tcp(b"x" * 100), total=0))), VXLAN), UDP) + bytes(9),
        outer(udp(gtp(ipv6(tcp(b"x" * 100), length=9000)), GTP), UDP) + bytes(9),
        outer(udp(gtp(ipv4(tcp(b"x" * 100), total=9000) + bytes(9), length=140), GTP), UDP),
        outer(udp(geneve(ipv4(tcp(b"x" * 100), total=9000), IPV4), GENEVE), UDP) + bytes(9),
    ],
)
def test_an_enclosing_length_bounds_the_inner_one(frame: bytes) -> None:
    code, segment = decoded(frame)
    assert code == result.TCP
    assert segment.payload_bytes == 100


@pytest.mark.parametrize(
    "payload",
    [
        udp(geneve(ethernet(INNER_V4), version=0)[:8].replace(b"\0", b"\x3f", 1), GENEVE),
        udp(gtp(b"", b"\0\0\0\x85" + b"\0\0\0\0", 4), GTP),
        udp(gtp(b"", b"\0\0\0\x85" + b"\xff\0\0\0", 4), GTP),
        b"\x12\xb5",
        struct.pack(">HHH", 1, VXLAN, 6),
    ],
)
def test_headers_that_contradict_themselves(payload: bytes) -> None:
    assert decoded(outer(payload, UDP))[0] in (result.MALFORMED, result.NOT_TCP, result.TRUNCATED)


def test_nesting_without_end_ends() -> None:
    frame = ethernet(INNER_V4)
    for _ in range(50):
        frame = outer(udp(vxlan(frame), VXLAN), UDP)
    assert decoded(frame)[0] == result.MALFORMED


def pcap(frames: list[bytes], link_type: int = ETHERNET) -> bytes:
    records = [
        struct.pack("<IIII", 1_700_000_000 + number, 0, len(frame), len(frame)) + frame
        for number, frame in enumerate(frames)
    ]
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, link_type) + b"".join(records)


def test_the_report_names_the_outer(tmp_path: Path) -> None:
    to_server = {"src": "10.9.0.1", "dst": "10.9.0.2", "sport": 40_000, "dport": 80}
    steps = [(False, 1000, 0, SYN), (True, 5000, 1001, SYN | ACK), (False, 1001, 5001, ACK)]
    steps += [(False, 1001, 5001, FIN | ACK), (True, 5001, 1002, FIN | ACK), (False, 1002, 5002, ACK)]
    frames = []
    for back, seq, ack, flags in steps:
        ports = (80, 40_000) if back else (40_000, 80)
        ends = ("10.9.0.2", "10.9.0.1") if back else ("10.9.0.1", "10.9.0.2")
        hosts = ("192.0.2.8", "192.0.2.7") if back else ("192.0.2.7", "192.0.2.8")
        packet = tcp(sport=ports[0], dport=ports[1], seq=seq, ack=ack, flags=flags)
        inner = ethernet(ipv4(packet, src=ends[0], dst=ends[1]))
        frames.append(ethernet(ipv4(udp(vxlan(inner, 4096), VXLAN), UDP, src=hosts[0], dst=hosts[1])))
    plain = tcp(sport=1, dport=2, seq=1, flags=SYN)
    frames.append(ethernet(ipv4(plain, src="10.9.0.3", dst="10.9.0.4")))
    path = tmp_path / "vxlan.pcap"
    path.write_bytes(pcap(frames))
    first, second = analyze(path).connections or []
    assert (first.client.address, first.client.port) == (to_server["src"], to_server["sport"])
    assert first.handshake.outcome == "complete" and first.close.kind == "three_way"
    assert first.tunnel is not None and second.tunnel is None
    assert (first.tunnel.kind, first.tunnel.identifier) == ("vxlan", 4096)
    assert (first.tunnel.src, first.tunnel.dst) == ("192.0.2.7", "192.0.2.8")
    # The other way round when the first packet seen is the server's.
    path.write_bytes(pcap(frames[1:6]))
    (answered,) = analyze(path).connections or []
    assert answered.client.port == 40_000 and answered.tunnel is not None
    assert (answered.tunnel.src, answered.tunnel.dst) == ("192.0.2.7", "192.0.2.8")


# --- tshark

#: Where tshark (4.0) and we do not agree, each with the reason.
TSHARK_SAYS_OTHERWISE = {
    "mpls, control word, ethernet": "it takes the control word for the front of the frame",
    "ppp by ethertype": "it knows 0x880B only inside GRE",
    "vxlan on Linux' port": "it takes 8472 only where it is told to",
    "vxlan, no length": "it refuses the length that segmentation offload leaves to the network card",
    "vxlan without a VNI": "it decodes what RFC 7348 section 5 has receivers drop",
    "vxlan-gpe, version 1": "it decodes a version that nobody has defined",
    "geneve, version 1": "it decodes what RFC 8926 section 3.4 has receivers drop",
}


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_finds_the_same_segments(tmp_path: Path) -> None:
    """Every tunnel here and in ``test_tunnels``: frames with TCP in them, and its ports and numbers."""
    by_link: dict[int, list[tuple[str, bytes]]] = {}
    for name, (frame, link_type) in FRAMES.items():
        by_link.setdefault(link_type, []).append((name, frame))
    for name, (frame, _, _) in TUNNELS.items():
        by_link.setdefault(ETHERNET, []).append((name, frame))
    for name, frame in NOT_TUNNELS.items():
        by_link[ETHERNET].append((name, frame))
    differ = {}
    for link_type, frames in by_link.items():
        path = tmp_path / f"{link_type}.pcap"
        path.write_bytes(pcap([frame for _, frame in frames], link_type))
        judged = by_tshark(path)
        ours = by_us(path)
        for number, (name, _) in enumerate(frames, 1):
            if judged.get(number) != ours.get(number):
                differ[name] = (judged.get(number), ours.get(number))
    assert set(differ) == set(TSHARK_SAYS_OTHERWISE), differ


def by_tshark(path: Path) -> dict[int, list[str]]:
    command = ["tshark", "-n", "-r", str(path), "-Y", "tcp", "-T", "fields", "-E", "occurrence=l"]
    for field in ("frame.number", "tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.len"):
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return {int(row[0]): row[1:] for row in rows}


def by_us(path: Path) -> dict[int, list[str]]:
    decoder = Decoder()
    segment = decoder.segment
    reader = open_source(path)
    found = {}
    while reader.next_batch():
        decoder.begin(reader.batch)
        for i in range(reader.batch.count):
            if decoder.decode(reader.batch, i) == result.TCP:
                values = (segment.src_port, segment.dst_port, segment.seq, segment.payload_bytes)
                found[reader.batch.first_number + i] = [str(value) for value in values]
        decoder.end()
    reader.close()
    return found
