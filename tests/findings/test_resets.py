"""RSTs by cause, and silent peers."""

from __future__ import annotations

import pytest

from tcptrace_py.settings import Settings
from tcptrace_py.wire.segment import RST

from .stage import Stage, kinds, one

CLIENT, SERVER = "10.0.0.9:51324", "10.0.0.20:8080"


@pytest.mark.parametrize("acknowledged", [False, True])
def test_abort(acknowledged: bool) -> None:
    stage = Stage()
    c, s = stage.established(CLIENT, SERVER)
    c.data(300)
    if acknowledged:
        s.ack()
    s.rst()
    abort = one(stage.end(), "reset-abort")
    assert (abort.subject.label(), abort.severity, abort.confidence) == (
        "server 10.0.0.20:8080",
        "warning",
        "certain",
    )
    assert abort.explanation.startswith("Server 10.0.0.20:8080 aborted 1 connection with client 10.0.0.9 by")
    assert [line.frame for line in abort.evidence] == [3, 9 + acknowledged]


@pytest.mark.parametrize("by_server", [False, True])
@pytest.mark.parametrize("payload_bytes", [31, 300])
@pytest.mark.parametrize("answered", [False, True])
def test_a_goodbye_and_a_reset_at_once(by_server: bool, payload_bytes: int, answered: bool) -> None:
    """A close_notify that a client does not wait to see acknowledged; without an answer it is a request."""
    stage = Stage()
    c, s = stage.pair(CLIENT, SERVER)
    c.syn()
    s.syn_ack()
    c.ack()
    c.data(100)
    s.ack()
    if answered:
        s.data(200)
        c.ack()
    end = s if by_server else c
    end.data(payload_bytes)
    end.rst()
    abort = one(stage.end(), "reset-abort")
    everyday = not by_server and payload_bytes == 31 and answered
    assert abort.severity == ("info" if everyday else "warning")


@pytest.mark.parametrize("by_server", [False, True])
@pytest.mark.parametrize("answered", [False, True])
def test_an_abort_after_the_answer_costs_nothing(by_server: bool, answered: bool) -> None:
    """Many servers and balancers end connections so, instead of with FIN."""
    stage = Stage()
    c, s = stage.established(CLIENT, SERVER)
    if not answered:
        c.data(300)
        s.ack()
    (s if by_server else c).rst()
    abort = one(stage.end(), "reset-abort")
    # A client that waits no longer has lost nothing by its own RST.
    assert abort.severity == ("warning" if by_server and not answered else "info")
    said = "It had been answered, and all that was sent was acknowledged."
    assert (said in abort.explanation) == (by_server and answered)


def test_resets_after_a_constant_silence_are_an_idle_timeout() -> None:
    stage = Stage()
    for number in range(3):
        _, s = stage.established(f"10.0.0.9:{51324 + number}", SERVER)
        stage.wait(60)
        s.rst()
    idle = one(stage.end(), "idle-timeout")
    assert "60.0 s in which neither side sent anything: always about as long" in idle.explanation
    assert "60.0 s after the last segment" in idle.evidence[0].text
    assert (idle.count, idle.confidence) == (3, "likely")


def test_abort_at_once_after_the_handshake() -> None:
    stage = Stage()
    c, s = stage.pair(CLIENT, SERVER)
    c.syn()
    s.syn_ack()
    c.ack()
    s.rst()
    abort = one(stage.end(), "reset-abort")
    assert "tcp_abort_on_overflow" in abort.explanation


def test_causes_have_findings_of_their_own() -> None:
    stage = Stage()
    _, s = stage.established(CLIENT, SERVER)
    s.rst()
    c, s = stage.established("10.0.0.9:51325", SERVER)
    c.fin()
    s.ack()
    s.rst()
    aborts = [found for found in stage.end() if found.kind == "reset-abort"]
    assert [found.subject.label() for found in aborts] == ["server 10.0.0.20:8080"] * 2
    assert sorted("instead of closing" in found.explanation for found in aborts) == [False, True]


