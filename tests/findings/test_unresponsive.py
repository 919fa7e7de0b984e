"""``unresponsive-server``: when the server is to blame, and when somebody else may be."""

from __future__ import annotations

import pytest

from sample_pcaps.scenarios.script import Endpoint
from tcptrace_py.findings.finding import Finding

from .stage import Stage, one

V4 = ("10.0.0.9:{}", "10.0.0.{}:443")
V6 = ("[2001:db8::9]:{}", "[2001:db8::{}]:443")
families = pytest.mark.parametrize("names", [V4, V6], ids=["IPv4", "IPv6"])


class Talk:
    """Connections of one client, and servers that usually answer."""

    def __init__(self, names: tuple[str, str], syn_ack_s: float = 0) -> None:
        self.stage = Stage()
        self.names = names
        self.syn_ack_s = syn_ack_s
        self.port = 40_000

    def ask(self, server: int = 20) -> tuple[Endpoint, Endpoint]:
        """A connection with a request that is acknowledged."""
        self.port += 1
        c, s = self.stage.pair(self.names[0].format(self.port), self.names[1].format(server))
        c.syn()
        self.stage.wait(self.syn_ack_s)
        s.syn_ack()
        c.ack()
        c.data(100)
        s.ack()
        return c, s

    def served(self, server: int = 20) -> None:
        c, s = self.ask(server)
        s.data(200)
        c.ack()
        close(c, s)

    def told(self) -> list[Finding]:
        return [each for each in self.stage.end() if each.kind == "unresponsive-server"]


def close(c: Endpoint, s: Endpoint) -> None:
    c.fin()
    s.fin()
    c.ack()


@families
@pytest.mark.parametrize(("syn_ack_s", "near"), [(0.0, False), (0.004, False), (0.02, True), (0.2, True)])
def test_who_acknowledges_sooner_than_the_server_can_is_another(
    names: tuple[str, str], syn_ack_s: float, near: bool
) -> None:
    talk = Talk(names, syn_ack_s)
    talk.served()
    c, s = talk.ask()
    talk.stage.wait(20)
    close(c, s)
    (told,) = talk.told()
    assert (told.severity, told.confidence) == (("info", "possible") if near else ("warning", "likely"))
    assert ("a device near the client" in told.explanation) == near
    assert ("The network is not at fault" in told.explanation) == (not near)
    assert ("gave up after 20.0 s" in told.explanation) == (not near)


@families
@pytest.mark.parametrize(("servers", "apart_s", "together"), [(2, 0.1, False), (3, 0.1, True), (4, 3, False)])
def test_servers_that_fall_silent_together(
    names: tuple[str, str], servers: int, apart_s: float, together: bool
) -> None:
    talk = Talk(names)
    for server in range(servers):
        talk.served(20 + server)
    asked = []
    for server in range(servers):
        asked.append(talk.ask(20 + server))
        talk.stage.wait(apart_s)
    talk.stage.wait(20)
    for c, s in asked:
        close(c, s)
        talk.stage.wait(0.5)
    told = talk.told()
    assert len(told) == servers
    assert {each.severity for each in told} == {"info" if together else "warning"}
    assert all(("Several servers fell silent" in each.explanation) == together for each in told)


@families
@pytest.mark.parametrize(
    ("apart_s", "closes_apart_s", "dropped"), [(3, 0, True), (3, 0.1, False), (0.2, 0, False)]
)
def test_a_client_that_drops_several_at_once_has_not_lost_patience(
    names: tuple[str, str], apart_s: float, closes_apart_s: float, dropped: bool
) -> None:
    """Asked at other times and closed at one: asked and closed together they had one time-out."""
    talk = Talk(names)
    talk.served()
    first = talk.ask()
    talk.stage.wait(apart_s)
    second = talk.ask()
    talk.stage.wait(4)
    for each in (first, second):
        close(*each)
        talk.stage.wait(closes_apart_s)
    (told,) = talk.told()
    assert ("Nobody lost patience" in told.explanation) == dropped
    assert told.severity == ("info" if dropped else "warning")
    assert "gave up" not in told.explanation


