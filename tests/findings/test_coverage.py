"""What a capture cannot answer it says, with how many connections that concerns."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tcptrace_py.findings.coverage import Coverage, Gap, covered, warnings

from .stage import Stage, kinds, one

SERVER = "10.0.0.20:8080"


def healthy(stage: Stage, port: int) -> None:
    c, s = stage.established(f"10.0.0.9:{port}", SERVER)
    c.fin()
    s.fin()
    c.ack()


def only_client(stage: Stage, port: int) -> None:
    """What a mirror of one direction shows."""
    c, s = stage.pair(f"10.0.0.9:{port}", SERVER)
    c.syn()
    s.syn_ack(seen=False)
    c.ack()
    c.data(100)
    s.data(200, seen=False)
    c.ack()
    c.fin()


def only_server(stage: Stage, port: int) -> None:
    c, s = stage.pair(f"10.0.0.9:{port}", SERVER)
    c.syn(seen=False)
    s.syn_ack()
    c.data(100, seen=False)
    s.ack()
    s.data(200)


def only_server_mid_stream(stage: Stage, port: int) -> None:
    c, s = stage.under_way(f"10.0.0.9:{port}", SERVER)
    for _ in range(3):
        c.data(100, seen=False)
        s.data(200)


def attempts(stage: Stage, port: int) -> None:
    """Nobody answers; that is no matter of the capture."""
    c, _ = stage.pair(f"10.0.0.9:{port}", SERVER)
    for _ in range(4):
        c.syn()
        stage.wait(1)


def vanished(stage: Stage, port: int) -> None:
    """Picked up when the peer was dead already."""
    c, _ = stage.under_way(f"10.0.0.9:{port}", SERVER)
    c.data(100)
    for _ in range(4):
        stage.wait(1)
        c.again()


def holes(stage: Stage, port: int) -> None:
    c, s = stage.established(f"10.0.0.9:{port}", SERVER)
    s.data(1448, seen=False)
    s.data(100)
    c.ack()


def late(stage: Stage, port: int) -> None:
    """Lost before the vantage point, and sent again: it did pass in the end."""
    c, s = stage.established(f"10.0.0.9:{port}", SERVER)
    lost = s.data(1448, seen=False, arrives=False)
    s.data(100)
    s.again(lost)
    c.ack()


def flags(stage: Stage, port: int) -> None:
    """``tcp[tcpflags] & (tcp-syn|tcp-fin|tcp-rst) != 0``"""
    c, s = stage.pair(f"10.0.0.9:{port}", SERVER)
    c.syn()
    s.syn_ack()
    c.data(100, seen=False)
    s.data(200, seen=False)
    c.fin()
    s.fin()


def seen(*what: Callable[[Stage, int], None]) -> Coverage:
    stage = Stage()
    for port, each in enumerate(what, 40_000):
        each(stage, port)
    stage.end()
    return covered(stage.diagnosis.knowledge, [], 0, 0)


@pytest.mark.parametrize("what", [only_client, only_server, only_server_mid_stream])
def test_one_direction(what: Callable[[Stage, int], None]) -> None:
    coverage = seen(*[what] * 3, *[healthy] * 4)
    assert (coverage.one_direction, coverage.missing, coverage.whole, coverage.enough) == (3, 0, False, False)
    assert warnings(coverage)[0] == (
        "one direction only of 3 of 7 connections: what the other side did is not seen"
    )


@pytest.mark.parametrize("what", [healthy, attempts, vanished, late])
def test_nothing_is_missing(what: Callable[[Stage, int], None]) -> None:
    coverage = seen(what, healthy)
    assert coverage.whole and coverage.enough
    assert not any("direction" in line or "missing" in line for line in warnings(coverage))


def test_a_few_of_many_are_no_warning_but_not_the_whole_either() -> None:
    coverage = seen(only_client, *[healthy] * 10)
    assert coverage.enough and not coverage.whole
    assert warnings(coverage) == []


def test_missing_segments() -> None:
    coverage = seen(holes)
    assert not coverage.whole and not coverage.enough
    assert warnings(coverage) == ["segments are missing in the one connection: states there are less sure"]


def test_filtered_to_flags() -> None:
    coverage = seen(*[flags] * 3)
    assert coverage.filtered and not coverage.enough
    assert warnings(coverage) == [
        "only SYN, FIN and RST were captured: data, silences and what was lost are not seen"
    ]
    assert not seen(flags, healthy).filtered


def test_mid_stream() -> None:
    def go_on(stage: Stage, port: int) -> None:
        c, s = stage.under_way(f"10.0.0.9:{port}", SERVER)
        c.data(100)
        s.data(200)
        c.ack()

    coverage = seen(go_on, healthy)
    assert coverage.whole and coverage.enough, "what followed was seen"
    assert warnings(coverage) == ["begun before the capture, or unseen by it: 1 of 2 connections"]


def test_the_other_lines() -> None:
    gaps = [Gap(0, 700_000_000_000), Gap(10**12, 10**12 + 86_400 * 10**9), Gap(9 * 10**14, 10**15)]
    coverage = Coverage(connections=9, segments=40, duplicates=19, cut=1, dropped=2000, gaps=gaps)
    assert warnings(coverage) == [
        "no packet at all for 27 h 46 min from 1970-01-11 10:00:00.000 UTC and 24 h 0 min from 1970-01-01"
        " 00:16:40.000 UTC, and 1 more gap: no duration is counted across that",
        "19 of 40 segments captured twice (a mirror port, or -i any): counted once",
        "1 packet cut before the end of the TCP header (snap length)",
        "the kernel dropped 2,000 packets before they were captured",
    ]
    assert not coverage.whole


@pytest.mark.parametrize(("back_s", "told"), [(0.004, False), (0.2, True)])
def test_times_that_run_backwards(back_s: float, told: bool) -> None:
    stage = Stage()
    c, s = stage.established("10.0.0.9:40000", SERVER)
    stage.wait(1)
    s.data(100)
    stage.wait(-back_s)
    c.ack()
    stage.end(at_s=5)
    lines = warnings(covered(stage.diagnosis.knowledge, [], 0, 0))
    expected = ["times run backwards in the one connection (frames out of order, or two clocks)"]
    assert lines == (expected if told else [])


def test_no_port_is_reused_before_it_was_closed() -> None:
    """One connection whose frames are shuffled: its SYN stands behind its end, with an earlier time."""
    stage = Stage()
    stage.wait(10)
    c, s = stage.established("10.0.0.9:40000", SERVER)
    c.fin()
    s.fin()
    c.ack()
    stage.wait(-5)
    again, peer = stage.pair("10.0.0.9:40000", SERVER)
    again.forget(c.snd_nxt + 5_000_000)
    again.syn()
    peer.syn_ack()
    again.ack()
    assert "time-wait-reuse" not in kinds(stage.end(at_s=20))


def _some(stage: Stage, answered: bool, closes: bool, syns: int) -> None:
    """What a filter leaves of connections that were all well, or what failed to open."""
    for number in range(6):
        c, s = stage.pair(f"10.0.0.{9 + number % 2}:{40_000 + number}", f"10.0.0.{20 + number % 3}:443")
        c.syn()
        for _ in range(syns - 1):
            stage.wait(1)
            c.syn()
        if answered:
            s.syn_ack()
        stage.wait(4)
        if closes:
            c.data(500, seen=False)
            s.data(9_000, seen=False)
            c.fin()
            s.fin()


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("closes", [False, True])
@pytest.mark.parametrize("traffic", [False, True])
@pytest.mark.parametrize("syns", [1, 3])
def test_a_filter_on_flags_shows_no_failed_handshakes(
    answered: bool, closes: bool, traffic: bool, syns: int
) -> None:
    """``tcp[tcpflags] & (tcp-syn|tcp-fin|tcp-rst) != 0``, and ``tcp-syn`` alone."""
    stage = Stage()
    _some(stage, answered, closes, syns)
    if traffic:
        c, s = stage.established("10.0.0.7:40000", "10.0.0.30:80")
        c.fin()
        s.fin()
        c.ack()
    worst = {finding.severity for finding in stage.end(at_s=100)}
    fails = not closes and not answered and (traffic or syns > 1)
    assert ("warning" in worst) == fails


@pytest.mark.parametrize("holed", [0, 1, 4])
@pytest.mark.parametrize("stuck", [2, 12])
def test_what_a_lossy_capture_lacks_is_no_evidence(holed: int, stuck: int) -> None:
    stage = Stage()
    for number in range(20):
        c, s = stage.established(f"10.0.0.9:{50_000 + number}", "10.0.0.20:443")
        if number < holed:
            s.data(1000, seen=False)
            s.data(100)
            c.ack()
        c.fin()
        s.fin()
        c.ack()
    for number in range(stuck):
        c, s = stage.established(f"10.0.0.9:{40_000 + number}", "10.0.0.20:443")
        c.fin()
        s.ack()
    told = one(stage.end(at_s=100), "stuck-close-wait")
    doubted = holed == 4 and stuck == 2
    assert (told.severity, told.confidence) == (("info", "possible") if doubted else ("critical", "certain"))
    assert ("lacks segments of 4 of 22" in told.explanation) == doubted


@pytest.mark.parametrize("others", [2, 20])
@pytest.mark.parametrize("traffic", [False, True])
def test_a_filter_on_syn_shows_no_half_open_handshakes(others: int, traffic: bool) -> None:
    """A SYN+ACK comes again for TCP_DEFER_ACCEPT too; the ACK before it was not captured."""
    stage = Stage()
    for number in range(others):
        c, s = stage.pair(f"10.0.0.9:{40_000 + number}", "10.0.0.20:443")
        c.syn()
        s.syn_ack()
    if traffic:
        stage.established("10.0.0.7:40000", "10.0.0.30:80")
    c, s = stage.pair("10.0.0.9:50000", "10.0.0.21:80")
    c.syn()
    for wait_s in (1, 2, 4):
        s.syn_ack()
        stage.wait(wait_s)
    severities = {finding.subject.address: finding.severity for finding in stage.end(at_s=100)}
    assert severities["10.0.0.21"] == ("info" if others == 20 and not traffic else "warning")
