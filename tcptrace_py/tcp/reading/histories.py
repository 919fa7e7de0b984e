# cython: annotation_typing=True, wraparound=True
"""Both ends' histories: how they opened, and how they closed (RSTs: ``resets.py``)."""

from __future__ import annotations

from typing import NamedTuple

from tcptrace_py.tcp.bounds import NONE, WINDOW_BYTES
from tcptrace_py.tcp.clocks import RTO_MIN_NS, UNDER_WAY_NS
from tcptrace_py.tcp.evidence import NEVER, NOT_SEEN, Evidence, Frame, passed_to
from tcptrace_py.tcp.history import Entries
from tcptrace_py.tcp.reading.resets import Closing, believes_reset, closings, forgot_former, sends_reset
from tcptrace_py.tcp.reading.rules import History, earliest, rule
from tcptrace_py.tcp.state import (
    ACKNOWLEDGED,
    ASSUMED,
    CLOSED,
    ESTABLISHED,
    GETS_ACK_OF_FIN,
    GETS_ACK_OF_SYN,
    GETS_FIN,
    GETS_FIN_WITH_ACK_OF_FIN,
    GETS_RST_AS_LISTENER,
    GETS_SYN_ACK,
    LAST_ACK,
    LISTENS,
    PRESUMED,
    SENDS_FIN,
    SENDS_SYN,
    SENDS_SYN_ACK,
    SENT,
    SYN_RCVD,
    SYN_SENT,
)

#: What may have brought an end to ESTABLISHED: its frame, and the basis.
Way = tuple[Frame, int]


class Reading(NamedTuple):
    """Of both ends; their histories are without what clocks do."""

    histories: tuple[Entries, Entries]
    closings: tuple[Closing, Closing]


def read(a: Evidence, b: Evidence, over: bool = False) -> Reading:
    """``over``: nothing will pass any more."""
    of_a, of_b = closings(a, b, over)
    return Reading((_read(a, b, of_a), _read(b, a, of_b)), (of_a, of_b))


def _read(end: Evidence, peer: Evidence, closing: Closing) -> Entries:
    history = History()
    opens(history, end, peer)
    if history:
        closes(history, end, peer, closing)
    if closing.rst:
        (sends_reset if closing.basis == SENT else believes_reset)(history, end, peer, closing.rst)
    return history.entries()


# --- how it opened: CLOSED to ESTABLISHED (3.5, 3.10.7.1 to 3.10.7.4) -------------------------------------


def opens(history: History, end: Evidence, peer: Evidence) -> None:
    answered = end.syn_ack_frame if end.syn_acks else NOT_SEEN
    first_answer = peer.former_syn_ack_frame or peer.syn_ack_frame
    in_syn_rcvd = overtaken(answered, end.first_frame)
    if asked_first(end, peer):
        asked = overtaken(end.syn_frame or peer.syn_ack_frame, answered)
        shown = SENT if asked == end.syn_frame else ACKNOWLEDGED if end.syns else ASSUMED
        history.begin(CLOSED, refused_first(end, peer, asked), SENT)
        history.take(SENDS_SYN, asked, shown)
        history.take(SENDS_SYN_ACK, in_syn_rcvd, SENT if in_syn_rcvd == answered else ACKNOWLEDGED)
    elif answered or answered_unseen(end, peer):
        frame = in_syn_rcvd or end.first_frame or peer.first_frame
        if end.former_syn_ack_frame:
            history.take(LISTENS, end.former_syn_ack_frame, ACKNOWLEDGED)
            history.take(SENDS_SYN_ACK, end.former_syn_ack_frame, SENT)
            history.take(GETS_RST_AS_LISTENER, forgot_former(end, peer), PRESUMED)
        else:
            history.begin(CLOSED, refused_first(end, peer, in_syn_rcvd), SENT)
            history.take(LISTENS, frame, ACKNOWLEDGED if frame == answered else ASSUMED)
        history.take(SENDS_SYN_ACK, frame, SENT if frame == answered else ASSUMED)
    elif peer.syn_acks and not refused_first(end, peer, first_answer):
        history.take(SENDS_SYN, first_answer, ASSUMED)
    elif not peer.syns:
        history.begin(ESTABLISHED, picked_up(end, peer), ASSUMED)


