"""What a pointer to bytes is, for the modules that are compiled in C and also run as they are.

A number of several bytes is read as ``here = data + at``, then ``here[0]``, ``here[1]`` and so on: of that a
C compiler makes one load. Of ``data[at]``, ``data[at + 1]`` GCC 12 does not: it makes one for each byte.
"""

from __future__ import annotations

from typing import cast

from tcptrace_py.engine import engine


class Pointer:
    """The bytes of ``data``, or with a number added those from there on. A read beyond its end raises."""

    def __init__(self, data: bytes | bytearray) -> None:
        self._bytes = memoryview(data)

    def __getitem__(self, at: int) -> int:
        return self._bytes[at]

    def __add__(self, at: int) -> memoryview:
        return self._bytes[at:]


_COMPILED = engine() == "compiled"


def pointer(data: bytes | bytearray) -> Pointer:
    """What is kept as the pointer to ``data``: compiled, it is made one where it is kept."""
    return cast("Pointer", data) if _COMPILED else Pointer(data)
