"""CLOSE_WAIT, FIN_WAIT_2, FINs in vain, half-closes."""

from __future__ import annotations

import pytest

from sample_pcaps.scenarios.script import Endpoint
from tcptrace_py.findings.at_exit import mark_closed_by_exit
from tcptrace_py.findings.close_wait import growing
from tcptrace_py.findings.finding import Finding
from tcptrace_py.settings import Settings

from .stage import Stage, kinds, one

SERVER = "10.0.0.20:8080"


def leak(stage: Stage, number: int = 0) -> tuple[Endpoint, Endpoint]:
    c, s = stage.established(f"10.0.0.9:{51324 + number}", SERVER)
    c.fin()
    s.ack()
    return c, s


def test_stuck_close_wait() -> None:
    stage = Stage()
    leak(stage)
    findings = stage.end(at_s=41.2)
    stuck = one(findings, "stuck-close-wait")
    assert stuck.subject.label() == "server 10.0.0.20:8080"
    assert (stuck.count, stuck.connections) == (1, [0])
    assert (stuck.severity, stuck.confidence) == ("warning", "certain")
    assert (stuck.first_ns, stuck.last_ns) == (stage.at_ns(0.009), stage.at_ns(41.2))
    assert [(line.frame, line.text) for line in stuck.evidence] == [
        (8, "10.0.0.9:51324 sent FIN"),
        (9, "acknowledged by 10.0.0.20:8080, which entered CLOSE_WAIT"),
        (None, "as far as the capture goes: 10.0.0.20:8080 still in CLOSE_WAIT after 41.2 s"),
    ]
    assert stuck.explanation.startswith(
        "Server 10.0.0.20:8080 got FIN from client 10.0.0.9 on 1 connection and did not close its own side:"
        " stuck in CLOSE_WAIT for 41.2 s."
    )
    assert stuck.trend == [1] * 12
    assert "ss -tnp state close-wait 'sport = :8080'" in stuck.remedy
    assert stage.kinds == {0: ("stuck-close-wait", "stuck-fin-wait-2")}


@pytest.mark.parametrize(("waited_s", "stuck"), [(9.9, False), (10.1, True)])
def test_close_wait_threshold(waited_s: float, stuck: bool) -> None:
    stage = Stage()
    leak(stage)
    assert ("stuck-close-wait" in kinds(stage.end(at_s=0.009 + waited_s))) == stuck


def test_close_wait_threshold_is_a_setting() -> None:
    stage = Stage(Settings(close_wait_after_s=60, fin_wait_2_after_s=60))
    leak(stage)
    assert stage.end(at_s=50) == []


def test_one_service_is_one_finding() -> None:
    stage = Stage()
    for number in range(30):
        leak(stage, number)
        stage.wait(2)
    stuck = one(stage.end(at_s=100), "stuck-close-wait")
    assert (stuck.count, len(stuck.connections)) == (30, 30)
    assert "up to 30 sockets at once" in stuck.explanation
    assert "Their number grew: 1 at first, 13 after" in stuck.explanation
    assert {line.connection for line in stuck.evidence} == {0, 1, 2}


def closed_late() -> Finding:
    stage = Stage()
    c, s = leak(stage)
    stage.wait(30)
    s.fin()
    c.ack()
    return one(stage.end(at_s=40), "stuck-close-wait")


def test_late_close_is_a_warning() -> None:
    stuck = closed_late()
    assert stuck.severity == "warning"
    assert "It ended within the capture: closed late rather than leaked." in stuck.explanation
    assert stuck.evidence[-1].text == "30.0 s later: FIN from 10.0.0.20:8080"


