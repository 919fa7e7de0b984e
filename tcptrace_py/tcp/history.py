"""The regular way of a connection, as a table, and the histories of endpoints, which follow from it.

Compiled (see ``history.pxd``). A connection that is opened, used and closed without anything out of the
ordinary keeps when its handshake and its FINs passed and were acknowledged: what its ends have been follows.
An end whose history was read from evidence, or was closed by no segment of its own, has that history itself.
"""

from __future__ import annotations

from struct import Struct

from tcptrace_py.tcp.codes import (
    COMPLETE,
    FOUR_WAY,
    HALF_CLOSED,
    HALF_OPEN,
    REFUSED_HANDSHAKE,
    RESET,
    SAME,
    THREE_WAY,
    UNANSWERED,
)
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.state import (
    ACKNOWLEDGED,
    CLOSE_WAIT,
    CLOSED,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    GETS_ACK_OF_FIN,
    GETS_ACK_OF_SYN,
    GETS_FIN,
    GETS_FIN_WITH_ACK_OF_FIN,
    GETS_RST,
    GETS_SYN_ACK,
    LAST_ACK,
    LISTENS,
    PRESUMED,
    SENDS_FIN,
    SENDS_RST,
    SENDS_SYN,
    SENDS_SYN_ACK,
    SENT,
    SYN_RCVD,
    SYN_SENT,
    TIME_WAIT,
    TIMER,
    TRANSITIONS,
)
from tcptrace_py.wire.segment import ACK, FIN, RST, SYN

#: A history: ``(state, ts_ns, frame, basis)``, oldest first; frame 0 where a clock ran out.
Entries = list[tuple[int, int, int, int]]
#: Of a segment: whether ``a`` sent it, its flags, frame and time in ns.
Passed = tuple[bool, int, int, int]

# A history that is kept is bytes, of each entry these numbers: 18, where Python takes some 150.
_ENTRY = Struct("=BqqB")
#: In place of the time when a state was left: it was not.
THERE_STILL = -1


class Step:
    """What one segment shows its sender to have become, by what that has got and by being sent, what its
    receiver presumably becomes, and what is to be said of the handshake, or the close, then."""

    def __init__(
        self, sender: int, receiver: int, has_got: int, sends: int, gets: int, handshake: int, close: int
    ) -> None:
        self.acknowledged = _after(sender, has_got)
        self.sent = _after(sender if has_got == SAME else self.acknowledged, sends)
        self.presumed = _after(receiver, gets)
        self.handshake = handshake
        self.close = close


def _after(state: int, event: int) -> int:
    """(Who refuses in CLOSED stays there: that is no transition, and is said nevertheless.)"""
    return SAME if event == SAME else TRANSITIONS.get((state, event), state)


def _at(flags: int, sender: int, receiver: int) -> int:
    """By what a step is found: flags, and the states before it."""
    return flags << 8 | sender << 4 | receiver


#: The whole way: flags and the states before; what its sender has got, what it sends, what its receiver gets,
#: and what is to be said then. Each segment has the very numbers that are expected, and no data.
_STEPS = {
    (SYN, CLOSED, CLOSED): (SAME, SENDS_SYN, SAME, UNANSWERED, SAME),
    (RST | ACK, CLOSED, SYN_SENT): (SAME, SENDS_RST, GETS_RST, REFUSED_HANDSHAKE, RESET),
    (SYN | ACK, CLOSED, SYN_SENT): (LISTENS, SENDS_SYN_ACK, SAME, HALF_OPEN, SAME),
    (ACK, SYN_SENT, SYN_RCVD): (GETS_SYN_ACK, SAME, GETS_ACK_OF_SYN, COMPLETE, SAME),
    (RST | ACK, ESTABLISHED, ESTABLISHED): (SAME, SENDS_RST, GETS_RST, SAME, RESET),
    (FIN | ACK, ESTABLISHED, ESTABLISHED): (SAME, SENDS_FIN, SAME, SAME, HALF_CLOSED),
    (ACK, ESTABLISHED, FIN_WAIT_1): (GETS_FIN, SAME, GETS_ACK_OF_FIN, SAME, SAME),
    (FIN | ACK, ESTABLISHED, FIN_WAIT_1): (GETS_FIN, SENDS_FIN, SAME, SAME, THREE_WAY),
    (FIN | ACK, CLOSE_WAIT, FIN_WAIT_2): (SAME, SENDS_FIN, SAME, SAME, FOUR_WAY),
    (ACK, FIN_WAIT_1, LAST_ACK): (GETS_FIN_WITH_ACK_OF_FIN, SAME, GETS_ACK_OF_FIN, SAME, SAME),
    (ACK, FIN_WAIT_2, LAST_ACK): (GETS_FIN, SAME, GETS_ACK_OF_FIN, SAME, SAME),
}
# (A place in a list is found faster than a key.)
_BY_PLACE: list[Step | None] = [None] * (_at(SYN | ACK | FIN | RST, 15, 15) + 1)
for (_flags, _sender, _receiver), _happens in _STEPS.items():
    _BY_PLACE[_at(_flags, _sender, _receiver)] = Step(_sender, _receiver, *_happens)


