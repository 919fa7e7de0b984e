"""What one endpoint sent and how it was acknowledged: the figures of tcptrace's long report.

Compiled (see ``stats.pxd``). Kept beside the state machine and read by nothing in it. One
``Stats`` an endpoint; it counts what that endpoint *sent*, and the acknowledgments that its
peer sent for it. Frames captured twice are not shown to it.

What is still unacknowledged is a short list of pieces of sequence space, each with the time
when it was last sent. All that is acknowledged without a hole is a single piece.
"""

from __future__ import annotations

from tcptrace_py.tcp.serial import distance
from tcptrace_py.wire.segment import ACK, FIN, PSH, RST, SYN, Segment

# Sequence numbers are kept unwrapped, as numbers of 64 bits; this far from zero none gets negative.
_UNWRAPPED_FROM = 1 << 40

# Pieces kept for one endpoint. What is sent beyond them joins the last piece and gives no
# round-trip time of its own; retransmissions in it are still seen.
_PIECES = 512
# While the peer is silent (a capture of one direction) nothing will be acknowledged.
_PIECES_UNANSWERED = 16
# Acknowledged pieces with holes between them, which the capture missed; the oldest are forgotten.
_ACKNOWLEDGED_PIECES = 16

#: What takes longer is no round trip: the clock of the capture jumped.
LONGEST_ROUND_TRIP_NS = 600_000_000_000
# No more is added to a sum of 64 bits from here on.
_MOST_SUM_NS = 1 << 62


class Piece:
    """Sequence space ``start <= seq < end`` (unwrapped) that was sent, at ``sent_ns`` the last time."""

    def __init__(self, start: int, end: int, sent_ns: int) -> None:
        self.start = start
        self.end = end
        self.sent_ns = sent_ns
        #: How often (some of) it was sent again.
        self.again = 0
        #: ACKs for exactly its end, or past it: 0 while it is outstanding.
        self.acks = 0
        #: It was sent at one time, so that its ACK tells a round-trip time.
        self.timed = True
        self.next: Piece | None = None


