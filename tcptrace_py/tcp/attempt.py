"""A SYN that nobody has answered yet, held in a tenth of the room that a connection takes.

Compiled (see ``attempt.pxd``). Of a flood or a scan nothing else is ever seen. Whatever comes next on
its four-tuple, or the end of its time, makes a connection of it by playing the SYN to the tracker.
"""

from __future__ import annotations

from tcptrace_py.tcp.flow import Flow, on_four_tuple
from tcptrace_py.wire.segment import Segment


class Attempt(Flow):
    """A held SYN, the id its connection will have, and its place among those held, oldest first.

    Its addresses are IPv4's; `Attempt6` has room for more.
    """

    def hold(self, syn: Segment, connection_id: int) -> None:
        """Note what a tracker reads of a SYN that carries no data."""
        self.id = connection_id
        #: Its sender has given up by then, and is in CLOSED.
        self.given_up = False
        self.older: Attempt | None = None
        self.newer: Attempt | None = None
        self.ts_ns = syn.ts_ns
        self.frame = syn.frame
        self.src_lo = syn.src_lo
        self.dst_lo = syn.dst_lo
        self.src_port = syn.src_port
        self.dst_port = syn.dst_port
        self.seq = syn.seq
        self.window = syn.window
        self.ttl = syn.ttl
        self.has_timestamps = bool(syn.has_timestamps)
        self.ts_val = syn.ts_val
        self.window_scale = syn.window_scale
        self.flags = syn.flags
        self.ip_version = syn.ip_version

    def tell(self, segment: Segment) -> None:
        """Fill a segment with what was held of the SYN."""
        segment.ts_ns = self.ts_ns
        segment.frame = self.frame
        segment.src_hi = self.source_hi()
        segment.src_lo = self.src_lo
        segment.dst_hi = self.target_hi()
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

    def joins(self, segment: Segment) -> bool:
        return on_four_tuple(
            segment,
            self.source_hi(),
            self.src_lo,
            self.src_port,
            self.target_hi(),
            self.dst_lo,
            self.dst_port,
        )

    def touch(self) -> int:
        return self.src_port

    def source_hi(self) -> int:
        """The upper 64 bits of the address that it came from."""
        return 0

    def target_hi(self) -> int:
        return 0


class Attempt6(Attempt):
    """The same with addresses of IPv6."""

    def hold(self, syn: Segment, connection_id: int) -> None:
        Attempt.hold(self, syn, connection_id)
        self.src_hi = syn.src_hi
        self.dst_hi = syn.dst_hi

    def source_hi(self) -> int:
        return self.src_hi

    def target_hi(self) -> int:
        return self.dst_hi


class Attempts:
    """Held attempts, linked in the order in which they came."""

    def __init__(self) -> None:
        self.count = 0
        self.oldest: Attempt | None = None
        self._newest: Attempt | None = None

    def add(self, attempt: Attempt) -> None:
        self.count += 1
        newest = self._newest
        attempt.older = newest
        if newest is None:
            self.oldest = attempt
        else:
            newest.newer = attempt
        self._newest = attempt

    def remove(self, attempt: Attempt) -> None:
        self.count -= 1
        older = attempt.older
        newer = attempt.newer
        if older is None:
            self.oldest = newer
        else:
            older.newer = newer
        if newer is None:
            self._newest = older
        else:
            newer.older = older
        attempt.older = None
        attempt.newer = None
