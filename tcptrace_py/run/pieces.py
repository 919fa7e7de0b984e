"""Pieces of fragmented datagrams, set aside where captures are read one by one.

A datagram may be in two captures, and what becomes of a piece hangs on all that came before it; so they are
put together for all captures at once, in the order of the whole. Of a frame only its front is kept.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from zlib import crc32

import fsspec
import pyarrow
import pyarrow.ipc

from tcptrace_py.capture.batch import FrameBatch
from tcptrace_py.run.store import stored
from tcptrace_py.wire.decoder import Decoder
from tcptrace_py.wire.fragments import FRONT_BYTES
from tcptrace_py.wire.frame_id import frame_id, frame_source

# Headers around a datagram, and what is wanted of its front.
_KEPT_BYTES = 1024 + FRONT_BYTES
_AT_ONCE = 4096
_SCHEMA = pyarrow.schema(
    [(name, pyarrow.int64()) for name in ("now_ns", "ts_ns", "number", "link_type", "original")]
    + [("data", pyarrow.binary())]
)


class Piece(NamedTuple):
    """A frame with a piece. ``now_ns``: the capture's time then; ``number``: its number in its file."""

    now_ns: int
    ts_ns: int
    number: int
    link_type: int
    original: int
    data: bytes


def _checksum(piece: Piece, before: int) -> int:
    *numbers, data = piece
    return crc32(data, crc32(repr(numbers).encode(), before))


class Pieces:
    """Writes pieces to ``url``, with a checksum of all; no file if there are none."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.count = 0
        self.checksum = 0
        self._waiting: list[Piece] = []
        self._file: Any = None
        self._writer: Any = None

    def add(self, batch: FrameBatch, i: int, now_ns: int) -> None:
        """Frame ``i`` of a batch."""
        begin = batch.offset[i]
        data = bytes(memoryview(batch.data)[begin : begin + min(batch.captured[i], _KEPT_BYTES)])
        number = batch.first_number + i
        piece = Piece(now_ns, batch.ts_ns[i], number, batch.link_type[i], batch.original[i], data)
        self._waiting.append(piece)
        self.count += 1
        self.checksum = _checksum(piece, self.checksum)
        if len(self._waiting) == _AT_ONCE:
            self._write()

    def close(self) -> None:
        if self._waiting:
            self._write()
        if self._writer is not None:
            with stored(self.url, "written"):
                self._writer.close()
                self._file.close()

    def _write(self) -> None:
        with stored(self.url, "written"):
            if self._writer is None:
                self._file = fsspec.open(self.url, "wb").open()
                options = pyarrow.ipc.IpcWriteOptions(compression="zstd")
                self._writer = pyarrow.ipc.new_file(self._file, _SCHEMA, options=options)
            columns = zip(*self._waiting, strict=True)
            arrays = [pyarrow.array(each, kind) for each, kind in zip(columns, _SCHEMA.types, strict=True)]
            self._writer.write_batch(pyarrow.record_batch(arrays, schema=_SCHEMA))
        self._waiting.clear()


def _read(source: int, url: str, checksum: int) -> Iterator[tuple[int, int, Piece]]:
    found = 0
    with stored(url, "read"), fsspec.open(url, "rb") as file:
        arrow = pyarrow.ipc.open_file(file)
        for number in range(arrow.num_record_batches):
            for row in arrow.get_batch(number).to_pylist():
                piece = Piece(**row)
                found = _checksum(piece, found)
                yield piece.now_ns, frame_id(source, piece.number), piece
        if found != checksum:
            raise ValueError("it is damaged")


def decoded(decoder: Decoder, pieces: Sequence[tuple[int, str, int]]) -> Iterator[tuple[int, Piece]]:
    """Decode the pieces of captures, in the order of the whole: code and piece.

    ``pieces``: of each capture the source, the URL and the checksum.
    """
    batch = FrameBatch()
    batch.count = 1
    for _, frame, piece in heapq.merge(*(_read(*each) for each in pieces)):
        batch.data = piece.data
        batch.offset[0] = 0
        batch.captured[0] = len(piece.data)
        batch.original[0] = piece.original
        batch.ts_ns[0] = piece.ts_ns
        batch.link_type[0] = piece.link_type
        batch.first_number = piece.number
        decoder.begin(batch, frame_source(frame))
        try:
            yield decoder.decode(batch, 0), piece
        finally:
            decoder.end()
