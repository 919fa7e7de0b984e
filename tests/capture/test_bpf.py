"""Capture filters, against what tcpdump makes of the same expression."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import dpkt
import pytest

from tcptrace_py.capture.bpf import BpfFilter
from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.libpcap import compile_filter
from tcptrace_py.capture.source import open_source
from tests.capture.capture_bytes import (
    CORPUS,
    Frame,
    enhanced,
    interface,
    pcap,
    section,
)


def ip_packet(port: int) -> bytes:
    tcp = dpkt.tcp.TCP(sport=40000, dport=port, flags=dpkt.tcp.TH_SYN)
    return bytes(dpkt.ip.IP(src=b"\x0a\0\0\1", dst=b"\x0a\0\0\2", p=6, len=40, data=tcp))


def ethernet(port: int) -> bytes:
    return bytes(12) + b"\x08\0" + ip_packet(port)


def matching(path: Path, expression: str) -> tuple[list[int], BpfFilter]:
    filter_ = BpfFilter(expression)
    reader = open_source(path)
    found = []
    while count := reader.next_batch():
        for lo, hi in filter_.runs(reader.batch, 0, count):
            assert lo < hi
            found += [reader.batch.first_number + at for at in range(lo, hi)]
    return found, filter_


def test_runs(tmp_path: Path) -> None:
    ports = [80, 80, 443, 80, 443, 443, 80]
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([Frame(0, 0, 54, 1, ethernet(port)) for port in ports]))
    reader = open_source(path)
    count = reader.next_batch()
    assert list(BpfFilter("port 80").runs(reader.batch, 0, count)) == [(0, 2), (3, 4), (6, 7)]
    assert list(BpfFilter("port 80").runs(reader.batch, 1, 3)) == [(1, 2)]
    assert list(BpfFilter("tcp").runs(reader.batch, 0, count)) == [(0, 7)]
    assert list(BpfFilter("udp").runs(reader.batch, 0, count)) == []
    assert list(BpfFilter("").runs(reader.batch, 0, count)) == [(0, 7)]


def test_each_link_type_has_its_own_program(tmp_path: Path) -> None:
    cooked = bytes(14) + b"\x08\0"
    bodies = [
        ethernet(80),
        ip_packet(80),
        cooked + ip_packet(80),
        b"\x02\0\0\0" + ip_packet(80),
        ip_packet(80),
    ]
    links = [1, 101, 113, 0, 228]
    content = section() + b"".join(interface(link) for link in links)
    content += b"".join(enhanced(Frame(0, 0, len(body), 0, body), of=of) for of, body in enumerate(bodies))
    path = tmp_path / "x.pcapng"
    path.write_bytes(content)
    assert matching(path, "tcp port 80")[0] == [1, 2, 3, 4, 5]
    assert matching(path, "tcp port 81")[0] == []


def test_loopback_families_of_other_systems(tmp_path: Path) -> None:
    ip6 = bytes([0x60, 0, 0, 0, 0, 20, 6, 64]) + bytes(32) + ip_packet(80)[20:]
    bodies = [family.to_bytes(4, order) + ip6 for order in ("little", "big") for family in (10, 24, 28, 30)]
    bodies += [b"\x02\0\0\0" + ip_packet(80), b"\0\0\0\x02" + ip_packet(80), b"\x02", b""]
    for link_type in (0, 108):
        path = tmp_path / "x.pcap"
        path.write_bytes(pcap([Frame(0, 0, len(body), 0, body) for body in bodies], network=link_type))
        assert matching(path, "ip6 and tcp port 80")[0] == list(range(1, 9))
        assert matching(path, "ip and tcp port 80")[0] == [9, 10]


def test_link_types_that_libpcap_cannot_filter_are_left_out_and_told(tmp_path: Path) -> None:
    content = section() + interface(60000) + interface(1)
    content += b"".join(enhanced(Frame(0, 0, 54, 0, ethernet(80)), of=of) for of in (0, 1, 0, 1))
    path = tmp_path / "x.pcapng"
    path.write_bytes(content)
    found, filter_ = matching(path, "tcp")
    assert found == [2, 4]
    assert filter_.warnings == [
        "filter 'tcp': frames of link type LINKTYPE_60000 are left out (unknown data link type 60000)"
    ]


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("tcp and", "syntax error"),
        ("port 99999", "illegal port number 99999"),
        ("tcp \0 udp", "null"),
        ("(((", "syntax error"),
    ],
)
def test_wrong_expressions(expression: str, says: str) -> None:
    with pytest.raises(CaptureError, match=says) as caught:
        BpfFilter(expression)
    assert str(caught.value).startswith(f"filter {expression!r}: ")


def test_an_expression_for_wireless_frames_only_is_not_wrong(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([Frame(0, 0, 54, 1, ethernet(80))]))
    found, filter_ = matching(path, "wlan addr1 00:00:00:00:00:00")
    assert found == []
    assert len(filter_.warnings) == 1
    assert "frames of link type ETHERNET are left out" in filter_.warnings[0]


def test_lengths_of_cut_frames_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([Frame(0, 0, 1500, 1, ethernet(80))] * 2))
    found, filter_ = matching(path, "greater 1000")
    assert found == []
    assert len(filter_.warnings) == 1
    assert "captured length is compared" in filter_.warnings[0]
    assert matching(path, "tcp")[1].warnings == []


@pytest.mark.parametrize(
    "expression", ["tcp", "tcp[tcpflags] & tcp-syn != 0", "host 10.0.0.5", "vlan", "ip6"]
)
def test_as_tcpdump(expression: str) -> None:
    if not CORPUS.is_dir():
        pytest.skip("no corpus beside the repository")
    if shutil.which("tcpdump") is None:
        pytest.skip("tcpdump is not installed")
    captures = sorted(CORPUS.rglob("*.pcap"))
    assert captures
    for path in captures:
        done = subprocess.run(
            ["tcpdump", "-r", str(path), "-w", "-", expression], capture_output=True, timeout=60
        )
        found, filter_ = matching(path, expression)
        if done.returncode != 0:
            # Such as `vlan` on a link type that has none.
            assert found == []
            assert len(filter_.warnings) == 1, path
            continue
        expected = done.stdout
        count = 0
        at = 24
        while at < len(expected):
            at += 16 + int.from_bytes(expected[at + 8 : at + 12], "little")
            count += 1
        assert len(found) == count, path


@pytest.mark.parametrize("link_type", [0, 1, 9, 12, 50, 101, 105, 107, 113, 127, 147, 228, 276, 65535])
def test_pcapy_compiles_only_what_compiles(link_type: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """For what does not, its ``compile`` reads a handle that it has closed (pcapy-ng 2.1.0)."""
    pcapy = pytest.importorskip("pcapy")
    real = pcapy.compile

    def compile(*arguments: object) -> object:
        try:
            return real(*arguments)
        except pcapy.PcapError as error:
            raise AssertionError(f"compiled {arguments}") from error

    monkeypatch.setattr(pcapy, "compile", compile)
    compiled = 0
    for expression in (
        *("tcp", "", "tcp port 80", "ether host 2:0:0:0:0:1", "vlan 5", "wlan type mgt", "mpls 3"),
        *("ip broadcast", "ether broadcast", "broadcast", "vlan and ip  broadcast", "ip multicast"),
        *(
            "tcp porst 3",
            "port 99999",
            "(",
            "host",
            "tcp[13",
            "inbound",
            "ifname eth0",
            "vlan 5000000",
            "x\0y",
        ),
        *("gateway nobody", "net 1.2.3.4 mask 5", "iso", "clnp", "type data", "lane", "fddi", "ppp"),
    ):
        try:
            compile_filter(pcapy, link_type, expression)
            compiled += 1
        except (pcapy.PcapError, ValueError) as error:
            assert str(error)
    assert compiled or link_type in (107, 65535)
