"""What one part of a capture adds to the report, as a value that merges with those of the other parts.

A part holds all segments of its four-tuples. ``merge`` is associative and commutative, whoever read which
part, in whatever order they come; ``finish`` makes the report of all that was merged.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from tcptrace_py.capture.linktype import link_type_name
from tcptrace_py.capture.presence import NO_GAPS, Gaps, Presence
from tcptrace_py.defects import Defects
from tcptrace_py.findings.coverage import Coverage, Gap, covered
from tcptrace_py.findings.coverage import warnings as told
from tcptrace_py.findings.damage import damaged
from tcptrace_py.findings.diagnosis import Diagnosis
from tcptrace_py.findings.group import GROUPS
from tcptrace_py.report.model.builder import ReportBuilder, Sink
from tcptrace_py.report.model.model import Capture, Report, Skipped, Source, Undecoded
from tcptrace_py.report.model.ranks import interleave
from tcptrace_py.run.finished import Undecided
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.roles import MOST_UNDECIDED, Listeners
from tcptrace_py.tcp.time_wait import TimeWait
from tcptrace_py.tcp.tracker import Tracker
from tcptrace_py.tcp.two_clocks import TwoClocks
from tcptrace_py.wire.undecoded import KEY_SHIFT, LINK_TYPE, mostly_unread, undecoded

Kinds = tuple[str, ...]

# Kinds of what was not decoded that a warning names.
_NAMED = 5


@dataclass(slots=True)
class Counts:
    """What was read, not of which connection it is. Of each frame one part tells, but for the times."""

    first_ns: int | None = None
    last_ns: int | None = None
    packets: int = 0
    tcp_segments: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    #: Frames by what in them no decoder knows: a key of ``wire.undecoded``.
    unread: dict[int, int] = field(default_factory=dict)

    def merge(self, other: Counts) -> None:
        firsts = [ns for ns in (self.first_ns, other.first_ns) if ns is not None]
        lasts = [ns for ns in (self.last_ns, other.last_ns) if ns is not None]
        self.first_ns = min(firsts, default=None)
        self.last_ns = max(lasts, default=None)
        self.packets += other.packets
        self.tcp_segments += other.tcp_segments
        for why, count in other.skipped.items():
            self.skipped[why] = self.skipped.get(why, 0) + count
        for key, count in other.unread.items():
            self.unread[key] = self.unread.get(key, 0) + count

    def blind(self) -> bool:
        """Nothing, or less than half of what carries IP, could be decoded."""
        cut = self.skipped.get("truncated", 0) + self.skipped.get("malformed", 0)
        read = self.tcp_segments + sum(self.skipped.values()) - cut
        return mostly_unread(self.unread, cut, read, self.tcp_segments)


class Partial:
    """A new one is the empty element. ``connections``: the report lists them.

    ``begins`` and ``stream_begins`` say when connections and Wireshark's streams began, in the order of
    their numbers (see ``report.model.ranks``); only who has them can be merged. ``tracker``: what it counts
    is part of this. It can be pickled once its tracker is done.
    """

    def __init__(
        self,
        settings: Settings,
        connections: bool,
        tracker: Tracker | None = None,
        sink: Sink | None = None,
        culprits: int = GROUPS,
    ) -> None:
        self.settings = settings
        self.connections = connections
        self.counts = Counts()
        gaps = NO_GAPS if tracker is None else tracker.gaps
        self.builder = ReportBuilder(sink=sink, gaps=gaps)
        self.diagnosis = Diagnosis(settings, gaps, culprits)
        #: When there were frames of any part.
        self.presence = Presence()
        self.time_wait = TimeWait(0) if tracker is None else tracker.time_wait
        self.listeners = Listeners() if tracker is None else tracker.listeners
        self.undecided: list[Undecided] = []
        #: What failed in the tracker; the diagnosis and the builder note their own.
        self.defects = Defects()
        self.two_clocks = TwoClocks() if tracker is None else tracker.two_clocks
        self.begins = array("q")
        self.stream_begins = array("q")

    def merge(self, other: Partial) -> None:
        """Take in another part; the other one is used up."""
        self.begins, my_numbers, its_numbers = interleave(self.begins, other.begins)
        self.stream_begins, my_streams, its_streams = interleave(self.stream_begins, other.stream_begins)
        self._renumber(my_numbers, my_streams)
        other._renumber(its_numbers, its_streams)
        self.counts.merge(other.counts)
        self.presence.merge(other.presence)
        self.builder.merge(other.builder)
        self.diagnosis.merge(other.diagnosis)
        self.time_wait.merge(other.time_wait)
        self.listeners.merge(other.listeners)
        self.defects.merge(other.defects)
        self.two_clocks.add(other.two_clocks)
        self.undecided = sorted(self.undecided + other.undecided, key=_id)

    def _renumber(self, numbers: list[int], streams: list[int]) -> None:
        self.builder.renumber(numbers, streams)
        self.diagnosis.renumber(numbers)
        self.time_wait.renumber(numbers)
        listed = [connection.compat for connection, _ in self.undecided]
        for stream in {compat.stream for compat in listed if compat is not None}:
            if stream is not None:
                stream.number = streams[stream.number]
        for connection, _ in self.undecided:
            connection.id = numbers[connection.id]
            if connection.rare.reuse_of >= 0:
                connection.own_rare().reuse_of = numbers[connection.rare.reuse_of]
            if connection.rare.reused_by >= 0:
                connection.own_rare().reused_by = numbers[connection.rare.reused_by]

    def __getstate__(self) -> dict[str, object]:
        for connection, _ in self.undecided:
            # Which stream the next segment would be in is no matter any more.
            compat = connection.compat
            if compat is not None:
                compat.stream_now = None
                if compat.stream is not None:
                    compat.stream.newer = None
        return self.__dict__

    def look_at_undecided(self, diagnosis: Diagnosis) -> Iterator[tuple[Connection, Kinds]]:
        """Guess the roles of those that wait for the listeners, by those that are known, and look at them.

        Each is given with the kinds of finding that it takes part in.
        """
        nobody = Listeners()
        self.listeners.prune()
        for number, (connection, at_end) in enumerate(sorted(self.undecided, key=_id)):
            # Of several parts each has kept as many as the whole may.
            (self.listeners if number < MOST_UNDECIDED else nobody).guess(connection)
            yield connection, diagnosis.look(connection, at_end, connection.over_ns)

    def decide(self, sink: Sink | None = None) -> None:
        """All listeners are known: what has waited for them is counted, and told to ``sink``."""
        gaps = Gaps(self.presence.gaps())
        diagnosis = Diagnosis(self.settings, gaps)
        builder = ReportBuilder(sink=sink, gaps=gaps)
        for connection, kinds in self.look_at_undecided(diagnosis):
            builder.add(connection, kinds, self.connections)
        self.undecided = []
        self.diagnosis.merge(diagnosis)
        self.builder.merge(builder)

    def finish(
        self,
        sources: list[Source],
        *,
        packets: int,
        dropped: int | None,
        complete: bool,
        warnings: list[str],
        bpf: str | None = None,
        allow_undecoded: bool = False,
        sink: Sink | None = None,
    ) -> Report:
        """The report. ``packets``: all that were read, those that the filter ``bpf`` left out too."""
        self.decide(sink)
        counts = self.counts
        coverage = self._coverage(dropped)
        capture = Capture(
            sources=sources,
            first_ns=counts.first_ns,
            last_ns=counts.last_ns,
            packets=packets,
            tcp_segments=counts.tcp_segments,
            skipped=Skipped(**counts.skipped, filtered=packets - counts.packets),
            dropped_by_kernel=dropped,
            complete=complete,
            warnings=[*warnings, *_unknown_links(counts.unread), *self._two_clocks(), *told(coverage)],
            filter=bpf,
            undecoded=[Undecoded(each.name, each.packets) for each in undecoded(counts.unread)],
            coverage=coverage,
        )
        malformed = counts.skipped.get("malformed", 0)
        findings = self.diagnosis.findings(
            self.time_wait, counts.last_ns or 0, damaged(malformed, counts.tcp_segments)
        )
        if self.diagnosis.revised:
            self.builder.revise(self.diagnosis.revise)
        for defects in (self.diagnosis.defects, self.builder.defects):
            self.defects.merge(defects)
        capture.defects = self.defects.count
        capture.decoded = allow_undecoded or not counts.blind()
        if not capture.decoded:
            capture.warnings.append(_blind(capture))
        capture.complete = complete and capture.decoded and not self.defects.count
        capture.warnings += self.defects.lines()
        knowledge = self.diagnosis.knowledge
        return self.builder.finish(
            capture,
            findings,
            self.time_wait,
            self.settings,
            keep=self.connections,
            known=lambda key: knowledge.service(*key),
        )

    def _coverage(self, dropped: int | None) -> Coverage:
        gaps = [Gap(begin_ns, end_ns) for begin_ns, end_ns in self.presence.gaps()]
        return covered(self.diagnosis.knowledge, gaps, self.counts.skipped.get("truncated", 0), dropped or 0)

    def _two_clocks(self) -> list[str]:
        return [self.two_clocks.warning()] if self.two_clocks.differ() else []


def _id(undecided: Undecided) -> int:
    return undecided[0].id


def _unknown_links(unread: dict[int, int]) -> list[str]:
    unknown = sorted(key & 0xFFFFFFFF for key in unread if key >> KEY_SHIFT == LINK_TYPE)
    return [f"frames of link type {link_type_name(each)} are not decoded" for each in unknown]


def _blind(capture: Capture) -> str:
    """One line on why next to nothing could be decoded."""
    named = [f"{each.what}: {each.count:,}" for each in capture.undecoded[:_NAMED]]
    skipped = capture.skipped
    for name, count in (("truncated", skipped.truncated), ("malformed", skipped.malformed)):
        if count:
            named.append(f"{name}: {count:,}")
    return f"most of the {capture.packets:,} packets could not be decoded ({'; '.join(named)})"
