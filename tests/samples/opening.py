"""How connections begin, or fail to."""

from __future__ import annotations

from .expectation import Connection, Finding, Sample, clean, opened

CLIENT, SERVER, HANDSHAKE = opened()

SAMPLES = [
    Sample(
        "three_way_handshake.pcap",
        "S1",
        [
            Connection(
                "10.0.0.10:40000 > 10.0.0.20:80", CLIENT, SERVER, HANDSHAKE, "open", payload_bytes=(180, 640)
            )
        ],
    ),
    Sample(
        "third_ack_lost.pcap",
        "S1",
        [
            Connection(
                "10.0.0.10:40001 > 10.0.0.20:80",
                "SYN_SENT@1s ESTABLISHED@3a",
                "LISTEN@2a SYN_RCVD@2s ESTABLISHED@5p",
                "complete 1 2 3 synack+1",
                "open",
                retransmits=(0, 1),
            )
        ],
    ),
    Sample(
        "syn_retransmitted.pcap",
        "S1",
        [
            Connection(
                "10.0.0.10:40002 > 10.0.0.20:80",
                "SYN_SENT@1s ESTABLISHED@4a",
                "LISTEN@3a SYN_RCVD@3s ESTABLISHED@4p",
                "complete 1 3 4 syn+1",
                "open",
                retransmits=(1, 0),
                findings="slow-connect",
            )
        ],
        [Finding("slow-connect", "server 10.0.0.20:80", severity="info")],
    ),
    Sample(
        "stale_duplicate_syn.pcap",
        "S2",
        [
            Connection(
                "10.0.0.10:40003 > 10.0.0.20:80",
                "SYN_SENT@1s CLOSED@3s",
                "LISTEN@2a SYN_RCVD@2s LISTEN@3p",
                "aborted 1 2 -",
                "reset client complete client:handshake_abort@3",
                findings="stale-syn",
            ),
            clean("10.0.0.10:40003 > 10.0.0.20:80", 4),
        ],
        [Finding("stale-syn", "client 10.0.0.10 toward 10.0.0.20:80")],
    ),
    Sample(
        "stale_syn_in_established.pcap",
        "S2",
        [
            Connection(
                "10.0.0.10:40004 > 10.0.0.20:80",
                CLIENT,
                SERVER,
                HANDSHAKE,
                "open",
                findings="stale-syn",
                payload_bytes=(360, 1280),
            )
        ],
        [Finding("stale-syn", "client 10.0.0.10 toward 10.0.0.20:80")],
    ),
    Sample(
        "simultaneous_open.pcap",
        "S7",
        [
            Connection(
                "10.0.0.10:7000 > 10.0.0.20:7001",
                "SYN_SENT@1s SYN_RCVD@3s ESTABLISHED@4p",
                "SYN_SENT@2s SYN_RCVD@4s ESTABLISHED@4p",
                "complete simultaneous",
                "open",
                retransmits=None,
            )
        ],
    ),
    Sample(
        "syn_rcvd_to_fin_wait_1.pcap",
        "S10",
        [
            Connection(
                "10.0.0.10:40005 > 10.0.0.20:80",
                "SYN_SENT@1s ESTABLISHED@4a CLOSE_WAIT@4a LAST_ACK@5s CLOSED@6p",
                "LISTEN@2a SYN_RCVD@2s FIN_WAIT_1@3s FIN_WAIT_2@4p TIME_WAIT@6a",
                "complete 1 2 4",
                "four_way server complete",
            )
        ],
    ),
    Sample(
        "syn_timeout.pcap",
        "S11 S22",
        [
            Connection(
                "10.0.0.10:40006 > 10.0.0.99:6379",
                "SYN_SENT@1s CLOSED@1+127t",
                "",
                "unanswered 1 - - syn+6",
                "open",
                findings="connection-timeout",
                retransmits=(6, 0),
            ),
            clean("10.0.0.10:40007 > 10.0.0.20:80", 8),
        ],
        [Finding("connection-timeout", "server 10.0.0.99:6379")],
    ),
    Sample(
        "connection_timeout.pcap",
        "S22",
        [
            Connection(
                "10.0.0.10:40008 > 10.0.0.99:443",
                "SYN_SENT@1s",
                "",
                "unanswered 1 - - syn+2",
                "open",
                findings="connection-timeout",
                retransmits=(2, 0),
            ),
            clean("10.0.0.10:40009 > 10.0.0.20:80", 4),
        ],
        [Finding("connection-timeout", "server 10.0.0.99:443")],
    ),
    Sample(
        "syn_ack_timeout.pcap",
        "S11",
        [
            Connection(
                "198.51.100.7:40010 > 10.0.0.20:80",
                "SYN_SENT@1s",
                "LISTEN@2a SYN_RCVD@2s CLOSED@2+63t",
                "half_open 1 2 - synack+5",
                "open",
                findings="half-open-handshake",
                retransmits=(0, 5),
            ),
            clean("10.0.0.10:40011 > 10.0.0.20:80", 8),
        ],
        [Finding("half-open-handshake", "server 10.0.0.20:80")],
    ),
    Sample(
        "connection_refused.pcap",
        "S22 S9",
        [
            Connection(
                f"10.0.0.10:{40020 + number} > 10.0.0.30:5432",
                f"SYN_SENT@{2 * number + 1}s CLOSED@{2 * number + 2}p",
                f"CLOSED@{2 * number + 2}s",
                f"refused {2 * number + 1} - -",
                f"reset server complete server:refused@{2 * number + 2}",
                findings="connection-refused",
            )
            for number in range(3)
        ],
        [Finding("connection-refused", "server 10.0.0.30:5432", 3)],
    ),
    Sample(
        "connection_unreachable.pcap",
        "S22",
        [
            Connection(
                "10.0.0.10:40030 > 10.9.9.9:443",
                "SYN_SENT@1s CLOSED@2p",
                "",
                "unreachable 1 - -",
                "open",
                findings="connection-unreachable",
            )
        ],
        [Finding("connection-unreachable", "server 10.9.9.9:443")],
    ),
    Sample(
        "unreachable_then_reached.pcap",
        "S22",
        [
            Connection(
                "10.0.0.10:40031 > 10.9.9.9:443",
                "SYN_SENT@1s ESTABLISHED@5a",
                "LISTEN@4a SYN_RCVD@4s ESTABLISHED@5p",
                "complete 1 4 5 syn+1",
                "open",
                retransmits=(1, 0),
            )
        ],
    ),
    Sample(
        "tcp_fast_open.pcap",
        "S1 S4",
        [
            Connection(
                "10.0.0.10:40032 > 10.0.0.20:443",
                "SYN_SENT@1s ESTABLISHED@4a FIN_WAIT_1@5s TIME_WAIT@7a",
                "LISTEN@2a SYN_RCVD@2s ESTABLISHED@4p CLOSE_WAIT@6a LAST_ACK@6s CLOSED@7p",
                "complete 1 2 4 fast_open",
                "three_way client complete",
                payload_bytes=(38, 600),
            )
        ],
    ),
    Sample(
        "ipv6.pcap",
        "S1 S4 S22",
        [
            Connection(
                "[2001:db8::10]:40033 > [2001:db8::20]:80",
                CLIENT + " FIN_WAIT_1@8s TIME_WAIT@10a",
                SERVER + " CLOSE_WAIT@9a LAST_ACK@9s CLOSED@10p",
                HANDSHAKE,
                "three_way client complete",
            ),
            Connection(
                "[2001:db8::10]:40034 > [2001:db8::30]:81",
                "SYN_SENT@11s CLOSED@12p",
                "CLOSED@12s",
                "refused 11 - -",
                "reset server complete server:refused@12",
                findings="connection-refused",
            ),
        ],
        [Finding("connection-refused", "server [2001:db8::30]:81")],
    ),
]
