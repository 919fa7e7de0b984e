"""Keeps a live capture as pcap files, in rotation if asked for.

The file can be read at any time and is whole after a kill: frames are written
without a buffer of our own, as many whole records at a time as were captured together.
"""

from __future__ import annotations

import os
import struct
import time
from collections import deque
from collections.abc import Callable

from tcptrace_py.capture.batch import FrameBatch
from tcptrace_py.capture.live_frames import pcap_records

_MAGIC_MICROSECONDS = 0xA1B2C3D4


class PcapWriter:
    """Writes frames of one link type to ``path``.

    With ``rotate_bytes`` or ``rotate_s`` a file that has reached that size or age is followed
    by another, and a number is put before the suffix: ``live.pcap`` gives
    ``live-000001.pcap``, ``live-000002.pcap``, and so on. Of these the newest ``keep`` stay.

    Raises ``OSError``, from the constructor and from ``write``.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        link_type: int,
        snap_bytes: int,
        *,
        rotate_bytes: int | None = None,
        rotate_s: float | None = None,
        keep: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = os.fspath(path)
        self._header = struct.pack("<IHHiIII", _MAGIC_MICROSECONDS, 2, 4, 0, 0, snap_bytes, link_type)
        self._rotate_bytes = rotate_bytes
        self._rotate_s = rotate_s
        self._keep = keep
        self._clock = clock
        self._number = 0
        self._written: deque[str] = deque()
        self._descriptor = -1
        self._size = 0
        self._opened_s = 0.0
        self._open()

    @property
    def current(self) -> str:
        """The file that is being written."""
        if self._rotate_bytes is None and self._rotate_s is None:
            return self._path
        stem, suffix = os.path.splitext(self._path)
        return f"{stem}-{self._number:06d}{suffix}"

    def _open(self) -> None:
        self.close()
        self._number += 1
        path = self.current
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        self._opened_s = self._clock()
        self._size = 0
        self._append(self._header)
        self._written.append(path)
        while self._keep is not None and len(self._written) > self._keep:
            try:
                os.unlink(self._written.popleft())
            except FileNotFoundError:
                pass

    def _append(self, data: bytes | bytearray) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._size += len(data)

    def write(self, batch: FrameBatch, count: int) -> None:
        """Append the first ``count`` frames of a batch."""
        if self._is_full():
            self._open()
        self._append(pcap_records(batch, count))

    def _is_full(self) -> bool:
        if self._size <= len(self._header):
            # An empty file is never followed by another.
            return False
        if self._rotate_bytes is not None and self._size >= self._rotate_bytes:
            return True
        return self._rotate_s is not None and self._clock() - self._opened_s >= self._rotate_s

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
