"""What a receiver would drop is no evidence, and a RST weighs no more than what its sender does next.

Designed in 4.4 and 4.5; the captures of ``../shared/cases/states`` in small, and their sisters.
"""

from __future__ import annotations

import pytest

from tcptrace_py.tcp.codes import RESET_CAUSES
from tcptrace_py.tcp.connection import Connection
from tests.segments import Trace, segment

OPEN = "c SYN 100\ns SYN+ACK 300 101\nc ACK 101 301\n"
SPOKEN = OPEN + "c ACK 101 301 5\ns ACK 301 106\n"
OPENED = "SYN_SENT@1s ESTABLISHED@3a"
SERVING = "LISTEN@2a SYN_RCVD@2s ESTABLISHED@3p"

TRACES = {
    "SYN_SENT refuses an ACK of an older connection, and stays there (RFC 9293 figures 9 and 10)": (
        "c SYN 100\ns ACK 7000 9000\nc RST 9000\n+1\nc SYN 100\ns SYN+ACK 300 101\nc ACK 101 301",
        "SYN_SENT@1s ESTABLISHED@6a",
        "LISTEN@5a SYN_RCVD@5s ESTABLISHED@6p",
    ),
    "the same with an ACK behind its number, and without a capture of the refusal": (
        "c SYN 100\ns ACK 7000 90\n+1\nc SYN 100\ns SYN+ACK 300 101\nc ACK 101 301",
        "SYN_SENT@1s ESTABLISHED@5a",
        "LISTEN@4a SYN_RCVD@4s ESTABLISHED@5p",
    ),
    "an ACK that its own sender sent on an older connection, with a number before its SYN": (
        "c SYN 1000\nc ACK 501 5501\ns SYN+ACK 6000 1001\nc ACK 1001 6001",
        "SYN_SENT@1s ESTABLISHED@4a",
        "LISTEN@3a SYN_RCVD@3s ESTABLISHED@4p",
    ),
    "the same with a FIN, and a number beyond any window": (
        "c SYN 1000\nc FIN+ACK 90501 95501\ns SYN+ACK 6000 1001\nc ACK 1001 6001",
        "SYN_SENT@1s ESTABLISHED@4a",
        "LISTEN@3a SYN_RCVD@3s ESTABLISHED@4p",
    ),
    "a FIN that the server sent on an older connection": (
        "c SYN 1000\ns SYN+ACK 6000 1001\ns FIN+ACK 5501 502\nc ACK 1001 6001\ns FIN+ACK 5501 502",
        "SYN_SENT@1s ESTABLISHED@4a",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@4p",
    ),
    "the same beyond any window": (
        "c SYN 1000\ns SYN+ACK 6000 1001\ns FIN+ACK 95501 90502\nc ACK 1001 6001",
        "SYN_SENT@1s ESTABLISHED@4a",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@4p",
    ),
    "a SYN+ACK of an older connection passes behind the right one": (
        "c SYN 1000\ns SYN+ACK 6000 1001\ns SYN+ACK 5500 501\nc FIN+ACK 1001 6001",
        "SYN_SENT@1s ESTABLISHED@4a FIN_WAIT_1@4s",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@4p",
    ),
    "the same where both open: each answers with the number of its own SYN": (
        "c SYN 1000\ns SYN 6000\ns SYN+ACK 5500 501\nc SYN+ACK 1000 6001\ns SYN+ACK 6000 1001",
        "SYN_SENT@1s SYN_RCVD@4s ESTABLISHED@5p",
        "SYN_SENT@2s SYN_RCVD@5s ESTABLISHED@5p",
    ),
    "both open at once, and neither SYN passed: who believes a RST in SYN_RCVD did not listen": (
        "c SYN+ACK 100 301\ns SYN+ACK 300 101\n+1\nc SYN+ACK 100 301\ns RST 301",
        "SYN_SENT@1A SYN_RCVD@2s ESTABLISHED@2p CLOSED@4s",
        "SYN_SENT@1A SYN_RCVD@1s CLOSED@4p",
    ),
    "both open at once, and the SYN of one did not pass: a SYN+ACK has answered it": (
        "c SYN 100\nc SYN+ACK 100 301\ns SYN+ACK 300 101",
        "SYN_SENT@1s SYN_RCVD@2s ESTABLISHED@3p",
        "SYN_SENT@2A SYN_RCVD@3s ESTABLISHED@3p",
    ),
    "the same, and its own answer passed first": (
        "c SYN 100\ns SYN+ACK 300 101\nc SYN+ACK 100 301",
        "SYN_SENT@1s SYN_RCVD@3s ESTABLISHED@3p",
        "SYN_SENT@2A SYN_RCVD@2s ESTABLISHED@3p",
    ),
    "a SYN+ACK that acknowledges another SYN is refused likewise": (
        "c SYN 100\ns SYN+ACK 7000 51\nc RST 51\ns SYN+ACK 300 101\nc ACK 101 301",
        "SYN_SENT@1s ESTABLISHED@5a",
        "LISTEN@4a SYN_RCVD@4s ESTABLISHED@5p",
    ),
    "a SYN+ACK with the right number is refused by who has given up: that ends the attempt": (
        "c SYN 100\ns SYN+ACK 300 101\nc RST 101",
        "SYN_SENT@1s CLOSED@3s",
        "LISTEN@2a SYN_RCVD@2s LISTEN@3p",
    ),
    "FIN without ACK in SYN_SENT is dropped": (
        "c SYN 100\ns FIN 0\n+1\nc SYN 100\ns SYN+ACK 300 101\nc ACK 101 301\nc FIN+ACK 101 301\n"
        "s FIN+ACK 301 102\nc ACK 102 302",
        "SYN_SENT@1s ESTABLISHED@5a FIN_WAIT_1@6s TIME_WAIT@8a",
        "LISTEN@4a SYN_RCVD@4s ESTABLISHED@5p CLOSE_WAIT@7a LAST_ACK@7s CLOSED@8p",
    ),
    "FIN without ACK in ESTABLISHED is dropped as well": (
        OPEN + "s FIN 301\nc ACK 101 301 10",
        OPENED,
        SERVING,
    ),
    "a SYN+ACK that carries FIN": (
        "c SYN 100\ns SYN+FIN+ACK 300 101\nc ACK 101 302\nc FIN+ACK 101 302\ns ACK 302 102",
        "SYN_SENT@1s ESTABLISHED@3a CLOSE_WAIT@3a LAST_ACK@4s CLOSED@5p",
        "LISTEN@2a SYN_RCVD@2s FIN_WAIT_1@2s FIN_WAIT_2@3p TIME_WAIT@5a",
    ),
    "refused, and then accepted with the same ISN": (
        "c SYN 100\ns RST+ACK 0 101\nc SYN 100\ns SYN+ACK 300 101\nc ACK 101 301",
        "SYN_SENT@1s ESTABLISHED@5a",
        "CLOSED@2s LISTEN@4a SYN_RCVD@4s ESTABLISHED@5p",
    ),
    "refused twice, and then accepted, after the second SYN did not pass here": (
        "c SYN 100\ns RST+ACK 0 101\n+1\nc SYN 100\ns RST+ACK 0 101\n+2\ns SYN+ACK 300 101\nc ACK 101 301",
        "SYN_SENT@1s ESTABLISHED@6a",
        "CLOSED@2s LISTEN@5a SYN_RCVD@5s ESTABLISHED@6p",
    ),
    "a RST with the exact number right after the handshake; its sender closes seconds later": (
        OPEN + "s RST 301\n+5\ns FIN+ACK 301 101",
        OPENED,
        SERVING + " FIN_WAIT_1@5s",
    ),
    "a RST with the exact number; its sender acknowledges what passed after it": (
        SPOKEN + "s RST 301\nc ACK 106 301 10\ns ACK 301 116",
        OPENED,
        SERVING,
    ),
    "the same in the name of the client": (
        OPEN + "c RST 101\ns ACK 301 101 10\nc ACK 101 311",
        OPENED,
        SERVING,
    ),
    "a RST that acknowledges; its sender sends data from its number on": (
        OPEN + "s RST+ACK 301 101\ns ACK 301 101 10",
        OPENED,
        SERVING,
    ),
    "a RST that acknowledges; its sender sends FIN with its number": (
        OPEN + "s RST+ACK 301 101\ns FIN+ACK 301 101\nc ACK 101 302",
        OPENED + " CLOSE_WAIT@6a",
        SERVING + " FIN_WAIT_1@5s FIN_WAIT_2@6p",
    ),
    "data that the RST may have overtaken proves nothing": (
        OPEN + "s RST+ACK 311 101\ns ACK 301 101 10",
        OPENED + " CLOSED@4p",
        SERVING + " CLOSED@4s",
    ),
    "nor does data from the number of a RST that answers from CLOSED, having forgotten what it had sent": (
        SPOKEN + "s RST 301\ns ACK 301 106 10",
        OPENED + " CLOSED@6p",
        SERVING + " CLOSED@6s",
    ),
    "a listener with SYN cookies answers with RST what overtakes the ACK, takes that later, and closes": (
        "c SYN 100\ns SYN+ACK 300 101\nc ACK 201 301 100\ns RST 301\nc ACK 101 301\n"
        "s FIN+ACK 301 101\nc RST 101",
        "SYN_SENT@1s ESTABLISHED@3a CLOSED@4p",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@5p FIN_WAIT_1@6s CLOSED@7p",
    ),
    "the same, and data brings the ACK: the FIN before it was not taken": (
        "c SYN 100\ns SYN+ACK 300 101\nc FIN+ACK 201 301\ns RST 301\nc ACK 101 301 100\ns RST 301\n"
        "s ACK 301 201\nc RST 201",
        "SYN_SENT@1s ESTABLISHED@3a FIN_WAIT_1@3s CLOSED@4p",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@5p CLOSED@8p",
    ),
    "a SYN+ACK of a SYN that never passed, which may have brought data (RFC 7413)": (
        "c SYN+ACK 100 311\nc ACK 101 311 20\ns ACK 311 121",
        "SYN_SENT@1A ESTABLISHED@3A",
        "LISTEN@1a SYN_RCVD@1s ESTABLISHED@2A",
    ),
    "a FIN whose ACK is of nothing; what its sender sent from there on never passed here": (
        OPEN + "+1\nc FIN+ACK 101 9999\ns ACK 301 101\n+1\ns ACK 301 1101\ns RST+ACK 301 1101",
        OPENED + " CLOSED@7p",
        SERVING + " CLOSED@7s",
    ),
    "refused twice: where the refusals are stamped early, each passes just before its SYN": (
        "c SYN 100\ns RST+ACK 0 101\n+1\nc SYN 100\ns RST+ACK 0 101",
        "SYN_SENT@1s CLOSED@4p",
        "CLOSED@2s",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("trace", "client", "server"), TRACES.values(), ids=TRACES)
def test_reading(trace: str, client: str, server: str) -> None:
    played = Trace().play(trace)
    (connection,) = played.tracker.table.all()
    assert played.words(connection.client()) == client
    assert played.words(connection.server()) == server


@pytest.mark.parametrize(("trace", "client", "server"), TRACES.values(), ids=TRACES)
def test_reading_where_numbers_wrap(trace: str, client: str, server: str) -> None:
    """The same with every number 2**32 - 150 further on, so that most wrap in the middle."""
    lines = []
    for line in trace.strip().splitlines():
        sender, *rest = line.split()
        if rest:
            flags, seq, *others = rest
            ack = [str(int(others[0]) - 150)] if others and "ACK" in flags.split("+") else others[:1]
            zero = flags == "RST+ACK" and seq == "0"
            line = " ".join([sender, flags, seq if zero else str(int(seq) - 150), *ack, *others[1:]])
        lines.append(line)
    test_reading("\n".join(lines), client, server)


def ended(trace: str) -> Connection:
    (connection,) = Trace().play(trace).end()
    return connection


@pytest.mark.parametrize("refusals", [1, 2])
@pytest.mark.parametrize(
    ("then", "by", "cause"),
    [
        ("", 0, ""),
        ("s RST+ACK 301 101", 2, "abort"),
        ("c RST+ACK 101 301", 1, "abort"),
        ("c FIN+ACK 101 301\ns RST+ACK 301 102", 2, "close_wait_abort"),
    ],
)
def test_a_refusal_that_was_followed_by_acceptance_is_no_refusal(
    refusals: int, then: str, by: int, cause: str
) -> None:
    """Nor is it a stray, however the connection ends."""
    trace = "c SYN 100\n" + "s RST+ACK 0 101\nc SYN 100\n" * refusals
    connection = ended(trace + "s SYN+ACK 300 101\nc ACK 101 301\n" + then)
    assert connection.established
    assert (connection.reset_by, RESET_CAUSES[connection.reset_cause]) == (by, cause)
    assert connection.rare.stray_resets == 0


def test_a_contradicted_reset_is_a_stray() -> None:
    connection = ended(OPEN + "s RST 301\nc ACK 101 301 10\ns ACK 301 111")
    assert connection.reset_by == 0
    assert (connection.rare.stray_resets, connection.rare.stray_reset_by) == (1, 2)
    assert (connection.rare.stray_reset_fits, connection.doubtful) == (1, True)


def test_a_reset_after_a_contradicted_one_counts() -> None:
    connection = ended(OPEN + "s RST+ACK 301 101\ns ACK 301 101 10\nc RST+ACK 101 311")
    assert (connection.reset_by, RESET_CAUSES[connection.reset_cause]) == (1, "abort")
    assert connection.doubtful


def opening(second_echo: int, first_echo: int = 90) -> Trace:
    """SYN with timestamp 50 and again with 60; SYN+ACKs that echo what is given, the first of them reset."""
    trace = Trace()
    for sender, flags, seq, ack, ts_val, ts_ecr in (
        ("c", "SYN", 100, 0, 50, 0),
        ("c", "SYN", 100, 0, 60, 0),
        ("s", "SYN+ACK", 300, 101, 7, first_echo),
        ("c", "RST", 101, 0, 0, 0),
        ("s", "SYN+ACK", 300, 101, 8, second_echo),
        ("c", "ACK", 101, 301, 70, 8),
    ):
        made = segment(sender, flags, seq, ack)
        made.has_timestamps = flags != "RST"
        made.ts_val, made.ts_ecr = ts_val, ts_ecr
        trace.feed(made)
    return trace


@pytest.mark.parametrize("second_echo", [50, 60])
def test_a_syn_ack_that_echoes_another_timestamp_is_refused(second_echo: int) -> None:
    trace = opening(second_echo)
    (connection,) = trace.tracker.table.all()
    assert trace.words(connection.client()) == "SYN_SENT@1s ESTABLISHED@6a"
    # Its second SYN+ACK has the same ISN, so it had not believed the RST.
    assert trace.words(connection.server()) == "LISTEN@3a SYN_RCVD@3s ESTABLISHED@6p"


def test_a_syn_ack_with_the_right_echo_is_not() -> None:
    trace = opening(60, first_echo=60)
    (connection,) = trace.tracker.table.all()
    # An abort, which has overtaken the ACK that it sent before.
    assert trace.words(connection.client()) == "SYN_SENT@1s ESTABLISHED@6a CLOSED@6s"


def test_who_had_only_answered_may_ask_with_the_same_number() -> None:
    trace = Trace().play("c SYN+ACK 0 0\ns RST 0\nc SYN 0\ns SYN+ACK 500 1\nc ACK 1 501")
    first, second = trace.end()
    assert second.established
    assert trace.words(second.client()) == "SYN_SENT@3s ESTABLISHED@5a"
    assert second.client().port == 40000
    assert first.rare.reused_by == second.id


# --- what comes long after, and what only looks like a copy ------------------------------------------------


def late(repeated: str, wait_s: int, times: int) -> list[Connection]:
    """A connection closed by RST or FIN, and a segment that comes again and again, long after it is over."""
    closed = {
        "c RST 106": "c RST 106",
        "s FIN+ACK 301 107": "c FIN+ACK 106 301\ns ACK 301 107\ns FIN+ACK 301 107\nc ACK 107 302",
    }[repeated]
    return Trace().play(SPOKEN + closed + f"\n+{wait_s}\n{repeated}" * times).end()


@pytest.mark.parametrize("repeated", ["c RST 106", "s FIN+ACK 301 107"])
@pytest.mark.parametrize("wait_s", [1, 59, 70, 300])
def test_copies_belong_to_the_old_connection_however_late(repeated: str, wait_s: int) -> None:
    assert len(late(repeated, wait_s, 20)) == 1


def test_so_does_what_answers_them() -> None:
    trace = Trace().play(SPOKEN + "c FIN+ACK 106 301\ns ACK 301 107\ns FIN+ACK 301 107\nc ACK 107 302")
    trace.play("+400\ns FIN+ACK 301 107\nc RST 107\n+400\ns FIN+ACK 301 107\nc ACK 107 302")
    assert len(trace.end()) == 1
    assert trace.tracker.late_copies.count == 4


def test_new_data_or_a_syn_is_no_copy() -> None:
    assert len(Trace().play(SPOKEN + "c RST 106\n+200\nc ACK 106 301 5").end()) == 2
    assert len(Trace().play(SPOKEN + "c RST 106\n+200\nc SYN 106").end()) == 2


def resets(trace: Trace, first_id: int) -> tuple[int, int]:
    """Two RSTs of a client, 2 ms apart and alike; how many were counted, and how many duplicates."""
    trace.now_ns += 20_000_000
    for number in range(2):
        made = segment("c", "RST", 106)
        made.ip_id = first_id
        made.ts_ns = trace.now_ns + number * 2_000_000
        made.frame = trace.frame + 1 + number
        trace.tracker.segment(made)
    (connection,) = trace.end()
    client = connection.client()
    return client.rsts, client.rare.duplicates


def test_two_resets_without_an_ip_id_answer_two_segments() -> None:
    assert resets(Trace().play(SPOKEN + "s ACK 301 106 10\ns ACK 311 106 10"), 0) == (2, 0)


def test_with_an_ip_id_they_are_one() -> None:
    assert resets(Trace().play(SPOKEN + "s ACK 301 106 10\ns ACK 311 106 10"), 7) == (1, 1)


def test_so_are_they_where_all_is_captured_twice() -> None:
    trace = Trace().play(SPOKEN)
    for microseconds in (0, 2):
        made = segment("s", "ACK", 301, 106, 10)
        made.ts_ns = trace.now_ns + 1000 * microseconds
        made.frame = trace.frame = trace.frame + 1
        trace.tracker.segment(made)
    assert resets(trace, 0) == (1, 1)


def test_a_fin_whose_ack_is_of_what_was_never_sent_moves_nobody_else() -> None:
    """It is dropped (RFC 9293 section 3.10.7.4, fifth check); the server's RST has the exact number."""
    trace = Trace().play(OPEN + "c FIN+ACK 101 10301\ns ACK 301 101\nc ACK 101 301 1000\ns RST+ACK 301 1101")
    (connection,) = trace.end()
    assert (connection.reset_by, RESET_CAUSES[connection.reset_cause]) == (2, "abort")
    assert connection.rare.stray_resets == 0
    assert trace.words(connection.client()) == OPENED + " CLOSED@7p"
    assert trace.words(connection.server()) == SERVING + " CLOSED@7s"


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("later", ["", "+1\n"])
def test_so_is_its_copy_behind_what_goes_beyond_it(first: bool, later: str) -> None:
    """Nobody sends anything beyond its FIN (3.10.4), so one behind what goes beyond it was dropped."""
    fin = "c FIN+ACK 101 10301\n"
    trace = Trace().play(OPEN + fin * first + "c ACK 101 301 1000\ns ACK 301 1101\n" + later + fin)
    (connection,) = trace.end()
    assert trace.words(connection.client()) == OPENED
    assert trace.words(connection.server()) == SERVING
    assert not connection.client().fin_sent


ABORTS = {
    "in SYN_RCVD": "c SYN -1\ns SYN+ACK 300 0\nc RST+ACK 0 301",
    "in CLOSE_WAIT": "c SYN 100\ns SYN+ACK -1 101\nc ACK 101 0\nc FIN+ACK 101 0\n"
    "s ACK 0 102\ns RST+ACK 0 102",
    "behind what never passed": "c SYN 100\ns SYN+ACK -2 101\nc ACK 101 -1\nc ACK 101 -1 10\n"
    "s ACK -1 111\nc ACK 111 0\ns RST+ACK 0 111",
    "in FIN_WAIT_2": "c SYN 100\ns SYN+ACK -2 101\nc ACK 101 -1\ns FIN+ACK -1 101\nc ACK 101 0\n"
    "c ACK 101 0 10\ns RST+ACK 0 111",
}


@pytest.mark.parametrize("name", ABORTS)
def test_the_zero_of_a_reset_may_be_the_number_that_is_due(name: str) -> None:
    """It is not always that of the answer to a SYN (3.10.7.1)."""
    told = []
    for isn in (0, 1000):
        trace = Trace()
        trace.isn = isn
        (connection,) = trace.play(ABORTS[name]).end()
        told.append([trace.words(connection.client()), trace.words(connection.server())])
        assert connection.reset_by and not connection.rare.stray_resets
    assert told[0] == told[1]


#: By how many numbers the ACK of a FIN is beyond SND.NXT.
@pytest.mark.parametrize("beyond", [1, 2, 1000])
@pytest.mark.parametrize("version", [4, 6])
def test_such_a_fin_acknowledges_nothing(beyond: int, version: int) -> None:
    trace = Trace()
    trace.fields = {"ip_version": version, "src_hi": version == 6, "dst_hi": version == 6}
    trace.play(OPEN + f"c FIN+ACK 101 {301 + beyond}\ns ACK 301 101\n+1\ns FIN+ACK 301 101\nc ACK 102 302")
    (connection,) = trace.tracker.table.all()
    assert trace.words(connection.client()) == OPENED + " FIN_WAIT_1@4s CLOSING@7a"
    assert trace.words(connection.server()) == SERVING + " FIN_WAIT_1@6s FIN_WAIT_2@7p"


@pytest.mark.parametrize("beyond", [1, 2, 1000])
def test_nor_does_one_of_the_server_whose_peer_resets_the_connection(beyond: int) -> None:
    """The RST has the exact number: what was dropped did not move it."""
    trace = Trace().play(OPEN + f"s FIN+ACK 301 {101 + beyond}\nc ACK 101 301\nc RST 101")
    (connection,) = trace.end()
    assert (connection.reset_by, connection.rare.stray_resets) == (1, 0)
    assert trace.words(connection.client()) == OPENED + " CLOSED@6s"
    assert trace.words(connection.server()) == SERVING + " FIN_WAIT_1@4s CLOSED@6p"


def test_where_the_capture_has_gaps_such_a_fin_counts() -> None:
    trace = Trace().play(OPEN + "s ACK 401 101 10\nc FIN+ACK 101 511\ns ACK 511 102")
    (connection,) = trace.tracker.table.all()
    # (The last number that it acknowledges never passed, and may have been the server's FIN.)
    assert trace.words(connection.client()) == OPENED + " FIN_WAIT_1@5A FIN_WAIT_2@6p"
