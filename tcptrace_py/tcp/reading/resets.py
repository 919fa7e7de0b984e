# cython: annotation_typing=True, wraparound=True
"""RSTs: whose was it, who believed it, and what does it show? (3.5, 3.10.7; RFC 5961)"""

from __future__ import annotations

from tcptrace_py.tcp.bounds import BEYOND, NONE, WINDOW_BYTES
from tcptrace_py.tcp.clocks import RTO_MIN_NS, UNDER_WAY_NS
from tcptrace_py.tcp.evidence import NEVER, NOT_SEEN, Evidence, Frame, Rst, passed_to
from tcptrace_py.tcp.reading.rules import History, earliest, rule
from tcptrace_py.tcp.state import (
    ACKNOWLEDGED,
    ASSUMED,
    CLOSED,
    FIN_WAIT_1,
    GETS_ACK_OF_FIN,
    GETS_ACK_OF_SYN,
    GETS_RST,
    GETS_RST_AS_LISTENER,
    GETS_SYN_ACK,
    PRESUMED,
    SENDS_RST,
    SENT,
)


def closings(a: Evidence, b: Evidence, over: bool) -> tuple[Closing, Closing]:
    """By which RSTs ``a`` and ``b`` closed; ``over``: nothing will pass any more."""
    a_own, b_came = weigh(a, b, over)
    b_own, a_came = weigh(b, a, over)
    return Closing(a, b, a_own, a_came), Closing(b, a, b_own, b_came)


class Closing:
    """The RST that closed an end, if one did; ``basis``: its own, or one that it believed.

    What passed before it may have come, but nothing that goes beyond the number of one that it believed, or
    the FIN, in order, that its own does not acknowledge.
    """

    def __init__(self, end: Evidence, peer: Evidence, own: Rst | None, came: Rst | None) -> None:
        self.rst, self.basis = came, PRESUMED
        self.came_before, self.came_upto = NEVER, BEYOND
        # An abort, or only the answer of who had closed by the other's?
        if own and not (came and came < own and not aborts_itself(end, peer, own)):
            self.rst, self.basis = own, SENT
            refused = refuses_handshake(end, peer, own)
            self.came_before = NOT_SEEN if refused else end.fin_frame if closed_before_ack(end) else own.frame
            unacknowledged = max(end.top_ack, *[rst.ack for rst in end.rsts]) <= peer.fin
            if peer.fins and unacknowledged and peer.jump_frame is not peer.fin_frame:
                self.came_upto = peer.fin
        elif came:
            self.came_before, self.came_upto = came.frame, came.seq


def weigh(end: Evidence, peer: Evidence, over: bool) -> tuple[Rst | None, Rst | None]:
    """The RST by which ``end`` closed, and the one of its that ``peer`` believes."""
    own = came = None
    for rst in end.rsts:
        asked = only_asked(peer, rst)
        acknowledged = peer.acknowledged_by(rst.frame)
        if asked:
            fits = answers_syn(end, peer, rst)
        else:
            fits = exact(end, rst, acknowledged) or (over and falls_silent(end, peer, rst, acknowledged))
        if not fits or challenged(peer, rst, acknowledged) or contradicted(end, peer, rst):
            continue
        # A SYN that comes again had not been refused, and what was acknowledged is too old.
        new = not asks_again(peer, end, rst) if asked else peer.top_ack <= rst.seq
        former = rst.frame <= peer.syn_ack_frame and forgot_former(peer, end)
        if came is None and new and not (former or goes_on(peer, rst)):
            came = rst
        if own is None and closes_by(end, peer, rst) and not goes_on(end, rst):
            own = rst
    if own is None and came is not None and goes_on(end, came):
        came = None
    return own, came


