"""Refused, unanswered, unreachable, half-open; stale SYNs."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sample_pcaps.scenarios.script import Endpoint
from tcptrace_py.findings.wording import moment
from tcptrace_py.wire.segment import MP_JOIN, Segment

from .stage import Stage, kinds, one


def test_refused() -> None:
    stage = Stage()
    for number in range(3):
        c, s = stage.pair(f"10.0.0.9:{40000 + number}", "10.0.0.30:5432")
        c.syn()
        s.rst()
    refused = one(stage.end(), "connection-refused")
    assert (refused.subject.label(), refused.count) == ("server 10.0.0.30:5432", 3)
    assert (refused.severity, refused.confidence) == ("warning", "certain")
    assert refused.explanation.startswith("Server 10.0.0.30:5432 refused 3 connections from client 10.0.0.9.")
    assert "ss -tlnp 'sport = :5432'" in refused.remedy
    assert [line.frame for line in refused.evidence] == [1, 2, 3, 4, 5, 6]
    assert set(stage.kinds.values()) == {("connection-refused",)}


def test_a_port_scan_is_one_finding_about_who_scans() -> None:
    stage = Stage()
    for port in range(1, 201):
        c, s = stage.pair("203.0.113.5:40000", f"10.0.0.30:{port}")
        c.syn()
        s.rst()
    c, s = stage.pair("10.0.0.9:40000", "10.0.0.31:80")
    c.syn()
    s.rst()
    findings = stage.end()
    assert [(found.subject.label(), found.count, found.severity) for found in findings] == [
        ("server 10.0.0.31:80", 1, "warning"),
        # From the Internet, each port once: every address gets that.
        ("client 203.0.113.5 toward 200 services", 200, "info"),
    ]
    assert findings[1].kind == "probe"
    assert findings[1].explanation.startswith(
        "Client 203.0.113.5 tried 200 ports of 1 address, each about once: 200 attempts, refused. That is"
    )
    scanned = findings[1].connections
    assert stage.diagnosis.revise(scanned[0], stage.kinds[scanned[0]]) == ["probe"]


@pytest.mark.parametrize(
    ("syns", "waits_s", "found"),
    # The second SYN may yet be answered: that is a slow connect.
    [(1, 2.9, False), (1, 3.1, True), (2, 2.9, False), (2, 3.1, True)],
)
def test_timeout_threshold(syns: int, waits_s: float, found: bool) -> None:
    stage = Stage()
    c, _ = stage.pair("10.0.0.9:40000", "10.0.0.40:6379")
    c.syn()
    for _ in range(syns - 1):
        stage.wait(1)
        c.syn()
    findings = stage.end(at_s=waits_s + 0.001)
    assert kinds(findings) == ({"connection-timeout"} if found else set())
    if found:
        # Two packets prove little.
        assert findings[0].confidence == "possible"
        # A retransmission is due after 1 s: who has not sent one by 3 s does not try any more.
        tries_on = "It may not have been over yet." in findings[0].explanation
        assert tries_on == (syns > 1)


@pytest.mark.parametrize(
    ("retransmissions", "end_s", "who"),
    [
        (6, 130, "went on to the kernel's limit (ETIMEDOUT)"),
        (2, 30, "the application's own connect time-out"),
        (4, 20, "may not have been over yet"),
        (4, 60, "its kernel's (Windows gives up after 21 s, BSD after 75 s)"),
    ],
)
def test_who_gave_up(retransmissions: int, end_s: float, who: str) -> None:
    stage = Stage()
    c, _ = stage.pair("10.0.0.9:40000", "10.0.0.40:6379")
    c.syn()
    for attempt in range(retransmissions):
        stage.wait(2**attempt)
        c.syn()
    timeout = one(stage.end(at_s=end_s), "connection-timeout")
    assert timeout.confidence == ("certain" if retransmissions > 2 else "possible")
    assert who in timeout.explanation
    assert timeout.evidence[1].frame == retransmissions + 1
    assert f"SYN number {retransmissions + 1}" in timeout.evidence[1].text


@pytest.mark.parametrize("names", [("10.0.0.9", "99.33.54.70"), ("[fd00::9]", "[2a00:1::70]")])
@pytest.mark.parametrize(
    ("after_s", "late"), [(0.001, False), (0.9, False), (2.9, False), (3.1, True), (12, True)]
)
@pytest.mark.parametrize("syns", [1, 3])
def test_a_refusal_that_comes_late_is_a_devices_time_out(
    names: tuple[str, str], after_s: float, late: bool, syns: int
) -> None:
    """A NAT that connects by itself answers RST when it gives up; a host answers at once."""
    stage = Stage()
    for number in range(2):
        c, s = stage.pair(f"{names[0]}:{40_000 + number}", f"{names[1]}:80")
        c.syn()
        for attempt in range(syns - 1):
            stage.wait(3 * 2**attempt)
            c.syn()
        stage.wait(after_s)
        s.rst()
    (told,) = stage.end(at_s=60)
    assert (told.kind, told.count) == ("connection-timeout" if late else "connection-refused", 2)
    assert ("no host refuses so late" in told.explanation) == late
    if late:
        assert "after the last SYN: RST in the name of" in told.evidence[1 + (syns > 1)].text
        assert "own connect time-out" not in told.explanation


@dataclass
class Unreachable:
    reason: str
    reporter_hi: int
    reporter_lo: int


def told_unreachable(stage: Stage, c: Endpoint, reason: str) -> None:
    """ICMP answers the SYN that a client has just sent."""
    stage.frame += 1
    quoted = Segment()
    quoted.ts_ns, quoted.frame, quoted.ip_version = stage.at_ns(stage.now_s), stage.frame, 4
    quoted.src_lo, quoted.src_port = int(c.address), c.port
    quoted.dst_lo, quoted.dst_port = int(c.peer.address), c.peer.port
    quoted.seq = c.isn
    stage.tracker.unreachable(Unreachable(reason, 0, 0x0A000001), quoted)


@pytest.mark.parametrize("joins", [False, True])
def test_unreachable(joins: bool) -> None:
    stage = Stage()
    c, s = stage.pair("10.0.0.9:40000", "10.9.9.9:443")
    c.mptcp = MP_JOIN if joins else 0
    c.syn()
    told_unreachable(stage, c, "host unreachable")
    unreachable = one(stage.end(), "connection-unreachable")
    assert unreachable.subject.label() == "server 10.9.9.9:443"
    assert "ICMP says: host unreachable." in unreachable.explanation
    assert unreachable.severity == ("info" if joins else "warning")
    assert ("Multipath TCP" in unreachable.explanation) == joins
    assert unreachable.evidence[1].text == "ICMP from 10.0.0.1: host unreachable"


@pytest.mark.parametrize("reason", ["host unreachable", "port unreachable"])
@pytest.mark.parametrize("served", [False, True])
def test_icmp_errors_are_rare_by_rule(reason: str, served: bool) -> None:
    """Attempts beside them that got no answer have the same cause, unless others were taken up meanwhile."""
    stage = Stage()
    clients = [stage.pair(f"10.0.0.9:{40_000 + number}", "10.9.9.9:443")[0] for number in range(4)]
    for wait_s in (1, 2, 4, 8):
        for c in clients:
            c.syn()
        if wait_s == 1:
            told_unreachable(stage, clients.pop(), reason)
        stage.wait(wait_s)
        if served and wait_s == 2:
            stage.established("10.0.0.9:50000", "10.9.9.9:443")
    findings = stage.end(at_s=60)
    unreachable = one(findings, "connection-unreachable")
    assert ("Find the firewall rule" in unreachable.remedy) == (reason == "port unreachable")
    if served:
        assert unreachable.count == 1
        assert one(findings, "connection-timeout").count == 3
        return
    assert (unreachable.count, unreachable.connections, unreachable.confidence) == (4, [0, 1, 2, 3], "likely")
    assert f"in 4 connection attempts from client 10.0.0.9; ICMP says: {reason}" in unreachable.explanation
    assert "in answer to 1" in unreachable.explanation
    assert "connection-timeout" not in kinds(findings)
    assert {stage.diagnosis.revised[each][0] for each in range(4)} == {"connection-unreachable"}


@pytest.mark.parametrize(
    ("syn_acks", "end_s", "found"),
    [(1, 2.9, False), (1, 3.1, True), (2, 2.9, False), (2, 3.1, True), (3, 3.1, True)],
)
def test_half_open_threshold(syn_acks: int, end_s: float, found: bool) -> None:
    stage = Stage()
    c, s = stage.pair("198.51.100.7:40000", "10.0.0.20:80")
    c.syn()
    s.syn_ack()
    for attempt in range(syn_acks - 1):
        stage.wait(2**attempt)
        s.syn_ack()
    # Those that may yet be answered are not late.
    findings = stage.end(at_s=end_s + 0.002)
    assert kinds(findings) == ({"half-open-handshake"} if found else set())
    if found:
        assert findings[0].subject.label() == "server 10.0.0.20:80"
        # Who waits for the ACK sends SYN+ACK again.
        assert findings[0].severity == ("warning" if syn_acks > 1 else "info")


def test_syn_flood_is_about_the_server_attacked() -> None:
    stage = Stage()
    for number in range(3000):
        c, s = stage.pair(f"198.{number >> 8 & 255}.{number & 255}.7:40000", "10.0.0.20:80")
        c.syn()
        s.syn_ack()
    flood = one(stage.end(at_s=30), "half-open-handshake")
    assert (flood.subject.label(), flood.count, flood.severity) == ("server 10.0.0.20:80", 3000, "critical")
    assert len(flood.connections) == 1000
    assert "client addresses" in flood.explanation
    assert "a SYN flood, most likely" in flood.explanation


def test_few_sources_are_no_flood() -> None:
    stage = Stage()
    for number in range(300):
        c, s = stage.pair(f"198.51.100.{number % 2}:{40000 + number}", "10.0.0.20:80")
        c.syn()
        s.syn_ack()
    many = one(stage.end(at_s=30), "half-open-handshake")
    assert "150 attempts for each source" in many.explanation


def test_full_accept_queue() -> None:
    stage = Stage()
    c, s = stage.pair("10.0.0.9:40000", "10.0.0.20:80")
    c.syn()
    s.syn_ack()
    c.ack()
    for _ in range(3):
        stage.wait(1)
        s.syn_ack()
    full = one(stage.end(at_s=10), "accept-queue-full")
    assert "TcpExtListenOverflows" in full.remedy
    assert full.explanation.startswith("Server 10.0.0.20:80 did not take up 1 connection that client 10.0")
    assert [line.frame for line in full.evidence] == [3, 6]
    assert full.confidence == "likely"


def test_third_ack_lost_once_finds_nothing() -> None:
    stage = Stage()
    c, s = stage.pair("10.0.0.9:40000", "10.0.0.20:80")
    c.syn()
    s.syn_ack()
    c.ack()
    stage.wait(1)
    s.syn_ack()
    c.ack()
    assert stage.end(at_s=10) == []


def test_stale_syn_refused_by_the_client() -> None:
    stage = Stage()
    old, s = stage.pair("10.0.0.9:40000", "10.0.0.20:80")
    old.syn()
    s.syn_ack()
    old.rst_to()
    c, s = stage.pair("10.0.0.9:40000", "10.0.0.20:80")
    c.syn()
    s.syn_ack()
    c.ack()
    stale = one(stage.end(at_s=10), "stale-syn")
    assert (stale.subject.label(), stale.severity) == ("client 10.0.0.9 toward 10.0.0.20:80", "info")
    assert (stale.connections, stale.confidence) == ([0], "likely")
    assert [line.frame for line in stale.evidence] == [1, 2, 3, 4]


def test_attempt_given_up_by_its_client_finds_nothing() -> None:
    stage = Stage()
    c, s = stage.pair("10.0.0.9:40000", "10.0.0.20:80")
    c.syn()
    s.syn_ack()
    c.rst_to()
    assert stage.end(at_s=100) == []


def test_stale_syn_in_a_living_connection() -> None:
    stage = Stage()
    c, s = stage.established("10.0.0.9:40000", "10.0.0.20:80")
    stale, _ = stage.pair("10.0.0.9:40000", "10.0.0.20:80")
    stale.forget(c.isn + 50_000_000)
    stale.syn()
    s.ack()
    c.data(100)
    s.ack()
    stale = one(stage.end(at_s=10), "stale-syn")
    assert (stale.confidence, [line.frame for line in stale.evidence]) == ("possible", [8])


@pytest.mark.parametrize("host", ["10.0.0.{}", "[2001:db8::{}]"])
@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("meanwhile", [False, True])
def test_refused_from_a_moment_on(host: str, before: bool, meanwhile: bool) -> None:
    """It had accepted until then: something stopped. Where it goes on accepting, it is no stop."""
    client, server = f"{host.format(9)}:{{}}", f"{host.format(20)}:8080"
    stage = Stage()
    stage.wait(5)
    if before:
        stage.established(client.format(39_000), server)
    stage.wait(5)
    since = moment(stage.at_ns(stage.now_s + 0.001))
    for number in range(6):
        c, s = stage.pair(client.format(40_000 + number), server)
        c.syn()
        s.rst()
        stage.wait(2)
        if meanwhile:
            stage.established(client.format(41_000 + number), server)
    findings = stage.end(at_s=60)
    refused = one(findings, "connection-refused")
    stopped = before and not meanwhile
    assert ("had accepted connections until then" in refused.explanation) == stopped
    assert refused.remedy.startswith(f"Find out what stopped at {since}") == stopped
