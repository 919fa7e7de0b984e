"""What endpoints become, and what follows from the difference between that and what they were believed to be.

Compiled (see ``transitions.pxd``). Everything that changes a state is in this file: ``enter`` goes one state
on, ``tell`` takes a history as a whole, as ``reading`` has it. The clock that runs in a state, the count of
TIME_WAIT and live events follow.
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
from tcptrace_py.tcp.history import (
    THERE_STILL,
    Entries,
    came_from_time_wait,
    history_of,
    keep,
    stay,
    write_down,
)
from tcptrace_py.tcp.state import (
    CLOCK_RUNS_OUT,
    CLOSED,
    CLOSING,
    EVENTS,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    LISTEN,
    NO_TRANSITION,
    SYN_RCVD,
    SYN_SENT,
    TIME_WAIT,
    TIMER,
    transition_table,
)
from tcptrace_py.tcp.time_wait import TimeWait

_AFTER = transition_table()
_CLOCKS = {
    SYN_SENT: SYN_CLOCK,
    SYN_RCVD: SYN_ACK_CLOCK,
    FIN_WAIT_1: FIN_CLOCK,
    LAST_ACK: FIN_CLOCK,
    CLOSING: FIN_CLOCK,
    FIN_WAIT_2: FIN_WAIT_2_CLOCK,
    TIME_WAIT: TIME_WAIT_CLOCK,
}
# (A place in a row is found faster than a key.)
_CLOCK_IN = bytes(_CLOCKS.get(state, NO_CLOCK) for state in range(max(_CLOCKS) + 1))


class Transitions:
    """Changes the states of endpoints, and runs their clocks."""

    def __init__(self, settings: Settings) -> None:
        self.clocks = Clocks(settings)
        self.time_wait = TimeWait(0)
        #: Where it is a list, every transition is appended to it as ``(endpoint, from_state, to_state,
        #: basis, ts_ns, frame)``; basis -1 for an entry taken back. For whoever watches live.
        self.moves: list[tuple[Endpoint, int, int, int, int, int]] | None = None

    def enter(self, endpoint: Endpoint, state: int, basis: int, ts_ns: int, frame: int) -> None:
        """It goes on to a state, and all that was told before holds."""
        if self.moves is not None:
            self.moves.append((endpoint, endpoint.state, state, basis, ts_ns, frame))
        connection: Connection = endpoint.connection
        if endpoint.state == TIME_WAIT:
            self.time_wait.leave(endpoint, self._peer(endpoint), connection.ip_version, ts_ns)
        elif state == TIME_WAIT:
            peer = self._peer(endpoint)
            self.time_wait.enter(endpoint, peer, connection.ip_version, connection.id, ts_ns, frame)
        self._become(endpoint, state)

    def close(
        self, endpoint: Endpoint, event: int, basis: int, ts_ns: int, frame: int, closed_by: int
    ) -> None:
        """No segment of this connection's has closed it; nothing is read of it but by ``closed_by``."""
        state = _AFTER[endpoint.state * EVENTS + event]
        if state == NO_TRANSITION:
            return
        if basis != TIMER or endpoint.rare.history is not None:
            keep(endpoint, [*history_of(endpoint), (state, ts_ns, frame, basis)])
        endpoint.closed_by = closed_by
        self.enter(endpoint, state, basis, ts_ns, frame)

    def tell(self, endpoint: Endpoint, entries: Entries) -> None:
        """From now on this is its history."""
        told = history_of(endpoint)
        if told == entries:
            return
        keep(endpoint, entries)
        states = [CLOSED, *(state for state, _, _, _ in entries)]
        if self.moves is not None:
            self._differ(endpoint, told, entries)
        self._count(endpoint, told, entries, LISTEN in states and SYN_SENT not in states)
        self._become(endpoint, states[len(states) - 1])

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
        before = stay(told, TIME_WAIT)
        now = stay(entries, TIME_WAIT)
        if before == now and passive == endpoint.passive:
            return
        peer = self._peer(endpoint)
        connection: Connection = endpoint.connection
        version = connection.ip_version
        if before is not None:
            entered_ns, _, left_ns = before
            self.time_wait.take_back(endpoint, peer, version, entered_ns, left_ns)
        endpoint.passive = passive
        if now is not None:
            entered_ns, frame, left_ns = now
            self.time_wait.enter(endpoint, peer, version, connection.id, entered_ns, frame)
            if left_ns != THERE_STILL:
                self.time_wait.leave(endpoint, peer, version, left_ns)

    def _become(self, endpoint: Endpoint, state: int) -> None:
        """Change the state, and the clock that runs in it."""
        if endpoint.state == state:
            return
        held = endpoint.state > LISTEN and state > LISTEN
        endpoint.state = state
        clock = _CLOCK_IN[state]
        if clock == NO_CLOCK:
            self.clocks.stop(endpoint)
        elif not clock == endpoint.clock == FIN_CLOCK:
            # (Counted from the first FIN: CLOSING goes on with the clock of FIN_WAIT_1.)
            self.clocks.start(endpoint, clock)
        if not held:
            connection: Connection = endpoint.connection
            self.linger(connection)

    def linger(self, connection: Connection) -> None:
        """It is kept for a while where neither side holds it, or has ever held it."""
        lingers = self.lingers(connection)
        if not self.done(connection):
            if lingers is not None:
                self.clocks.stop(lingers)
        elif lingers is None:
            a = connection.a
            b = connection.b
            # (The deadline of an end that a clock has closed tells when.)
            lingers = b if a.closed_by else a
            if lingers.closed_by:
                write_down(connection)
            waited = came_from_time_wait(a, b) or came_from_time_wait(b, a)
            self.clocks.start(lingers, REUSE_CLOCK if waited else LINGER_CLOCK)

    def lingers(self, connection: Connection) -> Endpoint | None:
        """The end whose clock says how long it is kept still, where neither side holds it any more."""
        if connection.a.clock >= LINGER_CLOCK:
            return connection.a
        return connection.b if connection.b.clock >= LINGER_CLOCK else None

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
        self.close(endpoint, CLOCK_RUNS_OUT, TIMER, deadline_ns, NO_CLOCK, UNTIL_IT_SENDS)
