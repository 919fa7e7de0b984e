"""Captures analyzed by many processes or machines: what `run.shuffle` does, by any executor."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, as_completed
from contextlib import ExitStack
from glob import glob
from typing import TypeVar

import fsspec

from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.presence import Presence
from tcptrace_py.report.model.model import Connection, Report
from tcptrace_py.run.captures import JobLost
from tcptrace_py.run.checkpoint import Named, opened
from tcptrace_py.run.owners import Owners, name_connection, name_owners
from tcptrace_py.run.partial import Counts, Partial
from tcptrace_py.run.shuffle import (
    Plan,
    Split,
    join_pieces,
    merge_partials,
    read_partial,
    replay_part,
    split_file,
)
from tcptrace_py.run.store import fetch, local_path, new_folder, one_line, place_in
from tcptrace_py.run.tables import keep_begins, write_records, write_table
from tcptrace_py.settings import Settings
from tcptrace_py.wire.place import PLACES

_T = TypeVar("_T")

#: Told when something is done: what (``reading``, ``following``, ``merging``), how many of how many, and what
#: these are.
Steps = Callable[[str, int, int, str], None]


def expand(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """URLs and paths with their globs expanded, in order; and a line on each that names nothing.

    Raises ``CaptureError`` where a URL needs a package that is not there.
    """
    found: list[str] = []
    problems: list[str] = []
    for path in paths:
        if not any(sign in path for sign in "*?[") or os.path.exists(path):
            found.append(path)
            continue
        try:
            if "://" in path:
                system, pattern = fsspec.core.url_to_fs(path)
                names = [system.unstrip_protocol(name) for name in sorted(system.glob(pattern))]
            else:
                names = sorted(glob(path))
        except (ImportError, ValueError) as error:
            raise CaptureError(f"{path}: {one_line(error)}") from error
        except Exception as error:
            problems.append(f"{path}: {one_line(error)}")
            continue
        if not names:
            problems.append(f"{path}: nothing there has such a name")
        found += names
    return found, problems


def analyze_by(
    executor: Executor,
    paths: Sequence[str],
    *,
    store: str,
    parts: int,
    settings: Settings | None = None,
    bpf: str | None = None,
    connections: bool = True,
    stats: bool = False,
    allow_undecoded: bool = False,
    progress: Steps | None = None,
    checkpoint: str | None = None,
    table: str | None = None,
) -> Report:
    """The report of captures, by ``executor``; the same as `analyze` gives of them.

    ``paths``: files, or URLs that fsspec opens where the executor runs. ``store``: a URL of a directory
    that all can write to; what this run puts there is taken away in the end. ``parts``: into how many the
    connections are split. A capture that can not be read, or only in part, is named in the warnings.
    ``checkpoint``: a directory, or a URL of one, that keeps what was read; the report is then of all
    captures that it has and those of ``paths`` (see `run.checkpoint`), and ``parts`` only of a new one.
    ``table``: a directory that is not there yet, or a URL of one, for the connections as Parquet, a file for
    each part.

    Raises ``CaptureError`` where none can be read, ``JobLost`` where the executor gives up or the store or
    the checkpoint can not be used.
    """
    shown, problems = expand(paths)
    # Workers are in other directories.
    captures = [Named(name if "://" in name else os.path.abspath(name), name) for name in shown]
    if not captures and checkpoint is None:
        raise CaptureError("\n".join(problems) or "no capture given")
    parts = max(1, min(parts, PLACES))
    with ExitStack() as stack:
        kept = None
        if checkpoint is not None:
            kept = stack.enter_context(opened(checkpoint, parts, bpf))
            parts, captures = kept.parts, kept.with_named(captures)
        place = stack.enter_context(place_in(store))
        plan = Plan(
            place,
            parts,
            settings or Settings(),
            bpf,
            connections,
            stats,
            None if kept is None else kept.url,
            table is not None,
        )
        splits = _split_all(executor, plan, captures, progress)
        if kept is not None:
            kept.forget([each for each, split in zip(captures, splits, strict=True) if split.source is None])
        warnings = problems + [line for split in splits for line in split.warnings]
        # An input that could not be opened has no place among the sources, as in `analyze`.
        readable = [split for split in splits if split.source is not None]
        if not readable:
            raise CaptureError("\n".join(warnings) or "no capture given")
        owners: Owners = {}
        for split in readable:
            for ends, process in split.owners:
                owners.setdefault(ends, process)
        whole = _follow(executor, plan, readable, owners, progress)
        dropped = [split.dropped for split in readable if split.dropped is not None]
        sources = [split.source for split in readable if split.source is not None]
        begins = whole.begins, whole.stream_begins
        late: list[Connection] = []
        report = whole.finish(
            sources,
            packets=sum(source.packets for source in sources),
            dropped=sum(dropped) if dropped else None,
            complete=not problems and all(split.complete for split in splits),
            warnings=warnings,
            bpf=bpf,
            allow_undecoded=allow_undecoded,
            sink=None if table is None else late.append,
        )
        name_owners(report, owners)
        if table is not None:
            for connection in late:
                connection.findings = whole.diagnosis.revise(connection.id, connection.findings)
                name_connection(connection, owners)
            keep_begins(plan.begins("whole"), begins, whole.diagnosis.revised)
            _write_table(executor, plan, late, table, progress)
    return report


def _follow(
    executor: Executor, plan: Plan, splits: Sequence[Split], owners: Owners, progress: Steps | None
) -> Partial:
    """All parts followed and merged, with what was counted when the captures were read."""
    end_ns = max((split.last_ns for split in splits if split.last_ns is not None), default=0)
    presence = Presence()
    for split in splits:
        for moments in split.present:
            presence.add(*moments)
    gaps = presence.gaps()
    sources = list(enumerate(splits))
    pieces = [
        (source, split.pieces_at(plan), split.pieces_checksum) for source, split in sources if split.pieces
    ]
    if pieces:
        sources += [(0, joined) for joined in _results([executor.submit(join_pieces, plan, pieces)])]
    replays = []
    for part in range(plan.parts):
        places = (split.rows_of(plan, part, source) for source, split in sources)
        rows = [each for each in places if each is not None]
        named = owners if plan.table else {}
        replays.append(executor.submit(replay_part, plan, part, rows, end_ns, gaps, named))
    partials = _results(replays, "following", "parts", progress)
    whole = read_partial(_merge_tree(executor, plan, partials, progress))
    whole.presence.merge(presence)
    for _, split in sources:
        whole.counts.merge(
            Counts(split.first_ns, split.last_ns, split.packets, 0, dict(split.skipped), dict(split.unread))
        )
    return whole


def _write_table(
    executor: Executor, plan: Plan, late: Sequence[Connection], target: str, progress: Steps | None
) -> None:
    """A file for each part into the directory ``target``, and one for the connections told last of all."""
    with new_folder(target) as folder:
        # A directory of this machine only this process can write to.
        here = local_path(folder) is not None
        place = plan.store if here else folder
        names = [f"part-{part:05}.parquet" for part in range(plan.parts + 1)]
        whole = plan.begins("whole")
        futures = [
            executor.submit(
                write_table, plan.spooled(part), plan.begins(str(part)), whole, f"{place}/{names[part]}"
            )
            for part in range(plan.parts)
        ]
        _results(futures, "writing", "files", progress)
        write_records(late, f"{place}/{names[-1]}")
        if here:
            for name in names:
                fetch(f"{place}/{name}", f"{folder}/{name}")


def _split_all(
    executor: Executor, plan: Plan, captures: Sequence[Named], progress: Steps | None
) -> list[Split]:
    """Each capture split, and named in all that is said of it as the user did."""
    futures = [executor.submit(split_file, plan, each.path) for each in captures]
    splits = _results(futures, "reading", "files", progress)
    for split, capture in zip(splits, captures, strict=True):
        path, shown = capture.path, capture.shown
        if split.source is not None:
            split.source.path = shown
        split.warnings = [
            shown + line.removeprefix(path) if line.startswith(f"{path}:") else line
            for line in split.warnings
        ]
    return splits


def _merge_tree(executor: Executor, plan: Plan, urls: Sequence[str], progress: Steps | None) -> str:
    """Two and two, in turn, until one is left."""
    level = 0
    waiting = list(urls)
    while len(waiting) > 1:
        level += 1
        futures = [
            executor.submit(merge_partials, plan, f"{level}-{number}", *pair)
            for number, pair in enumerate(zip(waiting[::2], waiting[1::2], strict=False))
        ]
        odd = waiting[len(futures) * 2 :]
        waiting = [*_results(futures, "merging", "pairs", progress), *odd]
    return waiting[0]


def _results(
    futures: Sequence[Future[_T]], doing: str = "", of: str = "", progress: Steps | None = None
) -> list[_T]:
    """What came out of each; the first that failed ends the run."""
    for done, future in enumerate(as_completed(futures), 1):
        try:
            future.result()
        except (CaptureError, JobLost):
            raise
        except Exception as error:
            # What a step could not read or write it says itself; these come from whoever runs it.
            theirs = type(error).__module__.partition(".")[0] in ("distributed", "concurrent")
            if theirs or isinstance(error, (OSError, BrokenExecutor)):
                raise JobLost(f"a step of the run was lost: {one_line(error)}") from error
            raise
        if progress is not None:
            progress(doing, done, len(futures), of)
    return [future.result() for future in futures]