@rule("RFC 6298 section 2")
def asks_again(end: Evidence, peer: Evidence, rst: Rst) -> bool:
    """Who sends its SYN again had not had the refusal, unless each was refused: it passes after that by two
    clocks."""
    late = end.last_syn_frame.ts_ns - rst.frame.ts_ns >= RTO_MIN_NS
    refusals = 0 if peer.segments else len(peer.rsts) + peer.rsts_not_kept
    return end.last_syn_frame > max(rst.frame, end.syn_frame) and (late or refusals < end.syns)


def only_asked(end: Evidence, rst: Rst) -> bool:
    """By the time of the RST it had sent a SYN, and nothing else."""
    return end.syns > 0 and not end.syn_acks and not NOT_SEEN < end.first_frame < rst.frame


@rule("3.10.7.3 second check")
def answers_syn(end: Evidence, peer: Evidence, rst: Rst) -> bool:
    """SYN_SENT believes a RST that acknowledges its SYN; without ACK, only one of who has opened itself."""
    if rst.ack != NONE:
        return peer.isn < rst.ack <= peer.nxt
    return bool(end.syn_acks or end.syns) and rst.seq == end.nxt


@rule("3.10.7.4 second check")
def exact(end: Evidence, rst: Rst, acknowledged: int) -> bool:
    """A RST is believed with a number between what its receiver had acknowledged and what has passed without
    a gap, for RCV.NXT lies between those; where nothing was acknowledged, with any but a window ahead."""
    if acknowledged == NONE:
        return end.nxt == NONE or rst.seq <= end.in_order + WINDOW_BYTES
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
    passed = passed_to(rst.in_order, rst.ahead, acknowledged)
    return rst.in_order != NONE and passed < rst.seq and rst.frame < peer.bare_acks.last


@rule("3.10.7.1")
def goes_on(end: Evidence, rst: Rst) -> bool:
    """Who still sends when nothing can be under way any more had not sent, or not believed, that RST."""
    return end.last_frame > rst.frame and end.last_frame.ts_ns - rst.frame.ts_ns >= UNDER_WAY_NS


@rule("3.10.7.1")
def contradicted(end: Evidence, peer: Evidence, rst: Rst) -> bool:
    """Who acknowledges what passed after "its" RST, or brings more than the number of one that has an ACK,
    sent that later, so the RST was somebody else's."""
    if rst.frame < min(end.top_frame, peer.nxt_frame) and end.top_ack >= peer.nxt:
        return True
    return rst.ack != NONE and rst.in_order != NONE and rst.seq < end.nxt and rst.frame < end.nxt_frame


@rule("3.10.7.1")
def closes_by(end: Evidence, peer: Evidence, rst: Rst) -> bool:
    """A RST is of a connection only with a number that its sender has used there; any other answers, from
    CLOSED, what it had not opened yet, or has forgotten."""
    forgot = bool(forgot_former(end, peer))
    if not forgot and rst.seq == end.former_isn + 1:
        return True
    if end.isn != NONE and rst.seq <= end.isn:
        return refuses_in_turn(end, peer, rst)
    return not (forgot and rst.frame < end.syn_ack_frame) and not keeps_nothing(end, peer, rst)


@rule("RFC 4987 section 3.6")
def keeps_nothing(end: Evidence, peer: Evidence, rst: Rst) -> bool:
    """A listener whose SYN+ACK was a cookie answers with RST what overtakes the ACK, and takes that later: it
    sends from the number of the RST on, or acknowledges what passed after it."""
    first = end.rsts[0].frame
    opened = end.syns or end.rsts[0].seq != rst.seq or NOT_SEEN < end.first_frame < first
    if opened or rst.ack != NONE or rst.seq != end.isn + 1:
        return False
    taken = any(first < each < end.top_frame and each.carried_to <= end.top_ack for each in peer.acks.each())
    return (taken or end.nxt > rst.seq) and NOT_SEEN < earliest((peer.acks.first, peer.jump_frame)) < first


