"""Each direction stamped by its own clock: the order of proof comes from the numbers (4.6 of the design)."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

import pytest

from tcptrace_py.settings import Settings
from tcptrace_py.tcp.codes import HANDSHAKE_OUTCOMES, RESET_CAUSES
from tcptrace_py.tcp.history import history_of
from tcptrace_py.tcp.state import PRESUMED, STATE_NAMES, TIMER
from tcptrace_py.tcp.tracker import Tracker
from tcptrace_py.tcp.two_clocks import TwoClocks
from tcptrace_py.wire.segment import ACK, RST, SYN, Segment
from tests.segments import ADDRESS, STEP_NS, Trace, segment

from .test_reading import SAMPLES, TRACES, Passed, again, segments

#: Microseconds, and what passes then: whole connections over a round trip of 100 microseconds.
OPENED = (
    "0 c SYN 100|50 s SYN+ACK 300 101|100 c ACK 101 301"
    "|5000 c ACK 101 301 20|5050 s ACK 301 121 40|5100 c ACK 121 341"
)
CLOSES = {
    "the server first": "9000 s FIN+ACK 341 121|9050 c ACK 121 342|9300 c FIN+ACK 121 342|9350 s ACK 342 122",
    "the client first": "9000 c FIN+ACK 121 341|9050 s ACK 341 122|9300 s FIN+ACK 341 122|9350 c ACK 122 342",
    "the server first, in three segments": "9000 s FIN+ACK 341 121|9050 c FIN+ACK 121 342|9100 s ACK 342 122",
    "the client first, in three segments": "9000 c FIN+ACK 121 341|9050 s FIN+ACK 341 122|9100 c ACK 122 342",
}  # fmt: skip


def shifted(close: str, skew_us: int, late: str) -> list[tuple[int, str]]:
    """What passes, with the stamps of direction ``late`` that much later."""
    passing = []
    for line in f"{OPENED}|{CLOSES[close]}".split("|"):
        at, words = line.split(" ", 1)
        passing.append((int(at) + (skew_us if words[0] == late else 0), words))
    return sorted(passing, key=lambda each: each[0])


def played(passing: list[tuple[int, str]], ip_version: int = 4) -> Trace:
    trace = Trace()
    begin_ns = trace.now_ns
    for number, (at_us, words) in enumerate(passing, 1):
        sender, flags, *numbers = words.split()
        made = segment(sender, flags, *map(int, numbers))
        made.ts_ns = begin_ns + 1000 * at_us
        made.frame = number
        if ip_version == 6:
            made.ip_version, made.src_hi, made.dst_hi = 6, 0x20010DB8 << 32, 0x20010DB8 << 32
        trace.tracker.segment(made)
    return trace


def states(trace: Trace) -> tuple[list[str], list[str]]:
    (connection,) = trace.tracker.table.all()
    client, server = (
        [STATE_NAMES[state] for state, *_ in history_of(each)]
        for each in (connection.client(), connection.server())
    )
    return client, server


@pytest.mark.parametrize("late", ["c", "s"])
@pytest.mark.parametrize("skew_us", [60, 120, 200, 240])
@pytest.mark.parametrize("close", CLOSES)
def test_states_do_not_depend_on_the_skew(close: str, skew_us: int, late: str) -> None:
    assert states(played(shifted(close, skew_us, late))) == states(played(shifted(close, 0, late)))


@pytest.mark.parametrize("late", ["c", "s"])
@pytest.mark.parametrize("skew_us", [60, 75])
def test_the_same_where_data_goes_just_before_the_fin(late: str, skew_us: int) -> None:
    """Of what a FIN acknowledges more than the other FIN may be stamped later."""
    first, second = ("c", "s") if late == "c" else ("s", "c")
    numbers = {"c": 101, "s": 301}
    mine, others = numbers[first], numbers[second]
    passing = [
        (0, "c SYN 100"),
        (50, "s SYN+ACK 300 101"),
        (100, "c ACK 101 301"),
        (5000, f"{first} ACK {mine} {others} 20"),
        (5001, f"{first} FIN+ACK {mine + 20} {others}"),
        (5050, f"{second} FIN+ACK {others} {mine + 21}"),
        (5100, f"{first} ACK {mine + 21} {others + 1}"),
    ]
    skewed = [(at + skew_us * (words[0] == late), words) for at, words in passing]
    assert states(played(sorted(skewed))) == states(played(passing))


def test_a_fin_that_passes_long_after_its_ack_was_not_acknowledged() -> None:
    """No clock is so far behind: the ACK was of nothing, and both closed."""
    trace = Trace().play(
        "c SYN 100\ns SYN+ACK 300 101\nc ACK 101 301\ns FIN+ACK 301 102\n+1\nc FIN+ACK 101 301"
    )
    assert [each[-1] for each in states(trace)] == ["FIN_WAIT_1", "FIN_WAIT_1"]


@pytest.mark.parametrize("passing", ["c SYN 100 0 10\ns SYN+ACK 300 {}", "s SYN+ACK 300 {}\nc SYN 100 0 10"])
@pytest.mark.parametrize(("acknowledges", "fast_open"), [(111, True), (101, False)])
def test_data_on_a_syn_is_taken_whichever_passes_first(
    passing: str, acknowledges: int, fast_open: bool
) -> None:
    (connection,) = Trace().play(passing.format(acknowledges)).tracker.table.all()
    assert bool(connection.fast_open) == fast_open


def handshake(tracker: Tracker, port: int, early_us: int) -> None:
    """One whose SYN+ACK is stamped so much earlier than its SYN."""
    begin_ns = 1_700_000_000_000_000_000 + port * 1_000_000
    lines = [
        ("c", "SYN", 100, 0, early_us),
        ("s", "SYN+ACK", 300, 101, 0),
        ("c", "ACK", 101, 301, early_us + 1),
    ]
    for frame, (sender, flags, seq, ack, at_us) in enumerate(sorted(lines, key=lambda line: line[4]), 1):
        made = segment(sender, flags, seq, ack)
        if sender == "c":
            made.src_port = port
        else:
            made.dst_port = port
        made.ts_ns = begin_ns + 1000 * at_us
        made.frame = 10 * port + frame
        tracker.segment(made)


def clocks(early_us: list[int]) -> TwoClocks:
    tracker = Trace().tracker
    for port, each in enumerate(early_us, 1000):
        handshake(tracker, port, each)
    tracker.end()
    assert len(tracker.finished) == len(early_us)
    return tracker.two_clocks


def test_answers_before_their_questions_are_noticed_and_measured() -> None:
    found = clocks([150, 200, 170, -50])
    assert found.differ()
    assert (found.handshakes, found.answered_early, found.most_ns) == (4, 3, 200_000)
    assert "200 µs apart: 3 of 4 SYN+ACKs" in found.warning()


def test_a_few_in_the_wrong_order_are_not() -> None:
    assert not clocks([150, 150] + [-50] * 20).differ()
    assert not clocks([150] * 3 + [-50] * 40).differ()


def test_a_syn_sent_again_after_its_answer_is_not() -> None:
    assert not clocks([1_000_000] * 5).differ()


def test_parts_add_up() -> None:
    whole = clocks([150, 200])
    whole.add(clocks([300, -50]))
    assert (whole.handshakes, whole.answered_early, whole.most_ns) == (4, 3, 300_000)


# --- answers that pass before their SYN --------------------------------------------------------------------

#: Then the SYN c 5000 is sent: while the server is in TIME_WAIT, while both are connected, after a SYN that
#: nobody answered, and as the first of all.
BEFORE = {
    "TIME_WAIT": OPENED + "|6000 s FIN+ACK 341 121|6050 c FIN+ACK 121 342|6100 s ACK 342 122",
    "connected": OPENED,
    "unanswered": "0 c SYN 100",
    "nothing": "",
}
ANSWERS = {
    "taken": "9050 s SYN+ACK 900000 5001|9055 s ACK 900001 5001 7|9100 c ACK 5001 900008",
    "refused": "9050 s RST+ACK 0 5001",
}


def all_states(passing: list[tuple[int, str]], ip_version: int = 4) -> list[list[str]]:
    tracker = played(passing, ip_version).tracker
    tracker.end()
    return [
        [STATE_NAMES[state] for state, _, _, basis in history_of(end) if basis != TIMER]
        for connection in sorted(tracker.finished, key=lambda each: each.id)
        for end in (connection.client(), connection.server())
    ]


@pytest.mark.parametrize("early_us", [52, 57, 1500])
@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("before", BEFORE)
def test_a_syn_passes_after_its_answer(before: str, answer: str, early_us: int) -> None:
    lines = [line for line in BEFORE[before].split("|") if line] + [
        "9000 c SYN 5000",
        *ANSWERS[answer].split("|"),
    ]
    passing = [(int(at), words) for at, words in (line.split(" ", 1) for line in lines)]
    late = [(at + early_us * (words[0] == "c"), words) for at, words in passing]
    found = all_states(sorted(late, key=lambda each: each[0]))
    assert found == all_states(passing)
    assert ("SYN_RCVD" in found[-1]) == (answer == "taken")


def test_a_syn_that_passes_after_its_refusal_was_refused() -> None:
    trace = played([(0, "s RST+ACK 0 101"), (50, "c SYN 100")])
    (connection,) = trace.end()
    assert trace.words(connection.client()) == "SYN_SENT@2s CLOSED@2p"
    assert trace.words(connection.server()) == "CLOSED@1s"
    assert HANDSHAKE_OUTCOMES[connection.handshake] == "refused"
    assert RESET_CAUSES[connection.reset_cause] == "refused"


def test_a_refusal_is_not_of_a_syn_that_passes_much_later() -> None:
    passing = [(0, "c SYN 100"), (50, "s RST+ACK 0 5001"), (300_000, "c SYN 5000")]
    *_, client, server = all_states(passing)
    assert (client, server) == (["SYN_SENT"], [])


def test_what_is_set_aside_is_bounded() -> None:
    passing = [(0, "c SYN 100"), *((1000 + at, f"s SYN+ACK {at} {9000 + at}") for at in range(1000))]
    (connection,) = played(passing).tracker.table.all()
    assert len(connection.rare.early) == 8


# --- captures of others, with a skew ---------------------------------------------------------------------


def histories(passed: list[Segment]) -> list[list[tuple[int, int, int]]]:
    """But for what clocks did, ends in the order of their addresses."""
    tracker = Tracker(Settings(), peers=False)
    for each in passed:
        tracker.segment(each)
    tracker.end()
    return [
        [(state, frame, basis) for state, _, frame, basis in history_of(end) if basis != TIMER]
        for connection in sorted(tracker.finished, key=lambda each: each.id)
        for end in sorted((connection.a, connection.b), key=lambda each: (each.port, each.address_lo))
    ]


def by_four_tuple(path: Path) -> list[list[Segment]]:
    found: dict[frozenset[tuple[int, int, int]], list[Segment]] = {}
    for each in segments(path):
        copied = again(each, each.ts_ns)
        copied.frame, copied.ip_id = each.frame, each.ip_id
        ends = (each.src_hi, each.src_lo, each.src_port), (each.dst_hi, each.dst_lo, each.dst_port)
        found.setdefault(frozenset(ends), []).append(copied)
    return list(found.values())


def skewed(passed: list[Segment], skew_ns: int, late: tuple[int, int]) -> list[Segment]:
    """As they pass where the direction from ``late`` is stamped so much later: each keeps its own order."""
    latest = [0, 0]
    by_stamp = []
    for number, each in enumerate(passed):
        is_late = (each.src_port, each.src_lo) == late
        latest[is_late] = max(latest[is_late], each.ts_ns + skew_ns * is_late)
        by_stamp.append((latest[is_late], number))
    return [passed[number] for _, number in sorted(by_stamp)]


def test_a_skew_makes_no_difference_to_captures_of_others() -> None:
    """Merged as two clocks would have it, frames and stamps as they were: no state, frame or basis moves."""
    merged, other = 0, set()
    for path in [*SAMPLES.glob("kernel/*-v4.middle.pcap"), *SAMPLES.glob("*.pcap")]:
        four_tuples = by_four_tuple(path)
        for passed in four_tuples if len(four_tuples) <= 20 else []:
            first = passed[0].src_port, passed[0].src_lo
            for skew_ns in (-300_000, 300_000, -20_000_000, 20_000_000) if len(passed) <= 40 else ():
                shifted = skewed(passed, skew_ns, first)
                if [each.frame for each in shifted] != [each.frame for each in passed]:
                    merged += 1
                    if histories(shifted) != histories(passed):
                        other.add(path.name)
    assert not other
    assert merged > 800


# --- traces, with a skew ---------------------------------------------------------------------------------


def refuses_and_opens(passed: list[Segment], order: list[Segment]) -> bool:
    """A SYN is refused, comes again, and who refused it opens itself: does another's SYN pass first now?

    If the SYN comes again first, the attempt goes on, and the other end's SYN meets it there: the refusal is
    of that connection. Else the attempt was over, and the other end's SYN begins a connection, in which the
    attempt goes on. Numbers do not tell which, for the SYN has one ISN in both cases.
    """
    bare = [each for each in passed if each.flags & (SYN | ACK) == SYN]
    now = [each for each in order if each in bare]
    if [each.src_port for each in now] == [each.src_port for each in bare]:
        return False
    return any(each.flags & RST for each in order[: order.index(now[-1])])


def picks_up(passed: list[Segment], order: list[Segment]) -> bool:
    """Does a segment of a connection from before the capture, by its ACK, pass ahead of the SYN now?

    Ahead of the SYN it is of a connection of its own, picked up; behind the SYN it is a stray, for who holds
    a connection still answers a SYN with just that (RFC 9293, figures 9 and 10).
    """
    first, asker = order[0], passed[0].src_port
    sent = [each for each in passed if each.src_port == asker and not each.flags & RST]
    acknowledges = sent[0].seq < first.ack <= max(each.seq + 1 + each.payload_bytes for each in sent)
    begins = passed[0].flags & (SYN | ACK) == SYN
    return begins and first is not passed[0] and first.flags & ACK > 0 and not acknowledges


def left_out(passed: list[Segment], order: list[Segment]) -> bool:
    """No number decides how many connections there are."""
    return refuses_and_opens(passed, order) or picks_up(passed, order)


def ascending(history: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """As of a capture whose frames go up: no entry is earlier than the one before it."""
    latest = accumulate((frame for _, frame, _ in history), max)
    return [(state, frame, basis) for (state, _, basis), frame in zip(history, latest, strict=True)]


def merges(name: str) -> tuple[list[Segment], list[list[Segment]]]:
    """What passes in a trace, and in which orders if either direction is stamped late; none twice."""
    passed = Passed().play(TRACES[name][0]).segments
    for number, each in enumerate(passed, 1):
        each.frame = each.ip_id = number
    orders = {
        tuple(each.frame for each in order): order
        for address, port in ADDRESS.values()
        for order in (skewed(passed, steps * STEP_NS + 1, (port, address)) for steps in (1, 2, 3, 5, 8))
    }
    orders.pop(tuple(each.frame for each in passed), None)
    return passed, list(orders.values())


@pytest.mark.parametrize("name", TRACES)
def test_a_skew_makes_no_difference_to_a_trace(name: str) -> None:
    """Whichever direction is stamped late: no state, frame or basis moves, where numbers decide."""
    passed, orders = merges(name)
    whole = histories(passed)
    for order in orders:
        if not left_out(passed, order):
            assert [ascending(each) for each in histories(order)] == whole, [each.frame for each in order]


def ends(told: list[list[tuple[int, int, int]]]) -> list[list[tuple[int, int, int]]]:
    """What either end showed in all its connections together; presumptions are left out."""
    return [
        sorted(entry for each in told[end::2] for entry in each if entry[2] != PRESUMED) for end in (0, 1)
    ]


def test_few_merges_of_traces_are_left_out_and_only_those_that_are_read_otherwise() -> None:
    refused = picked_up = 0
    for passed, orders in map(merges, TRACES):
        for order in orders:
            if left_out(passed, order):
                whole, told = histories(passed), histories(order)
                assert [ascending(each) for each in told] != whole
                if picks_up(passed, order):
                    # The connection of the SYN goes through the same states.
                    picked_up += 1
                    last = [[state for state, _, _ in each] for each in told[-2:]]
                    assert last == [[state for state, _, _ in each] for each in whole]
                else:
                    # One connection or two: the ends are read the same.
                    refused += 1
                    assert ends(told) == ends(whole)
    assert (refused, picked_up) == (11, 4)


# --- a listener that answers anew, or what overtakes a SYN, ahead of what shows it --------------------------

#: The client resets, and a copy of its SYN comes late, whether that passes or not: what passes besides.
ANEW = {
    "nothing": "5000 c RST 101|5060 s SYN+ACK {isn} 101",
    "its FIN": "5000 c RST 101|5060 s SYN+ACK {isn} 101|5070 s FIN+ACK {isn_1} 101",
    "again": "5000 c RST 101|5060 s SYN+ACK {isn} 101|1005060 s SYN+ACK {isn} 101",
    "the copy of the SYN": "5000 c RST 101|5010 c SYN 100|5060 s SYN+ACK {isn} 101|5110 c RST 101",
    "data of the server": "900 s ACK 301 101 9|950 c ACK 101 310|5000 c RST 101|5060 s SYN+ACK {isn} 101",
    "data of the client": "900 c ACK 101 301 9|950 s ACK 301 110|5000 c RST 110|5060 s SYN+ACK {isn} 101",
}


def by_other_clocks(lines: str, skew_us: int, ip_version: int = 4) -> list[list[str]]:
    """States where the client's direction is stamped so much later."""
    passing = [(int(at), words) for at, words in (line.split(" ", 1) for line in lines.split("|"))]
    late = [(at + skew_us * (words[0] == "c"), words) for at, words in passing]
    return all_states(sorted(late, key=lambda each: each[0]), ip_version)


