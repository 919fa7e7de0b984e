# cython: boundscheck=False, initializedcheck=False
"""Counts every finished connection: for the whole capture, and for its service.

Compiled (see ``tally.pxd``): a capture may hold half a million connections, so a
connection costs some additions in one array of numbers and one look-up. Each row of
the array has the columns below; row 0 is the whole capture, each other row a service.
"""

from __future__ import annotations

from array import array

from tcptrace_py.capture.presence import NO_GAPS, Gaps
from tcptrace_py.report.model.columns import (
    BYTES_TO_CLIENT,
    BYTES_TO_SERVER,
    CLIENT_STATES,
    CLOSES,
    CONNECTIONS,
    FAST_OPEN,
    FIRST_NS,
    HANDSHAKES,
    LAST_NS,
    LISTENING,
    MEASURED,
    MEASURED_LEAST_NS,
    MEASURED_MOST_NS,
    MEASURED_NS,
    PACKETS,
    RESETS,
    RETRANSMITS,
    SERVER_STATES,
    SIMULTANEOUS,
    STRAY_RESETS,
    WAIT_LONGEST_NS,
    WAIT_OLDEST_NS,
    WAIT_OPEN,
    WAIT_STUCK,
    WIDTH,
)
from tcptrace_py.tcp.attempt import Attempt
from tcptrace_py.tcp.codes import COMPLETE, OPEN, UNANSWERED
from tcptrace_py.tcp.compat.tcptrace import LONGEST_ROUND_TRIP_NS
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.history import THERE_STILL, closes_first, history_of, stay
from tcptrace_py.tcp.state import CLOSE_WAIT, CLOSED, SYN_SENT

# Services known at once. With fewer than that in a capture, the report does not depend on how it was split.
_ROWS = 1 << 17
# Columns that are no sums over connections.
_NO_SUMS = (FIRST_NS, LAST_NS, MEASURED_LEAST_NS, MEASURED_MOST_NS, WAIT_OLDEST_NS, WAIT_LONGEST_NS)
# Services seen lately, each in the one place that its address and port give it: a dict's key of
# four numbers costs more than all additions.
_PLACES = 256
_FIELDS = 4
# For when it left CLOSE_WAIT, of an endpoint that has not.
# No more is added to a sum of 64 bits from here on.
_MOST_SUM_NS = 1 << 62

#: A service: IP version, the address's upper and lower 64 bits, port. Sorts IPv4 first.
Key = tuple[int, int, int, int]


