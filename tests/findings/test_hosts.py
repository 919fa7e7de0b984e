"""Whose host was heard meanwhile was neither down nor off the network."""

from __future__ import annotations

import pytest

from sample_pcaps.scenarios.script import exchange, handshake
from tcptrace_py import analyze
from tcptrace_py.findings.texts import TEXTS, meaning
from tests.conftest import ROOT

from .stage import Stage, kinds, one

V4 = ("10.0.0.9:{}", "10.0.0.20:{}")
V6 = ("[2001:db8::9]:{}", "[2001:db8::20]:{}")
families = pytest.mark.parametrize("names", [V4, V6], ids=["IPv4", "IPv6"])
meanwhile = pytest.mark.parametrize("served_after_s", [None, 4, 400])


@pytest.mark.parametrize("kind", ["connection-timeout", "dead-peer", "unacknowledged-fin"])
def test_meanings_differ(kind: str) -> None:
    assert meaning(kind, False) == TEXTS[kind].meaning != meaning(kind, True)


def served(stage: Stage, names: tuple[str, str], port: int) -> None:
    c, s = stage.established(names[0].format(51_000), names[1].format(port))
    c.fin()
    s.fin()
    c.ack()


@families
@meanwhile
def test_a_port_that_does_not_answer(names: tuple[str, str], served_after_s: float | None) -> None:
    stage = Stage()
    c, _ = stage.pair(names[0].format(40_000), names[1].format(8009))
    c.syn()
    for wait_s in (1, 2, 4):
        stage.wait(wait_s)
        c.syn()
    if served_after_s is not None:
        stage.wait(served_after_s)
        served(stage, names, 443)
    timeout = one(stage.end(at_s=500), "connection-timeout")
    up = served_after_s == 4
    assert ("Its host was up: it answered on port 443" in timeout.explanation) == up
    assert ("the host is down" in timeout.explanation) != up


@families
def test_a_late_rst_does_not_show_that_a_host_is_up(names: tuple[str, str]) -> None:
    """A device that has tried in vain sends it in the host's name."""
    stage = Stage()
    ends = [stage.pair(names[0].format(40_000 + i), names[1].format(8009)) for i in range(4)]
    for c, _ in ends:
        c.syn()
    stage.wait(3)
    for c, _ in ends:
        c.syn()
    stage.wait(12)
    for _, s in ends:
        s.rst()
        stage.wait(0.1)
    timeout = one(stage.end(at_s=500), "connection-timeout")
    assert "got a RST seconds after its last SYN" in timeout.explanation
    assert "Its host was up" not in timeout.explanation
    assert "the host is down" in timeout.explanation


@pytest.mark.parametrize("name", ["path_broken_then_back-v4.middle", "path_broken_then_back-v6.middle"])
def test_the_connection_itself_is_no_other(name: str) -> None:
    """A path that comes back lets it speak again: that does not show what was up meanwhile."""
    report = analyze(ROOT / "sample_pcaps" / "kernel" / f"{name}.pcap")
    assert len(report.connections) == 1
    assert "Its host was up" not in one(report.findings, "dead-peer").explanation


@families
@pytest.mark.parametrize("kind", ["dead-peer", "unacknowledged-fin"])
@pytest.mark.parametrize("served_at", [None, "before", "meanwhile", "after"])
def test_others_are_served_on_the_same_port(names: tuple[str, str], kind: str, served_at: str | None) -> None:
    stage = Stage()
    c, _ = stage.established(names[0].format(40_000), names[1].format(443))
    if served_at == "before":
        served(stage, names, 443)
        stage.wait(3)
    if kind == "dead-peer":
        c.data(100)
    else:
        c.fin()
    for number in range(5):
        stage.wait(2)
        if kind == "dead-peer":
            c.again()
        else:
            c.again()
        if served_at == "meanwhile" and number == 2:
            served(stage, names, 443)
    if served_at == "after":
        stage.wait(3)
        served(stage, names, 443)
    told = one(stage.end(at_s=500), kind)
    when = {"meanwhile": "meanwhile", "after": "right afterwards"}.get(served_at or "", "")
    assert ("Its host was up" in told.explanation) == bool(when)
    assert f"it accepted connections on that port {when}" in told.explanation or not when


