"""Segments as rows of fixed size: how they travel from who decodes them to who follows their connections.

Compiled (see ``records.pxd``). A row is ``WORDS`` 64-bit numbers in the machine's byte order. What a row has
no room for (a tunnel, an ICMP error) travels beside it.
"""

from __future__ import annotations

from array import array

from tcptrace_py.wire.frame_id import frame_id
from tcptrace_py.wire.segment import Segment

#: Numbers of a row, and its bytes.
WORDS = 14
ROW_BYTES = 8 * WORDS

_LOW_8 = 0xFF
_LOW_16 = 0xFFFF
_LOW_32 = 0xFFFFFFFF


class RowWriter:
    """Room for ``most`` rows; ``count`` are filled."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.count = 0
        self._words = array("Q", bytes(ROW_BYTES * most))

    def add(self, segment: Segment) -> int:
        """Append a segment; how many there are then."""
        words = self._words
        at = self.count * WORDS
        words[at] = segment.ts_ns
        words[at + 1] = segment.now_ns
        words[at + 2] = segment.frame
        words[at + 3] = segment.src_hi
        words[at + 4] = segment.src_lo
        words[at + 5] = segment.dst_hi
        words[at + 6] = segment.dst_lo
        high = segment.seq
        low = segment.ack
        words[at + 7] = high << 32 | low
        high = segment.payload_bytes
        low = segment.checksum
        words[at + 8] = high << 32 | low << 16 | segment.window
        high = segment.ts_val
        low = segment.ts_ecr
        words[at + 9] = high << 32 | low
        high = segment.sack_left
        low = segment.sack_right
        words[at + 10] = high << 32 | low
        high = segment.src_port
        low = segment.dst_port
        word = segment.ip_id
        words[at + 11] = high << 48 | low << 32 | word << 16 | segment.flags << 8 | segment.ttl
        high = segment.mptcp
        low = segment.tls_alert + 1
        word = segment.begins_with
        words[at + 13] = high << 32 | word << 16 | low
        # None of these is less than -1.
        high = segment.mss_bytes + 1
        low = segment.window_scale + 1
        words[at + 12] = (
            high << 32
            | low << 24
            | (segment.fast_open_cookie_bytes + 1) << 16
            | segment.sack_blocks << 8
            | segment.ip_version << 2
            | (2 if segment.sack_permitted else 0)
            | (1 if segment.has_timestamps else 0)
        )
        self.count += 1
        return self.count

    def rows(self) -> bytes:
        """The rows, which are forgotten then."""
        filled = bytes(memoryview(self._words)[: self.count * WORDS])
        self.count = 0
        return filled


class RowReader:
    """Reads rows that a `RowWriter` wrote of an input of index 0; here it is of index ``source``."""

    def __init__(self, rows: bytes, source: int = 0) -> None:
        self.count = len(rows) // ROW_BYTES
        self._first_frame = frame_id(source, 0)
        self._words = memoryview(rows).cast("Q")

    def now_ns(self, row: int) -> int:
        """The capture's time when that segment passed."""
        return self._words[row * WORDS + 1]

    def frame(self, row: int) -> int:
        """The id of that segment's frame."""
        number = self._words[row * WORDS + 2]
        return self._first_frame + number

    def fill(self, row: int, segment: Segment) -> None:
        """Make ``segment`` what was added; its tunnel is not among that."""
        at = row * WORDS
        segment.tunnel = None
        segment.ts_ns = self._words[at]
        segment.now_ns = self._words[at + 1]
        number = self._words[at + 2]
        segment.frame = self._first_frame + number
        segment.src_hi = self._words[at + 3]
        segment.src_lo = self._words[at + 4]
        segment.dst_hi = self._words[at + 5]
        segment.dst_lo = self._words[at + 6]
        word = self._words[at + 7]
        segment.seq = word >> 32
        segment.ack = word & _LOW_32
        word = self._words[at + 8]
        segment.payload_bytes = word >> 32
        segment.checksum = word >> 16 & _LOW_16
        segment.window = word & _LOW_16
        word = self._words[at + 9]
        segment.ts_val = word >> 32
        segment.ts_ecr = word & _LOW_32
        word = self._words[at + 10]
        segment.sack_left = word >> 32
        segment.sack_right = word & _LOW_32
        word = self._words[at + 11]
        segment.src_port = word >> 48
        segment.dst_port = word >> 32 & _LOW_16
        segment.ip_id = word >> 16 & _LOW_16
        segment.flags = word >> 8 & _LOW_8
        segment.ttl = word & _LOW_8
        word = self._words[at + 13]
        segment.mptcp = word >> 32
        segment.begins_with = word >> 16 & _LOW_8
        number = word & _LOW_16
        segment.tls_alert = number - 1
        word = self._words[at + 12]
        number = word >> 32
        segment.mss_bytes = number - 1
        number = word >> 24 & _LOW_8
        segment.window_scale = number - 1
        number = word >> 16 & _LOW_8
        segment.fast_open_cookie_bytes = number - 1
        segment.sack_blocks = word >> 8 & _LOW_8
        segment.ip_version = word >> 2 & 15
        segment.sack_permitted = word & 2 != 0
        segment.has_timestamps = word & 1 != 0
