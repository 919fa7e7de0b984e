# cython: boundscheck=False, initializedcheck=False
"""Every history entry of every endpoint, in one growing row of numbers.

Compiled (see ``journal.pxd``). An endpoint keeps the index of its newest entry;
each entry names the one before it, so a history is a chain through the row and
costs no Python object.
"""

from __future__ import annotations

from array import array

from tcptrace_py.tcp.growing import Growing, Row

#: A history: ``(state, ts_ns, frame, basis)``, oldest first; frame 0 where a clock ran out.
Entries = list[tuple[int, int, int, int]]

# An entry is three numbers: time, frame, and `(previous + 1) << 16 | state << 8 | basis`. Before the first
# lies one of zeros, so that -1 is the index of an entry too.
_FIELDS = 3
# Its index takes 31 bits where an endpoint keeps it.
_MOST = 0x7FFFFFFF
# Entries that there is room for at first.
_ROOM = 1024
_NOTHING = array("q")


def _at(index: int) -> int:
    """Where in the row an entry begins."""
    return 3 * index + 3


class Journal:
    """Chains of ``(state, ts_ns, frame, basis)``; a released entry is used again.

    ``frame`` is 0 for an entry that a clock made.
    """

    def __init__(self) -> None:
        self._store = Growing("q", _FIELDS * (1 + _ROOM))
        self._numbers: Row = self._store.numbers()
        self._room = _ROOM
        self._used = 0
        self._free = -1

    def push(self, previous: int, state: int, basis: int, ts_ns: int, frame: int) -> int:
        """Add an entry after ``previous`` (-1 for the first); its index."""
        if self._free >= 0:
            index = self._free
            self._free = self._numbers[_at(index)]
        else:
            if self._used == self._room:
                self._grow()
            index = self._used
            self._used += 1
        at = _at(index)
        self._numbers[at] = ts_ns
        self._numbers[at + 1] = frame
        self._numbers[at + 2] = ((previous + 1) << 16) | (state << 8) | basis
        return index

    def _grow(self) -> None:
        if self._used > _MOST:
            raise MemoryError("histories have more entries than can be counted")
        # A row that is looked at cannot grow.
        self._numbers = _NOTHING
        try:
            self._store.grow(_FIELDS * max(_ROOM, self._room // 4))
        finally:
            # Where there is no memory, what there was is there still.
            self._numbers = self._store.numbers()
        self._room = self._store.count // _FIELDS - 1

    def pop(self, index: int) -> int:
        """Take the newest entry of a chain back; the index of the one before it, or -1."""
        previous = (self._numbers[_at(index) + 2] >> 16) - 1
        self._numbers[_at(index)] = self._free
        self._free = index
        return previous

    def history(self, index: int) -> Entries:
        """A chain by its newest entry."""
        entries: Entries = []
        while index >= 0:
            entries.append((self.state(index), self.ts_ns(index), self.frame(index), self.basis(index)))
            index = self.previous(index)
        entries.reverse()
        return entries

    def release(self, index: int) -> None:
        """Give back a whole chain by its newest entry."""
        while index >= 0:
            index = self.pop(index)

    def touch(self, index: int) -> int:
        """Read a whole chain by its newest entry; the number means nothing."""
        number = 0
        while index >= 0:
            previous = self._numbers[_at(index) + 2]
            number ^= previous
            index = (previous >> 16) - 1
        return number

    def previous(self, index: int) -> int:
        return (self._numbers[_at(index) + 2] >> 16) - 1

    def state(self, index: int) -> int:
        return (self._numbers[_at(index) + 2] >> 8) & 0xFF

    def basis(self, index: int) -> int:
        return self._numbers[_at(index) + 2] & 0xFF

    def ts_ns(self, index: int) -> int:
        return self._numbers[_at(index)]

    def frame(self, index: int) -> int:
        return self._numbers[_at(index) + 1]
