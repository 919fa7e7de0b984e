"""Captures analyzed by several processes: each reads all of them and follows a part of the connections.

Skipping a segment that is another part's takes a small part of what following it takes, so nothing has to be
passed between the processes but what comes out: a `Partial` each.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess
from time import monotonic
from typing import Any

from tcptrace_py.report.model.model import Report
from tcptrace_py.run.captures import Captures, JobLost, Progress
from tcptrace_py.run.partial import Partial
from tcptrace_py.run.session import Session, no_cycle_collection, sources_of
from tcptrace_py.settings import Settings

# How often the first process looks after the others.
_LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Work:
    """What all processes are asked to do, each for its part."""

    paths: tuple[str, ...]
    settings: Settings
    bpf: str | None
    connections: bool
    stats: bool


def analyze_parts(
    work: Work, opened: Captures, jobs: int, progress: Progress | None, allow_undecoded: bool = False
) -> Report:
    """The report of ``opened``, which are ``work.paths``, by ``jobs`` processes: this one and others.

    Raises ``JobLost``. However it ends, the others have ended as well.
    """
    # A copy of this process has the engine loaded; elsewhere than on Linux it is not safe.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    pace = Pace(context, jobs)
    helpers = [_Helper(context, work, part, jobs, pace) for part in range(1, jobs)]

    def goes_on(runs: int) -> bool:
        return pace.goes_on(0, runs, opened.stopped)

    opened.goes_on = goes_on

    look_at_s = 0.0

    def watch(bytes_done: int, bytes_total: int | None, packets: int) -> None:
        nonlocal look_at_s
        if monotonic() >= look_at_s:
            look_at_s = monotonic() + _LOOK_S
            for helper in helpers:
                helper.check()
        if progress is not None:
            progress(bytes_done, bytes_total, packets)

    try:
        mine, last_ns = read_part(work, opened, 0, jobs, watch)
        changed = False
        waiting = [mine]
        for helper in helpers:
            its_partial, its_last_ns = helper.result()
            changed = changed or its_last_ns != last_ns
            waiting.append(its_partial)
    finally:
        for helper in helpers:
            helper.end()
    warnings = opened.warnings
    if changed:
        warnings.append("the input has changed while it was read: the jobs have not read the same")
    known = [reader.dropped_by_kernel for reader in opened.readers if reader.dropped_by_kernel is not None]
    return merge_all(waiting).finish(
        sources_of(opened.readers),
        packets=sum(reader.packets for reader in opened.readers),
        dropped=sum(known) if known else None,
        complete=opened.complete and not changed,
        warnings=warnings,
        bpf=work.bpf,
        allow_undecoded=allow_undecoded,
    )


def merge_all(partials: Sequence[Partial]) -> Partial:
    """All merged, as a tree."""
    waiting = list(partials)
    while len(waiting) > 1:
        for into, other in zip(waiting[::2], waiting[1::2], strict=False):
            into.merge(other)
        waiting = waiting[::2]
    return waiting[0]


def read_part(
    work: Work, opened: Captures, part: int, parts: int, progress: Progress | None = None
) -> tuple[Partial, tuple[int, int]]:
    """One part of captures, to their end; and how much was read, for a comparison: packets, last moment."""
    session = Session(
        work.settings,
        connections=work.connections,
        stats=work.stats,
        peers=work.connections,
        part=part,
        parts=parts,
    )
    with no_cycle_collection():
        for source, batch, lo, hi in opened.runs(progress):
            session.feed(batch, source, lo, hi)
        session.end()
    return session.partial, (session.replay.packets, session.end_ns)


class Pace:
    """Lets all processes stop after the same frame, where they are asked to stop early."""

    def __init__(self, context: Any, jobs: int) -> None:
        self._lock = context.Lock()
        #: For each process how many runs it reads at least; last, how many are read in all, once settled.
        self._runs = context.RawArray("q", jobs + 1)

    def goes_on(self, part: int, runs: int, stopped: bool = False) -> bool:
        """After so many ``runs``: whether this part reads one more. ``stopped``: it wishes that none did."""
        with self._lock:
            if stopped and not self._runs[-1]:
                self._runs[-1] = max(*self._runs[:-1], runs)
            if self._runs[-1] and runs >= self._runs[-1]:
                return False
            self._runs[part] = runs + 1
            return True


class _Helper:
    """A process that reads one part."""

    def __init__(self, context: Any, work: Work, part: int, parts: int, pace: Pace) -> None:
        self._pipe, theirs = context.Pipe(duplex=False)
        self._process: BaseProcess = context.Process(
            target=_help, args=(theirs, work, part, parts, pace), daemon=True
        )
        self._process.start()
        theirs.close()
        self._answer: Any = None

    def check(self) -> None:
        """Raises ``JobLost`` where the process has ended without an answer: no use in going on."""
        if self._answer is None and not self._process.is_alive():
            self._answer = self._receive()

    def result(self) -> tuple[Partial, tuple[int, int]]:
        answer = self._receive() if self._answer is None else self._answer
        if isinstance(answer, BaseException):
            raise answer
        found: tuple[Partial, tuple[int, int]] = answer
        return found

    def _receive(self) -> Any:
        try:
            return self._pipe.recv()
        except EOFError:
            self._process.join()
        code = self._process.exitcode or 0
        why = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        raise JobLost(f"a process of --jobs ended before its part was done ({why})")

    def end(self) -> None:
        self._pipe.close()
        if self._process.is_alive():
            self._process.kill()
        self._process.join()


def _help(pipe: Pipe, work: Work, part: int, parts: int, pace: Pace) -> None:
    # Ctrl-C, and the SIGTERM of ``timeout``, reach all of them, and are for the one that the user sees, which
    # then ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with Captures(work.paths, work.bpf) as opened:
            opened.goes_on = partial(pace.goes_on, part)
            answer: object = read_part(work, opened, part, parts)
    except Exception as error:
        answer = error
    try:
        pipe.send(answer)
    except BrokenPipeError:
        pass
    # Nothing is taken apart first: that takes longer than the work of a small part.
    os._exit(0)
