"""The transitions that endpoints take: their states, their histories, and the clocks that run in a state.

Compiled (see ``transitions.pxd``). Everything that changes a state is in this file. Whoever calls
it (``opening.py``, ``closing.py``, ``resets.py``, ``machine.py``) names an event of ``state.TRANSITIONS``, or
takes a transition back. This file calls none of them.
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
)
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.journal import Journal
from tcptrace_py.tcp.state import (
    ACKNOWLEDGED,
    ASSUMED,
    CLOCK_RUNS_OUT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    EVENTS,
    FIN_WAIT_1,
    FIN_WAIT_2,
    GETS_ACK_OF_SYN,
    GETS_FIN,
    LAST_ACK,
    LISTEN,
    NO_TRANSITION,
    PRESUMED,
    SYN_RCVD,
    SYN_SENT,
    TIME_WAIT,
    TIMER,
    transition_table,
)
from tcptrace_py.tcp.time_wait import TimeWait

_TABLE = transition_table()


class Transitions:
    """Moves the endpoints of connections; keeps their histories and clocks."""

    def __init__(self, settings: Settings) -> None:
        self.journal = Journal()
        self.clocks = Clocks(settings)
        self.time_wait = TimeWait(0)
        #: Where it is a list, every transition is appended to it as ``(endpoint, from_state, to_state,
        #: basis, ts_ns, frame)``; basis -1 for an entry taken back. For whoever watches live.
        self.moves: list[tuple[Endpoint, int, int, int, int, int]] | None = None
        self._table = _TABLE

    def move(self, endpoint: Endpoint, event: int, basis: int, ts_ns: int, frame: int) -> int:
        """Take the transition of ``event``, if the endpoint's state has one; how many entries that made."""
        entries = 1
        if event == GETS_FIN and endpoint.state == SYN_RCVD:
            # What carries the FIN acknowledges the SYN as well, and that comes first.
            entries += self.move(endpoint, GETS_ACK_OF_SYN, basis, ts_ns, frame)
        state = self._table[endpoint.state * EVENTS + event]
        if state == NO_TRANSITION:
            return 0
        self.enter(endpoint, state, basis, ts_ns, frame)
        return entries

    def enter(self, endpoint: Endpoint, state: int, basis: int, ts_ns: int, frame: int) -> None:
        endpoint.last = self.journal.push(endpoint.last, state, basis, ts_ns, frame)
        if self.moves is not None:
            self.moves.append((endpoint, endpoint.state, state, basis, ts_ns, frame))
        self._become(endpoint, state, ts_ns)
        if state == TIME_WAIT:
            connection: Connection = endpoint.connection
            self.time_wait.enter(
                endpoint, self._peer(endpoint), connection.ip_version, connection.id, ts_ns, frame
            )

    def withdraw(self, endpoint: Endpoint) -> None:
        """Take the newest history entry back: what the endpoint does now contradicts it."""
        # Whatever it did then, it did not.
        ts_ns = self.journal.ts_ns(endpoint.last)
        connection: Connection = endpoint.connection
        if endpoint.state == TIME_WAIT:
            self.time_wait.take_back(endpoint, self._peer(endpoint), connection.ip_version)
        endpoint.last = self.journal.pop(endpoint.last)
        state = self.journal.state(endpoint.last) if endpoint.last >= 0 else CLOSED
        if self.moves is not None:
            self.moves.append((endpoint, endpoint.state, state, -1, self.clocks.now_ns, 0))
        self._become(endpoint, state, ts_ns)
        if state == TIME_WAIT:
            self.time_wait.resume(endpoint, self._peer(endpoint), connection.ip_version, ts_ns)

    # --- how it opened, told anew: a segment passes that was sent long before others that have passed -------

    def opened_itself(self, endpoint: Endpoint) -> None:
        """Its SYN passes after its SYN+ACK, so it was in SYN_SENT before that, not in LISTEN."""
        told = self.journal.take(endpoint.last)
        entries = list(told)
        states = [state for state, _, _, _ in entries]
        if len(states) > 1 and states[0] == LISTEN and LISTEN not in states[1:]:
            connection: Connection = endpoint.connection
            since_ns = entries[len(entries) - 1][2]
            if endpoint.state == TIME_WAIT:
                self.time_wait.leave(endpoint, self._peer(endpoint), connection.ip_version, since_ns)
            endpoint.passive = False
            if endpoint.state == TIME_WAIT:
                self.time_wait.resume(endpoint, self._peer(endpoint), connection.ip_version, since_ns)
            entries[0] = (SYN_SENT, *entries[0][1:])
        self._retell(endpoint, told, entries)

    def opened_with_syn_ack(self, endpoint: Endpoint, acknowledged: bool) -> None:
        """Its SYN+ACK passes after what it sent later: it came to ESTABLISHED from SYN_RCVD, when what
        acknowledges its SYN had come. If nothing had, it closed from there."""
        told = self.journal.take(endpoint.last)
        entries = list(told)
        states = [state for state, _, _, _ in entries]
        if states[:3] == [SYN_SENT, ESTABLISHED, FIN_WAIT_1]:
            _, _, ts_ns, frame = entries[1]
            entries[1:2] = [(SYN_RCVD, ACKNOWLEDGED, ts_ns, frame)]
            if acknowledged:
                entries.insert(2, (ESTABLISHED, PRESUMED, ts_ns, frame))
        self._retell(endpoint, told, entries)

    def closed_unopened(self, endpoint: Endpoint) -> None:
        """It sends its SYN+ACK again after its FIN: what passed to end its handshake had not come."""
        told = self.journal.take(endpoint.last)
        entries = list(told)
        states = [(state, basis) for state, basis, _, _ in entries]
        opened = len(states) - 2
        if opened > 0 and states[opened - 1][0] == SYN_RCVD and states[opened] == (ESTABLISHED, PRESUMED):
            del entries[opened]
        self._retell(endpoint, told, entries)

    def _retell(
        self,
        endpoint: Endpoint,
        told: list[tuple[int, int, int, int]],
        entries: list[tuple[int, int, int, int]],
    ) -> None:
        """A history that was ``told`` otherwise; it leads to the same state."""
        endpoint.last = -1
        for state, basis, ts_ns, frame in entries:
            endpoint.last = self.journal.push(endpoint.last, state, basis, ts_ns, frame)
        if self.moves is None or told == entries:
            return
        now_ns = self.clocks.now_ns
        states = [CLOSED, *(state for state, _, _, _ in told)]
        for at in range(len(told), 0, -1):
            self.moves.append((endpoint, states[at], states[at - 1], -1, now_ns, 0))
        before = CLOSED
        for state, basis, ts_ns, frame in entries:
            self.moves.append((endpoint, before, state, basis, ts_ns, frame))
            before = state

    def _become(self, endpoint: Endpoint, state: int, ts_ns: int) -> None:
        """Change the state at ``ts_ns``, the clock that runs in it, and the count of TIME_WAIT."""
        connection: Connection = endpoint.connection
        was = endpoint.state
        endpoint.state = state
        if was == TIME_WAIT:
            self.time_wait.leave(endpoint, self._peer(endpoint), connection.ip_version, ts_ns)
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
        if self.done(connection):
            waited = self.came_from(connection.a, TIME_WAIT) or self.came_from(connection.b, TIME_WAIT)
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

    def came_from(self, endpoint: Endpoint, state: int) -> bool:
        """It came to where it is now from ``state``."""
        before = self.journal.previous(endpoint.last) if endpoint.last >= 0 else -1
        return before >= 0 and self.journal.state(before) == state

    def basis(self, endpoint: Endpoint) -> int:
        return self.journal.basis(endpoint.last) if endpoint.last >= 0 else ASSUMED

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
        self.move(endpoint, CLOCK_RUNS_OUT, TIMER, deadline_ns, NO_CLOCK)