@rule("figure 7")
def asked_first(end: Evidence, peer: Evidence) -> bool:
    """Who sent a SYN opened actively, and so did whose SYN+ACK is answered by one: only a SYN is."""
    return end.syns > 0 or (end.syn_acks > 0 and peer.syn_acks > 0 and end.isn < peer.first_ack)


@rule("3.4")
def overtaken(frame: Frame, later: Frame) -> Frame:
    """What an end sends later, and what passes first, shows that it had sent the other before."""
    return later if NOT_SEEN < later < frame else frame


@rule("3.10.7.1")
def refused_first(end: Evidence, peer: Evidence, opened: Frame) -> Frame:
    """An end whose RST, of no number of this connection's, passed before it opened had none yet: CLOSED."""
    if not end.rsts or 0 < end.rsts[0].seq - end.isn <= WINDOW_BYTES:
        return NOT_SEEN
    rst = end.rsts[0]
    answers = rst.ack == NONE or peer.isn < rst.ack <= peer.nxt
    return rst.frame if rst.frame < opened and answers else NOT_SEEN


@rule("3.10.7.2, 3.10.7.3")
def answered_unseen(end: Evidence, peer: Evidence) -> bool:
    """Who acknowledges a SYN, or of whom nothing passes while its peer goes on, had answered that SYN:
    SYN_RCVD, out of LISTEN."""
    if not peer.syns or end.first_frame:
        return peer.syns > 0 and peer.isn < end.top_ack and end.first_ack <= peer.nxt
    refused = end.rsts and end.rsts[0].frame < peer.first_frame
    return not (refused or peer.syn_acks) and bool(peer.first_frame)


@rule("3.5.1")
def picked_up(end: Evidence, peer: Evidence) -> Frame:
    """An end of which no SYN passed, on either side, was ESTABLISHED before the capture began."""
    return earliest((end.first_frame, peer.first_frame))


def established(history: History, end: Evidence, peer: Evidence, closing: Closing) -> list[Way]:
    """How it may have come to ESTABLISHED, the first way first; SYN_RCVD goes before where both opened and
    its SYN+ACK never passed."""
    if history.state == SYN_SENT:
        frame = end.first_frame
        if not frame:
            return []
        if not had_only_syn(end, peer):
            return [(frame, known(end, frame))]
        history.take(SENDS_SYN_ACK, frame, ASSUMED)
    if history.state != SYN_RCVD:
        return []
    passed = [*peer.acks.each(), *peer.bare_acks.each()]
    passed += [both_opened(end, peer, each) for each in (peer.syn_ack_frame, peer.last_syn_ack_frame)]
    proof = shows_open(end, peer)
    again = answered_again(end, proof)
    came = _may_come(end, peer, end.isn, passed, closing)
    ways = [(frame, PRESUMED) for frame in came if again < frame < (proof or NEVER)]
    shown = ASSUMED if may_be_fast_open(end, peer, proof) else known(end, proof)
    return [*ways, (proof, shown)] if proof else ways


def _may_come(
    end: Evidence, peer: Evidence, number: int, passed: list[Frame], closing: Closing
) -> list[Frame]:
    """What may have come of that which acknowledges this number, the SYN's or the FIN's, the first first."""
    if peer.top_ack <= number:
        return []
    before, upto = closing.came_before, closing.came_upto
    came = [frame for frame in passed if NOT_SEEN < frame < before and frame.carried_to <= upto]
    return sorted([frame for frame in came if not dropped_as_old(end, frame)])


@rule("3.10.7.4 first check")
def dropped_as_old(end: Evidence, frame: Frame) -> bool:
    """What carries only what its receiver had had is dropped, its ACK unread."""
    return NONE < frame.carried_to <= end.acknowledged_by(frame)


@rule("figure 7")
def had_only_syn(end: Evidence, peer: Evidence) -> bool:
    """SYN_SENT that goes on having had a bare SYN opened at once with its peer, and answered that unseen."""
    answered = NOT_SEEN < peer.syn_ack_frame < end.first_frame
    return bool(peer.syns) and not answered and end.first_ack <= peer.syn_end()


