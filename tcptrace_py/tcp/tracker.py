# cython: boundscheck=False, initializedcheck=False
"""The tracker: which connection a segment belongs to, from its first segment to its last.

Compiled (see ``tracker.pxd``). Sans-I/O: it is fed segments and ICMP errors in the
order of the capture, and hands finished connections on.
"""

from __future__ import annotations

from array import array

from tcptrace_py.capture.presence import Gaps
from tcptrace_py.defects import Defects
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.attempt import Attempt, Attempts
from tcptrace_py.tcp.codes import BY_LISTENER, BY_SYN, BY_SYN_ACK, LINGER_CLOCK, SYN_CLOCK
from tcptrace_py.tcp.compat.peers import Peers
from tcptrace_py.tcp.compat.tcptrace import Stats
from tcptrace_py.tcp.connection import Connection, new_connection
from tcptrace_py.tcp.duplicates import Duplicates, another
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.flow_table import FlowTable, fetch_last
from tcptrace_py.tcp.gate import follows
from tcptrace_py.tcp.incarnations import answered, answers_syn, direction, early_answers, incarnation
from tcptrace_py.tcp.late_copies import LateCopies
from tcptrace_py.tcp.machine import Machine
from tcptrace_py.tcp.observations import QUIET_NS
from tcptrace_py.tcp.observer import Observer
from tcptrace_py.tcp.reuse import (
    accepted,
    asks_again,
    call_stale,
    give_pending,
    opened_anew,
    pending_syn,
    resume,
    shows_answer,
    succeed,
    wait_for_answer,
)
from tcptrace_py.tcp.roles import MOST_UNDECIDED, Listeners
from tcptrace_py.tcp.serial import advance, distance
from tcptrace_py.tcp.state import CLOSED, ESTABLISHED, SENT, SYN_SENT, TIME_WAIT
from tcptrace_py.tcp.two_clocks import TwoClocks
from tcptrace_py.wire.place import place
from tcptrace_py.wire.segment import ACK, FIN, RST, SYN, Segment

#: Segments that ``Tracker.run`` takes at once.
RUN_SEGMENTS = 32

_ALL = 0x7FFFFFFFFFFFFFFF
# Together, since C reads each of them from memory.
_SYN_OR_RST = SYN | RST

# Attempts without an answer at once, from which on more of them will stay so: a flood, a scan, an outage.
_HOLD_FROM = 1000


