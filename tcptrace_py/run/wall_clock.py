"""The clock that stamps packets may be set, and the host may sleep (clock_gettime(2)): both are told.

Frames are stamped by CLOCK_REALTIME, so that they can be set beside logs. When it is set back, the capture's
time goes on by what it was set back by, so that nothing lasts less than it did; when it is set forward, that
is taken off again first. CLOCK_BOOTTIME tells how much time went by, CLOCK_MONOTONIC how much of it awake.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from tcptrace_py.capture.batch import FrameBatch
from tcptrace_py.findings.wording import duration, times

# A clock that is set differs by more than one that is slewed between two looks.
_STEP_NS = 500_000_000
_SLEEP_NS = 1_000_000_000


class Reading(NamedTuple):
    """Nanoseconds of the three clocks, as of one moment."""

    real_ns: int
    boot_ns: int
    awake_ns: int


def read() -> Reading:
    boot = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return Reading(time.time_ns(), time.clock_gettime_ns(boot), time.monotonic_ns())


class WallClock:
    """``look`` before each batch; ``tell`` is called with a line for each thing that happened."""

    def __init__(self, tell: Callable[[str], None], now: Callable[[], Reading] = read) -> None:
        self._tell = tell
        self._now = now
        self._last = now()
        #: What is added to the stamps of frames.
        self.shift_ns = 0
        self.steps = 0
        self.sleeps = 0
        self._back_ns = 0
        self._forward_ns = 0
        self._slept_ns = 0

    def look(self) -> int:
        """The capture's time now, in ns since the epoch."""
        now, last = self._now(), self._last
        self._last = now
        slept_ns = (now.boot_ns - last.boot_ns) - (now.awake_ns - last.awake_ns)
        if slept_ns > _SLEEP_NS:
            self.sleeps += 1
            self._slept_ns += slept_ns
            self._tell(f"the host slept for {duration(slept_ns)}: what passed meanwhile was not seen")
        step_ns = (now.real_ns - last.real_ns) - (now.boot_ns - last.boot_ns)
        if abs(step_ns) > _STEP_NS:
            self._set(step_ns)
        return now.real_ns + self.shift_ns

    def _set(self, step_ns: int) -> None:
        self.steps += 1
        if step_ns < 0:
            self._back_ns -= step_ns
            self.shift_ns -= step_ns
            self._tell(
                f"the clock was set back by {duration(-step_ns)}: times from here on are"
                f" {duration(self.shift_ns)} ahead of it"
            )
            return
        taken_ns = min(step_ns, self.shift_ns)
        self.shift_ns -= taken_ns
        self._forward_ns += step_ns
        told = f"the clock was set forward by {duration(step_ns)}"
        if taken_ns < step_ns:
            told += f": durations across this are {duration(step_ns - taken_ns)} too long"
        elif self.shift_ns:
            told += f": times from here on are {duration(self.shift_ns)} ahead of it"
        else:
            told += ": times are its own again"
        self._tell(told)

    def shift(self, batch: FrameBatch, count: int) -> None:
        """Bring the stamps of frames to the capture's time, all but those from before the clock was set."""
        if not self.shift_ns:
            return
        # What was stamped before it was set back has a stamp that is still to come.
        latest_ns = self._last.real_ns + min(_STEP_NS, self.shift_ns // 2)
        for i in range(count):
            if batch.ts_ns[i] <= latest_ns:
                batch.ts_ns[i] += self.shift_ns

    def warnings(self) -> list[str]:
        """All that happened, a line each."""
        found = []
        if self.sleeps:
            found.append(
                f"the host slept {times(self.sleeps, 'time')}, for {duration(self._slept_ns)} in all:"
                " what passed meanwhile was not seen"
            )
        if self.steps:
            by = [
                f"{way} by {duration(ns)}"
                for way, ns in (("back", self._back_ns), ("forward", self._forward_ns))
                if ns
            ]
            found.append(
                f"the clock was set {times(self.steps, 'time')} ({' and '.join(by)} in all):"
                " times in this report do not fall, and may differ from the clock's"
            )
        return found
