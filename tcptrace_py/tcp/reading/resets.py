# cython: annotation_typing=True, wraparound=True
"""RST: whose was it, who believed it, and what does it show? (RFC 9293 sections 3.5, 3.10.7; RFC 5961)"""

from __future__ import annotations

from tcptrace_py.tcp.bounds import BEYOND, NONE, WINDOW_BYTES
from tcptrace_py.tcp.clocks import UNDER_WAY_NS
from tcptrace_py.tcp.evidence import Evidence, Rst, passed_to
from tcptrace_py.tcp.reading.closing import fin_brings_ack
from tcptrace_py.tcp.reading.opening import forgot_former
from tcptrace_py.tcp.reading.rules import GETS_FIN, History, Reach, rule
from tcptrace_py.tcp.state import (
    ACKNOWLEDGED,
    ASSUMED,
    CLOSED,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LISTEN,
    PRESUMED,
    SENT,
    SYN_RCVD,
    SYN_SENT,
    TIME_WAIT,
)


def weighed(a: Evidence, b: Evidence, over: bool) -> tuple[Rst | None, Rst | None, Rst | None, Rst | None]:
    """The RSTs by which ``a`` and ``b`` closed of their own, and those that came to ``a`` and to ``b``."""
    a_own, b_came = weigh(a, b, over)
    b_own, a_came = weigh(b, a, over)
    if a_own and b_own:
        return both_reset(a, b, a_own, b_own, a_came, b_came)
    return a_own, b_own, a_came, b_came


def weigh(end: Evidence, peer: Evidence, over: bool) -> tuple[Rst | None, Rst | None]:
    """The RST by which ``end`` closed, and the one of its that ``peer`` believes."""
    own = came = None
    for rst in end.rsts:
        asked = only_asked(peer, rst)
        acknowledged = acknowledged_by(peer, rst.frame)
        if not (answers_syn(end, peer, rst) if asked else exact(end, rst, acknowledged)):
            if asked or not over or not falls_silent(end, peer, rst, acknowledged):
                continue
        if challenged(peer, rst, acknowledged):
            continue
        if came is None and (asked or peer.top_ack == NONE or peer.top_ack <= rst.seq):
            tries_on = asked and peer.last_syn_frame > max(rst.frame, peer.syn_frame)
            if not (tries_on or goes_on(peer, rst) or _of_former(peer, end, rst)):
                came = rst
        if own is None and closes_by(end, peer, rst) and not goes_on(end, rst):
            if contradicted(end, peer, rst):
                came = None if came is rst else came
            else:
                own = rst
    if own is None and came is not None:
        if peer.syn_acks or peer.first_frame or end.last_ns - came.ts_ns >= UNDER_WAY_NS:
            came = None
    return own, came


def only_asked(end: Evidence, rst: Rst) -> bool:
    """By the time of the RST it had sent a SYN, and nothing else."""
    return end.syns > 0 and not end.syn_acks and not 0 < end.first_frame < rst.frame


@rule("3.10.7.3 second check")
def answers_syn(end: Evidence, peer: Evidence, rst: Rst) -> bool:
    """SYN_SENT believes a RST that acknowledges its SYN; without ACK, only one of who has opened itself."""
    if rst.ack != NONE:
        return peer.isn < rst.ack <= peer.nxt
    return bool(end.syn_acks or end.syns) and rst.seq == end.nxt


def acknowledged_by(end: Evidence, frame: int) -> int:
    """The highest number that it had acknowledged by then, or ``NONE``."""
    if end.top_frame < frame:
        return end.top_ack
    return end.lower_ack if end.lower_frame < frame else NONE


@rule("3.10.7.4 second check")
def exact(end: Evidence, rst: Rst, acknowledged: int) -> bool:
    """A RST is believed with a number between what its receiver had acknowledged and what has passed without
    a gap, for RCV.NXT lies between those; where nothing was acknowledged, with any but a window ahead."""
    if acknowledged == NONE:
        return end.nxt == NONE or rst.seq - max(rst.nxt, end.isn, end.in_order) <= WINDOW_BYTES
    return end.nxt == NONE or acknowledged <= rst.seq <= passed_to(end.in_order, end.ahead, acknowledged)


