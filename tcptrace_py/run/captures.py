"""Capture files opened together: what `analyze` and `single` read, in the order of time."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from tcptrace_py.capture.batch import FrameBatch
from tcptrace_py.capture.merge import merge
from tcptrace_py.capture.source import Reader, open_sources
from tcptrace_py.capture.stop import Stop
from tcptrace_py.run.cores import WAIT_S, read_ahead, worth_a_thread

if TYPE_CHECKING:
    from tcptrace_py.capture.bpf import BpfFilter

#: Told now and then while reading: bytes read, bytes in all (None for a pipe), packets.
Progress = Callable[[int, int | None, int], None]


class JobLost(RuntimeError):
    """A process that shared the work ended before its part was done; the text is one line."""


class Captures:
    """A context manager: the files are open inside of it.

    ``stop``: where it is asked for, reading ends early; of a pipe that is its end, of a file the rest is
    missing.
    ``bpf``: a filter in libpcap's syntax. Raises ``CaptureError`` where it does not compile, which is the
    caller's mistake and found before anything is opened, or where none of the files can be opened.
    """

    def __init__(
        self, paths: Sequence[str | os.PathLike[str]], bpf: str | None = None, stop: Stop | None = None
    ) -> None:
        self._filter: BpfFilter | None = None
        if bpf is not None:
            from tcptrace_py.capture.bpf import BpfFilter

            self._filter = BpfFilter(bpf)
        self._stop = stop
        #: Asked after each run, with how many there were: whether another may be read.
        self.goes_on: Callable[[int], bool] | None = None
        self._unread = False
        #: Python's own, where it is to be set again.
        self._switch_s = 0.0
        self.readers, self._unopened = open_sources(paths, stop)

    def __enter__(self) -> Captures:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reader in self.readers:
            reader.close()
        if self._switch_s:
            sys.setswitchinterval(self._switch_s)

    def can_read_ahead(self) -> bool:
        """Whether ``read_ahead`` changes anything. A filter looks into all frames, so not with one."""
        return self._filter is None and bool(worth_a_thread(self.readers))

    def read_ahead(self) -> None:
        """Large files are read and decoded in threads of their own, where that pays: see `cores`."""
        if self._filter is None and read_ahead(self.readers):
            self._switch_s = sys.getswitchinterval()
            sys.setswitchinterval(WAIT_S)

    def runs(self, progress: Progress | None = None) -> Iterator[tuple[int, FrameBatch, int, int]]:
        """Runs of frames ``(source, batch, lo, hi)`` that pass the filter, in the order of time."""
        for source, batch, lo, hi in self._told(progress):
            if self._filter is None:
                yield source, batch, lo, hi
            else:
                for begin, end in self._filter.runs(batch, lo, hi):
                    yield source, batch, begin, end

    def _told(self, progress: Progress | None) -> Iterator[tuple[int, FrameBatch, int, int]]:
        runs = self._until_asked()
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

    def _until_asked(self) -> Iterator[tuple[int, FrameBatch, int, int]]:
        for number, run in enumerate(merge(self.readers), 1):
            yield run
            if self.goes_on is not None:
                if not self.goes_on(number):
                    self._unread = True
                    return
            elif self._stop is not None and self._stop.asked and any(self._files()):
                self._unread = True
                return

    def _files(self) -> Iterator[int]:
        """Sizes of the inputs that are files: they have a rest that can be missing."""
        for reader in self.readers:
            if reader.size_bytes is not None:
                yield reader.size_bytes

    @property
    def stopped(self) -> bool:
        return self._stop is not None and self._stop.asked

    @property
    def paths(self) -> list[str]:
        return [os.fspath(reader.path) for reader in self.readers]

    @property
    def complete(self) -> bool:
        """All files could be opened, and read to their ends."""
        if self._unopened or self._unread:
            return False
        return all(self._problem(reader) is None for reader in self.readers)

    def _problem(self, reader: Reader) -> str | None:
        """Why the input ended too early. A pipe that was to end there may end within a packet."""
        return None if self.stopped and reader.size_bytes is None else reader.problem

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
            problem = self._problem(reader)
            if problem is not None:
                lines.append(problem)
        if self.stopped:
            what = "; the rest was not read" if self._unread else ""
            lines.append(f"interrupted: the capture ends here{what}")
        if self._filter is not None:
            lines += self._filter.warnings
        return lines
