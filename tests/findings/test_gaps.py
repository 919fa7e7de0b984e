"""A silence of the whole capture is no silence of a connection, and no time that a state lasted."""

from __future__ import annotations

from sample_pcaps.scenarios.script import Endpoint

from .stage import Stage, kinds, one

SERVER = "10.0.0.20:8080"
DAYS_S = 3 * 86_400.0


def other_traffic(stage: Stage, port: int = 40_000) -> None:
    stage.established(f"10.0.0.7:{port}", "10.0.0.30:443")


def half_closed(stage: Stage) -> tuple[Endpoint, Endpoint]:
    c, s = stage.established("10.0.0.9:51324", SERVER)
    c.fin()
    s.ack()
    return c, s


def test_close_wait_does_not_last_across_a_gap() -> None:
    stage = Stage()
    half_closed(stage)
    stage.wait(5)
    other_traffic(stage)
    stage.silence(DAYS_S)
    other_traffic(stage, 40_001)
    assert not kinds(stage.end()) & {"stuck-close-wait", "stuck-fin-wait-2"}


def test_its_age_is_what_was_seen_before_the_gap() -> None:
    stage = Stage()
    half_closed(stage)
    stage.wait(30)
    other_traffic(stage)
    stage.silence(DAYS_S)
    other_traffic(stage, 40_001)
    findings = stage.end()
    for kind in ("stuck-close-wait", "stuck-fin-wait-2"):
        finding = one(findings, kind)
        assert "for 30.0 s" in finding.explanation, finding.explanation
        assert " d " not in finding.explanation
        assert "here a gap in the capture begins" in finding.evidence[-1].text
    assert "A gap in the capture hides what became of it." in one(findings, "stuck-close-wait").explanation


def test_nor_does_it_where_its_fin_comes_behind_the_gap() -> None:
    stage = Stage()
    c, s = half_closed(stage)
    stage.silence(DAYS_S)
    s.fin()
    c.ack()
    assert not kinds(stage.end()) & {"stuck-close-wait", "stuck-fin-wait-2"}


def test_a_reset_behind_a_gap_is_no_idle_timeout() -> None:
    for gap in (False, True):
        stage = Stage()
        _, s = stage.established("10.0.0.9:51324", SERVER)
        (stage.silence if gap else stage.wait)(7200.0)
        s.rst()
        assert ("idle-timeout" in kinds(stage.end())) is not gap


def test_nor_is_one_survived() -> None:
    for gap in (False, True):
        stage = Stage()
        c, s = stage.established("10.0.0.9:51324", SERVER)
        (stage.silence if gap else stage.wait)(7200.0)
        c.data(100)
        s.data(200)
        c.ack()
        stage.end()
        (service,) = stage.diagnosis.knowledge.services.entries.values()
        assert (service.longest_survived_ns > 7000e9) is not gap


def test_a_fin_whose_answer_lies_in_a_gap() -> None:
    for gap in (False, True):
        stage = Stage()
        c, _ = stage.established("10.0.0.9:51324", SERVER)
        c.fin()
        (stage.silence if gap else stage.wait)(7200.0)
        other_traffic(stage)
        assert ("unacknowledged-fin" in kinds(stage.end())) is not gap


def test_a_syn_whose_answer_lies_in_a_gap() -> None:
    for gap in (False, True):
        stage = Stage()
        c, _ = stage.pair("10.0.0.9:51324", SERVER)
        c.syn()
        (stage.silence if gap else stage.wait)(7200.0)
        other_traffic(stage)
        assert ("connection-timeout" in kinds(stage.end())) is not gap


def test_a_syn_ack_whose_answer_lies_in_a_gap() -> None:
    for gap in (False, True):
        stage = Stage()
        c, s = stage.pair("10.0.0.9:51324", SERVER)
        c.syn()
        s.syn_ack()
        (stage.silence if gap else stage.wait)(7200.0)
        other_traffic(stage)
        assert ("half-open-handshake" in kinds(stage.end())) is not gap


def test_a_peer_is_not_dead_for_days() -> None:
    stage = Stage()
    c, _ = stage.established("10.0.0.9:51324", SERVER)
    stage.silence(DAYS_S)
    c.data(100)
    for s in (1.0, 2.0, 4.0, 8.0):
        stage.wait(s)
        c.again()
    assert "for 15.0 s" in one(stage.end(), "dead-peer").explanation
