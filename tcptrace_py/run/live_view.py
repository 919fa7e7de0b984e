"""What the dashboard shows of a `Watch`: numbers of now, and rates over the last minutes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from heapq import nsmallest

from tcptrace_py.findings.wording import socket_name, times
from tcptrace_py.report.model.record import connection_record
from tcptrace_py.report.people.dashboard import Holder, TimeWaitPile, View
from tcptrace_py.report.people.dashboard_lists import CONNECTIONS, SERVICES, LiveConnection, LiveService
from tcptrace_py.report.people.ladder import Ladder, build_ladder
from tcptrace_py.run.live import Watch
from tcptrace_py.run.recent import RecentFrames
from tcptrace_py.tcp.clocks import nanoseconds
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.state import CLOSE_WAIT, CLOSED, LISTEN, STATE_NAMES
from tcptrace_py.tcp.time_wait import Pile
from tcptrace_py.wire.address import address_text

# Seconds of rates that are remembered.
_HISTORY = 120
# Connections that one can move through.
_LISTED = 2_000
# How long a notice is shown.
_NOTICE_NS = 60 * 1_000_000_000
# Piles that are named.
_NAMED = 50


class ViewSource:
    """Call ``view`` several times a second: rates are taken once a second."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._opened: deque[int] = deque(maxlen=_HISTORY)
        self._resets: deque[int] = deque(maxlen=_HISTORY)
        self._began_s = time.monotonic()
        self._sampled_s = self._began_s
        self._before = (0, 0, 0)
        self._packets_per_s = 0.0

    def _sample(self) -> None:
        now_s = time.monotonic()
        past_s = now_s - self._sampled_s
        if past_s < 1.0:
            return
        tracker = self._watch.tracker
        now = (self._watch.capture.packets, tracker.connections, tracker.machine.resets)
        packets, opened, resets = (a - b for a, b in zip(now, self._before, strict=True))
        # A look that came late stands for all the seconds that it covers.
        for _ in range(min(int(past_s), _HISTORY)):
            self._opened.append(round(opened / past_s))
            self._resets.append(round(resets / past_s))
        self._packets_per_s = packets / past_s
        self._before = now
        self._sampled_s = now_s

    def view(self, shown: str = "") -> View:
        """``shown``: the list that is looked at, if any."""
        self._sample()
        watch = self._watch
        tracker = watch.tracker
        census = watch.census()
        now_ns = tracker.last_ns
        holders = [
            Holder(_holder_name(key), count, max(0, now_ns - since_ns))
            for key, (count, since_ns) in census.close_waits.items()
        ]
        holders.sort(key=lambda holder: (-holder.count, -holder.oldest_ns, holder.name))
        notes = []
        if watch.write_problem is not None:
            notes.append(f"nothing more is written: {watch.write_problem.strerror}")
        for ts_ns, text in list(watch.notices)[-1:]:
            if time.time_ns() - ts_ns < _NOTICE_NS:
                notes.append(text)
        return View(
            interface=watch.capture.path,
            elapsed_ns=round((time.monotonic() - self._began_s) * 1e9),
            packets=watch.capture.packets,
            packets_per_s=self._packets_per_s,
            tcp_segments=watch.session.replay.decoder.tcp_segments,
            dropped_by_kernel=watch.capture.dropped_by_kernel,
            connections=tracker.connections,
            alive=census.alive,
            let_go=tracker.evicted_over + tracker.evicted_open,
            clients=census.clients,
            servers=census.servers,
            opened=tuple(self._opened),
            resets=tuple(self._resets),
            close_waits=holders,
            close_wait_after_ns=nanoseconds(watch.settings.close_wait_after_s),
            time_waits=self._time_waits(),
            findings=watch.findings(),
            notes=notes,
            live_connections=self._connections() if shown == CONNECTIONS else [],
            live_services=self._services() if shown == SERVICES else [],
        )

    def connection(self, number: int) -> Connection | None:
        """The one of that id, if it is still alive."""
        return next((each for each in self._alive() if each.id == number), None)

    def ladder(self, connection: Connection, recent: RecentFrames) -> Ladder:
        """Of a connection that goes on: its states so far, and what ``recent`` still has of its packets."""
        watch = self._watch
        record = connection_record(connection, ())
        passages = recent.passages(connection, watch.settings)
        ladder = build_ladder(record, [], passages, [watch.capture.path], full=True)
        gone = record.client.packets + record.server.packets - len(passages)
        if gone > 0:
            ladder.heading.append(f"Not in memory any more: {times(gone, 'segment')} of it.")
        return ladder

    def _alive(self) -> Iterator[Connection]:
        over = (CLOSED, LISTEN)
        for connection in self._watch.tracker.table.all():
            if connection.a.state not in over or connection.b.state not in over:
                yield connection

    def _connections(self) -> list[LiveConnection]:
        """The oldest of those that are alive."""
        tracker = self._watch.tracker
        oldest = nsmallest(_LISTED, self._alive(), key=lambda each: each.first_ns)
        return [self._connection(each, tracker.last_ns) for each in oldest]

    def _connection(self, connection: Connection, now_ns: int) -> LiveConnection:
        client, server = connection.client(), connection.server()
        version = connection.ip_version
        names = [socket_name(version, end.address_hi, end.address_lo, end.port) for end in (client, server)]
        return LiveConnection(
            id=connection.id,
            client=names[0],
            server=names[1],
            client_state=STATE_NAMES[client.state],
            server_state=STATE_NAMES[server.state],
            age_ns=max(0, now_ns - connection.first_ns),
            idle_ns=max(0, now_ns - connection.last_ns),
            sent_bytes=client.bytes,
            received_bytes=server.bytes,
        )

    def _services(self) -> list[LiveService]:
        counts: dict[tuple[int, int, int, int], list[int]] = {}
        clients: dict[tuple[int, int, int, int], set[tuple[int, int]]] = {}
        for connection in self._alive():
            client, server = connection.client(), connection.server()
            key = (connection.ip_version, server.address_hi, server.address_lo, server.port)
            count = counts.setdefault(key, [0, 0])
            count[0] += 1
            count[1] += server.state == CLOSE_WAIT
            clients.setdefault(key, set()).add((client.address_hi, client.address_lo))
        return [
            LiveService(socket_name(*key), alive, stuck, len(clients[key]))
            for key, (alive, stuck) in counts.items()
        ]

    def _time_waits(self) -> list[TimeWaitPile]:
        """The largest piles of now, each with the destination that has taken most of its ports."""
        time_wait = self._watch.tracker.time_wait
        nearest: dict[tuple[int, int, int], Pile] = {}
        for there in time_wait.destinations():
            key = (there.ip_version, there.address_hi, there.address_lo)
            if there.now > 0 and (key not in nearest or there.now > nearest[key].now):
                nearest[key] = there
        piles = [pile for pile in time_wait.addresses() if pile.now > 0]
        piles.sort(key=lambda pile: (-pile.now, pile.ip_version, pile.address_hi, pile.address_lo))
        found = []
        for pile in piles[:_NAMED]:
            shown = TimeWaitPile(address_text(pile.address_hi, pile.address_lo, pile.ip_version), pile.now)
            toward = nearest.get((pile.ip_version, pile.address_hi, pile.address_lo))
            if toward is not None:
                shown.toward = socket_name(toward.ip_version, toward.to_hi, toward.to_lo, toward.to_port)
                shown.share = toward.now / self._watch.settings.ephemeral_ports
            found.append(shown)
        return found


def _holder_name(key: tuple[int, int, int, int]) -> str:
    version, hi, lo, port = key
    if port < 0:
        return f"client {address_text(hi, lo, version)}"
    return f"server {socket_name(version, hi, lo, port)}"