@families
@meanwhile
@pytest.mark.parametrize("server", [False, True], ids=["client silent", "server silent"])
def test_a_silent_peer(names: tuple[str, str], served_after_s: float | None, server: bool) -> None:
    stage = Stage()
    ends = stage.established(names[0].format(40_000), names[1].format(5432))
    speaker = ends[0] if server else ends[1]
    speaker.data(100)
    for _ in range(4):
        stage.wait(2)
        speaker.again()
    if served_after_s is not None:
        stage.wait(served_after_s)
        served(stage, names, 443)
    dead = one(stage.end(at_s=500), "dead-peer")
    up = served_after_s == 4
    assert ("Its host was up" in dead.explanation) == up
    assert ("lost power" in dead.explanation) != up


@families
@pytest.mark.parametrize(
    ("bytes_left", "clients", "severity"), [(0, 1, "info"), (31, 9, "info"), (0, 10, "warning")]
)
@pytest.mark.parametrize("closed_first", [True, False])
def test_clients_that_go_away_behind_their_fin(
    names: tuple[str, str], bytes_left: int, clients: int, severity: str, closed_first: bool
) -> None:
    stage = Stage()
    for number in range(clients):
        c, s = stage.established(names[0].format(40_000 + number), names[1].format(443))
        if closed_first:
            c.fin()
            s.ack()
        if bytes_left:
            s.data(bytes_left)
        s.fin()
        for _ in range(4):
            stage.wait(0.3)
            s.again()
    told = one(stage.end(at_s=300), "unacknowledged-fin")
    assert told.severity == (severity if closed_first else "warning")
    assert ("All data was delivered" in told.explanation) == (told.severity == "info")


@families
@pytest.mark.parametrize(
    ("ports", "tries", "scan"), [(30, 1, True), (30, 2, False), (120, 2, True), (120, 4, True)]
)
def test_so_many_ports_of_one_host_are_a_scan(
    names: tuple[str, str], ports: int, tries: int, scan: bool
) -> None:
    """Answered or not: who scans tries some ports again, from other ports of its own."""
    stage = Stage()
    for port in range(ports):
        for attempt in range(tries):
            c, s = stage.pair(names[0].format(36_050 + attempt), names[1].format(1 + port))
            c.syn()
            if port == 7:
                s.syn_ack()
    findings = stage.end(at_s=30)
    assert ("probe" in kinds(findings)) == scan
    assert ("connection-timeout" in kinds(findings)) != scan


@families
@pytest.mark.parametrize(("isn", "made"), [(0, True), (1, False)])
@pytest.mark.parametrize("syns", [1, 4])
def test_syns_made_by_hand_are_a_probe(names: tuple[str, str], isn: int, made: bool, syns: int) -> None:
    stage = Stage()
    c, _ = stage.pair(names[0].format(20), names[1].format(80))
    c.forget(isn)
    for _ in range(syns):
        c.syn()
        stage.wait(3)
    findings = stage.end(at_s=60)
    assert kinds(findings) == {"probe" if made else "connection-timeout"}
    assert not made or findings[0].severity == "info"


@families
@pytest.mark.parametrize("servers", [9, 12])
def test_many_hosts_silent_toward_one(names: tuple[str, str], servers: int) -> None:
    stage = Stage()
    for number in range(servers):
        server = names[1].replace("20]", f"{20 + number}]").replace(".20:", f".{20 + number}:").format(443)
        c, _ = stage.established(names[0].format(40_000 + number), server)
        c.data(100)
        for _ in range(4):
            stage.wait(2)
            c.again()
    told = [each for each in stage.end(at_s=900) if each.kind == "dead-peer"]
    together = servers >= 10
    assert len(told) == (1 if together else servers)
    assert all(("do not fall silent together" in each.explanation) == together for each in told)
    assert all(("lost power" in each.explanation) != together for each in told)


