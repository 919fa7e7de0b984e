"""Events of a live capture, one JSON object a line, as they happen.

``event`` tells them apart: `Start`, `Transition`, `Withdrawal`, `FindingEvent`, `Cleared`, `Dropped`,
`Disagreement`, `Notice` and `End` below. Field names are a contract like the report's: new ones may be added.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO, cast

import msgspec
from msgspec import Struct

from tcptrace_py.findings.finding import Confidence, Finding, Severity, Subject
from tcptrace_py.report.model.display_filter import subject_filter
from tcptrace_py.report.model.model import Basis, Side, State
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.state import BASIS_NAMES, STATE_NAMES
from tcptrace_py.wire.address import address_text
from tcptrace_py.wire.frame_id import frame_number

#: ``(endpoint, from_state, to_state, basis, ts_ns, frame)``, as ``Transitions.moves`` holds them.
Move = tuple[Endpoint, int, int, int, int, int]

_STATES = cast("tuple[State, ...]", STATE_NAMES)
_BASES = cast("tuple[Basis, ...]", BASIS_NAMES)


class Start(Struct, tag_field="event", tag="start"):
    """The capture is open: packets are seen from now on."""

    ts_ns: int
    interface: str
    link_type: str


class Transition(Struct, tag_field="event", tag="transition"):
    """An endpoint went from one state to another; see `model.Move` for ``basis`` and ``frame``.

    ``connection`` is the id that the report gives it, ``role`` the endpoint's role as known now.
    """

    ts_ns: int
    connection: int
    role: Side
    address: str
    port: int
    peer_address: str
    peer_port: int
    from_state: State
    state: State
    basis: Basis
    frame: int | None


class Withdrawal(Struct, tag_field="event", tag="withdrawal"):
    """The last transition of this endpoint is taken back: it acts as if it had not come.

    ``state`` is the state that it is in after all.
    """

    ts_ns: int
    connection: int
    role: Side
    address: str
    port: int
    peer_address: str
    peer_port: int
    from_state: State
    state: State


class FindingEvent(Struct, tag_field="event", tag="finding"):
    """A finding is new, or has grown: see `model.Finding`. ``connections``: at most 1,000 ids;
    ``display_filter``: for Wireshark, by the subject.
    """

    ts_ns: int
    kind: str
    severity: Severity
    subject: Subject
    count: int
    connections: list[int]
    confidence: Confidence
    explanation: str
    display_filter: str


class Cleared(Struct, tag_field="event", tag="cleared"):
    """A finding does not hold any more: what was stuck has moved on."""

    ts_ns: int
    kind: str
    subject: Subject


class Dropped(Struct, tag_field="event", tag="dropped"):
    """The kernel dropped packets; ``dropped_by_kernel`` counts from the start."""

    ts_ns: int
    dropped_by_kernel: int


class Disagreement(Struct, tag_field="event", tag="disagreement"):
    """The kernel of this host has said twice, with no segment in between, that a socket is in another state.

    ``state`` is what the segments show, ``kernel`` what it says; CLOSED where it has no such socket any more.
    """

    ts_ns: int
    connection: int
    role: Side
    address: str
    port: int
    peer_address: str
    peer_port: int
    state: State
    kernel: State


class Notice(Struct, tag_field="event", tag="notice"):
    """Something happened to the capture itself: its interface, the clock, the policy."""

    ts_ns: int
    text: str


class End(Struct, tag_field="event", tag="end"):
    """The capture has ended; nothing follows."""

    ts_ns: int
    packets: int
    tcp_segments: int
    connections: int
    dropped_by_kernel: int


Event = Start | Transition | Withdrawal | FindingEvent | Cleared | Dropped | Disagreement | Notice | End


class EventWriter:
    """Writes events to a binary stream, flushed after each call. Raises ``OSError`` as the stream does."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._encoder = msgspec.json.Encoder()
        # By kind and subject: how many connections, and how severe, when it was last told.
        self._told: dict[tuple[str, str], tuple[int, str]] = {}
        self._subjects: dict[tuple[str, str], Subject] = {}
        self._dropped = 0

    def write(self, *events: Event) -> None:
        if events:
            self._stream.write(self._encoder.encode_lines(events))
            self._stream.flush()

    def moved(self, moves: Iterable[Move]) -> None:
        """Transitions, in their order. To be called before their connections are released."""
        self.write(*(_transition(*move) for move in moves))

    def found(self, findings: Iterable[Finding], ts_ns: int) -> None:
        """All findings of now: those are written that are new, have grown, or are gone."""
        events: list[Event] = []
        present: dict[tuple[str, str], Subject] = {}
        for finding in findings:
            key = (finding.kind, finding.subject.label())
            present[key] = finding.subject
            now = (finding.count, finding.severity)
            before = self._told.get(key)
            if before is not None and finding.count <= before[0] and finding.severity == before[1]:
                continue
            self._told[key] = now
            events.append(
                FindingEvent(
                    ts_ns,
                    finding.kind,
                    finding.severity,
                    finding.subject,
                    finding.count,
                    finding.connections,
                    finding.confidence,
                    finding.explanation,
                    subject_filter(finding.subject),
                )
            )
        for key, subject in self._subjects.items():
            if key not in present:
                del self._told[key]
                events.append(Cleared(ts_ns, key[0], subject))
        self._subjects = present
        self.write(*events)

    def dropped(self, dropped_by_kernel: int, ts_ns: int) -> None:
        """Told of the count again and again; written where it has risen."""
        if dropped_by_kernel > self._dropped:
            self._dropped = dropped_by_kernel
            self.write(Dropped(ts_ns, dropped_by_kernel))


def _transition(endpoint: Endpoint, from_state: int, state: int, basis: int, ts_ns: int, frame: int) -> Event:
    connection: Connection = endpoint.connection
    peer = connection.b if endpoint is connection.a else connection.a
    role: Side = "client" if endpoint is connection.client() else "server"
    version = connection.ip_version
    address = address_text(endpoint.address_hi, endpoint.address_lo, version)
    peer_address = address_text(peer.address_hi, peer.address_lo, version)
    if basis < 0:
        return Withdrawal(
            ts_ns, connection.id, role, address, endpoint.port, peer_address, peer.port,
            _STATES[from_state], _STATES[state],
        )  # fmt: skip
    return Transition(
        ts_ns, connection.id, role, address, endpoint.port, peer_address, peer.port,
        _STATES[from_state], _STATES[state], _BASES[basis], frame_number(frame) or None,
    )  # fmt: skip
