"""Captures analyzed in three steps that any `concurrent.futures.Executor` can run, wherever it runs them.

`split_file` reads one capture and writes its segments, a file for each part of the connections;
`replay_part` plays one part's segments of all captures, in the order of the whole, and writes what comes
out; `merge_partials` joins two of those. What passes between the steps lies in a store that fsspec opens,
so a step that is lost with its machine can be run again elsewhere.
"""

from __future__ import annotations

import heapq
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import fsspec
import pyarrow
import pyarrow.ipc
from msgspec import Struct, msgpack

from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.presence import CELL_BITS
from tcptrace_py.report.model.model import Source
from tcptrace_py.run.captures import Captures
from tcptrace_py.run.partial import Partial
from tcptrace_py.run.session import Session, no_cycle_collection, sources_of
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.tracker import RUN_SEGMENTS
from tcptrace_py.wire.decoder import Decoder
from tcptrace_py.wire.icmp import IcmpError
from tcptrace_py.wire.place import place
from tcptrace_py.wire.records import ROW_BYTES, RowReader, RowWriter
from tcptrace_py.wire.result import ICMP_ERROR, TCP
from tcptrace_py.wire.segment import Segment
from tcptrace_py.wire.tunnels import Tunnel

# Rows that wait for each part, and are written at once.
_ROWS = 8192
_SCHEMA = pyarrow.schema([("row", pyarrow.binary(ROW_BYTES)), ("beside", pyarrow.binary())])
_OPTIONS = pyarrow.ipc.IpcWriteOptions(compression="zstd")


@dataclass(frozen=True, slots=True)
class Plan:
    """What all steps are told. ``store``: an URL of fsspec's, where what passes between them lies."""

    store: str
    parts: int
    settings: Settings
    bpf: str | None
    connections: bool
    stats: bool

    def rows(self, source: int, part: int) -> str:
        return f"{self.store}/rows-{source}-{part}.arrow"

    def partial(self, name: str) -> str:
        return f"{self.store}/partial-{name}.pickle"


class Split(Struct):
    """What became of one capture: what the report tells of it, and how many rows each part has of it."""

    source: Source | None
    warnings: list[str]
    complete: bool
    first_ns: int | None = None
    last_ns: int | None = None
    #: Frames that passed the filter.
    packets: int = 0
    skipped: dict[str, int] = {}
    unread: dict[int, int] = {}
    dropped: int | None = None
    rows: list[int] = []
    #: When there were frames, by the capture's time: first and last of each cell.
    present: list[tuple[int, int]] = []


class _Beside(Struct, omit_defaults=True):
    """What a row has no room for."""

    tunnel: Tunnel | None = None
    error: IcmpError | None = None