@rule("3.10.7.4 second check")
def forgot_former(end: Evidence, peer: Evidence) -> Frame:
    """A listener that answers with another ISN has forgotten the first: a RST had sent it back to LISTEN."""
    between = [rst.frame for rst in peer.rsts if end.former_syn_ack_frame < rst.frame <= end.syn_ack_frame]
    return between[0] if end.former_syn_ack_frame and between else NOT_SEEN


@rule("3.10.7.1")
def refuses_in_turn(end: Evidence, peer: Evidence, rst: Rst) -> bool:
    """Who answers the peer's SYN with a RST of no number of its own has given its own SYN up: CLOSED."""
    return NOT_SEEN < end.syn_frame < peer.syn_frame and rst.ack == peer.syn_end()


@rule("3.5.2, 3.10.5")
def aborts_itself(end: Evidence, peer: Evidence, rst: Rst) -> bool:
    """CLOSED answers with a number that was acknowledged; one that nobody had acknowledged is of an abort."""
    return rst.seq == end.nxt and peer.top_ack < end.nxt


# --- what it shows of its sender, and of who believed it -------------------------------------------------


@rule("3.10.7.4 fifth check")
def refuses_handshake(end: Evidence, peer: Evidence, rst: Rst) -> bool:
    """Who sent nothing but SYN+ACK, and a RST with the number of the ACK, refused what ends the handshake."""
    only_opened = not end.first_frame and peer.segments == 2 + peer.retransmits
    return only_opened and rst.ack == NONE and rst.seq == peer.top_ack


@rule("3.10.7.1")
def closed_before_ack(end: Evidence) -> bool:
    """Later RSTs with numbers before its FIN answer, from CLOSED, what was sent before the ACK of it."""
    return any(rst.ack == NONE and rst.seq <= end.fin for rst in end.rsts[1:])


def sends_reset(history: History, end: Evidence, peer: Evidence, rst: Rst) -> None:
    """It is CLOSED; its RSTs may show what it was before."""
    if acknowledges_syn_ack(end, peer, rst):
        history.take(GETS_SYN_ACK, rst.frame, ACKNOWLEDGED)
    elif goes_ahead(end):
        history.take(GETS_SYN_ACK, rst.frame, ASSUMED)
    if peer.fins and peer.fin < max([each.ack for each in end.rsts]) <= peer.nxt:
        history.gets_fin(rst.frame, ACKNOWLEDGED)
    history.take(SENDS_RST, rst.frame, SENT)
    history.begin(CLOSED, rst.frame, SENT)


@rule("3.5.2, 3.10.7.3 first check")
def acknowledges_syn_ack(end: Evidence, peer: Evidence, rst: Rst) -> bool:
    """SYN_SENT refuses with a RST without ACK; one that acknowledges the SYN+ACK is of who had taken that."""
    return not peer.syns and rst.seq != NONE and peer.isn < rst.ack <= peer.nxt


@rule("RFC 5961 section 3.2")
def goes_ahead(end: Evidence) -> bool:
    """A RST of SYN_SENT up to a window ahead of its SYN shows that more had been sent: ESTABLISHED."""
    return any(0 < each.seq - end.syn_end() <= WINDOW_BYTES for each in end.rsts)


def believes_reset(history: History, end: Evidence, peer: Evidence, rst: Rst) -> None:
    """It is CLOSED, or listens again: it has had all that the peer sent before that RST."""
    if history.state == FIN_WAIT_1 and peer.top_ack > end.fin and rst.seq >= peer.with_data_to:
        history.take(GETS_ACK_OF_FIN, rst.frame, PRESUMED)
    if peer.fins and rst.seq == peer.fin + 1:
        history.gets_fin(rst.frame, PRESUMED)
    elif NONE < end.top_ack < rst.seq:
        history.take(GETS_ACK_OF_SYN, rst.frame, PRESUMED)
    if history.passive:
        history.take(GETS_RST_AS_LISTENER, rst.frame, PRESUMED)
    history.take(GETS_RST, rst.frame, PRESUMED)
