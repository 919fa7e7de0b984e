"""Piles of TIME_WAIT, reuse of its ports, its death by RST."""

from __future__ import annotations

import pytest

from sample_pcaps.scenarios.script import Endpoint
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.time_wait import TimeWait

from .stage import Stage, kinds, one


def short(stage: Stage, client: str, server: str, server_closes: bool = False) -> tuple[Endpoint, Endpoint]:
    c, s = stage.established(client, server)
    first, second = (s, c) if server_closes else (c, s)
    first.fin()
    second.fin()
    first.ack()
    return c, s


@pytest.mark.parametrize(("sockets", "found"), [(19, False), (20, True)])
def test_pile_on_one_address(sockets: int, found: bool) -> None:
    stage = Stage(Settings(time_wait_pile_sockets=20))
    for number in range(sockets):
        short(stage, f"10.0.0.9:{40000 + number}", f"10.0.0.{20 + number}:80")
    findings = stage.end()
    assert kinds(findings) == ({"time-wait-pile"} if found else set())
    if found:
        pile = findings[0]
        assert (pile.subject.label(), pile.count, pile.severity) == ("client 10.0.0.9", 20, "info")
        assert [line.frame for line in pile.evidence] == [10, None]


@pytest.mark.parametrize(("sockets", "severity"), [(9, None), (10, "warning"), (80, "critical")])
def test_pile_toward_one_destination(sockets: int, severity: str | None) -> None:
    stage = Stage(Settings(ephemeral_ports=100))
    for number in range(sockets):
        short(stage, f"10.0.0.9:{40000 + number}", "10.0.0.20:3306")
    findings = stage.end()
    assert [found.severity for found in findings] == ([severity] if severity else [])
    if severity:
        share = f"{sockets} toward 10.0.0.20:3306 ({sockets} % of 100 ephemeral ports)"
        assert share in findings[0].explanation


def test_pile_of_a_server_has_no_ports_at_stake() -> None:
    stage = Stage(Settings(time_wait_pile_sockets=20))
    for number in range(20):
        short(stage, f"10.0.0.9:{40000 + number}", "10.0.0.20:80", server_closes=True)
    pile = one(stage.end(), "time-wait-pile")
    assert pile.subject.label() == "host 10.0.0.20"
    assert "its ports are not at stake" in pile.explanation


def test_pile_advice_is_no_folklore() -> None:
    stage = Stage(Settings(time_wait_pile_sockets=1))
    short(stage, "10.0.0.9:40000", "10.0.0.20:80")
    advice = one(stage.end(), "time-wait-pile").remedy
    assert "tcp_fin_timeout does not change it" in advice
    assert "constant 60 s" in advice
    assert "tcp_tw_reuse=1" in advice


def again(c: Endpoint, s: Endpoint) -> None:
    """The same ports for the next connection."""
    c.forget(c.snd_nxt + 250_000)
    s.forget()


def test_reuse_accepted() -> None:
    stage = Stage()
    c, s = short(stage, "10.0.0.9:40000", "10.0.0.20:80", server_closes=True)
    stage.wait(8)
    again(c, s)
    c.syn()
    s.syn_ack()
    c.ack()
    reuse = one(stage.end(), "time-wait-reuse")
    assert (reuse.subject.label(), reuse.severity) == ("client 10.0.0.9 toward 10.0.0.20:80", "info")
    assert (reuse.count, reuse.connections) == (1, [0, 1])
    assert "Of these: 1 accepted at once." in reuse.explanation
    assert [line.frame for line in reuse.evidence] == [10, 11]
    assert stage.kinds == {0: ("time-wait-reuse",), 1: ("time-wait-reuse",)}


def test_reuse_refused_is_a_warning() -> None:
    stage = Stage()
    c, s = short(stage, "10.0.0.9:40000", "10.0.0.20:80", server_closes=True)
    stage.wait(8)
    again(c, s)
    c.syn()
    s.rst()
    findings = stage.end(at_s=300)
    reuse = one(findings, "time-wait-reuse")
    assert reuse.severity == "warning"
    assert "1 refused" in reuse.explanation
    assert reuse.connections == [0, 1]


@pytest.mark.parametrize("host", ["10.0.0.{}", "[2001:db8::{}]"])
@pytest.mark.parametrize("again_s", [None, 0.02, 1, 3])
@pytest.mark.parametrize(
    ("newer", "stamps", "why"),
    [
        (-30_000, False, "for its number was no newer"),
        (50_000_000, True, "for its timestamp was older"),
        (-30_000, True, "for its timestamp was older"),
        (50_000_000, False, "with an ACK of the old connection."),
    ],
    ids=["number", "timestamp", "both", "unknown"],
)
def test_why_a_syn_meets_an_ack_of_the_old_connection(
    host: str, again_s: float | None, newer: int, stamps: bool, why: str
) -> None:
    """Its timestamp where it has one, else its number; what connects within a second has cost nothing."""
    stage = Stage()
    names = host.format(9) + ":40000", host.format(20) + ":80"
    old = stage.pair(*names)
    old[0].timestamps = old[1].timestamps = stamps
    old[0].syn()
    old[1].syn_ack()
    old[0].ack()
    old[1].fin()
    old[0].fin()
    old[1].ack()
    stage.wait(2)
    c, s = stage.pair(*names)
    c.forget(old[0].snd_nxt + newer)
    c.timestamps = stamps
    c.ts_offset = old[0].ts_offset - 10_000
    c.syn()
    old[1].ack()
    c.rst_to(old[1].last)
    if again_s is not None:
        stage.wait(again_s)
        c.syn()
        s.syn_ack()
        c.ack()
    reuse = one(stage.end(at_s=stage.now_s + 5), "time-wait-reuse")
    assert why.removesuffix(".") in reuse.explanation
    assert reuse.severity == ("info" if again_s == 0.02 else "warning")
    assert ("tcp_timestamps=0" in reuse.remedy) == stamps
    assert ("never completed" in reuse.explanation) == (again_s is None)


def test_reuse_of_a_reuse_lists_each_connection_once() -> None:
    stage = Stage()
    c, s = short(stage, "10.0.0.9:40000", "10.0.0.20:80")
    for _ in range(3):
        stage.wait(2)
        again(c, s)
        c.syn()
        s.syn_ack()
        c.ack()
        c.fin()
        s.fin()
        c.ack()
    reuse = one(stage.end(at_s=400), "time-wait-reuse")
    assert (reuse.count, reuse.connections) == (3, [0, 1, 2, 3])
    assert "Of these: 3 accepted at once." in reuse.explanation


def test_port_used_again_after_time_wait_finds_nothing() -> None:
    stage = Stage()
    c, s = short(stage, "10.0.0.9:40000", "10.0.0.20:80")
    stage.wait(70)
    again(c, s)
    c.syn()
    s.syn_ack()
    c.ack()
    assert stage.end() == []


def test_assassination() -> None:
    stage = Stage()
    c, s = short(stage, "10.0.0.9:40000", "10.0.0.20:80")
    stage.wait(2)
    c.ack()
    s.rst_to()
    killed = one(stage.end(), "time-wait-assassination")
    assert (killed.subject.label(), killed.severity) == ("server 10.0.0.20:80", "info")
    assert "held in TIME_WAIT" in killed.explanation
    # It makes a port that is used again fail outright: no remedy.
    assert "tcp_rfc1337" not in killed.remedy
    assert killed.evidence[-1].frame == 12


def test_no_pile_without_time_wait() -> None:
    stage = Stage()
    assert stage.diagnosis.findings(TimeWait(1), 0) == []
