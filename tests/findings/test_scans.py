"""Scans are one ``probe``; peer-to-peer and outages are none; a flood is told however short the capture."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sample_pcaps.scenarios.script import Endpoint

from .stage import Stage, kinds, one


def refused(c: Endpoint, s: Endpoint) -> None:
    c.syn()
    s.rst()


def unanswered(c: Endpoint, s: Endpoint) -> None:
    c.syn()


ANSWERS = pytest.mark.parametrize("answer", [refused, unanswered])
Answer = Callable[[Endpoint, Endpoint], None]


def served(stage: Stage, port: int = 40_000) -> None:
    stage.established(f"10.0.0.7:{port}", "10.0.0.30:443")


@ANSWERS
@pytest.mark.parametrize("net", ["10.0.0", "203.0.113"])
def test_a_port_scan_from_inside_or_outside(answer: Answer, net: str) -> None:
    stage = Stage()
    for port in range(1, 61):
        answer(*stage.pair(f"{net}.9:{40_000 + port}", f"10.0.0.{20 + port % 2}:{port}"))
    served(stage)
    (scan,) = stage.end(at_s=20)
    assert (scan.kind, scan.severity, scan.count) == ("probe", "info", 60)
    assert scan.explanation.startswith(f"Client {net}.9 tried 60 ports of 2 addresses, each about once:")
    assert "time-out" not in scan.remedy and "listens" not in scan.remedy


@pytest.mark.parametrize("ports", [19, 20, 60])
def test_a_port_scan_that_the_capture_ends_in(ports: int) -> None:
    stage = Stage()
    for port in range(ports):
        unanswered(*stage.pair("10.0.0.9:40000", f"10.0.0.20:{8_000 + port}"))
    found = [(finding.kind, finding.count) for finding in stage.end()]
    assert found == ([("probe", ports)] if ports >= 20 else [])


def test_a_program_that_starts_as_the_capture_ends_is_no_scan() -> None:
    stage = Stage()
    for host in range(80):
        unanswered(*stage.pair(f"10.0.0.9:{40_000 + host}", f"10.1.0.{host}:443"))
    assert "probe" not in kinds(stage.end())


@pytest.mark.parametrize("hosts", [1, 3])
def test_a_scan_by_hand_made_syns_is_one_finding(hosts: int) -> None:
    stage = Stage()
    for port in range(60):
        c, s = stage.pair("[2001:db8::9]:20", f"[2001:db8::{port % hosts + 10:x}]:{port}")
        c.forget(0)
        c.syn()
    (scan,) = stage.end(at_s=20)
    assert (scan.kind, scan.count) == ("probe", 60)
    toward = "60 ports of 2001:db8::a" if hosts == 1 else "60 ports"
    assert scan.subject.label() == f"client 2001:db8::9 toward {toward}"
    assert ("server 2001:db8::a" if hosts == 1 else "3 server addresses") in scan.explanation


@ANSWERS
def test_a_sweep_of_addresses(answer: Answer) -> None:
    stage = Stage()
    for host in range(1, 81):
        answer(*stage.pair("[2001:db8::9]:40000", f"[2001:db8::{host:x}00]:445"))
    (scan,) = stage.end(at_s=20)
    assert (scan.kind, scan.severity) == ("probe", "info")
    assert "1 port of 80 addresses" in scan.explanation


@ANSWERS
def test_backends_that_fail_together_are_no_scan(answer: Answer) -> None:
    """A balancer tries its ten again and again."""
    stage = Stage()
    served(stage)
    for again in range(3):
        for host in range(10):
            answer(*stage.pair(f"10.0.0.9:{40_000 + again * 10 + host}", f"10.0.1.{host}:8080"))
    findings = stage.end(at_s=20)
    assert "probe" not in kinds(findings)
    (found,) = findings
    assert found.severity == "warning"
    assert "failed together" in found.explanation


@ANSWERS
def test_peers_of_a_peer_to_peer_program(answer: Answer) -> None:
    stage = Stage()
    for peer in range(40):
        answer(*stage.pair(f"192.168.1.5:{40_000 + peer}", f"198.51.{peer}.7:{20_000 + peer * 37}"))
    (found,) = stage.end(at_s=20)
    assert (found.kind != "probe", found.severity) == (True, "info")
    assert "peer-to-peer programs" in found.explanation
    assert "a scan" not in found.explanation


@pytest.mark.parametrize("host", ["198.51.{}.7", "[2001:470:{}::7]"], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize(
    ("hosts", "ports", "tries", "inside", "elsewhere", "info"),
    [
        (12, 12, 2, False, True, True),
        (12, 6, 2, False, True, True),
        (4, 4, 2, False, True, False),
        (12, 1, 2, False, True, False),
        (12, 12, 7, False, True, False),
        (12, 12, 2, True, True, False),
        (12, 12, 2, False, False, False),
    ],
    ids=["candidates", "few ports", "few", "one port", "patiently", "own services", "nobody is served"],
)
def test_candidates_tried_side_by_side(
    host: str, hosts: int, ports: int, tries: int, inside: bool, elsewhere: bool, info: bool
) -> None:
    """A program that knows many hosts takes those that answer; services of one's own are an outage."""
    stage = Stage()
    if elsewhere:
        served(stage)
    if inside:
        host = "10.0.{}.7" if "." in host else "[fd00:{}::7]"
    ends = []
    for number in range(hosts):
        name = host.format(100 + number) + f":{20_000 + number % ports * 37}"
        ends.append(stage.pair(f"{'[fd00::5]' if '[' in host else '192.168.1.5'}:{40_000 + number}", name))
    for number in range(tries):
        for client, _ in ends:
            client.syn()
        stage.wait(2**number)
    findings = [each for each in stage.end(at_s=400) if each.kind != "probe"]
    assert {each.severity for each in findings} == {"info" if info else "warning"}
    assert ("peer-to-peer programs" in findings[0].explanation) == info


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("at_s", [0.9, 20])
def test_a_syn_flood_is_told_however_short_the_capture(answered: bool, at_s: float) -> None:
    stage = Stage()
    for number in range(200):
        c, s = stage.pair(f"198.{number}.7.9:{1024 + number * 7}", "10.0.0.20:80")
        c.syn()
        if answered:
            s.syn_ack()
    findings = stage.end(at_s=at_s)
    found = one(findings, "half-open-handshake" if answered else "connection-timeout")
    assert found.count == 200
    if at_s < 3:
        assert "a SYN flood, most likely" in found.explanation
        assert found.severity == "warning"


