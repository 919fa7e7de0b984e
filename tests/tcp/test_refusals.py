"""SYNs that are refused and go on after all, where both ends open: what losses and delays make of them."""

from __future__ import annotations

import pytest

from tests.segments import Trace


def test_a_refusal_that_had_not_come_when_both_opened() -> None:
    """The number of the SYN+ACK is that of the refused SYN, so its sender never was LISTENing."""
    played = Trace().play("c SYN 100\ns RST+ACK 0 101\ns SYN 300\nc SYN+ACK 100 301\ns ACK 301 101")
    refused, opened = sorted(played.tracker.table.all(), key=lambda connection: connection.id)
    assert played.words(refused.client()) == ""
    assert played.words(refused.server()) == "CLOSED@2s"
    assert opened.simultaneous_open
    assert played.words(opened.a) == "SYN_SENT@3s ESTABLISHED@5a"
    assert played.words(opened.b) == "SYN_SENT@1s SYN_RCVD@4s ESTABLISHED@5p"


@pytest.mark.parametrize(
    ("trace", "refused", "refuser"),
    [
        ("c SYN 100\nc SYN+ACK 100 301", "SYN_SENT@1s SYN_RCVD@5s", "SYN_SENT@3s"),
        ("c ACK 101 301", "SYN_SENT@1s SYN_RCVD@4A", "SYN_SENT@3s"),
        (
            "s SYN+ACK 300 101\nc SYN+ACK 100 301",
            "SYN_SENT@1s SYN_RCVD@5s ESTABLISHED@5p",
            "SYN_SENT@3s SYN_RCVD@4s ESTABLISHED@5p",
        ),
    ],
    ids=["by a copy of the SYN", "by an ACK, its SYN+ACK lost", "the other's SYN+ACK comes in between"],
)
def test_a_refused_syn_goes_on_in_the_connection_that_the_refuser_opens(
    trace: str, refused: str, refuser: str
) -> None:
    played = Trace().play("c SYN 100\ns RST+ACK 0 101\ns SYN 300\n" + trace)
    attempt, opened = sorted(played.tracker.table.all(), key=lambda connection: connection.id)
    assert played.words(attempt.client()) == ""
    assert played.words(attempt.server()) == "CLOSED@2s"
    assert opened.simultaneous_open
    assert played.words(opened.client()) == refuser
    assert played.words(opened.server()) == refused


def test_a_refusal_that_comes_to_syn_rcvd_is_dropped() -> None:
    """What refuses a SYN has the number 0 (3.5.2): a copy of the peer's old SYN had come before it."""
    played = Trace().play(
        "s SYN 300\nc RST+ACK 0 301\nc SYN 100\ns RST+ACK 0 101\nc SYN+ACK 100 301\ns RST 301"
    )
    _, opened = sorted(played.tracker.table.all(), key=lambda connection: connection.id)
    assert played.words(opened.a) == "SYN_SENT@3s SYN_RCVD@5s CLOSED@6p"
    assert (opened.reset_by, opened.rare.stray_resets) == (2, 1)


@pytest.mark.parametrize(
    ("trace", "server"),
    [
        (
            "c SYN 100\ns SYN+ACK 300 101\n+3\nc SYN 5000\ns SYN+ACK 700 5001",
            "LISTEN@2a SYN_RCVD@2s LISTEN@4a",
        ),
        (
            "c SYN 100\ns SYN+ACK 300 101\n+3\nc SYN 5000\ns RST+ACK 0 5001",
            "LISTEN@2a SYN_RCVD@2s CLOSED@4s",
        ),
        (
            "c SYN 100\ns SYN+ACK 300 101\nc ACK 101 301\nc FIN+ACK 101 301\ns ACK 301 102\n"
            "+3\nc SYN 5000\ns RST+ACK 0 5001",
            "LISTEN@2a SYN_RCVD@2s ESTABLISHED@3p CLOSE_WAIT@5a CLOSED@7s",
        ),
    ],
    ids=["it listens again", "its listener is gone", "its host was started again"],
)
def test_who_answers_another_syn_holds_nothing_older(trace: str, server: str) -> None:
    played = Trace().play(trace)
    older, _ = played.end()
    assert played.words(older.server()) == server


def test_who_refuses_an_old_syn_does_not_end_the_time_wait_of_its_sender() -> None:
    """The SYN may come late, from before: only who answers it shows that it holds nothing older."""
    played = Trace().play(
        "c SYN 1000\ns SYN+ACK 6000 1001\nc FIN+ACK 1001 6001\ns FIN+ACK 6001 1002\nc ACK 1002 6002\n"
        "c SYN 500\ns RST+ACK 0 501"
    )
    first, _ = sorted(played.tracker.table.all(), key=lambda connection: connection.id)
    assert played.words(first.client()).endswith("TIME_WAIT@5a")
