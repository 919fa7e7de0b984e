"""One run from its first frame to its report, whatever the frames come from.

Opens nothing itself: `tcptrace_py.run.captures` and `tcptrace_py.capture.live` do. ``feed`` it frames, or
(where time goes on without any) ``drain`` it; then ``end`` and ``report``.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from tcptrace_py.capture.batch import FrameBatch
from tcptrace_py.defects import Defects
from tcptrace_py.findings.diagnosis import Diagnosis
from tcptrace_py.report.model.builder import ReportBuilder, Sink
from tcptrace_py.report.model.model import Capture, Report, Skipped, Source, Undecoded
from tcptrace_py.run.finished import report_finished
from tcptrace_py.run.replay import Replay
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.endpoint import Endpoint

#: An arrow taken: endpoint, from state, to state, basis (-1: taken back), time in ns, frame id.
Move = tuple[Endpoint, int, int, int, int, int]

# Connections handed over at once when the capture ends.
_HANDED_OVER = 256
# Kinds of what was not decoded that a warning names.
_NAMED = 5


class Input(Protocol):
    """What the report tells of an input; a capture reader, or a live capture."""

    @property
    def path(self) -> str: ...
    @property
    def format(self) -> str: ...
    @property
    def link_types(self) -> set[str]: ...
    @property
    def packets(self) -> int: ...
    @property
    def consumed_bytes(self) -> int: ...


class Session:
    """``connections``: the report lists them. ``sink`` is called with each connection as it finishes.

    ``stats``: each endpoint carries the figures of tcptrace's long report. ``peers``: connections carry
    what Zeek and Wireshark would say of them; who lists or streams them needs that. ``moved`` is called
    with the arrows that endpoints took, before their connections are given back.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        connections: bool,
        sink: Sink | None = None,
        stats: bool = False,
        peers: bool = True,
        moved: Callable[[Sequence[Move]], None] | None = None,
    ) -> None:
        self.settings = settings
        self.replay = Replay(settings, stats, peers)
        self.tracker = self.replay.tracker
        self.diagnosis = Diagnosis(settings, self.tracker.history)
        self._builder = ReportBuilder(self.tracker.history, sink=sink)
        self._connections = connections
        self._moved = moved
        if moved is not None:
            self.tracker.arrows.moves = []

    def feed(self, batch: FrameBatch, source: int, lo: int, hi: int) -> None:
        """Frames ``lo <= i < hi`` of a batch from the input of index ``source``."""
        self.replay.run(batch, source, lo, hi)
        self.drain()

    def drain(self, at_end: bool = False) -> None:
        """Take what has finished from the tracker: findings, counts, records."""
        if self._moved is not None and (moves := self.tracker.arrows.moves):
            self.tracker.arrows.moves = []
            self._moved(moves)
        if self.tracker.finished:
            report_finished(self.tracker, self.diagnosis, self._builder, self._connections, at_end)

    def end(self) -> None:
        """No frame follows: clocks run to the capture's last moment, all that is open is handed over."""
        self.tracker.tick(self.end_ns)
        self.drain()
        more = True
        while more:
            # A few at a time: of a flood each is small only until it is handed over.
            more = self.tracker.end(_HANDED_OVER)
            self.drain(at_end=True)

    @property
    def end_ns(self) -> int:
        """The capture's time now: that of its latest frame, or of a clock that live capture let run on."""
        return max(self.replay.last_ns, self.tracker.last_ns)

    def report(
        self,
        inputs: Sequence[Input],
        *,
        dropped: int | None,
        complete: bool,
        warnings: Sequence[str],
        bpf: str | None = None,
        allow_undecoded: bool = False,
    ) -> Report:
        """The report of all that was fed; after ``end``. ``bpf``: the user's filter, to be named in it."""
        replay = self.replay
        packets = sum(each.packets for each in inputs)
        seen = replay.packets > 0
        capture = Capture(
            sources=[
                Source(
                    path=os.fspath(each.path),
                    format=each.format,
                    link_types=sorted(each.link_types),
                    packets=each.packets,
                    bytes=each.consumed_bytes,
                )
                for each in inputs
            ],
            first_ns=replay.first_ns if seen else None,
            last_ns=self.end_ns if seen else None,
            packets=packets,
            tcp_segments=replay.decoder.tcp_segments,
            skipped=Skipped(**replay.decoder.skipped(), filtered=packets - replay.packets),
            dropped_by_kernel=dropped,
            complete=complete,
            warnings=[*warnings, *self._unknown_links(), *self._two_clocks()],
            filter=bpf,
            undecoded=[Undecoded(each.name, each.packets) for each in replay.decoder.undecoded()],
        )
        findings = self.diagnosis.findings(self.tracker.time_wait, self.end_ns)
        if self.diagnosis.revised:
            self._builder.revise(self.diagnosis.revise)
        defects = Defects()
        for each in (self.tracker.defects, self.diagnosis.defects, self._builder.defects):
            defects.merge(each)
        capture.defects = defects.count
        capture.decoded = allow_undecoded or not replay.decoder.blind()
        if not capture.decoded:
            capture.warnings.append(_blind(capture))
        capture.complete = complete and capture.decoded and not defects.count
        capture.warnings += defects.lines()
        return self._builder.finish(
            capture, findings, self.tracker.time_wait, self.settings, keep=self._connections
        )

    def _two_clocks(self) -> list[str]:
        clocks = self.tracker.two_clocks
        return [clocks.warning()] if clocks.differ() else []

    def _unknown_links(self) -> list[str]:
        unknown = self.replay.decoder.unknown_link_types
        if not unknown:
            return []
        from tcptrace_py.capture.linktype import link_type_name

        return [f"frames of link type {link_type_name(each)} are not decoded" for each in unknown]


def _blind(capture: Capture) -> str:
    """One line on why next to nothing could be decoded."""
    named = [f"{each.what}: {each.count:,}" for each in capture.undecoded[:_NAMED]]
    skipped = capture.skipped
    for name, count in (("truncated", skipped.truncated), ("malformed", skipped.malformed)):
        if count:
            named.append(f"{name}: {count:,}")
    return f"most of the {capture.packets:,} packets could not be decoded ({'; '.join(named)})"


@contextmanager
def no_cycle_collection() -> Iterator[None]:
    """The tracker cuts its own cycles; looking for them again and again costs a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
