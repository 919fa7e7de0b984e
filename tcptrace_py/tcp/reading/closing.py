# cython: annotation_typing=True, wraparound=True
"""How an end closed: whose FIN came first, and had the ACK of it come? (RFC 9293 sections 3.6,
3.10.4, 3.10.7.4)
"""

from __future__ import annotations

from collections.abc import Iterator

from tcptrace_py.tcp.bounds import BEYOND, NONE
from tcptrace_py.tcp.clocks import RTO_MIN_NS
from tcptrace_py.tcp.evidence import Evidence, Passes, passed_to
from tcptrace_py.tcp.reading.opening import fast_open, known
from tcptrace_py.tcp.reading.rules import History, Opened, Reach, rule
from tcptrace_py.tcp.state import (
    ASSUMED,
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    PRESUMED,
    SENT,
    SYN_RCVD,
    TIME_WAIT,
)


def closes(history: History, end: Evidence, peer: Evidence, ways: list[Opened], reach: Reach) -> None:
    first = closed_first(end, peer)
    got_fin = ((first and answered_early(end, peer)) or end.top_frame) if got_peers_fin(end, peer) else 0
    if history.state == SYN_RCVD and hidden_fin(end, peer):
        for way in ways[:1]:
            if way.basis == PRESUMED and way.frame < end.gap_frame:
                if way.carried_to <= end.nxt_least_ack:
                    history.put(ESTABLISHED, way.frame, PRESUMED)
        history.put(FIN_WAIT_1, end.gap_frame, ASSUMED)
        return
    fin_frame = fin_shown(end) if first else end.fin_frame
    fills = sent_before_got(end, got_fin)
    lost = end.fins > 0 and not first and fills and lost_at_first(end, peer, got_fin)
    if history.state == SYN_RCVD:
        if end.fins and first:
            ways = [each for each in ways if not closed_unopened(end, peer, each, fin_frame)]
        elif lost:
            ways = [each for each in ways if each.carried_to <= peer.fin and each.frame < got_fin]
    opened = ways[0] if ways else None
    if opened:
        history.put(ESTABLISHED, opened.frame, opened.basis)
    elif got_fin and history.state == SYN_RCVD and not (first or lost):
        # CLOSE_WAIT is reached through ESTABLISHED: the ACK is checked fifth, the FIN eighth.
        history.put(ESTABLISHED, got_fin, known(end, got_fin))
    if not end.fins:
        history.put_if(got_fin, CLOSE_WAIT, known(end, got_fin))
        return
    acks = _AcksOfFin(end, peer, got_fin, reach)
    if lost:
        history.put(FIN_WAIT_1, got_fin, ASSUMED)
        history.put(CLOSING, got_fin, ASSUMED)
        history.put_if(acks.any_came(proven=False), TIME_WAIT, PRESUMED)
    elif not first:
        history.put(CLOSE_WAIT, got_fin, ASSUMED if fills else known(end, got_fin))
        history.put(LAST_ACK, fin_frame, ASSUMED if fills and peer.fin_fills_gap else SENT)
        history.put_if(acks.any_came(proven=False), CLOSED, PRESUMED)
    else:
        history.put(FIN_WAIT_1, fin_frame, SENT)
        _closes_actively(history, end, peer, acks, got_fin, opened)


@rule("3.10.7.4 eighth check")
def got_peers_fin(end: Evidence, peer: Evidence) -> bool:
    """Who acknowledges the peer's FIN has had it."""
    return peer.fins > 0 and end.top_ack > peer.fin


@rule("3.10.7.4 eighth check")
def answered_early(end: Evidence, peer: Evidence) -> int:
    """A FIN whose ACK passes just before it came no later than it passes: the two directions have two
    clocks."""
    return peer.fin_frame if 0 < peer.fin_ns - end.top_ns < RTO_MIN_NS else 0


def _fin_ack(end: Evidence) -> int:
    """The least that it acknowledged with its FIN sent: with any copy, or anything of the same number."""
    return min(end.fin_least_ack, end.nxt_least_ack if end.nxt == end.fin + 1 else BEYOND)


@rule("3.10.4")
def closed_first(end: Evidence, peer: Evidence) -> bool:
    """Whose FIN, or what has its number, once did not acknowledge the peer's FIN had sent it before
    that came."""
    return end.fins > 0 and (not got_peers_fin(end, peer) or _fin_ack(end) <= peer.fin)


