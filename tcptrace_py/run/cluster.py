"""Captures analyzed by many machines: what `run.shuffle` does, run by Dask or any other executor."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, as_completed
from contextlib import contextmanager, suppress
from glob import glob
from importlib import import_module
from typing import Any, TypeVar

import fsspec

from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.presence import Presence
from tcptrace_py.report.model.model import Report
from tcptrace_py.run.captures import JobLost, Progress
from tcptrace_py.run.shuffle import Plan, Split, merge_partials, read_partial, replay_part, split_file
from tcptrace_py.settings import Settings
from tcptrace_py.wire.place import PLACES

_T = TypeVar("_T")

# For a scheduler to answer, and for its first worker.
_PATIENCE_S = 10
#: ``--cluster`` with this word starts Dask's own cluster on this machine.
LOCAL = "local"


def expand(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """URLs and paths with their globs expanded, in order; and a line on each that names nothing.

    Raises ``CaptureError`` where a URL needs a package that is not there.
    """
    found: list[str] = []
    problems: list[str] = []
    for path in paths:
        if not any(sign in path for sign in "*?["):
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


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


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
    progress: Progress | None = None,
) -> Report:
    """The report of captures, by ``executor``; the same as `analyze` gives of them.

    ``paths``: files, or URLs that fsspec opens where the executor runs. ``store``: a URL of a directory
    that all can write to; what this run puts there is taken away in the end. ``parts``: into how many the
    connections are split. A capture that can not be read, or only in part, is named in the warnings.

    Raises ``CaptureError`` where none can be read, ``JobLost`` where the executor gives up.
    """
    shown, problems = expand(paths)
    # Workers are in other directories.
    names = [name if "://" in name else os.path.abspath(name) for name in shown]
    if not names:
        raise CaptureError("\n".join(problems) or "no capture given")
    parts = max(1, min(parts, PLACES))
    with _place_in(store) as place:
        plan = Plan(place, parts, settings or Settings(), bpf, connections, stats)
        splits = _split_all(executor, plan, names, progress)
        for split, opened, name in zip(splits, names, shown, strict=True):
            _call(split, opened, name)
        if all(split.source is None for split in splits):
            raise CaptureError("\n".join([*problems, *(line for split in splits for line in split.warnings)]))
        lasts = [split.last_ns for split in splits if split.last_ns is not None]
        presence = Presence()
        for split in splits:
            for moments in split.present:
                presence.add(*moments)
        gaps = presence.gaps()
        replays = []
        for part in range(parts):
            rows = [
                (source, split.first_ns)
                for source, split in enumerate(splits)
                if split.first_ns is not None and split.rows[part]
            ]
            replays.append(executor.submit(replay_part, plan, part, rows, max(lasts, default=0), gaps))
        whole = read_partial(_merge_tree(executor, plan, [_result(each) for each in replays]))
    whole.presence.merge(presence)
    # An input that could not be opened has no place among the sources, as in `analyze`.
    for split in splits:
        _tell(whole.counts, split)
    known = [split.dropped for split in splits if split.dropped is not None]
    return whole.finish(
        [split.source for split in splits if split.source is not None],
        packets=sum(split.source.packets for split in splits if split.source is not None),
        dropped=sum(known) if known else None,
        complete=not problems and all(split.complete for split in splits),
        warnings=[*problems, *(line for split in splits for line in split.warnings)],
        bpf=bpf,
        allow_undecoded=allow_undecoded,
    )


def _call(split: Split, opened: str, name: str) -> None:
    """Name a capture as the user did, in whatever is said of it."""
    if split.source is not None:
        split.source.path = name
    split.warnings = [
        name + line.removeprefix(opened) if line.startswith(f"{opened}:") else line for line in split.warnings
    ]


def _tell(counts: object, split: Split) -> None:
    from tcptrace_py.run.partial import Counts

    assert isinstance(counts, Counts)
    counts.merge(
        Counts(split.first_ns, split.last_ns, split.packets, 0, dict(split.skipped), dict(split.unread))
    )


def _split_all(
    executor: Executor, plan: Plan, names: Sequence[str], progress: Progress | None
) -> list[Split]:
    """Each capture split; one that the executor gave up on is told as unreadable."""
    futures: dict[Future[Split], int] = {
        executor.submit(split_file, plan, source, name): source for source, name in enumerate(names)
    }
    found: list[Split | None] = [None] * len(names)
    packets = 0
    for done, future in enumerate(as_completed(futures), 1):
        found[futures[future]] = split = _result(future)
        packets += split.packets
        if progress is not None:
            progress(done, len(names), packets)
    return [split for split in found if split is not None]


def _merge_tree(executor: Executor, plan: Plan, urls: Sequence[str]) -> str:
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
        waiting = [*(_result(each) for each in futures), *odd]
    return waiting[0]


def _result(future: Future[_T]) -> _T:
    try:
        return future.result()
    except (CaptureError, JobLost):
        raise
    except OSError as error:
        raise JobLost(f"a step of the run failed: {one_line(error)}") from error


@contextmanager
def _place_in(store: str) -> Iterator[str]:
    """A directory of this run alone in the store, which is gone in the end."""
    place = f"{store.rstrip('/')}/tcptrace-py-{uuid.uuid4().hex}"
    try:
        system, path = fsspec.core.url_to_fs(place)
        system.makedirs(path, exist_ok=True)
    except Exception as error:
        raise JobLost(f"{store}: can not be written to: {one_line(error)}") from error
    try:
        yield place
    finally:
        with suppress(Exception):
            system.rm(path, recursive=True)


@contextmanager
def dask_executor(address: str, told: Callable[[str], None]) -> Iterator[tuple[Executor, int]]:
    """An executor of the Dask cluster at ``address`` (or `LOCAL`), and how many threads its workers have.

    ``told`` is called with a line on where its dashboard is. Raises ``JobLost`` where there is none.
    """
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        raise JobLost(
            "--cluster needs distributed, which is not installed: pip install 'tcptrace-py[cluster]'"
        ) from error
    cluster = None
    try:
        if address == LOCAL:
            cluster = distributed.LocalCluster(threads_per_worker=1, dashboard_address=":0")
        client = distributed.Client(cluster or address, timeout=_PATIENCE_S)
    except Exception as error:
        raise JobLost(f"{address}: no Dask scheduler answers there: {one_line(error)}") from error
    try:
        told(f"Dask's dashboard: {client.dashboard_link}")
        with suppress(Exception):
            client.wait_for_workers(1, timeout=_PATIENCE_S)
        threads = sum(client.nthreads().values())
        if not threads:
            raise JobLost(f"{address}: the scheduler has no workers")
        yield client.get_executor(pure=False), threads
    finally:
        client.close()
        if cluster is not None:
            cluster.close()


def default_store() -> str:
    """Where there is one machine only: a directory for temporary files."""
    return tempfile.gettempdir()
