"""Bounded tables that keep the same entries in whatever order they came.

Compiled (see ``kept.pxd``). Of more keys than its limit each keeps those with the least ranks (hashes):
what is kept in the end was kept all along, so tables of parts merge to the table of the whole.
"""

from __future__ import annotations

from heapq import heapify, heapreplace
from typing import Any

_ALL = (1 << 64) - 1


class Kept:
    """Entries by key. ``rank`` is a 64-bit hash of the key; no two keys have the same."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.entries: dict[Any, Any] = {}
        self._keys: dict[int, Any] = {}
        #: Once there are ``limit``: ``_ALL`` less each rank kept, so the largest rank first.
        self._heap: list[int] = []
        self._below = _ALL

    def wants(self, rank: int) -> bool:
        """Might an entry of this rank be kept? (Asked first, where an entry costs something to make.)"""
        return rank <= self._below

    def put(self, rank: int, key: Any, entry: Any) -> Any:
        """Keep an entry under a key that has none yet; the entry that is not kept therefore, or None."""
        if rank > self._below:
            return entry
        self._keys[rank] = key
        self.entries[key] = entry
        turned = _ALL - rank
        if len(self.entries) <= self._limit:
            self._heap.append(turned)
            if len(self._heap) == self._limit:
                heapify(self._heap)
                self._below = _ALL - self._heap[0]
            return None
        gone = _ALL - heapreplace(self._heap, turned)
        self._below = _ALL - self._heap[0]
        return self.entries.pop(self._keys.pop(gone))


class Sample:
    """Entries by 64-bit hashes: those below the largest power of two that leaves no more than ``limit``.

    So of many entries about half as many as the limit are kept at least, and none is compared to the others.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.entries: dict[int, Any] = {}
        self._most = _ALL

    def wants(self, rank: int) -> bool:
        """Might an entry of this hash be kept?"""
        return rank <= self._most

    def whole(self) -> bool:
        """Was every entry kept so far?"""
        return bool(self._most == _ALL)

    def put(self, rank: int, entry: Any) -> None:
        """Keep an entry, for a while at least; ``wants`` was asked."""
        self.entries[rank] = entry
        while len(self.entries) > self._limit:
            self._cut(self._most >> 1)

    def narrow(self, other: Sample) -> None:
        """Before its entries are put here: give up what another part of the whole has had to."""
        if other._most < self._most:
            self._cut(other._most)

    def _cut(self, most: int) -> None:
        kept = {}
        for key, entry in self.entries.items():
            rank = key
            if rank <= most:
                kept[key] = entry
        self._most = most
        self.entries = kept