@rule("3.10.4")
def fin_shown(end: Evidence) -> int:
    """A number beyond its FIN shows that an end had sent that, also where the FIN passes later."""
    return end.nxt_frame if end.nxt == end.fin + 1 and 0 < end.nxt_frame < end.fin_frame else end.fin_frame


@rule("3.10.2, 3.10.4")
def hidden_fin(end: Evidence, peer: Evidence) -> bool:
    """SYN_RCVD that has had no more than a SYN sends no data: the one number that never passed was
    its FIN."""
    return bool(
        not end.fins
        and end.gap_frame
        and end.nxt == end.isn + 2
        and end.nxt_least_ack <= peer.syn_end()
        and not peer.syn_bytes
    )


@rule("3.10.4")
def closed_unopened(end: Evidence, peer: Evidence, opened: Opened, fin_frame: int) -> bool:
    """An end whose FIN follows its SYN, and acknowledges a SYN only, closed in SYN_RCVD, unless what ends a
    handshake passed before and carried no more than it had had."""
    acknowledged = _fin_ack(end)
    data_bytes = end.fin - end.isn - 1 if end.isn != NONE else 0
    if acknowledged > peer.syn_end() or (data_bytes > 0 and not fast_open(end, peer)):
        return False
    if opened.basis != PRESUMED or opened.frame > fin_frame:
        return True
    return opened.carried_to > peer.syn_end() and acknowledged < opened.carried_to


def sent_before_got(end: Evidence, got_fin: int) -> bool:
    """Its FIN passed late, in a gap that it had left by when it acknowledged the peer's FIN."""
    return bool(end.fin_fills_gap and end.jump_frame and 0 < end.jump_frame <= got_fin < end.fin_frame)


@rule("RFC 6298 section 2.4 and Linux")
def lost_at_first(end: Evidence, peer: Evidence, got_fin: int) -> bool:
    """A FIN in a gap was first sent before the peer's FIN came if the gap is older than the ACK of that, or
    if it comes as late as a retransmission and the peer had sent nothing again."""
    if end.jump_frame < got_fin:
        return True
    return end.fin_ns - end.top_ns >= RTO_MIN_NS and not 0 < peer.again_after_fin_frame < end.top_frame


class _AcksOfFin:
    """What passed that acknowledges an end's FIN, and which of it may have come."""

    def __init__(self, end: Evidence, peer: Evidence, got_fin: int, reach: Reach) -> None:
        self.again = fin_again(end, peer, got_fin)
        self._proven = self._bare_proven = False
        self.bare: list[int] = []
        self.all: list[int] = []
        if peer.top_ack > end.fin:
            self._proven = took_what_came_with_it(end, peer)
            # A FIN that brings the ACK proves no bare one.
            self._bare_proven = self._proven and not (peer.fins and peer.with_data_to == peer.fin + 1)
            self.bare = list(_may_come(end, peer.bare, reach))
            self.all = self.bare + list(_may_come(end, peer.on_fin, reach))

    def bare_came(self) -> int:
        return min((frame for frame in self.bare if frame > self.again or self._bare_proven), default=0)

    def any_came(self, proven: bool = True, before: int = BEYOND) -> int:
        came = (frame for frame in self.all if frame > self.again or (proven and self._proven))
        return min((frame for frame in came if frame < before), default=0)


@rule("3.8.1")
def fin_again(end: Evidence, peer: Evidence, got_fin: int) -> int:
    """Who sends its FIN again, or anything before it, had not had the ACK of it, whatever had passed; nor had
    who sends its SYN+ACK again, having had nothing."""
    unopened = not got_fin and end.top_ack <= peer.syn_end() and not end.data_frame
    return max(end.again_frame, end.syn_ack_again_frame if unopened else 0)


@rule("3.10.7.4 fifth check")
def took_what_came_with_it(end: Evidence, peer: Evidence) -> bool:
    """Who acknowledges new data that came with an ACK has had that ACK, whatever it sends again."""
    return end.top_ack >= peer.with_data_to


def _may_come(end: Evidence, passes: Passes, reach: Reach) -> Iterator[int]:
    for frame, carried_to in passes.each():
        if 0 < frame < reach.frame and not dropped_as_old(end, frame, carried_to):
            yield frame