class _Shelf:
    """The rows of one part, on their way into a file."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._rows = RowWriter(_ROWS)
        self._beside: dict[int, bytes] = {}
        self._file: object = None
        self._writer: pyarrow.RecordBatchFileWriter | None = None
        self.count = 0

    def add(self, segment: Segment, error: IcmpError | None) -> None:
        if segment.tunnel is not None or error is not None:
            self._beside[self._rows.count] = msgpack.encode(_Beside(segment.tunnel, error))
        self.count += 1
        if self._rows.add(segment) == _ROWS:
            self.flush()

    def flush(self) -> None:
        count = self._rows.count
        if not count:
            return
        if self._writer is None:
            self._file = fsspec.open(self._url, "wb").open()
            self._writer = pyarrow.ipc.new_file(self._file, _SCHEMA, options=_OPTIONS)
        rows = pyarrow.py_buffer(self._rows.rows())
        column = pyarrow.Array.from_buffers(pyarrow.binary(ROW_BYTES), count, [None, rows])
        beside = pyarrow.array([self._beside.get(i) for i in range(count)], pyarrow.binary())
        self._writer.write_batch(pyarrow.record_batch([column, beside], schema=_SCHEMA))
        self._beside.clear()

    def close(self) -> None:
        self.flush()
        if self._writer is not None:
            self._writer.close()
            self._file.close()  # type: ignore[attr-defined]


def split_file(plan: Plan, source: int, path: str) -> Split:
    """Read the capture ``path``, the ``source``-th of all, and write the rows of each part."""
    try:
        opened = Captures([path], plan.bpf)
    except CaptureError as error:
        return Split(None, str(error).split("\n"), False)
    shelves = [_Shelf(plan.rows(source, part)) for part in range(plan.parts)]
    decoder = Decoder()
    first_ns: int | None = None
    last_ns = 0
    packets = 0
    present: list[tuple[int, int]] = []
    cell_first_ns = cell_end_ns = 0
    with opened, no_cycle_collection():
        segment = decoder.segment
        for _, batch, lo, hi in opened.runs():
            decoder.begin(batch, source)
            try:
                for i in range(lo, hi):
                    code = decoder.decode(batch, i)
                    ts_ns = batch.ts_ns[i]
                    first_ns = ts_ns if first_ns is None else min(first_ns, ts_ns)
                    if ts_ns >= cell_end_ns:
                        if packets:
                            present.append((cell_first_ns, last_ns))
                        cell_first_ns = ts_ns
                        cell_end_ns = ((ts_ns >> CELL_BITS) + 1) << CELL_BITS
                    last_ns = max(last_ns, ts_ns)
                    packets += 1
                    segment.now_ns = last_ns
                    if code == TCP:
                        shelves[place(segment) % plan.parts].add(segment, None)
                    elif code == ICMP_ERROR and decoder.icmp_error is not None:
                        if decoder.icmp_error.fails_attempt:
                            quoted = quoted_segment(decoder.icmp_error, ts_ns, last_ns, segment.frame)
                            shelves[place(quoted) % plan.parts].add(quoted, decoder.icmp_error)
            finally:
                decoder.end()
        for shelf in shelves:
            shelf.close()
    reader = opened.readers[0]
    return Split(
        sources_of(opened.readers)[0],
        opened.warnings,
        opened.complete,
        first_ns,
        last_ns if packets else None,
        packets,
        decoder.skipped(),
        dict(decoder.unread),
        reader.dropped_by_kernel,
        [shelf.count for shelf in shelves],
        [*present, (cell_first_ns, last_ns)] if packets else [],
    )


def replay_part(
    plan: Plan,
    part: int,
    splits: Sequence[tuple[int, int]],
    end_ns: int,
    gaps: Sequence[tuple[int, int]] = (),
) -> str:
    """Play the rows of one part; where the `Partial` lies then.

    ``splits``: the captures that it has rows of, and the first moment of each. ``end_ns``: the last moment
    of all; ``gaps``: the silences of all.
    """
    session = Session(
        plan.settings,
        connections=plan.connections,
        stats=plan.stats,
        peers=plan.connections,
        part=1,
        parts=2,
    )
    tracker = session.tracker
    for begin_ns, gap_end_ns in gaps:
        tracker.gaps.add(begin_ns, gap_end_ns)
    segments = [Segment() for _ in range(RUN_SEGMENTS)]
    with no_cycle_collection():
        for reader, beside, lo, hi in _in_order(plan, part, splits):
            row = lo
            while row < hi:
                count = 0
                error: IcmpError | None = None
                while row < hi and count < RUN_SEGMENTS and error is None:
                    segment = segments[count]
                    reader.fill(row, segment)
                    more = beside.get(row)
                    row += 1
                    if more is not None:
                        segment.tunnel = more.tunnel
                        error = more.error
                    if error is None:
                        count += 1
                tracker.run(segments, count)
                if error is not None:
                    tracker.unreachable(error, segments[count])
            session.drain()
        session.end(end_ns)
    session.partial.counts.first_ns = session.partial.counts.last_ns = None
    session.partial.counts.tcp_segments = tracker.segments
    url = plan.partial(str(part))
    write_partial(session.partial, url)
    return url


_Rows = tuple[RowReader, dict[int, _Beside], int, int]


def _in_order(plan: Plan, part: int, splits: Sequence[tuple[int, int]]) -> Iterator[_Rows]:
    """Runs of rows in the order of the whole: by the capture's time, then the source, then the frame.

    A file is opened when its time has come, so of files that follow each other one is open at a time.
    """
    waiting = sorted((first_ns, source) for source, first_ns in splits)
    waiting.reverse()
    # The time of the next row, its source, where it is in its batch, and the batch.
    heads: list[tuple[int, int, int, _Batches]] = []
    while waiting or heads:
        while waiting and (not heads or waiting[-1][0] <= heads[0][0]):
            _, source = waiting.pop()
            batches = _Batches(plan.rows(source, part))
            if batches.advance():
                heapq.heappush(heads, (batches.reader.now_ns(0), source, 0, batches))
        if not heads:
            continue
        _, source, lo, batches = heads[0]
        limit: tuple[int, int] | None = min(heads[1:3])[:2] if len(heads) > 1 else None
        if waiting and (limit is None or waiting[-1] < limit):
            limit = waiting[-1]
        reader = batches.reader
        hi = reader.count
        if limit is not None:
            hi = lo + 1
            while hi < reader.count and (reader.now_ns(hi), source) < limit:
                hi += 1
        yield reader, batches.beside, lo, hi
        if hi == reader.count:
            if not batches.advance():
                heapq.heappop(heads)
                continue
            hi = 0
        heapq.heapreplace(heads, (batches.reader.now_ns(hi), source, hi, batches))


class _Batches:
    """The rows of one capture and one part, a batch at a time."""

    def __init__(self, url: str) -> None:
        self._file = fsspec.open(url, "rb").open()
        self._arrow = pyarrow.ipc.open_file(self._file)
        self._next = 0
        self.reader = RowReader(b"")
        self.beside: dict[int, _Beside] = {}

    def __lt__(self, other: _Batches) -> bool:
        return False

    def advance(self) -> bool:
        """Take the next batch; False where there is none, and the file is closed."""
        if self._next == self._arrow.num_record_batches:
            self._file.close()
            return False
        batch = self._arrow.get_batch(self._next)
        self._next += 1
        self.reader = RowReader(batch.column(0).buffers()[1].to_pybytes()[: batch.num_rows * ROW_BYTES])
        column = batch.column(1)
        self.beside = {}
        if column.null_count < batch.num_rows:
            self.beside = {
                row: msgpack.decode(value.as_py(), type=_Beside)
                for row, value in enumerate(column)
                if value.is_valid
            }
        return True


def merge_partials(plan: Plan, name: str, first: str, second: str) -> str:
    """Merge what lies at two URLs; where the result lies."""
    into = read_partial(first)
    into.merge(read_partial(second))
    url = plan.partial(name)
    write_partial(into, url)
    return url


def write_partial(partial: Partial, url: str) -> None:
    with fsspec.open(url, "wb") as file:
        pickle.dump(partial, file, protocol=pickle.HIGHEST_PROTOCOL)


def read_partial(url: str) -> Partial:
    """What a step of this run wrote there."""
    with fsspec.open(url, "rb") as file:
        partial: Partial = pickle.load(file)
    return partial


def quoted_segment(error: IcmpError, ts_ns: int, now_ns: int, frame: int) -> Segment:
    """The segment that an ICMP error quotes, as far as it tells of it; it passed with the error."""
    quoted = Segment()
    quoted.ts_ns = ts_ns
    quoted.now_ns = now_ns
    quoted.frame = frame
    quoted.ip_version = error.ip_version
    quoted.src_hi = error.src_hi
    quoted.src_lo = error.src_lo
    quoted.src_port = error.src_port
    quoted.dst_hi = error.dst_hi
    quoted.dst_lo = error.dst_lo
    quoted.dst_port = error.dst_port
    quoted.seq = error.seq
    return quoted
