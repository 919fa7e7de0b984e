"""Which of the incarnations of a four-tuple a segment belongs to (4.5 of the design).

Compiled (see ``incarnations.pxd``). RFC 9293 section 3.4 calls the connections that use one pair of sockets
one after the other its incarnations. By its numbers a segment is of one of them; nothing is changed here.
"""

from __future__ import annotations

from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.flow_table import FlowTable
from tcptrace_py.tcp.serial import distance
from tcptrace_py.wire.segment import ACK, RST, SYN, Segment

# A segment this near its sender's SND.NXT is of that connection, not of an older one.
_NEAR_BYTES = 1 << 20


def incarnation(table: FlowTable, newest: Connection, segment: Segment) -> Connection:
    """The newest that the segment goes on with, or else the newest that it fits, or else ``newest``.

    Asked of the ``flow_table.INCARNATIONS`` latest.
    """
    connection: Connection | None = newest
    while connection is not None and not _goes_on(connection, segment):
        connection = table.older(connection, newest)
    if connection is None:
        connection = newest
        while connection is not None and not _fits(connection, segment):
            connection = table.older(connection, newest)
    return newest if connection is None else connection


def direction(connection: Connection, segment: Segment) -> tuple[Endpoint, Endpoint]:
    """Sender and receiver of a segment that passes on the connection's four-tuple."""
    if connection.sent_by_a(segment):
        return connection.a, connection.b
    return connection.b, connection.a


def _goes_on(connection: Connection, segment: Segment) -> bool:
    """Does it go on just where its sender left that connection?"""
    sender, _ = direction(connection, segment)
    return (
        sender.has_snd
        and segment.seq == sender.snd_nxt
        and not segment.flags & SYN
        and _fits(connection, segment)
    )


def _fits(connection: Connection, segment: Segment) -> bool:
    """Is this a segment of that connection, where the four-tuple has had several?"""
    sender, receiver = direction(connection, segment)
    flags = segment.flags
    if flags & SYN and not flags & ACK:
        return sender.has_isn and sender.isn == segment.seq
    if flags & SYN or (flags & RST and flags & ACK and not sender.has_snd):
        # An answer to a SYN: does it acknowledge this one?
        if receiver.has_isn:
            return 1 <= distance(segment.ack, receiver.isn) <= 1 + receiver.syn_bytes
        return sender.has_isn and sender.isn == segment.seq
    if sender.has_snd:
        off = distance(segment.seq, sender.snd_nxt)
        if not -_NEAR_BYTES < off < _NEAR_BYTES:
            return False
        if not flags & ACK:
            return True
        if not receiver.has_snd:
            # It acknowledges what its peer never sent here: rather an older connection's.
            return False
        off = distance(segment.ack, receiver.snd_nxt)
        return -_NEAR_BYTES < off < _NEAR_BYTES
    if receiver.has_isn and flags & ACK:
        return 1 <= distance(segment.ack, receiver.isn) <= _NEAR_BYTES
    return False
