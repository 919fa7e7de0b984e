"""What losses, copies and delays on the way do to a reading."""

from __future__ import annotations

from .expectation import Connection, Finding, Sample, opened

CLIENT, SERVER, HANDSHAKE = opened()

SAMPLES = [
    Sample(
        "fin_overtakes_syn_ack.pcap",
        "S3 S10",
        [
            Connection(
                "10.0.0.10:46100 > 10.0.0.20:80",
                "SYN_SENT@1s ESTABLISHED@4a CLOSE_WAIT@4a LAST_ACK@5s CLOSED@6p",
                "LISTEN@2A SYN_RCVD@2A FIN_WAIT_1@2s FIN_WAIT_2@4p TIME_WAIT@6a",
                "complete 1 3 4",
                "four_way server complete",
            )
        ],
    ),
    Sample(
        "fin_lost_before_vantage.pcap",
        "S8",
        [
            Connection(
                "10.0.0.10:46101 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@8s FIN_WAIT_2@9p TIME_WAIT@11a",
                SERVER + " FIN_WAIT_1@9A CLOSING@9A TIME_WAIT@11p",
                HANDSHAKE,
                "simultaneous both complete",
                # The server's FIN was sent twice, but the space that it takes passed only once.
                retransmits=(0, 0),
            )
        ],
    ),
    Sample(
        "ack_overtakes_fin.pcap",
        "S3",
        [
            Connection(
                "10.0.0.10:46102 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@8s FIN_WAIT_2@10p TIME_WAIT@12a",
                SERVER + " CLOSE_WAIT@10A LAST_ACK@11A CLOSED@12p",
                HANDSHAKE,
                "four_way client complete",
                retransmits=(1, 0),
            )
        ],
    ),
    Sample(
        "fin_again_too_early.pcap",
        "S3 S5",
        [
            Connection(
                "10.0.0.10:46103 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@8s FIN_WAIT_2@9p TIME_WAIT@13a",
                SERVER + " CLOSE_WAIT@9a LAST_ACK@12s CLOSED@13p",
                HANDSHAKE,
                "four_way client complete",
                findings="half-close",
                retransmits=(1, 0),
                payload_bytes=(180, 940),
            )
        ],
        [Finding("half-close", "server 10.0.0.20:80", severity="info")],
    ),
    Sample(
        "syn_ack_copy_after_data.pcap",
        "S1 S3",
        [
            Connection(
                "10.0.0.10:46104 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@10s FIN_WAIT_2@11p TIME_WAIT@13a",
                SERVER + " CLOSE_WAIT@11a LAST_ACK@12s CLOSED@13p",
                "complete 1 2 3 synack+1",
                "four_way client complete",
                retransmits=(0, 1),
            )
        ],
    ),
    Sample(
        "syn_copy_after_reset.pcap",
        "S2 S9",
        [
            Connection(
                "10.0.0.10:46105 > 10.0.0.20:80",
                CLIENT + " CLOSED@8p",
                SERVER + " CLOSED@8s",
                "complete 1 2 3 syn+1",
                "reset server complete server:abort@8",
                findings="reset-abort",
                retransmits=(1, 0),
            )
        ],
        [Finding("reset-abort", "server 10.0.0.20:80")],
    ),
    Sample(
        "fin_copy_from_before_ack.pcap",
        "S8",
        [
            Connection(
                "10.0.0.10:46106 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@8s TIME_WAIT@10p",
                SERVER + " FIN_WAIT_1@9s CLOSING@9a TIME_WAIT@10p",
                HANDSHAKE,
                "simultaneous both complete",
                retransmits=(0, 1),
            )
        ],
    ),
    Sample(
        "fin_again_after_ack.pcap",
        "S8",
        [
            Connection(
                "10.0.0.10:46107 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@9s FIN_WAIT_2@10p TIME_WAIT@12p",
                SERVER + " FIN_WAIT_1@8s CLOSING@10a TIME_WAIT@12p",
                HANDSHAKE,
                "simultaneous both complete",
                retransmits=(0, 1),
            )
        ],
    ),
    Sample(
        "syn_after_syn_ack.pcap",
        "S7",
        [
            Connection(
                "10.0.0.10:46108 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@10s FIN_WAIT_2@11p TIME_WAIT@13a",
                "SYN_SENT@2a SYN_RCVD@2s ESTABLISHED@3p CLOSE_WAIT@11a LAST_ACK@12s CLOSED@13p",
                "complete simultaneous",
                "four_way client complete",
                retransmits=None,
            )
        ],
    ),
    Sample(
        "reset_overtakes_data.pcap",
        "S9",
        [
            Connection(
                "10.0.0.10:46109 > 10.0.0.20:80",
                "SYN_SENT@1s ESTABLISHED@4a CLOSED@4s",
                "LISTEN@2a SYN_RCVD@2s ESTABLISHED@3p CLOSED@3p",
                "complete 1 2 4",
                "reset client complete client:abort@3",
                findings="reset-abort",
            )
        ],
        [Finding("reset-abort", "client 10.0.0.10 toward 10.0.0.20:80")],
    ),
    Sample(
        "fin_ahead_of_lost_data.pcap",
        "S3",
        [
            Connection(
                "10.0.0.10:46110 > 10.0.0.20:80",
                CLIENT + " CLOSE_WAIT@7a LAST_ACK@7s CLOSED@10p",
                SERVER + " FIN_WAIT_1@6s FIN_WAIT_2@8p TIME_WAIT@10a",
                HANDSHAKE,
                "three_way server complete",
                retransmits=(1, 0),
                payload_bytes=(180, 60),
            )
        ],
    ),
]
