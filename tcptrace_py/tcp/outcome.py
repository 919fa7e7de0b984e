"""What became of a connection: how its handshake and its close went.

Compiled (see ``outcome.pxd``). Pure functions of a connection; the words for their
results are in ``codes.py``.
"""

from __future__ import annotations

from tcptrace_py.tcp.codes import (
    ABORTED,
    COMPLETE,
    FOUR_WAY,
    HALF_CLOSED,
    HALF_OPEN,
    OPEN,
    REFUSED_HANDSHAKE,
    RESET,
    SIMULTANEOUS,
    THREE_WAY,
    UNANSWERED,
    UNREACHABLE,
    UNSEEN,
)
from tcptrace_py.tcp.connection import Connection


def handshake_outcome(connection: Connection) -> int:
    """Index into ``HANDSHAKE_OUTCOMES``."""
    if connection.established:
        return COMPLETE
    if connection.syn_frame == 0 and connection.syn_ack_frame == 0:
        return UNSEEN
    if connection.refused:
        return REFUSED_HANDSHAKE
    if connection.aborted:
        return ABORTED
    if connection.syn_ack_frame:
        return HALF_OPEN
    if connection.rare.unreachable_frame:
        return UNREACHABLE
    return UNANSWERED


def close_kind(connection: Connection) -> int:
    """Index into ``CLOSE_KINDS``."""
    if connection.a.fin_sent and connection.b.fin_sent:
        if connection.simultaneous_close:
            return SIMULTANEOUS
        if connection.three_segment_close:
            return THREE_WAY
        return FOUR_WAY
    if connection.reset_by:
        return RESET
    if connection.first_fin_by:
        return HALF_CLOSED
    return OPEN


def close_complete(connection: Connection) -> bool:
    """Both FINs were acknowledged, as far as passed the vantage point, or a RST took effect."""
    if connection.reset_by:
        return True
    return connection.a.fin_acked_frame != 0 and connection.b.fin_acked_frame != 0


def close_initiator(connection: Connection) -> int:
    """0 nobody, 1 ``a``, 2 ``b``, 3 both at once."""
    if connection.first_fin_by:
        return 3 if connection.simultaneous_close else connection.first_fin_by
    return connection.reset_by
