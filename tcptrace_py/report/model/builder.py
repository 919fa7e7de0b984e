"""Makes the report from finished connections, one at a time, in bounded memory.

Compiled (see ``builder.pxd``): every connection is added.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec.msgpack import decode, encode

from tcptrace_py.capture.presence import NO_GAPS, Gaps
from tcptrace_py.defects import Defects
from tcptrace_py.findings.finding import Finding, worst_first
from tcptrace_py.findings.service import Service as KnownService
from tcptrace_py.findings.timers import timers
from tcptrace_py.report.model import columns
from tcptrace_py.report.model.display_filter import add_filters
from tcptrace_py.report.model.model import (
    SCHEMA_VERSION,
    Capture,
    Closes,
    CloseWait,
    Handshakes,
    HandshakeTime,
    Report,
    ResetCauses,
    Resets,
    Service,
    States,
    StatesAtEnd,
    Summary,
    TimeWait,
    Tool,
)
from tcptrace_py.report.model.model import Connection as ConnectionRecord
from tcptrace_py.report.model.record import connection_record
from tcptrace_py.report.model.tally import Key, Tally
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.attempt import Attempt
from tcptrace_py.tcp.codes import CLOSE_KINDS, HANDSHAKE_OUTCOMES, RESET_CAUSES
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.state import STATES
from tcptrace_py.version import __version__
from tcptrace_py.wire.address import address_text

NAME = "tcptrace-py"

#: Services that a report lists at most.
SERVICES = 10_000

#: Takes connections as they finish.
Sink = Callable[[ConnectionRecord], None]

_STUCK = "stuck-close-wait"


class TimeWaitCounts(Protocol):
    """What the report wants of the tracker's TIME_WAIT counts."""

    @property
    def entered(self) -> int: ...
    @property
    def peak(self) -> int: ...
    @property
    def peak_at_ns(self) -> int: ...


class ReportBuilder:
    """``add`` every connection that is finished, in any order; then ``finish``.

    A value: ``merge`` is associative and commutative.

    ``sink`` is called with each connection as it is added. ``gaps``: those of the capture so far.
    """

    def __init__(
        self,
        services: int = SERVICES,
        sink: Sink | None = None,
        gaps: Gaps = NO_GAPS,
    ) -> None:
        self._services = services
        self._sink = sink
        self._tally = Tally(services, gaps=gaps)
        self._connections: list[ConnectionRecord] = []
        #: Connections that could not be counted, or not be listed.
        self.defects = Defects()

    def add(self, connection: Connection, kinds: Sequence[str], keep: bool) -> None:
        """Count a connection; ``kinds``: the findings it is part of; ``keep``: list it as well."""
        try:
            self._tally.count(connection, _STUCK in kinds)
            if not keep and self._sink is None:
                return
            record = connection_record(connection, kinds)
        except Exception as error:
            frames = (connection.first_frame, connection.a.last_frame, connection.b.last_frame)
            self.defects.note(f"the record of connection {connection.id}", frames, error)
            return
        if keep:
            self._connections.append(record)
        if self._sink is not None:
            self._sink(record)

    def add_attempt(self, attempt: Attempt) -> None:
        """Count a SYN that nothing followed, where no connection is listed or passed on."""
        try:
            self._tally.count_attempt(attempt)
        except Exception as error:
            self.defects.note(f"the record of connection {attempt.id}", (attempt.frame,), error)

    def revise(self, kinds: Callable[[int, Sequence[str]], list[str]]) -> None:
        """What the whole capture told of connections that are listed: ``kinds`` gives those of an id."""
        for record in self._connections:
            record.findings = kinds(record.id, record.findings)

    def merge(self, other: ReportBuilder) -> None:
        """Take in what was added to another one, whose connections have other ids."""
        self.defects.merge(other.defects)
        self._tally.merge(other._tally)
        self._connections += other._connections

    def renumber(self, numbers: Sequence[int], streams: Sequence[int]) -> None:
        """Connections and Wireshark's streams have other numbers now, in the same order: ``numbers[id]``."""
        for connection in self._connections:
            connection.id = numbers[connection.id]
            if connection.reuse_of is not None:
                connection.reuse_of = numbers[connection.reuse_of]
            if connection.reused_by is not None:
                connection.reused_by = numbers[connection.reused_by]
            connection.stream = streams[connection.stream]

    def __reduce__(self) -> tuple[object, ...]:
        # Who adds to it, and who is told of it, stay behind; msgspec is quicker than pickle.
        records = encode(self._connections)
        return _restored, (self._services, self._tally, records, self.defects)

    def restore(self, tally: Tally, connections: list[ConnectionRecord], defects: Defects) -> None:
        """Have these, as an empty one."""
        self._tally = tally
        self._connections = connections
        self.defects = defects

    @property
    def connections(self) -> list[ConnectionRecord]:
        """Those that were kept."""
        return self._connections

    def finish(
        self,
        capture: Capture,
        findings: Sequence[Finding],
        time_wait: TimeWaitCounts,
        settings: Settings,
        keep: bool = True,
        known: Callable[[Key], KnownService | None] | None = None,
    ) -> Report:
        """The report. ``known`` gives what is known of a service besides.

        Without ``keep``, or where none of many was kept, it lists no connections.
        """
        for source in capture.sources:
            source.path = encodable(source.path)
        capture.warnings = [encodable(warning) for warning in capture.warnings]
        end_ns = capture.last_ns or 0
        tally = self._tally
        listed_services = tally.listed()
        whole = tally.row(0)
        listed = keep and (bool(self._connections) or whole[columns.CONNECTIONS] == 0)
        summary = Summary(
            connections=whole[columns.CONNECTIONS],
            handshakes=_handshakes(whole),
            closes=_closes(whole),
            states_at_end=_states_at_end(whole),
            close_wait=_close_wait(whole, end_ns),
            time_wait=TimeWait(
                entered=time_wait.entered,
                peak=time_wait.peak,
                peak_at_ns=time_wait.peak_at_ns if time_wait.peak else None,
            ),
            resets=_resets(whole),
        )
        connections = sorted(self._connections, key=_id) if listed else None
        worst = sorted(findings, key=worst_first)
        add_filters(worst, connections)
        return Report(
            schema_version=SCHEMA_VERSION,
            tool=Tool(NAME, __version__),
            capture=capture,
            settings=settings,
            summary=summary,
            findings=worst,
            services=[
                _service(key, tally.row(row), end_ns, known(key) if known is not None else None)
                for key, row in listed_services
            ],
            unlisted_connections=tally.unlisted,
            listed=connections,
        )


