"""A pointer for the uncompiled readers and the uncompiled fast path (see ``capture.pointer``)."""

from __future__ import annotations


class Guarded:
    """A pointer to bytes of which no byte before its first or after its last can be read."""

    def __init__(self, data: bytes, start: int = 0) -> None:
        self.data = data
        self.start = start

    def __add__(self, at: int) -> Guarded:
        return Guarded(self.data, self.start + at)

    def __getitem__(self, at: int) -> int:
        if not 0 <= self.start + at < len(self.data):
            raise AssertionError(f"byte {self.start + at} of {len(self.data)} bytes is read")
        return self.data[self.start + at]
