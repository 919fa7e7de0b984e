"""Single rules of the tracker, as packet traces (see the samples for whole behaviours)."""

from __future__ import annotations

import pytest

from tcptrace_py.settings import Settings
from tcptrace_py.tcp.codes import RESET_CAUSES
from tests.segments import Trace, segment

OPEN = "c SYN 100\ns SYN+ACK 300 101\nc ACK 101 301\n"
CLIENT = "SYN_SENT@1s ESTABLISHED@3a"
SERVER = "LISTEN@2a SYN_RCVD@2s ESTABLISHED@3p"


def histories(trace: Trace) -> list[tuple[str, str]]:
    return [(trace.words(each.client()), trace.words(each.server())) for each in trace.end()]


def test_an_ack_of_a_fin_that_lies_beyond_a_gap_is_no_receipt() -> None:
    trace = Trace().play(OPEN + "c FIN+ACK 150 301\ns ACK 301 101\nc ACK 101 301 49\ns ACK 301 151")
    assert histories(trace) == [
        (CLIENT + " FIN_WAIT_1@4s FIN_WAIT_2@7p", SERVER + " CLOSE_WAIT@7a"),
    ]


def test_a_segment_beyond_the_window_moves_nothing() -> None:
    trace = Trace().play(OPEN + "c FIN+ACK 9000000 301\ns ACK 301 101")
    (connection,) = trace.end()
    assert trace.words(connection.client()) == CLIENT
    assert connection.rare.out_of_window == 1


def test_a_capture_that_lost_much_goes_on_where_both_sides_are() -> None:
    trace = Trace().play(
        OPEN + "c ACK 9000000 301 10\nc ACK 9000010 301 10\ns ACK 301 9000020\nc FIN+ACK 9000020 301\n"
        "s FIN+ACK 301 9000021\nc ACK 9000021 302"
    )
    assert histories(trace) == [
        (CLIENT + " FIN_WAIT_1@7s TIME_WAIT@9a", SERVER + " CLOSE_WAIT@8a LAST_ACK@8s CLOSED@9p"),
    ]


def test_msl_sets_how_long_time_wait_lasts() -> None:
    close = "c FIN+ACK 101 301\ns FIN+ACK 301 102\nc ACK 102 302\n"
    trace = Trace(Settings(msl_s=5)).play(OPEN + close + "+9")
    assert trace.tracker.time_wait.now == 1
    trace.play("+1.1")
    assert trace.tracker.time_wait.now == 0
    client, _ = histories(trace)[0]
    assert client.endswith("TIME_WAIT@6a CLOSED@t")


def test_finished_connections_are_let_go_while_the_capture_runs() -> None:
    trace = Trace().play(OPEN + "c RST+ACK 101 301\n+50")
    assert not trace.tracker.finished
    trace.play("+20")
    assert len(trace.tracker.finished) == 1
    assert trace.tracker.table.count == 0


def test_the_table_stays_bounded_in_a_flood_of_syns_that_lasts() -> None:
    """An attempt that nobody answers is given up, and 2MSL later forgotten."""
    trace = Trace()
    for number in range(3000):
        made = segment("c", "SYN", number)
        made.src_lo += number
        trace.now_ns += 480_000_000
        trace.feed(made)
        for finished in trace.tracker.finished:
            trace.tracker.release(finished)
        trace.tracker.finished.clear()
    # 127 s of trying and 60 s of being remembered, at two a second.
    assert trace.tracker.table.count <= 2 * (127 + 60) + 10


@pytest.mark.parametrize(
    ("trace", "cause"),
    [
        ("c SYN 100\ns RST+ACK 0 101", "refused"),
        ("c SYN 100\ns RST+ACK 0 555", ""),
        ("c SYN 100\ns RST 101", ""),
        ("c SYN 100\ns SYN+ACK 300 101\nc RST 101", "handshake_abort"),
        (OPEN + "s RST+ACK 301 101", "abort"),
        (OPEN + "s RST 301", "abort"),
        (OPEN + "c ACK 101 301 9\ns ACK 301 110\nc ACK 110 301 9\ns RST 301", "no_connection"),
        (OPEN + "c FIN+ACK 101 301\ns ACK 301 102\ns RST+ACK 301 102", "close_wait_abort"),
        (OPEN + "c FIN+ACK 101 301\ns RST+ACK 301 102", "close_wait_abort"),
        (OPEN + "c FIN+ACK 101 301\ns ACK 301 102\ns ACK 301 102 9\nc RST 102", "after_close"),
        (OPEN + "s RST+ACK 99301 101", ""),
    ],
)
def test_why_a_rst_was_sent(trace: str, cause: str) -> None:
    (connection,) = Trace().play(trace).end()
    assert RESET_CAUSES[connection.reset_cause] == cause
    assert connection.rare.stray_resets == (not cause)


