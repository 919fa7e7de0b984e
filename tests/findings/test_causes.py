"""Kinds by cause: what trips each, and what resembles it and does not."""

from __future__ import annotations

import pytest

from sample_pcaps.scenarios.script import Endpoint
from tcptrace_py.findings.finding import KINDS
from tcptrace_py.wire.segment import RST

from .stage import Stage, kinds, one

V4 = ("10.0.0.9:{}", "10.0.0.20:443")
V6 = ("[2001:db8::9]:{}", "[2001:db8::20]:443")
#: A TLS record that is an alert: what follows is its level and description, or both encrypted.
ALERT = b"\x15\x03\x03\x00\x02"
CLOSE_NOTIFY = ALERT + b"\x01\x00"
ENCRYPTED_ALERT = b"\x15\x03\x03\x00\x1a" + bytes(range(26))
families = pytest.mark.parametrize("names", [V4, V6], ids=["IPv4", "IPv6"])


def established(stage: Stage, names: tuple[str, str], port: int = 40_000) -> tuple[Endpoint, Endpoint]:
    return stage.established(names[0].format(port), names[1])


# --- accept-queue-full ---


@families
@pytest.mark.parametrize("data", [False, True])
def test_accept_queue_full(names: tuple[str, str], data: bool) -> None:
    stage = Stage()
    for number in range(2):
        c, s = stage.pair(names[0].format(40_000 + number), names[1])
        c.syn()
        s.syn_ack()
        c.ack()
        if data:
            c.data(100, arrives=False)
        for _ in range(3):
            stage.wait(1)
            if data:
                c.again(arrives=False)
            s.syn_ack()
    findings = stage.end(at_s=30)
    full = one(findings, "accept-queue-full")
    assert (full.count, full.severity, full.confidence) == (2, "critical", "likely")
    assert findings[0] is full
    assert not kinds(findings) & {"dead-peer", "half-open-handshake", "reset-abort"}


@families
@pytest.mark.parametrize(("data", "severity"), [(False, "info"), (True, "warning")])
def test_one_connection_without_data_may_be_deferred(
    names: tuple[str, str], data: bool, severity: str
) -> None:
    """A spare connection of a browser at a server that waits for data: nobody waits for it."""
    stage = Stage()
    stage.established(names[0].format(39_999), names[1])
    c, s = stage.pair(names[0].format(40_000), names[1])
    c.syn()
    s.syn_ack()
    c.ack()
    asked = c.data(100, arrives=False) if data else None
    for wait_s in (3, 6, 12):
        stage.wait(wait_s)
        if asked:
            c.again(asked, arrives=False)
        s.syn_ack()
        c.ack()
    full = one(stage.end(at_s=60), "accept-queue-full")
    assert full.severity == severity
    assert ("TCP_DEFER_ACCEPT" in full.explanation) == (not data)


@families
@pytest.mark.parametrize("waits_s", [None, 3])
def test_one_connection_without_data_beside_others_that_were_accepted(
    names: tuple[str, str], waits_s: float | None
) -> None:
    """A server that accepts others before they say anything does not wait for data: its queue was full."""
    stage = Stage()
    c, s = stage.pair(names[0].format(40_001), names[1])
    c.syn()
    s.syn_ack()
    c.ack()
    if waits_s is not None:
        stage.wait(waits_s)
    c.data(100)
    s.ack()
    c, s = stage.pair(names[0].format(40_000), names[1])
    c.syn()
    s.syn_ack()
    c.ack()
    for wait_s in (1, 2):
        stage.wait(wait_s)
        s.syn_ack()
        c.ack()
    c.data(100)
    s.ack()
    findings = stage.end(at_s=60)
    if waits_s is None:
        assert "accept-queue-full" not in kinds(findings)
    else:
        assert one(findings, "accept-queue-full").severity == "warning"


