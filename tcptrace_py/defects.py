"""What failed inside of tcptrace-py: noted here, so that it does not cost the report of all the rest."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from tcptrace_py.wire.frame_id import frame_number, frame_source

# Different failures that are named; the others are counted.
_NAMED = 8
_ISSUES = "https://tcptrace-py.example.org/issues"


class Defect(NamedTuple):
    """One failure: what it cost, the frame ids that show it, the exception and its place."""

    frames: tuple[int, ...]
    what: str
    error: str


class Defects:
    """Failures, each kind by its earliest frames. A value: ``merge`` is associative and commutative."""

    def __init__(self) -> None:
        self.count = 0
        self._kinds: dict[str, Defect] = {}

    def note(self, what: str, frames: Iterable[int], error: Exception) -> None:
        """``what`` is missing in the report because of ``error``, on these frames (0 is no frame)."""
        self.count += 1
        named = tuple(sorted({frame for frame in frames if frame}))
        self._keep(Defect(named, what, f"{type(error).__name__}: {error}{_place(error)}"))

    def merge(self, other: Defects) -> None:
        """Take in what another one noted; that one stays as it is."""
        self.count += other.count
        for defect in other._kinds.values():
            self._keep(defect)

    def _keep(self, defect: Defect) -> None:
        known = self._kinds.get(defect.error)
        if known is None or defect < known:
            self._kinds[defect.error] = defect
        if len(self._kinds) > _NAMED:
            del self._kinds[max(self._kinds, key=lambda error: self._kinds[error])]

    def lines(self) -> list[str]:
        """A line each, the earliest first, and one that asks for a report of them."""
        if not self.count:
            return []
        lines = [
            f"{each.what} failed{_frames(each.frames)}: {each.error}" for each in sorted(self._kinds.values())
        ]
        how_often = f" ({self.count:,} times)" if self.count > len(lines) else ""
        lines.append(
            f"that is a defect of tcptrace-py, not of the capture{how_often}; all else is reported."
            f" Please report these lines, with those frames if you can: {_ISSUES}"
        )
        return lines


def _place(error: Exception) -> str:
    trace = error.__traceback__
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({os.path.basename(trace.tb_frame.f_code.co_filename)}, line {trace.tb_lineno})"


def _frames(frames: tuple[int, ...]) -> str:
    if not frames:
        return ""
    by_source: dict[int, list[str]] = {}
    for frame in frames:
        by_source.setdefault(frame_source(frame), []).append(str(frame_number(frame)))
    named = []
    for source, numbers in by_source.items():
        text = f"frame {numbers[0]}" if len(numbers) == 1 else f"frames {', '.join(numbers)}"
        named.append(text if source == 0 else f"{text} of input {source + 1}")
    return f" at {' and '.join(named)}"
