"""Servers that close while somebody asks: requests on closed connections, closes instead of answers."""

from __future__ import annotations

import pytest

from sample_pcaps.scenarios.script import RST, Endpoint, exchange
from tests.findings.stage import Stage, kinds, one

families = pytest.mark.parametrize("server", ["10.0.0.20:8080", "[2001:db8::20]:8080"], ids=["IPv4", "IPv6"])


def client_of(server: str, number: int) -> str:
    return f"[2001:db8::9]:{40_000 + number}" if server.startswith("[") else f"10.0.0.9:{40_000 + number}"


# --- requests on connections whose close the client had acknowledged ---


@families
@pytest.mark.parametrize("request_bytes", [40, 300])
@pytest.mark.parametrize("says_why", [False, True])
def test_a_pool_that_does_not_look(server: str, request_bytes: int, says_why: bool) -> None:
    """The FIN was acknowledged; long after it the next request goes out on the connection, and draws RST."""
    stage = Stage()
    for number in range(3):
        c, s = stage.established(client_of(server, number), server)
        stage.wait(20)
        if says_why:
            s.data(120)
        s.fin()
        c.ack()
        stage.wait(3 + 7 * number)
        c.data(request_bytes, arrives=False)
        s.rst_to()
    findings = stage.end()
    assert kinds(findings) == {"keep-alive-race"}
    race = one(findings, "keep-alive-race")
    # A short one may have been a goodbye.
    sure = "possible" if request_bytes < 64 else "certain"
    assert (race.severity, race.confidence, race.count) == ("warning", sure, 3)
    assert "after the client had acknowledged the close" in race.explanation
    assert "20.0 s" in race.explanation
    assert "drop a connection that the other side has closed" in race.remedy


@families
@pytest.mark.parametrize("what", ["QUIT", "goodbye and FIN", "at once", "near"])
def test_last_words_of_a_pool_that_does_look(server: str, what: str) -> None:
    stage = Stage()
    if what == "near":
        # What comes back before a program can close says nothing about whether it would have closed.
        stage.step_s = 0.0001
    for number in range(3):
        c, s = stage.established(client_of(server, number), server)
        stage.wait(20)
        s.fin()
        c.ack()
        stage.wait(0.01 if what == "at once" else 5)
        c.data({"QUIT": 6, "at once": 100}.get(what, 40), arrives=False)
        if what == "goodbye and FIN":
            c.fin(arrives=False)
        s.rst_to()
    findings = stage.end()
    assert "keep-alive-race" not in kinds(findings)
    assert {finding.severity for finding in findings} <= {"info"}


# --- reset upon the first request ---


@families
@pytest.mark.parametrize("taken", [False, True])
def test_a_reset_upon_the_first_request_is_no_full_queue(server: str, taken: bool) -> None:
    stage = Stage()
    for number in range(3):
        c, s = stage.pair(client_of(server, number), server)
        c.syn()
        s.syn_ack()
        c.ack()
        c.data(517, arrives=taken)
        if taken:
            s.rst()
        else:
            s.send(RST)
        stage.wait(2)
    reset = one(stage.end(), "reset-abort")
    assert ("accept queue" in reset.explanation + reset.remedy) == (not taken)
    assert ("upon their first request" in reset.remedy) == taken


def test_a_reset_after_the_request_was_acknowledged_tells_no_silence() -> None:
    """The request ended the silence, and was taken; what killed the connections came later, to all."""
    stage = Stage()
    pairs = [stage.established(f"10.0.0.9:{40_000 + number}", "10.0.0.20:8080") for number in range(4)]
    stage.wait(10)
    for c, s in pairs:
        c.data(300)
        s.ack()
    stage.wait(0.2)
    for _, s in pairs:
        s.rst()
    reset = one(stage.end(), "reset-abort")
    assert "neither side had sent anything" not in reset.explanation
    assert "All of them within a second" in reset.explanation


# --- closed instead of an answer ---


def served(stage: Stage, server: str, first: int, many: int) -> None:
    for number in range(first, first + many):
        c, s = stage.established(client_of(server, number), server)
        c.fin()
        s.fin()
        c.ack()


def leaves(stage: Stage, c: Endpoint, s: Endpoint, after_s: float) -> None:
    s.ack()
    stage.wait(after_s)
    s.fin()
    c.fin()
    s.ack()


@families
@pytest.mark.parametrize("request_bytes", [60, 700])
@pytest.mark.parametrize("answers", [False, True])
def test_closed_instead_of_an_answer(server: str, request_bytes: int, answers: bool) -> None:
    """Of a service that answers; where nobody ever gets an answer (a log), nobody waits for one."""
    stage = Stage()
    if answers:
        served(stage, server, 0, 6)
    for number in range(10, 13):
        c, s = stage.pair(client_of(server, number), server)
        c.syn()
        s.syn_ack()
        c.ack()
        c.data(request_bytes)
        leaves(stage, c, s, 0.4 + number)
    findings = stage.end()
    if not answers or request_bytes < 128:
        assert not findings
        return
    finding = one(findings, "unresponsive-server")
    assert (finding.severity, finding.confidence, finding.count) == ("warning", "likely", 3)
    assert "instead of answering" in finding.explanation
    assert "did its process or a worker end" in finding.remedy


@families
@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("after_s", [0.01, 0.4])
def test_closed_in_the_midst_of_talks(server: str, together: bool, after_s: float) -> None:
    """A last word may want no answer; several cut within a second had no time for theirs."""
    stage = Stage()
    pairs = [stage.established(client_of(server, number), server) for number in range(4)]
    for c, s in pairs:
        c.data(300)
        s.ack()
    for c, s in pairs:
        stage.wait(after_s / 4 if together else 3)
        s.fin()
        c.fin()
        s.ack()
    findings = stage.end()
    assert ("unresponsive-server" in kinds(findings)) == (together and after_s > 0.1)
    if findings:
        finding = one(findings, "unresponsive-server")
        assert (finding.severity, finding.confidence) == ("warning", "possible")


def test_exchange_then_close_is_no_trouble() -> None:
    stage = Stage()
    for number in range(4):
        c, s = stage.established(f"10.0.0.9:{40_000 + number}", "10.0.0.20:8080")
        exchange(c, s, 300, 900)
        leaves(stage, c, s, 0.5)
    assert not stage.end()
