"""The least of many numbers, in bounded memory.

Compiled (see ``least.pxd``). Which numbers are kept depends on which were added, not on their order.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left


class Least:
    """The ``limit`` least of the 64-bit numbers that were added, each once, in order."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._numbers = array("Q")
        #: Once there are ``limit`` of them: no number from this one on is kept.
        self._full = False
        self._below = 0

    def add(self, number: int) -> None:
        if self._full and number >= self._below:
            return
        numbers = self._numbers
        at = bisect_left(numbers, number)
        if at < len(numbers) and numbers[at] == number:
            return
        numbers.insert(at, number)
        if len(numbers) > self._limit:
            numbers.pop()
        self._see()

    def _see(self) -> None:
        count = len(self._numbers)
        self._full = count == self._limit
        if self._full:
            self._below = self._numbers[count - 1]

    def merge(self, other: Least) -> None:
        """Take in another one, which stays as it is."""
        for number in other._numbers:
            self.add(number)

    def narrow(self, limit: int) -> None:
        """Keep no more than ``limit`` from now on."""
        if limit < self._limit:
            self._limit = limit
            del self._numbers[limit:]
            self._see()

    def replace(self, numbers: array[int]) -> None:
        """Have these instead, as many and in order."""
        self._numbers = numbers
        self._see()

    @property
    def full(self) -> bool:
        """There may have been others."""
        return bool(self._full)

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def numbers(self) -> array[int]:
        """Those kept, in order; not to be changed."""
        return self._numbers