def test_a_connection_that_waits_in_silence_shares_the_fate_of_the_others() -> None:
    """Linux drops the data of some without sending its SYN+ACK again."""
    stage = Stage()
    for number in range(3):
        c, s = stage.pair(V4[0].format(40_000 + number), V4[1])
        c.syn()
        s.syn_ack()
        c.ack()
        c.data(100, arrives=False)
        for _ in range(4):
            stage.wait(2)
            c.again(arrives=False)
            if number == 0:
                s.syn_ack()
    full = one(stage.end(at_s=60), "accept-queue-full")
    assert full.count == 3
    assert kinds(stage.end(at_s=60)) == {"accept-queue-full"}


@families
@pytest.mark.parametrize("syn_acks", [0, 1, 2, 3])
@pytest.mark.parametrize("waits_s", [None, 1, 3])
def test_taken_up_in_the_end_or_only_with_data(
    names: tuple[str, str], syn_acks: int, waits_s: float | None
) -> None:
    """TCP_DEFER_ACCEPT looks the same, unless others were accepted that had said nothing for as long."""
    stage = Stage()
    if waits_s is not None:
        c, s = stage.pair(names[0].format(50_000), names[1])
        c.syn()
        s.syn_ack()
        c.ack()
        stage.wait(waits_s)
        c.data(100)
        s.ack()
    c, s = stage.pair(names[0].format(40_000), names[1])
    c.syn()
    s.syn_ack()
    c.ack()
    for number in range(syn_acks):
        stage.wait(2**number)
        s.syn_ack()
        c.ack()
    stage.wait(0.2)
    c.data(100)
    s.ack()
    s.data(200)
    c.ack()
    findings = stage.end(at_s=60)
    told = syn_acks >= 2 and waits_s == 3
    assert ("accept-queue-full" in kinds(findings)) == told
    if told:
        assert "It was taken up in the end." in one(findings, "accept-queue-full").explanation


@families
@pytest.mark.parametrize(
    ("first_wait_s", "factor", "told"), [(0.03, 2, True), (0.2, 2, True), (0.01, 1, False)]
)
def test_retransmissions_faster_than_any_time_out_answer_acks_that_were_not_captured(
    names: tuple[str, str], first_wait_s: float, factor: int, told: bool
) -> None:
    """A file that holds only what a filter on HTTP let through: 10 of them in a tenth of a second."""
    stage = Stage()
    _, s = stage.established(names[0].format(40_000), names[1])
    s.data(1_000)
    wait_s = first_wait_s
    for _ in range(10):
        stage.wait(wait_s)
        wait_s *= factor
        s.again()
    assert ("dead-peer" in kinds(stage.end(at_s=600))) == told


def test_silence_from_the_first_segment_alone_is_a_dead_peer() -> None:
    stage = Stage()
    c, s = stage.pair(V4[0].format(40_000), V4[1])
    c.syn()
    s.syn_ack()
    c.ack()
    c.data(100)
    for _ in range(4):
        stage.wait(2)
        c.again()
    assert kinds(stage.end(at_s=60)) == {"dead-peer"}


# --- slow-connect ---


@families
def test_slow_connect(names: tuple[str, str]) -> None:
    stage = Stage()
    for number in range(10):
        c, s = stage.pair(names[0].format(40_000 + number), names[1])
        c.syn()
        if number < 4:
            stage.wait(1)
            c.syn()
        s.syn_ack()
        c.ack()
    slow = one(stage.end(), "slow-connect")
    assert (slow.count, slow.severity, slow.share) == (4, "warning", 0.4)
    assert "of 10 connections" in slow.explanation


@pytest.mark.parametrize(
    ("used_before", "answered", "advice"),
    [
        (True, False, "Open fewer connections"),
        (False, True, "Look for loss on the way back"),
        (False, False, "Find where the first SYN is lost"),
    ],
)
def test_what_to_do_first_of_slow_connects(used_before: bool, answered: bool, advice: str) -> None:
    stage = Stage()
    for number in range(4):
        names = V4[0].format(40_000 + number), V4[1]
        if used_before:
            c, s = stage.established(*names)
            c.fin()
            s.fin()
            c.ack()
            stage.wait(61)
        c, s = stage.pair(*names)
        c.syn()
        if answered:
            s.syn_ack()
        stage.wait(1)
        c.syn()
        s.syn_ack()
        c.ack()
    slow = one(stage.end(), "slow-connect")
    assert slow.count == 4
    assert slow.remedy.startswith(advice)


