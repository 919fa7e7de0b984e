"""A bounded table that keeps the same entries in whatever order they came.

Compiled (see ``kept.pxd``). Of more keys than its limit it keeps those with the least ranks (hashes):
what is kept in the end was kept all along, so tables of parts merge to the table of the whole.
"""

from __future__ import annotations

from heapq import heapify, heapreplace
from typing import Any


class Kept:
    """Entries by key; ``rank`` is the same for the same key, always."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.entries: dict[Any, Any] = {}
        #: Once there are ``limit``: those kept, the largest rank first.
        self._ranks: list[tuple[int, Any]] = []
        self._below = (1 << 64) - 1

    def wants(self, rank: int) -> bool:
        """Might an entry of this rank be kept? (Asked first, where an entry costs something to make.)"""
        return rank <= self._below

    def put(self, rank: int, key: Any, entry: Any) -> Any:
        """Keep an entry under a key that has none yet; the entry that is not kept therefore, or None."""
        if len(self.entries) < self._limit:
            self.entries[key] = entry
            self._ranks.append((-rank, key))
            if len(self._ranks) == self._limit:
                heapify(self._ranks)
                self._below = -self._ranks[0][0]
            return None
        if (-rank, key) <= self._ranks[0]:
            return entry
        gone = heapreplace(self._ranks, (-rank, key))
        self._below = -self._ranks[0][0]
        self.entries[key] = entry
        return self.entries.pop(gone[1])