@pytest.mark.parametrize(("peer_closed_too", "severity"), [(False, "warning"), (True, "info")])
def test_reset_after_close(peer_closed_too: bool, severity: str) -> None:
    stage = Stage()
    c, s = stage.established(CLIENT, SERVER)
    s.fin()
    c.ack()
    if peer_closed_too:
        c.fin()
    else:
        # An upload that its server did not wait for.
        c.data(1000)
    s.rst()
    after = one(stage.end(), "reset-after-close")
    assert (after.subject.label(), after.severity) == ("server 10.0.0.20:8080", severity)


def test_what_a_client_does_not_want_any_more_is_no_loss() -> None:
    stage = Stage()
    c, s = stage.established(CLIENT, SERVER)
    c.fin()
    s.ack()
    s.data(1000)
    c.rst()
    assert one(stage.end(), "reset-after-close").severity == "info"


def test_no_connection() -> None:
    stage = Stage()
    c, s = stage.established(CLIENT, SERVER)
    stage.wait(350)
    c.data(100)
    s.rst_to()
    lost = one(stage.end(), "reset-no-connection")
    assert (lost.subject.label(), lost.confidence) == ("server 10.0.0.20:8080", "likely")
    assert "Before it, neither side had sent anything for 5 min 50 s." in lost.explanation
    assert "TCP_KEEPIDLE" in lost.remedy
    assert lost.evidence[-1].frame == 9
    assert "neither side had sent anything for 5 min 50 s" in lost.evidence[-1].text


def test_stray_reset() -> None:
    stage = Stage()
    c, s = stage.established(CLIENT, SERVER)
    s.rst(900_000_000)
    c.data(10)
    s.ack()
    stray = one(stage.end(), "stray-reset")
    assert stray.subject.label() == "server 10.0.0.20:8080"
    assert (stray.severity, stray.confidence) == ("info", "certain")
    assert [line.frame for line in stray.evidence] == [8]


def test_many_stray_resets_are_a_warning() -> None:
    stage = Stage()
    _, s = stage.established(CLIENT, SERVER)
    for attempt in range(10):
        s.rst(900_000_000 + attempt)
    stray = one(stage.end(), "stray-reset")
    assert (stray.severity, stray.count) == ("warning", 1)
    assert "10 RSTs" in stray.explanation


def test_resets_of_many_clients_are_about_their_service() -> None:
    stage = Stage()
    for number in range(10):
        c, _ = stage.established(f"10.0.1.{number}:40000", SERVER)
        c.rst()
    abort = one(stage.end(), "reset-abort")
    assert (abort.subject.label(), abort.count) == ("server 10.0.0.20:8080", 10)
    assert abort.explanation.startswith("10 clients aborted 10 connections with server 10.0.0.20:8080 by RST")


def test_nine_clients_are_nine_findings() -> None:
    stage = Stage()
    for number in range(9):
        c, _ = stage.established(f"10.0.1.{number}:40000", SERVER)
        c.rst()
    assert [found.subject.role for found in stage.end()] == ["client"] * 9


@pytest.mark.parametrize(("tries", "apart_s", "found"), [(2, 4.5, False), (2, 10, True), (3, 1, True)])
@pytest.mark.parametrize("probe", [False, True])
def test_dead_peer(tries: int, apart_s: float, found: bool, probe: bool) -> None:
    """Three retransmissions or probes without an answer, or 10 s of them."""
    stage = Stage()
    c, _ = stage.established(CLIENT, SERVER)
    stage.wait(20)
    if not probe:
        c.data(250)
    for _ in range(tries):
        stage.wait(apart_s)
        if probe:
            c.keep_alive()
        else:
            c.again()
    findings = stage.end()
    assert kinds(findings) == ({"dead-peer"} if found else set())
    if found:
        assert (findings[0].subject.label(), findings[0].confidence) == ("server 10.0.0.20:8080", "likely")
        assert findings[0].evidence[0].frame == 6
        assert (f"{tries} keep-alive" if probe else f"{tries} retransmissions") in findings[0].explanation


def test_dead_peer_threshold_is_a_setting() -> None:
    stage = Stage(Settings(dead_peer_probes=5))
    c, _ = stage.established(CLIENT, SERVER)
    c.data(250)
    for _ in range(4):
        stage.wait(1)
        c.again()
    assert stage.end() == []


