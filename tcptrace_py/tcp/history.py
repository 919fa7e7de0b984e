"""The history of an endpoint: what follows from the regular way, and what the journal has of it after that.

Compiled (see ``history.pxd``). On the regular way (``regular.py``) an endpoint can only have been this and
then that, when its connection's handshake and FINs passed and were acknowledged: it keeps how far it came.
"""

from __future__ import annotations

from tcptrace_py.tcp.codes import THREE_WAY
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.journal import Entries, Journal
from tcptrace_py.tcp.state import (
    ACKNOWLEDGED,
    CLOSE_WAIT,
    CLOSED,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    LISTEN,
    PRESUMED,
    SENT,
    SYN_RCVD,
    SYN_SENT,
    TIME_WAIT,
)


def history_of(endpoint: Endpoint, journal: Journal) -> Entries:
    """All of it."""
    entries = journal.history(endpoint.last)
    return regular_history(endpoint) + entries if endpoint.regular else entries


def regular_history(endpoint: Endpoint) -> Entries:
    """Its entries that are in no journal."""
    connection: Connection = endpoint.connection
    peer = connection.b if endpoint is connection.a else connection.a
    told: Entries
    if endpoint is connection.a:
        told = [
            (SYN_SENT, connection.syn_ns(), connection.syn_frame(), SENT),
            (ESTABLISHED, connection.ack_ns, connection.ack_frame, ACKNOWLEDGED),
        ]
    else:
        told = [
            (LISTEN, connection.syn_ack_ns, connection.syn_ack_frame, ACKNOWLEDGED),
            (SYN_RCVD, connection.syn_ack_ns, connection.syn_ack_frame, SENT),
            (ESTABLISHED, connection.ack_ns, connection.ack_frame, PRESUMED),
        ]
    if closes_first(endpoint):
        told.append((FIN_WAIT_1, endpoint.fin_ns, endpoint.fin_frame, SENT))
        if connection.close != THREE_WAY:
            told.append((FIN_WAIT_2, endpoint.fin_acked_ns, endpoint.fin_acked_frame, PRESUMED))
        told.append((TIME_WAIT, peer.fin_acked_ns, peer.fin_acked_frame, ACKNOWLEDGED))
    else:
        told += [
            (CLOSE_WAIT, peer.fin_acked_ns, peer.fin_acked_frame, ACKNOWLEDGED),
            (LAST_ACK, endpoint.fin_ns, endpoint.fin_frame, SENT),
            (CLOSED, endpoint.fin_acked_ns, endpoint.fin_acked_frame, PRESUMED),
        ]
    return told[: endpoint.regular]


def closes_first(endpoint: Endpoint) -> bool:
    """Its FIN came before its peer's."""
    connection: Connection = endpoint.connection
    return connection.first_fin_by == (1 if endpoint is connection.a else 2)


def write_down(endpoint: Endpoint, journal: Journal) -> None:
    """It leaves the regular way: from now on, all of its history is in the journal."""
    if not endpoint.regular:
        return
    told = history_of(endpoint, journal)
    journal.release(endpoint.last)
    endpoint.last = -1
    endpoint.regular = 0
    for state, ts_ns, frame, basis in told:
        endpoint.last = journal.push(endpoint.last, state, basis, ts_ns, frame)


def came_from_time_wait(endpoint: Endpoint, journal: Journal) -> bool:
    """It came from there to where it is now."""
    before = journal.previous(endpoint.last) if endpoint.last >= 0 else -1
    if before >= 0:
        return journal.state(before) == TIME_WAIT
    if endpoint.last < 0 or not endpoint.regular or not closes_first(endpoint):
        return False
    state, _, _, _ = regular_history(endpoint)[endpoint.regular - 1]
    return state == TIME_WAIT