@pytest.mark.parametrize(("exit_after_s", "a_leak"), [(-5, True), (0, True), (0.9, True), (1.1, False)])
def test_what_only_the_exit_of_a_command_closed_is_a_leak(exit_after_s: float, a_leak: bool) -> None:
    """The kernel closes a process's sockets a little before it says that the process has ended."""
    stuck = closed_late()
    mark_closed_by_exit([stuck], stuck.last_ns + round(exit_after_s * 1e9))
    assert stuck.severity == ("critical" if a_leak else "warning")
    assert ("Closed only when the command exited: a leak." in stuck.explanation) == a_leak
    assert ("closed late rather than leaked" in stuck.explanation) != a_leak


def test_waiting_counts_from_the_last_data() -> None:
    stage = Stage()
    c, s = leak(stage)
    stage.wait(30)
    s.data(500)
    c.ack()
    stage.wait(5)
    s.fin()
    c.ack()
    assert kinds(stage.end(at_s=40)) == {"half-close"}


def test_unacknowledged_data_excuses_close_wait() -> None:
    stage = Stage()
    _, s = leak(stage)
    s.data(500)
    assert "stuck-close-wait" not in kinds(stage.end(at_s=60))


def test_zero_window_excuses_close_wait() -> None:
    stage = Stage()
    c, s = stage.established("10.0.0.9:51324", SERVER)
    c.window_bytes = 0
    c.fin()
    s.ack()
    assert kinds(stage.end(at_s=60)) == set()


def test_midstream_close_wait_is_only_possible() -> None:
    """An endpoint never seen to send anything but ACKs may have sent its FIN before the capture."""
    stage = Stage()
    c, s = stage.under_way("10.0.0.9:51324", SERVER)
    c.fin()
    s.ack()
    stuck = one(stage.end(at_s=60), "stuck-close-wait")
    assert (stuck.confidence, stuck.severity) == ("possible", "info")


def test_client_pool_in_close_wait() -> None:
    stage = Stage()
    c, s = stage.established("10.0.0.9:51324", "10.0.0.20:3306")
    s.fin()
    c.ack()
    findings = stage.end(at_s=60)
    stuck = one(findings, "stuck-close-wait")
    assert stuck.subject.label() == "client 10.0.0.9 toward 10.0.0.20:3306"
    assert stuck.subject.port is None
    assert "'dport = :3306'" in stuck.remedy
    waiting = one(findings, "stuck-fin-wait-2")
    assert (waiting.subject.label(), waiting.severity) == ("server 10.0.0.20:3306", "info")


def test_growing() -> None:
    assert growing([1, 5, 9, 13, 14])
    assert not growing([3, 3, 3, 3, 3])
    assert not growing([1, 5, 4, 6, 7])


def test_stuck_fin_wait_2_alone_is_a_warning() -> None:
    """With a longer threshold for CLOSE_WAIT, FIN_WAIT_2 stands for itself."""
    stage = Stage(Settings(close_wait_after_s=100))
    leak(stage)
    waiting = one(stage.end(at_s=30), "stuck-fin-wait-2")
    assert (waiting.severity, waiting.confidence) == ("warning", "likely")
    assert waiting.subject.label() == "client 10.0.0.9 toward 10.0.0.20:8080"
    assert "tcp_fin_timeout" in waiting.remedy


def test_fin_wait_2_of_many_clients_is_about_the_service() -> None:
    stage = Stage()
    for number in range(12):
        c, s = stage.established(f"10.0.1.{number}:40000", SERVER)
        c.fin()
        s.ack()
    waiting = one(stage.end(at_s=30), "stuck-fin-wait-2")
    assert (waiting.subject.label(), waiting.count) == ("server 10.0.0.20:8080", 12)
    assert waiting.explanation.startswith("12 clients closed 12 connections, and server 10.0.0.20:8080 ack")


def test_fin_that_passed_ends_fin_wait_2s_wait() -> None:
    stage = Stage()
    _, s = leak(stage)
    s.fin()
    for _ in range(4):
        stage.wait(5)
        s.again()
    assert kinds(stage.end(at_s=30)) == {"unacknowledged-fin"}


