"""The tracker: which connection a segment belongs to, from its first segment to its last.

Compiled (see ``tracker.pxd``). Sans-I/O: it is fed segments and ICMP errors in the
order of the capture, and hands finished connections on.
"""

from __future__ import annotations

from array import array
from operator import attrgetter

from tcptrace_py.settings import Settings
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.flow_table import FlowTable
from tcptrace_py.tcp.machine import Machine
from tcptrace_py.tcp.serial import advance, distance
from tcptrace_py.tcp.state import (
    ACKNOWLEDGED,
    CLOSED,
    ESTABLISHED,
    PRESUMED,
    SENT,
    SYN_SENT,
    TIME_WAIT,
)
from tcptrace_py.tcp.stats import Stats
from tcptrace_py.tcp.wireshark import Stream
from tcptrace_py.tcp.words import (
    BY_FIRST_SPEAKER,
    BY_LISTENER,
    BY_PORT,
    BY_SYN,
    BY_SYN_ACK,
    FIN_CLOCK,
    FIN_WAIT_2_CLOCK,
    LINGER_CLOCK,
    SYN_ACK_CLOCK,
    SYN_CLOCK,
    TIME_WAIT_CLOCK,
)
from tcptrace_py.wire.segment import ACK, FIN, RST, SYN, Segment

#: Segments that ``Tracker.run`` takes at once.
RUN_SEGMENTS = 32

# Frames captured twice: how many of the latest are remembered (a power of two), and how
# long. With an IP identification two equal frames are one packet; without, only haste tells.
_REMEMBERED = 4096
_DUPLICATE_NS = 1_000_000_000
_DUPLICATE_WITHOUT_ID_NS = 5_000_000

# A segment this near its sender's SND.NXT is of that connection, not of an older one.
_NEAR_BYTES = 1 << 20

# Servers below this port are well known (RFC 6335 section 6).
_WELL_KNOWN_PORTS = 1024

# Listeners remembered: more than any real network that one interface sees has.
_LISTENERS = 1 << 18

# Who goes first when the table is full, by the clock that runs.
_EVICTION_ORDER = (
    LINGER_CLOCK,
    TIME_WAIT_CLOCK,
    SYN_CLOCK,
    SYN_ACK_CLOCK,
    FIN_CLOCK,
    FIN_WAIT_2_CLOCK,
)


