# cython: annotation_typing=True, wraparound=True
"""How an end opened: CLOSED to ESTABLISHED (RFC 9293 sections 3.5 and 3.10.7.1 to 3.10.7.4)."""

from __future__ import annotations

from tcptrace_py.tcp.bounds import NONE, WINDOW_BYTES
from tcptrace_py.tcp.clocks import UNDER_WAY_NS
from tcptrace_py.tcp.evidence import Evidence
from tcptrace_py.tcp.reading.rules import History, Opened, Reach, rule
from tcptrace_py.tcp.state import (
    ACKNOWLEDGED,
    ASSUMED,
    CLOSED,
    ESTABLISHED,
    LISTEN,
    PRESUMED,
    SENT,
    SYN_RCVD,
    SYN_SENT,
)


def opens(history: History, end: Evidence, peer: Evidence) -> None:
    if end.syns:
        history.put_if(refused_before_opening(end, peer), CLOSED, SENT)
        overtaken = syn_overtaken(end)
        history.put(SYN_SENT, overtaken or end.syn_frame, ACKNOWLEDGED if overtaken else SENT)
        if syn_ack_overtaken(end):
            history.put(SYN_RCVD, end.first_frame, ACKNOWLEDGED)
        else:
            history.put_if(end.syn_ack_frame if end.syn_acks else 0, SYN_RCVD, SENT)
    elif end.syn_acks:
        history.put_if(refused_before_listening(end, peer), CLOSED, SENT)
        _listens(history, end, peer)
    elif answered_unseen(end, peer) or never_seen(end, peer):
        frame = end.first_frame or peer.first_frame
        history.put(LISTEN, frame, ASSUMED)
        history.put(SYN_RCVD, frame, ASSUMED)
    elif end.isn == NONE and peer.syn_acks and not 0 < _first_refusal(end, peer) < peer.first_syn_ack_frame:
        history.put(SYN_SENT, peer.first_syn_ack_frame, ASSUMED)
    elif not peer.syns:
        history.put_if(picked_up(end, peer), ESTABLISHED, ASSUMED)


def _first_refusal(end: Evidence, peer: Evidence) -> int:
    """Its first RST, if that has no number of this connection's and acknowledges nothing but the SYN."""
    if not end.rsts or 0 < end.rsts[0].seq - end.isn <= WINDOW_BYTES:
        return 0
    ack = end.rsts[0].ack
    return end.rsts[0].frame if ack == NONE or peer.isn < ack <= peer.nxt else 0


@rule("3.10.7.1")
def refused_before_opening(end: Evidence, peer: Evidence) -> int:
    """An end whose RST passed before its first SYN had no connection yet: CLOSED."""
    frame = _first_refusal(end, peer)
    return frame if frame < end.syn_frame else 0


@rule("3.10.7.1")
def refused_before_listening(end: Evidence, peer: Evidence) -> int:
    """An end whose RST passed before its only answer, which was its first segment, refused a SYN: CLOSED."""
    if end.former_syn_ack_frame or 0 < end.first_frame < end.syn_ack_frame:
        return 0
    frame = _first_refusal(end, peer)
    return frame if frame < end.syn_ack_frame else 0


@rule("3.10.1")
def syn_overtaken(end: Evidence) -> int:
    """An end whose SYN+ACK passed before its SYN had sent that SYN before: it was in SYN_SENT by then."""
    return end.syn_ack_frame if 0 < end.syn_ack_frame < end.syn_frame else 0


@rule("figure 7")
def syn_ack_overtaken(end: Evidence) -> bool:
    """An end that has opened itself, and whose SYN+ACK passes after what it sent later, was in SYN_RCVD
    before that."""
    return 0 < end.first_frame < end.syn_ack_frame and end.syn_acks > 0


def _listens(history: History, end: Evidence, peer: Evidence) -> None:
    if end.former_syn_ack_frame:
        history.put(LISTEN, end.former_syn_ack_frame, ACKNOWLEDGED)
        history.put(SYN_RCVD, end.former_syn_ack_frame, SENT)
        history.put_if(forgot_former(end, peer), LISTEN, PRESUMED)
    elif end.first_frame and end.first_frame < end.syn_ack_frame:
        history.put(LISTEN, end.first_frame, ASSUMED)
        history.put(SYN_RCVD, end.first_frame, ASSUMED)
    else:
        history.put(LISTEN, end.syn_ack_frame, ACKNOWLEDGED)
    if history.state != SYN_RCVD:
        history.put(SYN_RCVD, end.syn_ack_frame, SENT)


@rule("3.10.7.4 second check")
def forgot_former(end: Evidence, peer: Evidence) -> int:
    """A listener that answers with another ISN has forgotten its first answer: a RST had sent it back
    to LISTEN."""
    for rst in peer.rsts:
        if 0 < end.former_syn_ack_frame < rst.frame < end.syn_ack_frame:
            return rst.frame
    return 0


