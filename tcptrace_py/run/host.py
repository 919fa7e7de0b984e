"""Sets what this host's kernel says of its sockets beside what the tracker reads from segments (section 11).

The kernel knows the states of its own sockets; the tracker knows what passed, and both ends. An endpoint is
compared only when no segment of its connection was under way while the kernel was read.
"""

from __future__ import annotations

import select
import time
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, cast

from msgspec.structs import replace

from tcptrace_py.findings.finding import Finding, Process, Subject, worst_first
from tcptrace_py.findings.texts import TEXTS, remedy
from tcptrace_py.findings.wording import times
from tcptrace_py.kernel.namespaces import own_namespace
from tcptrace_py.kernel.owners import Owner
from tcptrace_py.kernel.reader import KernelReader, Snapshot
from tcptrace_py.kernel.sockets import KernelSocket, SocketKey
from tcptrace_py.report.formats.events import Disagreement
from tcptrace_py.report.model.host import Kernel, Listener, Socket
from tcptrace_py.report.model.model import Connection as ConnectionRecord
from tcptrace_py.report.model.model import Report, State
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.state import CLOSED, FIN_WAIT_2, LISTEN, STATE_NAMES, SYN_SENT, TIME_WAIT
from tcptrace_py.wire.address import address_text, parse_address

if TYPE_CHECKING:
    from tcptrace_py.run.live import Watch

# Comparing takes this part of the time at most.
_LOOKING_SHARE = 0.05
_LOOK_S = 1.0
# A segment that passed so shortly before the kernel was read may have moved the one and not the other.
_SETTLED_NS = 300_000_000
# Endpoints whose last word is kept after the tracker is done with their connections.
_REMEMBERED = 20_000
# Sockets whose owners are asked for at once, and file descriptors that are listed.
_OWNERS_AT_ONCE = 2_000
_DESCRIPTORS = 100
_LISTENERS = 1_000
# Who leaves these sends nothing, and when that is only its host knows: CLOSE in SYN_SENT (RFC 9293 section
# 3.10.4), and two timers, of which ours are guesses.
_MAY_GO_SILENTLY = frozenset({SYN_SENT, FIN_WAIT_2, TIME_WAIT})
# A queue that is full, and what that looks like where SYNs or the last ACKs are not even answered.
_QUEUE_FULL = "accept-queue-full"
_QUEUE_UNSEEN = ("connection-timeout", "half-open-handshake")
# Disagreements that wait to be told.
_FRESH = 1_000
_PATIENCE_S = 2.0
# States in which the peer's FIN is in the receive queue, where the kernel counts it as a byte.
_FIN_RECEIVED = frozenset({"CLOSE_WAIT", "LAST_ACK", "CLOSING", "TIME_WAIT"})


class _End(NamedTuple):
    """One end of a connection: the connection's id, and the socket that it would be on this host."""

    connection: int
    key: SocketKey


