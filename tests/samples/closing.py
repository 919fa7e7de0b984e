"""How connections end."""

from __future__ import annotations

from .expectation import Connection, Finding, Sample, clean, opened

CLIENT, SERVER, HANDSHAKE = opened()


def closed_by_server(between: str, first: int = 1, time_wait_ends: str = "", **more: str) -> Connection:
    """Eleven frames in a row, a four-way close by the server; ``time_wait_ends``: what follows its
    TIME_WAIT.
    """
    client, server, handshake = opened(first)
    fin, ack, last_fin, last_ack = range(first + 7, first + 11)
    return Connection(
        between,
        client + f" CLOSE_WAIT@{ack}a LAST_ACK@{last_fin}s CLOSED@{last_ack}p",
        server + f" FIN_WAIT_1@{fin}s FIN_WAIT_2@{ack}p TIME_WAIT@{last_ack}a {time_wait_ends}",
        handshake,
        more.pop("close", "four_way server complete"),
        **more,
    )


SAMPLES = [
    Sample("four_way_close_client.pcap", "S3", [clean("10.0.0.10:41000 > 10.0.0.20:80")]),
    Sample("four_way_close_server.pcap", "S3", [closed_by_server("10.0.0.10:41001 > 10.0.0.20:80")]),
    Sample(
        "three_segment_close.pcap",
        "S4",
        [
            Connection(
                "10.0.0.10:41002 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@8s TIME_WAIT@10a",
                SERVER + " CLOSE_WAIT@9a LAST_ACK@9s CLOSED@10p",
                HANDSHAKE,
                "three_way client complete",
            )
        ],
    ),
    Sample(
        "half_close.pcap",
        "S5",
        [
            Connection(
                "10.0.0.10:41003 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@6s FIN_WAIT_2@7p TIME_WAIT@17a",
                SERVER + " CLOSE_WAIT@7a LAST_ACK@16s CLOSED@17p",
                HANDSHAKE,
                "four_way client complete",
                findings="half-close",
                payload_bytes=(900, 4000),
            )
        ],
        [Finding("half-close", "server 10.0.0.20:80", severity="info")],
    ),
    Sample(
        "half_close_long_transfer.pcap",
        "S5 S14 S15",
        [
            Connection(
                "10.0.0.10:41004 > 10.0.0.20:873",
                CLIENT + " FIN_WAIT_1@6s FIN_WAIT_2@7p TIME_WAIT@69a",
                SERVER + " CLOSE_WAIT@7a LAST_ACK@68s CLOSED@69p",
                HANDSHAKE,
                "four_way client complete",
                findings="half-close",
                payload_bytes=(300, 36_000),
            )
        ],
        [Finding("half-close", "server 10.0.0.20:873", severity="info")],
    ),
    Sample(
        "simultaneous_close.pcap",
        "S8",
        [
            Connection(
                "10.0.0.10:41005 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@8s CLOSING@10a TIME_WAIT@11p",
                SERVER + " FIN_WAIT_1@9s CLOSING@11p TIME_WAIT@11p",
                HANDSHAKE,
                "simultaneous both complete",
            )
        ],
    ),
    Sample(
        "all_eleven_states.pcap",
        "S6 S7 S8 S9 S13",
        [
            Connection(
                "10.0.0.10:7100 > 10.0.0.20:7101",
                "SYN_SENT@1s SYN_RCVD@3s ESTABLISHED@4p FIN_WAIT_1@7s CLOSING@9a TIME_WAIT@10p CLOSED@10+60t",
                "SYN_SENT@2s SYN_RCVD@4s ESTABLISHED@4p FIN_WAIT_1@8s CLOSING@10p TIME_WAIT@10p "
                "CLOSED@10+60t",
                "complete simultaneous",
                "simultaneous both complete",
                retransmits=None,
            ),
            clean("10.0.0.10:41006 > 10.0.0.20:80", 11, expires=True),
            closed_by_server("10.0.0.10:41007 > 10.0.0.20:80", 22, "CLOSED@32+60t"),
            Connection(
                "10.0.0.10:41008 > 10.0.0.20:80",
                "SYN_SENT@33s CLOSED@35s",
                "LISTEN@34a SYN_RCVD@34s LISTEN@35p",
                "aborted 33 34 -",
                "reset client complete client:handshake_abort@35",
            ),
            clean("10.0.0.10:41009 > 10.0.0.20:80", 36),
        ],
    ),
    Sample(
        "lost_last_ack.pcap",
        "S12 S13",
        [
            Connection(
                "10.0.0.10:41010 > 10.0.0.20:80",
                CLIENT + " FIN_WAIT_1@8s FIN_WAIT_2@9p TIME_WAIT@11a CLOSED@13+60t",
                SERVER + " CLOSE_WAIT@9a LAST_ACK@10s CLOSED@13p",
                HANDSHAKE,
                "four_way client complete",
                retransmits=(0, 1),
            ),
            clean("10.0.0.10:41011 > 10.0.0.20:80", 14),
        ],
    ),
    Sample(
        "time_wait_expires.pcap",
        "S13",
        [
            clean("10.0.0.10:41012 > 10.0.0.20:80", expires=True),
            clean("10.0.0.10:41013 > 10.0.0.20:80", 12),
        ],
    ),
]
