"""Multipath TCP (RFC 8684): a subflow's end is not the connection's, nor its RST always an abort."""

from __future__ import annotations

import pytest

from sample_pcaps.scenarios.script import Endpoint
from tcptrace_py.wire.segment import MP_FASTCLOSE, MP_JOIN

from .stage import Stage, kinds, one

V4 = ("10.0.0.9:{}", "10.0.0.20:{}")
V6 = ("[2001:db8::9]:{}", "[2001:db8::20]:{}")
families = pytest.mark.parametrize("names", [V4, V6], ids=["IPv4", "IPv6"])
CAPABLE, DSS = 1 << 0, 1 << 2


def subflow(
    stage: Stage, names: tuple[str, str], client: int = CAPABLE, server: int = CAPABLE
) -> tuple[Endpoint, Endpoint]:
    """An open connection, whose SYN and SYN+ACK have these subtypes."""
    c, s = stage.pair(names[0].format(40_000), names[1].format(5201))
    c.mptcp, s.mptcp = client, server
    c.syn()
    s.syn_ack()
    c.ack()
    c.mptcp = DSS if client else 0
    s.mptcp = DSS if server else 0
    c.data(1000)
    s.ack()
    s.data(200)
    c.ack()
    return c, s


@families
@pytest.mark.parametrize("by_server", [False, True], ids=["client aborts", "server aborts"])
@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("opening", [CAPABLE, MP_JOIN])
def test_who_sends_fast_close_aborts(
    names: tuple[str, str], by_server: bool, bare: bool, opening: int
) -> None:
    stage = Stage()
    ends = subflow(stage, names, opening, opening)
    aborter, other = reversed(ends) if by_server else ends
    other.data(1000)
    aborter.mptcp = MP_FASTCLOSE
    aborter.ack()
    if bare:
        other.rst_to()
    else:
        other.rst()
    findings = stage.end()
    (abort,) = findings
    assert (abort.kind, abort.severity, abort.confidence) == ("reset-abort", "warning", "certain")
    assert abort.subject.role == ("server" if by_server else "client")
    assert "with MP_FASTCLOSE" in abort.explanation
    assert [line.frame for line in abort.evidence] == [9, 10]


@families
def test_fast_close_in_the_reset_itself(names: tuple[str, str]) -> None:
    stage = Stage()
    c, s = subflow(stage, names)
    c.data(1000)
    s.mptcp = MP_FASTCLOSE
    s.rst()
    (abort,) = stage.end()
    assert (abort.kind, abort.subject.role) == ("reset-abort", "server")
    assert "with MP_FASTCLOSE" in abort.explanation
    assert [line.frame for line in abort.evidence] == [9]


@pytest.mark.parametrize("multipath", [False, True])
@pytest.mark.parametrize("silent", [False, True])
def test_a_subflow_may_have_been_ended_on_another(multipath: bool, silent: bool) -> None:
    stage = Stage()
    c, s = subflow(stage, V4, CAPABLE, CAPABLE if multipath else 0)
    c.data(1000)
    if silent:
        for _ in range(4):
            stage.wait(0.2)
            c.again()
        c.rst()
    else:
        s.rst()
    findings = stage.end()
    assert ("dead-peer" in kinds(findings)) == (silent and not multipath)
    if not silent:
        abort = one(findings, "reset-abort")
        expected = ("info", "possible") if multipath else ("warning", "certain")
        assert (abort.severity, abort.confidence) == expected


@families
@pytest.mark.parametrize("multipath", [False, True])
def test_close_wait_of_a_subflow_is_no_leak(names: tuple[str, str], multipath: bool) -> None:
    stage = Stage()
    c, s = subflow(stage, names, CAPABLE, CAPABLE if multipath else 0)
    c.fin()
    s.ack()
    stuck = one(stage.end(at_s=60), "stuck-close-wait")
    assert stuck.severity == ("info" if multipath else "warning")
    assert ("DATA_FIN" in stuck.explanation) == multipath


@pytest.mark.parametrize("joins", [False, True])
def test_a_subflow_that_is_not_answered(joins: bool) -> None:
    stage = Stage()
    c, _ = stage.pair(V4[0].format(40_000), V4[1].format(5201))
    c.mptcp = MP_JOIN if joins else CAPABLE
    c.syn()
    for wait_s in (1, 2, 4):
        stage.wait(wait_s)
        c.syn()
    timeout = one(stage.end(at_s=60), "connection-timeout")
    expected = ("info", "possible") if joins else ("warning", "certain")
    assert (timeout.severity, timeout.confidence) == expected


@pytest.mark.parametrize("joins", [False, True])
def test_a_subflow_that_joins_waits_for_no_accept(joins: bool) -> None:
    stage = Stage()
    for number in range(2):
        c, s = stage.pair(V4[0].format(40_000 + number), V4[1].format(5201))
        c.mptcp = s.mptcp = MP_JOIN if joins else CAPABLE
        c.syn()
        s.syn_ack()
        c.ack()
        for wait_s in (1, 2, 4):
            stage.wait(wait_s)
            s.syn_ack()
            c.ack()
    assert ("accept-queue-full" in kinds(stage.end(at_s=60))) != joins


def test_an_abort_without_multipath_is_its_senders() -> None:
    """Options that only one side has mean nothing."""
    stage = Stage()
    c, s = subflow(stage, V4, CAPABLE, 0)
    c.data(1000)
    s.rst()
    abort = one(stage.end(), "reset-abort")
    assert (abort.subject.role, abort.confidence) == ("server", "certain")
