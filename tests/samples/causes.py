"""Kinds by cause: told from what the whole capture knows."""

from __future__ import annotations

from .expectation import Connection, Finding, Sample, clean, opened

CLIENT, SERVER, HANDSHAKE = opened()


def three_way(between: str, by: str = "client", fin: int = 8, **more: object) -> Connection:
    """One side's FIN is frame ``fin``, the other's rides on the ACK of it."""
    active = f" FIN_WAIT_1@{fin}s TIME_WAIT@{fin + 2}a CLOSED@{fin + 2}+60t?"
    passive = f" CLOSE_WAIT@{fin + 1}a LAST_ACK@{fin + 1}s CLOSED@{fin + 2}p"
    client, server = (active, passive) if by == "client" else (passive, active)
    return Connection(
        between, CLIENT + client, SERVER + server, HANDSHAKE, f"three_way {by} complete", **more
    )  # type: ignore[arg-type]


def not_accepted(number: int) -> Connection:
    """The server is ESTABLISHED only in so far as its last SYN+ACK was answered and not sent again."""
    between = f"10.0.0.{11 + number}:{46010 + number} > 10.0.0.20:8081"
    server = "LISTEN@2a SYN_RCVD@2s ESTABLISHED@13p"
    more = {"findings": "accept-queue-full", "retransmits": (5, 3) if number == 0 else (3, 3)}
    handshake = HANDSHAKE + " synack+3"
    if number == 0:
        close = "reset server complete server:no_connection@16"
        return Connection(between, CLIENT + " CLOSED@16p", server + " CLOSED@16s", handshake, close, **more)
    return Connection(between, CLIENT, server, handshake, "open", **more)


def unanswered(between: str, kind: str, syns_again: int = 2) -> Connection:
    again = f" syn+{syns_again}" if syns_again else ""
    return Connection(
        between,
        "SYN_SENT@1s",
        "",
        f"unanswered 1 - -{again}",
        "open",
        findings=kind,
        retransmits=(syns_again, 0),
    )


def left(number: int) -> Connection:
    """A client that got no answer closes; number 2 refuses the late one."""
    between = f"10.0.0.{50 + number}:46610 > 10.0.0.22:8080"
    client, server = CLIENT + " FIN_WAIT_1@6s FIN_WAIT_2@7p", SERVER + " CLOSE_WAIT@7a"
    if number == 2:
        close = "reset client complete client:after_close@9"
        client, server = client + " CLOSED@9s", server + " CLOSED@9p"
    else:
        close = "four_way client complete"
        client, server = client + " TIME_WAIT@9a", server + " LAST_ACK@8s CLOSED@9p"
    return Connection(between, client, server, HANDSHAKE, close, findings="unresponsive-server")


