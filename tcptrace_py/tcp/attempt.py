# cython: boundscheck=False, initializedcheck=False
"""SYNs that nobody has answered yet, each held in eight numbers.

Compiled (see ``attempt.pxd``). Of a flood or a scan nothing else is ever seen. Whatever comes next on
its four-tuple, or the end of its time, makes a connection of it by playing the SYN to the tracker.
"""

from __future__ import annotations

from array import array

from tcptrace_py.tcp.flow import on_four_tuple
from tcptrace_py.tcp.growing import Growing, Row
from tcptrace_py.wire.segment import Segment

# A held SYN is eight numbers of 64 bits, a line of the cache: time, frame, id, source, target, and packed
# (the first lowest): sequence number and timestamp, 32 bits each; ports and window, 16 each, TTL and window
# scale plus one, 8 each; flags, IP version, whether it has a timestamp, whether it is gone, 8 each, and
# the tag. The upper halves of IPv6's addresses are elsewhere.
_WORDS = 8
_GONE = 1 << 24
# Those that there is room for at first.
_ROOM = 1024
# The lower half of a word. The tag is that of the hash of the four-tuple; a place has the tag, and the
# number of the SYN plus one.
_LOW = 0xFFFFFFFF
_NOTHING = array("Q")


class Attempt:
    """What was held of a SYN, and the id that its connection has or would have."""

    def __init__(self) -> None:
        self.id = -1
        self.ts_ns = 0
        self.frame = 0
        self.src_hi = 0
        self.src_lo = 0
        self.dst_hi = 0
        self.dst_lo = 0
        self.src_port = 0
        self.dst_port = 0
        self.seq = 0
        self.window = 0
        self.window_scale = -1
        self.ttl = 0
        self.has_timestamps = False
        self.ts_val = 0
        self.flags = 0
        self.ip_version = 4
        #: Its sender has given up by then, and is in CLOSED.
        self.given_up = False

    def copy(self) -> Attempt:
        other = Attempt.__new__(Attempt)
        other.id = self.id
        other.ts_ns = self.ts_ns
        other.frame = self.frame
        other.src_hi = self.src_hi
        other.src_lo = self.src_lo
        other.dst_hi = self.dst_hi
        other.dst_lo = self.dst_lo
        other.src_port = self.src_port
        other.dst_port = self.dst_port
        other.seq = self.seq
        other.window = self.window
        other.window_scale = self.window_scale
        other.ttl = self.ttl
        other.has_timestamps = self.has_timestamps
        other.ts_val = self.ts_val
        other.flags = self.flags
        other.ip_version = self.ip_version
        other.given_up = self.given_up
        return other

    def tell(self, segment: Segment) -> None:
        """Fill a segment with what was held of the SYN."""
        segment.ts_ns = self.ts_ns
        segment.frame = self.frame
        segment.src_hi = self.src_hi
        segment.src_lo = self.src_lo
        segment.dst_hi = self.dst_hi
        segment.dst_lo = self.dst_lo
        segment.src_port = self.src_port
        segment.dst_port = self.dst_port
        segment.seq = self.seq
        segment.window = self.window
        segment.ttl = self.ttl
        segment.has_timestamps = self.has_timestamps
        segment.ts_val = self.ts_val
        segment.window_scale = self.window_scale
        segment.flags = self.flags
        segment.ip_version = self.ip_version