def _restored(services: int, tally: Tally, records: bytes, defects: Defects) -> ReportBuilder:
    builder = ReportBuilder(services)
    builder.restore(tally, decode(records, type=list[ConnectionRecord]), defects)
    return builder


def encodable(text: str) -> str:
    """Text that JSON can hold: bytes of a file's name that are no UTF-8 become ``\\xff``."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _id(connection: ConnectionRecord) -> int:
    return connection.id


def _handshakes(row: list[int]) -> Handshakes:
    outcomes = row[columns.HANDSHAKES : columns.HANDSHAKES + len(HANDSHAKE_OUTCOMES)]
    return Handshakes(*outcomes, *row[columns.SIMULTANEOUS : columns.FAST_OPEN + 1])


def _handshake_time(row: list[int]) -> HandshakeTime | None:
    measured = row[columns.MEASURED]
    if not measured:
        return None
    return HandshakeTime(
        measured=measured,
        least_s=row[columns.MEASURED_LEAST_NS] / 1e9,
        mean_s=row[columns.MEASURED_NS] // measured / 1e9,
        most_s=row[columns.MEASURED_MOST_NS] / 1e9,
    )


def _closes(row: list[int]) -> Closes:
    return Closes(*row[columns.CLOSES : columns.CLOSES + len(CLOSE_KINDS)])


def _states_at_end(row: list[int]) -> StatesAtEnd:
    return StatesAtEnd(
        client=States(*row[columns.CLIENT_STATES : columns.CLIENT_STATES + STATES]),
        server=States(*row[columns.SERVER_STATES : columns.SERVER_STATES + STATES]),
    )


def _close_wait(row: list[int], end_ns: int) -> CloseWait:
    longest_ns = row[columns.WAIT_LONGEST_NS]
    if row[columns.WAIT_OPEN]:
        longest_ns = max(longest_ns, end_ns - row[columns.WAIT_OLDEST_NS], 0)
    return CloseWait(
        stuck=row[columns.WAIT_STUCK],
        open_at_end=row[columns.WAIT_OPEN],
        longest_s=longest_ns / 1e9 if longest_ns >= 0 else None,
    )


def _resets(row: list[int]) -> Resets:
    # The first cause is "no reset".
    by_cause = row[columns.RESETS + 1 : columns.RESETS + len(RESET_CAUSES)]
    return Resets(total=sum(by_cause), by_cause=ResetCauses(*by_cause))


def _service(key: Key, row: list[int], end_ns: int, known: KnownService | None) -> Service:
    version, hi, lo, port = key
    return Service(
        address=address_text(hi, lo, version),
        port=port,
        connections=row[columns.CONNECTIONS],
        listening=row[columns.LISTENING] > 0,
        first_ns=row[columns.FIRST_NS],
        last_ns=row[columns.LAST_NS],
        handshakes=_handshakes(row),
        handshake_time=_handshake_time(row),
        closes=_closes(row),
        states_at_end=_states_at_end(row),
        close_wait=_close_wait(row, end_ns),
        resets=_resets(row),
        packets=row[columns.PACKETS],
        bytes_to_server=row[columns.BYTES_TO_SERVER],
        bytes_to_client=row[columns.BYTES_TO_CLIENT],
        retransmits=row[columns.RETRANSMITS],
        timers=None if known is None else timers(known),
        zero_windows=0 if known is None else known.zero_windows,
    )
