# cython: boundscheck=False, initializedcheck=False
"""Replays frames through the decoder into the tracker: the loop that every packet goes through.

Compiled (see ``replay.pxd``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcptrace_py.capture.batch import FrameBatch
from tcptrace_py.capture.presence import CELL_BITS, SILENCE_NS, Presence
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.tracker import RUN_SEGMENTS, Tracker
from tcptrace_py.wire.decoder import Decoder
from tcptrace_py.wire.result import ICMP_ERROR, TCP
from tcptrace_py.wire.segment import Segment

if TYPE_CHECKING:
    from tcptrace_py.wire.icmp import IcmpError

# Later than any moment.
_NEVER_NS = 1 << 62


class Replay:
    """A decoder and a tracker, one behind the other.

    ``part`` of ``parts``: only the connections of that part of the capture are followed (see
    ``wire.place``), all frames are seen.
    """

    def __init__(
        self, settings: Settings, stats: bool = False, peers: bool = True, part: int = 0, parts: int = 1
    ) -> None:
        self.decoder = Decoder(part, parts)
        self.tracker = Tracker(settings, stats, peers)
        self._segments = [Segment() for _ in range(RUN_SEGMENTS)]
        #: Those that pass together: of these, or of a batch's own.
        self._passing = list(self._segments)
        self.decoder.segment = self._segments[0]
        self.packets = 0
        self.first_ns = 0
        self.last_ns = 0
        #: When there were frames, up to ``settle``.
        self.presence = Presence()
        self._cell_first_ns = 0
        self._cell_end_ns = 0

    def run(self, batch: FrameBatch, source: int, lo: int, hi: int) -> None:
        """Frames ``lo <= i < hi`` of a batch from ``source``."""
        decoder = self.decoder
        tracker = self.tracker
        own = self._segments
        segments = self._passing
        decoder.begin(batch, source)
        i = lo
        try:
            if self.packets == 0 and lo < hi:
                self.first_ns = batch.ts_ns[lo]
            while i < hi:
                count = 0
                code = TCP
                while i < hi and count < RUN_SEGMENTS and code != ICMP_ERROR:
                    if batch.decoded is None:
                        decoder.segment = own[count]
                    code = decoder.decode(batch, i)
                    segment = decoder.segment
                    if code == TCP:
                        segments[count] = segment
                        count += 1
                    ts_ns = batch.ts_ns[i]
                    if ts_ns < self.first_ns:
                        self.first_ns = ts_ns
                    if ts_ns > self.last_ns:
                        if ts_ns >= self._cell_end_ns:
                            self._enter_cell(ts_ns)
                        self.last_ns = ts_ns
                    segment.now_ns = self.last_ns
                    i += 1
                tracker.run(segments, count)
                decoder.breathe()
                if code == ICMP_ERROR:
                    self._icmp_error(decoder.segment.ts_ns, decoder.segment.frame)
        finally:
            self.packets += i - lo
            decoder.end()

    def _enter_cell(self, ts_ns: int) -> None:
        """The first frame of a cell of the grid by which silences are found."""
        self.settle()
        if self._cell_end_ns and ts_ns - self.last_ns >= SILENCE_NS:
            self.tracker.gaps.add(self.last_ns, ts_ns)
        self._cell_first_ns = ts_ns
        self._cell_end_ns = ((ts_ns >> CELL_BITS) + 1) << CELL_BITS

    def settle(self) -> None:
        """All frames so far are in ``presence``."""
        if 0 < self._cell_end_ns < _NEVER_NS:
            self.presence.add(self._cell_first_ns, self.last_ns)

    def never_silent(self) -> None:
        """The capture is known to run: where there are no frames, nothing passed."""
        self._cell_end_ns = _NEVER_NS

    def _icmp_error(self, ts_ns: int, frame: int) -> None:
        error = self.decoder.icmp_error
        if error is None or not error.tells:
            return
        quoted = quoted_segment(error, ts_ns, self.last_ns, frame)
        self.tracker.unreachable(error, quoted)


def quoted_segment(error: IcmpError, ts_ns: int, now_ns: int, frame: int) -> Segment:
    """The segment that an ICMP error quotes, as far as it tells of it; it passed with the error."""
    quoted = Segment()
    quoted.ts_ns = ts_ns
    quoted.now_ns = now_ns
    quoted.frame = frame
    quoted.ip_version = error.ip_version
    quoted.src_hi = error.src_hi
    quoted.src_lo = error.src_lo
    quoted.src_port = error.src_port
    quoted.dst_hi = error.dst_hi
    quoted.dst_lo = error.dst_lo
    quoted.dst_port = error.dst_port
    quoted.seq = error.seq
    return quoted