@pytest.mark.parametrize("ip_version", [4, 6])
@pytest.mark.parametrize("skew_us", [65, 120, 1500, 4900])
@pytest.mark.parametrize("isn", [400, 200, 2**31])
@pytest.mark.parametrize("anew", ANEW)
def test_a_listeners_new_answer_passes_before_the_reset(
    anew: str, isn: int, skew_us: int, ip_version: int
) -> None:
    lines = f"0 c SYN 100|50 s SYN+ACK 300 101|100 c ACK 101 301|{ANEW[anew]}".format(isn=isn, isn_1=isn + 1)
    client, server = by_other_clocks(lines, 0, ip_version)
    assert server[:4] == ["LISTEN", "SYN_RCVD", "LISTEN", "SYN_RCVD"]
    assert by_other_clocks(lines, skew_us, ip_version) == [client, server]


@pytest.mark.parametrize(("after_us", "connections"), [(50, 1), (300_000, 2)])
def test_what_overtakes_a_syn_is_of_its_connection(after_us: int, connections: int) -> None:
    """By its number, which an older connection's would have by chance only, and in time."""
    lines = (
        f"0 s ACK 301 101|{after_us} s SYN 300|{after_us + 10} c SYN 100|{after_us + 50} c SYN+ACK 100 301"
    )
    assert len(by_other_clocks(lines, 0)) == 2 * connections


def test_a_syn_begins_nothing_new_where_all_before_it_was_dropped() -> None:
    """A FIN without ACK is dropped in every state (3.10.7): it is of no connection before the SYN."""
    lines = "0 s FIN 0|50 c SYN 100|100 s SYN+ACK 300 101|150 c ACK 101 301"
    client, server = by_other_clocks(lines, 0)
    assert (client, server) == (["SYN_SENT", "ESTABLISHED"], ["LISTEN", "SYN_RCVD", "ESTABLISHED"])