@rule("3.10.7.2")
def answered_unseen(end: Evidence, peer: Evidence) -> bool:
    """An end that acknowledges a SYN, and whose own never passed, had answered it: SYN_RCVD, out of
    LISTEN."""
    return bool(end.first_frame and peer.syns and NONE < peer.isn < end.top_ack and end.first_ack <= peer.nxt)


@rule("3.10.7.3")
def never_seen(end: Evidence, peer: Evidence) -> bool:
    """An end of which nothing passed, and whose peer goes on after its SYN, has answered that: the capture
    has one direction only."""
    unseen = not (end.segments or peer.syn_acks or (end.rsts and end.rsts[0].frame < peer.first_frame))
    return peer.syns > 0 < peer.first_frame and unseen


@rule("3.5.1")
def picked_up(end: Evidence, peer: Evidence) -> int:
    """An end of which no SYN passed, on either side, was ESTABLISHED before the capture began."""
    frames = [end.first_frame, 0 if peer.syn_acks else peer.first_frame]
    return min((frame for frame in frames if frame), default=0)


def established(history: History, end: Evidence, peer: Evidence, reach: Reach) -> list[Opened]:
    """How it may have come to ESTABLISHED, the first way first; SYN_RCVD goes before where both opened and
    its SYN+ACK never passed."""
    if history.state == SYN_SENT:
        frame = end.first_frame
        if not frame:
            return []
        if not had_only_syn(end, peer):
            return [Opened(frame, known(end, frame), NONE)]
        history.put(SYN_RCVD, frame, ASSUMED)
    if history.state != SYN_RCVD:
        return []
    proof = shows_open(end, peer)
    ways = [
        by
        for by in _handshake_ends(end, peer, proof)
        if by.frame < reach.frame and by.carried_to <= reach.seq and not 0 < proof <= by.frame
    ]
    return [*ways, Opened(proof, known(end, proof), NONE)] if proof else ways


@rule("figure 7")
def had_only_syn(end: Evidence, peer: Evidence) -> bool:
    """SYN_SENT that goes on having had a bare SYN opened at once with its peer: its own SYN+ACK never
    passed."""
    answered = 0 < peer.syn_ack_frame < end.first_frame
    return bool(peer.syns) and not answered and end.first_ack <= peer.syn_end()


@rule("3.10.4")
def known(end: Evidence, frame: int) -> int:
    """What an end shows is a fact, unless something of its own never passed: that could have been its FIN."""
    return ASSUMED if 0 < end.gap_frame <= frame else ACKNOWLEDGED


@rule("3.10.7.4 fifth check")
def shows_open(end: Evidence, peer: Evidence) -> int:
    """Who acknowledges more than a SYN has had its ACK, and so has who sends data: ESTABLISHED."""
    more = 0
    if end.top_ack > peer.syn_end():
        # Where the peer's SYN never passed the SYN+ACK says what acknowledges that.
        answered = end.first_ack <= peer.syn_end() or (peer.isn == NONE and end.syn_acks)
        more = end.more_frame if answered else end.first_frame
    data = 0 if fast_open(end, peer) else end.data_frame
    return min((frame for frame in (more, data) if frame), default=0)


@rule("RFC 7413 section 4.1")
def fast_open(end: Evidence, peer: Evidence) -> bool:
    """Who has taken in the data on a SYN may send data in SYN_RCVD."""
    return peer.syn_bytes > 0 and end.top_ack > peer.isn + 1


def _handshake_ends(end: Evidence, peer: Evidence, proof: int) -> list[Opened]:
    """What may have ended its handshake, in order."""
    ways = [(both_opened(end, peer, each), NONE) for each in (peer.syn_ack_frame, peer.last_syn_ack_frame)]
    if peer.top_ack > end.isn:
        again = answered_again(end, proof)
        ways += [
            (frame, carried_to)
            for acks in (peer.acks, peer.bare_acks)
            for frame, carried_to in acks.each()
            if frame > again
        ]
    return [Opened(frame, PRESUMED, carried_to) for frame, carried_to in sorted(set(ways)) if frame]


@rule("3.8.1")
def answered_again(end: Evidence, proof: int) -> int:
    """Who sends its SYN+ACK again had not had the ACK of it, whatever had passed; unless it proved
    that before."""
    return end.last_syn_ack_frame if end.syn_acks > 1 and not 0 < proof < end.last_syn_ack_frame else 0


@rule("figure 7")
def both_opened(end: Evidence, peer: Evidence, syn_ack_frame: int) -> int:
    """A SYN+ACK of the peer's ends the handshake of an end that sent a SYN itself, once that has answered
    too."""
    if not (end.syns and peer.syns and peer.syn_acks):
        return 0
    if peer.last_syn_ack_ns < end.last_syn_ack_ns - UNDER_WAY_NS:
        return 0
    answered = end.first_frame if syn_ack_overtaken(end) else end.syn_ack_frame
    frame = max(syn_ack_frame, answered)
    return 0 if end.syn_acks > 1 and frame < end.last_syn_ack_frame else frame
