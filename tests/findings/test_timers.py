"""Timers told from idle connections: whose, how long, and how near the misses were."""

from __future__ import annotations

import pytest

from sample_pcaps.scenarios.script import Endpoint
from tcptrace_py.findings.service import Service
from tcptrace_py.findings.timers import Timers, timers, told

from .stage import Stage, one


class Shop:
    """A service with keep-alive, seen by clients of ever new ports."""

    def __init__(self, client: str = "10.0.0.9", server: str = "10.0.0.20:8080") -> None:
        self.stage = Stage()
        self._client, self._server = client, server
        self._port = 40_000

    def connect(self) -> tuple[Endpoint, Endpoint]:
        self._port += 1
        return self.stage.established(f"{self._client}:{self._port}", self._server)

    def closed(self, by_server: bool, idle_s: float) -> None:
        c, s = self.connect()
        self.stage.wait(idle_s)
        first, second = (s, c) if by_server else (c, s)
        first.fin()
        second.fin()
        first.ack()

    def reused(self, idle_s: float) -> None:
        c, s = self.connect()
        self.stage.wait(idle_s)
        c.data(100)
        s.data(200)
        c.ack()
        c.fin()
        s.fin()
        c.ack()

    def forgotten(self, idle_s: float) -> None:
        c, _ = self.connect()
        self.stage.wait(idle_s)
        c.data(100)
        for s in (1, 2, 4):
            self.stage.wait(s)
            c.again()

    def service(self) -> Service:
        self.stage.end()
        (service,) = self.stage.diagnosis.knowledge.services.entries.values()
        return service

    def timers(self) -> Timers:
        found = timers(self.service())
        assert found is not None
        return found


@pytest.mark.parametrize("server_s", [5.0, 15.2, 65.0, 600.0])
@pytest.mark.parametrize("ends", [("10.0.0.9", "10.0.0.20:8080"), ("[2001:db8::9]", "[2001:db8::20]:8080")])
def test_both_timers_and_near_misses(server_s: float, ends: tuple[str, str]) -> None:
    shop = Shop(*ends)
    client_s = server_s * 0.6
    for late_s in (0.0, 0.01, 0.02, 0.01):
        shop.closed(True, server_s + late_s)
    for late_s in (0.0, 0.01, 0.0):
        shop.closed(False, client_s + late_s)
    for part in (0.5, 0.93, 0.97):
        shop.reused(server_s * part)
    found = shop.timers()
    assert found.server_s == pytest.approx(server_s, rel=0.03)
    assert found.client_s == pytest.approx(client_s, rel=0.03)
    assert ([each.count for each in found.server], [each.count for each in found.client]) == ([4], [3])
    assert (found.survived, found.near_misses, found.lost) == (3, 2, 0)
    assert found.longest_survived_s == pytest.approx(server_s * 0.97, rel=0.01)


def test_two_timers_of_one_side_and_closes_that_are_none() -> None:
    shop = Shop()
    for idle_s in (5.0, 5.0, 5.1, 60.0, 60.0, 60.1, 60.2, 2.0, 9.0, 21.0):
        shop.closed(True, idle_s)
    found = shop.timers()
    assert [(round(each.idle_s), each.count) for each in found.server] == [(60, 4), (5, 3)]
    assert round(found.server_s or 0) == 60


def test_what_varies_is_no_timer() -> None:
    shop = Shop()
    for number in range(30):
        shop.closed(True, 2.0 * 1.04**number)
    found = timers(shop.service())
    assert found is None or found.server == []


def test_what_was_lost_brackets_a_device_on_the_way() -> None:
    shop = Shop()
    for idle_s in (20.0, 200.0):
        shop.reused(idle_s)
    for idle_s in (310.0, 300.0, 450.0):
        shop.forgotten(idle_s)
    found = shop.timers()
    assert (found.survived, found.lost) == (2, 3)
    assert found.longest_survived_s == pytest.approx(200, rel=0.01)
    assert found.shortest_lost_s == pytest.approx(300, rel=0.01)
    (said,) = told(shop.stage.diagnosis.knowledge.services.entries.popitem()[1])
    assert said == (
        "The longest silence that a connection survived: 3 min 20 s;"
        " the shortest that one did not: 5 min 0 s."
    )


def test_a_capture_that_ends_before_the_answer_lost_nothing() -> None:
    shop = Shop()
    c, _ = shop.connect()
    shop.stage.wait(30)
    c.data(100)
    assert timers(shop.service()) is None


def test_the_finding_names_both_timers() -> None:
    shop = Shop()
    for late_s in (0.0, 0.01, 0.02, 0.0):
        shop.closed(True, 5.0 + late_s)
    for _ in range(3):
        shop.closed(False, 4.0)
    shop.reused(4.8)
    c, s = shop.connect()
    shop.stage.wait(5.0)
    s.fin()
    c.data(100)
    s.rst_to()
    race = one(shop.stage.end(), "keep-alive-race")
    assert "It closed 4 other connections idle for" in race.explanation
    assert "The client closes idle connections after" in race.explanation
    assert "1 request came just in time: within the last 10 % of the server's." in race.explanation
