"""Reports made from hand-written connections, without any capture."""

from __future__ import annotations

from types import SimpleNamespace

from tcptrace_py.findings.finding import Evidence, Finding, Subject
from tcptrace_py.report.model.builder import ReportBuilder
from tcptrace_py.report.model.model import Capture, Report, Skipped, Source
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.codes import (
    COMPLETE,
    FOUR_WAY,
    HALF_CLOSED,
    REFUSED,
    REFUSED_HANDSHAKE,
    RESET,
    UNANSWERED,
)
from tcptrace_py.tcp.connection import Compat, Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.history import history_of, keep
from tcptrace_py.tcp.state import (
    ACKNOWLEDGED,
    CLOSE_WAIT,
    CLOSED,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    LISTEN,
    PRESUMED,
    SENT,
    SYN_RCVD,
    SYN_SENT,
    TIME_WAIT,
    TIMER,
)

#: 2024-05-01 12:00:00 UTC
BEGIN_NS = 1_714_564_800_000_000_000
SECOND = 1_000_000_000
MILLISECOND = 1_000_000
SERVER = (0, 0x0A000014)
CLIENT = (0, 0x0A000009)


class Scene:
    """Connections as a tracker hands them over, and the histories it keeps of them."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.kinds: list[tuple[str, ...]] = []

    def tell(self, endpoint: Endpoint, *entries: tuple[int, int, int, int]) -> None:
        """Add ``(state, ts_ns, frame, basis)`` to its history, and have it in the last state."""
        keep(endpoint, [*(history_of(endpoint) if endpoint.rare.history else ()), *entries])
        for state, _, _, _ in entries:
            endpoint.state = state

    def open(self, at_s: float = 0.0, port: int = 8080, **fields: object) -> Connection:
        """A client's SYN and nothing else yet."""
        connection = Connection()
        number = len(self.connections)
        connection.id = number
        connection.ip_version = 4
        connection.compat = Compat()
        client, server = connection.a, connection.b
        client.address_hi, client.address_lo = CLIENT
        server.address_hi, server.address_lo = SERVER
        client.port, server.port = 40_000 + number, port
        connection.first_ns = connection.last_ns = BEGIN_NS + int(at_s * SECOND)
        connection.first_frame = 1 + 20 * number
        connection.begins_with_syn = True
        client.syns = client.packets = 1
        connection.handshake = UNANSWERED
        self.connections.append(connection)
        self.kinds.append(())
        self.tell(client, (SYN_SENT, connection.syn_ns(), connection.syn_frame(), SENT))
        self.tell(server)
        for name, value in fields.items():
            setattr(connection, name, value)
        return connection

    def establish(self, connection: Connection, round_trip_ms: int = 10) -> None:
        client, server = connection.a, connection.b
        frame = connection.first_frame
        connection.syn_ack_ns = connection.syn_ns() + round_trip_ms * MILLISECOND
        connection.syn_ack_frame = frame + 1
        connection.ack_ns = connection.last_ns = connection.syn_ack_ns + MILLISECOND
        connection.ack_frame = frame + 2
        connection.handshake = COMPLETE
        server.syn_acks = server.packets = 1
        server.passive = True
        client.packets, client.bytes, server.bytes = 4, 120, 4096
        self.tell(client, (ESTABLISHED, connection.ack_ns, frame + 2, ACKNOWLEDGED))
        self.tell(
            server,
            (LISTEN, connection.syn_ack_ns, frame + 1, ACKNOWLEDGED),
            (SYN_RCVD, connection.syn_ack_ns, frame + 1, SENT),
            (ESTABLISHED, connection.ack_ns, frame + 2, PRESUMED),
        )

    def client_finishes(self, connection: Connection, at_s: float) -> None:
        """The client's FIN, acknowledged by the server."""
        client, server = connection.a, connection.b
        frame = connection.first_frame + 4
        at_ns = BEGIN_NS + int(at_s * SECOND)
        connection.first_fin_by, connection.close = 1, HALF_CLOSED
        client.fin_sent, client.fin_ns, client.fin_frame, client.fins = True, at_ns, frame, 1
        client.fin_acked_ns, client.fin_acked_frame = at_ns + MILLISECOND, frame + 1
        connection.last_ns = at_ns + MILLISECOND
        self.tell(
            client,
            (FIN_WAIT_1, at_ns, frame, SENT),
            (FIN_WAIT_2, at_ns + MILLISECOND, frame + 1, PRESUMED),
        )
        self.tell(server, (CLOSE_WAIT, at_ns + MILLISECOND, frame + 1, ACKNOWLEDGED))

    def server_finishes(self, connection: Connection, at_s: float) -> None:
        """The server's FIN, acknowledged by the client; 2MSL later all is over."""
        client, server = connection.a, connection.b
        frame = connection.first_frame + 6
        at_ns = BEGIN_NS + int(at_s * SECOND)
        server.fin_sent, server.fin_ns, server.fin_frame, server.fins = True, at_ns, frame, 1
        server.fin_acked_ns, server.fin_acked_frame = at_ns + MILLISECOND, frame + 1
        connection.close, connection.close_complete = FOUR_WAY, True
        connection.last_ns = at_ns + MILLISECOND
        self.tell(
            client,
            (TIME_WAIT, at_ns + MILLISECOND, frame + 1, ACKNOWLEDGED),
            (CLOSED, at_ns + MILLISECOND + 60 * SECOND, 0, TIMER),
        )
        self.tell(
            server,
            (LAST_ACK, at_ns, frame, SENT),
            (CLOSED, at_ns + MILLISECOND, frame + 1, PRESUMED),
        )

    def refuse(self, connection: Connection) -> None:
        client, server = connection.a, connection.b
        frame = connection.first_frame + 1
        at_ns = connection.syn_ns() + MILLISECOND
        connection.handshake, connection.close, connection.close_complete = REFUSED_HANDSHAKE, RESET, True
        connection.reset_by, connection.reset_cause = 2, REFUSED
        rare = connection.own_rare()
        rare.reset_frame, rare.reset_ns = frame, at_ns
        connection.last_ns = at_ns
        server.rsts = server.packets = 1
        self.tell(client, (CLOSED, at_ns, frame, PRESUMED))
        self.tell(server, (CLOSED, at_ns, frame, SENT))


