"""What became of a connection: a pure function of both ends' evidence and histories (5 and 6 of the design).

Results are indices into the names of ``codes.py``. Ends are 1 and 2 as in ``Connection``: 0 is neither.
"""

from __future__ import annotations

from typing import NamedTuple

from tcptrace_py.tcp import codes
from tcptrace_py.tcp.evidence import NONE, Evidence, Rst
from tcptrace_py.tcp.reading.closing import got_peers_fin
from tcptrace_py.tcp.reading.histories import read
from tcptrace_py.tcp.reading.resets import acknowledged_by, refuses_handshake, weighed
from tcptrace_py.tcp.reading.rules import History, rule
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
    """The RST that took effect first, of whose it was, and why it was sent."""

    by: int
    cause: int
    rst: Rst


class Outcome(NamedTuple):
    handshake: int
    close: int
    close_complete: bool
    #: 3: both at once.
    close_initiator: int
    reset: Reset | None


def outcome(
    a: Evidence, b: Evidence, over: bool = False, unreachable: bool = False, probes: int = 3
) -> Outcome:
    """``over``: as for ``read``. ``unreachable``: so said ICMP of a SYN. ``probes`` unanswered
    retransmissions or keep-alives make a RST a time-out."""
    histories = read(a, b, over)
    reset = _first_reset(a, b, histories, over, probes)
    kind, initiator = _close(a, b, histories, reset)
    complete = reset is not None or (got_peers_fin(a, b) and got_peers_fin(b, a))
    return Outcome(_handshake(a, b, histories, reset, unreachable), kind, complete, initiator, reset)


def _handshake(
    a: Evidence, b: Evidence, histories: tuple[History, History], reset: Reset | None, unreachable: bool
) -> int:
    syn_acks = a.syn_acks + b.syn_acks
    if not (a.syns or b.syns or syn_acks):
        return codes.UNSEEN
    if completed(*histories) or completed(*histories[::-1]):
        return codes.COMPLETE
    if reset and reset.cause == codes.REFUSED and ends_with(histories[2 - reset.by], reset.rst, PRESUMED):
        return codes.REFUSED_HANDSHAKE
    if reset and reset.cause == codes.HANDSHAKE_ABORT:
        return codes.ABORTED
    if syn_acks:
        return codes.HALF_OPEN
    return codes.UNREACHABLE if unreachable else codes.UNANSWERED


@rule("3.5")
def completed(history: History, peer: History) -> bool:
    """A handshake is complete once an end has what ends it, unless its peer was back in CLOSED or LISTEN
    by then."""
    opened = next((frame for state, frame, _ in history if state == ESTABLISHED), 0)
    before = [state for state, frame, _ in peer if frame < opened]
    return opened > 0 and not (len(before) > 1 and before[-1] in (CLOSED, LISTEN))


def _close(
    a: Evidence, b: Evidence, histories: tuple[History, History], reset: Reset | None
) -> tuple[int, int]:
    """Its kind, and who closed first."""
    if not (a.fins and b.fins):
        by = 1 if a.fins else 2 if b.fins else 0
        if reset:
            return codes.RESET, by or reset.by
        return (codes.HALF_CLOSED if by else codes.OPEN), by
    first = [any(state == FIN_WAIT_1 for state, _, _ in history) for history in histories]
    if all(first):
        return codes.SIMULTANEOUS, 3
    by = 1 if first[0] else 2
    passive = histories[2 - by]
    entered = {state: frame for state, frame, _ in passive}
    at_once = CLOSE_WAIT in entered and entered[CLOSE_WAIT] == entered.get(LAST_ACK)
    return (codes.THREE_WAY if at_once else codes.FOUR_WAY), by


def _first_reset(
    a: Evidence, b: Evidence, histories: tuple[History, History], over: bool, probes: int
) -> Reset | None:
    a_own, b_own, a_came, b_came = weighed(a, b, over)
    took_effect = [
        (rst, by)
        for history, own, came, by in ((histories[0], a_own, a_came, 1), (histories[1], b_own, b_came, 2))
        for rst, basis, by in ((own, SENT, by), (came, PRESUMED, 3 - by))
        if rst and ends_with(history, rst, basis)
    ]
    if not took_effect:
        return None
    rst, by = min(took_effect)
    ends = (a, b) if by == 1 else (b, a)
    mine, others = histories[by - 1], histories[2 - by]
    peers = state_at(others, rst)
    state = state_before_end(mine, rst) if ends_with(mine, rst, SENT) else state_at(mine, rst)
    return Reset(by, cause(*ends, state, peers, rst, probes), rst)


def ends_with(history: History, rst: Rst, basis: int) -> bool:
    """Did the end go to CLOSED, or back to LISTEN, by this RST: its own, or one that it believed?"""
    return any(
        state in (CLOSED, LISTEN) and frame >= rst.frame and shown == basis for state, frame, shown in history
    )


def state_at(history: History, rst: Rst) -> int:
    return next((state for state, frame, _ in reversed(history) if frame < rst.frame), CLOSED)


def state_before_end(history: History, rst: Rst) -> int:
    """Also what passed later shows what the sender of a RST was before."""
    state = CLOSED
    for entered, frame, _ in history:
        if entered in (CLOSED, LISTEN) and frame >= rst.frame:
            break
        state = entered
    return state


def cause(end: Evidence, peer: Evidence, state: int, peers: int, rst: Rst, probes: int) -> int:
    """Why ``end`` sent a RST, by what both were before it, and by its form."""
    if peers == SYN_SENT and state in (CLOSED, SYN_SENT):
        return codes.REFUSED
    if state == SYN_SENT:
        return codes.HANDSHAKE_ABORT
    if peers == TIME_WAIT:
        return codes.KILLS_TIME_WAIT
    if 0 < end.fin_frame < rst.frame:
        return codes.AFTER_CLOSE
    if state == CLOSE_WAIT:
        return codes.CLOSE_WAIT_ABORT
    if unanswered(end, peer, rst) >= probes:
        return codes.TIMEOUT
    if answers_unknown(end, peer, rst) and not refuses_handshake(end, peer, rst):
        return codes.NO_CONNECTION
    return codes.ABORT


@rule("3.8.3, 3.8.4")
def unanswered(end: Evidence, peer: Evidence, rst: Rst) -> int:
    """Who resets after retransmissions or keep-alives that nothing has answered has timed out."""
    return sum(peer.last_frame < frame < rst.frame for frame in end.asked)


@rule("3.5.2")
def answers_unknown(end: Evidence, peer: Evidence, rst: Rst) -> bool:
    """A RST without ACK, its sender's first, whose number is just what the peer had acknowledged answers a
    segment of no connection."""
    return rst.frame == end.rsts[0].frame and rst.ack == NONE and rst.seq == acknowledged_by(peer, rst.frame)