@rule("3.10.4")
def known(end: Evidence, frame: Frame) -> int:
    """What an end shows is a fact, unless something of its own never passed: that could have been its FIN."""
    unseen = NOT_SEEN < end.gap_frame <= frame or (end.isn == NONE and may_have_closed(end, end.nxt))
    return ASSUMED if unseen else ACKNOWLEDGED


@rule("3.10.4")
def may_have_closed(end: Evidence, upto: int) -> bool:
    """Where the last number before ``upto`` never passed, and nothing beyond, that may have been its FIN."""
    if end.in_order > upto or any(after > upto or begin < upto == after for begin, after in end.ahead):
        return False
    return end.in_order < upto or not (end.isn != NONE or end.data_frame or end.fins)


@rule("3.10.7.4 fifth check")
def shows_open(end: Evidence, peer: Evidence) -> Frame:
    """Who acknowledges more than a SYN has had its ACK, and so has who sends data: ESTABLISHED."""
    return earliest((end.more_frame, NOT_SEEN if fast_open(end, peer) else end.data_frame))


@rule("RFC 7413 section 4.1")
def fast_open(end: Evidence, peer: Evidence) -> bool:
    """Who has taken in the data on a SYN may send data in SYN_RCVD."""
    return peer.syn_bytes > 0 and end.top_ack > peer.isn + 1


@rule("RFC 7413 section 4.1")
def may_be_fast_open(end: Evidence, peer: Evidence, proof: Frame) -> bool:
    """Where the SYN never passed, it may have brought data: what its receiver sends next is no proof."""
    return proof == end.data_frame and not (peer.syns or peer.syn_acks)


@rule("3.8.1")
def answered_again(end: Evidence, proof: Frame) -> Frame:
    """Who sends its SYN+ACK again, or another, had not had the ACK of it, but for earlier proof."""
    again = (end.syn_acks > 1 or end.former_isn != NONE) and not NOT_SEEN < proof < end.last_syn_ack_frame
    return end.last_syn_ack_frame if again else NOT_SEEN


@rule("figure 7")
def both_opened(end: Evidence, peer: Evidence, syn_ack_frame: Frame) -> Frame:
    """Where both have answered, a SYN+ACK ends the handshake, unless its receiver answers again after it."""
    last = end.last_syn_ack_frame
    if not peer.syn_acks or last.ts_ns - peer.last_syn_ack_frame.ts_ns > UNDER_WAY_NS:
        return NOT_SEEN
    return NOT_SEEN if end.syn_acks > 1 and syn_ack_frame < last else syn_ack_frame


# --- how it closed (3.6, 3.10.4, 3.10.7.4) ------------------------------------------------------------------


def closes(history: History, end: Evidence, peer: Evidence, closing: Closing) -> None:
    ways = established(history, end, peer, closing)
    in_syn_rcvd = history.state == SYN_RCVD
    opened = bool(ways) or history.state == ESTABLISHED
    never_passed = opened and not end.fins and fin_never_passed(end, peer)
    answers_unseen = opened and closed_first(end, peer) and fin_never_passed(peer, end)
    first = not answers_unseen and closed_first(end, peer)
    got_fin = NOT_SEEN
    if answers_unseen or got_peers_fin(end, peer):
        got_fin = (first and answered_early(end, peer)) or end.top_frame
    # Its FIN passed late, in a gap that it had left by when it acknowledged the peer's FIN.
    late = NOT_SEEN < end.jump_frame <= got_fin < end.fin_frame and end.nxt_frame < end.fin_frame
    guessed = never_passed or answers_unseen or (late and not first)
    shown = ASSUMED if guessed else known(end, got_fin)
    # If it closed before the peer's FIN came: when, and what it had acknowledged by then.
    closed, basis, had = NOT_SEEN, SENT, NONE
    if in_syn_rcvd and hidden_fin(end, peer):
        closed, basis, had = end.gap_frame, ASSUMED, end.nxt_least_ack
    elif first:
        closed, had = end.fin_frame, _fin_ack(end)
        if may_have_closed(peer, had):
            basis = ASSUMED
        if end.nxt == end.fin + 1:
            closed = overtaken(closed, end.nxt_frame)
    elif never_passed:
        closed, basis = peer.top_frame, ASSUMED
    elif late and not answers_unseen and lost_at_first(end):
        closed, basis, had = got_fin, ASSUMED, peer.fin
    if closed and in_syn_rcvd and closed_unopened(end, peer, had):
        # What went ahead of a gap, and was answered with an ACK of no more, had come.
        ahead = peer.jump_frame if peer.jump_frame < end.first_frame < closed else NOT_SEEN
        ways = [
            (frame, shown_by)
            for frame, shown_by in ways
            if frame < closed and (shown_by != PRESUMED or frame.carried_to <= had or frame is ahead)
        ]
    if ways:
        history.take(GETS_SYN_ACK, *ways[0])
        history.take(GETS_ACK_OF_SYN, *ways[0])
    if not closed:
        history.gets_fin(got_fin, shown)
        if end.fins:
            # In a gap it may have been sent first before the peer's FIN came.
            history.take(SENDS_FIN, end.fin_frame, ASSUMED if answers_unseen or late else SENT)
    history.take(SENDS_FIN, closed, basis)
    if end.fins or never_passed:
        _gets_ack_of_fin(history, end, peer, got_fin, shown, closing)


