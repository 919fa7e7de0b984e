"""What its receiver would drop is no evidence (4.4 of the design): judged before a segment is read.

Compiled (see ``gate.pxd``). RFC 9293 section 3.10.7; RFC 7323 for timestamps. Nothing is changed here but
``EndpointRare.suspect_nxt``. What is judged are segments without RST; ``reading`` weighs those.
"""

from __future__ import annotations

from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.serial import advance, distance
from tcptrace_py.tcp.state import ESTABLISHED, SYN_SENT
from tcptrace_py.wire.segment import ACK, SYN, Segment

# A window is at least this large here: its scale may be unknown, and it may have grown since.
_LEAST_WINDOW_BYTES = 65535
# From so many bytes on, numbers that come after the ISN look like those before it.
_HALF_BYTES = 1 << 30
# So near to its ISN a connection is that was seen from its beginning.
_NEAR_BYTES = 1 << 20


def takes(connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment) -> bool:
    """Would the receiver take this segment, as far as we know it?"""
    flags = segment.flags
    if flags & SYN:
        if sender.state >= ESTABLISHED or (flags & ACK and sender.syns):
            if sender.syns or sender.syn_acks:
                if sender.isn != segment.seq:
                    # A SYN+ACK with another ISN: in a synchronized state (3.10.7.4, fourth check), or from an
                    # endpoint that has sent a SYN itself, and answers with the number of that (3.10.7.3).
                    return False
            elif not follows(sender, segment.seq) or (flags & ACK and not follows(receiver, segment.ack - 1)):
                # What it has sent since leads to another ISN.
                return False
    elif not flags & ACK:
        # In every state (3.10.7.3, fifth step; 3.10.7.4, fifth check).
        return False
    elif precedes_syn(sender, segment) or not in_window(sender, receiver, segment):
        return False
    asked = receiver.syns > 0 or (receiver.has_isn and not receiver.packets)
    unopened = not sender.has_isn and (receiver.state == SYN_SENT or receiver.rsts > 0)
    if flags & ACK and asked and (flags & SYN or unopened):
        return acknowledges_syn(receiver, segment.ack)
    return True


def precedes_syn(sender: Endpoint, segment: Segment) -> bool:
    """Is this older than its sender's SYN, by its number: of an earlier incarnation (3.4, 3.5.1)?"""
    if not (sender.syns or sender.syn_acks) or sender.bytes >= _HALF_BYTES:
        return False
    return distance(segment.seq, sender.isn) < 0


def follows(sender: Endpoint, number: int) -> bool:
    """Does what it has sent, and what was acknowledged of that, come just after this number?"""
    return sender.has_snd and 0 < distance(sender.snd_nxt, number) < _NEAR_BYTES


def acknowledges_syn(opener: Endpoint, ack: int) -> bool:
    """Is this acceptable in SYN_SENT (ISS < SEG.ACK =< SND.NXT: 3.10.7.3, first check)?"""
    return distance(ack, opener.isn) >= 1 and distance(ack, opener.snd_nxt) <= 0


def acknowledges_unsent(receiver: Endpoint, ack: int) -> bool:
    """Is this beyond SND.NXT? Then the segment is dropped, FIN and all (3.10.7.4, fifth check).

    In a capture that lacks nothing of the receiver's so far; with gaps it may well have sent that.
    """
    opened = receiver.syns > 0 or receiver.syn_acks > 0
    return opened and receiver.rare.gaps == 0 and distance(ack, receiver.snd_nxt) > 0


def refuses_ack(connection: Connection, opener: Endpoint, peer: Endpoint, rst: Segment) -> bool:
    """Does SYN_SENT refuse a SYN+ACK for its timestamp? It stays there, though the number is the right one.

    A SYN+ACK echoes the timestamp of the SYN (RFC 7323 section 3.2); Linux answers any other with RST.
    """
    if rst.flags & ACK or opener.state != SYN_SENT or not opener.syns:
        return False
    return peer.has_isn and connection.foreign_echo


def echoes_another(connection: Connection, opener: Endpoint, syn_ack: Segment) -> bool:
    """Does a SYN+ACK echo a timestamp that no SYN of this attempt carried?"""
    if not (opener.state == SYN_SENT and syn_ack.has_timestamps and connection.syn_ts_val):
        return False
    echo = syn_ack.ts_ecr
    return distance(echo, connection.syn_ts_val) < 0 or distance(echo, connection.last_syn_ts_val()) > 0


def in_window(sender: Endpoint, receiver: Endpoint, segment: Segment) -> bool:
    """Does the segment fit the receiver's window? (3.10.7.4, first check)

    What goes on where its sender left off, and what is old, is the sender's own. What
    jumps ahead of the window is a stray, unless the next segment goes on from there:
    then the capture has a gap.
    """
    if not sender.has_snd:
        return True
    if segment.seq == sender.snd_nxt:
        sender.has_suspect = False
        return True
    if distance(segment.seq, sender.snd_nxt) < 0:
        return True
    if receiver.has_rcv:
        rcv_nxt = receiver.rcv_nxt
    elif sender.syns or sender.syn_acks:
        # It has acknowledged nothing that passed; what it lacks, at the most, it was sent without a gap.
        rcv_nxt = sender.snd_nxt
    else:
        return True
    window = receiver.window_bytes()
    if window < _LEAST_WINDOW_BYTES:
        window = _LEAST_WINDOW_BYTES
    if distance(segment.seq, rcv_nxt) <= window:
        return True
    if sender.has_suspect and segment.seq == sender.rare.suspect_nxt:
        sender.has_suspect = False
        return True
    sender.has_suspect = True
    sender.own_rare().suspect_nxt = advance(segment.seq, segment.payload_bytes)
    return False
