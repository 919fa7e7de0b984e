"""Capture files opened together: what `analyze` and `single` read, in the order of time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from tcptrace_py.capture.batch import FrameBatch
from tcptrace_py.capture.merge import merge
from tcptrace_py.capture.source import open_sources

if TYPE_CHECKING:
    from tcptrace_py.capture.bpf import BpfFilter

#: Told now and then while reading: bytes read, bytes in all (None for a pipe), packets.
Progress = Callable[[int, int | None, int], None]


class Captures:
    """A context manager: the files are open inside of it.

    ``bpf``: a filter in libpcap's syntax. Raises ``CaptureError`` where it does not compile, which is the
    caller's mistake and found before anything is opened, or where none of the files can be opened.
    """

    def __init__(self, paths: Sequence[str | os.PathLike[str]], bpf: str | None = None) -> None:
        self._filter: BpfFilter | None = None
        if bpf is not None:
            from tcptrace_py.capture.bpf import BpfFilter

            self._filter = BpfFilter(bpf)
        self.readers, self._unopened = open_sources(paths)

    def __enter__(self) -> Captures:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reader in self.readers:
            reader.close()

    def runs(self, progress: Progress | None = None) -> Iterator[tuple[int, FrameBatch, int, int]]:
        """Runs of frames ``(source, batch, lo, hi)`` that pass the filter, in the order of time."""
        for source, batch, lo, hi in self._told(progress):
            if self._filter is None:
                yield source, batch, lo, hi
            else:
                for begin, end in self._filter.runs(batch, lo, hi):
                    yield source, batch, begin, end

    def _told(self, progress: Progress | None) -> Iterator[tuple[int, FrameBatch, int, int]]:
        runs = merge(self.readers)
        if progress is None:
            yield from runs
            return
        sizes = [reader.size_bytes for reader in self.readers]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        for run in runs:
            yield run
            progress(
                sum(reader.consumed_bytes for reader in self.readers),
                total,
                sum(reader.packets for reader in self.readers),
            )

    @property
    def paths(self) -> list[str]:
        return [os.fspath(reader.path) for reader in self.readers]

    @property
    def complete(self) -> bool:
        """All files could be opened, and read to their ends."""
        return not self._unopened and all(reader.problem is None for reader in self.readers)

    @property
    def unopened(self) -> list[str]:
        """A line on each file that could not be opened."""
        return list(self._unopened)

    @property
    def warnings(self) -> list[str]:
        """What is missing, and what may mislead; final once everything is read."""
        lines = self.unopened
        for reader in self.readers:
            lines += reader.warnings
            if reader.problem is not None:
                lines.append(reader.problem)
        if self._filter is not None:
            lines += self._filter.warnings
        return lines