@pytest.mark.parametrize(("retransmissions", "found"), [(2, False), (3, True)])
def test_unacknowledged_fin(retransmissions: int, found: bool) -> None:
    stage = Stage()
    c, _ = stage.established("10.0.0.9:51324", SERVER)
    c.fin()
    for attempt in range(retransmissions):
        stage.wait(0.2 * 2**attempt)
        c.again()
    findings = stage.end(at_s=5)
    assert kinds(findings) == ({"unacknowledged-fin"} if found else set())
    if found:
        silent = one(findings, "unacknowledged-fin")
        assert (silent.subject.label(), silent.severity) == ("server 10.0.0.20:8080", "warning")
        assert [line.frame for line in silent.evidence] == [6, 8, 11]
        assert "1 in FIN_WAIT_1" in silent.explanation


def test_last_ack_in_vain() -> None:
    stage = Stage()
    _, s = leak(stage)
    s.fin()
    for attempt in range(8):
        stage.wait(0.2 * 2**attempt)
        s.again()
    silent = one(stage.end(at_s=120), "unacknowledged-fin")
    assert silent.subject.label() == "client 10.0.0.9 toward 10.0.0.20:8080"
    assert "1 in LAST_ACK" in silent.explanation
    assert silent.evidence[-1].frame is None


def test_fin_sent_once_is_only_possibly_in_vain() -> None:
    stage = Stage()
    c, _ = stage.established("10.0.0.9:51324", SERVER)
    c.fin()
    silent = one(stage.end(at_s=200), "unacknowledged-fin")
    assert (silent.confidence, silent.severity) == ("possible", "info")


def test_fin_seen_from_one_side_only() -> None:
    stage = Stage()
    c, s = stage.pair("10.0.0.9:51324", SERVER)
    c.syn()
    s.syn_ack(seen=False)
    c.ack()
    c.fin()
    assert kinds(stage.end(at_s=200)) == set()


def test_half_close() -> None:
    stage = Stage()
    c, s = leak(stage)
    stage.wait(1)
    s.data(1000)
    stage.wait(1)
    s.data(500)
    c.ack()
    s.fin()
    c.ack()
    half = one(stage.end(), "half-close")
    assert half.subject.label() == "server 10.0.0.20:8080"
    assert (half.severity, half.confidence) == ("info", "certain")
    assert "1,500 bytes" in half.explanation


def test_data_that_draws_a_rst_is_no_half_close() -> None:
    stage = Stage()
    c, s = leak(stage)
    s.data(1000)
    c.rst()
    assert kinds(stage.end()) == {"reset-after-close"}


def test_healthy_close_finds_nothing() -> None:
    stage = Stage()
    c, s = leak(stage)
    stage.wait(2)
    s.fin()
    c.ack()
    assert stage.end(at_s=200) == []
    assert stage.kinds == {0: ()}


@pytest.mark.parametrize("servers", [1, 9])
@pytest.mark.parametrize(
    ("closed", "held", "severity"), [(14, 2, "info"), (0, 9, "info"), (0, 14, "warning")]
)
def test_a_client_that_closes_late_by_the_dozen_is_no_leak(
    closed: int, held: int, severity: str, servers: int
) -> None:
    """Browsers close their idle sockets when they next look."""
    stage = Stage()
    ends = []
    for number in range(closed + held):
        c, s = stage.established(f"10.0.0.9:{40_000 + number}", f"10.0.0.{20 + number % servers}:80")
        s.fin()
        c.ack()
        ends.append((c, s))
    stage.wait(60)
    for c, s in ends[:closed]:
        c.fin()
        s.ack()
    stuck = one(stage.end(at_s=200), "stuck-close-wait")
    expected = "info" if servers == 9 else severity
    assert (stuck.subject.role, stuck.count, stuck.severity) == ("client", closed + held, expected)
    assert (": a leak" in stuck.explanation) == (expected == "warning")