@families
@pytest.mark.parametrize("silent", [1, 4, 12])
@pytest.mark.parametrize("meanwhile", [False, True])
@pytest.mark.parametrize("late", [False, True])
def test_a_server_that_answers_meanwhile(
    names: tuple[str, str], silent: int, meanwhile: bool, late: bool
) -> None:
    """Then it is about these requests, which may not even be whole; but late answers are the server's doing.

    So is what an outage of so many is that all waited for as long.
    """
    talk = Talk(names)
    for _ in range(4):
        talk.served()
    talk.stage.wait(10)
    for _ in range(silent):
        c, s = talk.ask()
        talk.stage.wait(4)
        if meanwhile:
            talk.served()
        talk.stage.wait(4)
        c.fin()
        s.ack()
        if late:
            talk.stage.wait(0.3)
            s.data(200)
        s.fin()
        c.ack()
    told = one(talk.told(), "unresponsive-server")
    doubted = meanwhile and not late and silent < 12
    assert told.confidence == ("possible" if doubted else "likely")
    assert (told.severity == "info") == doubted
    assert ("about these requests" in told.explanation) == doubted
    assert ("always about as long" in told.explanation) == (silent > 1 and not doubted)


@families
@pytest.mark.parametrize("asked", [1, 3, 10])
@pytest.mark.parametrize("waits_s", [2.0, 10.5])
@pytest.mark.parametrize("by_reset", [False, True])
def test_a_server_that_never_answers_anybody(
    names: tuple[str, str], asked: int, waits_s: float, by_reset: bool
) -> None:
    """A sink of logs gets FINs; who resets after a constant time had waited for an answer."""
    talk = Talk(names)
    for _ in range(asked):
        c, s = talk.ask()
        talk.stage.wait(waits_s)
        if by_reset:
            c.rst()
        else:
            close(c, s)
    findings = talk.stage.end()
    told = "unresponsive-server" in {each.kind for each in findings}
    assert told == (by_reset and asked > 1 and (waits_s > 5 or asked == 10))
    assert "idle-timeout" not in {each.kind for each in findings}


@families
@pytest.mark.parametrize("apart_s", [0, 60, 3600])
@pytest.mark.parametrize("clients", [1, 3])
@pytest.mark.parametrize("asked", [3, 10])
def test_what_answers_nobody_may_not_be_what_it_is_taken_for(
    names: tuple[str, str], apart_s: float, clients: int, asked: int
) -> None:
    """One client that comes by now and then, as a peer that takes it for another service, bothers nobody."""
    talk = Talk(names)
    for number in range(asked):
        talk.names = (names[0].replace("9", f"{1 + number % clients}"), names[1])
        c, _ = talk.ask()
        talk.stage.wait(10.5)
        c.rst()
        talk.stage.wait(apart_s)
    told = one(talk.stage.end(), "unresponsive-server")
    assert told.confidence == "possible"
    assert "Nobody got an answer from it" in told.explanation
    seldom = clients == 1 and asked < 10 and apart_s == 3600
    assert told.severity == ("info" if seldom else "warning")


@families
@pytest.mark.parametrize("waits_s", [2.0, 4.0])
@pytest.mark.parametrize("steady", [False, True])
def test_an_outage_is_most_of_its_capture(names: tuple[str, str], waits_s: float, steady: bool) -> None:
    """Of twenty requests one was answered: those that all wait as long for theirs had a time-out."""
    talk = Talk(names)
    talk.served()
    for number in range(19):
        c, s = talk.ask()
        talk.stage.wait(waits_s if steady else waits_s + number % 4)
        close(c, s)
    told = talk.told()
    assert [(each.count, each.severity) for each in told] == ([(19, "critical")] if steady else [])


@families
@pytest.mark.parametrize("others", [0, 2, 4])
@pytest.mark.parametrize("waits_s", [3.0, 3.1, 5.0])
def test_few_that_had_been_answered_before_are_told_by_the_others(
    names: tuple[str, str], others: int, waits_s: float
) -> None:
    """A pool's connections in the midst of talk, beside new ones: all are left after one time-out."""
    talk = Talk(names)
    for _ in range(4):
        talk.served()
    for _ in range(others):
        c, s = talk.ask()
        talk.stage.wait(3.0)
        close(c, s)
    for _ in range(2):
        c, s = talk.ask()
        s.data(200)
        c.data(100)
        s.ack()
        talk.stage.wait(waits_s)
        c.fin()
        s.ack()
        s.rst()
    findings = talk.stage.end()
    whole = others >= 2 and waits_s < 5
    told = [each.count for each in findings if each.kind == "unresponsive-server"]
    assert told == ([others + 2] if whole else [others] if others else [])
    assert ("reset-abort" in {each.kind for each in findings}) == (not whole)
