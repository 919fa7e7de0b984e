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
    """Entries by 64-bit hashes: those with the least, and until ``prune`` perhaps some more."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.entries: dict[int, Any] = {}
        self._below = _ALL

    def wants(self, rank: int) -> bool:
        """Might an entry of this hash be kept?"""
        return rank <= self._below

    def put(self, rank: int, entry: Any) -> None:
        """Keep an entry, for a while at least; ``wants`` was asked."""
        self.entries[rank] = entry
        if len(self.entries) > 2 * self._limit:
            self.prune()

    def prune(self) -> None:
        """Keep no more than the limit: the same ones whatever came when."""
        if len(self.entries) <= self._limit:
            return
        kept = sorted(self.entries)[: self._limit]
        self._below = kept[self._limit - 1]
        self.entries = {rank: self.entries[rank] for rank in kept}