@rule("RFC 5961 section 3.2")
def falls_silent(end: Evidence, peer: Evidence, rst: Rst, acknowledged: int) -> bool:
    """A RST in the window that has not the exact number is believed where nothing at all passes after it."""
    return rst.frame > max(end.last_frame, peer.last_frame) and in_window(rst, acknowledged)


def in_window(rst: Rst, acknowledged: int) -> bool:
    return acknowledged < rst.seq <= acknowledged + WINDOW_BYTES


@rule("RFC 5961 section 3.2")
def challenged(peer: Evidence, rst: Rst, acknowledged: int) -> bool:
    """A RST ahead of all that had passed without a gap is answered with a challenge ACK, and moves nobody."""
    passed = rst.nxt if rst.in_order == NONE else rst.in_order
    return (
        rst.nxt != NONE
        and rst.seq > passed_to(passed, rst.ahead, acknowledged)
        and _answers(peer) > rst.frame
    )


def _answers(end: Evidence) -> int:
    """Its last segment that acknowledges, but for SYN+ACKs."""
    return max(end.acks.last, end.bare_acks.last)


@rule("3.10.7.1")
def goes_on(end: Evidence, rst: Rst) -> bool:
    """Who still sends when nothing can be under way any more had not sent, or not believed, that RST."""
    return end.last_frame > rst.frame and end.last_ns - rst.ts_ns >= UNDER_WAY_NS


@rule("3.10.7.1")
def contradicted(end: Evidence, peer: Evidence, rst: Rst) -> bool:
    """Who acknowledges what passed after "its" RST, or brings more than the number of one that has an ACK,
    sent that later, so the RST was somebody else's."""
    if 0 < rst.frame < min(end.top_frame, peer.nxt_frame) and end.top_ack >= peer.nxt:
        return True
    return rst.ack != NONE and rst.nxt != NONE and rst.seq < end.nxt and rst.frame < end.nxt_frame


def _of_former(end: Evidence, peer: Evidence, rst: Rst) -> bool:
    """It is about an answer that a listener has forgotten."""
    return rst.frame < end.syn_ack_frame and forgot_former(end, peer) > 0


@rule("3.10.7.1")
def closes_by(end: Evidence, peer: Evidence, rst: Rst) -> bool:
    """A RST is of a connection only with a number that its sender has used there; any other answers, from
    CLOSED, what it had not opened yet, or has forgotten."""
    if end.former_syn_ack_frame and rst.seq == end.former_isn + 1 and not forgot_former(end, peer):
        return True
    if end.isn != NONE and rst.seq <= end.isn:
        return refuses_in_turn(end, peer, rst)
    if end.syns and not end.syn_acks and not end.first_frame and rst.seq != end.nxt:
        return False
    return not _of_former(end, peer, rst)


@rule("3.10.7.1")
def refuses_in_turn(end: Evidence, peer: Evidence, rst: Rst) -> bool:
    """Who has sent a SYN, and answers the peer's SYN with a RST of no number of its own, has given its own
    up: CLOSED."""
    asked = end.syns > 0 and not end.syn_acks and 0 < end.syn_frame < min(rst.frame, peer.syn_frame)
    return asked and peer.syns > 0 and rst.ack == peer.syn_end()


def both_reset(
    a: Evidence, b: Evidence, a_own: Rst, b_own: Rst, a_came: Rst | None, b_came: Rst | None
) -> tuple[Rst | None, Rst | None, Rst | None, Rst | None]:
    """Whose RST is an abort, and whose only the answer of who had closed by the other's?"""
    a_first = a_own < b_own
    if not a_first or aborts_itself(b, a, b_own):
        b_came = None
    if a_first or aborts_itself(a, b, a_own):
        a_came = None
    return (None if a_came else a_own), (None if b_came else b_own), a_came, b_came


