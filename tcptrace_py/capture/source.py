"""Opens captures: which file it is, how it is compressed, which reader it takes.

All readers keep one protocol:

``next_batch() -> int``  fills ``batch`` with the next frames; how many, 0 at the end
``batch``                the ``FrameBatch`` with these frames, valid until the next call
``format``               ``"pcap"``, ``"pcapng"`` or ``"snoop"``
``compression``          ``"gzip"``, ``"xz"``, ``"bzip2"``, ``"zstd"``, ``"lz4"`` or None
``path``, ``name``       the input as the user gave it, and as messages call it
``packets``              frames given so far
``problem``              None, or one line on why the input ended before its end; all frames before
                         that place are given, so it is final only once ``next_batch`` gave 0
``warnings``             lines on what was read but may mislead
``link_types``           names of the link types declared so far (``link_type_name``)
``dropped_by_kernel``    packets that the capturing system says it lost, None where it does not say
``consumed_bytes``       bytes of the input read so far, as they lie in the file (compressed)
``size_bytes``           bytes of the whole input, None for a pipe
``close()``              closes the input

``problem`` and ``warnings`` begin with the name of the input, as ``CaptureError`` does.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol

from tcptrace_py.capture.batch import FrameBatch
from tcptrace_py.capture.chunk import CHUNK_BYTES
from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.stop import Stop
from tcptrace_py.capture.stream import open_stream

__all__ = ["CaptureError", "Reader", "open_source", "open_sources"]


class Reader(Protocol):
    """What every capture reader offers; the module's text says what each name means."""

    batch: FrameBatch
    format: str
    path: str
    name: str
    packets: int
    problem: str | None
    warnings: list[str]
    link_types: set[str]
    dropped_by_kernel: int | None

    @property
    def compression(self) -> str | None: ...

    @property
    def consumed_bytes(self) -> int: ...

    @property
    def size_bytes(self) -> int | None: ...

    def next_batch(self) -> int: ...

    def close(self) -> None: ...


def open_sources(
    paths: Sequence[str | os.PathLike[str]], stop: Stop | None = None
) -> tuple[list[Reader], list[str]]:
    """Open captures: their readers, and a line on each that can not be opened.

    Raises ``CaptureError`` where none can be.
    """
    readers: list[Reader] = []
    problems: list[str] = []
    for path in paths:
        try:
            readers.append(open_source(path, stop=stop))
        except CaptureError as error:
            problems.append(str(error))
    if not readers:
        raise CaptureError("\n".join(problems) or "no capture given")
    return readers, problems


def open_source(
    path: str | os.PathLike[str], *, chunk_bytes: int = CHUNK_BYTES, stop: Stop | None = None
) -> Reader:
    """Open a capture file, or standard input for ``-``.

    A pipe ends where ``stop`` is asked for. ``chunk_bytes`` is the size of the reader's buffer; it grows
    where a record is larger. Raises ``CaptureError`` if the input is missing, a directory, not permitted,
    empty or no capture.
    """
    # The readers are compiled modules of their own: only the one in need is loaded.
    stream, head = open_stream(path, stop)
    try:
        if head[:4] == b"\x0a\x0d\x0d\x0a":
            from tcptrace_py.capture.pcapng import PcapngReader

            return PcapngReader(stream, head, chunk_bytes)
        if head == b"snoop\0\0\0":
            from tcptrace_py.capture.snoop import SnoopReader

            return SnoopReader(stream, head, chunk_bytes)
        from tcptrace_py.capture.pcap import MAGICS, PcapReader

        if head[:4] in MAGICS:
            return PcapReader(stream, head, chunk_bytes)
        raise CaptureError(f"{stream.name}: not a capture file (unknown magic 0x{head[:4].hex()})")
    except BaseException:
        stream.close()
        raise