def test_a_keep_alive_is_no_retransmission() -> None:
    trace = Trace().play(OPEN + "c ACK 101 301 5\ns ACK 301 106\n+7200\nc ACK 105 301\ns ACK 301 106")
    (connection,) = trace.end()
    assert (
        connection.a.rare.keep_alives,
        connection.a.rare.retransmits,
        connection.a.rare.unanswered_probes,
    ) == (
        1,
        0,
        0,
    )


def test_frames_captured_twice_are_not_retransmissions() -> None:
    trace = Trace()
    for sender, flags, seq, ack, length in (
        ("c", "SYN", 100, 0, 0),
        ("s", "SYN+ACK", 300, 101, 0),
        ("c", "ACK", 101, 301, 0),
        ("c", "PSH+ACK", 101, 301, 40),
    ):
        for copy in range(2):
            made = segment(sender, flags, seq, ack, length)
            made.ip_id = 1 + seq
            made.ts_ns = trace.now_ns + copy * 1000
            made.frame = trace.frame = trace.frame + 1
            trace.tracker.segment(made)
        trace.now_ns += 20_000_000
    (connection,) = trace.end()
    assert (connection.a.packets, connection.a.rare.duplicates, connection.a.rare.retransmits) == (6, 3, 0)
    assert trace.words(connection.client()) == "SYN_SENT@1s ESTABLISHED@5a"
    assert connection.a.bytes == 40


def test_a_frame_is_captured_twice_whatever_passes_in_between() -> None:
    """A mirror of both directions: the copy of one comes behind a frame of the other."""
    for number in range(0, 4096, 37):
        trace = Trace().play(f"c ACK 101 301 40 ip_id=7\ns ACK {301 + number} 141 9 ip_id={number + 1}")
        trace.play("c ACK 101 301 40 ip_id=7")
        (connection,) = trace.end()
        assert (connection.a.rare.duplicates, connection.a.rare.retransmits) == (1, 0), number


def test_a_reset_that_crossed_data_and_never_came_is_withdrawn() -> None:
    """What the server sends at once had crossed the RST; five seconds later it still goes on."""
    trace = Trace().play(
        OPEN + "c ACK 101 301 9\nc FIN+ACK 110 301\nc RST 111\ns ACK 301 111\n+5\ns ACK 301 111 20"
    )
    (connection,) = trace.end()
    assert trace.words(connection.server()) == SERVER + " CLOSE_WAIT@7a"


def test_all_that_a_reset_did_to_its_receiver_is_taken_back() -> None:
    """FIN and RST take a server from SYN_RCVD to CLOSED; the FIN that it had sent before comes first."""
    # What the FIN acknowledges does not end the handshake.
    trace = Trace().play("c SYN 100\ns SYN+ACK 300 101\nc FIN+ACK 101 300\nc RST 102")
    server = "LISTEN@2a SYN_RCVD@2s"
    assert trace.words(trace.tracker.recent.b) == server + " ESTABLISHED@4p CLOSE_WAIT@4p CLOSED@4p"
    trace.play("s FIN+ACK 301 101")
    assert trace.words(trace.tracker.recent.b) == server + " FIN_WAIT_1@5s CLOSING@5p CLOSED@5p"


@pytest.mark.parametrize("isn", [300, 2**32 - 1])
def test_a_late_copy_of_an_answer_that_was_forgotten_is_not_where_the_numbers_begin(isn: int) -> None:
    trace = Trace().play(f"c SYN 100\ns SYN+ACK {isn} 101\nc RST 101\n+1\nc SYN 100\ns SYN+ACK 900000 101")
    trace.play(f"s SYN+ACK {isn} 101\nc ACK 101 900001\ns ACK 900001 101 10")
    (connection,) = trace.tracker.table.all()
    assert connection.server().isn == 900000
    assert connection.server().bytes == 10
