"""``accept-queue-full`` where the queue drops SYNs: an application that hangs takes nobody up."""

from __future__ import annotations

import pytest

from sample_pcaps.scenarios.script import Endpoint

from .stage import Stage, kinds, one
from .test_unresponsive import families


def hangs(stage: Stage, names: tuple[str, str], taken: int, first_port: int = 40_000) -> list[Endpoint]:
    """Requests that the kernel acknowledges, on connections that the application leaves in its queue."""
    clients = []
    for number in range(taken):
        c, s = stage.pair(names[0].format(first_port + number), names[1].format(20))
        c.syn()
        s.syn_ack()
        c.ack()
        c.data(100)
        s.ack()
        clients.append(c)
    return clients


def ignored(stage: Stage, names: tuple[str, str], attempts: int) -> None:
    """SYNs that nobody answers."""
    clients = [
        stage.pair(names[0].format(50_000 + number), names[1].format(20))[0] for number in range(attempts)
    ]
    for wait_s in (1, 2, 4):
        for c in clients:
            c.syn()
        stage.wait(wait_s)


@families
@pytest.mark.parametrize("attempts", [1, 4])
@pytest.mark.parametrize("taken", [0, 1, 3])
def test_syns_that_a_hanging_application_leaves_unanswered(
    names: tuple[str, str], taken: int, attempts: int
) -> None:
    """One slow request says nothing of the queue; without any, a firewall may drop the SYNs."""
    stage = Stage()
    stage.established(names[0].format(39_000), names[1].format(20))
    stage.wait(5)
    hangs(stage, names, taken)
    ignored(stage, names, attempts)
    findings = stage.end(at_s=30)
    if taken < 2:
        assert "accept-queue-full" not in kinds(findings)
        assert one(findings, "connection-timeout").count == attempts
        return
    full = one(findings, "accept-queue-full")
    assert findings[0] is full
    assert (full.count, full.confidence) == (attempts, "likely")
    assert full.severity == ("critical" if attempts > 1 else "warning")
    assert f"acknowledged requests on {taken} connections" in full.explanation
    assert "connection-timeout" not in kinds(findings)
    assert {stage.diagnosis.revised[each][0] for each in full.connections} == {"accept-queue-full"}


@families
def test_a_hang_that_is_over_was_one(names: tuple[str, str]) -> None:
    """The application goes on: it answers clients that have left, and serves others again."""
    stage = Stage()
    asked = [_asked(stage, names, 40_000 + number) for number in range(3)]
    stage.wait(2)
    for c, s in asked:
        c.fin()
        s.ack()
    ignored(stage, names, 4)
    stage.wait(5)
    for _, s in asked:
        s.data(200)
        s.peer.rst_to()
    for number in range(5):
        stage.established(names[0].format(60_000 + number), names[1].format(20))
    findings = stage.end(at_s=40)
    assert one(findings, "accept-queue-full").count == 4
    assert "connection-timeout" not in kinds(findings)


@families
@pytest.mark.parametrize("what", ["answers", "accepts", "hangs later"])
def test_a_service_that_goes_on_meanwhile_has_room(names: tuple[str, str], what: str) -> None:
    stage = Stage()
    old, server = stage.established(names[0].format(39_000), names[1].format(20))
    if what != "hangs later":
        hangs(stage, names, 3)
    clients = [stage.pair(names[0].format(50_000 + n), names[1].format(20))[0] for n in range(2)]
    for number, wait_s in enumerate((1, 2, 4)):
        for c in clients:
            c.syn()
        stage.wait(wait_s)
        if what == "answers" and not number:
            old.data(10)
            server.data(10)
            stage.wait(2.5)
        elif what == "accepts":
            hangs(stage, names, 1, 60_000 + number)
            stage.wait(2.5)
    if what == "hangs later":
        hangs(stage, names, 3)
    findings = stage.end(at_s=40)
    assert "accept-queue-full" not in kinds(findings)
    assert one(findings, "connection-timeout").count == 2


@families
@pytest.mark.parametrize("closes", [False, True])
def test_who_does_not_answer_has_not_forgotten_to_close(names: tuple[str, str], closes: bool) -> None:
    """Clients gave up, and the application that hangs keeps their sockets: that it hangs is what to mend."""
    stage = Stage()
    for number in range(3):
        c, s = stage.established(names[0].format(39_000 + number), names[1].format(20))
        c.fin()
        s.fin()
        c.ack()
    for c, s in [_asked(stage, names, 40_000 + number) for number in range(3)]:
        stage.wait(3)
        c.fin()
        s.ack()
        if closes:
            stage.wait(0.1)
            s.fin()
            c.ack()
    findings = stage.end(at_s=60)
    told = one(findings, "unresponsive-server")
    assert (told.count, told.confidence) == (3, "likely")
    assert "half-close" not in kinds(findings)
    stuck = [each for each in findings if each.kind == "stuck-close-wait"]
    assert [each.count for each in stuck] == ([] if closes else [3])
    assert all(each.remedy.startswith("Find out why the application neither answers nor") for each in stuck)


