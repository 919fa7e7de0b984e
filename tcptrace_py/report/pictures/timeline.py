"""Sockets in each state, opens, failures and resets over time, counted over all connections of a report.

A page that lists all connections draws these from their histories, to the microsecond. One that
lists a sample of them gets the true counts from here, on a grid of equal steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from tcptrace_py.report.model.model import Connection, Endpoint, State

#: Steps of the grid.
STEPS = 400
#: Services that are counted each by itself, the busiest.
_SERVICES = 15
# A socket that is closed, or that only listens, is none of the connection's.
_NO_SOCKET: tuple[State, ...] = ("CLOSED", "LISTEN")


class _Group:
    """All connections, or those of one service: changes of each count at each step."""

    def __init__(self) -> None:
        self.states: dict[tuple[int, str], list[int]] = {}
        self.events = {name: [0] * STEPS for name in ("opened", "failed", "reset")}

    def change(self, side: int, state: str, step: int, by: int) -> None:
        changes = self.states.get((side, state))
        if changes is None:
            changes = self.states[side, state] = [0] * STEPS
        changes[step] += by

    def result(self) -> dict[str, Any]:
        sides: list[dict[str, list[int]]] = [{}, {}]
        for (side, state), changes in sorted(self.states.items()):
            sides[side][state] = _runs(accumulate(changes))
        return {"states": sides, "events": {name: _runs(counts) for name, counts in self.events.items()}}


def timeline(
    connections: Sequence[Connection], begin_ns: int, end_ns: int, index: Callable[[str], int]
) -> dict[str, Any]:
    """``groups``: of all, and of the busiest services by ``[index(address), port]``.

    A series is ``[step, count, step, count, ...]``, each count good until the next step. Of a
    state it is the number of sockets in it when the step ends, of an event how many were within it.
    """
    span_ns = max(end_ns - begin_ns, 1)

    def step_of(ts_ns: int) -> int:
        return min(max((ts_ns - begin_ns) * STEPS // span_ns, 0), STEPS - 1)

    busy: dict[tuple[str, int], int] = {}
    for connection in connections:
        service = (connection.server.address, connection.server.port)
        busy[service] = busy.get(service, 0) + 1
    services = sorted(busy, key=lambda service: (-busy[service], service))[:_SERVICES]
    whole = _Group()
    single = {service: _Group() for service in services}
    for connection in connections:
        groups = [whole]
        own = single.get((connection.server.address, connection.server.port))
        if own is not None:
            groups.append(own)
        for side, endpoint in enumerate((connection.client, connection.server)):
            for state, begin, end in _stays(endpoint):
                first = step_of(begin)
                last = STEPS if end is None else step_of(end)
                if first >= last:
                    continue
                for group in groups:
                    group.change(side, state, first, 1)
                    if last < STEPS:
                        group.change(side, state, last, -1)
        for name, ts_ns in _events(connection):
            for group in groups:
                group.events[name][step_of(ts_ns)] += 1
    return {
        "steps": STEPS,
        "all": whole.result(),
        "services": [
            {"address": index(address), "port": port, **single[address, port].result()}
            for address, port in services
        ],
    }


def _stays(endpoint: Endpoint) -> list[tuple[str, int, int | None]]:
    """Each state that was a socket, from when to when; None where it was left in it."""
    history = endpoint.history
    ends: list[int | None] = [*(move.ts_ns for move in history[1:]), None][: len(history)]
    return [
        (move.state, move.ts_ns, end)
        for move, end in zip(history, ends, strict=True)
        if move.state not in _NO_SOCKET
    ]


def _events(connection: Connection) -> list[tuple[str, int]]:
    events = []
    handshake = connection.handshake
    if handshake.outcome == "complete":
        ts_ns = handshake.ack_ns if handshake.ack_ns is not None else connection.first_ns
        events.append(("opened", ts_ns))
    elif handshake.outcome != "unseen":
        events.append(("failed", connection.first_ns))
    reset = connection.close.reset
    if reset is not None:
        events.append(("reset", reset.ts_ns))
    return events


def _runs(counts: Any) -> list[int]:
    series: list[int] = []
    before = 0
    for step, count in enumerate(counts):
        if count != before:
            series += (step, count)
            before = count
    return series
