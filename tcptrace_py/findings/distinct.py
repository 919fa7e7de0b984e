"""Counting different addresses in bounded memory.

Compiled (see ``distinct.pxd``).
"""

from __future__ import annotations

from tcptrace_py.findings.least import Least

_EXACT = 512
_MASK = (1 << 64) - 1
_SPAN = 1 << 64
# splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
_GOLDEN = 0x9E3779B97F4A7C15
_FIRST = 0x632BE59BD9B4E019
_SECOND = 0xBF58476D1CE4E5B9
_THIRD = 0x94D049BB133111EB


def mix(a: int, b: int) -> int:
    """A hash of two 64-bit numbers, the same on every machine and in every run."""
    x = (a * _GOLDEN + b + _FIRST) & _MASK
    x = ((x ^ (x >> 30)) * _SECOND) & _MASK
    x = ((x ^ (x >> 27)) * _THIRD) & _MASK
    return x ^ (x >> 31)


class Distinct:
    """How many different pairs of 64-bit numbers were added: exact up to 512, then an estimate.

    The estimate keeps the 512 smallest hashes (k minimum values: Bar-Yossef et al., 2002);
    its standard error is about 4.5 %.
    """

    def __init__(self) -> None:
        self._hashes = Least(_EXACT)

    def add(self, hi: int, lo: int) -> None:
        self._hashes.add(mix(hi, lo))

    def merge(self, other: Distinct) -> None:
        self._hashes.merge(other._hashes)

    @property
    def exact(self) -> bool:
        return not self._hashes.full

    def count(self) -> int:
        if self.exact:
            return len(self._hashes)
        return round((_EXACT - 1) * _SPAN / (self._hashes.most + 1))

    def say(self, one: str, many: str = "") -> str:
        """``1 client address``, ``30 client addresses``, ``about 98,000 client addresses``."""
        n = self.count()
        if n == 1:
            return f"1 {one}"
        many = many or one + "s"
        if self.exact:
            return f"{n} {many}"
        return f"about {round(n, 2 - len(str(n))):,} {many}"