def capture(seconds: float = 61.2, path: str = "sick.pcap", **fields: object) -> Capture:
    values: dict[str, object] = {
        "sources": [Source(path, "pcap", ["ETHERNET"], 6120, 734_400)],
        "first_ns": BEGIN_NS,
        "last_ns": BEGIN_NS + int(seconds * SECOND),
        "packets": 6120,
        "tcp_segments": 6120,
        "skipped": Skipped(),
        "dropped_by_kernel": None,
        "complete": True,
        "warnings": [],
    }
    return Capture(**{**values, **fields})  # type: ignore[arg-type]


def finding(kind: str, severity: str, count: int = 1, port: int | None = 8080, **fields: object) -> Finding:
    values: dict[str, object] = {
        "kind": kind,
        "severity": severity,
        "subject": Subject("server", "10.0.0.20", port),
        "count": count,
        "connections": list(range(count)),
        "first_ns": BEGIN_NS + 2 * SECOND + 100 * MILLISECOND,
        "last_ns": BEGIN_NS + 61 * SECOND,
        "evidence": [
            Evidence(0, 1203, BEGIN_NS + 2_100_123_456, "10.0.0.9:40000 sent FIN"),
            Evidence(0, None, BEGIN_NS + 61_200_000_000, "as far as the capture goes: still in CLOSE_WAIT"),
        ],
        "explanation": "Server 10.0.0.20:8080 got FIN and did not close its own side.",
        "remedy": "Close the socket when recv() returns 0. Who holds it:"
        " `ss -tnp state close-wait 'sport = :8080'`, and restart it for now.",
        "confidence": "certain",
    }
    return Finding(**{**values, **fields})  # type: ignore[arg-type]


NO_TIME_WAIT = SimpleNamespace(entered=0, peak=0, peak_at_ns=0)
TIME_WAIT_COUNTS = SimpleNamespace(entered=2, peak=2, peak_at_ns=BEGIN_NS + 5 * SECOND)


def finish(scene: Scene, findings: list[Finding], info: Capture, keep: bool = True) -> Report:
    builder = ReportBuilder()
    for connection, kinds in zip(scene.connections, scene.kinds, strict=True):
        builder.add(connection, kinds, keep)
    return builder.finish(info, findings, TIME_WAIT_COUNTS, Settings(), keep=keep)


def sick_scene() -> Scene:
    scene = Scene()
    for _ in range(3):
        connection = scene.open(1.0)
        scene.establish(connection)
        scene.client_finishes(connection, 2.0)
        scene.kinds[-1] = ("stuck-close-wait",)
    for _ in range(2):
        connection = scene.open(3.0)
        scene.establish(connection, round_trip_ms=30)
        scene.client_finishes(connection, 4.0)
        scene.server_finishes(connection, 5.0)
    scene.refuse(scene.open(6.0, port=9090))
    scene.kinds[-1] = ("connection-refused",)
    return scene


def sick_report() -> Report:
    findings = [
        finding(
            "connection-refused",
            "warning",
            port=9090,
            connections=[5],
            explanation="Server 10.0.0.20:9090 refused it.",
        ),
        finding("stuck-close-wait", "critical", 3, trend=[1, 2, 3]),
    ]
    return finish(sick_scene(), findings, capture())


def healthy_report() -> Report:
    scene = Scene()
    connection = scene.open(0.0)
    scene.establish(connection)
    scene.client_finishes(connection, 0.5)
    scene.server_finishes(connection, 0.6)
    return finish(scene, [], capture(2.0, "healthy.pcap", packets=10, tcp_segments=10))
