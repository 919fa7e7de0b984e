"""Whatever segments come, the tracker's claims keep to the rules."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tcptrace_py.tcp.codes import CLOSE_KINDS, HANDSHAKE_OUTCOMES
from tcptrace_py.tcp.history import history_of
from tcptrace_py.tcp.state import BASIS_NAMES, LISTEN, STATE_NAMES, TRANSITIONS
from tcptrace_py.wire.segment import Segment
from tests.conftest import asked_for_uncompiled
from tests.segments import Trace, segment

FLAGS = ["SYN", "SYN+ACK", "ACK", "PSH+ACK", "FIN+ACK", "FIN", "RST", "RST+ACK", "SYN+FIN", ""]
NEAR = st.integers(-3, 3) | st.sampled_from([-(2**31), 2**31 - 1, 1000, 70000, 2**20 + 5])
STEP = st.tuples(
    st.sampled_from("cs"),
    st.sampled_from(FLAGS),
    NEAR,
    NEAR,
    st.sampled_from([0, 0, 0, 1, 10, 1448]),
    st.sampled_from([0, 0, 0, 0, 5, 61, 130]),
)
# The client's FIN is later: it closed second, and had been ESTABLISHED.
ACKNOWLEDGES_A_FIN_BY_ITS_SYN_ACK = [
    ("c", "SYN+ACK", 0, 1, 0, 0),
    *[("c", "SYN", 0, 0, 0, 0)] * 4,
    ("s", "FIN+ACK", 0, 0, 0, 0),
    ("c", "FIN+ACK", 0, 0, 0, 0),
]
FOLLOWS = {(before, after) for (before, _), after in TRANSITIONS.items()}


def play(steps: list[tuple[str, str, int, int, int, int]], first_isn: int) -> Trace:
    """Segments near where a real connection's numbers would be, so that many of them fit."""
    trace = Trace()
    nxt = {"c": first_isn, "s": first_isn + 7777}
    for sender, flags, off_seq, off_ack, payload_bytes, wait_s in steps:
        trace.now_ns += wait_s * 10**9
        peer = "s" if sender == "c" else "c"
        trace.feed(segment(sender, flags, nxt[sender] + off_seq, nxt[peer] + off_ack, payload_bytes))
        if off_seq == 0:
            nxt[sender] += payload_bytes + ("SYN" in flags) + ("FIN" in flags)
    return trace


@settings(max_examples=400, deadline=None)
@given(st.lists(STEP, max_size=40), st.sampled_from([1000, 2**32 - 5, 2**31 - 3]))
@example(ACKNOWLEDGES_A_FIN_BY_ITS_SYN_ACK, 1000)
def test_histories_follow_transitions(
    steps: list[tuple[str, str, int, int, int, int]], first_isn: int
) -> None:
    trace = play(steps, first_isn)
    for connection in trace.end():
        assert 0 <= connection.handshake < len(HANDSHAKE_OUTCOMES)
        assert 0 <= connection.close < len(CLOSE_KINDS)
        for endpoint in (connection.a, connection.b):
            history = history_of(endpoint)
            states = [state for state, *_ in history]
            assert endpoint.state == (states[-1] if states else 0)
            for before, after in zip(states, states[1:], strict=False):
                assert (before, after) in FOLLOWS, (STATE_NAMES[before], STATE_NAMES[after])
            for _, ts_ns, frame, basis in history:
                assert (frame == 0) == (BASIS_NAMES[basis] == "timer")
                assert ts_ns <= trace.now_ns
            dates = [ts_ns for _, ts_ns, _, _ in history]
            assert dates == sorted(dates)
            assert endpoint.bytes >= 0
            assert endpoint.rare.duplicates <= endpoint.packets
            assert LISTEN not in states[1:-1] or endpoint.passive


@settings(max_examples=100, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_counts_of_time_wait_add_up(steps: list[tuple[str, str, int, int, int, int]]) -> None:
    trace = play(steps, 1000)
    waiting = sum(
        STATE_NAMES[endpoint.state] == "TIME_WAIT"
        for connection in trace.end()
        for endpoint in (connection.a, connection.b)
    )
    assert trace.tracker.time_wait.now == waiting
    assert trace.tracker.time_wait.peak <= trace.tracker.time_wait.entered


@pytest.mark.parametrize("seed", range(20))
def test_unique_bytes_and_retransmissions_against_a_set_of_numbers(seed: int) -> None:
    """Data in any order, with losses, overlaps and repeats: every number of the stream counts once."""
    dice = random.Random(seed)
    isn = dice.choice([1000, 2**32 - 3000])
    trace = Trace().play(f"c SYN {isn}\ns SYN+ACK 5000 {isn + 1}\nc ACK {isn + 1} 5001")
    seen: set[int] = set()
    repeated = 0
    at = 0
    for _ in range(300):
        length = dice.randrange(1, 40)
        begin = at if dice.random() < 0.6 else max(0, at + dice.randrange(-120, 60))
        numbers = set(range(begin, begin + length))
        repeated += bool(numbers & seen)
        seen |= numbers
        at = max(at, begin + length)
        trace.feed(segment("c", "ACK", isn + 1 + begin, 5001, length))
    (connection,) = trace.end()
    assert connection.a.bytes == len(seen)
    assert connection.a.rare.retransmits == repeated


def test_more_than_4_gib_on_one_connection() -> None:
    trace = Trace().play("c SYN 100\ns SYN+ACK 300 101\nc ACK 101 301")
    length, seq, total = 2**30, 101, 0
    for _ in range(5):
        trace.feed(segment("c", "ACK", seq, 301, length))
        seq += length
        total += length
        trace.feed(segment("s", "ACK", 301, seq))
    (connection,) = trace.end()
    assert connection.a.bytes == total == 5 * 2**30
    assert connection.a.rare.retransmits == 0


def test_connections_beyond_the_tables_room_are_told_apart() -> None:
    """The table grows several times while they are alive, and each keeps its own segments."""
    trace = Trace()
    trace.tracker.tick(trace.now_ns)
    count = 5_000 if asked_for_uncompiled() else 40_000
    for flags, frame in (("SYN", 1), ("SYN+ACK", 2), ("ACK", 3)):
        for number in range(count):
            made = segment(
                "s" if flags == "SYN+ACK" else "c", flags, 0, 0 if flags == "SYN" else number + (frame == 2)
            )
            address = 0x0A000000 + number // 60_000
            port = 1024 + number % 60_000
            if frame == 2:
                made.dst_lo, made.dst_port, made.seq, made.ack = address, port, 777, number + 1
            else:
                made.src_lo, made.src_port = address, port
                made.seq = number + (frame == 3)
                made.ack = 778 if frame == 3 else 0
            made.ts_ns, made.frame = trace.now_ns + frame * 1000, frame
            trace.tracker.segment(made)
    connections = trace.end()
    assert [connection.id for connection in connections] == list(range(count))
    assert all(each.established for each in connections)
    assert all((each.a.packets, each.b.packets) == (2, 1) for each in connections)


def test_a_segment_with_every_bit_set_and_one_with_none() -> None:
    trace = Trace()
    for flags in (255, 0):
        made = Segment()
        made.flags = flags
        made.ts_ns = trace.now_ns
        made.frame = 1
        trace.tracker.segment(made)
    (connection,) = trace.end()
    assert trace.tracker.segments == 2
    assert connection.a.packets + connection.b.packets == 2
