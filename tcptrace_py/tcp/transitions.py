"""What endpoints have been: their histories as they are read, and what follows from the difference of two.

Compiled (see ``transitions.pxd``). Everything that changes a state is in this file: ``tell`` takes a history
as a whole, as ``reading`` has it or with what closed it from outside. The clock that runs in a state, the
count of TIME_WAIT and live events follow from what it says otherwise than the one before.
"""

from __future__ import annotations

from tcptrace_py.settings import Settings
from tcptrace_py.tcp.clocks import Clocks
from tcptrace_py.tcp.codes import (
    FIN_CLOCK,
    FIN_WAIT_2_CLOCK,
    LINGER_CLOCK,
    NO_CLOCK,
    REUSE_CLOCK,
    SYN_ACK_CLOCK,
    SYN_CLOCK,
    TIME_WAIT_CLOCK,
    UNTIL_IT_SENDS,
)
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.history import came_from_time_wait, history_of
from tcptrace_py.tcp.journal import Entries, Journal
from tcptrace_py.tcp.state import (
    CLOSED,
    CLOSING,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    LISTEN,
    SYN_RCVD,
    SYN_SENT,
    TIME_WAIT,
    TIMER,
)
from tcptrace_py.tcp.time_wait import TimeWait

_THERE_STILL = -1