@rule("3.10.7.4 first check")
def dropped_as_old(end: Evidence, frame: int, carried_to: int) -> bool:
    """What carries only what its receiver had had is dropped, its ACK unread."""
    if end.top_ack == NONE:
        return False
    return (carried_to <= end.top_ack and frame > end.top_frame) or (
        carried_to <= end.lower_ack and frame > end.lower_frame
    )


def _closes_actively(
    history: History, end: Evidence, peer: Evidence, acks: _AcksOfFin, got_fin: int, opened: Opened | None
) -> None:
    """From FIN_WAIT_1 on: which came first, the ACK of its FIN or the peer's FIN?"""
    bare = acks.bare_came()
    passed = min(acks.bare, default=0) if acks.again < got_fin else bare
    duplicate = fin_out_of_order(end, peer)
    if not got_fin:
        if bare and not fin_passed_before(end, peer, bare):
            history.put(FIN_WAIT_2, bare, PRESUMED)
        elif duplicate and peer.fin_least_ack > end.fin and not _had_all_but_fin(end, peer) > peer.fin_frame:
            history.put(FIN_WAIT_2, duplicate, PRESUMED)
    elif fin_brings_ack(end, peer):
        if bare and bare < got_fin and bare < peer.fin_frame:
            history.put(FIN_WAIT_2, bare, PRESUMED)
        elif duplicate and not (
            _had_all_but_fin(end, peer) > peer.fin_frame and end.lower_ack < peer.with_data_to
        ):
            history.put(FIN_WAIT_2, duplicate, PRESUMED)
        history.put(TIME_WAIT, got_fin, known(end, got_fin))
    elif 0 < passed < min(got_fin, _last_fin_that_came(end, peer, got_fin, opened)):
        history.put(FIN_WAIT_2, bare if bare == passed else got_fin, PRESUMED)
        history.put(TIME_WAIT, got_fin, PRESUMED)
    elif not bare and acks.any_came(before=got_fin):
        history.put(TIME_WAIT, got_fin, PRESUMED)
    else:
        passed = any(frame < got_fin for frame in acks.all)
        history.put(CLOSING, got_fin, PRESUMED if passed else known(end, got_fin))
        history.put_if(acks.any_came(), TIME_WAIT, PRESUMED)


@rule("3.10.7.4 fifth and eighth check")
def fin_brings_ack(end: Evidence, peer: Evidence) -> bool:
    """Where every copy of the peer's FIN acknowledges the end's, whichever came brought that ACK:
    TIME_WAIT."""
    return peer.fin_least_ack > end.fin


@rule("3.10.7.4 eighth check")
def fin_passed_before(end: Evidence, peer: Evidence, bare: int) -> bool:
    """A FIN that passed before the bare ACK, with all that goes before it, may have come first; not so the
    only one, if it was dropped for an ACK of what was never sent."""
    dropped = peer.fins == 1 and peer.fin_least_ack == NONE
    passed = passed_to(peer.in_order, peer.ahead, end.top_ack)
    return peer.fins > 0 and passed > peer.fin and peer.fin_frame < bare and not dropped


@rule("RFC 5681 section 4.2")
def fin_out_of_order(end: Evidence, peer: Evidence) -> int:
    """A duplicate ACK of what goes before the peer's FIN answers that FIN: it has come, out of order."""
    if peer.fins and NONE < end.duplicate_ack < peer.fin_seq:
        return end.duplicate_acks.after(peer.fin_frame)
    if peer.fins and NONE < end.lower_duplicate < peer.fin_seq:
        return end.lower_duplicates.after(peer.fin_frame)
    return 0


def _had_all_but_fin(end: Evidence, peer: Evidence) -> int:
    """When it had had all that goes before the peer's FIN, and not that."""
    return end.top_frame if end.top_ack == peer.fin else end.lower_frame if end.lower_ack == peer.fin else 0


def _last_fin_that_came(end: Evidence, peer: Evidence, got_fin: int, opened: Opened | None) -> int:
    """The last FIN that may have come before the end acknowledged it; ``BEYOND`` where none can be told."""
    passive = end.syn_acks and not end.syns
    came = [
        frame
        for frame in (peer.fin_frame, peer.fin_again_frame, peer.last_fin_again_frame)
        if 0 < frame < got_fin and not (passive and opened and frame < opened.frame)
    ]
    return max(came, default=BEYOND)
