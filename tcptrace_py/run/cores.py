"""How many cores there are for one analysis, and a second one of them for reading."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tcptrace_py.capture.chunk import ChunkReader
from tcptrace_py.engine import engine
from tcptrace_py.wire.place import PLACES

if TYPE_CHECKING:
    from tcptrace_py.capture.source import Reader
    from tcptrace_py.run.captures import Captures

#: 1: one thread; 2: two, also where the capture is small or there is one core. For tests, and to compare.
THREADS_VARIABLE = "TCPTRACE_PY_THREADS"
#: From so many bytes on, a thread costs less than it brings.
_PAYS_BYTES = 2_000_000
#: From so many bytes on, another process costs less than it brings.
JOBS_PAY_BYTES = 32_000_000
#: So many bytes for each process, at least.
_BYTES_A_JOB = 16_000_000
#: How long a thread that decompresses waits before it asks for the interpreter's lock: Python's five
#: milliseconds are as long as following ten thousand packets takes.
WAIT_S = 20e-6
# Each thread has a ring of its own, so more captures than these are read by the one that follows them.
_MOST_AHEAD = 4


def cores() -> int:
    """Processors that this process may use: by its affinity, and by the quota of its control group."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        with open("/sys/fs/cgroup/cpu.max") as file:
            quota, period = file.read().split()[:2]
    except (OSError, ValueError):
        return count
    return count if quota == "max" else max(1, min(count, round(int(quota) / int(period))))


def _pause() -> None:
    """Where Python's interpreter, which runs this, gives its lock to a thread that has waited for it."""


def read_ahead(readers: list[Reader]) -> bool:
    """Puts in the place of each reader of a large file one that reads and decodes it in a thread.

    Not of a pipe, whose other end runs beside us already and can be interrupted. True where a thread
    decompresses, which takes the interpreter's lock again and again: it is not to wait for long (`WAIT_S`).
    """
    needs_lock = False
    large = worth_a_thread(readers)
    if not large:
        return False
    from tcptrace_py.wire.ahead import Ahead

    for index in large:
        reader = readers[index]
        assert isinstance(reader, ChunkReader)
        packed = reader.compression is not None
        try:
            ahead: Any = Ahead(reader, pause=_pause if packed else None)
        except RuntimeError:
            # No thread can be started: a limit of the system's.
            break
        readers[index] = ahead
        needs_lock = needs_lock or packed
    return needs_lock


def worth_a_thread(readers: Sequence[Reader]) -> list[int]:
    """Which of them `read_ahead` would have read in a thread."""
    asked = os.environ.get(THREADS_VARIABLE, "")
    if asked == "1" or engine() != "compiled" or (asked != "2" and cores() == 1):
        return []
    least_bytes = 0 if asked == "2" else _PAYS_BYTES
    large = [index for index, reader in enumerate(readers) if _is_file(reader, least_bytes)]
    return large if len(large) <= _MOST_AHEAD else []


def jobs_for(opened: Captures) -> int:
    """How many processes pay for these captures: one where they are small, compressed, or a pipe.

    Two processes each read everything: one that reads in a thread is as fast, for two thirds of the work.
    """
    total_bytes = 0
    for reader in opened.readers:
        # What is compressed each would have to decompress anew.
        if reader.size_bytes is None or reader.compression is not None:
            return 1
        total_bytes += reader.size_bytes
    if total_bytes < JOBS_PAY_BYTES:
        return 1
    count = max(1, min(cores(), PLACES, total_bytes // _BYTES_A_JOB))
    return 1 if count == 2 and opened.can_read_ahead() else count


def can_be_split(opened: Captures) -> bool:
    """A pipe can be read once only, and standard input by one process only."""
    return all(reader.size_bytes is not None and reader.path != "-" for reader in opened.readers)


def _is_file(reader: Reader, least_bytes: int) -> bool:
    if not isinstance(reader, ChunkReader) or reader.size_bytes is None or reader.path == "-":
        return False
    return reader.size_bytes >= least_bytes
