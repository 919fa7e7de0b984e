"""RST: who sent it, why, and whether it counts."""

from __future__ import annotations

from .expectation import Connection, Finding, Sample, clean, opened

CLIENT, SERVER, HANDSHAKE = opened()

SAMPLES = [
    Sample(
        "reset_abort.pcap",
        "S9",
        [
            Connection(
                "10.0.0.10:43000 > 10.0.0.20:80",
                CLIENT + " CLOSED@8s",
                SERVER + " CLOSED@8p",
                HANDSHAKE,
                "reset client complete client:abort@8",
                findings="reset-abort",
            )
        ],
        [Finding("reset-abort", "client 10.0.0.10 toward 10.0.0.20:80")],
    ),
    Sample(
        "reset_close_wait_abort.pcap",
        "S9",
        [
            Connection(
                "10.0.0.10:43001 > 10.0.0.20:80",
                CLIENT + " CLOSE_WAIT@9a CLOSED@10s",
                SERVER + " FIN_WAIT_1@8s FIN_WAIT_2@9p CLOSED@10p",
                HANDSHAKE,
                "reset server complete client:close_wait_abort@10",
                findings="reset-abort",
            )
        ],
        [Finding("reset-abort", "client 10.0.0.10 toward 10.0.0.20:80")],
    ),
    Sample(
        "reset_after_close.pcap",
        "S9",
        [
            Connection(
                "10.0.0.10:43002 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@8s CLOSED@10s",
                SERVER + " CLOSED@10p",
                HANDSHAKE,
                "reset client complete client:after_close@10",
                findings="reset-after-close",
            )
        ],
        [Finding("reset-after-close", "client 10.0.0.10 toward 10.0.0.20:80")],
    ),
    Sample(
        "reset_after_full_close.pcap",
        "S9",
        [
            Connection(
                "10.0.0.10:43003 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@8s FIN_WAIT_2@9p CLOSED@11s",
                SERVER + " CLOSE_WAIT@9a CLOSED@11p",
                HANDSHAKE,
                "reset client complete client:after_close@11",
                findings="reset-after-close",
            )
        ],
        [Finding("reset-after-close", "client 10.0.0.10 toward 10.0.0.20:80")],
    ),
    Sample(
        "server_restarted.pcap",
        "S9 S24",
        [
            Connection(
                "10.0.0.10:43004 > 10.0.0.20:6379",
                CLIENT + " CLOSED@9p",
                SERVER + " CLOSED@9s",
                HANDSHAKE,
                "reset server complete server:no_connection@9",
                findings="reset-no-connection",
            )
        ],
        [Finding("reset-no-connection", "server 10.0.0.20:6379")],
    ),
    Sample(
        "half_open_discovery.pcap",
        "S9 S24",
        [
            Connection(
                "10.0.0.10:43005 > 10.0.0.20:5672",
                CLIENT + " CLOSED@10s",
                SERVER + " CLOSED@10p",
                HANDSHAKE,
                "reset client complete client:no_connection@10",
                findings="reset-no-connection",
            ),
            Connection(
                "10.0.0.10:43005 > 10.0.0.20:5672",
                "SYN_SENT@8s ESTABLISHED@13a",
                "LISTEN@12a SYN_RCVD@12s ESTABLISHED@13p",
                "complete 8 12 13 syn+1",
                "open",
                findings="slow-connect",
                retransmits=(1, 0),
            ),
        ],
        [
            Finding("reset-no-connection", "client 10.0.0.10 toward 10.0.0.20:5672"),
            # What was left of the old connection at the server cost the new one a second.
            Finding("slow-connect", "server 10.0.0.20:5672", severity="info"),
        ],
    ),
    Sample(
        "reset_timeout.pcap",
        "S9 S23",
        [
            Connection(
                "10.0.0.10:43006 > 10.0.0.20:80",
                CLIENT + " CLOSED@14s",
                SERVER + " CLOSED@14p",
                HANDSHAKE,
                "reset client complete client:timeout@14",
                findings="dead-peer",
                retransmits=(5, 0),
            )
        ],
        [Finding("dead-peer", "server 10.0.0.20:80")],
    ),
    Sample(
        "reset_handshake_abort.pcap",
        "S9",
        [
            Connection(
                "10.0.0.10:43007 > 10.0.0.20:80",
                "SYN_SENT@1s CLOSED@5s",
                "LISTEN@4a SYN_RCVD@4s LISTEN@5p",
                "aborted 1 4 - syn+2",
                "reset client complete client:handshake_abort@5",
                retransmits=(2, 0),
            )
        ],
    ),
    Sample(
        "reset_stray.pcap",
        "S9",
        [
            Connection(
                "10.0.0.10:43008 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@13s FIN_WAIT_2@14p TIME_WAIT@16a",
                SERVER + " CLOSE_WAIT@14a LAST_ACK@15s CLOSED@16p",
                HANDSHAKE,
                "four_way client complete",
                findings="stray-reset",
            )
        ],
        [Finding("stray-reset", "server 10.0.0.20:80")],
    ),
    Sample(
        "reset_in_window_contradicted.pcap",
        "S9",
        [
            Connection(
                "10.0.0.10:43009 > 10.0.0.20:80",
                CLIENT,
                SERVER,
                HANDSHAKE,
                "open",
                findings="stray-reset",
            )
        ],
        [Finding("stray-reset", "server 10.0.0.20:80")],
    ),
    Sample(
        "reset_in_window_silent.pcap",
        "S9",
        [
            Connection(
                "10.0.0.10:43010 > 10.0.0.20:80",
                CLIENT + " CLOSED@8p",
                SERVER + " CLOSED@8s",
                HANDSHAKE,
                "reset server complete server:abort@8",
                findings="reset-abort",
            ),
            clean("10.0.0.10:43011 > 10.0.0.20:80", 9),
        ],
        [Finding("reset-abort", "server 10.0.0.20:80")],
    ),
    Sample(
        "reset_lost.pcap",
        "S9",
        [
            Connection(
                "10.0.0.10:43012 > 10.0.0.20:80",
                CLIENT + " CLOSED@8s",
                SERVER + " CLOSED@10p",
                HANDSHAKE,
                "reset client complete client:abort@8",
                findings="reset-abort",
            )
        ],
        [Finding("reset-abort", "client 10.0.0.10 toward 10.0.0.20:80")],
    ),
]
