"""A FIN never passed: the other side's, which acknowledges it, is the second, or may be."""

from __future__ import annotations

import pytest

from tcptrace_py.tcp.codes import CLOSE_KINDS
from tests.segments import Trace

OPEN = "c SYN 100\ns SYN+ACK 300 101\nc ACK 101 301\nc ACK 101 301 10\ns ACK 301 111 20\nc ACK 111 321\n"
OPENED = "SYN_SENT@1s ESTABLISHED@3a"
SERVING = "LISTEN@2a SYN_RCVD@2s ESTABLISHED@3p"
UNDER_WAY = "ESTABLISHED@1A"

TRACES = {
    "the first FIN never passed, the second is in a segment of its own": (
        OPEN + "s ACK 321 112\ns FIN+ACK 321 112\nc ACK 112 322",
        OPENED + " FIN_WAIT_1@7A FIN_WAIT_2@7p TIME_WAIT@9A",
        SERVING + " CLOSE_WAIT@7A LAST_ACK@8A CLOSED@9p",
    ),
    "the first FIN never passed, the second is on the ACK of it": (
        OPEN + "s FIN+ACK 321 112\nc ACK 112 322",
        OPENED + " FIN_WAIT_1@7A TIME_WAIT@8A",
        SERVING + " CLOSE_WAIT@7A LAST_ACK@7A CLOSED@8p",
    ),
    "more than one number is missing: data, or data and a FIN": (
        OPEN + "s FIN+ACK 321 121\nc ACK 121 322",
        OPENED + " CLOSE_WAIT@8A",
        SERVING + " FIN_WAIT_1@7A FIN_WAIT_2@8p",
    ),
    "that was no FIN: data follows": (
        OPEN + "s ACK 321 112\ns FIN+ACK 321 112\nc ACK 112 322\nc ACK 112 322 10",
        OPENED + " CLOSE_WAIT@9a",
        SERVING + " FIN_WAIT_1@8s FIN_WAIT_2@9p",
    ),
    "what is missing lies before data that did pass": (
        OPEN + "s ACK 321 150\nc ACK 150 321 20\ns FIN+ACK 321 170\nc ACK 170 322",
        OPENED + " CLOSE_WAIT@10a",
        SERVING + " FIN_WAIT_1@9s FIN_WAIT_2@10p",
    ),
    "picked up at a FIN that may be the second": (
        "c FIN+ACK 321 112\ns ACK 112 322",
        UNDER_WAY + " FIN_WAIT_1@1A FIN_WAIT_2@2p",
        UNDER_WAY + " CLOSE_WAIT@2A",
    ),
    "picked up there, and data shows that it was the first": (
        "c FIN+ACK 321 112\ns ACK 112 322\ns ACK 112 322 10",
        UNDER_WAY + " FIN_WAIT_1@1s FIN_WAIT_2@2p",
        UNDER_WAY + " CLOSE_WAIT@2a",
    ),
    "picked up there, and a FIN shows that it was the first": (
        "c FIN+ACK 321 112\ns ACK 112 322\ns FIN+ACK 112 322\nc ACK 322 113",
        UNDER_WAY + " FIN_WAIT_1@1s FIN_WAIT_2@2p TIME_WAIT@4a",
        UNDER_WAY + " CLOSE_WAIT@2a LAST_ACK@3s CLOSED@4p",
    ),
    "picked up at data, all that the FIN acknowledges": (
        "c ACK 101 301 11\ns FIN+ACK 321 112\nc ACK 112 322",
        UNDER_WAY + " CLOSE_WAIT@3a",
        UNDER_WAY + " FIN_WAIT_1@2s FIN_WAIT_2@3p",
    ),
}


@pytest.mark.parametrize(("trace", "client", "server"), TRACES.values(), ids=TRACES)
def test_a_fin_that_may_answer_an_unseen_one(trace: str, client: str, server: str) -> None:
    played = Trace().play(trace)
    (connection,) = played.end()
    ends = sorted((connection.a, connection.b), key=lambda end: -end.port)
    assert [played.words(end) for end in ends] == [client, server]


@pytest.mark.parametrize(
    ("name", "close"),
    [
        ("the first FIN never passed, the second is in a segment of its own", "four_way"),
        ("the first FIN never passed, the second is on the ACK of it", "three_way"),
    ],
)
def test_the_close_is_complete_and_began_with_the_unseen_fin(name: str, close: str) -> None:
    (connection,) = Trace().play(TRACES[name][0]).end()
    assert (CLOSE_KINDS[connection.close], connection.close_complete) == (close, True)
    assert connection.first_fin_by == 1