class Tracker:
    """Follows every connection of a capture.

    ``finished`` collects connections that are over (and, by ``end``, all the rest);
    whoever drains it gives each back with ``release`` when done with its history.
    ``stats``: endpoints keep the figures of ``stats.Stats``. ``peers``: connections keep what Zeek
    and Wireshark would say of them.
    """

    def __init__(self, settings: Settings, stats: bool = False, peers: bool = True) -> None:
        self.machine = Machine(settings)
        self.table = FlowTable()
        self.finished: list[Connection] = []
        self.segments = 0
        self.duplicates = 0
        self.connections = 0
        self.evicted_over = 0
        self.evicted_open = 0
        self.first_ns = 0
        self.last_ns = 0
        self.transitions = self.machine.transitions
        self.time_wait = self.transitions.time_wait
        self._clocks = self.transitions.clocks
        self._stats = stats
        self.peers = Peers(self.table) if peers else None
        #: From so many unanswered SYNs on, the next ones are held back. Not where somebody reads more
        #: of one than its state.
        self.hold_from = _ALL if stats or peers else _HOLD_FROM
        self._attempts = Attempts()
        self._tries_ns = self._clocks.duration_ns(SYN_CLOCK)
        self._hold_ns = self._tries_ns + self._clocks.duration_ns(LINGER_CLOCK)
        #: Held SYNs that are over wait for ``next_attempt``; else they are handed over as connections.
        self.attempts_wait = False
        self._held_syn = Attempt()
        #: What ``end`` has still to hand over, last id first.
        self._rest: list[Connection] | None = None
        self._syn = Segment()
        #: Silences of the whole capture, told by whoever sees all of it.
        self.gaps = Gaps()
        self._observer = Observer(self.gaps)
        #: Who was seen to listen.
        self.listeners = Listeners()
        #: A connection with a lower id whose roles are a guess waits until all listeners are known.
        self.undecided_below = _ALL
        self._guessed = 0
        #: Where it is an array: when each connection began, two numbers each in the order of their ids. The
        #: capture's time then, and the frame.
        self.begins: array[int] | None = None
        self._duplicates = Duplicates(self.table)
        self.late_copies = LateCopies()
        self.two_clocks = TwoClocks()
        #: The connection that the last segment was given to.
        self.recent: Connection | None = None
        self._hashes = array("Q", bytes(8 * RUN_SEGMENTS))
        self._first: list[Connection | None] = [None] * RUN_SEGMENTS
        #: Segments that could not be followed.
        self.defects = Defects()

    @property
    def known(self) -> int:
        """Connections in the table, and held SYNs."""
        return self.table.count + self._attempts.count

    def segment(self, segment: Segment) -> None:
        """One TCP segment passes the vantage point."""
        flow_hash = self.table.hash(segment)
        self._take(segment, flow_hash, self.table.first(flow_hash))

    def run(self, segments: list[Segment], count: int) -> None:
        """The first ``count`` of ``segments`` (at most ``RUN_SEGMENTS``) pass, one after the other. Their
        connections are looked for beforehand: far memory is asked for while other such memory is under way.
        """
        hashes = self._hashes
        first = self._first
        table = self.table
        for i in range(count):
            hashes[i] = table.hash(segments[i])
        for i in range(count):
            flow_hash = hashes[i]
            first[i] = table.first(flow_hash)
            self._attempts.fetch(flow_hash)
        for i in range(count):
            connection = first[i]
            if connection is not None:
                connection.touch()
        i = 0
        while i < count:
            try:
                while i < count:
                    self._take(segments[i], hashes[i], first[i])
                    i += 1
            except Exception as error:
                self.defects.note("what a segment tells of its connection", (segments[i].frame,), error)
                i += 1

    def _take(self, segment: Segment, flow_hash: int, recent: Connection | None) -> None:
        """``recent``: the connection that it is likely to be of."""
        # The latest stamp of the whole capture so far, whichever part of it this tracker is given.
        now_ns = segment.now_ns if segment.now_ns > segment.ts_ns else segment.ts_ns
        if now_ns >= self._clocks.next_ns or segment.ts_ns < self.first_ns or not self.first_ns:
            self.tick(segment.ts_ns)
            self.tick(now_ns)
        elif now_ns > self.last_ns:
            self.last_ns = now_ns
            self._clocks.now_ns = now_ns
        self.segments += 1
        if (
            recent is None
            or recent.hash != flow_hash
            or recent.finished
            or recent.rare.reuse_of >= 0
            or recent.rare.newer is not None
            or recent.a.port ^ recent.b.port != segment.src_port ^ segment.dst_port
        ):
            recent = self._find(segment, flow_hash)
            if recent is None:
                unanswered = self._clocks.syn_clocks + self._attempts.count
                if unanswered >= self.hold_from and self._hold(segment, flow_hash):
                    return
                if self.late_copies.known(segment, flow_hash):
                    return
        if (
            recent is not None
            and recent.rare.reuse_of < 0
            and not recent.pending_syn_by
            and not segment.flags & _SYN_OR_RST
        ):
            connection = recent
        else:
            connection = self._which(recent, segment, flow_hash)
        self.recent = connection

        by_a = connection.sent_by_a(segment)
        if by_a:
            sender = connection.a
            receiver = connection.b
        else:
            sender = connection.b
            receiver = connection.a
        quiet_ns = segment.ts_ns - connection.last_ns
        connection.last_ns = segment.ts_ns
        if sender.packets == 0 and not by_a:
            connection.answered_ns = segment.ts_ns
        before_ns = sender.last_ns
        sender.last_ns = segment.ts_ns
        sender.last_frame = segment.frame
        sender.packets += 1
        regular = sender.keeps_on(receiver, segment)
        if self.peers is not None:
            self.peers.pass_by(connection, by_a, regular, segment)
        before = self._duplicates.captured_before(segment, flow_hash, connection.place)
        if before and not another(sender, receiver, segment):
            sender_rare = sender.own_rare()
            sender_rare.duplicates += 1
            self.duplicates += 1
            return
        if (
            not regular
            or quiet_ns >= QUIET_NS
            or quiet_ns < 0
            or segment.payload_bytes > sender.largest_bytes
            or connection.watched
            or segment.sack_blocks
            or segment.tls_alert >= 0
        ):
            self._observer.see(
                connection, 1 if by_a else 2, sender, receiver, segment, quiet_ns, before_ns, recent
            )
        if (
            regular
            and sender.state == ESTABLISHED
            and receiver.state == ESTABLISHED
            and not sender.rsts
            and not receiver.rsts
            and sender.rare.stats is None
        ):
            sender.go_on(receiver, segment)
            if connection.shown is not None:
                self.machine.tell(connection, sender, segment)
                if segment.frame < receiver.last_frame:
                    connection.unread = True
            return
        if connection.pending_syn_by == (1 if by_a else 2) and segment.flags & (SYN | ACK) == SYN:
            if segment.seq == connection.rare.pending_syn_isn:
                asks_again(connection, segment)
                return
        self._pass(connection, sender, receiver, segment)
        if connection.first_frame == segment.frame and connection.rare.early is not None:
            self._pass_early(connection)

    def _pass(self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment) -> None:
        """A segment of the connection that may move it, or what came before on its four-tuple."""
        lingers = self.transitions.lingers(connection)
        if lingers is not None:
            self._clocks.start(lingers, lingers.clock)
        if sender.rare.stats is not None and receiver.rare.stats is not None:
            sender.rare.stats.sends(receiver.rare.stats, segment)
        self.machine.segment(connection, sender, receiver, segment)
        if answers_syn(segment) and not connection.simultaneous_open:
            if 1 <= distance(segment.ack, receiver.isn) <= 1 + receiver.rare.syn_bytes:
                # Its sender holds no older connection on this four-tuple.
                if sender.passive:
                    self.listeners.add(sender)
                accepted(self.table, self.machine, connection, segment)
        elif connection.rare.reuse_of >= 0 and connection.ack_frame == segment.frame:
            opened_anew(self.table, self.machine, connection, segment)

    def _pass_early(self, connection: Connection) -> None:
        """Its SYN has passed: so do the answers that passed before it, which the older connection dropped."""
        early, connection.rare.early = connection.rare.early or (), None
        older = self.table.older(connection, connection)
        for segment in early:
            if older is not None:
                self.machine.give_away(older, segment)
            sender, receiver = direction(connection, segment)
            if sender.packets == 0 and sender is not connection.a:
                connection.answered_ns = segment.ts_ns
            sender.last_ns = segment.ts_ns
            sender.last_frame = segment.frame
            sender.packets += 1
            self._pass(connection, sender, receiver, segment)

    def tick(self, ts_ns: int) -> None:
        """Let the capture's time run to ``ts_ns``; clocks run out, and finished connections go."""
        if self.first_ns == 0 or ts_ns < self.first_ns:
            self.first_ns = ts_ns
        if ts_ns > self.last_ns:
            self.last_ns = ts_ns
        while True:
            connection = self.transitions.run_clocks(ts_ns)
            if connection is None:
                break
            self.late_copies.remember(connection)
            self.hand_over(connection, self._clocks.now_ns)
        attempts = self._attempts
        number = attempts.oldest()
        while number >= 0:
            over_ns = attempts.ts_ns(number) + self._hold_ns
            if over_ns > ts_ns:
                self._clocks.next_ns = min(self._clocks.next_ns, over_ns)
                break
            self.let_oldest_go()
            number = attempts.oldest()

    def end(self, most: int = _ALL) -> bool:
        """The capture is over: every connection still known is handed over, in order of id.

        ``most`` are at a time; whether there are more.
        """
        if self._rest is None:
            # The table is left alone from here on: there is no segment any more to look for.
            self._rest = self.table.take_all()
            self._rest.reverse()
            if self.attempts_wait:
                self._attempts.let_all_go()
        rest = self._rest
        fetch_last(rest, most)
        for _ in range(most):
            number = self._attempts.oldest()
            if number >= 0 and (not rest or self._attempts.id(number) < rest[len(rest) - 1].id):
                self.let_oldest_go()
                continue
            if not rest:
                return False
            connection = rest.pop()
            of_a = connection.a.rare.stats
            of_b = connection.b.rare.stats
            if of_a is not None and of_b is not None and not self.transitions.done(connection):
                # Silence until the end of the capture is idle, unless both have said that they are done.
                if not (of_a.fins and of_b.fins):
                    of_a.settle(self.last_ns)
                    of_b.settle(self.last_ns)
            self.hand_over(connection, self.last_ns)
        return True

    def hand_over(self, connection: Connection, over_ns: int) -> None:
        connection.over_ns = over_ns
        self.machine.settle(connection)
        self._clocks.stop(connection.a)
        self._clocks.stop(connection.b)
        if self._rest is None:
            self.table.remove(connection)
        else:
            self.table.unlink(connection)
        connection.finished = True
        self.two_clocks.look(connection)
        if connection.pending_syn_by:
            call_stale(connection)
        if connection.roles_basis >= BY_LISTENER:
            self.listeners.guess(connection)
        self.finished.append(connection)

    def let_oldest_go(self) -> bool:
        """The SYN that is held longest is over; False where none is held."""
        number = self._attempts.oldest()
        if number < 0:
            return False
        if self.attempts_wait:
            self._attempts.let_go()
        else:
            self._attempts.take(number, self._held_syn)
            self.connect(self._held_syn)
        return True

    def next_attempt(self) -> Attempt | None:
        """The next held SYN that is over, or None; to be read before anything else is asked."""
        attempt = self._held_syn
        if not self._attempts.next(attempt):
            return None
        attempt.given_up = attempt.ts_ns + self._tries_ns <= self._clocks.now_ns
        return attempt

    def over_ns(self, attempt: Attempt) -> int:
        """The capture's time when a SYN was over."""
        return min(attempt.ts_ns + self._hold_ns, self.last_ns)

    def connect(self, attempt: Attempt) -> None:
        """A SYN that is over shall be a connection after all, the next one in ``finished``."""
        connection = self._connection_of(attempt)
        if self._rest is not None:
            self.table.remove(connection)
        self.hand_over(connection, self.over_ns(attempt))

    def release(self, connection: Connection) -> None:
        """Nobody needs this finished connection any more."""
        # Endpoints know their connection and it knows them: cut the circle.
        connection.a.connection = None
        connection.b.connection = None

    def forget(self) -> None:
        """The capture is given up half-way: nothing known is kept, or handed over."""
        for connection in self.table.all():
            self._clocks.stop(connection.a)
            self._clocks.stop(connection.b)
            self.table.remove(connection)
            self.release(connection)
        for connection in self.finished:
            self.release(connection)
        self.finished = []
        self._attempts.forget()

    def unreachable(self, error: object, segment: Segment) -> None:
        """An ICMP error quotes a segment (filled into ``segment``: four-tuple, ``seq``, time, frame).

        It counts against the attempt whose SYN it quotes (RFC 5461 section 4.1); ``error`` is
        kept for whoever explains it. What is about sizes is only observed.
        """
        self.tick(segment.now_ns if segment.now_ns > segment.ts_ns else segment.ts_ns)
        connection = self._find(segment, self.table.hash(segment))
        if connection is None:
            return
        endpoint = connection.a if connection.sent_by_a(segment) else connection.b
        if getattr(error, "about_size", False):
            self._observer.too_big(connection, 1 if endpoint is connection.a else 2, error, segment)
        elif endpoint.state == SYN_SENT and endpoint.has_isn and endpoint.isn == segment.seq:
            rare = connection.own_rare()
            if rare.unreachable is None:
                rare.unreachable_frame = segment.frame
                rare.unreachable_ns = segment.ts_ns
                rare.unreachable = error
            self.machine.unreachable(connection, endpoint, segment.ts_ns, segment.frame)

    # --- SYNs held back ----------------------------------------------------------------

    def _find(self, segment: Segment, flow_hash: int) -> Connection | None:
        """The newest connection on the segment's four-tuple, made of a held SYN if need be."""
        connection = self.table.find(segment, flow_hash)
        if connection is None:
            number = self._attempts.find(segment, flow_hash)
            if number >= 0:
                self._attempts.take(number, self._held_syn)
                connection = self._connection_of(self._held_syn)
        return connection

    def _hold(self, segment: Segment, flow_hash: int) -> bool:
        """Hold back a SYN that begins a connection, if it is one and shows nothing out of the ordinary."""
        if segment.flags & (SYN | ACK | FIN | RST) != SYN or segment.payload_bytes:
            return False
        if segment.tunnel is not None or segment.mptcp or segment.ts_ns != self._clocks.now_ns:
            return False
        if self._duplicates.captured_before(segment, flow_hash, place(segment)):
            return False
        self._attempts.hold(segment, self.connections, flow_hash)
        self._count(segment.frame)
        self._clocks.next_ns = min(self._clocks.next_ns, segment.ts_ns + self._hold_ns)
        return True

    def _connection_of(self, attempt: Attempt) -> Connection:
        """Make the connection that a held SYN began, as it stands by now."""
        syn = self._syn
        attempt.tell(syn)
        connection = self._open(syn, self.table.hash(syn), attempt.id)
        clocks = self._clocks
        now_ns = clocks.now_ns
        self._observer.see(connection, 1, connection.a, connection.b, syn, 0, 0, None)
        clocks.now_ns = attempt.ts_ns
        self._begin_with(connection, syn)
        if connection.a.deadline_ns <= now_ns:
            clocks.now_ns = connection.a.deadline_ns
            self.transitions.run_out(connection.a)
        clocks.now_ns = now_ns
        return connection

    # --- which connection --------------------------------------------------------------

    def _which(self, newest: Connection | None, segment: Segment, flow_hash: int) -> Connection:
        """The connection a segment belongs to, begun here if need be.

        Not asked where a four-tuple has one, and its segment is no SYN or RST.
        """
        flags = segment.flags
        if newest is None:
            return self._begin(segment, flow_hash, segment.frame)
        if not flags & RST and newest.rare.reuse_of >= 0:
            resume(self.table, self.machine, newest, segment)
        connection = newest if newest.rare.reuse_of < 0 else incarnation(self.table, newest, segment)
        if flags & SYN and not flags & ACK:
            return self._attempt(connection, segment, flow_hash)
        if connection.pending_syn_by and shows_answer(connection, segment):
            return self._accept_pending(connection, segment, flow_hash)
        if flags & SYN:
            sender, _ = direction(connection, segment)
            known = sender.isn == segment.seq or (not sender.syn_acks and follows(sender, segment.seq))
            if sender.state == CLOSED and sender.fin_sent and not sender.syns and not known:
                # A listener answers an old SYN that came again: for it that is another attempt.
                began = self._begin(segment, flow_hash, segment.frame)
                succeed(connection, began, segment)
                return began
        return connection

    def _attempt(self, connection: Connection, segment: Segment, flow_hash: int) -> Connection:
        """A bare SYN on a four-tuple that has a connection: the same attempt again, or another?"""
        sender, receiver = direction(connection, segment)
        # (Where its receivers dropped all that passed, nothing has begun yet.)
        dropped = connection.rare.out_of_window == sender.packets + receiver.packets
        if dropped or answered(sender, segment):
            if connection.roles_basis != BY_SYN:
                connection.roles_basis = BY_SYN
                connection.client_is_a = sender is connection.a
            return connection
        over = self.transitions.done(connection)
        if sender.has_isn and sender.isn == segment.seq and not (over and sender.passive):
            # (Who had only answered, and is done with that, now asks itself, whatever number it takes.)
            return connection
        sender_by = 1 if sender is connection.a else 2
        pending = connection.pending_syn_by == sender_by and connection.rare.pending_syn_isn == segment.seq
        if pending or (not sender.has_isn and receiver.state == SYN_SENT and receiver.syns):
            return connection
        answers = early_answers(connection, segment, advance(segment.seq, 1 + segment.payload_bytes))
        in_time_wait = sender.state == TIME_WAIT or receiver.state == TIME_WAIT
        unanswered = sender.state == SYN_SENT
        released = over or in_time_wait or unanswered
        if released or answers:
            began = self._begin(segment, flow_hash, segment.frame)
            succeed(connection, began, segment)
            if answers:
                began.own_rare().early = answers
                connection.rare.early = None
                if not released:
                    self.machine.replace(sender, SENT, segment.ts_ns, segment.frame)
            if in_time_wait:
                holder = sender if sender.state == TIME_WAIT else receiver
                connection.own_rare().reused_time_wait = 1 if holder is connection.a else 2
            return began
        # Both sides hold a connection: an old SYN that comes late, or a host that restarted.
        # Only an answer to it can tell.
        wait_for_answer(connection, sender_by, segment)
        return connection

    def _accept_pending(self, connection: Connection, segment: Segment, flow_hash: int) -> Connection:
        """The SYN that seemed stale is answered: it began a new connection (4.5 of the design)."""
        asked = pending_syn(connection)
        began = self._begin(asked, flow_hash, segment.frame)
        succeed(connection, began, asked)
        if self.peers is not None:
            self.peers.begin(began, asked)
        self._begin_with(began, asked)
        asker = give_pending(connection, began, asked)
        self.machine.replace(asker, SENT, connection.rare.pending_syn_ns, asked.frame)
        return began

    def _begin_with(self, connection: Connection, syn: Segment) -> None:
        """The SYN that began a connection passed a while ago: it is told now."""
        a = connection.a
        b = connection.b
        connection.last_ns = syn.ts_ns
        a.last_ns = syn.ts_ns
        a.last_frame = syn.frame
        a.packets = 1
        if a.rare.stats is not None and b.rare.stats is not None:
            a.rare.stats.sends(b.rare.stats, syn)
        self.machine.segment(connection, a, b, syn)

    def _begin(self, segment: Segment, flow_hash: int, frame: int) -> Connection:
        """``frame``: the one that shows that a connection begins, with ``segment``."""
        self._count(frame)
        return self._open(segment, flow_hash, self.connections - 1)

    def _count(self, frame: int) -> None:
        """One more connection; the next id is taken."""
        self.connections += 1
        if self.begins is not None:
            self.begins.append(self._clocks.now_ns)
            self.begins.append(frame)

    def _open(self, segment: Segment, flow_hash: int, connection_id: int) -> Connection:
        connection = new_connection()
        connection.id = connection_id
        connection.begin_with(segment)
        a = connection.a
        b = connection.b
        if self._stats:
            a.own_rare().stats = Stats()
            b.own_rare().stats = Stats()
        newest = self.table.find(segment, flow_hash)
        if newest is None:
            self.table.add(connection, flow_hash)
        else:
            self.table.succeed(connection, newest)
        if answers_syn(segment):
            self.machine.pick_up(connection, a, b, segment)
        if segment.flags & SYN:
            connection.roles_basis = BY_SYN_ACK if segment.flags & ACK else BY_SYN
            connection.client_is_a = not segment.flags & ACK
        else:
            self.listeners.guess(connection)
            self._guessed += 1
            if self._guessed == MOST_UNDECIDED:
                self.undecided_below = connection_id + 1
        return connection
