# cython: boundscheck=False, initializedcheck=False
"""From a segment to its connection: a hash table whose hash nobody outside can predict.

Compiled (see ``flow_table.pxd``). An attacker chooses addresses and ports, so the
hash is seeded anew in each process; nothing that is reported depends on it.
"""

from __future__ import annotations

import os
from operator import attrgetter

from tcptrace_py.tcp.connection import Connection
from tcptrace_py.wire.segment import Segment

_MASK = (1 << 64) - 1

# Buckets to begin with, a power of two; and by how many times there are more where they do not suffice. To
# put a connection into another bucket is to fetch it from memory: so not often.
_BUCKETS = 1 << 12
_GROWTH = 4

#: A segment is of one of this many latest incarnations of its four-tuple. What a sender does with one
#: four-tuple must not cost more than it would on many (DESIGN section 4.10), and no port is used so often
#: within the time that late segments of an old connection may take.
INCARNATIONS = 8


class FlowTable:
    """Connections by four-tuple, either way round; of one the newest, which is linked to older ones."""

    def __init__(self) -> None:
        self.count = 0
        self._buckets: list[Connection | None] = [None] * _BUCKETS
        self._bucket_mask = _BUCKETS - 1
        #: For each bucket a bit by the highest three of each hash that it has or had, so that most segments
        #: that begin something touch neither the bucket nor a connection in it.
        self._marks = memoryview(bytearray(_BUCKETS))
        # Multiply-shift hashing with secret odd multipliers is universal (Dietzfelbinger and others,
        # 1997): whoever does not know them cannot choose four-tuples that collide.
        self._multiplier = int.from_bytes(os.urandom(8), "little") | 1
        self._multiplier_2 = int.from_bytes(os.urandom(8), "little") | 1
        self._mask = _MASK

    def _mix(self, number: int, multiplier: int) -> int:
        number = (number * multiplier) & self._mask
        return number ^ (number >> 32)

    def hash(self, segment: Segment) -> int:
        """The same for both directions of a four-tuple."""
        # Through 64-bit locals, so that C shifts as Python does.
        src_port = segment.src_port
        dst_port = segment.dst_port
        source = segment.src_lo ^ (src_port << 40)
        target = segment.dst_lo ^ (dst_port << 40)
        if segment.src_hi or segment.dst_hi:
            source = source ^ self._mix(segment.src_hi, self._multiplier_2)
            target = target ^ self._mix(segment.dst_hi, self._multiplier_2)
        return (self._mix(source, self._multiplier) + self._mix(target, self._multiplier)) & self._mask

    def fingerprint(self, segment: Segment, flow_hash: int) -> int:
        """Equal for two frames only if they are copies of one IP packet (but for its TTL)."""
        src_port = segment.src_port
        seq = segment.seq
        ts_val = segment.ts_val
        flags = segment.flags
        payload_bytes = segment.payload_bytes
        ip_id = segment.ip_id
        numbers = self._mix((seq << 32) ^ segment.ack ^ flow_hash, self._multiplier)
        rest = (ts_val << 32) ^ (ip_id << 16) ^ segment.checksum ^ (flags << 56) ^ (payload_bytes << 24)
        return numbers ^ self._mix((rest ^ (src_port << 48)) & self._mask, self._multiplier_2)

    def first(self, flow_hash: int) -> Connection | None:
        """The first to look at where one with this hash is looked for: most often it is the one."""
        bucket = flow_hash & self._bucket_mask
        if not self._marks[bucket] >> (flow_hash >> 61) & 1:
            return None
        return self._buckets[bucket]

    def find(self, segment: Segment, flow_hash: int) -> Connection | None:
        """The newest connection on the segment's four-tuple."""
        bucket = flow_hash & self._bucket_mask
        if not self._marks[bucket] >> (flow_hash >> 61) & 1:
            return None
        found = self._buckets[bucket]
        while found is not None and not (found.hash == flow_hash and found.joins(segment)):
            found = found.next_in_bucket
        return found

    def older(self, connection: Connection, since: Connection) -> Connection | None:
        """The next older connection on the same four-tuple, of the ``INCARNATIONS`` up to ``since``."""
        older = connection.rare.older
        if older is None or since.rare.incarnation - older.rare.incarnation >= INCARNATIONS:
            return None
        return older

    def add(self, connection: Connection, flow_hash: int) -> None:
        """Add a connection on a four-tuple that has none."""
        if self.count > self._bucket_mask:
            self._grow()
        connection.hash = flow_hash
        self._put(connection)
        self.count += 1

    def _put(self, connection: Connection) -> None:
        bucket = connection.hash & self._bucket_mask
        connection.next_in_bucket = self._buckets[bucket]
        self._buckets[bucket] = connection
        mark = 1 << (connection.hash >> 61)
        self._marks[bucket] |= mark

    def succeed(self, connection: Connection, newest: Connection) -> None:
        """Add a connection on the four-tuple of ``newest``, whose place it takes."""
        connection.hash = newest.hash
        rare = connection.own_rare()
        rare.older = newest
        rare.incarnation = newest.rare.incarnation + 1
        newest.own_rare().newer = connection
        self._replace(newest, connection)
        self.count += 1

    def remove(self, connection: Connection) -> None:
        """Remove a connection that is in the table."""
        if connection.rare.newer is None:
            self._replace(connection, connection.rare.older)
        self.unlink(connection)
        self.count -= 1

    def unlink(self, connection: Connection) -> None:
        """Take a connection from between those before and after it on its four-tuple."""
        rare = connection.rare
        older = rare.older
        newer = rare.newer
        if older is not None:
            older.own_rare().newer = newer
        if newer is not None:
            newer.own_rare().older = older
        if older is not None or newer is not None:
            rare.older = None
            rare.newer = None

    def _replace(self, connection: Connection, other: Connection | None) -> None:
        """``other`` takes the place of ``connection`` in its bucket, or nobody does."""
        after = connection.next_in_bucket
        if other is not None:
            other.next_in_bucket = after
            after = other
        connection.next_in_bucket = None
        bucket = connection.hash & self._bucket_mask
        before = self._buckets[bucket]
        if before is connection or before is None:
            self._buckets[bucket] = after
            if after is None:
                self._marks[bucket] = 0
            return
        while before.next_in_bucket is not connection and before.next_in_bucket is not None:
            before = before.next_in_bucket
        before.next_in_bucket = after

    def _grow(self) -> None:
        old = self._buckets
        size = _GROWTH * len(old)
        self._empty(size)
        for first in old:
            connection = first
            while connection is not None:
                following = connection.next_in_bucket
                self._put(connection)
                connection = following

    def _empty(self, size: int) -> None:
        self._buckets = [None] * size
        self._bucket_mask = size - 1
        self._marks = memoryview(bytearray(size))

    def all(self) -> list[Connection]:
        """Every connection, in order of id."""
        return self._all(False)

    def take_all(self) -> list[Connection]:
        """The same; the table is empty then, but those on one four-tuple stay linked."""
        found = self._all(True)
        self._empty(_BUCKETS)
        self.count = 0
        return found

    def _all(self, apart: bool) -> list[Connection]:
        """``apart``: each is taken from its bucket's chain, and no more reached by its hash."""
        found: list[Connection] = []
        least = -1
        most = -1
        left = self.count
        for first in self._buckets:
            # Most tables are small, most of their buckets empty.
            if left == 0:
                break
            newest = first
            while newest is not None:
                connection: Connection | None = newest
                while connection is not None:
                    left -= 1
                    found.append(connection)
                    if connection.id < least or least < 0:
                        least = connection.id
                    if connection.id > most:
                        most = connection.id
                    connection = connection.rare.older
                following = newest.next_in_bucket
                if apart:
                    newest.next_in_bucket = None
                newest = following
        if most - least >= 16 * len(found):
            found.sort(key=attrgetter("id"))
            return found
        # Enough of these ids are there: each has its place, which is quicker than sorting.
        places: list[Connection | None] = [None] * (most - least + 1)
        for each in found:
            places[each.id - least] = each
        return [each for each in places if each is not None]


def fetch_last(connections: list[Connection], most: int) -> None:
    """Have the last ``most`` connections in the cache: they are over.

    All are asked for at once, so that memory which is far away is under way for many of them.
    """
    first = max(0, len(connections) - most)
    for i in range(first, len(connections)):
        connection = connections[i]
        connection.touch_all()
