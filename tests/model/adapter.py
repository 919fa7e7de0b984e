"""The tracker and the findings at the model's vantage point: the only file here that knows them.

Model sequence numbers are small; each end's get an offset of their own, chosen so that they
wrap around 2**32 in the middle of a connection.
"""

from __future__ import annotations

from tcptrace_py.findings import close_wait
from tcptrace_py.findings.diagnosis import Diagnosis
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.history import history_of
from tcptrace_py.tcp.state import BASIS_NAMES, STATE_NAMES
from tcptrace_py.tcp.tracker import Tracker
from tcptrace_py.wire.segment import ACK, RST, Segment

from .endpoint import NAMES
from .judge import Claims, Entry
from .network import Label

_EPOCH_S = 1_700_000_000
_SECOND_NS = 1_000_000_000
#: Between two segments of the same second.
_STEP_NS = 1_000_000
_ADDRESS = (0x0A000001, 0x0A000002)
_NAME = ("10.0.0.1", "10.0.0.2")
_PORT = (40000, 80)
_WRAP = ((1 << 32) - 1005, (1 << 32) - 6005)
_MASK = 0xFFFFFFFF

_LETTER = {name: letter for letter, name in NAMES.items()}
_LETTERS = [_LETTER[name] for name in STATE_NAMES]
_SETTINGS = Settings()


def _fill(label: Label) -> Segment:
    sender, seg = label.sender, label.seg
    segment = Segment()
    segment.ip_version = 4
    segment.src_lo, segment.dst_lo = _ADDRESS[sender], _ADDRESS[1 - sender]
    segment.src_port, segment.dst_port = _PORT[sender], _PORT[1 - sender]
    segment.seq = (seg.seq + _WRAP[sender]) & _MASK
    segment.ack = (seg.ack + _WRAP[1 - sender]) & _MASK if seg.flags & ACK else 0
    segment.flags = seg.flags
    if seg.flags & (RST | ACK) == RST | ACK and seg.seq == 0:
        # What refuses a SYN has the number 0 (3.10.7.1), whatever is added to others here.
        segment.seq = 0
    segment.payload_bytes = seg.length
    segment.window = 1000
    segment.ttl = 64
    return segment


class TrackerWatcher:
    """One fresh tracker (:class:`judge.Watcher`)."""

    _segments: dict[Label, Segment] = {}
    _entries: dict[tuple[int, int, int, int], Entry] = {}

    def __init__(self) -> None:
        self._tracker = Tracker(_SETTINGS)
        self._stuck: set[str | None] = set()
        self._known: list[Connection] = []

    def feed(self, number: int, label: Label) -> None:
        segment = self._segments.get(label)
        if segment is None:
            segment = self._segments[label] = _fill(label)
        segment.ts_ns = (_EPOCH_S + label.at_s) * _SECOND_NS + (number + 1) * _STEP_NS
        segment.frame = number + 1
        # A copy made by the network looks like a retransmission, never like a frame captured twice.
        segment.ip_id = number + 1
        self._tracker.segment(segment)

    def advance(self, at_s: int) -> None:
        """The capture goes on without a segment until then, and ends: findings are made as for a file."""
        self._tracker.tick((_EPOCH_S + at_s) * _SECOND_NS)
        before = len(self._tracker.finished)
        self._tracker.end()
        diagnosis = Diagnosis(_SETTINGS)
        kinds: set[str] = set()
        for number, connection in enumerate(self._tracker.finished):
            kinds.update(diagnosis.look(connection, number >= before, self._tracker.last_ns))
        if close_wait.KIND in kinds:
            findings = diagnosis.findings(self._tracker.time_wait, self._tracker.last_ns)
            self._stuck = {each.subject.address for each in findings if each.kind == close_wait.KIND}

    def _connections(self) -> list[Connection]:
        tracker = self._tracker
        if tracker.connections != len(self._known):
            found = {c.id: c for c in (*tracker.finished, *tracker.table.all())}
            self._known = [found[number] for number in sorted(found)]
        return self._known

    def _history(self, endpoint: Endpoint) -> tuple[Entry, ...]:
        return tuple(map(self._entry, history_of(endpoint)))

    def _entry(self, told: tuple[int, int, int, int]) -> Entry:
        entry = self._entries.get(told)
        if entry is None:
            state, ts_ns, frame, basis = told
            entry = Entry(_LETTERS[state], ts_ns / _SECOND_NS - _EPOCH_S, frame, BASIS_NAMES[basis])
            self._entries[told] = entry
        return entry

    def _ends(self, connection: Connection) -> tuple[Endpoint, Endpoint]:
        """The model's client and server, whoever the tracker thinks is which."""
        if connection.a.port == _PORT[0]:
            return connection.a, connection.b
        return connection.b, connection.a

    def claims(self) -> tuple[Claims, ...]:
        out = []
        for connection in self._connections():
            client, server = self._ends(connection)
            out.append((self._history(client), self._history(server)))
        return tuple(out)

    def stuck_close_wait(self) -> tuple[bool, bool]:
        """Of which ends the findings say ``stuck-close-wait``, with the thresholds that they always have."""
        return _NAME[0] in self._stuck, _NAME[1] in self._stuck

    def forget(self) -> None:
        self._tracker.forget()
