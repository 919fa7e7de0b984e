"""What a capture cannot answer: how much of it was seen, and the warnings that say so."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.wording import duration, moment, times

# Gaps that are told one by one.
_TOLD = 2
# The capture is at fault where at least one of so many connections (or segments) is concerned.
_ONE_IN = 10
# Segments captured twice from which on it is no accident.
_MANY = 10


class Gap(Struct, gc=False):
    """A silence of the whole capture, from its last packet before to its first one after."""

    begin_ns: int
    end_ns: int


class Coverage(Struct):
    """How much was seen of what passed.

    ``connections``: of so many. ``one_direction``: of these only one side's packets were captured.
    ``midstream``: these were picked up after their handshake. ``missing``: in these, segments are missing
    that were acknowledged. ``only_flags``: of these nothing was captured but SYN, FIN
    and RST, ``closed`` is how many were closed by FIN at all. ``duplicates``: segments captured twice, of
    ``segments``. ``cut``: packets cut before the end of the TCP header. ``dropped``: packets that the kernel
    dropped before they were captured. ``backwards``: connections in which time stamps run backwards by more
    than 50 ms, each of them. ``gaps``: silences of the whole capture of ten minutes or more, across
    which no duration is counted; never where it is live.
    """

    connections: int = 0
    one_direction: int = 0
    midstream: int = 0
    missing: int = 0
    closed: int = 0
    only_flags: int = 0
    segments: int = 0
    duplicates: int = 0
    cut: int = 0
    dropped: int = 0
    backwards: int = 0
    gaps: list[Gap] = []

    @property
    def whole(self) -> bool:
        """Both directions, and no gaps: nothing that passed is known to be missing."""
        lacks = self.one_direction or self.missing or self.filtered or self.cut or self.dropped or self.gaps
        # Without connections it is of a report that was written before there was a coverage.
        return self.connections > 0 and not lacks

    @property
    def enough(self) -> bool:
        """Where nothing is found, may that be said to be well?"""
        return not (self.mostly(self.one_direction) or self.mostly(self.missing) or self.filtered)

    @property
    def filtered(self) -> bool:
        """By its looks, only SYN, FIN and RST were captured."""
        return 0 < self.closed <= self.only_flags

    def mostly(self, connections: int) -> bool:
        """Are so many connections a part of all that matters?"""
        return connections > 0 and connections * _ONE_IN >= self.connections


def covered(knowledge: Knowledge, gaps: list[Gap], cut: int, dropped: int) -> Coverage:
    """``cut`` and ``dropped``: packets, as in `Coverage`."""
    return Coverage(
        connections=knowledge.connections,
        one_direction=knowledge.in_one_direction(),
        midstream=knowledge.midstream,
        missing=knowledge.holed,
        closed=knowledge.closed,
        only_flags=knowledge.flagged,
        segments=knowledge.segments,
        duplicates=knowledge.duplicates,
        cut=cut,
        dropped=dropped,
        backwards=knowledge.shuffled,
        gaps=gaps,
    )


def warnings(coverage: Coverage) -> list[str]:
    """One line on each thing that the capture cannot answer."""
    lines = _gaps(coverage.gaps)
    if coverage.mostly(coverage.one_direction):
        of = _of(coverage.one_direction, coverage)
        lines.append(f"one direction only of {of}: what the other side did is not seen")
    if coverage.filtered:
        lines.append("only SYN, FIN and RST were captured: data, silences and what was lost are not seen")
    elif coverage.mostly(coverage.missing):
        lines.append(f"segments are missing in {_of(coverage.missing, coverage)}: states there are less sure")
    if coverage.mostly(coverage.midstream):
        lines.append(f"begun before the capture, or unseen by it: {_of(coverage.midstream, coverage)}")
    if coverage.duplicates >= _MANY and coverage.duplicates * _ONE_IN >= coverage.segments:
        of = f"{coverage.duplicates:,} of {times(coverage.segments, 'segment')}"
        lines.append(f"{of} captured twice (a mirror port, or -i any): counted once")
    if coverage.mostly(coverage.backwards):
        of = _of(coverage.backwards, coverage)
        lines.append(f"times run backwards in {of} (frames out of order, or two clocks)")
    if coverage.cut:
        lines.append(f"{times(coverage.cut, 'packet')} cut before the end of the TCP header (snap length)")
    if coverage.dropped:
        lines.append(f"the kernel dropped {times(coverage.dropped, 'packet')} before they were captured")
    return lines


def _of(connections: int, coverage: Coverage) -> str:
    if connections == coverage.connections:
        return f"all {connections:,} connections" if connections > 1 else "the one connection"
    return f"{connections:,} of {coverage.connections:,} connections"


def _gaps(gaps: Sequence[Gap]) -> list[str]:
    if not gaps:
        return []
    told = [
        f"{duration(gap.end_ns - gap.begin_ns)} from {moment(gap.begin_ns)}"
        for gap in sorted(gaps, key=lambda gap: gap.begin_ns - gap.end_ns)[:_TOLD]
    ]
    left = len(gaps) - len(told)
    more = f", and {times(left, 'more gap')}" if left else ""
    return [f"no packet at all for {' and '.join(told)}{more}: no duration is counted across that"]
