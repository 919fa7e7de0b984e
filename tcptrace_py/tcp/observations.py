"""What the causes of trouble are told from: noted of a connection only where it shows something.

Compiled (see ``observations.pxd``). The tracker's states do not depend on it. ``see`` is shown each
segment that is out of the ordinary, ends a silence, is the largest so far, or belongs to a connection
that is being watched; before the state machines are, so numbers are those before this segment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcptrace_py.capture.presence import SILENCE_NS, Gaps
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.serial import advance, distance
from tcptrace_py.wire.segment import ACK, FIN, MP_FASTCLOSE, MP_JOIN, RST, SYN, Segment

#: A silence of both sides that is noted.
QUIET_NS = 900_000_000
_QUIET_NS = QUIET_NS
_SILENCE_NS = SILENCE_NS
#: A close is noted with how long no data had passed from this on.
_CLOSE_NS = 200_000_000
#: A window that is zero for so long is no flow control at work, and data is not sent so often by chance.
STALL_NS = 3_000_000_000
OFTEN = 3
_STALL_NS = STALL_NS
_OFTEN = OFTEN
#: Time stamps of several queues of an interface, or of its two sides, differ by less.
_FAR_NS = 50_000_000
#: A TLS alert's level, above its description.
_FATAL = 2
# A segment that its sender had under way when it sent RST passes at once after it.
_UNDER_WAY_NS = 1_000_000

#: What causes are told from, as bits.
BY_OTHER_RESET, BY_QUIET_RESET, BY_LONE_RESET, BY_LATE_RESET, BY_MUTE_RESET = 1, 2, 4, 8, 16
BY_SYN_ACK, BY_STALL, BY_LOSS, BY_ALERT, BY_ATTEMPT = 32, 64, 128, 256, 512
BY_CHALLENGE, BY_CLOSE, BY_SILENCE, BY_SLOWNESS = 1024, 2048, 4096, 8192

#: What ended a silence.
DATA, CLOSE, RESET, PROBE, BARE_ACK = 1, 2, 3, 4, 5


def idle_class(ns: int) -> int:
    """The class of a duration: 32 to each power of two of microseconds, so about 2 % wide.

    A fixed grid, so that counts by class can be added up in any order.
    """
    us = ns // 1000
    if us < 1:
        us = 1
    power = us.bit_length() - 1
    if power >= 5:
        return power * 32 + ((us >> (power - 5)) & 31)
    return power * 32 + ((us << (5 - power)) & 31)


def class_ns(number: int) -> int:
    """The least duration of a class, in ns."""
    power, part = divmod(number, 32)
    us = (1 << power) + ((part << power) >> 5)
    return us * 1000


class Reset:
    """A RST as it passed, and what had passed before it."""

    def __init__(
        self, segment: Segment, sender: Endpoint, receiver: Endpoint, quiet_ns: int, before_ns: int
    ) -> None:
        self._fill(segment, sender, receiver, quiet_ns, before_ns)

    def _fill(
        self, segment: Segment, sender: Endpoint, receiver: Endpoint, quiet_ns: int, before_ns: int
    ) -> None:
        self.ns = segment.ts_ns
        self.frame = segment.frame
        self.ttl = segment.ttl
        self.seq = segment.seq
        self.ack = segment.ack if segment.flags & ACK else 0
        self.has_ack = bool(segment.flags & ACK)
        #: Silence of both sides before it.
        self.quiet_ns = quiet_ns
        #: How long ago the other side had last sent anything (-1: never), and last new data.
        self.after_peer_ns = segment.ts_ns - receiver.last_ns if receiver.packets else -1
        self.after_peer_data_ns = segment.ts_ns - receiver.last_data_ns if receiver.last_data_ns else -1
        #: How long ago its sender itself had last sent anything, and new data.
        self.after_own_ns = segment.ts_ns - before_ns if before_ns else -1
        self.after_own_data_ns = segment.ts_ns - sender.last_data_ns if sender.last_data_ns else -1
        #: What of either side was unacknowledged then, in bytes of sequence space.
        self.peer_outstanding = _outstanding(receiver)
        #: The same before the RST itself, which may acknowledge some of it.
        self.peer_unanswered = self.peer_outstanding
        if self.has_ack and receiver.has_snd and distance(self.ack, receiver.snd_nxt) <= 0:
            left = distance(receiver.snd_nxt, self.ack)
            self.peer_outstanding = min(self.peer_outstanding, left) if receiver.has_una else left
        self.own_outstanding = _outstanding(sender)
        #: What the other side had said last acknowledges: the number that an answer to it would have.
        self.is_peers_ack = sender.has_una and segment.seq == sender.snd_una
        #: The last data before it was the other side's.
        self.peer_spoke_last = receiver.last_data_ns > sender.last_data_ns
        #: TTL of its sender's other segments, 0 where there were none.
        self.usual_ttl = sender.ttl
        #: Its sender went on afterwards: segments that are no RST, the first of them.
        self.went_on = 0
        self.went_on_ns = 0
        self.went_on_frame = 0


def _outstanding(endpoint: Endpoint) -> int:
    if not endpoint.has_una or not endpoint.has_snd:
        return 0
    behind = distance(endpoint.snd_nxt, endpoint.snd_una)
    return behind if behind > 0 else 0


class Stall:
    """A receive window of zero: since when, until when (0: it did not open), and the probes it answered."""

    def __init__(self, ns: int, frame: int) -> None:
        self.ns = ns
        self.frame = frame
        self.last_ns = ns
        self.last_frame = frame
        self.opened_ns = 0
        self.opened_frame = 0
        self.answers = 0


class Lost:
    """The data at SND.UNA that is sent again and again; what a hole of one segment looks like."""

    def __init__(self, segment: Segment, first_ns: int) -> None:
        self.seq = segment.seq
        self.payload_bytes = segment.payload_bytes
        self.since_ns = first_ns
        self.times = 1
        self.first_frame = segment.frame
        self.first_ns = segment.ts_ns
        self.last_ns = segment.ts_ns
        self.last_frame = segment.frame


# What nearly all connections have of each side, until there is something: not to be changed in place.
_NOBODY: Any = (None, None)
_NEVER: Any = (0, 0)
_NO_IDLES: dict[int, int] = {}


def _with(pair: Any, by: int, value: Any) -> list[Any]:
    """A pair with another value for endpoint ``by``."""
    changed = list(pair)
    changed[by - 1] = value
    return changed


class Observations:
    """Of one connection; by 1 is its endpoint ``a``, 2 is ``b``; times in ns, 0 where unseen."""

    def __init__(self) -> None:
        # The last silence of both sides that its ender's peer has not answered, or the last at all.
        self.gap_ns = 0
        self.gap_end_ns = 0
        self.gap_end_frame = 0
        self.gap_by = 0
        self.gap_what = 0
        #: Silences that ended with data which the other side answered: how many of each class, the
        #: longest, and who spoke first after it.
        self.survived = _NO_IDLES
        self.longest_survived_ns = 0
        #: The longest silence of both sides, however it ended.
        self.longest_gap_ns = 0
        # The first close or reset after which its sender had nothing more to say.
        self.close_by = 0
        self.close_ns = 0
        self.close_frame = 0
        self.close_is_reset = False
        #: No data had passed for so long then, and who had sent the last of it.
        self.close_idle_ns = 0
        self.close_spoke_last = 0
        #: When the other side had last sent anything then.
        self.close_heard_ns = 0
        #: All that side's data was acknowledged, and the peer's too.
        self.close_settled = False
        self.resets: Sequence[Reset | None] = _NOBODY
        #: SYN+ACKs after the ACK that answers them passed; and such with data of the client outstanding.
        self.late_syn_acks = 0
        self.late_syn_acks_with_data = 0
        self.late_syn_ack_ns = 0
        self.late_syn_ack_frame = 0
        #: The longest and the latest stall of each side.
        self.stalls: Sequence[Stall | None] = _NOBODY
        self.longest_stalls: Sequence[Stall | None] = _NOBODY
        self.lost: Sequence[Lost | None] = _NOBODY
        #: Data above a hole of the side's arrived: the first SACK that says so.
        self.sack_ns: Sequence[int] = _NEVER
        self.sack_frame: Sequence[int] = _NEVER
        #: ICMP said that its segments are too big for the path: the first time, as ``(error, ns, frame)``.
        self.too_big: Sequence[tuple[Any, int, int] | None] = _NOBODY
        # The first fatal TLS alert in clear.
        self.alert_by = 0
        self.alert = 0
        self.alert_ns = 0
        self.alert_frame = 0
        #: TTLs of SYNs, where they differ: how many rises, the lowest and the highest.
        self.ttl_rises = 0
        self.ttl_low = 0
        self.ttl_high = 0
        # The SYN met what was left of the connection before on its ports: the ACK of old numbers that
        # answered it, and the RST that answered that. Of the older connection: only the frame of that RST.
        self.challenges = 0
        self.challenge_in_time_wait = False
        self.challenge_ack = 0
        self.challenge_ns = 0
        self.challenge_frame = 0
        self.challenge_reset_ns = 0
        self.challenge_reset_frame = 0
        #: Who sent a SYN of another number on the established connection.
        self.began_anew_by = 0
        #: Multipath TCP (RFC 8684): both sides agreed on it, so this is a subflow; its SYN asks to join a
        #: connection that exists; and who sent MP_FASTCLOSE first, which aborts all subflows.
        self.subflow = False
        self.joins = False
        self.fast_close_by = 0
        self.fast_close_ns = 0
        self.fast_close_frame = 0
        #: A stall lasted, and data was sent again often.
        self.stalled = False
        self.lost_often = False
        #: Time ran backwards: what came first can not be told.
        self.backwards = False
        #: By so far that frames are not in order at all, or of two clocks.
        self.shuffled = False
        #: Data that came after the peer's FIN had passed, but TLS alerts (close_notify): the first, and its
        #: bytes in all.
        self.after_fin_ns: Sequence[int] = _NEVER
        self.after_fin_frame: Sequence[int] = _NEVER
        self.after_fin_bytes: Sequence[int] = _NEVER

    def reasons(self, connection: Connection) -> int:
        """Bits: what there is that somebody must look at. Idle times alone are only counted."""
        found = 0
        if self.resets is not _NOBODY:
            found = self._by_reset(connection)
        if self.late_syn_acks:
            found |= BY_SYN_ACK
        if self.stalled:
            found |= BY_STALL
        if self.lost_often:
            found |= BY_LOSS
        if self.alert_by:
            found |= BY_ALERT
        if self.ttl_high:
            found |= BY_ATTEMPT
        if self.challenges or self.challenge_reset_frame:
            found |= BY_CHALLENGE
        if self.close_by and self.close_spoke_last == self.close_by:
            found |= BY_CLOSE
        return found

    def _by_reset(self, connection: Connection) -> int:
        found = 0
        for by in (1, 2):
            reset: Reset | None = self.resets[by - 1]
            if reset is None:
                continue
            if reset.went_on or (reset.usual_ttl and reset.ttl != reset.usual_ttl):
                found |= BY_OTHER_RESET
            if reset.quiet_ns >= _STALL_NS:
                found |= BY_QUIET_RESET
            if not reset.has_ack or not connection.syn_frame:
                found |= BY_LONE_RESET
        if self.gap_by or self.after_fin_ns is not _NEVER:
            found |= BY_LATE_RESET
        if connection.a.bytes + connection.b.bytes == 0:
            found |= BY_MUTE_RESET
        return found


class Observer:
    """Decides what is noted. ``gaps``: of the capture; no silence is counted across one."""

    def __init__(self, gaps: Gaps) -> None:
        self._gaps = gaps
        self._gap_ends = gaps.ends

    def see(
        self,
        connection: Connection,
        by: int,
        sender: Endpoint,
        receiver: Endpoint,
        segment: Segment,
        quiet_ns: int,
        before_ns: int,
        newest: Connection | None,
    ) -> None:
        """A segment of endpoint ``by`` passes, ``quiet_ns`` after the last one of either side.

        ``before_ns``: when its sender sent the one before, 0 if none; ``newest``: the newest connection on
        the four-tuple.
        """
        flags = segment.flags
        payload_bytes = segment.payload_bytes
        if payload_bytes > sender.largest_bytes:
            sender.largest_bytes = payload_bytes
            sender.largest_seq = segment.seq
        if flags & SYN:
            self._syn(connection, sender, receiver, segment)
        elif not sender.ttl and not flags & RST:
            sender.ttl = segment.ttl
        if segment.mptcp:
            self._multipath(connection, by, segment)
        if quiet_ns < 0:
            seen = self._of(connection)
            seen.backwards = True
            if quiet_ns < -_FAR_NS:
                seen.shuffled = True
        elif quiet_ns >= _SILENCE_NS and self._gap_ends:
            quiet_ns = segment.ts_ns - self._gaps.since(segment.ts_ns - quiet_ns, segment.ts_ns)
        seen = connection.observed
        if flags & RST:
            self._reset(connection, by, sender, receiver, segment, quiet_ns, before_ns, newest)
            return
        if seen is not None:
            self._go_on(seen, connection, by, sender, receiver, segment)
        if flags & SYN:
            return
        if newest is not connection and newest is not None and newest.reuse_of == connection.id:
            if flags & (ACK | FIN) == ACK and not payload_bytes:
                self._challenge(connection, newest, sender, receiver, segment)
        if quiet_ns >= _QUIET_NS and sender.packets + receiver.packets > 1:
            self._silence(connection, by, sender, receiver, segment, quiet_ns)
        if flags & FIN and not sender.fin_sent:
            self._close(connection, by, sender, receiver, segment, False)
            # Does data come behind it?
            connection.watched = True
        if segment.window == 0:
            seen = self._of(connection)
            stall = seen.stalls[by - 1]
            if stall is None or stall.opened_ns:
                seen.stalls = _with(seen.stalls, by, Stall(segment.ts_ns, segment.frame))
                connection.watched = True
            else:
                stall.answers += 1
                if segment.ts_ns - stall.ns >= _STALL_NS:
                    seen.stalled = True
                stall.last_ns = segment.ts_ns
                stall.last_frame = segment.frame
        if segment.tls_alert >= 0 and segment.tls_alert >> 8 == _FATAL:
            seen = self._of(connection)
            if not seen.alert_by:
                seen.alert_by = by
                seen.alert = segment.tls_alert & 0xFF
                seen.alert_ns = segment.ts_ns
                seen.alert_frame = segment.frame
        if payload_bytes and sender.has_una and segment.seq == sender.snd_una and sender.has_snd:
            if distance(segment.seq, sender.snd_nxt) < 0:
                self._again(connection, by, sender, segment)
        if segment.sack_blocks and receiver.has_una:
            if distance(segment.sack_left, segment.ack) > 0:
                seen = self._of(connection)
                if not seen.sack_ns[2 - by]:
                    seen.sack_ns = _with(seen.sack_ns, 3 - by, segment.ts_ns)
                    seen.sack_frame = _with(seen.sack_frame, 3 - by, segment.frame)
        if (
            payload_bytes
            and receiver.fin_sent
            and segment.tls_alert < 0
            and distance(advance(segment.seq, payload_bytes), sender.snd_nxt) > 0
        ):
            seen = self._of(connection)
            if not seen.after_fin_ns[by - 1]:
                seen.after_fin_ns = _with(seen.after_fin_ns, by, segment.ts_ns)
                seen.after_fin_frame = _with(seen.after_fin_frame, by, segment.frame)
            so_far = seen.after_fin_bytes[by - 1]
            seen.after_fin_bytes = _with(seen.after_fin_bytes, by, so_far + payload_bytes)

    def _multipath(self, connection: Connection, by: int, segment: Segment) -> None:
        # Its options are seen from now on, whatever segment they come with.
        connection.watched = True
        seen = self._of(connection)
        if segment.flags & SYN:
            if segment.flags & ACK:
                seen.subflow = True
            elif segment.mptcp & MP_JOIN:
                seen.joins = True
        elif segment.mptcp & MP_FASTCLOSE and not seen.fast_close_by:
            seen.subflow = True
            seen.fast_close_by = by
            seen.fast_close_ns = segment.ts_ns
            seen.fast_close_frame = segment.frame

    def too_big(self, connection: Connection, by: int, error: object, segment: Segment) -> None:
        """An ICMP error quotes ``segment`` of endpoint ``by``: a hop on the path takes only smaller ones."""
        seen = self._of(connection)
        if seen.too_big[by - 1] is None:
            seen.too_big = _with(seen.too_big, by, (error, segment.ts_ns, segment.frame))

    def _challenge(
        self,
        connection: Connection,
        newest: Connection,
        sender: Endpoint,
        receiver: Endpoint,
        segment: Segment,
    ) -> None:
        """An ACK of the old connection after the peer's SYN on its ports: TIME_WAIT answers so."""
        if not sender.fin_sent or segment.ts_ns < connection.reused_ns or not newest.syn_frame:
            return
        client: Endpoint = newest.client()
        if client.port == sender.port and client.address_lo == sender.address_lo:
            # A listener's SYN+ACK met TIME_WAIT: an old SYN of the sender's own had drawn it.
            return
        seen = self._of(newest)
        seen.challenges += 1
        seen.challenge_ack = segment.ack
        seen.challenge_in_time_wait = connection.reused_time_wait != 0
        if not seen.challenge_frame:
            seen.challenge_ns = segment.ts_ns
            seen.challenge_frame = segment.frame

    def _of(self, connection: Connection) -> Observations:
        seen: Observations | None = connection.observed
        if seen is None:
            seen = connection.observed = Observations()
        return seen

    def _syn(self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment) -> None:
        if segment.flags & ACK:
            if connection.ack_frame and sender.has_isn and segment.seq == sender.isn:
                seen = self._of(connection)
                seen.late_syn_acks += 1
                if _outstanding(receiver) > 0 and receiver.last_data_ns:
                    seen.late_syn_acks_with_data += 1
                seen.late_syn_ack_ns = segment.ts_ns
                seen.late_syn_ack_frame = segment.frame
            sender.ttl = segment.ttl
            return
        if connection.established and segment.seq != sender.isn:
            self._of(connection).began_anew_by = 1 if sender is connection.a else 2
        if sender.ttl and segment.ttl != sender.ttl and sender.packets == sender.syns + 1:
            seen = self._of(connection)
            if not seen.ttl_high:
                seen.ttl_low = sender.ttl
                seen.ttl_high = sender.ttl
            if segment.ttl > sender.ttl:
                seen.ttl_rises += 1
            seen.ttl_low = min(seen.ttl_low, segment.ttl)
            seen.ttl_high = max(seen.ttl_high, segment.ttl)
        sender.ttl = segment.ttl
        if segment.has_timestamps and not sender.has_syn_ts:
            sender.has_syn_ts = True
            sender.syn_ts_val = segment.ts_val

    def _reset(
        self,
        connection: Connection,
        by: int,
        sender: Endpoint,
        receiver: Endpoint,
        segment: Segment,
        quiet_ns: int,
        before_ns: int,
        newest: Connection | None,
    ) -> None:
        seen = self._of(connection)
        if sender.packets + receiver.packets <= 1:
            quiet_ns = 0
        if newest is not connection and newest is not None and newest.observed is not None:
            later: Observations = newest.observed
            if later.challenges and segment.seq == later.challenge_ack and not later.challenge_reset_frame:
                later.challenge_reset_ns = seen.challenge_reset_ns = segment.ts_ns
                later.challenge_reset_frame = seen.challenge_reset_frame = segment.frame
        if seen.resets[by - 1] is None:
            seen.resets = _with(seen.resets, by, Reset(segment, sender, receiver, quiet_ns, before_ns))
            # Who goes on after it?
            connection.watched = True
        if quiet_ns >= _QUIET_NS:
            self._silence(connection, by, sender, receiver, segment, quiet_ns)
        if not seen.close_by:
            self._close(connection, by, sender, receiver, segment, True)

    def _go_on(
        self,
        seen: Observations,
        connection: Connection,
        by: int,
        sender: Endpoint,
        receiver: Endpoint,
        segment: Segment,
    ) -> None:
        reset = seen.resets[by - 1]
        if reset is not None and segment.ts_ns - reset.ns > _UNDER_WAY_NS and not segment.flags & SYN:
            reset.went_on += 1
            if not reset.went_on_frame:
                reset.went_on_ns = segment.ts_ns
                reset.went_on_frame = segment.frame
        stall = seen.stalls[by - 1]
        if stall is not None and not stall.opened_ns and segment.window:
            stall.opened_ns = segment.ts_ns
            stall.opened_frame = segment.frame
            if segment.ts_ns - stall.ns >= _STALL_NS:
                seen.stalled = True
            longest = seen.longest_stalls[by - 1]
            if longest is None or stall.opened_ns - stall.ns > longest.opened_ns - longest.ns:
                seen.longest_stalls = _with(seen.longest_stalls, by, stall)

    def _silence(
        self,
        connection: Connection,
        by: int,
        sender: Endpoint,
        receiver: Endpoint,
        segment: Segment,
        quiet_ns: int,
    ) -> None:
        seen = self._of(connection)
        if quiet_ns > seen.longest_gap_ns:
            seen.longest_gap_ns = quiet_ns
        if not self.settle(connection, seen):
            # Nobody has answered since the last one: this one belongs to the same silence.
            return
        seen.gap_ns = quiet_ns
        seen.gap_end_ns = segment.ts_ns
        seen.gap_end_frame = segment.frame
        seen.gap_by = by
        if segment.flags & RST:
            seen.gap_what = RESET
        elif segment.flags & FIN or segment.tls_alert >= 0:
            # A TLS alert announces the close.
            seen.gap_what = CLOSE
        elif segment.payload_bytes and not (sender.has_snd and distance(segment.seq, sender.snd_nxt) < 0):
            seen.gap_what = DATA
        elif sender.has_snd and distance(segment.seq, sender.snd_nxt) < 0:
            seen.gap_what = PROBE
        else:
            seen.gap_what = BARE_ACK

    def settle(self, connection: Connection, seen: Observations) -> bool:
        """Count the last silence among those survived if its end was answered; whether another may begin."""
        if not seen.gap_by:
            return True
        peer = connection.b if seen.gap_by == 1 else connection.a
        reset = seen.resets[2 - seen.gap_by]
        if peer.last_ns < seen.gap_end_ns or (reset is not None and reset.ns == peer.last_ns):
            return False
        if seen.gap_what == DATA:
            if not seen.survived:
                seen.survived = {}
            number = idle_class(seen.gap_ns)
            seen.survived[number] = seen.survived.get(number, 0) + 1
            if seen.gap_ns > seen.longest_survived_ns:
                seen.longest_survived_ns = seen.gap_ns
        seen.gap_by = 0
        return True

    def _close(
        self,
        connection: Connection,
        by: int,
        sender: Endpoint,
        receiver: Endpoint,
        segment: Segment,
        is_reset: bool,
    ) -> None:
        last_data_ns = max(sender.last_data_ns, receiver.last_data_ns, connection.ack_ns)
        if not last_data_ns or connection.first_fin_by or segment.payload_bytes:
            return
        idle_ns = segment.ts_ns - last_data_ns
        if idle_ns >= _SILENCE_NS and self._gap_ends:
            idle_ns = segment.ts_ns - self._gaps.since(last_data_ns, segment.ts_ns)
        if idle_ns < _CLOSE_NS:
            return
        seen = self._of(connection)
        if seen.close_by:
            return
        seen.close_by = by
        seen.close_ns = segment.ts_ns
        seen.close_frame = segment.frame
        seen.close_is_reset = is_reset
        seen.close_idle_ns = idle_ns
        seen.close_heard_ns = receiver.last_ns
        if sender.last_data_ns > receiver.last_data_ns:
            seen.close_spoke_last = by
        elif receiver.last_data_ns:
            seen.close_spoke_last = 3 - by
        seen.close_settled = (
            _outstanding(sender) == 0 and distance(segment.ack, receiver.snd_nxt) >= 0
            if segment.flags & ACK
            else _outstanding(sender) == 0 and _outstanding(receiver) == 0
        )

    def _again(self, connection: Connection, by: int, sender: Endpoint, segment: Segment) -> None:
        seen = self._of(connection)
        lost = seen.lost[by - 1]
        if lost is None or lost.seq != segment.seq:
            seen.lost = _with(seen.lost, by, Lost(segment, sender.last_data_ns))
        else:
            lost.times += 1
            if lost.times == _OFTEN:
                seen.lost_often = True
            lost.last_ns = segment.ts_ns
            lost.last_frame = segment.frame
            if segment.payload_bytes < lost.payload_bytes:
                lost.payload_bytes = segment.payload_bytes
