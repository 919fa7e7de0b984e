# cython: annotation_typing=True, wraparound=True
"""What became of a connection: a pure function of both ends' evidence and histories.

Results are indices into the names of ``codes.py``. Ends are 1 and 2 as in ``Connection``: 0 is neither.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from tcptrace_py.tcp import codes
from tcptrace_py.tcp.bounds import NONE
from tcptrace_py.tcp.evidence import NOT_SEEN, Evidence, Rst, passed_to
from tcptrace_py.tcp.history import Entries
from tcptrace_py.tcp.reading.histories import fin_never_passed, got_peers_fin, may_have_closed
from tcptrace_py.tcp.reading.resets import (
    Closing,
    answers_syn,
    asks_again,
    in_window,
    keeps_nothing,
    only_asked,
    refuses_handshake,
)
from tcptrace_py.tcp.reading.rules import rule
from tcptrace_py.tcp.state import (
    CLOSE_WAIT,
    CLOSED,
    ESTABLISHED,
    FIN_WAIT_1,
    LAST_ACK,
    LISTEN,
    PRESUMED,
    SENT,
    SYN_SENT,
    TIME_WAIT,
)


class Reset(NamedTuple):
    """A RST, whose it was, and why it was sent."""

    by: int
    cause: int
    rst: Rst
    #: Its number was one that the peer expected.
    fits: bool
    #: It closed the peer, not only its sender.
    believed: bool


class Outcome(NamedTuple):
    handshake: int
    simultaneous_open: bool
    #: A SYN+ACK acknowledged data on the SYN (RFC 7413).
    fast_open: bool
    #: When the segment passed that ended the handshake, and its frame; or zeros.
    ack: tuple[int, int]
    close: int
    close_complete: bool
    #: Of a simultaneous close, whose passed first.
    first_fin_by: int
    #: The first that took effect.
    reset: Reset | None
    #: Those that changed nothing, and how many more are not remembered.
    strays: list[Reset]
    strays_more: int


def outcome(
    a: Evidence,
    b: Evidence,
    told: tuple[Entries, Entries],
    closings: tuple[Closing, Closing],
    unreachable: bool = False,
    probes: int = 3,
) -> Outcome:
    """``closings``: as ``read`` has them. ``unreachable``: so said ICMP of a SYN. ``probes`` unanswered
    retransmissions or keep-alives make a RST a time-out."""
    resets, strays, more = _resets(a, b, told, closings, probes) if a.rsts or b.rsts else ([], [], 0)
    reset = resets[0] if resets else None
    close, first_fin_by = _close(a, b, told, reset)
    complete = reset is not None or (_finished(a, b) and _finished(b, a))
    handshake = _handshake(a, b, told, reset, unreachable)
    both_asked = all(SYN_SENT in entered(history) for history in told)
    fast_open = _takes_syn_data(a, b) or _takes_syn_data(b, a)
    ack = _handshake_ack(a, b, told)
    return Outcome(handshake, both_asked, fast_open, ack, close, complete, first_fin_by, reset, strays, more)


def entered(history: Entries) -> dict[int, int]:
    """The states that it has been in, and the frames by which it came there."""
    return {state: frame for state, _, frame, _ in history}


# --- the handshake ---------------------------------------------------------------------------------------


def _handshake(
    a: Evidence, b: Evidence, told: tuple[Entries, Entries], reset: Reset | None, unreachable: bool
) -> int:
    """The first of these that holds."""
    cause = reset.cause if reset else codes.NO_RESET
    syn_acks = a.syn_acks + b.syn_acks > 0
    # Instead of the ACK that would have ended the handshake.
    at_once = reset is not None and cause == codes.HANDSHAKE_ABORT and reset.rst.ack != NONE
    rows = (
        (not (a.syns or b.syns or syn_acks), codes.UNSEEN),
        (at_once, codes.ABORTED),
        (completed(*told) or completed(*told[::-1]), codes.COMPLETE),
        (reset is not None and cause == codes.REFUSED and reset.believed, codes.REFUSED_HANDSHAKE),
        (cause == codes.HANDSHAKE_ABORT, codes.ABORTED),
        (syn_acks, codes.HALF_OPEN),
        (unreachable, codes.UNREACHABLE),
    )
    return next((outcome for holds, outcome in rows if holds), codes.UNANSWERED)


def _takes_syn_data(end: Evidence, peer: Evidence) -> bool:
    return end.syn_acks > 0 and peer.syn_bytes > 0 and end.first_ack > peer.isn + 1


@rule("3.5")
def completed(history: Entries, peer: Entries) -> bool:
    """A handshake is complete once an end has what ends it, unless its peer was back in CLOSED or LISTEN
    by then."""
    for state, ts_ns, frame, _ in history:
        if state == ESTABLISHED:
            before = _before(peer, frame, ts_ns)
            return not (len(before) > 1 and before[-1] in (CLOSED, LISTEN))
    return False


def _before(history: Entries, frame: int, ts_ns: int) -> list[int]:
    """What it had been when a frame passed. (A clock that ran out has no frame.)"""
    return [state for state, since_ns, by, _ in history if (by < frame if by else since_ns <= ts_ns)]


def _handshake_ack(a: Evidence, b: Evidence, told: tuple[Entries, Entries]) -> tuple[int, int]:
    """(A FIN behind a gap is not the segment that ended the handshake.)"""
    for end, history in ((b, told[1]), (a, told[0])):
        for (before, _, _, _), (state, ts_ns, frame, _) in pairwise(history):
            ends = before == SYN_SENT and state == ESTABLISHED
            if ends and not end.fin_frame.number == frame == end.jump_frame.number:
                return ts_ns, frame
    return 0, 0


# --- the close -------------------------------------------------------------------------------------------


def _close(a: Evidence, b: Evidence, told: tuple[Entries, Entries], reset: Reset | None) -> tuple[int, int]:
    """Its kind, and whose FIN was the first."""
    if not ((a.fins or fin_never_passed(a, b)) and (b.fins or fin_never_passed(b, a))):
        by = 1 if a.fins else 2 if b.fins else 0
        if reset:
            return codes.RESET, by
        return (codes.HALF_CLOSED if by else codes.OPEN), by
    states = [entered(history) for history in told]
    if all(FIN_WAIT_1 in each for each in states):
        return codes.SIMULTANEOUS, 1 if a.fin_frame < b.fin_frame else 2
    by = 1 if FIN_WAIT_1 in states[0] else 2
    second = states[2 - by]
    at_once = CLOSE_WAIT in second and second[CLOSE_WAIT] == second.get(LAST_ACK)
    return (codes.THREE_WAY if at_once else codes.FOUR_WAY), by


def _finished(end: Evidence, peer: Evidence) -> bool:
    return got_peers_fin(end, peer) or fin_never_passed(peer, end)


# --- RSTs ------------------------------------------------------------------------------------------------


def _resets(
    a: Evidence,
    b: Evidence,
    told: tuple[Entries, Entries],
    closings: tuple[Closing, Closing],
    probes: int,
) -> tuple[list[Reset], list[Reset], int]:
    """Those that took effect, and those that did nothing while somebody held the connection; how many more
    of these there were. What is not remembered went as the third."""
    effective: list[Reset] = []
    strays: list[Reset] = []
    more = 0
    for by, end, peer in ((1, a, b), (2, b, a)):
        mine, others = told[by - 1], told[2 - by]
        closing, peers = closings[by - 1], closings[2 - by]
        own = closing.rst if closing.basis == SENT else None
        for number, rst in enumerate(end.rsts):
            closes = rst == own and ends_with(mine, rst, SENT)
            believed = rst == peers.rst and ends_with(others, rst, PRESUMED)
            # Also what passed later shows what the sender of a RST was before.
            state = [CLOSED, *(state for state, _, _, _ in mine)][-2] if closes else state_at(mine, rst)
            why = cause(end, peer, state, state_at(others, rst), rst, probes)
            reset = Reset(by, why, rst, expected(end, peer, rst), believed)
            # Who refuses was CLOSED before.
            closes = closes and not (why == codes.REFUSED and state == CLOSED)
            if believed or closes:
                effective.append(reset)
            elif not (_passes_after_close(told, rst) or _goes_unheard(end, peer, reset, own)):
                strays.append(reset)
                more += end.rsts_not_kept if number == 2 else 0
    return sorted(effective, key=_passing), sorted(strays, key=_passing), more


def _passing(reset: Reset) -> Rst:
    return reset.rst


def _goes_unheard(end: Evidence, peer: Evidence, reset: Reset, own: Rst | None) -> bool:
    """It did nothing, and is no stray: a SYN came again after it was refused, or it is its sender's, who
    had sent what never passed here, and resets again (RFC 5961), or keeps nothing of its SYN+ACK."""
    rst = reset.rst
    if keeps_nothing(end, peer, rst):
        return True
    if reset.cause == codes.REFUSED:
        return asks_again(peer, end, rst)
    beyond = not reset.fits and in_window(rst, peer.acknowledged_by(rst.frame))
    return beyond and own is not None and own.frame > rst.frame


def expected(end: Evidence, peer: Evidence, rst: Rst) -> bool:
    """Was its number one that ``peer`` may have expected, by what had passed before it?"""
    if only_asked(peer, rst):
        return answers_syn(end, peer, rst)
    acknowledged = peer.acknowledged_by(rst.frame)
    if acknowledged == NONE:
        return rst.in_order in (NONE, rst.seq)
    return acknowledged <= rst.seq <= passed_to(rst.in_order, rst.ahead, acknowledged)


@rule("3.10.4")
def closed_unseen(end: Evidence, peer: Evidence, rst: Rst) -> bool:
    """Where the last number before a RST never passed, or the last that its sender acknowledged, that may
    have been a FIN: what the RST ended is uncertain."""
    return may_have_closed(end, rst.seq) or may_have_closed(peer, max(end.top_ack, rst.ack))


def certain(end: Evidence, peer: Evidence, reset: Reset) -> bool:
    """Is its number the expected one, and its cause the only one that it may have?"""
    answers = reset.cause != codes.AFTER_CLOSE and answers_unknown(end, peer, reset.rst)
    return reset.fits and not answers and not closed_unseen(end, peer, reset.rst)


def ends_with(history: Entries, rst: Rst, basis: int) -> bool:
    """Did the end go to CLOSED, or back to LISTEN, by this RST: its own, or one that it believed?"""
    state, _, frame, shown = history[-1] if history else (CLOSED, 0, 0, SENT)
    return state in (CLOSED, LISTEN) and frame >= rst.frame.number and shown == basis


def state_at(history: Entries, rst: Rst) -> int:
    """What it was when the RST passed."""
    return [CLOSED, *_before(history, rst.frame.number, rst.frame.ts_ns)][-1]


def _passes_after_close(told: tuple[Entries, Entries], rst: Rst) -> bool:
    """Nobody held the connection any more."""
    began = any(history and history[0][2] < rst.frame.number for history in told)
    return began and all(state_at(history, rst) in (CLOSED, LISTEN) for history in told)


def cause(end: Evidence, peer: Evidence, state: int, peers: int, rst: Rst, probes: int) -> int:
    """Why ``end`` sent a RST, by what both were before it, and by its form: the first of these that holds."""
    # (By two clocks a refusal may be stamped before the SYN that it acknowledges: 4.6.)
    asked = peers == SYN_SENT or (peer.syn_frame > rst.frame and rst.ack == peer.syn_end())
    holds_it = state not in (CLOSED, LISTEN)
    unknown = answers_unknown(end, peer, rst) and not (holds_it and refuses_handshake(end, peer, rst))
    takes_and_resets = only_asked(end, rst) and (rst.seq, rst.ack) == (end.syn_end(), peer.isn + 1)
    rows = (
        (asked and state in (CLOSED, SYN_SENT), codes.REFUSED),
        (state == SYN_SENT or takes_and_resets, codes.HANDSHAKE_ABORT),
        (peers == TIME_WAIT, codes.KILLS_TIME_WAIT),
        (NOT_SEEN < end.fin_frame < rst.frame, codes.AFTER_CLOSE),
        (state == CLOSE_WAIT, codes.CLOSE_WAIT_ABORT),
        (unanswered(end, peer, rst) >= probes, codes.TIMEOUT),
        (unknown, codes.NO_CONNECTION),
    )
    return next((cause for holds, cause in rows if holds), codes.ABORT)


@rule("3.8.3, 3.8.4")
def unanswered(end: Evidence, peer: Evidence, rst: Rst) -> int:
    """Who resets after retransmissions or keep-alives that nothing has answered has timed out."""
    return sum(peer.last_frame < frame < rst.frame for frame in end.asked)


@rule("3.5.2")
def answers_unknown(end: Evidence, peer: Evidence, rst: Rst) -> bool:
    """A RST without ACK, its sender's first, whose number is just what the peer had acknowledged answers a
    segment of no connection."""
    return rst.frame == end.rsts[0].frame and rst.ack == NONE and rst.seq == peer.acknowledged_by(rst.frame)
