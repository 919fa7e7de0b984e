"""What the causes of trouble are told from: noted of a connection only where it shows something.

Compiled (see ``observations.pxd``). ``observer`` decides what is noted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.serial import distance
from tcptrace_py.wire.segment import ACK, Segment

#: A silence of both sides that is noted.
QUIET_NS = 900_000_000
#: A window that is zero for so long is no flow control at work, and data is not sent so often by chance.
STALL_NS = 3_000_000_000
OFTEN = 3
#: A stream whose last data passed so short a time ago was still flowing.
AT_ONCE_NS = 1_000_000_000
_STALL_NS, _AT_ONCE_NS = STALL_NS, AT_ONCE_NS

#: What causes are told from, as bits.
BY_OTHER_RESET, BY_QUIET_RESET, BY_LONE_RESET, BY_LATE_RESET, BY_MUTE_RESET = 1, 2, 4, 8, 16
BY_SYN_ACK, BY_STALL, BY_LOSS, BY_ALERT, BY_ATTEMPT = 32, 64, 128, 256, 512
BY_CHALLENGE, BY_CLOSE, BY_SILENCE, BY_SLOWNESS, BY_STREAM_RESET = 1024, 2048, 4096, 8192, 16384
BY_WORDS, BY_NO_WORD = 32768, 65536

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
        #: How long ago its sender itself had last sent anything.
        self.after_own_ns = segment.ts_ns - before_ns if before_ns else -1
        #: What of either side was unacknowledged then, in bytes of sequence space.
        self.peer_outstanding = outstanding(receiver)
        #: The same before the RST itself, which may acknowledge some of it.
        self.peer_unanswered = self.peer_outstanding
        if self.has_ack and receiver.has_snd and distance(self.ack, receiver.snd_nxt) <= 0:
            left = distance(receiver.snd_nxt, self.ack)
            self.peer_outstanding = min(self.peer_outstanding, left) if receiver.has_una else left
        self.own_outstanding = outstanding(sender)
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


def outstanding(endpoint: Endpoint) -> int:
    """Bytes and flags that an endpoint sent and whose ACK has not passed."""
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


class Observations:
    """Of one connection; by 1 is its endpoint ``a``, 2 is ``b``; times in ns, 0 where unseen."""

    def __init__(self) -> None:
        # The last silence of both sides that its ender's peer has not answered, or the last at all.
        self.gap_ns = 0
        self.gap_end_ns = 0
        self.gap_end_frame = 0
        self.gap_by = 0
        self.gap_what = 0
        #: The longest silence that new data ended, when, and whose.
        self.word_quiet_ns = 0
        self.word_ns = 0
        self.word_frame = 0
        self.word_by = 0
        #: Silences that ended with data which the other side answered: how many of each class, the
        #: longest, and who spoke first after it.
        self.survived = _NO_IDLES
        self.longest_survived_ns = 0
        #: The longest silence of both sides, however it ended.
        self.longest_gap_ns = 0
        #: How long nobody had said anything on the open connection when its first data came.
        self.mute_ns = 0
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
        #: The first RST of each side; and one after which it did not go on, where it went on after the first.
        self.resets: Sequence[Reset | None] = _NOBODY
        self.later_resets: Sequence[Reset | None] = _NOBODY
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
        #: The first word that does not answer the other side's in kind: TLS to none, or none to TLS.
        self.answer_ns = 0
        self.answer_frame = 0
        #: TTLs of SYNs, where they differ: how many rises, the lowest and the highest.
        self.ttl_rises = 0
        self.ttl_low = 0
        self.ttl_high = 0
        # The SYN met what was left of the connection before on its ports: the ACK of old numbers that
        # answered it, and the RST that answered that. Of the older connection: only the frame of that RST.
        self.challenges = 0
        self.challenge_in_time_wait = False
        #: The SYN's timestamp is older than the last one of the old connection: so its number does not count.
        self.challenge_stale = False
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
        if self.lost_often or self.too_big is not _NOBODY:
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
            peer = connection.b if by == 1 else connection.a
            if reset.ns - peer.last_data_ns < _AT_ONCE_NS or self.fast_close_by:
                found |= BY_STREAM_RESET
            if not reset.has_ack or not connection.syn_frame():
                found |= BY_LONE_RESET
        if self.gap_by or self.after_fin_ns is not _NEVER:
            found |= BY_LATE_RESET | BY_STREAM_RESET
        if connection.a.bytes + connection.b.bytes == 0:
            found |= BY_MUTE_RESET
        return found