class Attempts:
    """Held SYNs by number, in the order in which they came, and a hash table of their numbers.

    Each is *held* first, and found by its four-tuple; from ``let_go`` on it is *over*, and found no more,
    until ``next`` tells of it. Gone are those that were told of or taken; their room is used again when
    half of all are.
    """

    def __init__(self) -> None:
        #: Those held.
        self.count = 0
        self._waiting = 0
        self._told = 0
        self._over = 0
        self._used = 0
        self._room = 0
        self._store = Growing("Q", 0)
        self._numbers: Row = self._store.numbers()
        #: Upper halves of addresses, two for each; made for the first SYN over IPv6.
        self._high_store: Growing | None = None
        self._highs: Row = _NOTHING
        self._places: Row = Growing("Q", 1).numbers()
        self._place_mask = 0

    def hold(self, syn: Segment, connection_id: int, flow_hash: int) -> None:
        """Note what a tracker reads of a SYN that carries no data."""
        if self._used == self._room:
            self._make_room()
        number = self._used
        self._used += 1
        self.count += 1
        # Through 64-bit locals, so that C shifts as Python does.
        tag = flow_hash & _LOW
        ts_val = syn.ts_val
        dst_port = syn.dst_port
        window = syn.window
        ttl = syn.ttl
        window_scale = syn.window_scale + 1
        ip_version = syn.ip_version
        stamped = 1 if syn.has_timestamps else 0
        at = number * _WORDS
        self._numbers[at] = syn.ts_ns
        self._numbers[at + 1] = syn.frame
        self._numbers[at + 2] = connection_id
        self._numbers[at + 3] = syn.src_lo
        self._numbers[at + 4] = syn.dst_lo
        self._numbers[at + 5] = syn.seq | ts_val << 32
        self._numbers[at + 6] = syn.src_port | dst_port << 16 | window << 32 | ttl << 48 | window_scale << 56
        self._numbers[at + 7] = syn.flags | ip_version << 8 | stamped << 16 | tag << 32
        if syn.src_hi or syn.dst_hi or self._high_store is not None:
            self._hold_highs(number, syn)
        self._put(tag, number)

    def _hold_highs(self, number: int, syn: Segment) -> None:
        if self._high_store is None:
            self._high_store = Growing("Q", 2 * self._room)
            self._highs = self._high_store.numbers()
        self._highs[2 * number] = syn.src_hi
        self._highs[2 * number + 1] = syn.dst_hi

    def _put(self, tag: int, number: int) -> None:
        place = tag & self._place_mask
        while self._places[place]:
            place = (place + 1) & self._place_mask
        self._places[place] = tag << 32 | (number + 1)

    def fetch(self, flow_hash: int) -> int:
        """Have its place in the cache when its segment comes; the result means nothing."""
        return self._places[flow_hash & _LOW & self._place_mask]

    def find(self, segment: Segment, flow_hash: int) -> int:
        """The number of the one that is held on the segment's four-tuple, either way round, or -1."""
        if not self.count:
            return -1
        tag = flow_hash & _LOW
        place = tag & self._place_mask
        entry = self._places[place]
        while entry:
            if entry >> 32 == tag:
                number = (entry & _LOW) - 1
                if self._joins(number, segment):
                    return number
            place = (place + 1) & self._place_mask
            entry = self._places[place]
        return -1

    def _joins(self, number: int, segment: Segment) -> bool:
        at = number * _WORDS
        if number < self._over or self._numbers[at + 7] & _GONE:
            return False
        ports = self._numbers[at + 6]
        return on_four_tuple(
            segment,
            0 if self._high_store is None else self._highs[2 * number],
            self._numbers[at + 3],
            ports & 0xFFFF,
            0 if self._high_store is None else self._highs[2 * number + 1],
            self._numbers[at + 4],
            (ports >> 16) & 0xFFFF,
        )

    def take(self, number: int, attempt: Attempt) -> None:
        """Fill ``attempt`` with one that is held; it is gone."""
        self.count -= 1
        self._tell(number, attempt)

    def next(self, attempt: Attempt) -> bool:
        """Fill ``attempt`` with the next of those that are over; it is gone. False where there is none."""
        while self._told < self._over:
            number = self._told
            self._told += 1
            if not self._numbers[number * _WORDS + 7] & _GONE:
                self._waiting -= 1
                self._tell(number, attempt)
                return True
        return False

    def _tell(self, number: int, attempt: Attempt) -> None:
        at = number * _WORDS
        numbers = self._numbers[at + 5]
        sizes = self._numbers[at + 6]
        rest = self._numbers[at + 7]
        self._numbers[at + 7] = rest | _GONE
        attempt.ts_ns = self._numbers[at]
        attempt.frame = self._numbers[at + 1]
        attempt.id = self._numbers[at + 2]
        attempt.src_lo = self._numbers[at + 3]
        attempt.dst_lo = self._numbers[at + 4]
        attempt.src_hi = 0 if self._high_store is None else self._highs[2 * number]
        attempt.dst_hi = 0 if self._high_store is None else self._highs[2 * number + 1]
        attempt.seq = numbers & _LOW
        attempt.ts_val = numbers >> 32
        attempt.src_port = sizes & 0xFFFF
        attempt.dst_port = (sizes >> 16) & 0xFFFF
        attempt.window = (sizes >> 32) & 0xFFFF
        attempt.ttl = (sizes >> 48) & 0xFF
        attempt.window_scale = (sizes >> 56) - 1
        attempt.flags = rest & 0xFF
        attempt.ip_version = (rest >> 8) & 0xFF
        attempt.has_timestamps = (rest >> 16) & 1 == 1

    def oldest(self) -> int:
        """The number of the one that is held longest, or -1."""
        while self._over < self._used and self._numbers[self._over * _WORDS + 7] & _GONE:
            self._over += 1
        return self._over if self._over < self._used else -1

    def ts_ns(self, number: int) -> int:
        return self._numbers[number * _WORDS]

    def id(self, number: int) -> int:
        return self._numbers[number * _WORDS + 2]

    def let_go(self) -> None:
        """The one that is held longest is over."""
        if self.oldest() >= 0:
            self._over += 1
            self.count -= 1
            self._waiting += 1

    def let_all_go(self) -> None:
        self._over = self._used
        self._waiting += self.count
        self.count = 0

    def forget(self) -> None:
        """None was ever held."""
        self.count = self._waiting = self._told = self._over = self._used = 0
        self._place_all()

    def _make_room(self) -> None:
        if 2 * (self.count + self._waiting) < self._used:
            self._close_ranks()
            self._place_all()
            return
        # A row that is looked at cannot grow.
        self._numbers = _NOTHING
        try:
            self._store.grow(_WORDS * max(_ROOM, self._room // 4))
        finally:
            # Where there is no memory, what there was is there still.
            self._numbers = self._store.numbers()
        room = self._store.count // _WORDS
        if self._high_store is not None:
            self._highs = _NOTHING
            try:
                self._high_store.grow(max(0, 2 * room - self._high_store.count))
            finally:
                self._highs = self._high_store.numbers()
        self._room = room
        if 4 * self._room > 3 * self._place_mask:
            self._place_all()

    def _close_ranks(self) -> None:
        """Those that are not gone move to the beginning, in their order."""
        used = over = 0
        for number in range(self._told, self._used):
            if number == self._over:
                over = used
            if self._numbers[number * _WORDS + 7] & _GONE:
                continue
            if used != number:
                for word in range(_WORDS):
                    self._numbers[used * _WORDS + word] = self._numbers[number * _WORDS + word]
                if self._high_store is not None:
                    self._highs[2 * used] = self._highs[2 * number]
                    self._highs[2 * used + 1] = self._highs[2 * number + 1]
            used += 1
        if self._over == self._used:
            over = used
        self._told = 0
        self._over = over
        self._used = used

    def _place_all(self) -> None:
        """Every one that is not gone in its place, three of four at most taken when there is no more room."""
        places = 1
        while 3 * places < 4 * self._room:
            places *= 2
        self._places = Growing("Q", places).numbers()
        self._place_mask = places - 1
        for number in range(self._over, self._used):
            rest = self._numbers[number * _WORDS + 7]
            if not rest & _GONE:
                self._put(rest >> 32, number)
