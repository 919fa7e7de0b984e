"""Evidence: what one end of a connection has shown by its own segments (4.9 of the design).

It only grows: firsts, lasts, minima and maxima, some of them *at* the highest number so far. A FIN is the
highest number of all, so what is kept there is what is known of the FIN, also before it passes and where it
never does. Nothing here looks at the other end, so it does not matter how the two directions were merged;
nothing is derived, so nothing is ever taken back. What its receiver would drop is not told here
(``gate.py``). What all this means, ``reading`` says.

Compiled (see ``evidence.pxd``). Numbers are counted on where those of 32 bits wrap (``Evidence.number``), so
that they can be compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from typing import NamedTuple

from tcptrace_py.tcp.bounds import BEYOND, NONE
from tcptrace_py.tcp.clocks import RTO_MIN_NS, UNDER_WAY_NS
from tcptrace_py.tcp.serial import distance
from tcptrace_py.wire.segment import ACK, FIN, RST, SYN

# RSTs remembered: the first three, and the last, or the last with the number that is next.
_RSTS = 4
# Retransmissions and probes remembered.
_ASKED = 16
# Pieces ahead of a gap remembered.
_AHEAD = 8
# An ISN that follows what was sent before it by less than this is of the same connection.
_NEAR_BYTES = 1 << 24


class Frame:
    """A frame of the capture, when it passed, and the end of what it carries, or ``NONE``."""

    def __init__(self, number: int, ts_ns: int) -> None:
        self.number = number
        self.ts_ns = ts_ns
        self.carried_to = NONE

    def __bool__(self) -> bool:
        return self.number > 0

    def __lt__(self, later: Frame) -> bool:
        return self.number < later.number

    def __le__(self, later: Frame) -> bool:
        return self.number <= later.number


NOT_SEEN = Frame(0, 0)
#: Later than all that passes.
NEVER = Frame(BEYOND, BEYOND)


class Rst(NamedTuple):
    """A RST, with what its sender had sent by then."""

    frame: Frame
    seq: int
    #: ``NONE`` without ACK.
    ack: int
    #: Up to here all had passed, or ``NONE``; and pieces beyond.
    in_order: int
    ahead: list[tuple[int, int]]


def passed_to(in_order: int, ahead: Iterable[tuple[int, int]], acknowledged: int) -> int:
    """Up to here all has passed, or has been acknowledged: what the capture lacks leaves no gap then."""
    upto = max(in_order, acknowledged)
    for begin, after in ahead:
        if begin <= upto:
            upto = max(upto, after)
    return upto


class Passes:
    """Segments that show one thing: the first, the first that is as late as an answer to what was sent again,
    the last, and one of before that was the last for long enough to be ``kept``."""

    def __init__(self, ack: int = NONE) -> None:
        #: What all of them acknowledge, where that is one number.
        self.ack = ack
        self.first = self.later = self.kept = self.last = NOT_SEEN

    def each(self) -> list[Frame]:
        """Those that were seen; some of them may be one and the same."""
        return [frame for frame in (self.first, self.later, self.kept, self.last) if frame]

    def add(self, frame: Frame) -> None:
        self.last = frame
        if not self.first:
            self.first = frame
        elif not self.later and frame.ts_ns - self.first.ts_ns >= RTO_MIN_NS:
            self.later = frame


class Evidence:
    """Of one end. ``*_frame`` of what is sent more than once: the first, if not said otherwise."""

    def __init__(self) -> None:
        #: The first number that was seen, whoever sent it.
        self._first = NONE
        # How it opened.
        self.syns = self.syn_acks = 0
        self.syn_frame = self.last_syn_frame = NOT_SEEN
        #: Its first SYN+ACK, where it has forgotten that, and sent another with another ISN.
        self.former_syn_ack_frame = NOT_SEEN
        self.former_isn = NONE
        #: But for RSTs.
        self.segments = self.retransmits = 0
        self.rsts: list[Rst] = []
        self.rsts_not_kept = 0
        #: The same if the ACK counts of a FIN that acknowledges nothing yet, and when that passed.
        self.early: Evidence | None = None
        self.early_ns = 0
        self._forget()

    def copied(self) -> Evidence:
        """The same, to grow on its own: all else that it keeps is replaced, and not changed."""
        made = copy(self)
        made.rsts = self.rsts[:]
        made.acks, made.bare_acks = copy(self.acks), copy(self.bare_acks)
        made.bare, made.on_fin = copy(self.bare), copy(self.on_fin)
        made.duplicates, made.lower_duplicates = copy(self.duplicates), copy(self.lower_duplicates)
        return made

    def _forget(self) -> None:
        """An ISN begins: numbers from before that do not lead to it are another connection's (3.5.1)."""
        self.isn = NONE
        self.syn_bytes = 0
        self.syn_ack_frame = self.last_syn_ack_frame = NOT_SEEN
        #: Its SYN+ACK again, and not at once: nothing had come.
        self.syn_ack_again_frame = NOT_SEEN
        #: Without SYN: the first of all, the first that acknowledges more than that, the first with data.
        self.first_frame = self.more_frame = self.data_frame = NOT_SEEN
        self.first_ack = NONE
        #: Those with and without data or FIN.
        self.acks, self.bare_acks = Passes(), Passes()

        # The highest number that it has sent (SND.NXT), and the least ACK there.
        self.nxt = NONE
        self.nxt_frame = NOT_SEEN
        self.nxt_least_ack = BEYOND
        #: The last that went ahead of what had passed, and the one that leaves a gap open at the very end.
        self.jump_frame = self.gap_frame = NOT_SEEN
        #: All up to here has passed, and pieces beyond.
        self.in_order = NONE
        self.ahead: list[tuple[int, int]] = []

        # What it has acknowledged (RCV.NXT): the highest number, the one before it, and how.
        self.top_ack = self.lower_ack = NONE
        self.top_frame = self.lower_frame = NOT_SEEN
        self.bare, self.duplicates, self.lower_duplicates = Passes(), Passes(), Passes()
        #: The end of the least new data that came with the highest ACK.
        self.with_data_to = BEYOND

        #: The last sent again with its newest ACK.
        self.again_frame = NOT_SEEN
        #: The last that it sent again, or to probe.
        self.asked: list[Frame] = []
        #: But for RSTs, bare SYNs and SYN+ACKs that come after what it has sent since.
        self.last_frame = NOT_SEEN
        self.has_no_fin()

    def has_no_fin(self) -> None:
        self.fins = 0
        self.fin = self.fin_seq = NONE
        #: The first of all, and the first sent again that no network made of another.
        self.fin_frame = self.fin_again_frame = NOT_SEEN
        self.fin_least_ack = BEYOND
        #: Those with the highest ACK.
        self.on_fin = Passes()

    def number(self, number: int) -> int:
        """A 32-bit number of this end's, counted on where it has wrapped."""
        if self._first == NONE:
            self._first = number
        return self.near(number, self._first if self.nxt == NONE else self.nxt)

    def near(self, number: int, about: int) -> int:
        """The same where another number is known that is not further from it than half of all."""
        return about + distance(number, self.captured(about))

    def captured(self, number: int) -> int:
        """The same as a segment has it."""
        return number & 0xFFFFFFFF

    def syn_end(self) -> int:
        """The number after its SYN and the data on that."""
        return self.isn + 1 + self.syn_bytes if self.isn != NONE else NONE

    def acknowledged_by(self, frame: Frame) -> int:
        """The highest number that it had acknowledged by then, or ``NONE``."""
        if self.top_frame < frame:
            return self.top_ack
        return self.lower_ack if self.lower_frame < frame else NONE

    def add(self, frame: Frame, seq: int, ack: int, flags: int, payload_bytes: int) -> None:
        """One segment of this end. ``seq`` by its own ``number``, ``ack`` by the other end's, or ``NONE``."""
        if flags & RST:
            if len(self.rsts) == _RSTS:
                self.rsts_not_kept += 1
                if seq < self.in_order == self.rsts[_RSTS - 1].seq:
                    return  # Older than the last, which has the number that its receiver expects.
                self.rsts.pop()
            self.rsts.append(Rst(frame, seq, ack, self.in_order, self.ahead))
            return
        syn = bool(flags & SYN)
        fin = bool(flags & FIN)
        begin = seq + syn
        end = begin + payload_bytes + fin
        self.segments += 1
        if syn:
            self._synchronizes(frame, seq, end, payload_bytes, bool(flags & ACK))
        else:
            self.first_frame = self.first_frame or frame
            # What its FIN has overtaken tells no more than that FIN; a keep-alive probe (3.8.4) nothing new.
            overtaken = end <= self.fin or end == self.nxt - 1
            frame.carried_to = end if begin < end else self.nxt if overtaken else NONE
        if flags & (SYN | ACK) == SYN:
            self.last_syn_frame = frame
        else:
            self.last_frame = frame
        if fin or not syn:
            if NONE < self.fin < end - 1 and payload_bytes and not fin:
                # Nobody sends anything beyond a FIN (3.10.4), so that was not its own, nor is its copy.
                self.has_no_fin()
            self._sends(frame, begin, ack, end)
            if payload_bytes:
                self.data_frame = self.data_frame or frame
            if fin and (not self.fins or self.fin == end - 1) and self.isn < end - 1 == self.nxt - 1:
                self._finishes(frame, begin, ack, end - 1)
            self._passes(begin, end)
        if ack != NONE:
            self._acknowledges(frame, ack, syn, fin, begin, end)

    def _synchronizes(self, frame: Frame, isn: int, end: int, payload_bytes: int, answers: bool) -> None:
        if self.has_forgotten(self.captured(isn)):
            return
        if self.isn != isn:
            if self.syn_acks and not self.former_syn_ack_frame:
                self.former_syn_ack_frame, self.former_isn = self.syn_ack_frame, self.isn
            self.syn_acks = 0
            if self.nxt != NONE and not 0 < self.nxt - isn < _NEAR_BYTES:
                self._forget()
            self.isn, self.syn_bytes, self.in_order = isn, payload_bytes, end
            self.nxt = max(self.nxt, end)
        if answers:
            self.retransmits += self.syn_acks > 0
            if not self.syn_acks:
                self.syn_ack_frame = frame
            elif frame.ts_ns - self.last_syn_ack_frame.ts_ns >= UNDER_WAY_NS:
                self.syn_ack_again_frame = frame
            self.syn_acks += 1
            self.last_syn_ack_frame = frame
        else:
            self.retransmits += self.syns > 0
            self.syn_frame = self.syn_frame or frame
            self.syns += 1

    def has_forgotten(self, isn: int) -> bool:
        """Is a SYN+ACK with this 32-bit number a late copy of an answer of before it was reset?"""
        return self.former_isn != NONE and self.captured(self.former_isn) == isn

    def _sends(self, frame: Frame, seq: int, ack: int, end: int) -> None:
        again = seq < end and seq < self.nxt
        self.retransmits += again
        if again or (end - seq <= 1 and seq == self.nxt - 1):
            self.asked = [*self.asked[1 - _ASKED :], frame]
        if again and ack >= self.top_ack:
            self.again_frame = frame
        if end > self.nxt:
            if self.nxt != NONE and seq > self.nxt:
                self.jump_frame = frame
            leaves_gap = end == seq and NONE < self.in_order < end
            self.gap_frame = frame if leaves_gap else NOT_SEEN
            self.nxt, self.nxt_frame, self.nxt_least_ack = end, frame, ack
        elif end == self.nxt:
            self.nxt_least_ack = min(self.nxt_least_ack, ack)
            if end > seq:
                self.gap_frame = NOT_SEEN
        if end == seq == self.nxt and ack == self.top_ack:
            if self.duplicates.ack != ack:
                self.lower_duplicates, self.duplicates = self.duplicates, Passes(ack)
            self.duplicates.add(frame)

    def _passes(self, seq: int, end: int) -> None:
        """Pieces that touch are one; of those that go ahead and do not touch, the highest are kept."""
        apart: list[tuple[int, int]] = []
        if self.in_order == NONE:
            self.in_order = seq
        for begin, after in self.ahead:
            if after < seq or end < begin:
                apart.append((begin, after))
            else:
                seq, end = min(seq, begin), max(end, after)
        if seq <= self.in_order:
            self.in_order = max(self.in_order, end)
        else:
            apart.append((seq, end))
        if apart or self.ahead:
            self.ahead = sorted(apart)[-_AHEAD:]

    def _finishes(self, frame: Frame, seq: int, ack: int, fin: int) -> None:
        if not self.fins:
            self.fin, self.fin_seq, self.fin_frame = fin, seq, frame
            self.bare.kept = self.bare.last
        elif frame.ts_ns - self.fin_frame.ts_ns >= RTO_MIN_NS and ack >= self.top_ack:
            self.fin_again_frame = self.fin_again_frame or frame
        self.fins += 1
        self.fin_least_ack = min(self.fin_least_ack, ack)

    def _acknowledges(self, frame: Frame, ack: int, syn: bool, fin: bool, seq: int, end: int) -> None:
        acks = self.bare_acks if frame.carried_to == NONE else self.acks
        if not syn:
            acks.add(frame)
        if self.first_ack == NONE:
            self.first_ack = ack
        elif ack > self.first_ack:
            self.more_frame = self.more_frame or frame
        if ack == self.first_ack and not syn:
            acks.kept = acks.last
        if ack > self.top_ack:
            self.lower_ack, self.lower_frame = self.top_ack, self.top_frame
            self.top_ack, self.top_frame = ack, frame
            self.with_data_to = BEYOND
            self.bare, self.on_fin = Passes(), Passes()
        if ack == self.top_ack and not syn:
            (self.on_fin if fin else self.bare).add(frame)
            if seq < end == self.nxt and self.nxt_frame is frame:
                self.with_data_to = min(self.with_data_to, end)

    def resumes(self, attempt: Evidence, peer: Evidence) -> None:
        """Who only asked goes on with another peer: its SYNs and RSTs came before the RSTs that are all that
        is known of it here."""
        rsts, self.rsts = self.rsts, []
        self.add(attempt.syn_frame, self.number(self.captured(attempt.isn)), NONE, SYN, attempt.syn_bytes)
        for rst in attempt.rsts:
            seq = NONE if rst.seq == NONE else self.number(self.captured(rst.seq))
            ack = NONE if rst.ack == NONE else peer.number(self.captured(rst.ack))
            self.add(rst.frame, seq, ack, RST, 0)
        for rst in rsts:
            self.add(rst.frame, rst.seq, rst.ack, RST, 0)
        self.rsts_not_kept += attempt.rsts_not_kept
        self.syns = self.segments = attempt.syns
        self.retransmits = attempt.retransmits
        self.last_syn_frame = attempt.last_syn_frame