@pytest.mark.parametrize(("wait_s", "held"), [(61, True), (119, True), (121, False), (600, False)])
def test_a_port_that_was_closed_long_ago_holds_nobody_up(wait_s: float, held: bool) -> None:
    stage = Stage()
    c, s = stage.established(V4[0].format(40_000), V4[1])
    c.fin()
    s.fin()
    c.ack()
    stage.wait(wait_s)
    c, s = stage.pair(V4[0].format(40_000), V4[1])
    c.syn()
    stage.wait(3)
    c.syn()
    s.syn_ack()
    c.ack()
    assert ("still hold the old connection" in one(stage.end(), "slow-connect").explanation) == held


def test_one_lost_syn_is_no_matter() -> None:
    stage = Stage()
    c, s = stage.pair(V4[0].format(40_000), V4[1])
    c.syn()
    stage.wait(3)
    c.syn()
    s.syn_ack()
    c.ack()
    assert one(stage.end(), "slow-connect").severity == "info"


@families
@pytest.mark.parametrize("lost", [2, 3, 6])
@pytest.mark.parametrize("others", [0, 1, 3])
def test_many_syns_lost_in_a_row_are_no_accident(names: tuple[str, str], lost: int, others: int) -> None:
    """Unless most connections to that service are made at once."""
    stage = Stage()
    for number in range(others):
        established(stage, names, 41_000 + number)
    c, s = stage.pair(names[0].format(40_000), names[1])
    for number in range(lost):
        c.syn()
        stage.wait(2**number)
    c.syn()
    s.syn_ack()
    c.ack()
    slow = one(stage.end(), "slow-connect")
    assert slow.severity == ("warning" if lost >= 3 and others <= 1 else "info")


def test_a_long_round_trip_is_no_slow_connect() -> None:
    stage = Stage()
    c, s = stage.pair(V4[0].format(40_000), V4[1])
    c.syn()
    stage.wait(2)
    s.syn_ack()
    c.ack()
    assert stage.end() == []


# --- foreign-reply ---


@families
def test_syn_ack_from_another_address(names: tuple[str, str]) -> None:
    stage = Stage()
    c, s = stage.pair(names[0].format(40_000), names[1])
    client, other = stage.pair(names[0].format(40_000), names[1].replace("20", "77"))
    client.forget(c.isn)
    c.syn()
    client.syn(seen=False)
    other.syn_ack()
    client.rst_to()
    stage.wait(1)
    c.syn()
    findings = stage.end(at_s=20)
    assert kinds(findings) == {"foreign-reply"}
    assert findings[0].severity == "warning"
    assert names[1] in findings[0].explanation
    assert s.port == 443


def test_a_syn_ack_with_other_numbers_is_no_reply_of_that_connection() -> None:
    stage = Stage()
    c, _ = stage.pair(V4[0].format(40_000), V4[1])
    client, other = stage.pair(V4[0].format(40_000), "10.0.0.77:443")
    c.syn()
    client.syn(seen=False)
    other.syn_ack()
    client.rst_to()
    stage.wait(1)
    c.syn()
    assert "foreign-reply" not in kinds(stage.end(at_s=20))


# --- keep-alive-race ---


@families
@pytest.mark.parametrize("timer_s", [5.0, 15.0, 75.0])
def test_keep_alive_race(names: tuple[str, str], timer_s: float) -> None:
    stage = Stage()
    for number in range(6):
        c, s = established(stage, names, 40_000 + number)
        if number % 3:
            stage.wait(timer_s)
            s.fin()
            c.fin()
            s.ack()
        else:
            stage.wait(timer_s - 0.003)
            c.data(300)
            s.rst()
    race = one(stage.end(), "keep-alive-race")
    assert (race.count, race.severity) == (2, "warning")
    assert "It closed 4 other connections" in race.explanation


