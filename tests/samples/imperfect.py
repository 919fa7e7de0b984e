"""Captures as they are."""

from __future__ import annotations

from .expectation import Connection, Finding, Sample, clean, opened

CLIENT, SERVER, HANDSHAKE = opened()

SAMPLES = [
    Sample("isn_wraps.pcap", "S1 S3", [clean("10.0.0.10:46000 > 10.0.0.20:80", payload_bytes=(180, 640))]),
    Sample(
        "duplicate_frames.pcap",
        "S1 S3",
        [
            Connection(
                "10.0.0.10:46001 > 10.0.0.20:80",
                "SYN_SENT@1s ESTABLISHED@5a FIN_WAIT_1@15s FIN_WAIT_2@17p TIME_WAIT@21a",
                "LISTEN@3a SYN_RCVD@3s ESTABLISHED@5p CLOSE_WAIT@17a LAST_ACK@19s CLOSED@21p",
                "complete 1 3 5",
                "four_way client complete",
                payload_bytes=(180, 640),
            )
        ],
    ),
    Sample(
        "one_direction.pcap",
        "S1 S21",
        [
            Connection(
                "10.0.0.10:46002 > 10.0.0.20:80",
                # Of what its FIN acknowledges nothing passed: the server may have closed before.
                "SYN_SENT@1s ESTABLISHED@2a FIN_WAIT_1@5A",
                # The client's ACK is of a SYN+ACK that went another way.
                "LISTEN@2A SYN_RCVD@2A ESTABLISHED@2p",
                "complete 1 - 2",
                "half_closed client",
            )
        ],
    ),
    Sample(
        "gap_in_capture.pcap",
        "S3",
        [
            Connection(
                "10.0.0.10:46003 > 10.0.0.20:80",
                CLIENT + " CLOSE_WAIT@9a LAST_ACK@10s CLOSED@11p",
                SERVER + " FIN_WAIT_1@8s FIN_WAIT_2@9p TIME_WAIT@11a",
                HANDSHAKE,
                "four_way server complete",
            )
        ],
    ),
    Sample(
        "ack_of_unseen_fin.pcap",
        "S3",
        [
            Connection(
                "10.0.0.10:46004 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@8s FIN_WAIT_2@9p",
                SERVER + " CLOSE_WAIT@9a",
                HANDSHAKE,
                "half_closed client",
            )
        ],
    ),
    Sample(
        "fin_out_of_order.pcap",
        "S3",
        [
            Connection(
                "10.0.0.10:46005 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@8s FIN_WAIT_2@11p TIME_WAIT@13a",
                SERVER + " CLOSE_WAIT@11a LAST_ACK@12s CLOSED@13p",
                HANDSHAKE,
                "four_way client complete",
                retransmits=None,
            )
        ],
    ),
    Sample("time_runs_backwards.pcap", "S3", [clean("10.0.0.10:46006 > 10.0.0.20:80")]),
    Sample(
        "snaplen_cut.pcap",
        "S3",
        [
            Connection(
                "10.0.0.10:46007 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@11s FIN_WAIT_2@12p TIME_WAIT@14a",
                SERVER + " CLOSE_WAIT@12a LAST_ACK@13s CLOSED@14p",
                HANDSHAKE,
                "four_way client complete",
                payload_bytes=(180, 5000),
            )
        ],
    ),
    Sample("vlan.pcap", "S3", [clean("10.0.0.10:46008 > 10.0.0.20:80", payload_bytes=(180, 640))]),
    Sample(
        "two_interfaces.pcapng",
        "S3 S9",
        [
            Connection(
                "10.0.0.10:46009 > 10.0.0.20:80",
                "SYN_SENT@1s ESTABLISHED@4a FIN_WAIT_1@14s FIN_WAIT_2@16p TIME_WAIT@18a",
                "LISTEN@3a SYN_RCVD@3s ESTABLISHED@4p CLOSE_WAIT@16a LAST_ACK@17s CLOSED@18p",
                "complete 1 3 4",
                "four_way client complete",
            ),
            Connection(
                "10.8.0.2:46010 > 10.8.0.1:22",
                "SYN_SENT@2s ESTABLISHED@7a CLOSED@19p",
                "LISTEN@6a SYN_RCVD@6s ESTABLISHED@7p CLOSED@19s",
                "complete 2 6 7",
                "reset server complete server:abort@19",
                findings="reset-abort",
            ),
        ],
        [Finding("reset-abort", "server 10.8.0.1:22")],
    ),
    Sample(
        "roles_midstream.pcap",
        "S21",
        [
            clean("10.0.0.10:1023 > 10.0.0.20:50051"),
            Connection(
                "10.0.0.11:40100 > 10.0.0.20:50051",
                "ESTABLISHED@12A",
                "ESTABLISHED@12A",
                "unseen - - -",
                "open",
                roles_basis="listener",
            ),
            Connection(
                "10.0.0.11:40101 > 10.0.0.21:443",
                "ESTABLISHED@16A",
                "ESTABLISHED@16A",
                "unseen - - -",
                "open",
                roles_basis="port",
            ),
            Connection(
                "10.0.0.11:40102 > 10.0.0.22:30000",
                "ESTABLISHED@18A FIN_WAIT_1@22s FIN_WAIT_2@23p TIME_WAIT@25a",
                "ESTABLISHED@18A CLOSE_WAIT@23a LAST_ACK@24s CLOSED@25p",
                "unseen - - -",
                "four_way client complete",
                roles_basis="port",
            ),
        ],
    ),
    Sample(
        "reset_midstream.pcap",
        "S9 S21",
        [
            Connection(
                "10.0.0.10:46020 > 10.0.0.20:80",
                "",
                "CLOSED@1s",
                "unseen - - -",
                "reset server complete server:abort@1",
                findings="reset-abort",
                roles_basis="port",
            )
        ],
        [Finding("reset-abort", "server 10.0.0.20:80")],
    ),
]
