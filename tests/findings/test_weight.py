"""Of few connections among many nobody would act upon what hosts do every day."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tcptrace_py.findings.weight import weigh

from .stage import Stage, one

V4 = ("10.0.0.9:{}", "10.0.0.20:{}", "203.0.113.20:{}")
V6 = ("[fd00::9]:{}", "[fd00::20]:{}", "[2a00:1::20]:{}")
families = pytest.mark.parametrize("names", [V4, V6], ids=["IPv4", "IPv6"])


def served(stage: Stage, client: str, server: str, count: int) -> None:
    for number in range(count):
        c, s = stage.established(client.format(51_000 + number), server)
        c.fin()
        s.fin()
        c.ack()


def not_answered(stage: Stage, client: str, server: str, count: int) -> None:
    for number in range(count):
        c, _ = stage.pair(client.format(40_000 + number), server)
        c.syn()
        for wait_s in (1, 2, 4):
            stage.wait(wait_s)
            c.syn()
        stage.wait(10)


def refused(stage: Stage, client: str, server: str, count: int) -> None:
    for number in range(count):
        c, s = stage.pair(client.format(40_000 + number), server)
        c.syn()
        s.rst()
        stage.wait(40)


def aborted(stage: Stage, client: str, server: str, count: int) -> None:
    for number in range(count):
        c, s = stage.established(client.format(40_000 + number), server)
        c.data(300)
        s.rst()


@families
@pytest.mark.parametrize("fails", [not_answered, refused])
@pytest.mark.parametrize(
    ("failed", "went_well", "inside", "outside"),
    [
        (1, 0, "warning", "warning"),
        (1, 4, "warning", "warning"),
        (1, 5, "info", "info"),
        # Who comes back wants to be served.
        (2, 20, "warning", "info"),
        (3, 60, "warning", "warning"),
    ],
)
def test_attempts_at_what_serves_nobody(
    names: tuple[str, str, str],
    fails: Callable[[Stage, str, str, int], None],
    failed: int,
    went_well: int,
    inside: str,
    outside: str,
) -> None:
    for name, severity in zip(names[1:], (inside, outside), strict=True):
        stage = Stage()
        served(stage, names[0], names[1].format(443), went_well)
        stage.wait(60)
        fails(stage, names[0], name.format(8009), failed)
        stage.wait(60)
        kind = "connection-timeout" if fails is not_answered else "connection-refused"
        assert one(stage.end(), kind).severity == severity


@families
@pytest.mark.parametrize(
    ("failed", "went_well", "severity"),
    [
        (1, 0, "warning"),
        (1, 8, "warning"),
        (1, 9, "info"),
        (2, 18, "info"),
        (3, 40, "warning"),
    ],
)
def test_aborts_by_a_service_that_serves_the_others(
    names: tuple[str, str, str], failed: int, went_well: int, severity: str
) -> None:
    stage = Stage()
    served(stage, names[0], names[1].format(443), went_well)
    aborted(stage, names[0], names[1].format(443), failed)
    assert one(stage.end(), "reset-abort").severity == severity


@families
@pytest.mark.parametrize(("connections", "severity"), [(2999, "warning"), (3000, "info")])
def test_one_in_a_thousand(names: tuple[str, str, str], connections: int, severity: str) -> None:
    stage = Stage()
    served(stage, names[0], names[1].format(443), 40)
    aborted(stage, names[0], names[1].format(443), 3)
    abort = one(stage.end(), "reset-abort")
    assert abort.severity == "warning"
    (service,) = stage.diagnosis.knowledge.services.entries.values()
    service.connections = connections
    weigh([abort], stage.diagnosis.knowledge)
    assert abort.severity == severity


@families
def test_one_refusal_by_what_had_served_before(names: tuple[str, str, str]) -> None:
    stage = Stage()
    served(stage, names[0], names[1].format(443), 9)
    served(stage, names[0], names[1].format(5432), 1)
    refused(stage, names[0], names[1].format(5432), 1)
    assert one(stage.end(), "connection-refused").severity == "warning"


@families
def test_one_abort_of_another_service_stays(names: tuple[str, str, str]) -> None:
    stage = Stage()
    served(stage, names[0], names[1].format(443), 50)
    aborted(stage, names[0], names[1].format(5432), 1)
    assert one(stage.end(), "reset-abort").severity == "warning"


@families
def test_leaks_are_not_weighed(names: tuple[str, str, str]) -> None:
    """One socket today may be the first of many."""
    stage = Stage()
    served(stage, names[0], names[1].format(443), 50)
    c, s = stage.established(names[0].format(40_000), names[1].format(443))
    c.fin()
    s.ack()
    assert one(stage.end(at_s=60), "stuck-close-wait").severity == "warning"
