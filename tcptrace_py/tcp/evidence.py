"""Evidence: what one end of a connection has shown by its own segments (4.9 of the design).

It only grows: firsts, lasts, minima and maxima, some of them *at* the highest number so far. A FIN is the
highest number of all, so what is kept there is what is known of the FIN, also before it passes and where it
never does. Nothing here looks at the other end, so it does not matter how the two directions were merged;
nothing is derived, so nothing is ever taken back. What its receiver would drop is not told here
(``gate.py``). What all this means, ``reading`` says.

Compiled (see ``evidence.pxd``). Numbers are distances from the first
number of the end that sent or acknowledged them (``Evidence.number``), so that they can be compared.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    """A frame of the capture, and when it passed. Fields that name it share it."""

    def __init__(self, number: int, ts_ns: int) -> None:
        self.number = number
        self.ts_ns = ts_ns

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
    nxt: int
    #: Up to here all had passed, or ``NONE``; and pieces beyond.
    in_order: int
    ahead: tuple[tuple[int, int], ...] = ()


def _further(rst: Rst, on: int) -> Rst:
    """The same, its sender's numbers counted from elsewhere."""
    seq, nxt, in_order = (
        number if number == NONE else number + on for number in (rst.seq, rst.nxt, rst.in_order)
    )
    ahead = tuple((begin + on, after + on) for begin, after in rst.ahead)
    return rst._replace(seq=seq, nxt=nxt, in_order=in_order, ahead=ahead)


def passed_to(in_order: int, ahead: Iterable[tuple[int, int]], acknowledged: int) -> int:
    """Up to here all has passed, or has been acknowledged: what the capture lacks leaves no gap then."""
    upto = max(in_order, acknowledged)
    for begin, after in ahead:
        if begin <= upto:
            upto = max(upto, after)
    return upto


