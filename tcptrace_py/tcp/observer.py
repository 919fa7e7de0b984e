"""Decides what of a segment is noted for the causes of trouble (``observations``).

Compiled (see ``observer.pxd``). The tracker's states do not depend on it. ``see`` is shown each
segment that is out of the ordinary, ends a silence, is the largest so far, or belongs to a connection
that is being watched; before the state machines are, so numbers are those before this segment.
"""

from __future__ import annotations

from typing import Any

from tcptrace_py.capture.presence import SILENCE_NS, Gaps
from tcptrace_py.tcp.codes import COMPLETE
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.observations import (
    BARE_ACK,
    CLOSE,
    DATA,
    OFTEN,
    PROBE,
    QUIET_NS,
    RESET,
    STALL_NS,
    Lost,
    Observations,
    Reset,
    Stall,
    idle_class,
    outstanding,
)
from tcptrace_py.tcp.serial import advance, distance
from tcptrace_py.wire.segment import (
    ACK,
    FIN,
    HTTP_400,
    HTTP_REQUEST,
    MP_FASTCLOSE,
    MP_JOIN,
    RST,
    SYN,
    TLS_HELLO,
    TLS_RECORD,
    Segment,
)

_QUIET_NS, _SILENCE_NS, _STALL_NS = QUIET_NS, SILENCE_NS, STALL_NS
_DATA, _CLOSE, _RESET, _PROBE, _BARE_ACK = DATA, CLOSE, RESET, PROBE, BARE_ACK
_OFTEN = OFTEN
_HTTP_400, _HTTP_REQUEST, _TLS_HELLO, _TLS_RECORD = HTTP_400, HTTP_REQUEST, TLS_HELLO, TLS_RECORD
# A close is noted with how long no data had passed from this on.
_CLOSE_NS = 200_000_000
# Time stamps of several queues of an interface, or of its two sides, differ by less.
_FAR_NS = 50_000_000
# A TLS alert's level, above its description.
_FATAL = 2
# A segment that its sender had under way when it sent RST passes at once after it.
_UNDER_WAY_NS = 1_000_000


def _with(pair: Any, by: int, value: Any) -> list[Any]:
    """A pair with another value for endpoint ``by``."""
    changed = list(pair)
    changed[by - 1] = value
    return changed


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
            if not sender.largest_bytes:
                sender.spoke_first = receiver.largest_bytes == 0
                if sender.has_isn and segment.seq == advance(sender.isn, 1) and not flags & SYN:
                    sender.begins_with = segment.begins_with
                    if not sender.spoke_first:
                        self._answer(connection, sender.begins_with, receiver.begins_with, segment)
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
        if newest is not connection and newest is not None and newest.rare.reuse_of == connection.id:
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

    def _answer(self, connection: Connection, answer: int, word: int, segment: Segment) -> None:
        """The first words of both sides, and one of them is TLS, or none is what was expected."""
        if (word == _TLS_HELLO and answer and answer != _TLS_RECORD) or (
            answer == _TLS_HELLO or (word == _HTTP_REQUEST and answer in (_TLS_RECORD, _HTTP_400))
        ):
            seen = self._of(connection)
            seen.answer_ns = segment.ts_ns
            seen.answer_frame = segment.frame

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
        if not sender.fin_sent or segment.ts_ns < connection.rare.reused_ns or not newest.syn_frame():
            return
        client: Endpoint = newest.client()
        if client.port == sender.port and client.address_lo == sender.address_lo:
            # A listener's SYN+ACK met TIME_WAIT: an old SYN of the sender's own had drawn it.
            return
        seen = self._of(newest)
        seen.challenges += 1
        seen.challenge_ack = segment.ack
        seen.challenge_in_time_wait = connection.rare.reused_time_wait != 0
        if client.has_syn_ts and segment.has_timestamps and distance(client.syn_ts_val, segment.ts_ecr) < 0:
            seen.challenge_stale = True
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
                if outstanding(receiver) > 0 and receiver.last_data_ns:
                    seen.late_syn_acks_with_data += 1
                seen.late_syn_ack_ns = segment.ts_ns
                seen.late_syn_ack_frame = segment.frame
            sender.ttl = segment.ttl
            return
        if connection.handshake == COMPLETE and segment.seq != sender.isn:
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
        first = seen.resets[by - 1]
        if first is None:
            seen.resets = _with(seen.resets, by, Reset(segment, sender, receiver, quiet_ns, before_ns))
            # Who goes on after it?
            connection.watched = True
        elif first.went_on and seen.later_resets[by - 1] is None:
            # The first was not its sender's, or refused a SYN that was taken later.
            last = Reset(segment, sender, receiver, quiet_ns, before_ns)
            seen.later_resets = _with(seen.later_resets, by, last)
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
        if segment.payload_bytes and sender.bytes + receiver.bytes == 0 and connection.ack_frame:
            seen.mute_ns = quiet_ns
        seen.gap_ns = quiet_ns
        seen.gap_end_ns = segment.ts_ns
        seen.gap_end_frame = segment.frame
        seen.gap_by = by
        if segment.flags & RST:
            seen.gap_what = _RESET
        elif segment.flags & FIN or segment.tls_alert >= 0:
            # A TLS alert announces the close.
            seen.gap_what = _CLOSE
        elif segment.payload_bytes and not (sender.has_snd and distance(segment.seq, sender.snd_nxt) < 0):
            seen.gap_what = _DATA
            if quiet_ns > seen.word_quiet_ns:
                seen.word_quiet_ns = quiet_ns
                seen.word_ns = segment.ts_ns
                seen.word_frame = segment.frame
                seen.word_by = by
        elif sender.has_snd and distance(segment.seq, sender.snd_nxt) < 0:
            seen.gap_what = _PROBE
        else:
            seen.gap_what = _BARE_ACK

    def settle(self, connection: Connection, seen: Observations) -> bool:
        """Count the last silence among those survived if its end was answered; whether another may begin."""
        if not seen.gap_by:
            return True
        speaker, peer = connection.a, connection.b
        if seen.gap_by == 2:
            speaker, peer = peer, speaker
        if peer.fin_sent and peer.last_data_ns < seen.gap_end_ns <= peer.fin_ns and outstanding(speaker) > 0:
            # Its FIN does not acknowledge what ended the silence: they crossed.
            return False
        if peer.last_ns < seen.gap_end_ns:
            return False
        reset = seen.resets[2 - seen.gap_by]
        if reset is not None and reset.ns >= seen.gap_end_ns and not reset.went_on:
            if reset.after_own_ns < 0 or reset.ns - reset.after_own_ns < seen.gap_end_ns:
                # RSTs are all that came of it, however many (one for each segment).
                return False
        if seen.gap_what == _DATA:
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
            outstanding(sender) == 0 and distance(segment.ack, receiver.snd_nxt) >= 0
            if segment.flags & ACK
            else outstanding(sender) == 0 and outstanding(receiver) == 0
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