class Tally:
    """Sums over connections. A value: ``merge`` is associative and commutative.

    ``services``: so many are listed in the end; ``rows``: so many are known at any time. ``gaps``: those of
    the capture so far; no stay in CLOSE_WAIT is counted across one.
    """

    def __init__(self, services: int, rows: int = _ROWS, gaps: Gaps = NO_GAPS) -> None:
        self._services = services
        self._gaps = gaps
        self._gap_ends = gaps.ends
        self._rows_most = max(rows, 2)
        self._rows: dict[Key, int] = {}
        self._room = 16
        self._used = 0
        self._numbers = array("q", bytes(8 * WIDTH * 16))
        # Upper and lower half of the address, version and port, row.
        self._recent = array("Q", bytes(8 * _FIELDS * _PLACES))
        #: Connections to services whose rows were given up.
        self.unlisted = 0
        self._new_row()

    def count(self, connection: Connection, stuck: bool) -> None:
        """Add one connection; ``stuck``: an endpoint of it is part of a stuck-close-wait finding."""
        client = connection.client()
        server = connection.server()
        row = self._row(connection.ip_version, server.address_hi, server.address_lo, server.port)
        outcome = connection.handshake
        close = connection.close
        took_ns = -1
        if outcome == COMPLETE and client.syns == 1 and server.syn_acks == 1 and connection.ack_frame:
            if connection.syn_frame() and not connection.simultaneous_open:
                took_ns = connection.ack_ns - connection.syn_ns()
                if took_ns > LONGEST_ROUND_TRIP_NS or self._numbers[MEASURED_NS] > _MOST_SUM_NS:
                    took_ns = -1
        self._add(0, connection, client, server, outcome, close, took_ns)
        self._add(row * WIDTH, connection, client, server, outcome, close, took_ns)
        # (A FIN that never passed may be told as well.)
        if server.fins or client.rare.history is not None:
            self._close_wait(row, client, server)
        if client.fins or server.rare.history is not None:
            self._close_wait(row, server, client)
        if stuck:
            self._numbers[WAIT_STUCK] += 1
            self._numbers[row * WIDTH + WAIT_STUCK] += 1

    def count_attempt(self, attempt: Attempt) -> None:
        """Add a SYN that nothing followed, as ``count`` would the connection that it began."""
        self._add_attempt(0, attempt)
        row = self._row(attempt.ip_version, attempt.dst_hi, attempt.dst_lo, attempt.dst_port)
        self._add_attempt(row * WIDTH, attempt)

    def _add_attempt(self, at: int, attempt: Attempt) -> None:
        if self._numbers[at + CONNECTIONS] == 0 or attempt.ts_ns < self._numbers[at + FIRST_NS]:
            self._numbers[at + FIRST_NS] = attempt.ts_ns
        if self._numbers[at + CONNECTIONS] == 0 or attempt.ts_ns > self._numbers[at + LAST_NS]:
            self._numbers[at + LAST_NS] = attempt.ts_ns
        self._numbers[at + CONNECTIONS] += 1
        self._numbers[at + HANDSHAKES + UNANSWERED] += 1
        self._numbers[at + CLOSES + OPEN] += 1
        self._numbers[at + CLIENT_STATES + (CLOSED if attempt.given_up else SYN_SENT)] += 1
        self._numbers[at + SERVER_STATES + CLOSED] += 1
        self._numbers[at + PACKETS] += 1

    def _row(self, version: int, hi: int, lo: int, port: int) -> int:
        """The row of a service, begun here if need be."""
        at = ((lo ^ port) & (_PLACES - 1)) * _FIELDS
        version_and_port = version << 16 | port
        if self._recent[at + 2] == version_and_port and self._recent[at + 1] == lo and self._recent[at] == hi:
            return self._recent[at + 3]
        key = (version, hi, lo, port)
        found = self._rows.get(key)
        if found is None:
            row = self._begin(key)
        else:
            row = found
        self._recent[at] = hi
        self._recent[at + 1] = lo
        self._recent[at + 2] = version_and_port
        self._recent[at + 3] = row
        return row

    def _close_wait(self, row: int, endpoint: Endpoint, peer: Endpoint) -> None:
        """Add the stay in CLOSE_WAIT that an endpoint's history has, if it has one."""
        if endpoint.rare.history is None and (endpoint.fin_sent or closes_first(endpoint)):
            # (Told without making its history: it was there from its ACK of the FIN to its own.)
            if not closes_first(endpoint):
                self._stayed(row, peer.fin_acked_ns, endpoint.fin_ns)
            return
        found = stay(history_of(endpoint), CLOSE_WAIT)
        if found is not None:
            entered_ns, _, left_ns = found
            self._stayed(row, entered_ns, left_ns)

    def _stayed(self, row: int, entered_ns: int, left_ns: int) -> None:
        if self._gap_ends:
            left_ns = self._known_stay(row, entered_ns, left_ns)
        self._add_close_wait(0, entered_ns, left_ns)
        self._add_close_wait(row * WIDTH, entered_ns, left_ns)

    def _known_stay(self, row: int, entered_ns: int, left_ns: int) -> int:
        """When it left CLOSE_WAIT, or the gap of the capture up to which it is known to have been there."""
        until_ns = _MOST_SUM_NS if left_ns == THERE_STILL else left_ns
        known_ns: int = self._gaps.until(entered_ns, until_ns)
        if known_ns == until_ns:
            return left_ns
        if left_ns == THERE_STILL:
            # Still there, as far as anybody knows; but not since when without a gap.
            self._add_close_wait(0, _MOST_SUM_NS, THERE_STILL)
            self._add_close_wait(row * WIDTH, _MOST_SUM_NS, THERE_STILL)
        return known_ns

    def _add(
        self,
        at: int,
        connection: Connection,
        client: Endpoint,
        server: Endpoint,
        outcome: int,
        close: int,
        took_ns: int,
    ) -> None:
        numbers = self._numbers
        if numbers[at + CONNECTIONS] == 0 or connection.first_ns < numbers[at + FIRST_NS]:
            numbers[at + FIRST_NS] = connection.first_ns
        if numbers[at + CONNECTIONS] == 0 or connection.last_ns > numbers[at + LAST_NS]:
            numbers[at + LAST_NS] = connection.last_ns
        numbers[at + CONNECTIONS] += 1
        numbers[at + HANDSHAKES + outcome] += 1
        numbers[at + CLOSES + close] += 1
        numbers[at + CLIENT_STATES + client.state] += 1
        numbers[at + SERVER_STATES + server.state] += 1
        numbers[at + PACKETS] += client.packets + server.packets
        numbers[at + BYTES_TO_SERVER] += client.bytes
        numbers[at + BYTES_TO_CLIENT] += server.bytes
        numbers[at + RETRANSMITS] += client.rare.retransmits + server.rare.retransmits
        if connection.simultaneous_open:
            numbers[at + SIMULTANEOUS] += 1
        if connection.fast_open:
            numbers[at + FAST_OPEN] += 1
        if server.passive:
            numbers[at + LISTENING] += 1
        if connection.rare.reset_frame:
            numbers[at + RESETS + connection.reset_cause] += 1
        if connection.rare.stray_resets:
            numbers[at + STRAY_RESETS] += 1
        if took_ns >= 0:
            if numbers[at + MEASURED] == 0 or took_ns < numbers[at + MEASURED_LEAST_NS]:
                numbers[at + MEASURED_LEAST_NS] = took_ns
            if took_ns > numbers[at + MEASURED_MOST_NS]:
                numbers[at + MEASURED_MOST_NS] = took_ns
            numbers[at + MEASURED] += 1
            numbers[at + MEASURED_NS] += took_ns

    def _add_close_wait(self, at: int, entered_ns: int, left_ns: int) -> None:
        numbers = self._numbers
        if left_ns == THERE_STILL:
            if numbers[at + WAIT_OPEN] == 0 or entered_ns < numbers[at + WAIT_OLDEST_NS]:
                numbers[at + WAIT_OLDEST_NS] = entered_ns
            numbers[at + WAIT_OPEN] += 1
        elif left_ns - entered_ns > numbers[at + WAIT_LONGEST_NS]:
            numbers[at + WAIT_LONGEST_NS] = left_ns - entered_ns

    def _new_row(self) -> int:
        if self._used == self._room:
            larger = array("q", bytes(16 * WIDTH * self._room))
            numbers = memoryview(larger)
            numbers[: WIDTH * self._room] = memoryview(self._numbers)
            self._numbers = larger
            self._room *= 2
        row = self._used
        self._used += 1
        at = row * WIDTH
        for column in range(WIDTH):
            self._numbers[at + column] = 0
        self._numbers[at + WAIT_LONGEST_NS] = -1
        return row

    def row(self, row: int) -> list[int]:
        """The numbers of a row, by column."""
        at = row * WIDTH
        return [self._numbers[at + column] for column in range(WIDTH)]

    def services(self) -> list[tuple[Key, int]]:
        """The services and their rows, by address and port."""
        return sorted(self._rows.items())

    def merge(self, other: Tally) -> None:
        """Take in what was counted of another part of the capture, which stays as it is."""
        self._merge_row(0, other.row(0))
        for key, its_row in other.services():
            found = self._rows.get(key)
            self._merge_row(self._begin(key) if found is None else found, other.row(its_row))
        self.unlisted += other.unlisted

    def _merge_row(self, row: int, its: list[int]) -> None:
        at = row * WIDTH
        if not its[CONNECTIONS]:
            return
        for column, least, counted in (
            (FIRST_NS, True, CONNECTIONS),
            (LAST_NS, False, CONNECTIONS),
            (MEASURED_LEAST_NS, True, MEASURED),
            (MEASURED_MOST_NS, False, MEASURED),
            (WAIT_OLDEST_NS, True, WAIT_OPEN),
        ):
            mine = self._numbers[at + column]
            if its[counted] and (
                not self._numbers[at + counted] or (its[column] < mine if least else its[column] > mine)
            ):
                self._numbers[at + column] = its[column]
        if its[WAIT_LONGEST_NS] > self._numbers[at + WAIT_LONGEST_NS]:
            self._numbers[at + WAIT_LONGEST_NS] = its[WAIT_LONGEST_NS]
        for column in range(WIDTH):
            if column not in _NO_SUMS:
                self._numbers[at + column] = min(self._numbers[at + column] + its[column], _MOST_SUM_NS)

    def _begin(self, key: Key) -> int:
        if len(self._rows) >= self._rows_most:
            self.prune(self._rows_most // 2)
        row = self._new_row()
        self._rows[key] = row
        return row

    def listed(self) -> list[tuple[Key, int]]:
        """The services that a report lists, as ``services`` gives them; the rest is summed up."""
        self.prune(self._services)
        return self.services()

    def prune(self, most: int) -> None:
        """Keep ``most`` rows: those seen to accept, the sick, the busiest; sum up the rest.

        A port scan has more services than anyone can read. Of equals, those with the least address and
        port stay. A service that was given up and is seen again starts from nothing.
        """
        if len(self._rows) <= most:
            return
        ranked = sorted(self._rows, key=lambda key: (-self._score(self._rows[key]), key))
        staying = set(ranked[:most])
        kept: dict[Key, int] = {}
        used = 1
        # Rows are in the order of the dict and move down only: none is overwritten before it moved.
        for key, row in self._rows.items():
            if key not in staying:
                self.unlisted += self._numbers[row * WIDTH + CONNECTIONS]
                continue
            self._move(row, used)
            kept[key] = used
            used += 1
        self._used = used
        self._rows = kept
        for place in range(_PLACES):
            self._recent[place * _FIELDS + 2] = 0

    def __reduce__(self) -> tuple[object, ...]:
        numbers = array("q", bytes(memoryview(self._numbers)[: self._used * WIDTH]))
        return _restored, (self._services, self._rows_most, self._rows, numbers, self.unlisted)

    def restore(self, rows: dict[Key, int], numbers: array[int], unlisted: int) -> None:
        """Have these rows, of an empty tally."""
        self._rows = rows
        self._numbers = numbers
        self._used = self._room = len(numbers) // WIDTH
        self.unlisted = unlisted

    def _score(self, row: int) -> int:
        """What speaks for keeping a row; at least 1."""
        at = row * WIDTH
        score = self._numbers[at + CONNECTIONS]
        if self._numbers[at + WAIT_STUCK]:
            score += 1 << 40
        if self._numbers[at + LISTENING]:
            score += 1 << 41
        return score

    def _move(self, row: int, to: int) -> None:
        for column in range(WIDTH):
            self._numbers[to * WIDTH + column] = self._numbers[row * WIDTH + column]


def _restored(
    services: int, rows_most: int, rows: dict[Key, int], numbers: array[int], unlisted: int
) -> Tally:
    tally = Tally(services, rows_most)
    tally.restore(rows, numbers, unlisted)
    return tally