SAMPLES = [
    Sample(
        "accept_queue_full.pcap",
        "S11 S9",
        [clean(f"10.0.0.{11 + number}:{46000 + number} > 10.0.0.20:8081") for number in range(2)]
        + [not_accepted(number) for number in range(3)],
        [Finding("accept-queue-full", "server 10.0.0.20:8081", 3, "critical")],
        per_connection=True,
    ),
    Sample(
        "foreign_reply.pcap",
        "S9 S22",
        [
            unanswered("10.0.0.40:46100 > 10.0.0.100:443", "foreign-reply"),
            Connection(
                "10.0.0.40:46100 > 10.0.0.61:8443",
                "SYN_SENT@1A CLOSED@2s",
                "LISTEN@1a SYN_RCVD@1s LISTEN@6p",
                "aborted - 1 - synack+2",
                "reset client complete client:handshake_abort@2",
                findings="foreign-reply",
                retransmits=(0, 2),
                roles_basis="syn_ack",
            ),
            clean("10.0.0.40:46101 > 10.0.0.101:443"),
        ],
        [Finding("foreign-reply", "server 10.0.0.61:8443", 1, "warning")],
        per_connection=True,
    ),
    Sample(
        "stale_timestamp.pcap",
        "S11 S22",
        [three_way(f"203.0.113.7:{46200 + number} > 10.0.0.20:443") for number in range(4)]
        + [
            unanswered(f"203.0.113.7:{46300 + number} > 10.0.0.20:443", "stale-timestamp")
            for number in range(3)
        ],
        [Finding("stale-timestamp", "server 10.0.0.20:443", 3, "warning")],
        per_connection=True,
    ),
    Sample(
        "keep_alive_race.pcap",
        "S3 S9",
        [three_way(f"10.0.0.5:{46400 + number} > 10.0.0.21:3000", "server") for number in (0, 2, 4)]
        + [
            Connection(
                f"10.0.0.5:{46400 + number} > 10.0.0.21:3000",
                CLIENT + " CLOSED@14p",
                SERVER + " FIN_WAIT_1@12s CLOSED@14s",
                HANDSHAKE,
                "reset server complete server:after_close@14",
                findings="keep-alive-race",
            )
            for number in (1, 3)
        ],
        [Finding("keep-alive-race", "server 10.0.0.21:3000", 2, "warning")],
        per_connection=True,
    ),
    Sample(
        "path_state_lost.pcap",
        "S18 S23",
        [three_way("10.0.1.5:46500 > 10.0.2.9:5432", fin=12)]
        + [
            Connection(
                f"10.0.1.5:{46500 + number} > 10.0.2.9:5432",
                CLIENT,
                SERVER,
                HANDSHAKE,
                "open",
                findings="path-state-lost",
                retransmits=(6, 0),
            )
            for number in (1, 2, 3)
        ]
        + [clean(f"10.0.1.6:{46510 + number} > 10.0.2.9:5432", expires=True) for number in range(3)],
        [Finding("path-state-lost", "server 10.0.2.9:5432", 3, "critical")],
        per_connection=True,
    ),
    Sample(
        "unresponsive_server.pcap",
        "S3 S9",
        [clean(f"10.0.0.{50 + number}:46600 > 10.0.0.22:8080") for number in range(4)]
        + [left(number) for number in range(4)],
        [Finding("unresponsive-server", "server 10.0.0.22:8080", 4, "warning")],
        per_connection=True,
    ),
    Sample(
        "stopped_stream.pcap",
        "S3 S9",
        [
            three_way("10.0.0.54:46650 > 10.0.0.24:5201", fin=15, findings="stopped-stream"),
            Connection(
                "10.0.0.54:46651 > 10.0.0.24:5201",
                CLIENT + " CLOSED@20p",
                SERVER + " CLOSED@20s",
                HANDSHAKE,
                "reset server complete server:abort@20",
                findings="stopped-stream",
                payload_bytes=(11_237, 0),
            ),
        ],
        [Finding("stopped-stream", "server 10.0.0.24:5201", 1, "info")],
        per_connection=True,
    ),
    Sample(
        "mtu_black_hole.pcap",
        "S23",
        [
            Connection(
                "10.0.3.7:46700 > 10.0.0.23:443",
                CLIENT,
                SERVER,
                HANDSHAKE,
                "open",
                findings="mtu-black-hole",
                retransmits=(0, 6),
                payload_bytes=(517, 3316),
            ),
            clean("10.0.3.7:46701 > 10.0.0.23:443"),
        ],
        [Finding("mtu-black-hole", "server 10.0.0.23:443", 1, "warning")],
        per_connection=True,
    ),
    Sample(
        "injected_reset.pcap",
        "S9",
        [
            Connection(
                "10.0.0.33:46800 > 203.0.113.80:443",
                CLIENT + " CLOSED@7s",
                SERVER + " CLOSED@7p",
                HANDSHAKE,
                "reset client complete client:no_connection@7",
                findings="injected-reset",
            )
        ],
        [Finding("injected-reset", "server 203.0.113.80:443", 1, "warning")],
    ),
    Sample(
        "tls_alert.pcap",
        "S3",
        [
            three_way(f"10.0.0.{71 + number}:46900 > 10.0.0.24:443", "server", fin=7, findings="tls-alert")
            for number in range(2)
        ],
        [Finding("tls-alert", "server 10.0.0.24:443", 2, "warning")],
        per_connection=True,
    ),
    Sample(
        "protocol_mismatch.pcap",
        "S3",
        [
            three_way(
                f"10.0.0.{73 + number}:46950 > 10.0.0.25:{(8080, 8443)[number]}",
                "server",
                fin=7,
                findings="protocol-mismatch",
            )
            for number in range(2)
        ],
        [
            Finding("protocol-mismatch", "client 10.0.0.73 toward 10.0.0.25:8080", 1, "warning"),
            Finding("protocol-mismatch", "client 10.0.0.74 toward 10.0.0.25:8443", 1, "warning"),
        ],
        per_connection=True,
    ),
    Sample(
        "probe.pcap",
        "S1 S9",
        [
            Connection(
                f"10.0.0.250:{47000 + number} > 10.0.0.20:80",
                CLIENT + " CLOSED@4s",
                SERVER + " CLOSED@4p",
                HANDSHAKE,
                "reset client complete client:abort@4",
                findings="probe",
            )
            for number in range(4)
        ]
        + [unanswered(f"10.0.0.251:{47101 + number} > 10.0.0.20:443", "probe", 0) for number in range(3)]
        + [
            Connection(
                "10.0.0.251:47104 > 10.0.0.20:443",
                "SYN_SENT@1s CLOSED@3s",
                "LISTEN@2a SYN_RCVD@2s LISTEN@3p",
                "aborted 1 2 -",
                "reset client complete client:handshake_abort@3",
                findings="probe",
            )
        ],
        [
            Finding("probe", "client 10.0.0.250 toward 10.0.0.20:80", 4, "info"),
            Finding("probe", "client 10.0.0.251 toward 10.0.0.20:443", 4, "info"),
        ],
        per_connection=True,
    ),
]
