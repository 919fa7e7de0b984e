"""Which findings of a live capture somebody should be told of now, and the telling.

A culprit is told of once in an interval, however often its finding grows. Telling goes on in a thread
of its own: a command or server that hangs costs nothing but the notices that wait behind it.
"""

from __future__ import annotations

import queue
import shlex
import subprocess
import threading
import urllib.request
from collections.abc import Collection, Iterable
from contextlib import suppress
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.error import URLError

import msgspec

from tcptrace_py.findings.finding import Finding
from tcptrace_py.findings.wording import times

if TYPE_CHECKING:
    from tcptrace_py.run.live import Watch
    from tcptrace_py.run.recorder import FlightRecorder

# Notices that wait while one is being told; beyond that they are counted and left out.
_WAITING = 100
_PATIENCE_S = 10.0
# For who ends in time to say so.
_MARGIN_S = 1.0
# Culprits whose last alarm is remembered; beyond that the oldest is forgotten.
_REMEMBERED = 10_000
# Different problems that are told of, each once.
_PROBLEMS = 100


class Alarm:
    """``kinds``: which findings count; without any, all that are critical or a warning."""

    def __init__(self, kinds: Collection[str], interval_s: float) -> None:
        self._kinds = frozenset(kinds)
        self._interval_ns = round(interval_s * 1e9)
        self._told_ns: dict[tuple[str, str], int] = {}

    def fresh(self, findings: Iterable[Finding], now_ns: int) -> list[Finding]:
        """Those of ``findings`` whose culprit was not told of in the last interval; now they are told."""
        found = []
        for finding in findings:
            if finding.kind not in self._kinds if self._kinds else finding.severity == "info":
                continue
            key = (finding.kind, finding.subject.label())
            before_ns = self._told_ns.get(key)
            if before_ns is not None and 0 <= now_ns - before_ns < self._interval_ns:
                continue
            self._told_ns.pop(key, None)
            self._told_ns[key] = now_ns
            while len(self._told_ns) > _REMEMBERED:
                del self._told_ns[next(iter(self._told_ns))]
            found.append(finding)
        return found


class Alarms:
    """An observer of a `Watch` that records and tells of what `Alarm` finds fresh; ``finish`` at the end."""

    period_s = 0.5

    def __init__(
        self, alarm: Alarm, recorder: FlightRecorder | None = None, notifier: Notifier | None = None
    ) -> None:
        self.recorder = recorder
        self._told: set[str] = set()
        self._alarm = alarm
        self._notifier = notifier

    def moved(self, moves: Iterable[object]) -> None:
        """Findings are looked at by the clock."""

    def look(self, watch: Watch) -> None:
        now_ns = watch.tracker.last_ns
        for finding in self._alarm.fresh(watch.findings(), now_ns):
            if self._notifier is not None:
                self._notifier.tell(finding)
            if self.recorder is not None:
                self.recorder.record(finding, now_ns)
        if self.recorder is not None:
            self.recorder.turn(watch, now_ns)
        for problem in self._problems():
            if problem not in self._told and len(self._told) < _PROBLEMS:
                self._told.add(problem)
                watch.notice(problem)

    def _problems(self) -> list[str]:
        return [
            line for each in (self.recorder, self._notifier) if each is not None for line in each.problems
        ]

    def finish(self, watch: Watch) -> list[str]:
        """What is going on is brought to its end; what went wrong, a line each."""
        self.look(watch)
        if self.recorder is not None:
            self.recorder.finish(watch)
        if self._notifier is not None:
            self._notifier.close()
        problems = self._problems()
        if self._notifier is not None and self._notifier.dropped:
            problems.append(f"{times(self._notifier.dropped, 'notice')} were not sent: too many waited")
        return problems


class Notifier:
    """Gives findings as JSON to a command's standard input, or posts them to an ``http(s)`` address.

    ``problems`` collects what went wrong, a line each; ``close`` waits for what is under way, no longer
    than ``patience_s``. Raises ``ValueError`` for a command without words.
    """

    def __init__(self, target: str, patience_s: float = _PATIENCE_S) -> None:
        self.problems: list[str] = []
        self.dropped = 0
        self._target = target
        self._is_url = target.startswith(("http://", "https://"))
        self._command = [] if self._is_url else shlex.split(target)
        if not self._is_url and not self._command:
            raise ValueError("there is no command to notify")
        self._patience_s = patience_s
        self._queue: queue.Queue[bytes | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, name="notify", daemon=True)
        self._thread.start()

    def tell(self, finding: Finding) -> None:
        try:
            self._queue.put_nowait(msgspec.json.encode(finding) + b"\n")
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        with suppress(queue.Full):
            self._queue.put(None, timeout=self._patience_s)
            self._thread.join(self._patience_s + _MARGIN_S)
        if self._thread.is_alive():
            self._complain(f"--notify {self._target}: goes on for longer than {self._patience_s:g} s")

    def _complain(self, problem: str) -> None:
        if problem not in self.problems and len(self.problems) < _PROBLEMS:
            self.problems.append(problem)

    def _work(self) -> None:
        while (notice := self._queue.get()) is not None:
            problem = self._post(notice) if self._is_url else self._run(notice)
            if problem:
                self._complain(problem)

    def _run(self, notice: bytes) -> str:
        try:
            done = subprocess.run(
                self._command,
                input=notice,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=self._patience_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"--notify {self._target}: ended after {self._patience_s:g} s without an answer"
        except OSError as error:
            return f"--notify {self._target}: {error.strerror}"
        return f"--notify {self._target}: exit status {done.returncode}" if done.returncode else ""

    def _post(self, notice: bytes) -> str:
        request = urllib.request.Request(
            self._target, notice, {"Content-Type": "application/json"}, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=self._patience_s):
                return ""
        except (URLError, OSError, ValueError, HTTPException) as error:
            why = str(getattr(error, "reason", error)) or type(error).__name__
            return f"--notify {self._target}: {why if why.isprintable() else ascii(why)}"