@rule("3.10.4")
def fin_never_passed(end: Evidence, peer: Evidence) -> bool:
    """Where all has passed but the last number that the peer's FIN acknowledges, and nothing follows it, that
    was a FIN."""
    one = peer.fins > 0 and end.in_order + 1 == _fin_ack(peer) == peer.top_ack
    return one and (end.isn != NONE or bool(end.data_frame)) and may_have_closed(end, peer.top_ack)


@rule("3.10.7.4 eighth check")
def got_peers_fin(end: Evidence, peer: Evidence) -> bool:
    """Who acknowledges the peer's FIN has had it."""
    return peer.fins > 0 and end.top_ack > peer.fin


@rule("3.10.7.4 eighth check")
def answered_early(end: Evidence, peer: Evidence) -> Frame:
    """A FIN whose ACK passes just before it came no later than it passes: there are two clocks."""
    early_ns = peer.fin_frame.ts_ns - end.top_frame.ts_ns
    return peer.fin_frame if 0 < early_ns < RTO_MIN_NS else NOT_SEEN


def _fin_ack(end: Evidence) -> int:
    """The least that it acknowledged with its FIN sent."""
    return end.nxt_least_ack if end.nxt == end.fin + 1 else end.fin_least_ack


@rule("3.10.4")
def closed_first(end: Evidence, peer: Evidence) -> bool:
    """Whose FIN, or what has its number, once did not acknowledge the peer's FIN closed before that came."""
    return end.fins > 0 and (not got_peers_fin(end, peer) or _fin_ack(end) <= peer.fin)


@rule("3.10.2, 3.10.4")
def hidden_fin(end: Evidence, peer: Evidence) -> bool:
    """SYN_RCVD that has had but a SYN sends no data: the one number that never passed was its FIN."""
    unseen = end.gap_frame and end.nxt == end.isn + 2
    return bool(unseen) and end.nxt_least_ack <= peer.syn_end() and not peer.syn_bytes


@rule("3.10.4")
def closed_unopened(end: Evidence, peer: Evidence, had: int) -> bool:
    """An end whose FIN follows its SYN, and acknowledges a SYN only, closed in SYN_RCVD, unless what ends a
    handshake passed before and carried no more than it had had, or went ahead of a gap and had an ACK."""
    sent_data = end.isn != NONE and end.fin > end.isn + 1 and not fast_open(end, peer)
    return had <= peer.syn_end() and not sent_data


@rule("RFC 6298 section 2.4 and Linux")
def lost_at_first(end: Evidence) -> bool:
    """A FIN that fills a gap as late as a retransmission was first sent before the peer's FIN came."""
    return end.fin_frame.ts_ns - end.top_frame.ts_ns >= RTO_MIN_NS


@rule("3.8.1")
def fin_again(end: Evidence, peer: Evidence) -> Frame:
    """Who sends its FIN again, or anything before it, had not had the ACK of it, whatever had passed; nor had
    who sends its SYN+ACK again, having had nothing."""
    unopened = end.top_ack <= peer.syn_end()
    return max(end.again_frame, end.syn_ack_again_frame if unopened else NOT_SEEN)


