"""What all capture readers have in common: one buffer, refilled a chunk at a time.

Compiled (see ``chunk.pxd``). A reader parses the records that lie whole in the
buffer where they lie; only the incomplete one at the end is ever moved.
"""

from __future__ import annotations

from typing import Protocol

from tcptrace_py.capture.batch import FrameBatch
from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.pointer import pointer

# Half a mebibyte stays in the second-level cache of today's processors.
CHUNK_BYTES = 512 * 1024


class Stream(Protocol):
    """The bytes of one capture, uncompressed (see ``tcptrace_py.capture.stream``)."""

    @property
    def path(self) -> str:
        """As the user named it: a path, or ``-``."""
        ...

    @property
    def name(self) -> str:
        """The same for messages: ``-`` is called "standard input"."""
        ...

    @property
    def compression(self) -> str | None:
        """One of "gzip", "xz", "bzip2", "zstd", "lz4" or None."""
        ...

    @property
    def consumed_bytes(self) -> int:
        """Bytes of the input used so far, as they lie in the file (compressed)."""
        ...

    @property
    def size_bytes(self) -> int | None:
        """Bytes of the whole input, None where that cannot be known (a pipe)."""
        ...

    def readinto(self, target: memoryview) -> int:
        """Put 1 to ``len(target)`` bytes into ``target``, 0 at the end; ``CaptureError`` if it breaks off."""
        ...

    def close(self) -> None: ...


class ChunkReader:
    """Base of the readers; the protocol that they share is described in ``tcptrace_py.capture.source``.

    A subclass has ``scan``, or where it is not compiled ``records``: it fills ``batch`` with the frames
    whose records lie whole between ``position`` and ``filled`` and moves ``position`` past them.
    When it stops for want of bytes it leaves in ``need`` how many the next
    record takes; when it stops for good it calls ``fail``.
    In C ``scan`` needs the interpreter's lock only for what is rare, so that a thread of its own can run it.
    """

    def __init__(self, stream: Stream, head: bytes, format_name: str, chunk_bytes: int) -> None:
        self.stream = stream
        self.name = stream.name
        self.path = stream.path
        self.format = format_name
        self.batch = FrameBatch()
        self.packets = 0
        self.problem: str | None = None
        self.dropped_by_kernel: int | None = None
        self.link_types: set[str] = set()
        self.warnings: list[str] = []
        self.position = 0
        self.filled = len(head)
        self.need = 0
        self.finished = False
        self.use_buffer(bytearray(max(chunk_bytes, len(head), 64)))
        self.buffer[: len(head)] = head

    @property
    def consumed_bytes(self) -> int:
        """Bytes of the input used so far, as they lie in the file (compressed)."""
        return self.stream.consumed_bytes

    @property
    def size_bytes(self) -> int | None:
        """Bytes of the whole input, None where that cannot be known (a pipe)."""
        return self.stream.size_bytes

    @property
    def compression(self) -> str | None:
        """What the input is compressed with, None if it is not."""
        return self.stream.compression

    def close(self) -> None:
        """Close the input; ``next_batch`` gives 0 from then on."""
        self.finished = True
        self.stream.close()

    def next_batch(self) -> int:
        """Fill ``batch`` with the next frames; returns how many, 0 at the end of the input."""
        while not self.finished:
            count = self.scan()
            if count > 0:
                self.batch.first_number = self.packets + 1
                self.batch.count = count
                self.packets += count
                return count
            if not self.finished:
                self.refill()
        self.batch.count = 0
        return 0

    def scan(self) -> int:
        return self.records()

    def records(self) -> int:
        raise NotImplementedError

    def fail(self, what: str) -> None:
        """Stop for good; ``what`` says why, without the name of the input."""
        self.finished = True
        self.problem = f"{self.name}: {what}"

    def warn(self, what: str) -> None:
        self.warnings.append(f"{self.name}: {what}")

    def use_buffer(self, buffer: bytearray) -> None:
        self.buffer = buffer
        # In C `data` is a bare pointer; what keeps it valid is the view, which forbids the buffer to move.
        self.view = buffer
        first = pointer(buffer)
        self.data = first
        self.batch.data = buffer

    def refill(self) -> None:
        """Move what is left to the front and read on, once: a pipe may give as little as a byte."""
        left = self.filled - self.position
        if self.need > len(self.buffer):
            larger = bytearray(max(self.need, 2 * len(self.buffer)))
            larger[:left] = memoryview(self.buffer)[self.position : self.filled]
            self.use_buffer(larger)
        elif self.position > 0 and left > 0:
            self.buffer[:left] = self.buffer[self.position : self.filled]
        self.position = 0
        self.filled = left
        try:
            got = self.stream.readinto(memoryview(self.buffer)[left:])
        except CaptureError as error:
            self.finished = True
            self.problem = str(error)
            return
        self.filled += got
        if got == 0:
            self.finished = True
            if left > 0:
                record = f"record after frame {self.packets}" if self.packets else "first record"
                self.fail(f"cut short: the {record} is incomplete")

    def require_head(self, size_bytes: int) -> bytes:
        """The first ``size_bytes`` of the input, for its file header; ``CaptureError`` if there are fewer."""
        self.need = size_bytes
        while self.filled < size_bytes:
            self.refill()
            if self.finished and self.filled < size_bytes:
                self.stream.close()
                if self.stream.compression is not None and self.problem is not None:
                    raise CaptureError(self.problem)
                raise CaptureError(f"{self.name}: cut short inside the {self.format} file header")
        return bytes(self.buffer[:size_bytes])