def test_a_host_of_many_services_is_known_by_those_used_most() -> None:
    stage = Stage()
    for port in range(1, 31):
        for number in range(3 if port == 30 else 1):
            c, s = stage.established(f"10.0.0.9:{30_000 + 100 * number + port}", f"10.0.0.20:{port}")
            c.fin()
            s.fin()
            c.ack()
    stage.wait(5)
    c, s = stage.established("10.0.0.9:51000", "10.0.0.20:30")
    begin_ns, end_ns = stage.at_ns(stage.now_s - 3), stage.at_ns(stage.now_s + 3)
    stage.end(at_s=100)
    knowledge = stage.diagnosis.knowledge
    version, hi, lo = 4, 0, int(s.address)
    assert knowledge.answers_at((version, hi, lo, 9999), begin_ns, end_ns) == 30
    assert knowledge.answers_at((version, hi, lo, 30), begin_ns, end_ns) == 0
    assert knowledge.answers_at((version, hi, lo + 1, 9999), begin_ns, end_ns) == 0


@families
@pytest.mark.parametrize(("before_s", "after_s"), [(None, 2), (None, 60), (5, 2), (None, None)])
def test_a_service_that_was_starting(
    names: tuple[str, str], before_s: float | None, after_s: float | None
) -> None:
    stage = Stage()
    if before_s is not None:
        served(stage, names, 6653)
        stage.wait(before_s)
    for port in (40_000, 40_001):
        c, s = stage.pair(names[0].format(port), names[1].format(6653))
        c.syn()
        s.rst()
    if after_s is not None:
        stage.wait(after_s)
        served(stage, names, 6653)
    refused = one(stage.end(at_s=200), "connection-refused")
    healed = before_s is None and after_s == 2
    assert refused.severity == ("info" if healed else "warning")
    assert ("the service was starting" in refused.explanation) == healed


@families
@pytest.mark.parametrize("same", [False, True], ids=["another client", "the same client"])
@pytest.mark.parametrize("refused_clients", [1, 2])
def test_healed_is_who_was_refused(names: tuple[str, str], same: bool, refused_clients: int) -> None:
    """Who is served meanwhile says nothing of a client that is kept out; that a port opened, of several."""
    stage = Stage()
    others = [
        names[0].replace("9:", "8:").replace("9]", "8]"),
        names[0].replace("9:", "7:").replace("9]", "7]"),
    ]
    for name in [names[0], *others][:refused_clients]:
        c, s = stage.pair(name.format(40_000), names[1].format(6653))
        c.syn()
        s.rst()
    stage.wait(2)
    served(stage, (names[0] if same else others[1], names[1]), 6653)
    refused = one(stage.end(at_s=200), "connection-refused")
    assert refused.severity == ("info" if same or refused_clients > 1 else "warning")


@families
@pytest.mark.parametrize("served_here", [False, True], ids=["never heard", "heard"])
def test_one_direction_is_told_of_a_pair(names: tuple[str, str], served_here: bool) -> None:
    """Others see the host's answers; to this client they take another way."""
    stage = Stage()
    other = names[0].replace("9:", "8:").replace("9]", "8]")
    served(stage, (other, names[1]), 443)
    c, s = stage.pair(names[0].format(50_000), names[1].format(22))
    c.syn()
    s.syn_ack(seen=False)
    c.ack()
    c.data(100)
    c.data(100)
    if served_here:
        served(stage, names, 8080)
    for port in range(40_000, 40_003):
        stage.pair(names[0].format(port), names[1].format(8080))[0].syn()
    timeout = one(stage.end(at_s=100), "connection-timeout")
    assert timeout.severity == ("warning" if served_here else "info")


@families
@pytest.mark.parametrize("went_on", [False, True], ids=["nothing answered", "answers unseen"])
@pytest.mark.parametrize("heard", [False, True], ids=["host unheard", "host heard"])
@pytest.mark.parametrize("syns", [1, 4])
def test_lone_syns_in_one_direction(names: tuple[str, str], went_on: bool, heard: bool, syns: int) -> None:
    stage = Stage()
    served(stage, (names[0], names[1].replace("20:", "21:").replace("20]", "21]")), 443)
    if went_on:
        c, s = stage.pair(names[0].format(50_000), names[1].format(22))
        c.syn()
        s.syn_ack(seen=False)
        c.ack()
        c.data(100)
        c.data(100)
    if heard:
        served(stage, names, 443)
    for port in range(40_000, 40_005):
        c, _ = stage.pair(names[0].format(port), names[1].format(8080))
        c.syn()
        for _ in range(syns - 1):
            stage.wait(1)
            c.syn()
    findings = stage.end(at_s=100)
    timeout = one(findings, "connection-timeout")
    unseen = went_on and not heard and syns == 1
    assert timeout.severity == ("info" if unseen else "warning")
    assert (timeout.confidence == "possible") == unseen
    assert ("nothing that the host answered" in timeout.explanation) == unseen
    lone = 5 if unseen else 0
    assert stage.diagnosis.knowledge.in_one_direction() == went_on + lone


