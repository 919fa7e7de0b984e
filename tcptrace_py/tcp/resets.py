"""Is a RST genuine, and why was it sent?

Compiled (see ``resets.pxd``). RFC 9293 sections 3.5.2, 3.5.3 and 3.10.7; RFC 5961 section 3.
"""

from __future__ import annotations

from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.serial import distance
from tcptrace_py.tcp.state import CLOSE_WAIT, ESTABLISHED, SYN_RCVD, SYN_SENT, TIME_WAIT
from tcptrace_py.tcp.words import (
    ABORT,
    AFTER_CLOSE,
    CLOSE_WAIT_ABORT,
    HANDSHAKE_ABORT,
    KILLS_TIME_WAIT,
    NO_CONNECTION,
    REFUSED,
    RST_EXACT,
    RST_IN_WINDOW,
    RST_STRAY,
    TIMEOUT,
)
from tcptrace_py.wire.segment import ACK, Segment


def verdict(sender: Endpoint, receiver: Endpoint, segment: Segment) -> int:
    """Whether the receiver must believe a RST: ``RST_EXACT``, ``RST_IN_WINDOW`` or ``RST_STRAY``.

    The receiver's RCV.NXT is not visible. It lies between what it has acknowledged and what has
    passed toward it, up to the first hole in that, so a number in that range counts as exact.
    """
    if _answers_syn(sender, receiver):
        # Believed if it acknowledges the SYN (3.10.7.3, first and second check).
        if not segment.flags & ACK:
            return RST_STRAY
        beyond = distance(segment.ack, receiver.isn)
        if beyond >= 1 and distance(segment.ack, receiver.snd_nxt) <= 0:
            return RST_EXACT
        return RST_STRAY
    if not sender.has_snd and not receiver.has_rcv:
        return RST_EXACT
    before_hole = sender.snd_nxt
    for begin, end in sender.holes or ():
        if receiver.has_rcv and distance(end, receiver.rcv_nxt) > 0 and distance(begin, before_hole) < 0:
            before_hole = begin
    if sender.has_snd and segment.seq == before_hole:
        return RST_EXACT
    if receiver.has_rcv:
        ahead = distance(segment.seq, receiver.rcv_nxt)
        if ahead == 0:
            return RST_EXACT
        if ahead > 0:
            if sender.has_snd and distance(segment.seq, before_hole) < 0:
                return RST_EXACT
            if ahead < receiver.window_bytes():
                return RST_IN_WINDOW
    return RST_STRAY


def _answers_syn(sender: Endpoint, receiver: Endpoint) -> bool:
    """All that its sender can have had is a SYN: it has sent nothing itself, or a SYN of its own."""
    return receiver.state == SYN_SENT and (sender.state == SYN_SENT or not sender.has_isn)


def cause(connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment, probes: int) -> int:
    """Why a genuine RST was sent, by what its sender had done before, and by its form.

    ``probes``: unanswered retransmissions or keep-alive probes that make it a time-out.
    """
    if _answers_syn(sender, receiver):
        return REFUSED
    if sender.state == SYN_SENT:
        return HANDSHAKE_ABORT
    if receiver.state == TIME_WAIT:
        return KILLS_TIME_WAIT
    if sender.fin_sent:
        return AFTER_CLOSE
    if sender.state == CLOSE_WAIT:
        return CLOSE_WAIT_ABORT
    if sender.unanswered >= probes or sender.unanswered_probes >= probes:
        return TIMEOUT
    answers = not segment.flags & ACK and receiver.has_rcv and segment.seq == receiver.rcv_nxt
    if answers and not connection.pending_reset_by:
        # The form of 3.5.2 for a segment that no connection takes: no ACK, and the number is what
        # the provoking segment acknowledged (not a challenge ACK, which asks after a RST). A server
        # that answers the third segment of the handshake so has dropped it (a full accept queue),
        # not forgotten it.
        return ABORT if drops_handshake(sender, receiver, segment) else NO_CONNECTION
    return ABORT


def drops_handshake(sender: Endpoint, receiver: Endpoint, segment: Segment) -> bool:
    """A listener refuses the ACK that would have ended the handshake: it had sent nothing but SYN+ACK."""
    return (
        not segment.flags & ACK
        and sender.passive
        and (sender.state == SYN_RCVD or sender.state == ESTABLISHED)
        and sender.packets == sender.syn_acks + sender.rsts
        and receiver.packets == 2 + receiver.retransmits
        and receiver.has_rcv
        and segment.seq == receiver.rcv_nxt
    )


def settled_cause(sender: Endpoint, receiver: Endpoint) -> int:
    """Why a RST was sent that only the silence after it confirmed: its form proves nothing."""
    if receiver.state == TIME_WAIT:
        return KILLS_TIME_WAIT
    if sender.fin_sent:
        return AFTER_CLOSE
    if sender.state == CLOSE_WAIT:
        return CLOSE_WAIT_ABORT
    return ABORT
