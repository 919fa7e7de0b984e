# cython: boundscheck=False, initializedcheck=False
"""Zstandard by the library itself, into a reader's buffer and without the interpreter's lock.

Compiled (see ``inflater.pxd``), and only compiled. Python's packages make an object of each piece, which is
then copied, and have the lock in between; the thread that reads ahead needs neither.

Here is the regular way only: frames, one after the other, to the end of the file. Whatever else there is
(corrupt, cut short, something behind it) is `CompressedStream`'s, which begins anew, passes over what was
given and says what is wrong in its own words.
"""

from __future__ import annotations

import cython
from cython.cimports.libc.string import memmove
from cython.cimports.tcptrace_py.capture import Create, Decompress, Free, IsError, read_file

from tcptrace_py.capture.stream import PIECE_BYTES, CompressedStream, ZstdFunctions


class Inflater:
    """In the place of ``stream``, of which some bytes were taken already. Raises ``MemoryError``."""

    def __init__(self, stream: CompressedStream, functions: ZstdFunctions) -> None:
        self._stream = stream
        self._room = bytearray(PIECE_BYTES)
        self._given_bytes = self._known_bytes = stream.given_bytes
        self._seen_bytes = stream.consumed_bytes
        self._descriptor = stream.begin_anew()
        self._read_bytes = 0
        self._holds_more = False
        self._between = True
        self._failed = False
        self._fell_back = False
        self._begin(functions)

    def __dealloc__(self) -> None:
        if self._context != cython.NULL:
            self._free(self._context)

    def _begin(self, functions: ZstdFunctions) -> int:
        create = cython.cast(Create, cython.cast(cython.size_t, functions.create))
        self._free = cython.cast(Free, cython.cast(cython.size_t, functions.free))
        self._decompress = cython.cast(Decompress, cython.cast(cython.size_t, functions.decompress))
        self._is_error = cython.cast(IsError, cython.cast(cython.size_t, functions.is_error))
        self._given.at = cython.address(self._room[0])
        self._given.size = 0
        self._given.position = 0
        self._context = create()
        if self._context == cython.NULL:
            raise MemoryError
        return 0

    # As `CompressedStream` has them.

    @property
    def path(self) -> str:
        return self._stream.path

    @property
    def name(self) -> str:
        return self._stream.name

    @property
    def compression(self) -> str | None:
        return self._stream.compression

    @property
    def size_bytes(self) -> int | None:
        return self._stream.size_bytes

    @property
    def consumed_bytes(self) -> int:
        return self._stream.consumed_bytes if self._fell_back else self.taken_bytes()

    def close(self) -> None:
        self._stream.close()

    def readinto(self, target: memoryview) -> int:
        if not self._fell_back:
            view = target
            got = self.read(cython.cast(cython.p_char, cython.address(view[0])), len(target))
            if got >= 0:
                return got
            self._fell_back = True
            self._stream.go_on_after(self._given_bytes)
        return self._stream.readinto(target)

    # Without the interpreter's lock.

    def taken_bytes(self) -> int:
        """Bytes of the file that were read, as long as ``read`` does not fail."""
        return max(self._seen_bytes, self._read_bytes)

    def read(self, into: cython.p_char, most: int) -> int:
        """As ``readinto``; -1 from where on the stream itself is to be asked."""
        while not self._failed:
            if self._given.position == self._given.size and not self._holds_more:
                got = read_file(self._descriptor, self._given.at, PIECE_BYTES)
                if got == 0 and self._between:
                    return 0
                if got <= 0:
                    break
                self._read_bytes += got
                self._given.size = got
                self._given.position = 0
            self._made.at = into
            self._made.size = most
            self._made.position = 0
            state = self._decompress(self._context, cython.address(self._made), cython.address(self._given))
            if self._is_error(state):
                break
            # 0: a frame has ended, and all of it was given.
            self._between = state == 0
            self._holds_more = state != 0 and self._made.position == self._made.size
            got = self._made.position
            if self._known_bytes > 0:
                known = min(self._known_bytes, got)
                self._known_bytes -= known
                got -= known
                memmove(into, into + known, got)
            if got > 0:
                self._given_bytes += got
                return got
        self._failed = True
        return -1
