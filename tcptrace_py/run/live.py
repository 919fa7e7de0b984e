"""Follows an interface: wires capture, tracker, findings and report while time goes on.

>>> from tcptrace_py.run.live import Watch
>>> from tcptrace_py.capture.live import LiveCapture
>>> watch = Watch(LiveCapture("lo"))
>>> watch.run(duration_s=30)
>>> report = watch.report()
"""

from __future__ import annotations

import gc
import select
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from tcptrace_py.capture.batch import BATCH_FRAMES, FrameBatch
from tcptrace_py.capture.live import DELIVERY_MS, LiveCapture
from tcptrace_py.capture.over_ssh import RemoteCapture
from tcptrace_py.capture.pcap_writer import PcapWriter
from tcptrace_py.findings.census import Census
from tcptrace_py.findings.finding import Finding
from tcptrace_py.findings.suspicion import Suspicion
from tcptrace_py.findings.wording import times
from tcptrace_py.report.formats.events import Disagreement
from tcptrace_py.report.model.builder import Sink
from tcptrace_py.report.model.model import Connection, Report
from tcptrace_py.run.alarm import Alarms
from tcptrace_py.run.host import HostView
from tcptrace_py.run.session import Move, Session
from tcptrace_py.run.wall_clock import WallClock
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.eviction import evict

# Without packets the capture's time follows the clock, this much behind: what was stamped
# before has been delivered by then, with room for a kernel that is late.
_BEHIND_NS = (DELIVERY_MS + 90) * 1_000_000
_TICK_S = 0.25
# Looking at all connections takes this part of the time at most.
_LOOKING_SHARE = 0.05
_LOOK_S = 1.0
_COLLECT_S = 60.0
# At the end, what waits in the kernel is read for no longer than this.
_CATCH_UP_S = 30.0
# Culprits of one kind that are listed, so that memory is flat soon; those beyond are counted together.
_CULPRITS = 250
# Connections whose roles wait for listeners to be known, at most.
_UNDECIDED = 1_000
# Notices that are remembered for who looks late.
_NOTICES = 100


class Observer(Protocol):
    """Who wants to be told while the capture runs."""

    #: ``look`` is called this often, in seconds.
    period_s: float

    def moved(self, moves: Sequence[Move]) -> None:
        """Transitions taken since the last call."""

    def look(self, watch: Watch) -> None:
        """Time to look at the whole."""