def step_of(flags: int, sender: int, receiver: int) -> Step | None:
    """The step that a segment with these flags is between ends in these states, if it is one."""
    return _BY_PLACE[_at(flags, sender, receiver)]


def passed(connection: Connection) -> list[Passed]:
    """What has passed of the regular way and was a step, in its order."""
    first, second = connection.a, connection.b
    if connection.first_fin_by == 2:
        first, second = second, first
    by_first = first is connection.a
    found: list[Passed] = []
    if connection.syn_frame():
        found.append((True, SYN, connection.syn_frame(), connection.syn_ns()))
    if connection.syn_ack_frame:
        found.append((False, SYN | ACK, connection.syn_ack_frame, connection.syn_ack_ns))
    if connection.ack_frame:
        found.append((True, ACK, connection.ack_frame, connection.ack_ns))
    if first.fin_sent:
        found.append((by_first, FIN | ACK, first.fin_frame, first.fin_ns))
    if first.fin_acked_frame and connection.close != THREE_WAY:
        found.append((not by_first, ACK, first.fin_acked_frame, first.fin_acked_ns))
    if second.fin_sent:
        found.append((not by_first, FIN | ACK, second.fin_frame, second.fin_ns))
    if second.fin_acked_frame:
        found.append((by_first, ACK, second.fin_acked_frame, second.fin_acked_ns))
    if connection.reset_by:
        rare = connection.rare
        found.append((connection.reset_by == 1, RST | ACK, rare.reset_frame, rare.reset_ns))
    return found


def history_of(endpoint: Endpoint) -> Entries:
    """All that it has been, as far as is known."""
    if endpoint.rare.history is not None:
        return list(_ENTRY.iter_unpack(endpoint.rare.history))
    connection: Connection = endpoint.connection
    of_a, of_b = histories_of(connection)
    return of_a if endpoint is connection.a else of_b


def histories_of(connection: Connection) -> tuple[Entries, Entries]:
    """The same of both its ends."""
    a = connection.a
    b = connection.b
    if a.rare.history is not None and b.rare.history is not None:
        return history_of(a), history_of(b)
    entries: list[Entries] = [[], []]
    states = [CLOSED, CLOSED]
    for by_a, flags, frame, ts_ns in passed(connection):
        sender, receiver = (0, 1) if by_a else (1, 0)
        step = step_of(flags, states[sender], states[receiver])
        if step is None:
            raise ValueError(f"frame {frame} is none of the regular way")
        if step.acknowledged != SAME:
            entries[sender].append((step.acknowledged, ts_ns, frame, ACKNOWLEDGED))
            states[sender] = step.acknowledged
        if step.sent != SAME:
            entries[sender].append((step.sent, ts_ns, frame, SENT))
            states[sender] = step.sent
        if step.presumed != SAME:
            entries[receiver].append((step.presumed, ts_ns, frame, PRESUMED))
            states[receiver] = step.presumed
    return _whole(a, entries[0]), _whole(b, entries[1])


def _whole(endpoint: Endpoint, entries: Entries) -> Entries:
    """What an end has been, by what follows for it from what has passed."""
    if endpoint.rare.history is not None:
        return history_of(endpoint)
    if endpoint.closed_by:
        # Its clock has run out, and none has run for it since.
        entries.append((endpoint.state, endpoint.deadline_ns, 0, TIMER))
    return entries


def keep(endpoint: Endpoint, entries: Entries) -> None:
    """From now on this is its history, and does not follow from anything."""
    rare = endpoint.own_rare()
    rare.history = b"".join([_ENTRY.pack(*entry) for entry in entries])


def write_down(connection: Connection) -> None:
    """From now on the histories of both its ends are their own."""
    of_a, of_b = histories_of(connection)
    keep(connection.a, of_a)
    keep(connection.b, of_b)


def closes_first(endpoint: Endpoint) -> bool:
    """Its FIN came before its peer's, on the regular way."""
    connection: Connection = endpoint.connection
    return connection.first_fin_by == (1 if endpoint is connection.a else 2)


def came_from_time_wait(endpoint: Endpoint, peer: Endpoint) -> bool:
    """It came from there to where it is now."""
    if endpoint.rare.history is None:
        # (Asked of each connection that is over: told without making its history.)
        return endpoint.closed_by > 0 and peer.fin_acked_frame > 0 and closes_first(endpoint)
    entries = history_of(endpoint)
    before = len(entries) - 2
    return before >= 0 and entries[before][0] == TIME_WAIT


def stay(entries: Entries, state: int) -> tuple[int, int, int] | None:
    """When and in which frame a history enters a state, for the last time, and when it leaves it."""
    left_ns = THERE_STILL
    for each, ts_ns, frame, _ in reversed(entries):
        if each == state:
            return ts_ns, frame, left_ns
        left_ns = ts_ns
    return None
