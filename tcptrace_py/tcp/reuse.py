"""One connection after another on a four-tuple: what a newer one tells of the older (4.5 of the design).

Compiled (see ``reuse.pxd``). Which of them a segment belongs to is in ``incarnations.py``.
"""

from __future__ import annotations

from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.flow_table import FlowTable
from tcptrace_py.tcp.incarnations import direction
from tcptrace_py.tcp.machine import Machine
from tcptrace_py.tcp.serial import advance
from tcptrace_py.tcp.state import (
    ACKNOWLEDGED,
    ESTABLISHED,
    SENT,
    SYN_SENT,
    TIME_WAIT,
)
from tcptrace_py.wire.segment import ACK, RST, SYN, Segment


def succeed(connection: Connection, began: Connection, segment: Segment) -> None:
    """The four-tuple has a newer connection, begun by this segment."""
    began.own_rare().reuse_of = connection.id
    connection.watched = True
    rare = connection.own_rare()
    rare.reused_by = began.id
    rare.reused_frame = segment.frame
    rare.reused_ns = segment.ts_ns


def resume(table: FlowTable, machine: Machine, connection: Connection, segment: Segment) -> None:
    """What goes on with a SYN that was refused, or that SYN again: the refusal had not come, and both open at
    once."""
    if segment.flags & RST:
        return
    sender, receiver = direction(connection, segment)
    if sender.packets or not SYN_SENT <= receiver.state <= ESTABLISHED:
        return
    older = table.older(connection, connection)
    if older is not None and (older.a.rsts or older.b.rsts):
        machine.resume(older, connection, segment)


def accepted(table: FlowTable, machine: Machine, connection: Connection, segment: Segment) -> None:
    """A SYN was accepted or refused: who says so holds no older connection on this four-tuple."""
    if connection.rare.reuse_of < 0:
        return
    older = table.older(connection, connection)
    while older is not None:
        old_sender, old_receiver = direction(older, segment)
        basis = SENT if segment.flags & RST else ACKNOWLEDGED
        machine.replace(old_sender, basis, segment.ts_ns, segment.frame)
        # (Whose SYN was refused may hold it still: the SYN may be an old one.)
        if segment.flags & SYN and connection.syn_frame() and old_receiver.state >= ESTABLISHED:
            machine.replace(old_receiver, SENT, connection.syn_ns(), connection.syn_frame())
        older = table.older(older, connection)


def opened_anew(table: FlowTable, machine: Machine, connection: Connection, segment: Segment) -> None:
    """The client has answered the SYN+ACK: it holds nothing older on these ports since its SYN."""
    older = table.older(connection, connection)
    while older is not None:
        old_client, _ = direction(older, segment)
        if old_client.state == SYN_SENT or old_client.state == TIME_WAIT:
            if connection.syn_frame():
                machine.replace(old_client, SENT, connection.syn_ns(), connection.syn_frame())
            else:
                machine.replace(old_client, ACKNOWLEDGED, segment.ts_ns, segment.frame)
        older = table.older(older, connection)


def wait_for_answer(connection: Connection, by: int, segment: Segment) -> None:
    """A SYN of endpoint ``by`` with another ISN, while both sides hold a connection."""
    if connection.pending_syn_by:
        call_stale(connection)
    connection.pending_syn_by = by
    rare = connection.own_rare()
    rare.pending_syns = 0
    rare.pending_syn_isn = segment.seq
    rare.pending_syn_window = segment.window
    rare.pending_syn_frame = segment.frame
    rare.pending_syn_ns = segment.ts_ns
    rare.pending_syn_last_frame = segment.frame
    rare.pending_syn_last_ns = segment.ts_ns


def asks_again(connection: Connection, segment: Segment) -> None:
    """That SYN is sent again, or passes for the first time where its frame had been captured before."""
    rare = connection.own_rare()
    rare.pending_syns += 1
    rare.pending_syn_last_ns = segment.ts_ns
    rare.pending_syn_last_frame = segment.frame


def call_stale(connection: Connection) -> None:
    """Nobody has answered the SYN that came while both sides held a connection: it was an old one."""
    rare = connection.own_rare()
    rare.stale_syns += 1
    if rare.stale_syns == 1:
        rare.stale_syn_by = connection.pending_syn_by
        rare.stale_syn_frame = rare.pending_syn_frame
        rare.stale_syn_ns = rare.pending_syn_ns
    connection.pending_syn_by = 0


def shows_answer(connection: Connection, segment: Segment) -> bool:
    """Was the SYN that came while both sides held a connection answered: is this the answer, or what its
    sender goes on with after that?"""
    after = advance(connection.rare.pending_syn_isn, 1)
    if segment.flags & (SYN | RST):
        return segment.flags & ACK != 0 and segment.ack == after
    sender, _ = direction(connection, segment)
    by_asker = connection.pending_syn_by == (1 if sender is connection.a else 2)
    return by_asker and segment.seq == after and sender.snd_nxt != after


def pending_syn(connection: Connection) -> Segment:
    """The SYN that came while both sides held a connection, and has an answer now."""
    asker, peer = connection.a, connection.b
    if connection.pending_syn_by == 2:
        asker, peer = peer, asker
    asked = Segment()
    asked.ts_ns = connection.rare.pending_syn_ns
    asked.frame = connection.rare.pending_syn_frame
    asked.ip_version = connection.ip_version
    asked.tunnel = connection.rare.tunnel
    asked.src_hi = asker.address_hi
    asked.src_lo = asker.address_lo
    asked.src_port = asker.port
    asked.dst_hi = peer.address_hi
    asked.dst_lo = peer.address_lo
    asked.dst_port = peer.port
    asked.seq = connection.rare.pending_syn_isn
    asked.window = connection.rare.pending_syn_window
    asked.flags = SYN
    return asked


def give_pending(connection: Connection, began: Connection, asked: Segment) -> Endpoint:
    """The copies of that SYN are the newer connection's; who asked, as an end of the older."""
    rare = connection.rare
    asker = connection.a if connection.pending_syn_by == 1 else connection.b
    connection.pending_syn_by = 0
    # One at least: none was counted where the frame that made it pending had been captured before.
    again = rare.pending_syns - 1 if rare.pending_syns else 0
    asker.packets -= again + 1
    began.a.packets += again
    began.a.syns += again
    if again:
        began.a.own_rare().retransmits = began.a.rare.retransmits + again
    began.note_syn_again(rare.pending_syn_last_ns, rare.pending_syn_last_frame, began.syn_ts_val)
    if began.a.rare.stats is not None and began.b.rare.stats is not None:
        asked.ts_ns = rare.pending_syn_last_ns
        for _ in range(again):
            began.a.rare.stats.sends(began.b.rare.stats, asked)
    return asker
