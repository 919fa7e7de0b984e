"""Closes that stop half-way."""

from __future__ import annotations

from dataclasses import replace

from .expectation import Connection, Finding, Sample, clean, leaked, opened

CLIENT, SERVER, HANDSHAKE = opened()

SAMPLES = [
    Sample(
        "stuck_close_wait.pcap",
        "S14 S15",
        [leaked(f"10.0.0.10:{42000 + number} > 10.0.0.20:8080") for number in range(6)]
        + [clean(f"10.0.0.10:{42010 + number} > 10.0.0.30:9090", expires=True) for number in range(4)]
        + [
            # Slow, but it does close after two seconds.
            clean("10.0.0.10:42006 > 10.0.0.20:8080"),
            # Not stuck yet when the capture ends.
            replace(leaked("10.0.0.10:42007 > 10.0.0.20:8080"), findings=""),
        ],
        [
            Finding("stuck-close-wait", "server 10.0.0.20:8080", 6, "warning critical"),
            Finding("stuck-fin-wait-2", "client 10.0.0.10 toward 10.0.0.20:8080", 6, "info"),
        ],
        per_connection=True,
    ),
    Sample(
        "stuck_fin_wait_2.pcap",
        "S14 S15",
        [
            Connection(
                "10.0.0.10:42020 > 10.0.0.20:3306",
                CLIENT + " CLOSE_WAIT@9a",
                SERVER + " FIN_WAIT_1@8s FIN_WAIT_2@9p CLOSED@9+60t",
                HANDSHAKE,
                "half_closed server",
                findings="stuck-close-wait stuck-fin-wait-2",
            ),
            clean("10.0.0.11:42021 > 10.0.0.20:3306", 10),
        ],
        [
            Finding("stuck-close-wait", "client 10.0.0.10 toward 10.0.0.20:3306", 1, "info"),
            Finding("stuck-fin-wait-2", "server 10.0.0.20:3306", 1, "info"),
        ],
    ),
    Sample(
        "unacknowledged_fin.pcap",
        "S16",
        [
            Connection(
                "10.0.0.10:42030 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@8s CLOSED@8+102t",
                SERVER,
                HANDSHAKE,
                "half_closed client",
                findings="unacknowledged-fin",
                retransmits=(8, 0),
            ),
            clean("10.0.0.10:42031 > 10.0.0.21:80", 17),
        ],
        [Finding("unacknowledged-fin", "server 10.0.0.20:80", 1, "warning critical")],
    ),
    Sample(
        "unacknowledged_last_ack.pcap",
        "S17",
        [
            Connection(
                "10.0.0.10:42040 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@8s FIN_WAIT_2@9p CLOSED@9+60t",
                SERVER + " CLOSE_WAIT@9a LAST_ACK@10s CLOSED@10+102t",
                HANDSHAKE,
                "four_way client",
                findings="unacknowledged-fin",
                retransmits=(0, 8),
            ),
            clean("10.0.0.11:42041 > 10.0.0.20:80", 19),
        ],
        [Finding("unacknowledged-fin", "client 10.0.0.10 toward 10.0.0.20:80", 1, "info")],
    ),
    Sample(
        "zero_window.pcap",
        "S14",
        [
            Connection(
                "10.0.0.10:42050 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@6s FIN_WAIT_2@7p TIME_WAIT@28a",
                SERVER + " CLOSE_WAIT@7a LAST_ACK@27s CLOSED@28p",
                HANDSHAKE,
                "four_way client complete",
                findings="half-close zero-window-stall",
                payload_bytes=(300, 2800),
            )
        ],
        [
            Finding("half-close", "server 10.0.0.20:80", severity="info"),
            Finding("zero-window-stall", "client 10.0.0.10 toward 10.0.0.20:80", severity="info"),
        ],
    ),
]