class Tracker:
    """Follows every connection of a capture.

    ``finished`` collects connections that are over (and, after ``end``, all the rest);
    whoever drains it gives each back with ``release`` when done with its history.
    ``stats``: endpoints keep the figures of ``stats.Stats``.
    """

    def __init__(self, settings: Settings, stats: bool = False) -> None:
        self.machine = Machine(settings)
        self.table = FlowTable()
        self.finished: list[Connection] = []
        self.segments = 0
        self.duplicates = 0
        self.connections = 0
        #: Conversations as Wireshark counts them.
        self.streams = 0
        self.evicted_over = 0
        self.evicted_open = 0
        self.first_ns = 0
        self.last_ns = 0
        self.time_wait = self.machine.time_wait
        self._clocks = self.machine.clocks
        self._stats = stats
        self._listeners: set[tuple[int, int, int]] = set()
        #: The connection that the last segment was given to.
        self.recent: Connection | None = None
        self._hashes = array("Q", bytes(8 * RUN_SEGMENTS))
        # Pairs: the fingerprint of a frame, and its time.
        self._seen = array("Q", bytes(16 * _REMEMBERED))

    def segment(self, segment: Segment) -> None:
        """One TCP segment passes the vantage point."""
        self._take(segment, self.table.hash(segment))

    def run(self, segments: list[Segment], count: int) -> None:
        """The first ``count`` of ``segments`` (no more than ``RUN_SEGMENTS``) pass, one after the other.

        Their connections are looked for beforehand, all at once: memory that is far away is asked
        for while other such memory is under way.
        """
        hashes = self._hashes
        table = self.table
        for i in range(count):
            flow_hash = table.hash(segments[i])
            hashes[i] = flow_hash
            table.fetch(flow_hash)
        for i in range(count):
            self._take(segments[i], hashes[i])

    def _take(self, segment: Segment, flow_hash: int) -> None:
        if segment.ts_ns >= self._clocks.next_ns or segment.ts_ns < self.first_ns or not self.first_ns:
            self.tick(segment.ts_ns)
        elif segment.ts_ns > self.last_ns:
            self.last_ns = segment.ts_ns
            self._clocks.now_ns = segment.ts_ns
        self.segments += 1
        recent = self.recent
        if (
            recent is None
            or recent.hash != flow_hash
            or recent.finished
            or recent.reuse_of >= 0
            or recent.reused_by >= 0
            or recent.a.port ^ recent.b.port != segment.src_port ^ segment.dst_port
        ):
            recent = self.table.find(segment, flow_hash)
        connection = self._which(recent, segment, flow_hash)
        self.recent = connection

        a = connection.a
        if a.port == segment.src_port and a.address_lo == segment.src_lo and a.address_hi == segment.src_hi:
            sender = a
            receiver = connection.b
        else:
            sender = connection.b
            receiver = a
        connection.last_ns = segment.ts_ns
        if sender.packets == 0:
            sender.first_ns = segment.ts_ns
        sender.last_ns = segment.ts_ns
        sender.last_frame = segment.frame
        sender.packets += 1
        regular = self._regular(sender, receiver, segment)
        kind = 1 if sender is a else 4
        if not segment.payload_bytes:
            kind += kind
        if not regular or not connection.plain & kind:
            self._tell_peers(connection, kind, regular, segment)
        if self._captured_before(segment, flow_hash):
            sender.duplicates += 1
            self.duplicates += 1
            return
        if (
            regular
            and sender.state == ESTABLISHED
            and receiver.state == ESTABLISHED
            and not connection.pending_reset_by
            and sender.stats is None
        ):
            sender.go_on(receiver, segment)
            return
        if connection.a.clock == LINGER_CLOCK:
            self.machine.clocks.start(connection.a, LINGER_CLOCK)
        if connection.pending_syn_by and segment.flags & (SYN | ACK) == SYN:
            if segment.seq == connection.pending_syn_isn:
                connection.pending_syns += 1
                connection.pending_syn_last_ns = segment.ts_ns
                connection.pending_syn_last_frame = segment.frame
                return
        if sender.stats is not None and receiver.stats is not None:
            sender.stats.sends(receiver.stats, segment)
        self.machine.segment(connection, sender, receiver, segment)
        if segment.flags & SYN and segment.flags & ACK and not connection.simultaneous_open:
            self._accepted(connection, sender, receiver, segment)
        elif connection.reuse_of >= 0 and connection.ack_frame == segment.frame:
            self._opened_anew(connection, segment)

    def tick(self, ts_ns: int) -> None:
        """Let the capture's time run to ``ts_ns``; clocks run out, and finished connections go."""
        if self.first_ns == 0 or ts_ns < self.first_ns:
            self.first_ns = ts_ns
        if ts_ns > self.last_ns:
            self.last_ns = ts_ns
        while True:
            connection = self.machine.run_clocks(ts_ns)
            if connection is None:
                return
            self._hand_over(connection)

    def end(self) -> None:
        """The capture is over: every connection still known is handed over, in order of id."""
        for connection in self.table.all():
            if self._stats and not self.machine.done(connection):
                self._settle_stats(connection.a, connection.b)
            self._hand_over(connection)

    def _settle_stats(self, a: Endpoint, b: Endpoint) -> None:
        """Silence until the end of the capture counts as idle, unless both have said that they are done."""
        if a.stats is not None and b.stats is not None and not (a.stats.fins and b.stats.fins):
            a.stats.settle(self.last_ns)
            b.stats.settle(self.last_ns)

    def _hand_over(self, connection: Connection) -> None:
        self.machine.settle(connection)
        self.machine.clocks.stop(connection.a)
        self.machine.clocks.stop(connection.b)
        self.table.remove(connection)
        connection.finished = True
        if connection.pending_syn_by:
            self._call_stale(connection)
        if connection.roles_basis > BY_LISTENER:
            self._guess_roles(connection)
        self.finished.append(connection)

    def evict(self, most: int) -> None:
        """Hand connections over before their time, until no more than ``most`` are known.

        Those that are over go first, then those in TIME_WAIT, then those whose clocks have run
        longest, then those that have been silent longest. ``evicted_over`` and ``evicted_open``
        count them.
        """
        for kind in _EVICTION_ORDER:
            while self.table.count > most:
                endpoint = self.machine.clocks.oldest(kind)
                if endpoint is None:
                    break
                self._evict(endpoint.connection)
        if self.table.count > most:
            # A sixteenth more than needed, so that the next ones come cheap.
            excess = self.table.count - most + most // 16
            for connection in sorted(self.table.all(), key=attrgetter("last_ns"))[:excess]:
                self._evict(connection)

    def _evict(self, connection: Connection) -> None:
        if self.machine.done(connection):
            self.evicted_over += 1
        else:
            self.evicted_open += 1
        self._hand_over(connection)
        a = connection.a
        b = connection.b
        if a.state == TIME_WAIT:
            self.time_wait.leave(a, b, connection.ip_version)
        if b.state == TIME_WAIT:
            self.time_wait.leave(b, a, connection.ip_version)

    def release(self, connection: Connection) -> None:
        """Nobody needs this finished connection any more: its history's room is free."""
        self.machine.journal.release(connection.a.last)
        self.machine.journal.release(connection.b.last)
        connection.a.last = -1
        connection.b.last = -1
        # Endpoints know their connection and it knows them: cut the circle.
        connection.a.connection = None
        connection.b.connection = None

    def forget(self) -> None:
        """The capture is given up half-way: nothing known is kept, or handed over."""
        for connection in self.table.all():
            self.machine.clocks.stop(connection.a)
            self.machine.clocks.stop(connection.b)
            self.release(connection)

    def history(self, endpoint: Endpoint) -> list[tuple[int, int, int, int]]:
        """``(state, ts_ns, frame, basis)``, oldest first; frame 0 where a clock ran out."""
        journal = self.machine.journal
        entries: list[tuple[int, int, int, int]] = []
        index = endpoint.last
        while index >= 0:
            entries.append(
                (journal.state(index), journal.ts_ns(index), journal.frame(index), journal.basis(index))
            )
            index = journal.previous(index)
        entries.reverse()
        return entries

    def unreachable(self, error: object, segment: Segment) -> None:
        """An ICMP error quotes a segment (filled into ``segment``: four-tuple, ``seq``, time, frame).

        It counts against the attempt whose SYN it quotes (RFC 5461 section 4.1); ``error`` is
        kept for whoever explains it.
        """
        self.tick(segment.ts_ns)
        connection = self.table.find(segment, self.table.hash(segment))
        if connection is None:
            return
        a = connection.a
        from_a = a.port == segment.src_port and a.address_lo == segment.src_lo
        endpoint = a if from_a and a.address_hi == segment.src_hi else connection.b
        if endpoint.state == SYN_SENT and endpoint.has_isn and endpoint.isn == segment.seq:
            connection.unreachable_frame = segment.frame
            connection.unreachable_ns = segment.ts_ns
            connection.unreachable = error
            self.machine.unreachable(connection, endpoint, segment.ts_ns, segment.frame)

    def _regular(self, sender: Endpoint, receiver: Endpoint, segment: Segment) -> bool:
        """It goes on where its sender left off and acknowledges what has passed, in a stream without gaps.

        So do most segments of most connections: they change nothing but numbers.
        """
        return (
            segment.flags & (SYN | FIN | RST | ACK) == ACK
            and sender.snd_nxt == segment.seq
            and sender.has_snd
            and sender.holes is None
            and receiver.holes is None
            and receiver.has_una
            and segment.window != 0
            and segment.ack != 0
            and (
                receiver.snd_una == segment.ack
                or (
                    distance(segment.ack, receiver.snd_una) > 0
                    and distance(segment.ack, receiver.snd_nxt) <= 0
                )
            )
        )

    # --- which connection --------------------------------------------------------------

    def _which(self, newest: Connection | None, segment: Segment, flow_hash: int) -> Connection:
        """The connection a segment belongs to, begun here if need be."""
        flags = segment.flags
        if newest is None:
            return self._begin(segment, flow_hash)
        if not flags & (SYN | RST) and newest.reuse_of < 0:
            return newest
        connection: Connection | None = newest
        if newest.reuse_of >= 0 and not self._goes_on(newest, segment):
            while connection is not None and not self._goes_on(connection, segment):
                connection = self.table.older(connection, segment)
            if connection is None:
                connection = newest
                while connection is not None and not self._fits(connection, segment):
                    connection = self.table.older(connection, segment)
            if connection is None:
                connection = newest
        if connection is None:
            return newest
        if flags & SYN and not flags & ACK:
            return self._attempt(connection, segment, flow_hash)
        if connection.pending_syn_by and flags & ACK and flags & (SYN | RST):
            if segment.ack == advance(connection.pending_syn_isn, 1):
                return self._accept_pending(connection, segment, flow_hash)
        if flags & SYN:
            sender, receiver = self._direction(connection, segment)
            if connection.reuse_of >= 0 and sender.last < 0 and receiver.state == SYN_SENT:
                self._resume(connection, sender, segment)
            if sender.state == CLOSED and sender.fin_sent and sender.isn != segment.seq:
                # A listener answers an old SYN that came again: for it that is another attempt.
                began = self._begin(segment, flow_hash)
                self._succeed(connection, began, segment)
                return began
        return connection

    def _attempt(self, connection: Connection, segment: Segment, flow_hash: int) -> Connection:
        """A bare SYN on a four-tuple that has a connection: the same attempt again, or another?"""
        sender, receiver = self._direction(connection, segment)
        if sender.has_isn and sender.isn == segment.seq:
            return connection
        if sender.has_isn and connection.pending_syn_by and connection.pending_syn_isn == segment.seq:
            return connection
        if not sender.has_isn and receiver.state == SYN_SENT and receiver.syns:
            connection.simultaneous_open = True
            return connection
        over = self.machine.done(connection)
        in_time_wait = sender.state == TIME_WAIT or receiver.state == TIME_WAIT
        unanswered = sender.state == SYN_SENT
        if over or in_time_wait or unanswered:
            began = self._begin(segment, flow_hash)
            self._succeed(connection, began, segment)
            if in_time_wait:
                holder = sender if sender.state == TIME_WAIT else receiver
                connection.reused_time_wait = 1 if holder is connection.a else 2
            return began
        # Both sides hold a connection: an old SYN that comes late, or a host that restarted.
        # Only an answer to it can tell.
        if connection.pending_syn_by:
            self._call_stale(connection)
        connection.pending_syn_by = 1 if sender is connection.a else 2
        connection.pending_syns = 0
        connection.pending_syn_isn = segment.seq
        connection.pending_syn_window = segment.window
        connection.pending_syn_frame = segment.frame
        connection.pending_syn_ns = segment.ts_ns
        return connection

    def _resume(self, connection: Connection, sender: Endpoint, segment: Segment) -> None:
        """A SYN+ACK with the number of a refused SYN: the refusal had not come, and both open at once."""
        older = self.table.older(connection, segment)
        if older is None or not older.refused:
            return
        refused, _ = self._direction(older, segment)
        if refused.isn == segment.seq and refused.state == CLOSED and self.machine.basis(refused) == PRESUMED:
            connection.simultaneous_open = True
            self.machine.resume(refused, sender)

    def _succeed(self, connection: Connection, began: Connection, segment: Segment) -> None:
        """The four-tuple has a newer connection, begun by this segment."""
        began.reuse_of = connection.id
        connection.reused_by = began.id
        connection.reused_frame = segment.frame
        connection.reused_ns = segment.ts_ns

    def _call_stale(self, connection: Connection) -> None:
        connection.stale_syns += 1
        if connection.stale_syns == 1:
            connection.stale_syn_by = connection.pending_syn_by
            connection.stale_syn_frame = connection.pending_syn_frame
            connection.stale_syn_ns = connection.pending_syn_ns
        connection.pending_syn_by = 0

    def _accept_pending(self, connection: Connection, segment: Segment, flow_hash: int) -> Connection:
        """The SYN that seemed stale is answered: it began a new connection (4.5 of the design)."""
        asked = Segment()
        asked.ts_ns = connection.pending_syn_ns
        asked.frame = connection.pending_syn_frame
        asked.ip_version = segment.ip_version
        asked.tunnel = connection.tunnel
        asked.src_hi = segment.dst_hi
        asked.src_lo = segment.dst_lo
        asked.src_port = segment.dst_port
        asked.dst_hi = segment.src_hi
        asked.dst_lo = segment.src_lo
        asked.dst_port = segment.src_port
        asked.seq = connection.pending_syn_isn
        asked.window = connection.pending_syn_window
        asked.flags = SYN
        began = self._begin(asked, flow_hash)
        self._succeed(connection, began, asked)
        began.last_ns = asked.ts_ns
        began.a.first_ns = asked.ts_ns
        began.a.last_ns = asked.ts_ns
        began.a.last_frame = asked.frame
        began.a.packets = 1
        if began.a.stats is not None and began.b.stats is not None:
            began.a.stats.sends(began.b.stats, asked)
        began.zeek.segment(True, asked)
        self.machine.segment(began, began.a, began.b, asked)
        asker = connection.a if connection.pending_syn_by == 1 else connection.b
        asker.packets -= connection.pending_syns
        again = connection.pending_syns - 1
        began.a.packets += again
        began.a.syns += again
        began.a.retransmits += again
        began.last_syn_ns = connection.pending_syn_last_ns
        began.last_syn_frame = connection.pending_syn_last_frame
        connection.pending_syn_by = 0
        self.machine.replace(asker, SENT, asked.ts_ns, asked.frame)
        if began.a.stats is not None and began.b.stats is not None:
            asked.ts_ns = connection.pending_syn_last_ns
            for _ in range(again):
                began.a.stats.sends(began.b.stats, asked)
        return began

    def _accepted(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment
    ) -> None:
        """A SYN+ACK passed: its sender listens, and holds no older connection on this four-tuple."""
        if sender.passive and len(self._listeners) < _LISTENERS:
            self._listeners.add((sender.address_hi, sender.address_lo, sender.port))
        if connection.reuse_of < 0 or not 1 <= distance(segment.ack, receiver.isn) <= 1 + receiver.syn_bytes:
            return
        older = self.table.older(connection, segment)
        while older is not None:
            old_sender, old_receiver = self._direction(older, segment)
            self.machine.replace(old_sender, ACKNOWLEDGED, segment.ts_ns, segment.frame)
            if connection.syn_frame and old_receiver.state >= ESTABLISHED:
                self.machine.replace(old_receiver, SENT, connection.syn_ns, connection.syn_frame)
            older = self.table.older(older, segment)

    def _opened_anew(self, connection: Connection, segment: Segment) -> None:
        """The client has answered the SYN+ACK: it holds nothing older on these ports since its SYN."""
        older = self.table.older(connection, segment)
        while older is not None:
            old_client, _ = self._direction(older, segment)
            if old_client.state == SYN_SENT or old_client.state == TIME_WAIT:
                if connection.syn_frame:
                    self.machine.replace(old_client, SENT, connection.syn_ns, connection.syn_frame)
                else:
                    self.machine.replace(old_client, ACKNOWLEDGED, segment.ts_ns, segment.frame)
            older = self.table.older(older, segment)

    def _goes_on(self, connection: Connection, segment: Segment) -> bool:
        """Does it go on just where its sender left that connection?"""
        sender, _ = self._direction(connection, segment)
        return (
            sender.has_snd
            and segment.seq == sender.snd_nxt
            and not segment.flags & SYN
            and self._fits(connection, segment)
        )

    def _fits(self, connection: Connection, segment: Segment) -> bool:
        """Is this a segment of that connection, where the four-tuple has had several?"""
        sender, receiver = self._direction(connection, segment)
        flags = segment.flags
        if flags & SYN and not flags & ACK:
            return sender.has_isn and sender.isn == segment.seq
        if flags & SYN or (flags & RST and flags & ACK and not sender.has_snd):
            # An answer to a SYN: does it acknowledge this one?
            if receiver.has_isn:
                return 1 <= distance(segment.ack, receiver.isn) <= 1 + receiver.syn_bytes
            return sender.has_isn and sender.isn == segment.seq
        if sender.has_snd:
            off = distance(segment.seq, sender.snd_nxt)
            if not -_NEAR_BYTES < off < _NEAR_BYTES:
                return False
            if not flags & ACK:
                return True
            if not receiver.has_snd:
                # It acknowledges what its peer never sent here: rather an older connection's.
                return False
            off = distance(segment.ack, receiver.snd_nxt)
            return -_NEAR_BYTES < off < _NEAR_BYTES
        if receiver.has_isn and flags & ACK:
            return 1 <= distance(segment.ack, receiver.isn) <= _NEAR_BYTES
        return False

    def _direction(self, connection: Connection, segment: Segment) -> tuple[Endpoint, Endpoint]:
        a = connection.a
        if a.port == segment.src_port and a.address_lo == segment.src_lo and a.address_hi == segment.src_hi:
            return a, connection.b
        return connection.b, a

    def _begin(self, segment: Segment, flow_hash: int) -> Connection:
        connection = Connection()
        connection.id = self.connections
        self.connections += 1
        connection.ip_version = segment.ip_version
        connection.tunnel = segment.tunnel
        connection.first_ns = segment.ts_ns
        connection.first_frame = segment.frame
        a = connection.a
        b = connection.b
        a.connection = connection
        b.connection = connection
        if self._stats:
            a.stats = Stats()
            b.stats = Stats()
        a.address_hi = segment.src_hi
        a.address_lo = segment.src_lo
        a.port = segment.src_port
        b.address_hi = segment.dst_hi
        b.address_lo = segment.dst_lo
        b.port = segment.dst_port
        self.table.add(connection, flow_hash)
        if segment.flags & SYN:
            if segment.flags & ACK:
                connection.roles_basis = BY_SYN_ACK
                connection.client_is_a = False
                self.machine.pick_up(connection, a, b, segment)
            else:
                connection.roles_basis = BY_SYN
        else:
            self._guess_roles(connection)
            self.machine.pick_up(connection, a, b, segment)
        return connection

    def _guess_roles(self, connection: Connection) -> None:
        """Nobody was seen to open it: a known listener is the server, or else the likelier port."""
        a = connection.a
        b = connection.b
        a_listens = (a.address_hi, a.address_lo, a.port) in self._listeners
        b_listens = (b.address_hi, b.address_lo, b.port) in self._listeners
        if a_listens != b_listens:
            connection.client_is_a = b_listens
            connection.roles_basis = BY_LISTENER
        elif (a.port < _WELL_KNOWN_PORTS) != (b.port < _WELL_KNOWN_PORTS) or a.port != b.port:
            connection.client_is_a = b.port < a.port
            connection.roles_basis = BY_PORT
        else:
            connection.client_is_a = True
            connection.roles_basis = BY_FIRST_SPEAKER

    # --- what others would say of it ---------------------------------------------------

    def _tell_peers(self, connection: Connection, kind: int, regular: bool, segment: Segment) -> None:
        """Every segment, frames captured twice too: neither Zeek nor Wireshark knows of them.

        Told before the endpoints are. ``kind``: which bit of ``connection.plain`` it has. A regular
        segment whose bit is set is not told: it changes numbers that the endpoints keep anyway.
        """
        zeek = connection.zeek
        if connection.plain:
            zeek.catch_up(connection.a, connection.b)
        in_step = regular and zeek.in_step(connection.a, connection.b)

        bare_syn = segment.flags & (SYN | ACK) == SYN
        # For Zeek, as for us, a SYN with another number is no part of this connection.
        if not (bare_syn and connection.pending_syn_by and connection.pending_syn_isn == segment.seq):
            zeek.segment(kind <= 2, segment)
        self._tell_stream(connection, bare_syn, segment)
        # What was just told need not be told again.
        if not in_step:
            connection.plain = 0
        elif connection.stream_now is connection.stream:
            connection.plain |= kind

    def _tell_stream(self, connection: Connection, bare_syn: bool, segment: Segment) -> None:
        """Find the Wireshark stream that the segment is in, or begins."""
        stream = connection.stream_now
        older: Connection | None = None
        if stream is None:
            older = self.table.older(connection, segment)
            if older is not None:
                stream = older.stream_now
        while stream is not None and stream.newer is not None:
            stream = stream.newer
        if stream is not None and not (bare_syn and stream.reopens(segment)):
            stream.go_on(segment)
        else:
            before = stream
            stream = Stream()
            stream.number = self.streams
            self.streams += 1
            stream.begin(segment)
            if before is not None:
                before.newer = stream
                if connection.stream is not None:
                    # Not through all those in between: they need not be kept.
                    connection.stream.newer = stream
            while older is not None:
                # Their segments, if any more come, are in the new stream.
                if older.plain:
                    older.zeek.catch_up(older.a, older.b)
                    older.plain = 0
                older = self.table.older(older, segment)
        connection.stream_now = stream
        if connection.stream is None:
            connection.stream = stream

    # --- frames captured twice ---------------------------------------------------------

    def _captured_before(self, segment: Segment, flow_hash: int) -> bool:
        """The same packet was captured a moment ago: a mirror of both directions, or ``any``."""
        if segment.ip_id:
            within_ns = _DUPLICATE_NS
        elif segment.payload_bytes or segment.flags & (SYN | FIN | RST):
            within_ns = _DUPLICATE_WITHOUT_ID_NS
        else:
            # A pure ACK repeated in haste may as well be a duplicate ACK.
            return False
        fingerprint = self.table.fingerprint(segment, flow_hash)
        # Not by the fingerprint, which is seeded: which frames share a place decides which duplicates
        # are seen, and the same capture must give the same report.
        at = segment.seq
        at = 2 * ((at ^ (at >> 12) ^ segment.ip_id * 31 ^ segment.src_port) % _REMEMBERED)
        since_ns = segment.ts_ns - self._seen[at + 1]
        if self._seen[at] == fingerprint and 0 <= since_ns < within_ns:
            return True
        self._seen[at] = fingerprint
        self._seen[at + 1] = segment.ts_ns
        return False
