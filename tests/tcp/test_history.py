"""On the regular way histories follow from when the handshake and the FINs passed: just as they were told."""

from __future__ import annotations

import pytest

from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.history import history_of
from tcptrace_py.tcp.state import TIMER

from .test_regular import CLOSES, WHOLE, Looking, made

MINUTE_NS = 61_000_000_000


# (A RST without ACK, the last of them, is not of that way.)
@pytest.mark.parametrize("close", CLOSES[:-1])
def test_a_regular_history_is_what_was_told_live(close: str) -> None:
    """After each segment, and when the clock of TIME_WAIT has run out."""
    looking = Looking()
    looking.tracker.transitions.moves = moves = []

    def agrees(endpoint: Endpoint) -> None:
        told = [(to, ts_ns, frame, basis) for of, _, to, basis, ts_ns, frame in moves if of is endpoint]
        assert history_of(endpoint) == told

    connection: Connection | None = None
    for line in (WHOLE.strip() + "\n" + close).splitlines():
        looking.feed(made(line))
        (connection,) = looking.tracker.table.all()
        agrees(connection.a)
        agrees(connection.b)
    assert connection is not None
    assert connection.shown is None
    assert len(history_of(connection.a)) >= 2
    assert len(history_of(connection.b)) >= 3
    looking.tracker.tick(looking.tracker.last_ns + MINUTE_NS)
    agrees(connection.a)
    agrees(connection.b)
    ran_out = [end for end in (connection.a, connection.b) if history_of(end)[-1][3] == TIMER]
    assert len(ran_out) == (1 if "FIN" in close else 0)