class Watch:
    """One live capture, from its opening to its report.

    ``connections``: the report lists them (memory then follows their number; without, it
    follows those alive at once). ``most_connections``: so many are known at most; see
    `tcptrace_py.tcp.eviction.evict`. ``host``: sets the kernel's own word beside the reading.
    ``stats``: endpoints carry the figures of tcptrace's long report.
    ``alarms``: records packets, or tells somebody, when a finding appears. ``allow_undecoded``: a capture
    of which next to nothing could be decoded is as good as any other.
    """

    def __init__(
        self,
        capture: LiveCapture | RemoteCapture,
        settings: Settings | None = None,
        *,
        connections: bool = False,
        most_connections: int | None = None,
        writer: PcapWriter | None = None,
        observers: Sequence[Observer] = (),
        sink: Sink | None = None,
        host: HostView | None = None,
        stats: bool = False,
        alarms: Alarms | None = None,
        allow_undecoded: bool = False,
    ) -> None:
        self.capture = capture
        self.settings = settings or Settings()
        self.session = Session(
            self.settings,
            connections=connections,
            sink=None if sink is None else self._pass_on,
            stats=stats,
            moved=self._tell if observers else None,
            culprits=_CULPRITS,
        )
        self.session.replay.never_silent()
        self.tracker = self.session.tracker
        # Months of small piles need not be known.
        self.tracker.time_wait.floor = min(
            self.settings.time_wait_pile_sockets,
            max(1, int(self.settings.time_wait_pile_share * self.settings.ephemeral_ports)),
        )
        self.warnings: list[str] = []
        #: What happened to the capture, for people: time in ns and a line each, the latest.
        self.notices: deque[tuple[int, str]] = deque(maxlen=_NOTICES)
        #: How many there have been.
        self.noticed = 0
        self.clock = WallClock(self.notice)
        self._was_down = False
        #: Why nothing more is written to the capture file, or None.
        self.write_problem: OSError | None = None
        self.began_ns = time.time_ns()
        self._sink = sink
        self._suspicion = Suspicion(self.settings)
        self._most_connections = most_connections
        self._writer = writer
        self._observers = [*observers, *(each for each in (host, alarms) if each is not None)]
        #: Given each batch as it was captured: the batch, how many frames, the number of the first.
        self.keep: Callable[[FrameBatch, int, int], None] | None = None
        self._host = host
        self._alarms = alarms
        self._allow_undecoded = allow_undecoded
        self._stopped = False
        self._hurry = False
        self._census = Census()
        self._findings: list[Finding] = []
        self._look_again_s = 0.0
        self._poll = select.poll()
        self._poll.register(capture.descriptor, select.POLLIN)
        self._callbacks: dict[int, Callable[[], None]] = {}

    def notice(self, line: str) -> None:
        """Something happened to the capture that people should know."""
        self.noticed += 1
        self.notices.append((time.time_ns(), line))

    def notices_since(self, noticed: int) -> list[tuple[int, str]]:
        """The notices after the first ``noticed``, as far as they are remembered."""
        count = min(self.noticed - noticed, len(self.notices))
        return list(self.notices)[len(self.notices) - count :]

    def _pass_on(self, connection: Connection) -> None:
        if self._host is not None:
            self._host.annotate(connection)
        if self._sink is not None:
            self._sink(connection)

    # --- running -----------------------------------------------------------------------

    def stop(self) -> None:
        """End ``run`` soon, and if called again at once; may be called from a signal handler."""
        self._hurry = self._stopped
        self._stopped = True

    def resume(self) -> None:
        """Let ``run`` be called again after ``stop``."""
        self._stopped = False
        self._hurry = False

    @property
    def stopped(self) -> bool:
        return self._stopped

    def attach(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Call ``callback`` whenever ``descriptor`` can be read, while ``run`` waits."""
        self._callbacks[descriptor] = callback
        self._poll.register(descriptor, select.POLLIN)

    def detach(self, descriptor: int) -> None:
        if self._callbacks.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def run(self, *, duration_s: float | None = None, packets: int | None = None) -> None:
        """Capture until ``stop``, or for so long, or so many packets, or until the interface fails."""
        until_s = None if duration_s is None else time.monotonic() + duration_s
        due_s = [0.0] * len(self._observers)
        collect_s = time.monotonic() + _COLLECT_S
        was_enabled = gc.isenabled()
        # The tracker cuts its own cycles; those of others are collected now and then.
        gc.disable()
        try:
            while not self._stopped and self.capture.problem is None:
                now_s = time.monotonic()
                if until_s is not None and now_s >= until_s:
                    break
                for i, observer in enumerate(self._observers):
                    if now_s >= due_s[i]:
                        due_s[i] = now_s + observer.period_s
                        observer.look(self)
                if now_s >= collect_s:
                    collect_s = now_s + _COLLECT_S
                    gc.collect()
                wake_s = min([now_s + _TICK_S, *due_s] + ([] if until_s is None else [until_s]))
                self._wait(max(0.0, wake_s - time.monotonic()))
                self.pump(BATCH_FRAMES if packets is None else packets - self.capture.packets)
                if packets is not None and self.capture.packets >= packets:
                    break
            if packets is None:
                self._catch_up()
            if self._host is not None and not self._hurry:
                self._host.last_look(self)
            if self._alarms is not None and not self._hurry:
                self.warnings += self._alarms.finish(self)
        finally:
            if was_enabled:
                gc.enable()

    def _wait(self, timeout_s: float) -> None:
        for descriptor, _events in self._poll.poll(timeout_s * 1000):
            callback = self._callbacks.get(descriptor)
            if callback is not None:
                callback()

    def pump(self, most: int = BATCH_FRAMES) -> int:
        """Take what the kernel has ready, at most ``most`` frames, without waiting; how many."""
        before_ns = self.capture.now_ns(self.clock.look())
        count = self.capture.next_batch(most)
        if self.capture.down != self._was_down:
            self._was_down = self.capture.down
            self.notice(f"{self.capture.path} is {'down' if self._was_down else 'up again'}")
        if count:
            self._write(count)
            if not self.capture.is_remote:
                self.clock.shift(self.capture.batch, count)
            if self._alarms is not None and self._alarms.recorder is not None:
                self._alarms.recorder.keep(self.capture.batch, count, self.capture.packets - count + 1)
            if self.keep is not None:
                self.keep(self.capture.batch, count, self.capture.packets - count + 1)
            self.session.replay.run(self.capture.batch, 0, 0, count)
        else:
            self.tracker.tick(before_ns - _BEHIND_NS)
        if self._most_connections is not None and self.tracker.known > self._most_connections:
            evict(self.tracker, self._most_connections)
        self.session.drain()
        if len(self.session.partial.undecided) > _UNDECIDED:
            self.session.decide()
        return count

    def _catch_up(self) -> None:
        """Take what passed before now and the kernel has not delivered yet."""
        until_ns = time.time_ns()
        patience_s = time.monotonic() + _CATCH_UP_S
        poll = select.poll()
        poll.register(self.capture.descriptor, select.POLLIN)
        while self.capture.problem is None and not self._hurry and time.monotonic() < patience_s:
            if not poll.poll(2 * DELIVERY_MS):
                return
            count = self.pump()
            if count and self.capture.batch.ts_ns[count - 1] > until_ns:
                return

    def _write(self, count: int) -> None:
        if self._writer is None or self.write_problem is not None:
            return
        try:
            self._writer.write(self.capture.batch, count)
        except OSError as error:
            self.write_problem = error
            self.notice(f"no more packets are written: {error.strerror or error}")
            self._writer.close()

    def _tell(self, moves: Sequence[Move]) -> None:
        for observer in self._observers:
            observer.moved(moves)

    # --- looking -----------------------------------------------------------------------

    def _look(self) -> None:
        """Census and findings of now; not more often than is cheap."""
        begin_s = time.monotonic()
        if begin_s < self._look_again_s:
            return
        now_ns = self.tracker.last_ns
        census = Census()
        census.take(self.tracker.table.all(), self._suspicion, now_ns)
        self._census = census
        self._findings = self.session.findings(census.suspects)
        if self._host is not None:
            self._host.confirm(self._findings)
        census.suspects = []
        end_s = time.monotonic()
        self._look_again_s = end_s + max(_LOOK_S * 0.95, (end_s - begin_s) / _LOOKING_SHARE)

    def census(self) -> Census:
        """States now, at most a second old where looking is cheap."""
        self._look()
        return self._census

    def findings(self) -> list[Finding]:
        """Findings now, those of open connections too, worst first."""
        self._look()
        return self._findings

    # --- the report --------------------------------------------------------------------

    def disagreements(self) -> list[Disagreement]:
        """Where the kernel has said something else than the reading, since this was last asked."""
        return [] if self._host is None else self._host.fresh_disagreements()

    def kernel_sockets(self) -> list[dict[str, object]] | None:
        """The kernel's table of sockets when it was last asked; None where it is not."""
        return None if self._host is None else self._host.table()

    def snapshot(self) -> Report:
        """The report as of now, for a forked copy of this process: it ends the copy of the watch."""
        self._observers = []
        self._sink = None
        return self.report()

    def report(self) -> Report:
        """The report; the watch is over then. The capture is closed."""
        capture = self.capture
        dropped = capture.dropped_by_kernel
        capture.close()
        if capture.is_remote:
            # tcpdump says it at its end.
            dropped = capture.dropped_by_kernel
        if self._writer is not None:
            self._writer.close()
        self.session.end()
        report = self.session.report(
            [capture],
            dropped=dropped,
            complete=capture.problem is None,
            warnings=self._told(dropped),
            bpf=capture.expression,
            allow_undecoded=self._allow_undecoded,
        )
        if self._host is not None:
            self._host.complete(report)
        return report

    def _told(self, dropped: int) -> list[str]:
        warnings = list(self.warnings)
        if self.capture.problem is not None:
            warnings.append(self.capture.problem)
        if self.capture.downs:
            warnings.append(
                f"{self.capture.path} was down {times(self.capture.downs, 'time')}: states after that are"
                " less sure"
            )
        if not self.capture.is_remote:
            warnings += self.clock.warnings()
        if dropped:
            warnings.append(
                "packets were dropped: states after a gap are less sure; a larger --buffer may help"
            )
        tracker = self.tracker
        if tracker.evicted_over or tracker.evicted_open:
            over = times(tracker.evicted_over, "connection")
            warnings.append(
                f"to stay within --max-connections, {over} that were over and"
                f" {tracker.evicted_open:,} that were not were let go early"
            )
        return warnings
