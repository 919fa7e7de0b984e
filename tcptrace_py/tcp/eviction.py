"""Where more connections are alive than there shall be: who is handed over before its time.

Only live capture asks.
"""

from __future__ import annotations

from operator import attrgetter

from tcptrace_py.tcp.codes import (
    FIN_CLOCK,
    FIN_WAIT_2_CLOCK,
    LINGER_CLOCK,
    REUSE_CLOCK,
    SYN_ACK_CLOCK,
    SYN_CLOCK,
    TIME_WAIT_CLOCK,
)
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.state import TIME_WAIT
from tcptrace_py.tcp.tracker import Tracker

# Who goes first when the table is full, by the clock that runs.
_EVICTION_ORDER = (
    LINGER_CLOCK,
    REUSE_CLOCK,
    TIME_WAIT_CLOCK,
    SYN_CLOCK,
    SYN_ACK_CLOCK,
    FIN_CLOCK,
    FIN_WAIT_2_CLOCK,
)


def evict(tracker: Tracker, most: int) -> None:
    """Hand connections over before their time, until no more than ``most`` are known.

    Those that are over go first, then those in TIME_WAIT, then those whose clocks have run
    longest, then held SYNs, then those that have been silent longest. ``evicted_over`` and ``evicted_open``
    count them.
    """
    for kind in _EVICTION_ORDER:
        while tracker.known > most:
            endpoint = tracker.transitions.clocks.oldest(kind)
            if endpoint is None:
                break
            _evict(tracker, endpoint.connection)
    # Nobody has answered these; of a flood they are nearly all.
    while tracker.known > most and tracker.let_oldest_go():
        tracker.evicted_open += 1
    if tracker.known > most:
        # A sixteenth more than needed, so that the next ones come cheap.
        excess = tracker.known - most + most // 16
        for connection in sorted(tracker.table.all(), key=attrgetter("last_ns"))[:excess]:
            _evict(tracker, connection)


def _evict(tracker: Tracker, connection: Connection) -> None:
    if tracker.transitions.done(connection):
        tracker.evicted_over += 1
    else:
        tracker.evicted_open += 1
    now_ns = tracker.transitions.clocks.now_ns
    tracker.hand_over(connection, now_ns)
    a = connection.a
    b = connection.b
    if a.state == TIME_WAIT:
        tracker.time_wait.leave(a, b, connection.ip_version, now_ns)
    if b.state == TIME_WAIT:
        tracker.time_wait.leave(b, a, connection.ip_version, now_ns)