@rule("3.5.2, 3.10.5")
def aborts_itself(end: Evidence, peer: Evidence, rst: Rst) -> bool:
    """CLOSED answers with a number that was acknowledged; one that nobody had acknowledged is of an abort."""
    return rst.seq == end.nxt and peer.top_ack < end.nxt


def reach_of(end: Evidence, peer: Evidence, own: Rst | None, came: Rst | None) -> Reach:
    frame = seq = BEYOND
    if own:
        if peer.fins and max(end.top_ack, _acknowledges(end, own)) <= peer.fin:
            seq = peer.fin
        frame = 0 if refuses_handshake(end, peer, own) or closed_before_ack(end) else own.frame
    if came:
        return Reach(min(frame, came.frame), min(seq, came.seq))
    return Reach(frame, seq)


@rule("3.10.7.4 fifth check")
def refuses_handshake(end: Evidence, peer: Evidence, rst: Rst) -> bool:
    """Who sent nothing but SYN+ACK, and a RST with the number of the ACK, refused what ends the handshake."""
    only_answered = end.syn_acks > 0 and not end.syns and not end.first_frame
    return (
        rst.ack == NONE
        and only_answered
        and peer.segments == 2 + peer.retransmits
        and rst.seq == peer.top_ack
    )


@rule("3.10.7.1")
def closed_before_ack(end: Evidence) -> bool:
    """Later RSTs with numbers before its FIN answer, from CLOSED, what was sent before the ACK of
    that FIN."""
    return any(rst.ack == NONE and rst.seq <= end.fin for rst in end.rsts[1:])


def sends_reset(history: History, end: Evidence, peer: Evidence, rst: Rst) -> None:
    """It is CLOSED; its RSTs may show what it was before."""
    if history.state == SYN_SENT and end.isn != NONE and goes_ahead(end):
        history.put(ESTABLISHED, rst.frame, ASSUMED)
    if peer.fins and peer.fin < _acknowledges(end, rst) <= peer.nxt:
        if history.state == SYN_RCVD:
            history.put(ESTABLISHED, rst.frame, ACKNOWLEDGED)
        if history.state in GETS_FIN:
            history.put(GETS_FIN[history.state], rst.frame, ACKNOWLEDGED)
    if history.state not in (CLOSED, LISTEN) or not history:
        history.put(CLOSED, rst.frame, SENT)


def _acknowledges(end: Evidence, rst: Rst) -> int:
    """The most that its RSTs acknowledge, but for those long after this one."""
    return max(each.ack for each in end.rsts if each.ts_ns - rst.ts_ns < UNDER_WAY_NS)


@rule("RFC 5961 section 3.2")
def goes_ahead(end: Evidence) -> bool:
    """A RST ahead of all that its sender was seen to send, and within a window of that, shows that more had
    been sent: it was ESTABLISHED."""
    return any(1 < each.seq - end.isn <= WINDOW_BYTES for each in end.rsts)


def believes_reset(history: History, end: Evidence, peer: Evidence, rst: Rst) -> None:
    """It is CLOSED, or listens again: it has had all that the peer sent before that RST."""
    if history.state in (CLOSED, LISTEN):
        return
    if history.state == FIN_WAIT_1 and peer.top_ack > end.fin and rst.seq >= peer.with_data_to:
        history.put(FIN_WAIT_2, rst.frame, PRESUMED)
    if peer.fins and rst.seq == peer.fin + 1:
        if history.state == FIN_WAIT_1 and fin_brings_ack(end, peer):
            history.put(TIME_WAIT, rst.frame, PRESUMED)
        else:
            if history.state == SYN_RCVD:
                history.put(ESTABLISHED, rst.frame, PRESUMED)
            if history.state in GETS_FIN:
                history.put(GETS_FIN[history.state], rst.frame, PRESUMED)
    elif history.state == SYN_RCVD and NONE < end.top_ack < rst.seq:
        history.put(ESTABLISHED, rst.frame, PRESUMED)
    listens_again = history.state == SYN_RCVD and not end.syns
    history.put(LISTEN if listens_again else CLOSED, rst.frame, PRESUMED)