@families
@pytest.mark.parametrize("after_s", [None, 4, 400])
def test_a_silent_peer_that_serves_others_on_its_port(names: tuple[str, str], after_s: float | None) -> None:
    stage = Stage()
    c, _ = stage.established(names[0].format(40_000), names[1].format(443))
    c.data(100)
    for _ in range(4):
        stage.wait(2)
        c.again()
    if after_s is not None:
        stage.wait(after_s)
        served(stage, names, 443)
    dead = one(stage.end(at_s=500), "dead-peer")
    assert ("Its host was up" in dead.explanation) == (after_s == 4)
    assert ("lost power" in dead.explanation) != (after_s == 4)


@families
@pytest.mark.parametrize("services", [1, 2, 3])
@pytest.mark.parametrize("partly", [False, True])
def test_some_attempts_of_many(names: tuple[str, str], services: int, partly: bool) -> None:
    """A service that accepts others meanwhile is no filtered port; several such are the client's own path."""
    stage = Stage()
    port = 40_000
    for number in range(6):
        for service in range(services):
            server = names[1].rsplit("20", 1)[0] + str(30 + service) + names[1].rsplit("20", 1)[1]
            port += 1
            c, s = stage.pair(names[0].format(port), server.format(443))
            if number % 2 or not partly:
                for again in range(3):
                    c.syn(arrives=False)
                    stage.wait(0.3 * 2**again)
                continue
            handshake(c, s)
            exchange(c, s)
            c.fin()
            s.fin()
            c.ack()
    stage.wait(60)
    found = [each for each in stage.end() if each.kind == "connection-timeout"]
    assert len(found) == services
    for finding in found:
        assert ("closed by a rule" in finding.explanation) == (partly and services < 3)
        assert ("Servers do not fail together" in finding.explanation) == (partly and services == 3)
        assert ("conntrack -S" in finding.remedy) == partly


@families
@pytest.mark.parametrize("heard", [False, True])
def test_the_silent_connections_are_no_witnesses(names: tuple[str, str], heard: bool) -> None:
    """A client that vanishes with several connections was heard on each of them before."""
    stage = Stage()
    ends = []
    for number in range(3):
        c, s = stage.pair(names[0].format(40_000 + number), names[1].format(80))
        handshake(c, s)
        exchange(c, s)
        ends.append((c, s))
        stage.wait(0.5)
    pushes = [s.data(300, arrives=False) for _, s in ends]
    for again in range(4):
        stage.wait(0.4 * 2**again)
        for (_, s), push in zip(ends, pushes, strict=True):
            s.again(push, arrives=False)
        if heard:
            c, s = stage.pair(names[0].format(50_000 + again), names[1].format(443))
            handshake(c, s)
            exchange(c, s)
    dead = one(stage.end(at_s=60), "dead-peer")
    assert ("Its host was up" in dead.explanation) == heard


@families
@pytest.mark.parametrize("when", ["between", "around", "before", "never"])
def test_who_refuses_only_some(names: tuple[str, str], when: str) -> None:
    """One backend of several does not listen; or a restart."""
    stage = Stage()
    accepts = {"between": (0, 2, 4), "around": (0, 5), "before": (0,), "never": ()}[when]
    for number in range(6):
        c, s = stage.pair(names[0].format(40_000 + number), names[1].format(8080))
        if number in accepts:
            handshake(c, s)
            exchange(c, s)
            c.fin()
            s.fin()
            c.ack()
        else:
            s.rst_to(c.syn())
        stage.wait(3)
    refused = one(stage.end(), "connection-refused")
    assert refused.severity == "warning"
    assert ("several machines or processes" in refused.explanation) == (when == "between")
    assert ("it was restarted" in refused.explanation) == (when == "around")