@rule("3.10.7.4 fifth check")
def took_what_came_with_it(end: Evidence, peer: Evidence) -> bool:
    """Who acknowledges new data that came with an ACK has had that ACK, whatever it sends again."""
    return end.top_ack >= peer.with_data_to


def _gets_ack_of_fin(
    history: History, end: Evidence, peer: Evidence, got_fin: Frame, shown: int, closing: Closing
) -> None:
    """From LAST_ACK or FIN_WAIT_1 on: which came first, the ACK of its FIN or the peer's FIN?"""
    bare = _may_come(end, peer, end.fin, peer.bare.each(), closing)
    acks = bare + _may_come(end, peer, end.fin, peer.on_fin.each(), closing)
    again = fin_again(end, peer)
    proven = took_what_came_with_it(end, peer)
    came = earliest(acks, NOT_SEEN if proven else again)
    if history.state == LAST_ACK:
        history.take(GETS_ACK_OF_FIN, came, PRESUMED)
        return
    # A FIN that brings the ACK proves no bare one.
    bare_came = earliest(bare, NOT_SEEN if proven and peer.with_data_to != peer.fin + 1 else again)
    brings = fin_brings_ack(end, peer)
    in_fin_wait_2 = NOT_SEEN
    if got_fin and not brings:
        # A copy of the peer's FIN that passed later than the bare ACK may be the one that came, but none that
        # passed before a listener was open; an ACK from before its own FIN came again may have come later.
        opened = history[-2][1] if history.passive else NOT_SEEN
        fins = (peer.fin_frame, peer.fin_again_frame)
        last_fin = max([frame for frame in fins if frame and opened <= frame < got_fin], default=got_fin)
        if NOT_SEEN < bare_came < last_fin:
            in_fin_wait_2 = bare_came
        elif again < got_fin and any(frame < last_fin for frame in bare):
            in_fin_wait_2 = got_fin
    elif bare_came and not fin_passed_before(end, peer, bare_came):
        in_fin_wait_2 = bare_came
    elif brings:
        in_fin_wait_2 = fin_out_of_order(end, peer)
    history.take(GETS_ACK_OF_FIN, in_fin_wait_2, PRESUMED)
    if got_fin:
        presumed = not brings and (in_fin_wait_2 or any(frame < got_fin for frame in acks))
        basis = PRESUMED if presumed else shown
        if brings or (not bare_came and NOT_SEEN < came < got_fin):
            history.take(GETS_FIN_WITH_ACK_OF_FIN, got_fin, basis)
        history.take(GETS_FIN, got_fin, basis)
        history.take(GETS_ACK_OF_FIN, came, PRESUMED)


@rule("3.10.7.4 fifth and eighth check")
def fin_brings_ack(end: Evidence, peer: Evidence) -> bool:
    """Where every copy of the peer's FIN acknowledges the end's, the one that came did: TIME_WAIT."""
    return peer.fin_least_ack > end.fin


@rule("3.10.7.4 eighth check")
def fin_passed_before(end: Evidence, peer: Evidence, bare: Frame) -> bool:
    """A FIN that passed before the bare ACK, with all that goes before it, may have come first; not so the
    only one, if it was dropped for an ACK of what was never sent, nor one before which something was never
    acknowledged, and sent again after that ACK."""
    passed = passed_to(peer.in_order, peer.ahead, end.top_ack)
    lacked = end.top_ack < peer.fin_seq and bare < peer.again_frame
    in_order = passed > peer.fin and peer.fin_least_ack != NONE and not lacked
    return in_order and NOT_SEEN < peer.fin_frame < bare


@rule("RFC 5681 section 4.2")
def fin_out_of_order(end: Evidence, peer: Evidence) -> Frame:
    """A duplicate ACK of what goes before the peer's FIN answers that FIN, come out of order, unless all that
    goes before it was acknowledged later, and it was not."""
    if end.top_ack == peer.fin and end.top_frame > peer.fin_frame:
        return NOT_SEEN
    if end.lower_ack == peer.fin and end.lower_frame > peer.fin_frame:
        return NOT_SEEN
    for duplicates in (end.duplicates, end.lower_duplicates):
        if NONE < duplicates.ack < peer.fin_seq:
            return earliest(duplicates.each(), peer.fin_frame)
    return NOT_SEEN