def test_many_handshakes_under_way_are_no_flood() -> None:
    """A busy service, and a capture that ends at any moment."""
    stage = Stage()
    for number in range(150):
        stage.established(f"10.1.0.{number}:40000", "10.0.0.20:80")
    for number in range(120):
        stage.pair(f"10.2.0.{number}:40000", "10.0.0.20:80")[0].syn()
    assert not stage.end()


def test_a_leak_is_told_when_the_peers_clock_has_long_ended_its_side() -> None:
    stage = Stage()
    c, s = stage.established("10.0.0.9:51324", "10.0.0.20:8080")
    c.fin()
    s.ack()
    for number in range(24):
        stage.wait(300)
        served(stage, 40_000 + number)
    stuck = one(stage.end(), "stuck-close-wait")
    assert "for 2 h 0 min" in stuck.explanation
    assert stuck.confidence == "certain"


@pytest.mark.parametrize("net", ["10.0.0", "203.0.113"])
@pytest.mark.parametrize("each", [7, 15])
def test_a_scan_of_several_answers_is_one_probe(net: str, each: int) -> None:
    """Of each kind too few to look like a scan; nor is what one service met of it a failure of its own."""
    stage = Stage()
    for port in range(1, 1 + 3 * each):
        c, s = stage.pair(f"{net}.9:{40_000 + port}", f"10.0.0.20:{port}")
        c.syn()
        if port <= each:
            s.rst()
        elif port > 2 * each and port % 2:
            s.syn_ack()
            c.rst()
    served(stage)
    findings = stage.end(at_s=20)
    found = [finding for finding in findings if finding.kind != "half-open-handshake"]
    if each == 7:
        # Of 17 failed ports it may be anything.
        assert "probe" not in kinds(findings)
        return
    (scan,) = found
    unanswered = each + each // 2 + (each % 2 and 0)
    assert (scan.kind, scan.severity) == ("probe", "info")
    assert f"{each:,} refused, {scan.count - each:,} without an answer" in scan.explanation
    assert unanswered - 1 <= scan.count - each <= unanswered + 1
    revised = stage.diagnosis.revise(scan.connections[0], stage.kinds[scan.connections[0]])
    assert revised == ["probe"]


def test_a_client_that_scans_and_is_refused_often_at_one_service() -> None:
    """What it comes back for it wants to be served by."""
    stage = Stage()
    for port in range(1, 41):
        refused(*stage.pair(f"10.0.0.9:{40_000 + port}", f"10.0.0.20:{port}"))
    for number in range(12):
        unanswered(*stage.pair(f"10.0.0.9:{50_000 + number}", "10.0.0.21:5432"))
    findings = stage.end(at_s=20)
    assert one(findings, "probe").count == 40
    assert one(findings, "connection-timeout").count == 12