def test_a_peer_that_answers_late_is_not_dead() -> None:
    stage = Stage()
    c, s = stage.established(CLIENT, SERVER)
    c.data(250)
    for _ in range(5):
        stage.wait(1)
        c.again()
    s.ack()
    assert stage.end() == []


def test_reset_after_silence_is_told_once() -> None:
    stage = Stage()
    c, _ = stage.established(CLIENT, SERVER)
    for _ in range(5):
        stage.wait(10)
        c.keep_alive()
    c.rst()
    dead = stage.end()
    assert [found.kind for found in dead] == ["dead-peer"]
    assert "It ended by RST of the side that waited." in dead[0].explanation


def test_retransmissions_seen_from_one_side_only() -> None:
    stage = Stage()
    c, s = stage.pair(CLIENT, SERVER)
    c.syn()
    s.syn_ack(seen=False)
    c.ack()
    c.data(100)
    for _ in range(4):
        stage.wait(1)
        c.again()
    assert stage.end() == []


def test_a_stray_reset_that_answers_data_under_way_is_no_sign_of_forgery() -> None:
    """What was under way when its receiver closed draws a RST each, with the number that it acknowledges."""
    for closed in (True, False):
        stage = Stage()
        c, s = stage.established(CLIENT, SERVER)
        if closed:
            c.fin()
            for _ in range(12):
                s.data(1000)
            s.ack()
            s.fin()
            c.ack()
        for _ in range(12):
            c.send(RST, seq=c.snd_nxt - 50 if closed else c.snd_nxt + 900_000_000)
        stray = one(stage.end(), "stray-reset")
        assert stray.severity == ("info" if closed else "warning")
        assert ("no sign of forgery" in stray.explanation) is closed


@pytest.mark.parametrize(
    ("harmless", "costly", "severity"),
    [
        (0, 1, "warning"),
        (1, 1, "warning"),
        (2, 1, "info"),
        (4, 2, "info"),
        (3, 2, "warning"),
        (20, 3, "warning"),
    ],
)
@pytest.mark.parametrize("after_close", [False, True])
def test_one_that_cost_something_among_many(
    harmless: int, costly: int, severity: str, after_close: bool
) -> None:
    stage = Stage()
    for number in range(harmless + costly):
        c, s = stage.established(f"10.0.0.9:{40_000 + number}", SERVER)
        stage.wait(0.1)
        if after_close:
            s.fin(arrives=False)
            c.data(31 if number < harmless else 700)
            if number < harmless:
                c.fin()
            s.rst_to()
        else:
            if number >= harmless:
                c.data(300)
            s.rst()
    assert one(stage.end(), "reset-after-close" if after_close else "reset-abort").severity == severity


@pytest.mark.parametrize(
    ("missing", "confidence"),
    [
        ("nothing", "certain"),
        ("its FIN", "likely"),
        ("data before its last", "certain"),
        ("the peer's FIN", "likely"),
    ],
)
def test_an_abort_is_not_certain_where_a_fin_may_have_passed_unseen(missing: str, confidence: str) -> None:
    """The last number before the RST, or the last that it acknowledges, never passed: that may be a FIN."""
    stage = Stage()
    c, s = stage.established(CLIENT, SERVER)
    if missing == "its FIN":
        s.fin(seen=False)
        c.ack()
    elif missing == "the peer's FIN":
        c.fin(seen=False)
    elif missing == "data before its last":
        s.data(500, seen=False)
        s.data(500)
        c.ack()
    c.data(300, arrives=False) if missing != "the peer's FIN" else s.data(300)
    s.rst()
    abort = one(stage.end(), "reset-abort")
    assert (abort.confidence, abort.severity) == (confidence, "warning")


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("took_up", [False, True])
def test_an_abort_is_not_certain_in_the_form_of_an_answer_of_no_connection(bare: bool, took_up: bool) -> None:
    """RST without ACK, its number just what was acknowledged (RFC 9293 section 3.10.7.1)."""
    stage = Stage()
    c, s = stage.pair(CLIENT, SERVER)
    c.syn()
    s.syn_ack()
    c.ack()
    c.data(300)
    if took_up:
        s.data(200)
        c.data(100)
    if bare:
        s.rst_to()
    else:
        s.rst()
    abort = one(stage.end(), "reset-abort")
    assert abort.confidence == ("likely" if bare else "certain")