def _asked(stage: Stage, names: tuple[str, str], port: int) -> tuple[Endpoint, Endpoint]:
    c, s = stage.pair(names[0].format(port), names[1].format(20))
    c.syn()
    s.syn_ack()
    c.ack()
    c.data(100)
    s.ack()
    return c, s


@families
@pytest.mark.parametrize("says", [0, 40])
@pytest.mark.parametrize("reads", [False, True])
@pytest.mark.parametrize("near_client", [False, True])
def test_turned_away_as_soon_as_open(
    names: tuple[str, str], says: int, reads: bool, near_client: bool
) -> None:
    """It closes before it has read anything (a limit, an access rule); who has read it closes too early."""
    stage = Stage()
    for number in range(3):
        c, s = stage.pair(names[0].format(40_000 + number), names[1].format(20))
        c.syn()
        s.syn_ack()
        c.ack()
        if reads:
            c.data(50)
            s.ack()
        if says:
            s.data(says)
            c.ack()
        if near_client:
            # The request passes before the FIN, and had not come when that was sent.
            asked = c.data(100, arrives=False)
            s.fin()
        else:
            s.fin()
            asked = c.data(100)
        s.rst_to(asked)
    told = one(stage.end(), "reset-after-close")
    if not reads:
        assert (told.severity, told.confidence, told.count) == ("warning", "certain", 3)
    assert ("as soon as they were open" in told.explanation) == (not reads)
    assert ("turns clients away" in told.remedy) == (not reads)
    assert ("shutdown(SHUT_WR)" in told.remedy) == reads


@families
def test_requests_that_are_turned_away_are_no_streams(names: tuple[str, str]) -> None:
    """A server at its limit resets them, while it serves others that had been silent."""
    stage = Stage()
    old, server = stage.established(names[0].format(39_000), names[1].format(20))
    stage.wait(2)
    for number in range(3):
        c, s = stage.pair(names[0].format(40_000 + number), names[1].format(20))
        c.syn()
        s.syn_ack()
        c.ack()
        if not number:
            old.data(50)
            server.data(50)
        c.data(100)
        s.rst()
    old.data(50)
    server.data(50)
    findings = stage.end()
    assert "stopped-stream" not in kinds(findings)
    assert one(findings, "reset-abort").severity == "warning"


@families
@pytest.mark.parametrize("asked", [False, True])
def test_a_reset_upon_the_first_request_may_be_a_filters(names: tuple[str, str], asked: bool) -> None:
    """A RST without ACK, of the number that the request acknowledges: so a firewall rejects it."""
    stage = Stage()
    for number in range(3):
        c, s = stage.pair(names[0].format(40_000 + number), names[1].format(20))
        c.syn()
        s.syn_ack()
        c.ack()
        if asked:
            c.data(100, arrives=False)
        s.rst_to()
    told = one(stage.end(), "reset-abort")
    assert ("a firewall or filter on the way refuses these requests" in told.remedy) == asked
    assert "accept queue" in told.remedy


@families
@pytest.mark.parametrize("full", [False, True])
def test_slow_connects_beside_a_full_queue_are_its_doing(names: tuple[str, str], full: bool) -> None:
    stage = Stage()
    for number in range(2 if full else 0):
        c, s = stage.pair(names[0].format(39_000 + number), names[1].format(20))
        c.syn()
        s.syn_ack()
        c.ack()
        c.data(100, arrives=False)
        for wait_s in (1, 2):
            stage.wait(wait_s)
            s.syn_ack()
            c.again(arrives=False)
    for number in range(4):
        c, s = stage.pair(names[0].format(40_000 + number), names[1].format(20))
        c.syn(arrives=False)
        stage.wait(1)
        c.syn()
        s.syn_ack()
        c.ack()
        c.data(100)
        s.data(100)
        c.fin()
        s.fin()
        c.ack()
    findings = stage.end(at_s=60)
    assert ("accept-queue-full" in kinds(findings)) == full
    slow = one(findings, "slow-connect")
    assert slow.remedy.startswith("Find what keeps the application from calling accept()") == full
    assert ("Linux drops SYNs too" in slow.explanation) == full


@families
@pytest.mark.parametrize("says", [0, 40])
@pytest.mark.parametrize("after_s", [0.01, 1])
def test_a_word_before_the_reset_may_say_why(names: tuple[str, str], says: int, after_s: float) -> None:
    """Turned away, or failed upon the first request: what the server said tells."""
    stage = Stage()
    for number in range(3):
        c, s = stage.pair(names[0].format(40_000 + number), names[1].format(20))
        c.syn()
        s.syn_ack()
        c.ack()
        c.data(20)
        if says:
            s.data(says, arrives=False)
        stage.wait(after_s)
        s.rst()
    told = one(stage.end(), "reset-abort")
    assert told.severity == "warning"
    assert told.remedy.startswith("Read what it said") == (says > 0 and after_s < 1)
