"""One connection as the families look at it: who is who, histories, evidence.

Compiled (see ``case.pxd``), with all that a flood of failed handshakes needs.
"""

from __future__ import annotations

from tcptrace_py.capture.presence import Gaps
from tcptrace_py.findings.finding import Evidence, Role
from tcptrace_py.findings.wording import socket_name
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.history import Entries, history_of
from tcptrace_py.wire.address import address_text
from tcptrace_py.wire.frame_id import frame_number, frame_source

#: Endpoints by number, as ``Connection`` has them: 1 is ``a``, 2 is ``b``.
ENDPOINTS = (1, 2)


class Case:
    """A connection that was handed over; only valid during that call. Made by ``case_of``."""

    def fill(self, connection: Connection, at_end: bool, end_ns: int, gaps: Gaps) -> None:
        self.connection = connection
        self.client_by = 1 if connection.client_is_a else 2
        self.server_by = 3 - self.client_by
        #: Handed over because the capture ended, at ``end_ns``.
        self.at_end = at_end
        self.end_ns = end_ns
        #: Silences of the whole capture: no duration is counted across one.
        self.gaps = gaps
        self._gap_ends = gaps.ends
        #: What was observed of it, an ``Observations``, or None.
        self.seen = connection.observed
        #: Kinds that a cause found for it accounts for, so that they are not told besides.
        self.explained: set[str] = set()
        #: A cause that only the whole capture can confirm: the tag of its family, and what it hangs on.
        self.undecided: tuple[object, ...] | None = None

    def until(self, since_ns: int, until_ns: int) -> int:
        """How far a duration reaches before it meets a gap of the capture."""
        if not self._gap_ends:
            return until_ns
        reached_ns: int = self.gaps.until(since_ns, until_ns)
        return reached_ns

    def endpoint(self, by: int) -> Endpoint:
        return self.connection.a if by == 1 else self.connection.b

    def history(self, by: int) -> Entries:
        return history_of(self.endpoint(by))

    def role(self, by: int) -> Role:
        return "client" if (by == 1) == self.connection.client_is_a else "server"

    def name(self, by: int) -> str:
        """``10.0.0.20:8080``"""
        endpoint = self.endpoint(by)
        return socket_name(
            self.connection.ip_version, endpoint.address_hi, endpoint.address_lo, endpoint.port
        )

    def address(self, by: int) -> str:
        endpoint = self.endpoint(by)
        return address_text(endpoint.address_hi, endpoint.address_lo, self.connection.ip_version)

    def evidence(self, frame_id: int, ts_ns: int, text: str) -> Evidence:
        """``frame_id`` 0 for what is no segment."""
        return evidence(self.connection.id, frame_id, ts_ns, text)

    def last_segment(self) -> tuple[int, int]:
        """``(ts_ns, frame_id)`` of the last segment of either side."""
        a, b = self.connection.a, self.connection.b
        return (a.last_ns, a.last_frame) if a.last_ns >= b.last_ns else (b.last_ns, b.last_frame)


def case_of(connection: Connection, at_end: bool, end_ns: int, gaps: Gaps) -> Case:
    # (Compiled, a constructor's arguments go through a tuple, and numbers through objects.)
    case = Case.__new__(Case)
    case.fill(connection, at_end, end_ns, gaps)
    return case


def evidence(connection: int, frame_id: int, ts_ns: int, text: str) -> Evidence:
    """A line of evidence about a connection, by its id; ``frame_id`` 0 for what is no segment."""
    return Evidence(
        connection=connection,
        frame=frame_number(frame_id) or None,
        ts_ns=ts_ns,
        text=text,
        source=frame_source(frame_id),
    )


def goes_on_unseen(endpoint: Endpoint) -> bool:
    """The other side acknowledges more than passed here, after the last packet that did: so it sent that.

    Frames are missing then, and a silence of this endpoint is one of the capture.
    """
    return bool(endpoint.tail_gap and endpoint.rare.gap_packet == endpoint.packets)


def other(by: int) -> int:
    return 3 - by


def server_trip_ns(case: Case) -> int:
    """From the vantage point to the server and back, by the handshake; -1 if it was not measured."""
    connection = case.connection
    if not connection.syn_frame() or not connection.syn_ack_frame:
        return -1
    if case.endpoint(case.client_by).syns != 1:
        return -1
    return connection.syn_ack_ns - connection.syn_ns()


def client_trip_ns(case: Case) -> int:
    """From the vantage point to the client and back, by the handshake; -1 if it was not measured."""
    connection = case.connection
    if not connection.syn_ack_frame or not connection.ack_frame:
        return -1
    if case.endpoint(case.server_by).syn_acks != 1:
        return -1
    return connection.ack_ns - connection.syn_ack_ns


def trip_ns(case: Case, by: int) -> int:
    """From the vantage point to endpoint ``by`` and back, by the handshake; -1 if it was not measured."""
    return server_trip_ns(case) if by == case.server_by else client_trip_ns(case)
