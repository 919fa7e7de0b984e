"""What a report says to other programs: Wireshark's display filters, and Community IDs."""

from __future__ import annotations

import ipaddress
import json
import random
from pathlib import Path

import pytest

from tcptrace_py import analyze
from tcptrace_py.findings.finding import Subject
from tcptrace_py.report.formats import conn_log
from tcptrace_py.report.model.community_id import community_id
from tcptrace_py.report.model.display_filter import RUNS, stream_filter, subject_filter
from tcptrace_py.wire.address import parse_address
from tests.peers.wireshark import SHARKD, Sharkd
from tests.samples.catalogue import SAMPLE_DIR, SAMPLES

SICK = SAMPLE_DIR / "sick_service.pcap"


def test_a_filter_names_streams_and_runs_of_them() -> None:
    assert stream_filter([]) == ""
    assert stream_filter([4]) == "tcp.stream == 4"
    assert stream_filter([7, 2, 11]) == "tcp.stream in {2, 7, 11}"
    assert stream_filter([1, 2, 3, 9, 3]) == "tcp.stream in {1..3, 9}"
    assert stream_filter(range(5, 8)) == "tcp.stream in {5..7}"
    assert stream_filter(range(0, 4 * RUNS, 2)).count(",") == RUNS - 1


@pytest.mark.parametrize(
    ("subject", "wanted"),
    [
        (Subject("server", "10.0.0.20", 8080), "ip.addr == 10.0.0.20 && tcp.port == 8080"),
        (Subject("server", "2001:db8::1", 80), "ipv6.addr == 2001:db8::1 && tcp.port == 80"),
        (Subject("host", "10.0.0.20", None), "ip.addr == 10.0.0.20 && tcp"),
        (
            Subject("client", "10.0.0.9", None, "10.0.0.20:443"),
            "ip.addr == 10.0.0.9 && ip.addr == 10.0.0.20 && tcp.port == 443",
        ),
        (
            Subject("client", "fe80::9", None, "[fe80::1]:443"),
            "ipv6.addr == fe80::9 && ipv6.addr == fe80::1 && tcp.port == 443",
        ),
        (Subject("client", "10.0.0.9", None, ":443"), "ip.addr == 10.0.0.9 && tcp.port == 443"),
        (Subject("others", None, None), ""),
    ],
)
def test_a_filter_of_a_culprit(subject: Subject, wanted: str) -> None:
    assert subject_filter(subject) == wanted


def test_a_finding_is_filtered_by_its_streams_where_all_are_known() -> None:
    first = analyze(SICK).findings[0]
    assert first.display_filter == stream_filter(first.connections)
    assert analyze(SICK, connections=False).findings[0].display_filter == subject_filter(first.subject)
    # Of a pile the report names a few sockets only.
    pile = analyze(SAMPLE_DIR / "time_wait_pile.pcap").findings[0]
    assert pile.count > len(pile.connections)
    assert pile.display_filter == subject_filter(pile.subject)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [SICK.name, "time_wait_pile.pcap", "ipv6.pcap", "time_wait_reuse_by_client.pcap"]
)
def test_wireshark_finds_by_a_filter_the_packets_of_its_connections(name: str) -> None:
    if SHARKD is None:
        pytest.skip("sharkd (of tshark) is not installed")
    path = SAMPLE_DIR / name
    report = analyze(path)
    found = [(each.display_filter, each.connections, each.count) for each in report.findings]
    found += [(stream_filter([each.stream]), [each.id], 1) for each in (report.connections or [])[:3]]
    with Sharkd(SHARKD) as sharkd:
        sharkd.ask("load", file=str(path))
        frames_of = {each: {row["num"] for row in sharkd.ask("frames", filter=each)} for each, _, _ in found}
    for display_filter, ids, count in found:
        frames = frames_of[display_filter]
        moves = {
            move.frame
            for each in report.connections or []
            # What ends TIME_WAIT may be a segment of the next connection on the same ports.
            if each.id in ids and each.reused_by is None
            for end in (each.client, each.server)
            for move in end.history
        }
        assert moves - {None} <= frames, display_filter
        if count == len(ids):
            packets = sum(
                each.client.packets + each.server.packets
                for each in report.connections or []
                if each.id in ids
            )
            assert len(frames) >= packets


def test_community_ids_are_those_of_the_reference() -> None:
    communityid = pytest.importorskip("communityid", reason="communityid is not installed")
    reference = communityid.CommunityID()
    chosen = random.Random(7)
    for _ in range(2000):
        version = chosen.choice((4, 6))
        bits = 32 if version == 4 else 128
        # Close neighbours too, and the highest and lowest there are: the order decides.
        one = chosen.choice((0, 1, 2**bits - 1, chosen.getrandbits(bits)))
        two = chosen.choice((one, max(one - 1, 0), chosen.getrandbits(bits), chosen.getrandbits(bits) >> 70))
        texts = [str(ipaddress.ip_address(each.to_bytes(bits // 8))) for each in (one, two)]
        ports = [chosen.choice((0, 80, 65535, chosen.getrandbits(16))) for _ in texts]
        wanted = reference.calc(communityid.FlowTuple.make_tcp(*texts, *ports))
        parts = [parse_address(each)[:2] for each in texts]
        assert community_id(version, *parts[0], ports[0], *parts[1], ports[1]) == wanted
        assert community_id(version, *parts[1], ports[1], *parts[0], ports[0]) == wanted


def test_each_connection_carries_its_community_id(tmp_path: Path) -> None:
    communityid = pytest.importorskip("communityid", reason="communityid is not installed")
    reference = communityid.CommunityID()
    for sample in SAMPLES:
        for each in analyze(SAMPLE_DIR / sample.name).connections or []:
            client, server = each.client, each.server
            flow = communityid.FlowTuple.make_tcp(client.address, server.address, client.port, server.port)
            assert each.community_id == reference.calc(flow)


def test_a_conn_log_has_it_as_zeek_writes_it(tmp_path: Path) -> None:
    connections = analyze(SICK).connections or []
    for name in ("conn.log", "conn.json"):
        with conn_log.writer(tmp_path / name) as write:
            for each in connections:
                write(each)
    wanted = [each.community_id for each in connections]
    lines = (tmp_path / "conn.log").read_text().splitlines()
    fields = next(line.split("\t")[1:] for line in lines if line.startswith("#fields"))
    column = fields.index("community_id")
    assert [line.split("\t")[column] for line in lines if not line.startswith("#")] == wanted
    objects = [json.loads(line) for line in (tmp_path / "conn.json").read_text().splitlines()]
    assert [each["community_id"] for each in objects] == wanted