class HostView:
    """An observer of a `Watch` (see `run.live.Observer`). ``reader`` is closed with ``close``."""

    def __init__(self, reader: KernelReader) -> None:
        self.period_s = _LOOK_S
        #: Why the kernel is not asked any more, or "".
        self.problem = ""
        self._reader = reader
        self._answers = 0
        self._attached = False
        self._watch: Watch | None = None
        #: Last words, most recent last, and which of these ends are servers.
        self._sockets: OrderedDict[_End, Socket] = OrderedDict()
        self._servers: set[_End] = set()
        self._owners: OrderedDict[int, list[Owner]] = OrderedDict()
        #: Endpoints that the kernel has had a socket for, and what it said when it last disagreed.
        self._present: set[_End] = set()
        self._doubted: dict[_End, tuple[str, int]] = {}
        self._confirmed: set[_End] = set()
        self._confirmed_before = 0
        self._refuted = 0
        self._refuted_ends: set[_End] = set()
        self._fresh: deque[Disagreement] = deque(maxlen=_FRESH)
        self._listeners: dict[tuple[bytes, int], Listener] = {}
        #: Listeners of other namespaces, whose count of overflows is not read.
        self._elsewhere: set[tuple[bytes, int]] = set()
        self._own_namespace = own_namespace()
        self._overflows_first: int | None = None
        self._overflows: int | None = None
        #: The lower halves of all addresses that sockets of this host have had.
        self._local: set[int] = set()
        self._known = 0
        self._last: list[KernelSocket] = []
        self._wanted: set[int] = set()
        #: Those of them that nobody was found to hold.
        self._unowned: set[int] = set()
        #: The kernel was asked again at once, only for who holds what the answer before showed.
        self._naming = False

    # --- an observer --------------------------------------------------------------------

    def moved(self, moves: Iterable[object]) -> None:
        """Transitions do not matter here: the kernel is asked by the clock."""

    def look(self, watch: Watch) -> None:
        if self.problem:
            return
        if not self._attached:
            self._watch = watch
            self._attached = True
            watch.attach(self._reader.fileno(), self._answered)
        self._reader.ask(sorted(self._wanted)[:_OWNERS_AT_ONCE])

    def last_look(self, watch: Watch) -> None:
        """Once more, and wait for the answer, but no longer than ``_PATIENCE_S``."""
        self.look(watch)
        poll = select.poll()
        poll.register(self._reader.fileno(), select.POLLIN)
        until_s = time.monotonic() + _PATIENCE_S
        answers = self._answers
        while (
            not self.problem
            and (self._answers == answers or self._naming)
            and (left_s := until_s - time.monotonic()) > 0
        ):
            if poll.poll(left_s * 1000):
                self._answered()

    def _answered(self) -> None:
        watch = self._watch
        assert watch is not None
        try:
            snapshot = self._reader.take()
        except (OSError, ValueError) as error:
            self._give_up(watch, str(error))
            return
        if snapshot is None:
            return
        if snapshot.problem:
            self._give_up(watch, snapshot.problem)
            return
        if self._naming:
            # So soon after a look it is none: two that differ from the reading are to be a second apart.
            self._naming = False
            self._own(snapshot)
            return
        self._answers += 1
        begin_s = time.monotonic()
        # The capture's time, where the clock was set back.
        snapshot.begin_ns += watch.clock.shift_ns
        snapshot.end_ns += watch.clock.shift_ns
        self.compare(snapshot, watch.tracker.table.all())
        self.period_s = max(_LOOK_S, (time.monotonic() - begin_s) / _LOOKING_SHARE)
        if self._wanted - self._unowned:
            self._naming = True
            self._reader.ask(sorted(self._wanted)[:_OWNERS_AT_ONCE])

    def _own(self, snapshot: Snapshot) -> None:
        for inode, found in snapshot.owners.items():
            self._owners[inode] = found
            self._owners.move_to_end(inode)
        while len(self._owners) > _REMEMBERED:
            self._owners.popitem(last=False)
        self._unowned = self._wanted - snapshot.owners.keys()

    def _give_up(self, watch: Watch, why: str) -> None:
        self.problem = f"the kernel's own states are not shown: {why}"
        watch.warnings.append(self.problem)
        watch.notice(self.problem)
        watch.detach(self._reader.fileno())

    def close(self) -> None:
        if self._attached and self._watch is not None and not self.problem:
            self._watch.detach(self._reader.fileno())
        self._reader.close()

    # --- comparing ----------------------------------------------------------------------

    def compare(self, snapshot: Snapshot, connections: Iterable[Connection]) -> None:
        """Hold every open connection of the tracker against the kernel's table of the same moment."""
        by_key = {each.key: each for each in snapshot.sockets}
        self._known = len(by_key)
        self._last = snapshot.sockets
        self._overflows = snapshot.overflows
        if self._overflows_first is None:
            self._overflows_first = snapshot.overflows
        self._own(snapshot)
        for each in snapshot.sockets:
            if each.state == "LISTEN":
                self._listen(each)
        self._wanted = set()
        alive: set[_End] = set()
        self._local.update(int.from_bytes(each.address[-8:], "big") for each in by_key)
        local = self._local
        ends = [
            (_End(connection.id, _key(endpoint, peer, connection.ip_version)), connection, endpoint)
            for connection in connections
            # Most of what passes a router, or a mirror port, is of other hosts.
            if connection.a.address_lo in local or connection.b.address_lo in local
            for endpoint, peer in ((connection.a, connection.b), (connection.b, connection.a))
            if endpoint.address_lo in local
        ]
        # Of several connections on one four-tuple the socket is that of one: of the latest that fits, or if
        # none does of the latest.
        owner: dict[SocketKey, _End] = {}
        for end, _connection, endpoint in ends:
            socket = by_key.get(end.key)
            if socket is not None and STATE_NAMES[endpoint.state] == socket.state:
                owner[end.key] = end
        for end, _connection, _endpoint in reversed(ends):
            owner.setdefault(end.key, end)
        for end, connection, endpoint in ends:
            alive.add(end)
            if owner[end.key] == end:
                settled = connection.last_ns < snapshot.begin_ns - _SETTLED_NS
                server = connection.server()
                socket = by_key.get(end.key)
                if socket is not None:
                    if endpoint is server:
                        self._servers.add(end)
                    self._present.add(end)
                    self._take(end, endpoint, socket, settled, snapshot)
                elif end in self._present:
                    self._gone(end, endpoint, settled, snapshot)
        self._forget(alive)

    def _take(
        self, end: _End, endpoint: Endpoint, socket: KernelSocket, settled: bool, snapshot: Snapshot
    ) -> None:
        # Its time is up, and timers of a minute run seconds late: Linux's wheel of them is so coarse.
        over = endpoint.state == CLOSED and socket.state == "TIME_WAIT" and not socket.expires_ms
        agrees = over or self._judge(end, endpoint, socket.state, settled, snapshot.end_ns)
        unread = socket.receive_queue_bytes - (socket.state in _FIN_RECEIVED)
        self._sockets[end] = Socket(
            ts_ns=snapshot.end_ns,
            state=socket.state,
            agrees=agrees,
            unread_bytes=max(0, unread),
            unacked_bytes=socket.send_queue_bytes,
            uid=socket.uid,
            inode=socket.inode,
            timer=socket.timer,
            timer_s=socket.expires_ms / 1000,
        )
        self._sockets.move_to_end(end)
        if socket.inode and socket.inode not in self._owners and socket.state != "ESTABLISHED":
            self._wanted.add(socket.inode)

    def _gone(self, end: _End, endpoint: Endpoint, settled: bool, snapshot: Snapshot) -> None:
        """The kernel had a socket for this endpoint, and has none any more: it is CLOSED."""
        before = self._sockets.get(end)
        silent = endpoint.state in _MAY_GO_SILENTLY
        agrees = (
            endpoint.state in (CLOSED, LISTEN)
            or silent
            or self._judge(end, endpoint, "CLOSED", settled, snapshot.end_ns)
        )
        if before is not None:
            # What it had not read, and who held it, stays worth knowing.
            self._sockets[end] = replace(
                before, ts_ns=snapshot.end_ns, state="CLOSED", agrees=agrees, timer="", timer_s=0.0
            )

    def _judge(self, end: _End, endpoint: Endpoint, state: str, settled: bool, ts_ns: int) -> bool:
        """Whether reading and kernel agree; a difference counts when two looks at rest have found it."""
        reading = STATE_NAMES[endpoint.state]
        if reading == state:
            self._confirmed.add(end)
            self._doubted.pop(end, None)
            return True
        if not settled:
            self._doubted.pop(end, None)
            return False
        if self._doubted.get(end) == (state, endpoint.packets):
            if end not in self._refuted_ends:
                self._refuted_ends.add(end)
                self._refuted += 1
                self._fresh.append(self._disagreement(end, reading, state, ts_ns))
        else:
            self._doubted[end] = (state, endpoint.packets)
        return False

    def _disagreement(self, end: _End, reading: str, state: str, ts_ns: int) -> Disagreement:
        key = end.key
        return Disagreement(
            ts_ns=ts_ns,
            connection=end.connection,
            role="server" if end in self._servers else "client",
            address=_text(key.address),
            port=key.port,
            peer_address=_text(key.peer_address),
            peer_port=key.peer_port,
            state=cast("State", reading),
            kernel=cast("State", state),
        )

    def fresh_disagreements(self) -> list[Disagreement]:
        """Those that were found since this was last asked, the latest of them."""
        found = list(self._fresh)
        self._fresh.clear()
        return found

    def _listen(self, socket: KernelSocket) -> None:
        key = (socket.key.address, socket.key.port)
        known = self._listeners.get(key)
        if known is None:
            if len(self._listeners) >= _LISTENERS:
                return
            known = Listener(_text(socket.key.address), socket.key.port, 0, 0, 0)
            self._listeners[key] = known
        known.waiting = socket.receive_queue_bytes
        if socket.namespace != self._own_namespace:
            self._elsewhere.add(key)
        known.waiting_most = max(known.waiting_most, known.waiting)
        known.backlog = socket.send_queue_bytes

    def _forget(self, alive: set[_End]) -> None:
        """What is over keeps its last word for a while, and counts; all else about it goes."""
        self._confirmed_before += len(self._confirmed - alive)
        self._confirmed &= alive
        self._present &= alive
        self._refuted_ends &= alive
        for end in self._doubted.keys() - alive:
            del self._doubted[end]
        excess = len(self._sockets) - len(alive) - _REMEMBERED
        for end in list(self._sockets)[: max(0, excess)]:
            if end not in alive:
                del self._sockets[end]
                self._servers.discard(end)

    def table(self) -> list[dict[str, object]]:
        """All sockets of this host when last asked, as rows for JSON."""
        return [
            {
                "address": _text(each.key.address),
                "port": each.key.port,
                "peer_address": _text(each.key.peer_address),
                "peer_port": each.key.peer_port,
                **{name: getattr(each, name) for name in each.__struct_fields__ if name != "key"},
            }
            for each in self._last
        ]

    @property
    def disagreements(self) -> int:
        """Endpoints of which the kernel has said something else than the reading, so far."""
        return self._refuted

    # --- telling ------------------------------------------------------------------------

    def complete(self, report: Report) -> None:
        """Put all that the kernel said into a report; nothing where it never answered."""
        if not self._answers:
            return
        report.kernel = self._kernel()
        told = self.confirm(report.findings)
        for record in report.connections:
            self.annotate(record)
            kind = told.get(record.id)
            if kind is not None:
                record.findings = [_QUEUE_FULL if each == kind else each for each in record.findings]

    def _kernel(self) -> Kernel:
        return Kernel(
            sockets=self._known,
            confirmed=self._confirmed_before + len(self._confirmed),
            disagreements=self._refuted,
            listen_overflows=self._overflowed(),
            listeners=sorted(self._listeners.values(), key=lambda each: (each.port, each.address)),
        )

    def confirm(self, findings: list[Finding]) -> dict[int, str]:
        """Name who holds their sockets, and say what the kernel says of accept queues that look full.

        By id of connection: the kind that was told in its finding before, where it is another now.
        """
        self._name_processes(findings)
        told: dict[int, str] = {}
        for finding in findings:
            subject = finding.subject
            if finding.kind not in (_QUEUE_FULL, *_QUEUE_UNSEEN) or subject.role != "server":
                continue
            listener = self._listener(subject)
            if listener is not None:
                kind = finding.kind
                self._confirm(finding, listener)
                if finding.kind != kind:
                    told.update(dict.fromkeys(finding.connections, kind))
        findings.sort(key=worst_first)
        return told

    def _listener(self, subject: Subject) -> Listener | None:
        if subject.address is None or subject.port is None:
            return None
        for address in (_packed(subject.address), bytes(4), bytes(16)):
            listener = self._listeners.get((address, subject.port))
            if listener is not None:
                return listener
        return None

    def _confirm(self, finding: Finding, listener: Listener) -> None:
        dropped = self._overflowed() or 0
        elsewhere = (_packed(listener.address), listener.port) in self._elsewhere
        room = f"{times(listener.waiting_most, 'connection')} waited in it, and {listener.backlog:,} may"
        if listener.waiting_most > listener.backlog:
            sentence = (
                f"The kernel says that its accept queue was full: {room} (Recv-Q and Send-Q of ss -ltn)."
            )
            if dropped and not elsewhere:
                sentence += f" {times(dropped, 'handshake')} on this host met a full queue (ListenOverflows)."
            if finding.kind != _QUEUE_FULL:
                finding.kind = _QUEUE_FULL
                finding.remedy = remedy(TEXTS[_QUEUE_FULL], f"sport = :{listener.port}")
                finding.severity = "critical" if finding.count > 1 else "warning"
            finding.confidence = "certain"
        elif finding.kind != _QUEUE_FULL or dropped or elsewhere or self._overflows is None:
            # Looked at once a second, it may have been full in between.
            return
        else:
            finding.confidence = "possible"
            if finding.severity == "critical":
                finding.severity = "warning"
            sentence = f"The kernel says otherwise: at most {room}, and no handshake met a full queue."
        if sentence not in finding.explanation:
            finding.explanation = f"{finding.explanation} {sentence}"

    def _overflowed(self) -> int | None:
        if self._overflows is None or self._overflows_first is None:
            return None
        return self._overflows - self._overflows_first

    def annotate(self, record: ConnectionRecord) -> None:
        """Put the kernel's last word beside both endpoints of a record; its basis is then ``kernel``."""
        for endpoint, peer in ((record.client, record.server), (record.server, record.client)):
            key = SocketKey(_packed(endpoint.address), endpoint.port, _packed(peer.address), peer.port)
            socket = self._sockets.get(_End(record.id, key))
            if socket is None:
                continue
            socket.processes = self._processes([socket])
            endpoint.socket = socket
            if socket.agrees and socket.state == endpoint.state:
                endpoint.basis = "kernel"

    def _name_processes(self, findings: Iterable[Finding]) -> None:
        """Name the processes on this host that hold the sockets which each finding is about."""
        of_connection: dict[int, list[_End]] = {}
        for end in self._sockets:
            of_connection.setdefault(end.connection, []).append(end)
        for finding in findings:
            ends = [end for each in finding.connections for end in of_connection.get(each, ())]
            finding.processes = self._processes(
                self._sockets[end] for end in ends if self._is_culprit(finding.subject, end)
            )

    def _is_culprit(self, subject: Subject, end: _End) -> bool:
        if subject.address is not None and subject.address != _text(end.key.address):
            return False
        if subject.role == "server":
            return end.key.port == subject.port
        return subject.role == "host" or (subject.role == "client") == (end not in self._servers)

    def _processes(self, sockets: Iterable[Socket]) -> list[Process]:
        found: dict[int, Process] = {}
        for socket in sockets:
            for owner in self._owners.get(socket.inode, ()):
                process = found.get(owner.pid)
                if process is None:
                    process = Process(owner.pid, owner.command, [], 0, owner.unit, owner.container)
                    found[owner.pid] = process
                process.unread_bytes += socket.unread_bytes
                process.descriptors.append(owner.descriptor)
        for process in found.values():
            process.descriptors = sorted(process.descriptors)[:_DESCRIPTORS]
        return sorted(found.values(), key=lambda each: (-len(each.descriptors), each.pid))


def _key(endpoint: Endpoint, peer: Endpoint, version: int) -> SocketKey:
    cut = 12 if version == 4 else 0
    ends = [(each.address_hi << 64 | each.address_lo).to_bytes(16, "big")[cut:] for each in (endpoint, peer)]
    return SocketKey(ends[0], endpoint.port, ends[1], peer.port)


def _packed(text: str) -> bytes:
    hi, lo, version = parse_address(text)
    return (hi << 64 | lo).to_bytes(16, "big")[12 if version == 4 else 0 :]


def _text(address: bytes) -> str:
    number = int.from_bytes(address, "big")
    return address_text(number >> 64, number & (1 << 64) - 1, 4 if len(address) == 4 else 6)
