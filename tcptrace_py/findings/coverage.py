"""What a capture cannot answer: how much of it was seen, and the warnings that say so."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from tcptrace_py.findings.wording import duration, moment, times

# Gaps that are told one by one.
_TOLD = 2


class Gap(Struct, gc=False):
    """A silence of the whole capture, from its last packet before to its first one after."""

    begin_ns: int
    end_ns: int


class Coverage(Struct):
    """How much was seen of what passed.

    ``gaps``: silences of the whole capture of ten minutes or more, across which no duration is counted;
    never where it is live.
    """

    gaps: list[Gap] = []


def warnings(coverage: Coverage) -> list[str]:
    """One line on each thing that the capture cannot answer."""
    return _gaps(coverage.gaps)


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
