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
from tcptrace_py.findings.damage import damaged
from tcptrace_py.findings.diagnosis import Diagnosis
from tcptrace_py.findings.finding import Finding
from tcptrace_py.findings.group import GROUPS
from tcptrace_py.report.model.builder import Sink
from tcptrace_py.report.model.model import Report, Source
from tcptrace_py.run.finished import report_finished
from tcptrace_py.run.partial import Partial
from tcptrace_py.run.replay import Replay
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint

#: A transition taken: endpoint, from state, to state, basis (-1: taken back), time in ns, frame id.
Move = tuple[Endpoint, int, int, int, int, int]

# No id of a connection is as high.
_ALL = (1 << 63) - 1
# Connections handed over at once when the capture ends.
_HANDED_OVER = 256


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
    with the transitions that endpoints took, before their connections are given back. ``part`` of ``parts``:
    all frames are fed, but only the connections of that part are followed; then ``partial`` is what
    counts, and ``report`` is for whoever merges them. ``culprits``: listed at most for one kind of finding.
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
        part: int = 0,
        parts: int = 1,
        culprits: int = GROUPS,
    ) -> None:
        self.settings = settings
        self._culprits = culprits
        self.replay = Replay(settings, stats, peers, part, parts)
        self.tracker = self.replay.tracker
        self.partial = Partial(settings, connections, self.tracker, sink, culprits)
        self._sink = sink
        self._tells_all = part == 0
        self._moved = moved
        if moved is not None:
            self.tracker.transitions.moves = []
        elif not connections and sink is None:
            self.tracker.attempts_wait = True
        if parts > 1:
            self.tracker.begins = self.partial.begins
            if self.tracker.peers is not None:
                self.tracker.peers.begins = self.partial.stream_begins

    def feed(self, batch: FrameBatch, source: int, lo: int, hi: int) -> None:
        """Frames ``lo <= i < hi`` of a batch from the input of index ``source``."""
        self.replay.run(batch, source, lo, hi)
        self.drain()

    def drain(self, at_end: bool = False) -> None:
        """Take what has finished from the tracker: findings, counts, records."""
        tracker, partial = self.tracker, self.partial
        if self._moved is not None and (moves := tracker.transitions.moves):
            tracker.transitions.moves = []
            self._moved(moves)
        if tracker.finished or tracker.attempts_wait:
            report_finished(
                tracker, partial.diagnosis, partial.builder, partial.connections, at_end, partial.undecided
            )

    def decide(self) -> None:
        """Whoever waits for listeners to be known waits no longer: the capture may never end."""
        self.partial.decide(self._sink)
        self.tracker.undecided_below = _ALL

    def end(self, end_ns: int = 0) -> None:
        """No frame follows: clocks run to the capture's last moment, all that is open is handed over.

        ``end_ns``: the last moment, where others have seen a later one.
        """
        self.tracker.tick(max(end_ns, self.end_ns))
        self.drain()
        more = True
        while more:
            # A few at a time: of a flood each is small only until it is handed over.
            more = self.tracker.end(_HANDED_OVER)
            self.drain(at_end=True)
        replay, counts = self.replay, self.partial.counts
        replay.settle()
        self.partial.presence.merge(replay.presence)
        self.partial.defects.merge(self.tracker.defects)
        counts.tcp_segments = replay.decoder.tcp_segments
        if replay.packets:
            counts.first_ns, counts.last_ns = replay.first_ns, self.end_ns
        if self._tells_all:
            counts.packets = replay.packets
            counts.skipped = replay.decoder.skipped()
            counts.unread = dict(replay.decoder.unread)

    @property
    def end_ns(self) -> int:
        """The capture's time now: that of its latest frame, or of a clock that live capture let run on."""
        return max(self.replay.last_ns, self.tracker.last_ns)

    def findings(self, open_ones: Sequence[Connection]) -> list[Finding]:
        """Findings as of now, with ``open_ones``: the suspects among the connections that are not over."""
        now_ns = self.tracker.last_ns
        # Those over are diagnosed once and for all; those still there anew each time.
        passing = Diagnosis(self.settings, self.tracker.gaps, self._culprits)
        for connection in open_ones:
            passing.look(connection, True, now_ns)
        waiting = Diagnosis(self.settings, self.tracker.gaps)
        for _ in self.partial.look_at_undecided(waiting):
            pass
        passing.merge(waiting)
        passing.merge(self.partial.diagnosis)
        decoder = self.replay.decoder
        malformed = decoder.skipped().get("malformed", 0)
        return passing.findings(self.tracker.time_wait, now_ns, damaged(malformed, decoder.tcp_segments))

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
        return self.partial.finish(
            sources_of(inputs),
            packets=sum(each.packets for each in inputs),
            dropped=dropped,
            complete=complete,
            warnings=list(warnings),
            bpf=bpf,
            allow_undecoded=allow_undecoded,
            sink=self._sink,
        )


def sources_of(inputs: Sequence[Input]) -> list[Source]:
    """What the report says of its inputs."""
    return [
        Source(
            path=os.fspath(each.path),
            format=each.format,
            link_types=sorted(each.link_types),
            packets=each.packets,
            bytes=each.consumed_bytes,
        )
        for each in inputs
    ]


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