class Passes:
    """Segments that show one thing, and up to where what they carried goes: the first, the first that is as
    late as an answer to what was sent again, the last, and one of before that was the last for long enough to
    be ``kept``."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.first = self.later = self.kept = self.last = NOT_SEEN
        self.first_end = self.later_end = self.kept_end = self.last_end = NONE

    def each(self) -> list[tuple[Frame, int]]:
        """Those that were seen; some of them may be one and the same."""
        each = [(self.first, self.first_end), (self.later, self.later_end)]
        each += [(self.kept, self.kept_end), (self.last, self.last_end)]
        return [(frame, end) for frame, end in each if frame]

    def add(self, frame: Frame, end: int) -> None:
        if not self.first:
            self.first, self.first_end = frame, end
        elif not self.later and frame.ts_ns - self.first.ts_ns >= RTO_MIN_NS:
            self.later, self.later_end = frame, end
        self.last, self.last_end = frame, end

    def keep(self) -> None:
        """What follows is another matter."""
        self.kept, self.kept_end = self.last, self.last_end

    def after(self, frame: Frame) -> Frame:
        """The first of them that passed after ``frame``."""
        return min([each for each, _ in self.each() if each > frame], default=NOT_SEEN)


class Evidence:
    """Of one end. ``*_frame`` of what is sent more than once: the first, if not said otherwise."""

    def __init__(self) -> None:
        self._has_origin = False
        self._origin = 0

        # How it opened.
        self.syns = self.syn_acks = 0
        self.syn_frame = self.last_syn_frame = NOT_SEEN
        #: The first of all, forgotten or not.
        self.first_syn_ack_frame = NOT_SEEN
        #: A SYN+ACK with another ISN, which it has forgotten.
        self.former_syn_ack_frame = NOT_SEEN
        self.former_isn = NONE

        self.retransmits = 0
        #: But for RSTs.
        self.segments = 0
        self.rsts: list[Rst] = []
        self.rsts_not_kept = 0
        self._forget()

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
        self.bare, self.on_fin = Passes(), Passes()
        #: The end of the least new data that came with the highest ACK.
        self.with_data_to = BEYOND
        self.duplicate_ack = self.lower_duplicate = NONE
        self.duplicate_acks, self.lower_duplicates = Passes(), Passes()

        # Its FIN.
        self.fin = self.fin_seq = NONE
        self.fins = 0
        self.fin_frame = self.last_fin_frame = NOT_SEEN
        #: The first and the last of its FINs sent again, that no network made of another.
        self.fin_again_frame = self.last_fin_again_frame = NOT_SEEN
        self.fin_least_ack = BEYOND
        self.fin_fills_gap = False

        # What it sent again knowing all that it ever knew, and the first such after its FIN.
        self.again_frame = self.again_after_fin_frame = NOT_SEEN
        #: The last that it sent again, or to probe.
        self.asked: list[Frame] = []
        #: But for RSTs, bare SYNs and SYN+ACKs that come after what it has sent since.
        self.last_frame = NOT_SEEN

    def number(self, number: int) -> int:
        """A 32-bit number of this end's as a distance from the first that was seen, whatever it has sent."""
        return self.near(number, 0 if self.nxt == NONE else self.nxt)

    def near(self, number: int, about: int) -> int:
        """The same where another number is known that is not further from it than half of all."""
        if not self._has_origin:
            self._has_origin = True
            self._origin = number
        return about + distance(number, self.captured(about))

    def captured(self, number: int) -> int:
        """The 32-bit number that such a distance stands for."""
        return (number + self._origin) & 0xFFFFFFFF

    def syn_end(self) -> int:
        """The number after its SYN and the data on that."""
        return self.isn + 1 + self.syn_bytes if self.isn != NONE else NONE

    def add(self, frame: Frame, seq: int, ack: int, flags: int, payload_bytes: int) -> None:
        """One segment of this end. ``seq`` by its own ``number``, ``ack`` by the other end's, or ``NONE``."""
        if flags & RST:
            if len(self.rsts) == _RSTS:
                self.rsts_not_kept += 1
                if seq < self.in_order == self.rsts[_RSTS - 1].seq:
                    return  # Older than the last, which has the number that its receiver expects.
                self.rsts.pop()
            self.rsts.append(Rst(frame, seq, ack, self.nxt, self.in_order, tuple(self.ahead)))
            return
        syn = bool(flags & SYN)
        fin = bool(flags & FIN)
        carries = bool(payload_bytes or fin)
        end = seq + payload_bytes + syn + fin
        if syn:
            self._synchronizes(frame, seq, end, payload_bytes, bool(flags & ACK))
        elif not self.first_frame:
            self.first_frame = frame
        self.segments += 1
        if flags & (SYN | ACK) == SYN:
            self.last_syn_frame = frame
        else:
            self.last_frame = frame
        if fin or not syn:
            if self.fins and not fin and payload_bytes and end > self.fin + 1:
                self._goes_on()
            within = self.nxt != NONE and end <= self.nxt and seq + syn < end
            self._sends(frame, seq + syn, ack, end)
            if payload_bytes and not self.data_frame:
                self.data_frame = frame
            if fin and (not self.fins or self.fin == end - 1) and end - 1 > self.isn:
                if not self.fins:
                    self.fin, self.fin_seq, self.fin_fills_gap = end - 1, seq + syn, within
                self._finishes(frame, ack)
            self._passes_in_order(seq + syn, end)
        if ack != NONE:
            if not syn:
                # What its FIN has overtaken tells no more than that FIN.
                upto = self.fin + 1 if NONE < end <= self.fin else end
                bare = upto == end and not carries
                acks = self.bare_acks if bare else self.acks
                acks.add(frame, NONE if bare else upto)
                if self.first_ack == NONE or ack == self.first_ack:
                    acks.keep()
            self._acknowledges(frame, ack)
            if ack == self.top_ack and not syn:
                old = not carries and end < self.nxt and self.bare.first
                if not old:
                    (self.on_fin if fin else self.bare).add(frame, end if carries else BEYOND)
                if carries and self.nxt_frame == frame and end == self.nxt:
                    self.with_data_to = min(self.with_data_to, end)

    def _synchronizes(self, frame: Frame, isn: int, end: int, payload_bytes: int, answers: bool) -> None:
        if self.has_forgotten(isn):
            return
        if self.isn != isn:
            if self.isn != NONE and self.syn_acks:
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
                self.first_syn_ack_frame = self.first_syn_ack_frame or frame
            elif frame.ts_ns - self.last_syn_ack_frame.ts_ns >= UNDER_WAY_NS:
                self.syn_ack_again_frame = frame
            self.syn_acks += 1
            self.last_syn_ack_frame = frame
        else:
            self.retransmits += self.syns > 0
            self.syn_frame = self.syn_frame or frame
            self.syns += 1

    def has_forgotten(self, isn: int) -> bool:
        """Is a SYN+ACK with this number a late copy of an answer of before it was reset?"""
        return bool(self.former_syn_ack_frame) and self.former_isn == isn

    def _sends(self, frame: Frame, seq: int, ack: int, end: int) -> None:
        again = self.nxt != NONE and seq < end and seq < self.nxt
        self.retransmits += again
        if again or (end - seq <= 1 and seq == self.nxt - 1):
            self.asked = [*self.asked[1 - _ASKED :], frame]
        if again and ack >= self.top_ack:
            self.again_frame = frame
            if self.fins and not self.again_after_fin_frame:
                self.again_after_fin_frame = frame
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
            if self.duplicate_ack != ack:
                lower = self.lower_duplicates
                lower.forget()
                self.lower_duplicate, self.lower_duplicates = self.duplicate_ack, self.duplicate_acks
                self.duplicate_ack, self.duplicate_acks = ack, lower
            self.duplicate_acks.add(frame, end)

    def _passes_in_order(self, seq: int, end: int) -> None:
        if self.in_order == NONE:
            self.in_order = seq
        if seq <= self.in_order:
            self.in_order = max(self.in_order, end)
        else:
            self._goes_ahead(seq, end)
        if self.ahead:
            self.in_order = passed_to(self.in_order, self.ahead, NONE)
            self.ahead = [piece for piece in self.ahead if piece[1] > self.in_order]

    def _goes_ahead(self, seq: int, end: int) -> None:
        """Pieces that touch are one; of those that do not the highest are kept."""
        pieces: list[tuple[int, int]] = []
        for begin, after in sorted([*self.ahead, (seq, end)]):
            if pieces and begin <= pieces[len(pieces) - 1][1]:
                begun, reached = pieces.pop()
                pieces.append((begun, max(reached, after)))
            else:
                pieces.append((begin, after))
        self.ahead = pieces[-_AHEAD:]

    def _finishes(self, frame: Frame, ack: int) -> None:
        if not self.fins:
            self.fin_frame = frame
            self.bare.keep()
        elif frame.ts_ns - self.fin_frame.ts_ns >= RTO_MIN_NS and ack >= self.top_ack:
            self.fin_again_frame = self.fin_again_frame or frame
            self.last_fin_again_frame = frame
        self.fins += 1
        self.last_fin_frame = frame
        self.fin_least_ack = min(self.fin_least_ack, ack)

    def _goes_on(self) -> None:
        """Nobody sends anything beyond a FIN (3.10.4), so that was not its own."""
        self.fin = self.fin_seq = NONE
        self.fins = 0
        self.fin_frame = self.last_fin_frame = NOT_SEEN
        self.fin_again_frame = self.last_fin_again_frame = self.again_after_fin_frame = NOT_SEEN
        self.fin_least_ack = BEYOND
        self.on_fin.forget()

    def _acknowledges(self, frame: Frame, ack: int) -> None:
        if self.first_ack == NONE:
            self.first_ack = ack
        elif ack > self.first_ack and not self.more_frame:
            self.more_frame = frame
        if ack > self.top_ack:
            self.lower_ack, self.lower_frame = self.top_ack, self.top_frame
            self.top_ack, self.top_frame = ack, frame
            self.with_data_to = BEYOND
            self.bare.forget()
            self.on_fin.forget()

    def acknowledges_late(self, frame: Frame, ack: int) -> None:
        """The ACK of its FIN, its last segment, was of something after all."""
        self.fin_least_ack = self.nxt_least_ack = ack
        self._acknowledges(frame, ack)
        self.on_fin.add(frame, self.nxt)

    # --- what the choice of the incarnation asks ----------------------------------------------

    def only_asked(self) -> bool:
        """It has sent SYNs without ACK, and RSTs at the most."""
        return 0 < self.syns == self.segments

    def resets_with_ack(self) -> bool:
        return any(rst.ack != NONE for rst in self.rsts)

    def resumes(self, refuser: Evidence, unseen: Evidence, peer: Evidence) -> None:
        """Who has only asked goes on with another peer, in place of ``unseen``, which has sent RSTs at the
        most: numbers are counted as there from now on."""
        if unseen._has_origin:
            on = self.number(unseen._origin)
            self._origin = unseen._origin
            self.isn, self.nxt, self.in_order = self.isn - on, self.nxt - on, self.in_order - on
            self.rsts = [_further(rst, -on) for rst in self.rsts]
        self.rsts = [
            rst if rst.ack == NONE else rst._replace(ack=peer.number(refuser.captured(rst.ack)))
            for rst in self.rsts
        ]
        for rst in unseen.rsts:
            self.add(rst.frame, rst.seq, rst.ack, RST, 0)
