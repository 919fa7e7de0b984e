"""The segments of captures on their way to who follows their connections: an Arrow file for each capture.

Each batch of a file has segments of one part only, so a part reads no more than its own. Frames are of source
0: which of several inputs a capture is, and so its place in the order, is said only when it is replayed.
Those of datagrams that came in pieces are in a file for all captures (see `run.pieces`).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import Any
from zlib import crc32

import fsspec
import pyarrow
import pyarrow.ipc
from msgspec import Struct, msgpack

from tcptrace_py.run.store import remove, stored
from tcptrace_py.wire.frame_id import frame_id
from tcptrace_py.wire.icmp import IcmpError
from tcptrace_py.wire.records import ROW_BYTES, RowReader, RowWriter
from tcptrace_py.wire.segment import Segment
from tcptrace_py.wire.tunnels import Tunnel

# Rows that wait: of each part, of all parts together, and of each of very many parts.
_MOST_ROWS = 8192
_ROWS_IN_ALL = 1 << 17
_LEAST_ROWS = 512
_SCHEMA = pyarrow.schema([("row", pyarrow.binary(ROW_BYTES)), ("beside", pyarrow.binary())])
_OPTIONS = pyarrow.ipc.IpcWriteOptions(compression="zstd")


class Beside(Struct, omit_defaults=True):
    """What a row has no room for."""

    tunnel: Tunnel | None = None
    error: IcmpError | None = None


class CaptureRows(Struct):
    """Where the rows of one part of one capture lie. ``source``: the capture's index among all inputs.

    ``batches``: which of the file's, and the checksum of each.
    """

    first_ns: int
    source: int
    url: str
    batches: list[tuple[int, int]]


class _Shelf:
    """Rows of one part that wait."""

    def __init__(self, most: int) -> None:
        self.rows = RowWriter(most)
        self.beside: dict[int, bytes] = {}


class RowsFile:
    """A context manager that writes the segments of one capture to ``url``; no file if there are none.

    ``batches`` has then the part of each batch, and its checksum. What fails inside leaves no file.
    """

    def __init__(self, url: str, parts: int) -> None:
        self.url = url
        self.batches: list[tuple[int, int]] = []
        self._most = max(_LEAST_ROWS, min(_MOST_ROWS, _ROWS_IN_ALL // parts))
        self._shelves = [_Shelf(self._most) for _ in range(parts)]
        self._file: Any = None
        self._writer: pyarrow.RecordBatchFileWriter | None = None

    def add(self, part: int, segment: Segment, error: IcmpError | None) -> None:
        shelf = self._shelves[part]
        if segment.tunnel is not None or error is not None:
            shelf.beside[shelf.rows.count] = msgpack.encode(Beside(segment.tunnel, error))
        if shelf.rows.add(segment) == self._most:
            self._write(part, shelf)

    def _write(self, part: int, shelf: _Shelf) -> None:
        count = shelf.rows.count
        with stored(self.url, "written"):
            if self._writer is None:
                self._file = fsspec.open(self.url, "wb").open()
                self._writer = pyarrow.ipc.new_file(self._file, _SCHEMA, options=_OPTIONS)
            rows = shelf.rows.rows()
            column = pyarrow.Array.from_buffers(
                pyarrow.binary(ROW_BYTES), count, [None, pyarrow.py_buffer(rows)]
            )
            beside = pyarrow.array([shelf.beside.get(i) for i in range(count)], pyarrow.binary())
            self._writer.write_batch(pyarrow.record_batch([column, beside], schema=_SCHEMA))
        self.batches.append((part, _checksum(rows, [shelf.beside[i] for i in sorted(shelf.beside)])))
        shelf.beside.clear()

    def __enter__(self) -> RowsFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                for part, shelf in enumerate(self._shelves):
                    if shelf.rows.count:
                        self._write(part, shelf)
                with stored(self.url, "written"):
                    if self._writer is not None:
                        self._writer.close()
                        self._file.close()
        except BaseException:
            self._discard()
            raise
        if kind is not None:
            self._discard()

    def _discard(self) -> None:
        if self._file is None:
            return
        try:
            self._file.close()
        except Exception:
            pass
        remove(self.url)


def _checksum(rows: bytes, beside: Sequence[bytes]) -> int:
    """Of a batch: Arrow has none, and what is damaged would be segments that never were."""
    found = crc32(rows)
    for each in beside:
        found = crc32(each, found)
    return found


#: Rows ``lo <= row < hi`` of a batch, and what some of them have beside.
Rows = tuple[RowReader, dict[int, Beside], int, int]


def in_order(captures: Sequence[CaptureRows]) -> Iterator[Rows]:
    """Runs of rows in the order of the whole: by the capture's time, then the source, then the frame.

    A file is opened when its time has come, so of files that follow each other one is open at a time.
    """
    waiting = sorted(captures, key=_when, reverse=True)
    # The time of the next row, its frame, where it is in its batch, and the batch.
    heads: list[tuple[int, int, int, _Batches]] = []
    while waiting or heads:
        while waiting and (not heads or waiting[-1].first_ns <= heads[0][0]):
            batches = _Batches(waiting.pop())
            if batches.advance():
                heapq.heappush(heads, (batches.reader.now_ns(0), batches.reader.frame(0), 0, batches))
        if not heads:
            continue
        _, _, lo, batches = heads[0]
        limit: tuple[int, int] | None = min(heads[1:3])[:2] if len(heads) > 1 else None
        if waiting and (limit is None or _when(waiting[-1]) < limit):
            limit = _when(waiting[-1])
        reader = batches.reader
        hi = reader.count
        if limit is not None:
            hi = lo + 1
            while hi < reader.count and (reader.now_ns(hi), reader.frame(hi)) < limit:
                hi += 1
        yield reader, batches.beside, lo, hi
        if hi == reader.count:
            if not batches.advance():
                heapq.heappop(heads)
                continue
            hi = 0
        heapq.heapreplace(heads, (batches.reader.now_ns(hi), batches.reader.frame(hi), hi, batches))


def _when(capture: CaptureRows) -> tuple[int, int]:
    return capture.first_ns, frame_id(capture.source, 0)


class _Batches:
    """The rows of one capture and one part, a batch at a time."""

    def __init__(self, capture: CaptureRows) -> None:
        self._capture = capture
        with stored(capture.url, "read"):
            self._file = fsspec.open(capture.url, "rb").open()
            self._arrow = pyarrow.ipc.open_file(self._file)
        self._next = 0
        self.reader = RowReader(b"", capture.source)
        self.beside: dict[int, Beside] = {}

    def __lt__(self, other: _Batches) -> bool:
        return False

    def advance(self) -> bool:
        """Take the next batch; False where there is none, and the file is closed."""
        if self._next == len(self._capture.batches):
            self._file.close()
            return False
        with stored(self._capture.url, "read"):
            number, checksum = self._capture.batches[self._next]
            batch = self._arrow.get_batch(number)
            self._next += 1
            rows = batch.column(0).buffers()[1].to_pybytes()[: batch.num_rows * ROW_BYTES]
            self.reader = RowReader(rows, self._capture.source)
            column = batch.column(1)
            beside = {}
            if column.null_count < batch.num_rows:
                beside = {row: value.as_py() for row, value in enumerate(column) if value.is_valid}
            if _checksum(rows, list(beside.values())) != checksum:
                raise ValueError("it is damaged")
            self.beside = {row: msgpack.decode(value, type=Beside) for row, value in beside.items()}
        return True
