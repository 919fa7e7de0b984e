"""Compiled helper of ``merge``: how far a run of frames goes (see ``run.pxd``)."""

from __future__ import annotations

from tcptrace_py.capture.batch import FrameBatch


def run_end(batch: FrameBatch, lo: int, limit_ns: int) -> int:
    """The first frame after ``lo`` whose time is not before ``limit_ns``, else the end of the batch.

    Frame ``lo`` itself always belongs to the run.
    """
    times_ns = batch.ts_ns
    count = batch.count
    at = lo + 1
    while at < count and times_ns[at] < limit_ns:
        at += 1
    return at