def test_a_reset_on_a_request_where_nobody_closes_idle_connections_is_no_race() -> None:
    stage = Stage()
    c, s = established(stage, V4)
    stage.wait(60)
    c.data(300)
    s.rst()
    assert "keep-alive-race" not in kinds(stage.end())


def test_idle_connections_closed_in_time_are_no_race() -> None:
    stage = Stage()
    for number in range(6):
        c, s = established(stage, V4, 40_000 + number)
        stage.wait(5)
        s.fin()
        c.fin()
        s.ack()
    assert stage.end() == []


@families
@pytest.mark.parametrize(
    "alert", [ENCRYPTED_ALERT, CLOSE_NOTIFY, b""], ids=["encrypted", "close_notify", "a request"]
)
@pytest.mark.parametrize("closes", [1, 3])
def test_a_goodbye_that_crosses_the_close_is_no_request(
    names: tuple[str, str], alert: bytes, closes: int
) -> None:
    stage = Stage()
    for number in range(closes):
        c, s = established(stage, names, 40_000 + number)
        stage.wait(5)
        s.fin(arrives=False)
        c.says(alert or b"GET / HTTP/1.1\r\nHost: a.service.example.com\r\n\r\n")
        s.rst_to()
    findings = stage.end()
    if not alert:
        race = one(findings, "keep-alive-race")
        # One close by itself shows no timer.
        assert (race.count, race.confidence) == (closes, "certain" if closes > 1 else "likely")
    else:
        assert "keep-alive-race" not in kinds(findings)
        assert {finding.severity for finding in findings} <= {"info"}


@families
@pytest.mark.parametrize("closes", [1, 3])
@pytest.mark.parametrize("what", ["request", "gives up", "goodbye", "acknowledged", "long after"])
def test_keep_alive_race_captured_at_the_client(names: tuple[str, str], closes: int, what: str) -> None:
    """The request passes first; the FIN that follows does not acknowledge it."""
    stage = Stage()
    for number in range(closes):
        c, s = established(stage, names, 40_000 + number)
        stage.wait(5)
        c.data(300, arrives=what == "acknowledged")
        if what == "goodbye":
            c.fin(arrives=False)
        stage.wait(0.5 if what == "long after" else 0.01)
        s.fin()
        if what == "gives up":
            # The FIN has come: so the request is lost, and the client closes.
            c.fin(arrives=False)
        s.send(RST)
    findings = stage.end()
    assert ("keep-alive-race" in kinds(findings)) == (what in ("request", "gives up"))
    if what in ("request", "gives up"):
        race = one(findings, "keep-alive-race")
        assert (race.count, race.confidence) == (closes, "certain" if closes > 1 else "likely")
        assert "sent before the request came" in race.evidence[1].text


@families
@pytest.mark.parametrize("payload_bytes", [100, 300])
@pytest.mark.parametrize("acknowledged", [False, True])
def test_last_words_of_a_client_that_has_seen_the_close(
    names: tuple[str, str], payload_bytes: int, acknowledged: bool
) -> None:
    """GOAWAY and close_notify are longer than a goodbye; but they come when the FIN was acknowledged."""
    stage = Stage()
    c, s = established(stage, names)
    stage.wait(5)
    s.fin(arrives=acknowledged)
    if acknowledged:
        c.ack()
    c.data(payload_bytes)
    s.rst_to()
    assert ("keep-alive-race" in kinds(stage.end())) == (payload_bytes > 128 or not acknowledged)


# --- path-state-lost ---


@families
@pytest.mark.parametrize("served", [True, False])
def test_path_state_lost(names: tuple[str, str], served: bool) -> None:
    stage = Stage()
    c, s = established(stage, names)
    busy, answers = established(stage, names, 50_000)
    stage.wait(300)
    c.data(100)
    for _ in range(5):
        stage.wait(4)
        c.again()
        if served:
            busy.data(10)
            answers.data(10)
    findings = stage.end()
    assert ("path-state-lost" in kinds(findings)) is False or served
    if served:
        # The other connection was as long without traffic and lives: nothing forgot it.
        assert "dead-peer" in kinds(findings)


