"""Who runs the steps of `run.cluster`: processes of this machine, or a Dask cluster."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, InvalidStateError, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from typing import Any

from tcptrace_py.run.captures import JobLost
from tcptrace_py.run.store import one_line
from tcptrace_py.version import __version__

# For a scheduler to answer, and for its first worker.
_PATIENCE_S = 10
# How often a cluster is asked whether it has workers.
_LOOK_S = 1.0
#: ``--cluster`` with this word starts Dask's own cluster on this machine.
LOCAL = "local"


@contextmanager
def local_executor(jobs: int, forks: bool = True) -> Iterator[Executor]:
    """So many processes of this machine. ``forks``: this one has no threads yet that they would miss."""
    context = multiprocessing.get_context("fork" if forks and sys.platform == "linux" else "spawn")
    pool = ProcessPoolExecutor(jobs, context, _begin)
    try:
        yield pool
    except BaseException:
        # Nobody waits for what they are at.
        for process in list(getattr(pool, "_processes", None) or {}):
            with suppress(OSError):
                os.kill(process, signal.SIGTERM)
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """In each of those processes: Ctrl-C is for the one that the user sees; they do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


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
    # What it has to say of lost workers and other versions is said here, in one line.
    for name in ("distributed", "tornado", "asyncio", *logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        try:
            with warnings.catch_warnings(action="ignore"):
                cluster = None
                if address == LOCAL:
                    cluster = distributed.LocalCluster(threads_per_worker=1, dashboard_address=":0")
                    stack.callback(cluster.close)
                client = distributed.Client(cluster or address, timeout=_PATIENCE_S)
        except Exception as error:
            raise JobLost(f"{address}: no Dask scheduler answers there: {one_line(error)}") from error
        stack.callback(client.close)
        told(f"Dask's dashboard: {client.dashboard_link}")
        with suppress(Exception):
            client.wait_for_workers(1, timeout=_PATIENCE_S)
        threads = sum(client.nthreads().values())
        if not threads:
            raise JobLost(f"{address}: the scheduler has no workers")
        here = versions()
        for worker, there in client.run(versions, on_error="return").items():
            if isinstance(there, Exception):
                raise JobLost(f"{worker}: this worker cannot do it: {one_line(there)}")
            unlike = [
                f"{name} {there.get(name)}, not {mine}"
                for name, mine in here.items()
                if there.get(name) != mine
            ]
            if unlike:
                raise JobLost(f"{worker}: this worker has other versions: {'; '.join(unlike)}")
        executor = _Watched(client)
        stack.callback(executor.gone.set)
        yield executor, threads


class _Watched(Executor):
    """Dask's executor, for as long as it has workers: without any it would wait for ever."""

    def __init__(self, client: Any) -> None:
        self.gone = threading.Event()
        self._client = client
        self._executor = client.get_executor(pure=False)
        self._waiting: set[Future[Any]] = set()
        threading.Thread(target=self._watch, daemon=True).start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        theirs = self._executor.submit(fn, *args, **kwargs)
        ours: Future[Any] = Future()
        self._waiting.add(ours)

        def done(_: object) -> None:
            self._waiting.discard(ours)
            if not ours.done():
                with suppress(InvalidStateError):
                    _pass_on(theirs, ours)

        theirs.add_done_callback(done)
        return ours

    def _watch(self) -> None:
        """A worker that comes back within this time is none lost: Dask's nannies start them again."""
        missing = 0
        while not self.gone.wait(_LOOK_S):
            with suppress(Exception):
                missing = 0 if self._client.nthreads() else missing + 1
            if missing * _LOOK_S > _PATIENCE_S:
                for ours in list(self._waiting):
                    with suppress(InvalidStateError):
                        ours.set_exception(JobLost("all workers of the cluster are gone"))
                return


def _pass_on(theirs: Future[Any], ours: Future[Any]) -> None:
    if theirs.cancelled():
        ours.set_exception(JobLost("the cluster's scheduler is gone"))
        return
    error = theirs.exception()
    if error is not None:
        ours.set_exception(error)
    else:
        ours.set_result(theirs.result())


def versions() -> dict[str, str]:
    """What has to be the same wherever a step runs, for what passes between the steps to be understood."""
    return {
        "tcptrace-py": __version__,
        "Python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "distributed": str(import_module("distributed").__version__),
        "pyarrow": str(import_module("pyarrow").__version__),
        "byte order": sys.byteorder,
    }
