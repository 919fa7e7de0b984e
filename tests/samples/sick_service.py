"""One capture with several illnesses."""

from __future__ import annotations

from .expectation import Connection, Finding, Sample, clean, leaked, opened

CLIENT, SERVER, HANDSHAKE = opened()

CONNECTIONS = (
    [leaked(f"10.0.0.{10 + number % 3}:{50000 + number} > 10.0.0.20:8080") for number in range(14)]
    + [
        clean(f"10.0.0.{10 + number % 3}:{50100 + number} > 10.0.0.20:8080", expires=True)
        for number in range(24)
    ]
    + [clean(f"10.0.0.20:{51000 + number} > 10.0.0.31:443", expires=True) for number in range(12)]
    + [
        Connection(
            f"10.0.0.20:{51100 + number} > 10.0.0.30:5432",
            "SYN_SENT@1s CLOSED@2p",
            "CLOSED@2s",
            "refused 1 - -",
            "reset server complete server:refused@2",
            findings="connection-refused",
        )
        for number in range(6)
    ]
    + [
        Connection(
            f"10.0.0.20:{51200 + number} > 10.0.0.40:6379",
            "SYN_SENT@1s",
            "",
            "unanswered 1 - - syn+4",
            "open",
            findings="connection-timeout",
            retransmits=(4, 0),
        )
        for number in range(3)
    ]
    + [
        Connection(
            f"10.0.0.5:{52000 + number} > 10.0.0.20:9000",
            CLIENT + " CLOSED@9s",
            SERVER + " CLOSED@9p",
            HANDSHAKE,
            "reset client complete client:abort@9",
            findings="idle-timeout",
            payload_bytes=(320, 2100),
        )
        for number in range(5)
    ]
    + [
        Connection(
            f"10.0.0.20:{51300 + number} > 10.0.0.50:5672",
            CLIENT + " CLOSED@17p",
            SERVER + " CLOSED@17s",
            HANDSHAKE,
            "reset server complete server:no_connection@17",
            findings="reset-no-connection",
        )
        for number in range(2)
    ]
)

SAMPLES = [
    Sample(
        "sick_service.pcap",
        "S14 S15 S22 S9 S24",
        CONNECTIONS,
        [
            Finding("stuck-close-wait", "server 10.0.0.20:8080", 14, "critical"),
            # Their clients: three hosts.
            Finding("stuck-fin-wait-2", "client 10.0.0.10 toward 10.0.0.20:8080", 5, "info"),
            Finding("stuck-fin-wait-2", "client 10.0.0.11 toward 10.0.0.20:8080", 5, "info"),
            Finding("stuck-fin-wait-2", "client 10.0.0.12 toward 10.0.0.20:8080", 4, "info"),
            Finding("connection-refused", "server 10.0.0.30:5432", 6),
            Finding("connection-timeout", "server 10.0.0.40:6379", 3),
            Finding("idle-timeout", "client 10.0.0.5 toward 10.0.0.20:9000", 5),
            Finding("reset-no-connection", "server 10.0.0.50:5672", 2),
        ],
        per_connection=True,
    )
]