@families
def test_idle_connections_are_forgotten_while_busy_ones_live(names: tuple[str, str]) -> None:
    stage = Stage()
    idle = [established(stage, names, 40_000 + number) for number in range(3)]
    busy, answers = established(stage, names, 50_000)
    for _ in range(30):
        stage.wait(10)
        busy.data(10)
        answers.data(10)
    for c, _ in idle:
        c.data(100)
    for _ in range(8):
        stage.wait(4)
        for c, _ in idle:
            c.again()
        busy.data(10)
        answers.data(10)
    findings = stage.end()
    lost = one(findings, "path-state-lost")
    assert (lost.count, lost.severity, lost.confidence) == (3, "critical", "likely")
    assert "dead-peer" not in kinds(findings)
    assert stage.diagnosis.revise(0, ["dead-peer"]) == ["path-state-lost"]


# --- unresponsive-server ---


@families
def test_unresponsive_server(names: tuple[str, str]) -> None:
    stage = Stage()
    for number in range(10):
        c, s = established(stage, names, 40_000 + number)
        c.data(100)
        s.ack()
        if number < 3:
            stage.wait(2)
        else:
            s.data(500)
            c.ack()
        c.fin()
        s.fin()
        c.ack()
    mute = one(stage.end(), "unresponsive-server")
    assert (mute.count, mute.severity) == (3, "warning")
    assert "2.0 s: always about as long" in mute.explanation


def test_a_service_that_never_answers_is_not_meant_to() -> None:
    stage = Stage()
    for number in range(5):
        c, s = stage.pair(V4[0].format(40_000 + number), V4[1])
        c.syn()
        s.syn_ack()
        c.ack()
        c.data(100)
        s.ack()
        stage.wait(2)
        c.fin()
        s.fin()
        c.ack()
    assert stage.end() == []


# --- zero-window-stall ---


@families
@pytest.mark.parametrize(("stall_s", "found"), [(0.25, False), (20, True)])
def test_zero_window(names: tuple[str, str], stall_s: float, found: bool) -> None:
    stage = Stage()
    c, s = established(stage, names)
    c.data(1000)
    s.window_bytes = 0
    s.ack()
    for _ in range(4):
        stage.wait(stall_s / 4)
        c.keep_alive()
        s.ack()
    s.window_bytes = 60_000
    s.ack()
    findings = stage.end()
    assert kinds(findings) == ({"zero-window-stall"} if found else set())
    if found:
        assert findings[0].subject.address is not None
        assert findings[0].subject.address.endswith("20")


# --- tls-alert ---


@pytest.mark.parametrize(("level", "description", "found"), [(2, 40, True), (2, 70, True), (1, 0, False)])
def test_tls_alert(level: int, description: int, found: bool) -> None:
    stage = Stage()
    c, s = established(stage, V4)
    s.says(ALERT + bytes((level, description)))
    s.fin()
    c.rst()
    findings = stage.end()
    assert ("tls-alert" in kinds(findings)) is found
    if found:
        name = {40: "handshake_failure", 70: "protocol_version"}[description]
        assert name in one(findings, "tls-alert").explanation
        assert kinds(findings) == {"tls-alert"}


# --- probe ---


def test_a_check_that_never_speaks_is_a_probe() -> None:
    stage = Stage()
    for number in range(3):
        c, s = stage.pair(V4[0].format(40_000 + number), V4[1])
        c.syn()
        s.syn_ack()
        c.ack()
        c.rst()
    (probe,) = stage.end()
    assert (probe.kind, probe.severity, probe.count) == ("probe", "info", 3)


# --- all of them ---


def test_every_kind_by_cause_has_a_text() -> None:
    from tcptrace_py.findings.causes.claims import CAUSES
    from tcptrace_py.findings.texts import TEXTS

    assert {cause.KIND for cause in CAUSES} <= set(KINDS) & set(TEXTS)
