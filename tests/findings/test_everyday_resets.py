"""RSTs that cost nothing, and what a RST can not have been for."""

from __future__ import annotations

import pytest

from tcptrace_py.findings.finding import Finding
from tcptrace_py.report.model.display_filter import subject_filter

from .stage import Stage, one

V4 = ("10.0.0.9:{}", "10.0.0.{}:{}")
V6 = ("[2001:db8::9]:{}", "[2001:db8::{}]:{}")
families = pytest.mark.parametrize("names", [V4, V6], ids=["IPv4", "IPv6"])
Names = tuple[str, str]


def abort(stage: Stage) -> Finding:
    return one(stage.end(at_s=600), "reset-abort")


@families
@pytest.mark.parametrize(
    ("last_bytes", "acknowledged", "waits_s", "severity"),
    [
        (43, True, 0.0, "info"),
        # A request, one that the RST does not take, and one that the server thought about.
        (430, True, 0.0, "warning"),
        (43, False, 0.0, "warning"),
        (43, True, 0.1, "warning"),
    ],
)
def test_a_server_that_resets_upon_goodbye(
    names: Names, last_bytes: int, acknowledged: bool, waits_s: float, severity: str
) -> None:
    stage = Stage()
    c, s = stage.established(names[0].format(40_000), names[1].format(20, 389))
    c.data(last_bytes, arrives=acknowledged)
    stage.wait(waits_s)
    s.rst()
    assert abort(stage).severity == severity


def test_the_first_word_is_no_goodbye() -> None:
    stage = Stage()
    c, s = stage.pair(V4[0].format(40_000), V4[1].format(20, 389))
    c.syn()
    s.syn_ack()
    c.ack()
    c.data(20)
    s.rst()
    assert abort(stage).severity == "warning"


@families
@pytest.mark.parametrize("spoke", [False, True])
@pytest.mark.parametrize("crosses", [False, True])
@pytest.mark.parametrize("closes", [False, True])
def test_the_first_word_after_the_close_is_a_request(
    names: Names, spoke: bool, crosses: bool, closes: bool
) -> None:
    """It is lost, however short; the last bytes of who had spoken before are close_notify and the like."""
    stage = Stage()
    name = names[0].format(40_000), names[1].format(20, 443)
    if spoke:
        c, s = stage.established(*name)
    else:
        c, s = stage.pair(*name)
        c.syn()
        s.syn_ack()
        c.ack()
    s.fin(arrives=not crosses)
    if not crosses:
        c.ack()
        stage.wait(0.1)
    c.data(24)
    if closes:
        c.fin()
    s.rst_to()
    told = one(stage.end(at_s=600), "reset-after-close")
    lost = not spoke or (crosses and not closes)
    assert told.severity == ("warning" if lost else "info")


@families
@pytest.mark.parametrize(("lost_bytes", "severity"), [(0, "info"), (300, "warning")])
def test_both_sides_reset_at_once(names: Names, lost_bytes: int, severity: str) -> None:
    """After a response: complete if the client's RST acknowledges all of it."""
    stage = Stage()
    c, s = stage.established(names[0].format(40_000), names[1].format(20, 80))
    s.data(6000 - lost_bytes)
    if lost_bytes:
        s.data(lost_bytes, arrives=False)
    s.rst()
    # They cross.
    stage.wait(-0.0009)
    c.rst()
    assert abort(stage).severity == severity


@families
@pytest.mark.parametrize("own_bytes", [0, 180])
@pytest.mark.parametrize("all_came", [False, True])
def test_a_client_that_resets_what_its_server_closed(names: Names, own_bytes: int, all_came: bool) -> None:
    """What the client lost it lost by the close; what the server sent it lost by the RST."""
    stage = Stage()
    c, s = stage.established(names[0].format(40_000), names[1].format(20, 443))
    s.data(2000, arrives=all_came)
    s.fin(arrives=all_came)
    if own_bytes:
        c.data(own_bytes)
    c.rst()
    told = abort(stage)
    assert told.subject.role == "client"
    assert told.severity == "info" or not all_came


@families
@pytest.mark.parametrize(("hosts", "severity"), [(9, "warning"), (25, "info")])
def test_peers_that_drop_each_other(names: Names, hosts: int, severity: str) -> None:
    stage = Stage()
    for number in range(hosts):
        c, s = stage.established(names[0].format(40_000 + number), names[1].format(20 + number, 30_303))
        s.fin()
        c.ack()
        c.data(1000)
        s.rst()
    told = [each for each in stage.end(at_s=600) if each.kind == "reset-after-close"]
    assert {each.severity for each in told} == {severity}


@families
@pytest.mark.parametrize("received", [False, True])
def test_who_has_received_nothing_has_left_nothing_unread(names: Names, received: bool) -> None:
    stage = Stage()
    c, s = stage.pair(names[0].format(40_000), names[1].format(20, 7000))
    c.syn()
    s.syn_ack()
    c.ack()
    if received:
        s.data(10)
    c.data(3)
    c.rst()
    assert ("received but unread" in abort(stage).explanation) == received
    assert "SO_LINGER" in abort(stage).explanation


def test_a_server_that_resets_at_once_is_told_of_its_queue() -> None:
    stage = Stage()
    c, s = stage.pair(V4[0].format(40_000), V4[1].format(20, 7000))
    c.syn()
    s.syn_ack()
    c.ack()
    s.rst_to()
    told = abort(stage)
    assert "ss -ltn 'sport = :7000'" in told.remedy
    assert "SO_LINGER" not in told.explanation


@pytest.mark.parametrize(("attempts", "confidence"), [(1, "possible"), (2, "certain")])
def test_two_packets_are_possible(attempts: int, confidence: str) -> None:
    stage = Stage()
    for number in range(attempts):
        c, s = stage.pair(V4[0].format(40_000 + number), V4[1].format(20, 9001))
        c.syn()
        s.rst_to()
    assert one(stage.end(), "connection-refused").confidence == confidence


@families
@pytest.mark.parametrize("again", [False, True])
def test_a_syn_after_the_syn_ack_says_that_it_did_not_come(names: Names, again: bool) -> None:
    stage = Stage()
    c, s = stage.pair(names[0].format(40_000), names[1].format(20, 7000))
    c.syn()
    s.syn_ack()
    stage.wait(1)
    if again:
        c.syn()
    s.syn_ack()
    told = one(stage.end(at_s=60), "half-open-handshake")
    assert ("came again after the SYN+ACK" in told.explanation) == again
    assert ("forged" in told.explanation) != again


def test_a_filter_names_no_number_of_services() -> None:
    stage = Stage()
    for port in range(60):
        for attempt in range(2):
            c, _ = stage.pair(V4[0].format(36_050 + attempt), V4[1].format(20, 1 + port))
            c.syn()
    told = one(stage.end(at_s=30), "connection-timeout")
    assert told.subject.toward == "60 services"
    assert subject_filter(told.subject) == "ip.addr == 10.0.0.9 && tcp"


@families
@pytest.mark.parametrize("waits_s", [0, 2])
def test_a_rst_upon_a_request_says_so(names: Names, waits_s: float) -> None:
    stage = Stage()
    c, s = stage.established(names[0].format(40_000), names[1].format(20, 8554))
    c.data(149)
    stage.wait(waits_s)
    s.rst()
    told = abort(stage)
    assert ("came at once upon data of the client" in told.explanation) == (not waits_s)
    assert ("at once upon data from" in told.evidence[-1].text) == (not waits_s)
