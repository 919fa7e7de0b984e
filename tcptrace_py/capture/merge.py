"""Several captures read as one, in the order of time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from tcptrace_py.capture.batch import FrameBatch
from tcptrace_py.capture.run import run_end
from tcptrace_py.capture.source import Reader


def merge(readers: Sequence[Reader]) -> Iterator[tuple[int, FrameBatch, int, int]]:
    """Runs of frames ``(index of the reader, its batch, lo, hi)``: frames ``lo <= i < hi`` of the batch.

    The next run comes from the reader whose next frame is the earliest, and goes
    on until the next frame of another is earlier; at equal times the reader named
    first comes first. Within one file the order is kept, even where its time runs
    backwards. A run is to be used up before the next is asked for.
    """
    if len(readers) == 1:
        # Nothing to compare: whole batches.
        reader = readers[0]
        while count := reader.next_batch():
            yield 0, reader.batch, 0, count
        return
    heads = []
    for index, reader in enumerate(readers):
        if reader.next_batch():
            heads.append((reader.batch.ts_ns[0], index, 0))
    heapq.heapify(heads)
    while heads:
        _, index, lo = heads[0]
        reader = readers[index]
        batch = reader.batch
        hi = batch.count
        if len(heads) > 1:
            rival_ns, rival, _ = min(heads[1:3])
            # The rival's frame goes first at its own time only if it was named first.
            hi = run_end(batch, lo, rival_ns if rival < index else rival_ns + 1)
        yield index, batch, lo, hi
        if hi == batch.count:
            if not reader.next_batch():
                heapq.heappop(heads)
                continue
            hi = 0
        heapq.heapreplace(heads, (reader.batch.ts_ns[hi], index, hi))