class Transitions:
    """Keeps the histories of endpoints, and their clocks."""

    def __init__(self, settings: Settings) -> None:
        self.journal = Journal()
        self.clocks = Clocks(settings)
        self.time_wait = TimeWait(0)
        #: Where it is a list, every transition is appended to it as ``(endpoint, from_state, to_state,
        #: basis, ts_ns, frame)``; basis -1 for an entry taken back. For whoever watches live.
        self.moves: list[tuple[Endpoint, int, int, int, int, int]] | None = None

    def tell(self, endpoint: Endpoint, entries: Entries) -> None:
        """From now on this is its history."""
        told = history_of(endpoint, self.journal)
        if told == entries:
            return
        same = 0
        while same < len(told) and same < len(entries) and told[same] == entries[same]:
            same += 1
        for _ in range(len(told) - same):
            endpoint.last = self.journal.pop(endpoint.last)
        for state, ts_ns, frame, basis in entries[same:]:
            endpoint.last = self.journal.push(endpoint.last, state, basis, ts_ns, frame)
        if self.moves is not None:
            self._differ(endpoint, told, entries)
        states = [state for state, _, _, _ in entries]
        self._count(endpoint, told, entries, LISTEN in states and SYN_SENT not in states)
        self._become(endpoint, states[len(states) - 1] if states else CLOSED)

    def enter(self, endpoint: Endpoint, state: int, basis: int, ts_ns: int, frame: int) -> None:
        """It goes on to a state, and all that was told before holds."""
        endpoint.last = self.journal.push(endpoint.last, state, basis, ts_ns, frame)
        self._move(endpoint, state, basis, ts_ns, frame)

    def go_on(self, endpoint: Endpoint, state: int, basis: int, ts_ns: int, frame: int) -> None:
        """The same on the regular way, which the entry follows from."""
        endpoint.regular += 1
        self._move(endpoint, state, basis, ts_ns, frame)

    def _move(self, endpoint: Endpoint, state: int, basis: int, ts_ns: int, frame: int) -> None:
        if self.moves is not None:
            self.moves.append((endpoint, endpoint.state, state, basis, ts_ns, frame))
        connection: Connection = endpoint.connection
        if endpoint.state == TIME_WAIT:
            self.time_wait.leave(endpoint, self._peer(endpoint), connection.ip_version, ts_ns)
        elif state == TIME_WAIT:
            self.time_wait.enter(
                endpoint, self._peer(endpoint), connection.ip_version, connection.id, ts_ns, frame
            )
        self._become(endpoint, state)

    def close(self, endpoint: Endpoint, basis: int, ts_ns: int, frame: int, closed_by: int) -> None:
        """No segment of this connection's has closed it; nothing is read of it but by ``closed_by``."""
        if endpoint.state == CLOSED or endpoint.state == LISTEN:
            return
        endpoint.closed_by = closed_by
        self.enter(endpoint, CLOSED, basis, ts_ns, frame)

    def _differ(self, endpoint: Endpoint, told: Entries, entries: Entries) -> None:
        """Live events go by state: what had been told, and is not so, is taken back."""
        same = 0
        while same < len(told) and same < len(entries) and told[same][0] == entries[same][0]:
            same += 1
        states = [CLOSED, *(state for state, _, _, _ in told)]
        moves = self.moves
        if moves is None:
            return
        for at in range(len(told), same, -1):
            moves.append((endpoint, states[at], states[at - 1], -1, self.clocks.now_ns, 0))
        before = states[same]
        for state, ts_ns, frame, basis in entries[same:]:
            moves.append((endpoint, before, state, basis, ts_ns, frame))
            before = state

    def _count(self, endpoint: Endpoint, told: Entries, entries: Entries, passive: bool) -> None:
        """Its stay in TIME_WAIT is counted as the history has it."""
        before = _stay(told)
        now = _stay(entries)
        if passive == endpoint.passive and before == now:
            return
        peer = self._peer(endpoint)
        connection: Connection = endpoint.connection
        version = connection.ip_version
        if before is not None and now is not None and before[:2] == now[:2] and passive == endpoint.passive:
            if before[2] != _THERE_STILL:
                self.time_wait.resume(endpoint, peer, version, before[2])
            if now[2] != _THERE_STILL:
                self.time_wait.leave(endpoint, peer, version, now[2])
            return
        if before is not None:
            self.time_wait.take_back(endpoint, peer, version)
            if before[2] != _THERE_STILL:
                self.time_wait.resume(endpoint, peer, version, before[2])
            self.time_wait.leave(endpoint, peer, version, before[0])
        endpoint.passive = passive
        if now is not None:
            self.time_wait.enter(endpoint, peer, version, connection.id, now[0], now[1])
            if now[2] != _THERE_STILL:
                self.time_wait.leave(endpoint, peer, version, now[2])

    def _become(self, endpoint: Endpoint, state: int) -> None:
        """Change the state, and the clock that runs in it."""
        if endpoint.state == state:
            return
        connection: Connection = endpoint.connection
        endpoint.state = state
        if state == SYN_SENT:
            self.clocks.start(endpoint, SYN_CLOCK)
        elif state == SYN_RCVD:
            self.clocks.start(endpoint, SYN_ACK_CLOCK)
        elif state == FIN_WAIT_1 or state == LAST_ACK or state == CLOSING:
            # Counted from the first FIN: CLOSING goes on with the clock of FIN_WAIT_1.
            if endpoint.clock != FIN_CLOCK:
                self.clocks.start(endpoint, FIN_CLOCK)
        elif state == FIN_WAIT_2:
            self.clocks.start(endpoint, FIN_WAIT_2_CLOCK)
        elif state == TIME_WAIT:
            self.clocks.start(endpoint, TIME_WAIT_CLOCK)
        elif endpoint.clock:
            self.clocks.stop(endpoint)
        self.linger(connection)

    def linger(self, connection: Connection) -> None:
        """It is kept for a while where neither side holds it, or has ever held it."""
        if self.done(connection):
            if connection.a.clock >= LINGER_CLOCK:
                return
            waited = came_from_time_wait(connection.a, self.journal) or came_from_time_wait(
                connection.b, self.journal
            )
            self.clocks.start(connection.a, REUSE_CLOCK if waited else LINGER_CLOCK)
        elif connection.a.clock >= LINGER_CLOCK:
            self.clocks.stop(connection.a)

    def done(self, connection: Connection) -> bool:
        """Neither side holds this connection any more."""
        a = connection.a.state
        b = connection.b.state
        return (a == CLOSED or a == LISTEN) and (b == CLOSED or b == LISTEN)

    def _peer(self, endpoint: Endpoint) -> Endpoint:
        connection: Connection = endpoint.connection
        return connection.b if endpoint is connection.a else connection.a

    def run_clocks(self, ts_ns: int) -> Connection | None:
        """Let clocks run to ``ts_ns``; a connection whose time is up, to be asked for until ``None``."""
        clocks = self.clocks
        while clocks.next_ns <= ts_ns:
            endpoint = clocks.run_out(ts_ns)
            if endpoint is None:
                break
            if endpoint.clock >= LINGER_CLOCK:
                clocks.stop(endpoint)
                connection: Connection = endpoint.connection
                return connection
            self.run_out(endpoint)
        if ts_ns > clocks.now_ns:
            clocks.now_ns = ts_ns
        return None

    def run_out(self, endpoint: Endpoint) -> None:
        """The endpoint's clock has reached its deadline."""
        deadline_ns = endpoint.deadline_ns
        self.clocks.stop(endpoint)
        self.close(endpoint, TIMER, deadline_ns, NO_CLOCK, UNTIL_IT_SENDS)


def _stay(entries: Entries) -> tuple[int, int, int] | None:
    """When and in which frame it entered TIME_WAIT, and when it left, if it did."""
    left_ns = _THERE_STILL
    for state, ts_ns, frame, _ in reversed(entries):
        if state == TIME_WAIT:
            return ts_ns, frame, left_ns
        left_ns = ts_ns
    return None
