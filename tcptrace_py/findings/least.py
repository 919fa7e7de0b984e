"""The least of many numbers, in bounded memory.

Compiled (see ``least.pxd``). Which numbers are kept depends on which were added, not on their order.
"""

from __future__ import annotations

from array import array
from typing import Any

# Room to begin with; it doubles.
_ROOM = 4
_NUMBER_BYTES = 8


class Least:
    """The ``limit`` least of the 64-bit numbers that were added, each once, in order."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0
        self._room = 0
        #: Those kept, in order, and room for more; made for the first.
        self._numbers: Any = None
        #: Once there are ``limit`` of them: no number from this one on is kept.
        self._full = False
        self._below = 0

    def add(self, number: int) -> None:
        if self._full and number >= self._below:
            return
        count = self._count
        if count == self._room and not self._full:
            self._grow()
        numbers = self._numbers
        at = count
        if count and numbers[count - 1] >= number:
            # The first that is no less.
            low = 0
            while low < at:
                middle = (low + at) >> 1
                if numbers[middle] < number:
                    low = middle + 1
                else:
                    at = middle
            if numbers[at] == number:
                return
        if count == self._limit:
            # The largest has to go.
            count -= 1
        # One by one: of memory that it looks at, Cython copies a part by way of another.
        for place in range(count, at, -1):
            numbers[place] = numbers[place - 1]
        numbers[at] = number
        self._count = count + 1
        self._see()

    def _grow(self) -> None:
        room = min(self._limit, max(_ROOM, 2 * self._room))
        larger = array("Q", bytes(_NUMBER_BYTES * room))
        if self._numbers is not None:
            larger[: self._count] = self.numbers
        self._numbers = larger
        self._room = room

    def _see(self) -> None:
        self._full = self._count == self._limit
        if self._full:
            self._below = self._numbers[self._count - 1]

    def merge(self, other: Least) -> None:
        """Take in another one, which stays as it is."""
        for i in range(other._count):
            self.add(other._numbers[i])

    def narrow(self, limit: int) -> None:
        """Keep no more than ``limit`` from now on."""
        if limit < self._limit:
            self._limit = limit
            self.replace(self.numbers[:limit])

    def replace(self, numbers: array[int]) -> None:
        """Have these instead, no more than ``limit`` and in order."""
        self._numbers = numbers if len(numbers) else None
        self._count = self._room = len(numbers)
        self._see()

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (self._limit, self.numbers)

    @property
    def full(self) -> bool:
        """There may have been others."""
        return bool(self._full)

    @property
    def most(self) -> int:
        """The largest of those kept, once there are ``limit``."""
        return self._below

    def __len__(self) -> int:
        return self._count

    @property
    def numbers(self) -> array[int]:
        """A copy of those kept, in order."""
        if self._numbers is None:
            return array("Q")
        return array("Q", bytes(memoryview(self._numbers)[: self._count]))


def _restored(limit: int, numbers: array[int]) -> Least:
    least = Least(limit)
    least.replace(numbers)
    return least
