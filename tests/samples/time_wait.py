"""TIME_WAIT: piles, reuse, early death."""

from __future__ import annotations

from .closing import closed_by_server
from .expectation import Connection, Finding, Sample, clean, opened

CLIENT, SERVER, HANDSHAKE = opened()


def reopened(between: str, first: int = 12, **more: str) -> Connection:
    client, server, handshake = opened(first)
    return Connection(between, client, server, handshake, "open", **more)


SAMPLES = [
    Sample(
        "time_wait_pile.pcap",
        "S19",
        [
            Connection(
                f"10.0.0.10:{32768 + 2 * number} > 10.0.0.20:8080",
                CLIENT + " FIN_WAIT_1@6s TIME_WAIT@8a",
                SERVER + " CLOSE_WAIT@7a LAST_ACK@7s CLOSED@8p",
                HANDSHAKE,
                "three_way client complete",
                payload_bytes=(150, 420),
            )
            for number in range(1100)
        ],
        [Finding("time-wait-pile", "client 10.0.0.10", 1100)],
        per_connection=True,
    ),
    Sample(
        "time_wait_reuse_accepted.pcap",
        "S20",
        [
            closed_by_server(
                "10.0.0.10:44000 > 10.0.0.20:80", time_wait_ends="CLOSED@13a", findings="time-wait-reuse"
            ),
            reopened("10.0.0.10:44000 > 10.0.0.20:80", findings="time-wait-reuse"),
        ],
        [Finding("time-wait-reuse", "client 10.0.0.10 toward 10.0.0.20:80", severity="info")],
    ),
    Sample(
        "time_wait_reuse_by_client.pcap",
        "S20",
        [
            Connection(
                "10.0.0.10:44001 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@8s FIN_WAIT_2@9p TIME_WAIT@11a CLOSED@12s",
                SERVER + " CLOSE_WAIT@9a LAST_ACK@10s CLOSED@11p",
                HANDSHAKE,
                "four_way client complete",
                findings="time-wait-reuse",
            ),
            reopened("10.0.0.10:44001 > 10.0.0.20:80", findings="time-wait-reuse"),
        ],
        [Finding("time-wait-reuse", "client 10.0.0.10 toward 10.0.0.20:80", severity="info")],
    ),
    Sample(
        "time_wait_reuse_refused.pcap",
        "S20",
        [
            closed_by_server(
                "10.0.0.10:44002 > 10.0.0.20:80",
                time_wait_ends="CLOSED@14p",
                close="four_way server complete client:time_wait@14",
                findings="time-wait-reuse",
            ),
            Connection(
                "10.0.0.10:44002 > 10.0.0.20:80",
                "SYN_SENT@12s ESTABLISHED@17a",
                "LISTEN@16a SYN_RCVD@16s ESTABLISHED@17p",
                "complete 12 16 17 syn+1",
                "open",
                findings="time-wait-reuse",
                retransmits=(1, 0),
            ),
        ],
        [
            Finding("time-wait-reuse", "client 10.0.0.10 toward 10.0.0.20:80", severity="warning"),
        ],
    ),
    Sample(
        "time_wait_assassination.pcap",
        "S20 S9",
        [
            Connection(
                "10.0.0.10:44003 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@8s FIN_WAIT_2@9p TIME_WAIT@11a CLOSED@14p",
                SERVER + " CLOSE_WAIT@9a LAST_ACK@10s CLOSED@11p",
                HANDSHAKE,
                "four_way client complete server:time_wait@14",
                findings="time-wait-assassination",
                retransmits=(0, 1),
            ),
            clean("10.0.0.10:44004 > 10.0.0.20:80", 15),
        ],
        [Finding("time-wait-assassination", "server 10.0.0.20:80", severity="info")],
    ),
]
