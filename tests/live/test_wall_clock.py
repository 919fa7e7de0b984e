"""The clock is set, and the host sleeps: durations hold, and people are told."""

from __future__ import annotations

import pytest

from tcptrace_py.capture.batch import FrameBatch
from tcptrace_py.run.wall_clock import Reading, WallClock

SECOND_NS = 1_000_000_000
START_NS = 1_700_000_000 * SECOND_NS


class Host:
    """Clocks of a made host."""

    def __init__(self) -> None:
        self.real_s = self.boot_s = self.awake_s = 0.0
        self.told: list[str] = []
        self.clock = WallClock(self.told.append, self.now)

    def now(self) -> Reading:
        return Reading(
            START_NS + round(self.real_s * SECOND_NS),
            round(self.boot_s * SECOND_NS),
            round(self.awake_s * SECOND_NS),
        )

    def go_on(self, seconds: float, *, set_by: float = 0.0, asleep: bool = False) -> float:
        """Time passes; the capture's time then, in seconds since its start."""
        self.real_s += seconds + set_by
        self.boot_s += seconds
        self.awake_s += 0.01 if asleep else seconds
        return (self.clock.look() - START_NS) / SECOND_NS

    def stamped(self, *seconds: float) -> list[float]:
        """Frames that the kernel stamped then, as the tracker gets them."""
        batch = FrameBatch()
        for i, stamp in enumerate(seconds):
            batch.ts_ns[i] = START_NS + round(stamp * SECOND_NS)
        self.clock.shift(batch, len(seconds))
        return [(batch.ts_ns[i] - START_NS) / SECOND_NS for i in range(len(seconds))]


def test_an_even_clock_changes_nothing() -> None:
    host = Host()
    # Slewed by 500 ppm, as ntpd does.
    assert host.go_on(100, set_by=0.05) == pytest.approx(100.05)
    assert host.stamped(99, 100) == [99, 100]
    assert (host.told, host.clock.warnings()) == ([], [])


def test_set_back_it_goes_on_as_if_it_was_not() -> None:
    host = Host()
    host.go_on(10)
    assert host.go_on(1, set_by=-3600) == pytest.approx(11)
    # The first was stamped before the clock was set.
    assert host.stamped(10.5, 11 - 3600) == [10.5, 11]
    assert host.go_on(5) == pytest.approx(16)
    (line,) = host.told
    assert line == "the clock was set back by 60 min 0 s: times from here on are 60 min 0 s ahead of it"


def test_set_forward_again_it_is_itself_again() -> None:
    host = Host()
    host.go_on(1, set_by=-3600)
    assert host.go_on(1, set_by=1800) == pytest.approx(2)
    assert host.go_on(1, set_by=1800) == pytest.approx(3)
    assert host.stamped(3) == [3]
    assert host.told[1:] == [
        "the clock was set forward by 30 min 0 s: times from here on are 30 min 0 s ahead of it",
        "the clock was set forward by 30 min 0 s: times are its own again",
    ]
    (line,) = host.clock.warnings()
    assert line.startswith("the clock was set 3 times (back by 60 min 0 s and forward by 60 min 0 s in all)")


def test_set_forward_durations_across_it_are_too_long_and_that_is_said() -> None:
    host = Host()
    assert host.go_on(1, set_by=86_400) == pytest.approx(86_401)
    assert host.told == [
        "the clock was set forward by 24 h 0 min: durations across this are 24 h 0 min too long"
    ]


def test_a_host_that_slept_did_not_set_its_clock() -> None:
    host = Host()
    assert host.go_on(8 * 3600, asleep=True) == pytest.approx(8 * 3600)
    assert host.told == ["the host slept for 8 h 0 min: what passed meanwhile was not seen"]
    (line,) = host.clock.warnings()
    assert line == "the host slept 1 time, for 8 h 0 min in all: what passed meanwhile was not seen"