class Stats:
    """Counters of one endpoint; times in ns, sizes in bytes, -1 (or 0 samples) where nothing was seen."""

    def __init__(self) -> None:
        self.packets = 0
        self.last_ns = 0
        self.idle_ns = -1
        #: Segments with ACK; those that carry nothing else; those with SACK blocks.
        self.acks = 0
        self.pure_acks = 0
        self.sack_packets = 0
        self.most_sack_blocks = 0
        self.syns = 0
        self.fins = 0
        self.has_isn = False
        self.isn = 0

        #: Options: as in ``Segment``.
        self.mss_bytes = -1
        self.window_scale = -1
        self.sack_permitted = False
        self.timestamps = False

        self.data_packets = 0
        self.data_bytes = 0
        self.unique_bytes = 0
        self.pushed = 0
        self.least_segment_bytes = 0
        self.most_segment_bytes = 0
        self.first_data_ns = 0
        self.last_data_ns = 0
        #: Segments with sequence space sent before, and how much of it (SYN and FIN take one each).
        self.retransmitted_packets = 0
        self.retransmitted_bytes = 0
        self.out_of_order = 0
        self.zero_window_probes = 0
        self.zero_window_probe_bytes = 0
        #: Data sent before the peer acknowledged any.
        self.initial_packets = 0
        self.initial_bytes = 0
        self.data_acknowledged = False

        #: Windows that it announced, scaled; least is that of those that are not 0.
        self.window_bytes = -1
        self.windows = 0
        self.windows_sum = 0
        self.least_window_bytes = 0
        self.most_window_bytes = 0
        self.zero_windows = 0
        self.scaling = False

        #: Round-trip times of its segments, from the vantage point to the peer and back.
        self.rtt_samples = 0
        self.rtt_least_ns = 0
        self.rtt_most_ns = 0
        self.rtt_sum_ns = 0
        self.rtt_squares_s2 = 0.0
        #: ACKs that gave none: of what was sent more than once (Karn), or after a loss before it.
        self.ambiguous_acks = 0
        self.after_loss_acks = 0
        #: Segments that were acknowledged together with a later one.
        self.cumulatively_acked = 0
        self.duplicate_acks = 0
        self.triple_duplicate_acks = 0
        #: The last ACK number from the peer, and the window that came with it.
        self.peer_ack = -1
        self.peer_window = 0

        self._head: Piece | None = None
        self._tail: Piece | None = None
        self._pieces = 0

    def sends(self, peer: Stats, segment: Segment) -> None:
        """A segment of this endpoint passes; ``peer`` are the figures of the one that gets it."""
        flags = segment.flags
        ts_ns = segment.ts_ns
        if self.packets and ts_ns - self.last_ns > self.idle_ns:
            self.idle_ns = ts_ns - self.last_ns
        self.last_ns = ts_ns
        self.packets += 1
        if segment.has_timestamps:
            self.timestamps = True
        if segment.sack_blocks:
            self.sack_packets += 1
            if segment.sack_blocks > self.most_sack_blocks:
                self.most_sack_blocks = segment.sack_blocks
        carried = segment.payload_bytes
        if flags & (SYN | FIN | RST):
            if flags & SYN:
                carried += 1
                self._take_syn(segment)
            if flags & FIN:
                carried += 1
                self.fins += 1
        again_bytes = 0
        if segment.payload_bytes:
            self._take_data(segment)
        if carried:
            if peer.window_bytes == 0:
                self.zero_window_probes += 1
                self.zero_window_probe_bytes += segment.payload_bytes
            else:
                again_bytes = self._place(segment.seq, carried, ts_ns, peer.packets == 0)
                if again_bytes:
                    self.retransmitted_packets += 1
                    self.retransmitted_bytes += again_bytes
                unique_bytes = carried - again_bytes
                if flags & SYN and self.syns == 1:
                    unique_bytes -= 1
                if flags & FIN and self.fins == 1:
                    unique_bytes -= 1
                if unique_bytes > 0:
                    self.unique_bytes += unique_bytes

        window_bytes = segment.window
        scaled = self.window_scale >= 0 and peer.window_scale >= 0 and not flags & SYN
        if scaled:
            window_bytes <<= self.window_scale
        if flags & ACK:
            self.acks += 1
            peer.be_acknowledged(segment, window_bytes)
        if flags & RST or not flags & (ACK | SYN):
            # The window of a RST means nothing (RFC 9293 section 3.10.7.4 reads none).
            return
        if scaled and not self.scaling:
            # Windows of the SYNs are not scaled (RFC 7323 section 2.2): no part of these figures.
            self.scaling = True
            self.windows = 0
            self.windows_sum = 0
            self.least_window_bytes = 0
            self.most_window_bytes = 0
        if flags & ACK:
            if carried == 0:
                self.pure_acks += 1
            if window_bytes == 0:
                self.zero_windows += 1
            if not peer.data_acknowledged and (not peer.has_isn or distance(segment.ack, peer.isn) != 1):
                peer.data_acknowledged = True
        self.window_bytes = window_bytes
        self.windows += 1
        self.windows_sum += window_bytes
        if window_bytes > self.most_window_bytes:
            self.most_window_bytes = window_bytes
        if window_bytes and (window_bytes < self.least_window_bytes or self.least_window_bytes == 0):
            self.least_window_bytes = window_bytes
        if segment.payload_bytes and again_bytes == 0 and not self.data_acknowledged:
            self.initial_packets += 1
            self.initial_bytes += segment.payload_bytes

    def pieces(self) -> int:
        """Pieces of sequence space that are kept."""
        return self._pieces

    def settle(self, end_ns: int) -> None:
        """The capture ends while the connection is open: the endpoint was idle until then."""
        if self.packets and end_ns - self.last_ns > self.idle_ns:
            self.idle_ns = end_ns - self.last_ns

    def _take_syn(self, segment: Segment) -> None:
        self.syns += 1
        self.has_isn = True
        self.isn = segment.seq
        if segment.mss_bytes >= 0:
            self.mss_bytes = segment.mss_bytes
        if segment.window_scale >= 0:
            self.window_scale = segment.window_scale
        if segment.sack_permitted:
            self.sack_permitted = True

    def _take_data(self, segment: Segment) -> None:
        size = segment.payload_bytes
        if self.data_packets == 0:
            self.first_data_ns = segment.ts_ns
            self.least_segment_bytes = size
        self.last_data_ns = segment.ts_ns
        self.data_packets += 1
        self.data_bytes += size
        if segment.flags & PSH:
            self.pushed += 1
        if size > self.most_segment_bytes:
            self.most_segment_bytes = size
        if size < self.least_segment_bytes:
            self.least_segment_bytes = size

    # --- sequence space ----------------------------------------------------------------

    def _place(self, seq: int, carried: int, ts_ns: int, unanswered: bool) -> int:
        """Note that ``carried`` of sequence space from ``seq`` on was sent; returns how much of it again."""
        tail = self._tail
        start = seq + _UNWRAPPED_FROM if tail is None else tail.end + distance(seq, tail.end)
        end = start + carried
        if tail is None or start >= tail.end:
            self._append(start, end, ts_ns, unanswered)
            return 0
        again = 0
        out_of_order = False
        before: Piece | None = None
        piece = self._head
        while piece is not None:
            if start >= piece.end:
                before = piece
                piece = piece.next
                continue
            if start < piece.start:
                # It fills a hole. If it goes on beyond what follows, it is that sent anew, in one.
                if end < piece.end:
                    out_of_order = True
                filled = Piece(start, end if end < piece.start else piece.start, ts_ns)
                filled.next = piece
                if before is None:
                    self._head = filled
                else:
                    before.next = filled
                self._pieces += 1
                start = filled.end
                if start == end:
                    break
            piece.again += 1
            if ts_ns > piece.sent_ns:
                piece.sent_ns = ts_ns
            if end <= piece.end:
                again += end - start
                start = end
                break
            again += piece.end - start
            start = piece.end
            before = piece
            piece = piece.next
        if start < end:
            self._append(start, end, ts_ns, unanswered)
        elif self._pieces > _PIECES:
            self._fold_head()
        if out_of_order:
            self.out_of_order += 1
        return again

    def _append(self, start: int, end: int, ts_ns: int, unanswered: bool) -> None:
        tail = self._tail
        if tail is None:
            self._head = self._tail = Piece(start, end, ts_ns)
            self._pieces = 1
        elif self._pieces >= (_PIECES_UNANSWERED if unanswered else _PIECES):
            tail.end = end
            tail.sent_ns = ts_ns
            tail.timed = False
        else:
            piece = Piece(start, end, ts_ns)
            tail.next = piece
            self._tail = piece
            self._pieces += 1

    def _fold_head(self) -> None:
        """Make one piece of the two oldest; a hole between them is forgotten."""
        head = self._head
        if head is None:
            return
        second = head.next
        if second is None:
            return
        second.start = head.start
        second.timed = False
        second.again += head.again
        if head.sent_ns > second.sent_ns:
            second.sent_ns = head.sent_ns
        self._head = second
        self._pieces -= 1

    # --- acknowledgments ---------------------------------------------------------------

    def be_acknowledged(self, segment: Segment, window_bytes: int) -> None:
        """A segment of the peer acknowledges what this endpoint sent; ``window_bytes`` is scaled."""
        tail = self._tail
        if tail is None:
            return
        same = segment.ack == self.peer_ack and window_bytes == self.peer_window
        pure = segment.payload_bytes == 0 and not segment.flags & (SYN | FIN | RST)
        self.peer_ack = segment.ack
        self.peer_window = window_bytes
        ack = tail.end + distance(segment.ack, tail.end)
        newest_ns = 0
        acknowledged_pieces = 0
        changed = False
        piece = self._head
        while piece is not None and piece.start < ack:
            if piece.sent_ns > newest_ns:
                newest_ns = piece.sent_ns
            if piece.acks:
                acknowledged_pieces += 1
                if piece.end == ack:
                    if same and pure:
                        piece.acks += 1
                        self.duplicate_acks += 1
                        if piece.acks == 4:
                            self.triple_duplicate_acks += 1
            elif ack < piece.end:
                # A part of what passed in one: segmentation offload, or merged when sent again.
                front = Piece(piece.start, ack, piece.sent_ns)
                front.acks = 1
                front.again = piece.again
                front.next = piece
                piece.start = ack
                self._put_before(front, piece)
                changed = True
                break
            else:
                piece.acks = 1
                changed = True
                if piece.end > ack or piece.end < ack:
                    self.cumulatively_acked += 1
                elif newest_ns > piece.sent_ns or not piece.timed:
                    self.after_loss_acks += 1
                elif piece.again:
                    self.ambiguous_acks += 1
                else:
                    self._take_rtt(segment.ts_ns - piece.sent_ns)
            piece = piece.next
        if changed:
            self._join()
        if acknowledged_pieces > _ACKNOWLEDGED_PIECES:
            self._fold_head()

    def _put_before(self, piece: Piece, successor: Piece) -> None:
        self._pieces += 1
        before = self._head
        if before is successor:
            self._head = piece
            return
        while before is not None and before.next is not successor:
            before = before.next
        if before is not None:
            before.next = piece

    def _join(self) -> None:
        """Acknowledged pieces that touch become one."""
        piece = self._head
        while piece is not None and piece.acks:
            following = piece.next
            if following is None:
                return
            if following.acks and following.start == piece.end:
                piece.end = following.end
                piece.acks = following.acks
                if following.sent_ns > piece.sent_ns:
                    piece.sent_ns = following.sent_ns
                piece.next = following.next
                if following is self._tail:
                    self._tail = piece
                self._pieces -= 1
            else:
                piece = following

    def _take_rtt(self, rtt_ns: int) -> None:
        if not 0 <= rtt_ns <= LONGEST_ROUND_TRIP_NS or self.rtt_sum_ns > _MOST_SUM_NS:
            return
        if self.rtt_samples == 0 or rtt_ns < self.rtt_least_ns:
            self.rtt_least_ns = rtt_ns
        if rtt_ns > self.rtt_most_ns:
            self.rtt_most_ns = rtt_ns
        self.rtt_samples += 1
        self.rtt_sum_ns += rtt_ns
        rtt_s = rtt_ns / 1e9
        self.rtt_squares_s2 += rtt_s * rtt_s
