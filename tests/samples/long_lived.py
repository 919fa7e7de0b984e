"""Long connections: idle, probed, dead."""

from __future__ import annotations

from .expectation import Connection, Finding, Sample, clean, opened

CLIENT, SERVER, HANDSHAKE = opened()

SAMPLES = [
    Sample(
        "keep_alive_answered.pcap",
        "S18",
        [
            Connection(
                "10.0.0.10:45000 > 10.0.0.20:5432",
                CLIENT + " FIN_WAIT_1@20s FIN_WAIT_2@21p TIME_WAIT@23a",
                SERVER + " CLOSE_WAIT@21a LAST_ACK@22s CLOSED@23p",
                HANDSHAKE,
                "four_way client complete",
            )
        ],
    ),
    Sample(
        "keep_alive_dead_peer.pcap",
        "S18 S9",
        [
            Connection(
                "10.0.0.10:45001 > 10.0.0.20:5432",
                CLIENT + " CLOSED@13s",
                SERVER + " CLOSED@13p",
                HANDSHAKE,
                "reset client complete client:timeout@13",
                findings="dead-peer",
            )
        ],
        [Finding("dead-peer", "server 10.0.0.20:5432")],
    ),
    Sample(
        "dead_connection.pcap",
        "S23",
        [
            Connection(
                "10.0.0.10:45002 > 10.0.0.20:5432",
                CLIENT,
                SERVER,
                HANDSHAKE,
                "open",
                findings="dead-peer",
                retransmits=(7, 0),
            ),
            clean("10.0.0.10:45003 > 10.0.0.21:5432", 16),
        ],
        [Finding("dead-peer", "server 10.0.0.20:5432")],
    ),
    Sample(
        "short_and_long.pcap",
        "S18",
        [
            Connection(
                "10.0.0.10:45010 > 10.0.0.20:443",
                CLIENT + " CLOSE_WAIT@29a LAST_ACK@29s CLOSED@30p",
                SERVER + " FIN_WAIT_1@28s TIME_WAIT@30a",
                HANDSHAKE,
                "three_way server complete",
                payload_bytes=(1080, 3840),
            ),
            clean("10.0.0.10:45011 > 10.0.0.20:443", expires=True),
            clean("10.0.0.10:45012 > 10.0.0.20:443", expires=True),
        ],
        per_connection=True,
    ),
]
