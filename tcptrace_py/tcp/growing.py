"""Rows of 64-bit numbers that grow: small ones as arrays do, large ones where they lie.

An array that grows is copied where something lies behind it. A large row is a mapping of its own, whose
pages the kernel moves without touching them, and is asked to make of 2 MiB: far fewer faults, and
fewer misses of the processor's table of pages.
"""

from __future__ import annotations

import mmap
from array import array
from typing import Any, Literal, TypeAlias

#: What numbers are read from and written to.
Row: TypeAlias = "array[int] | memoryview[int]"

#: Linux alone has both, growth in place and large pages; elsewhere, a row is an array at any size.
MAPS = hasattr(mmap, "MADV_HUGEPAGE")
# From so many bytes on, a row is a mapping, and large pages are no great part of it.
_LARGE_BYTES = 8 << 20
_PAGE_BYTES = 2 << 20
_NUMBER_BYTES = 8


class Growing:
    """A row of at least ``count`` numbers of an array's ``typecode`` ("q" or "Q"), 0 at first."""

    def __init__(self, typecode: Literal["q", "Q"], count: int) -> None:
        self._typecode: Literal["q", "Q"] = typecode
        self._array = array(typecode)
        self._mapping: Any = None
        self.count = 0
        self.grow(count)

    def numbers(self) -> Row:
        """The row, to be read and written. Whoever looks at it lets go before it grows."""
        return self._array if self._mapping is None else memoryview(self._mapping).cast(self._typecode)

    def grow(self, more: int) -> None:
        """Have at least so many more. In a mapping, what is not written to takes no memory."""
        size_bytes = _NUMBER_BYTES * (self.count + more)
        if not MAPS or size_bytes < _LARGE_BYTES:
            self._array.frombytes(bytes(_NUMBER_BYTES * more))
            self.count += more
            return
        size_bytes += -size_bytes % _PAGE_BYTES
        if self._mapping is None:
            self._mapping = mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            try:
                self._mapping.madvise(mmap.MADV_HUGEPAGE)
            except OSError:
                # A kernel without large pages.
                pass
            self._mapping.write(self._array)
            self._array = array(self._typecode)
        else:
            self._mapping.resize(size_bytes)
        self.count = size_bytes // _NUMBER_BYTES
