"""How an end opened: CLOSED to ESTABLISHED (RFC 9293 sections 3.5 and 3.10.7.1 to 3.10.7.4)."""

from __future__ import annotations

from tcptrace_py.tcp.clocks import UNDER_WAY_NS
from tcptrace_py.tcp.evidence import NONE, Evidence
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
        history.put_if(refused_before_opening(end), CLOSED, SENT)
        overtaken = syn_overtaken(end)
        history.put(SYN_SENT, overtaken or end.syn_frame, ACKNOWLEDGED if overtaken else SENT)
        history.put_if(end.syn_ack_frame if end.syn_acks else 0, SYN_RCVD, SENT)
    elif end.syn_acks:
        history.put_if(refused_before_listening(end), CLOSED, SENT)
        _listens(history, end, peer)
    elif answered_unseen(end, peer):
        history.put(LISTEN, end.first_frame, ASSUMED)
        history.put(SYN_RCVD, end.first_frame, ASSUMED)
    elif end.isn == NONE and peer.syn_acks:
        history.put(SYN_SENT, peer.syn_ack_frame, ASSUMED)
    else:
        history.put_if(picked_up(end, peer), ESTABLISHED, ASSUMED)


@rule("3.10.7.1")
def refused_before_opening(end: Evidence) -> int:
    """An end whose RST passed before its first SYN had no connection yet: CLOSED."""
    early = end.rsts and end.rsts[0].frame < end.syn_frame
    return end.rsts[0].frame if early else 0


@rule("3.10.7.1")
def refused_before_listening(end: Evidence) -> int:
    """An end whose RST passed before its only answer, which was its first segment, refused a SYN: CLOSED."""
    if end.former_syn_ack_frame or not end.rsts or 0 < end.first_frame < end.syn_ack_frame:
        return 0
    frame = end.rsts[0].frame
    return frame if frame < end.syn_ack_frame else 0


@rule("3.10.1")
def syn_overtaken(end: Evidence) -> int:
    """An end whose SYN+ACK passed before its SYN had sent that SYN before: it was in SYN_SENT by then."""
    return end.syn_ack_frame if 0 < end.syn_ack_frame < end.syn_frame else 0


def _listens(history: History, end: Evidence, peer: Evidence) -> None:
    if end.former_syn_ack_frame:
        history.put(LISTEN, end.former_syn_ack_frame, ACKNOWLEDGED)
        history.put(SYN_RCVD, end.former_syn_ack_frame, SENT)
        history.put(LISTEN, forgot_former(end, peer), PRESUMED)
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
        if end.former_syn_ack_frame < rst.frame < end.syn_ack_frame:
            return rst.frame
    return end.syn_ack_frame


@rule("3.10.7.2")
def answered_unseen(end: Evidence, peer: Evidence) -> bool:
    """An end that acknowledges a SYN, and whose own never passed, had answered it: SYN_RCVD, out of
    LISTEN."""
    return bool(end.first_frame and peer.syns and NONE < peer.isn < end.top_ack)


@rule("3.5.1")
def picked_up(end: Evidence, peer: Evidence) -> int:
    """An end of which no SYN passed, on either side, was ESTABLISHED before the capture began."""
    return end.first_frame or (0 if peer.syns or peer.syn_acks else peer.first_frame)


def established(history: History, end: Evidence, peer: Evidence, reach: Reach) -> Opened | None:
    """How it came to ESTABLISHED; where both opened and its SYN+ACK never passed, SYN_RCVD goes before."""
    beyond_syn = peer.isn + 1 + peer.syn_bytes if peer.isn != NONE else NONE
    if history.state == SYN_SENT:
        frame = end.first_frame
        if not frame:
            return None
        if not had_only_syn(end, peer, beyond_syn):
            return Opened(frame, known(end, frame), NONE)
        history.put(SYN_RCVD, frame, ASSUMED)
    if history.state != SYN_RCVD:
        return None
    proof = shows_open(end, beyond_syn)
    by = _both_opened(end, peer, _handshake_ends(end, peer, proof))
    if by.frame and by.frame < reach.frame and by.carried_to <= reach.seq and (not proof or by.frame < proof):
        return by
    return Opened(proof, known(end, proof), NONE) if proof else None


@rule("figure 7")
def had_only_syn(end: Evidence, peer: Evidence, beyond_syn: int) -> bool:
    """SYN_SENT that goes on having had a bare SYN opened at once with its peer: its own SYN+ACK never
    passed."""
    answered = 0 < peer.syn_ack_frame < end.first_frame
    return bool(peer.syns) and not answered and end.first_ack <= beyond_syn


@rule("3.10.4")
def known(end: Evidence, frame: int) -> int:
    """What an end shows is a fact, unless something of its own never passed: that could have been its FIN."""
    return ASSUMED if 0 < end.gap_frame <= frame else ACKNOWLEDGED


@rule("3.10.7.4 fifth check")
def shows_open(end: Evidence, beyond_syn: int) -> int:
    """Who acknowledges more than a SYN has had its ACK, and so has who sends data: ESTABLISHED."""
    more = (
        end.first_frame if end.first_ack > beyond_syn else end.more_frame if end.top_ack > beyond_syn else 0
    )
    return min((frame for frame in (more, end.data_frame) if frame), default=0)


def _handshake_ends(end: Evidence, peer: Evidence, proof: int) -> Opened:
    if peer.top_ack <= end.isn:
        return Opened(0, PRESUMED, NONE)
    acks = peer.acks
    frame = acks.after(answered_again(end, proof))
    return Opened(frame, PRESUMED, acks.first_end if frame == acks.first else acks.last_end)


@rule("3.8.1")
def answered_again(end: Evidence, proof: int) -> int:
    """Who sends its SYN+ACK again had not had the ACK of it, whatever had passed; unless it proved
    that before."""
    return end.last_syn_ack_frame if end.syn_acks > 1 and not 0 < proof < end.last_syn_ack_frame else 0


@rule("figure 7")
def _both_opened(end: Evidence, peer: Evidence, by: Opened) -> Opened:
    """The peer's SYN+ACK ends the handshake of an end that sent a SYN itself, once that has answered too."""
    if not (end.syns and peer.syns and peer.syn_acks):
        return by
    if peer.last_syn_ack_ns < end.last_syn_ack_ns - UNDER_WAY_NS:
        return by
    frame = max(peer.last_syn_ack_frame, end.syn_ack_frame)
    if frame < end.last_syn_ack_frame or 0 < by.frame <= frame:
        return by
    return Opened(frame, PRESUMED, NONE)
