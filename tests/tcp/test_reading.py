"""Reading: what it makes of whole traces and samples, the laws it keeps, and that each rule is needed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tcptrace_py.capture.merge import merge
from tcptrace_py.capture.source import open_sources
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.codes import CLOSE_KINDS, HANDSHAKE_OUTCOMES, RESET_CAUSES
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.evidence import NOT_SEEN, Frame
from tcptrace_py.tcp.history import Entries, history_of
from tcptrace_py.tcp.reading import (
    RULES,
    Outcome,
    outcome,
    read,
)
from tcptrace_py.tcp.state import BASIS_NAMES, CLOSED, STATE_NAMES, TIMER
from tcptrace_py.tcp.tracker import Tracker
from tcptrace_py.wire.decoder import Decoder
from tcptrace_py.wire.result import TCP
from tcptrace_py.wire.segment import Segment
from tests.conftest import ROOT, for_this_run
from tests.model.ways import homes
from tests.segments import Passing as Traced
from tests.segments import Trace, segment

from .gated import Gated, Noted, Passing, both, evidence
from .test_faults import TRACES as FAULTS
from .test_unseen_fin import TRACES as UNSEEN_FINS
from .test_validity import OPEN
from .test_validity import TRACES as VALIDITY

TRACES = {**FAULTS, **UNSEEN_FINS, **VALIDITY}
SAMPLES = ROOT / "sample_pcaps"


def noted(trace: str) -> Noted:
    """What the receivers take of the trace's first connection, by the gate; its client is ``a``."""
    played, gated = Trace(), Gated()
    first = None
    for line in trace.strip().splitlines():
        sender, *rest = line.split("#")[0].split()
        if sender.startswith("+"):
            played.now_ns += int(float(sender) * 1e9)
            played.tracker.tick(played.now_ns)
            continue
        made = segment(sender, rest[0], *map(int, rest[1:]))
        played.feed(made)
        connection = played.tracker.recent
        assert connection is not None
        first = first or connection
        gated.add(connection, made)
    assert first is not None
    assert first.a.port == 40000
    return gated.incarnations[first.id]


def passing(trace: str) -> list[Passing]:
    return noted(trace).taken


def words(history: Entries) -> str:
    """As ``Trace.words`` has it."""
    letters = ["A" if name == "assumed" else name[0] for name in BASIS_NAMES]
    return " ".join(f"{STATE_NAMES[state]}@{frame}{letters[basis]}" for state, _, frame, basis in history)


def states(history: str) -> list[str]:
    """Of a history in words; what clocks did is left out."""
    return [each.partition("@")[0] for each in history.split() if not each.endswith("@t")]


#: What the reading says, frames and bases too.
READ = {
    "a FIN that was dropped for its ACK did not come before the bare ACK": (
        OPEN + "c FIN+ACK 101 302\ns ACK 301 101\n+1\ns FIN+ACK 301 101\nc ACK 102 302",
        "SYN_SENT@1s ESTABLISHED@3a FIN_WAIT_1@4s CLOSING@7a",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@3p FIN_WAIT_1@6s FIN_WAIT_2@7p",
    ),
    "a RST beyond a gap is answered with a challenge ACK, also where an ACK had told of what is missing": (
        OPEN + "s ACK 311 101\ns RST 311\nc ACK 101 301\ns ACK 301 101 10\nc ACK 101 311",
        "SYN_SENT@1s ESTABLISHED@3a",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@3p",
    ),
    "the first segment of a connection shows that both ends were open": (
        "c ACK 101 301 10\ns ACK 301 111",
        "ESTABLISHED@1A",
        "ESTABLISHED@1A",
    ),
    "of the other end nothing passes: it has answered": (
        "c SYN 100\nc ACK 101 301\nc ACK 101 301 10",
        "SYN_SENT@1s ESTABLISHED@2a",
        "LISTEN@2A SYN_RCVD@2A ESTABLISHED@2p",
    ),
    "data in answer to data on a SYN shows no more than SYN_RCVD": (
        "c SYN 100 0 10\ns SYN+ACK 300 111\ns ACK 301 111 20",
        "SYN_SENT@1s",
        "LISTEN@2a SYN_RCVD@2s",
    ),
    "old data is dropped, and the ACK of the FIN with it": (
        OPEN + "s ACK 301 101 10\nc FIN+ACK 101 311\n+1\ns ACK 301 102 10",
        "SYN_SENT@1s ESTABLISHED@3a FIN_WAIT_1@5s",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@3p CLOSE_WAIT@6a",
    ),
    "a FIN ahead of lost data acknowledges the other FIN; the duplicate ACK shows that it has come": (
        OPEN + "c FIN+ACK 101 301\ns FIN+ACK 311 102\nc ACK 102 301",
        "SYN_SENT@1s ESTABLISHED@3a FIN_WAIT_1@4s FIN_WAIT_2@6p",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@3p CLOSE_WAIT@5a LAST_ACK@5s",
    ),
    "who resets after three retransmissions has timed out": (
        OPEN + "c ACK 101 301 10\n" + "+1\nc ACK 101 301 10\n" * 3 + "+1\nc RST+ACK 111 301",
        "SYN_SENT@1s ESTABLISHED@3a CLOSED@8s",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@3p CLOSED@8p",
    ),
    "a SYN has nothing to finish": (
        "c SYN+FIN 100\ns SYN+ACK 300 101",
        "SYN_SENT@1s",
        "LISTEN@2a SYN_RCVD@2s",
    ),
}


@pytest.mark.parametrize("name", READ)
def test_what_is_read(name: str) -> None:
    trace, *expected = READ[name]
    taken = noted(trace)
    assert [words(history) for history in read(taken.a, taken.b).histories] == expected


@pytest.mark.parametrize(("ahead", "closes"), [(1, True), (60_000, True), (70_000, False), (2**30, False)])
def test_only_a_rst_in_the_window_is_believed_by_the_silence_after_it(ahead: int, closes: bool) -> None:
    taken = noted(OPEN + f"s RST+ACK {301 + ahead} 101")
    for history in read(taken.a, taken.b, over=True).histories:
        assert (history[-1][0] == CLOSED) == closes


class Followed(NamedTuple):
    """A connection that is over, both its histories, and evidence of all its segments."""

    connection: Connection
    told: tuple[Entries, Entries]
    evidence: Noted


def followed(passed: Iterable[Segment]) -> Iterator[Followed]:
    tracker, gated = Tracker(Settings(), peers=False), Gated()
    connections: dict[int, Connection] = {}
    for made in passed:
        tracker.segment(made)
        connection = tracker.recent
        assert connection is not None
        connections[connection.id] = connection
        gated.add(connection, made)
    tracker.end()
    for number, connection in connections.items():
        told = history_of(connection.a), history_of(connection.b)
        yield Followed(connection, told, gated.incarnations[number])


def segments(path: Path) -> Iterator[Segment]:
    decoder = Decoder()
    readers, _ = open_sources([str(path)])
    for source, batch, begin, end in merge(readers):
        decoder.begin(batch, source)
        for number in range(begin, end):
            if decoder.decode(batch, number) == TCP:
                yield decoder.segment
        decoder.end()
    for reader in readers:
        reader.close()


#: Handshake, close, whether that is complete, whose FIN was first, the RST that took effect, and strays.
Became = tuple[str, str, bool, int, tuple[int, str, int], int]


def became(connection: Connection) -> Became:
    return (
        HANDSHAKE_OUTCOMES[connection.handshake],
        CLOSE_KINDS[connection.close],
        bool(connection.close_complete),
        connection.first_fin_by,
        (connection.reset_by, RESET_CAUSES[connection.reset_cause], connection.rare.reset_frame),
        connection.rare.stray_resets,
    )


def becomes(each: Followed) -> Became:
    """By evidence of all its segments, also where the tracker took the regular way."""
    unreachable = each.connection.rare.unreachable_frame > 0
    closings = read(each.evidence.a, each.evidence.b, over=True).closings
    found = outcome(each.evidence.a, each.evidence.b, each.told, closings, unreachable)
    reset = found.reset
    return (
        HANDSHAKE_OUTCOMES[found.handshake],
        CLOSE_KINDS[found.close],
        found.close_complete,
        found.first_fin_by,
        (reset.by, RESET_CAUSES[reset.cause], reset.rst.frame.number) if reset else (0, "", 0),
        len(found.strays) + found.strays_more,
    )


def check(each: Followed) -> None:
    """What the regular way says is what its segments are read as."""
    reading = read(each.evidence.a, each.evidence.b, over=True)
    for told, history in zip(each.told, reading.histories, strict=True):
        tracked = [state for state, _, _, basis in told if basis != TIMER]
        found = [state for state, _, _, _ in history]
        # (But for what only a newer connection on the same ports shows of the older.)
        replaced = each.connection.rare.reused_by >= 0 and [*found, CLOSED] == tracked
        assert tracked == found or replaced, words(history)
    assert becomes(each) == became(each.connection)


def test_the_regular_way_makes_no_difference_to_any_sample() -> None:
    connections = 0
    for path in sorted(SAMPLES.rglob("*.pcap*")):
        for each in followed(segments(path)):
            check(each)
            connections += 1
    assert connections > 2500


class Passed(Traced):
    """The segments of a trace."""

    def __init__(self) -> None:
        super().__init__()
        self.segments: list[Segment] = []

    def sees(self, segment: Segment) -> None:
        self.segments.append(segment)


@pytest.mark.parametrize("name", TRACES)
def test_the_regular_way_makes_no_difference_to_any_trace(name: str) -> None:
    passed = Passed()
    passed.play(TRACES[name][0])
    for each in followed(passed.segments):
        check(each)


#: What became of connections with RSTs that are hard to tell, each by its trace.
BECAME = {
    # The client's own RST, ahead of what passed, shows that it was ESTABLISHED.
    "a RST ahead of data that never passed, a challenge ACK, and the RST that answers it": (
        "complete", "reset", True, 0, (1, "abort", 5), 0,
    ),
    "a RST ahead of what has passed is confirmed by the one that answers the SYN+ACK again": (
        "complete", "reset", True, 0, (1, "abort", 5), 0,
    ),
    # Its receiver drops it as old, but the server has closed with it.
    "a RST with the number of data that its receiver then acknowledges is too old": (
        "complete", "reset", True, 1, (2, "no_connection", 6), 0,
    ),
    # What the RST overtook, or what it acknowledges, shows that its sender was in CLOSE_WAIT.
    "a RST that acknowledges the peer's FIN, overtaken by one that its sender sent from CLOSED": (
        "complete", "reset", True, 1, (2, "close_wait_abort", 7), 0,
    ),
    "the same after the peer's FIN, which the first RST acknowledges": (
        "complete", "reset", True, 1, (2, "close_wait_abort", 6), 0,
    ),
    # The client has given its own SYN up with its RST, though the server did not believe that.
    "a SYN+ACK from who was refused in SYN_SENT: it was in SYN_RCVD when the RST came": (
        "half_open", "reset", True, 0, (1, "refused", 5), 0,
    ),
    # The RST passed first: the server was CLOSED by what is presumed to have come before the ACK.
    "the same, and it acknowledges the peer's FIN": (
        "half_open", "reset", True, 2, (1, "close_wait_abort", 4), 0,
    ),
    # Who takes the SYN+ACK, and resets in place of the ACK, completes nothing.
    "a RST that acknowledges the SYN+ACK, in place of the ACK: it was ESTABLISHED": (
        "aborted", "reset", True, 0, (1, "handshake_abort", 3), 0,
    ),
    # What a listener had acknowledged to a client that reset it is forgotten, so the form tells nothing.
    "a listener that was reset answers anew: it had not opened": (
        "complete", "reset", True, 0, (1, "abort", 4), 0,
    ),
    # The client had the SYN+ACK, and reset; the server was back in LISTEN when the ACK came.
    "nor does the RST for what acknowledges it": ("half_open", "reset", True, 0, (1, "abort", 3), 1),
    # Each FIN acknowledges the other, and both came in time, by the numbers: there are two clocks.
    "two clocks: a FIN stamped just before the FIN that it acknowledges is of who closed second": (
        "complete", "three_way", True, 1, (0, "", 0), 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BECAME)
def test_what_becomes_of_it(name: str) -> None:
    passed = Passed()
    passed.play(TRACES[name][0])
    each = next(followed(passed.segments))
    assert became(each.connection) == BECAME[name]


def again(segment: Segment, ts_ns: int) -> Segment:
    made = Segment()
    for name in ("ip_version", "src_hi", "src_lo", "dst_hi", "dst_lo", "src_port", "dst_port", "seq", "ack"):
        setattr(made, name, getattr(segment, name))
    made.flags, made.payload_bytes = segment.flags, segment.payload_bytes
    made.window, made.window_scale = segment.window, segment.window_scale
    made.ts_ns = ts_ns
    return made


def spoiled(passed: list[Segment], rng: random.Random) -> Iterator[list[Segment]]:
    """One frame missing, one that has changed places with the next, one twice, and one again at the end."""
    at = rng.randrange(len(passed) - 1)
    one, other = passed[at : at + 2]
    yield passed[:at] + passed[at + 1 :]
    yield [*passed[:at], again(other, one.ts_ns), again(one, other.ts_ns), *passed[at + 2 :]]
    yield [*passed[: at + 2], again(one, other.ts_ns), *passed[at + 2 :]]
    yield [*passed, again(one, passed[-1].ts_ns + 1_500_000_000)]


def test_the_regular_way_makes_no_difference_to_spoiled_samples() -> None:
    rng = random.Random(18)
    connections = 0
    for path in sorted(SAMPLES.rglob("*.pcap")):
        passed = [again(each, each.ts_ns) for each in segments(path)]
        if not 4 < len(passed) < 20:
            continue
        for variant in spoiled(passed, rng):
            for frame, each in enumerate(variant, 1):
                each.frame = each.ip_id = frame
            for each in followed(variant):
                check(each)
                connections += 1
    assert connections > 500


# --- the law of merging ---------------------------------------------------------------------------------


def merged(segments: list[Passing], rng: random.Random) -> list[Passing]:
    """Each direction in its order, the two merged in any other way; frames and times stay."""
    ends = [[each for each in segments if each[2] == who] for who in (0, 1)]
    out = []
    while ends[0] or ends[1]:
        who = 0 if rng.random() * (len(ends[0]) + len(ends[1])) < len(ends[0]) else 1
        out.append(ends[who].pop(0))
    return out


@pytest.mark.parametrize("name", TRACES)
def test_merged_otherwise_the_reading_is_the_same(name: str) -> None:
    segments = passing(TRACES[name][0])
    whole = both(segments, (100, 300))
    rng = random.Random(name)
    for _ in range(20):
        assert both(merged(segments, rng), (100, 300)) == whole


def schedule(rng: random.Random) -> list[Passing]:
    """Segments near where a real connection's numbers would be, some again, some late."""
    nxt = [1000, 6000]
    sent: tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]] = ([], [])
    made: list[Passing] = []
    now_ns = 10**18
    for frame in range(1, rng.randint(2, 15)):
        who = rng.randint(0, 1)
        now_ns += rng.choice([10**6, 10**6, 3 * 10**8, 2 * 10**9])
        if sent[who] and rng.random() < 0.3:
            seq, flags, size = rng.choice(sent[who])
        else:
            flags = rng.choice([2, 18, 16, 16, 16, 17, 17, 4, 20])
            size = 0 if flags & 4 else rng.choice([0, 0, 10])
            seq = nxt[who] + rng.choice([0, 0, 0, 0, 0, 1, 10, -1])
            sent[who].append((seq, flags, size))
            if not flags & 4:
                nxt[who] = max(nxt[who], seq + size + bool(flags & 2) + bool(flags & 1))
        ack = nxt[1 - who] - rng.choice([0, 0, 0, 1, 10])
        made.append((frame, now_ns, who, seq, ack, flags, size))
    return made


def test_random_schedules_keep_the_law() -> None:
    rng = random.Random(14)
    for _ in for_this_run(range(10_000)):
        segments = schedule(rng)
        assert both(merged(segments, rng), (1000, 6000)) == both(segments, (1000, 6000)), segments


def test_a_reading_changes_nothing() -> None:
    rng = random.Random(15)
    for _ in range(200):
        client, server = evidence(schedule(rng))
        histories = read(client, server).histories
        assert read(client, server).histories == histories
        assert read(server, client).histories == histories[::-1]


def test_numbers_may_wrap() -> None:
    rng = random.Random(16)
    for _ in range(500):
        segments = schedule(rng)
        wrapped = [
            (frame, ts_ns, who, (seq - 1005) % 2**32, (ack - 1005) % 2**32, flags, size)
            for frame, ts_ns, who, seq, ack, flags, size in segments
        ]
        assert both(wrapped, ((1000 - 1005) % 2**32, 6000 - 1005)) == both(segments, (1000, 6000))


# --- every rule is needed ---------------------------------------------------------------------------------


#: Both histories, and what became of the connection.
Read = tuple[tuple[Entries, Entries], Outcome]


def read_all(taken: list[Passing]) -> Read:
    ends = evidence(taken)
    histories, closings = read(*ends, over=True)
    return histories, outcome(*ends, histories, closings)


def read_alike(traces: Iterable[list[Passing]]) -> list[tuple[list[Passing], Read]]:
    return [(segments, read_all(segments)) for segments in traces]


@pytest.fixture(scope="module")
def readings() -> list[tuple[list[Passing], Read]]:
    return read_alike(passing(trace) for trace, _, _ in (*TRACES.values(), *READ.values()))


@pytest.fixture(scope="module")
def readings_of_chance() -> list[tuple[list[Passing], Read]]:
    rng = random.Random(17)
    return read_alike(schedule(rng) for _ in range(2000))


def answers(name: str, says: Callable[[object], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks the rule is told ``says`` of its answer."""
    asked = getattr(homes(name)[0], name)
    for module in homes(name):
        monkeypatch.setattr(module, name, lambda *arguments: says(asked(*arguments)))


def nothing(answer: object) -> object:
    return NOT_SEEN if isinstance(answer, Frame) else type(answer)(0)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule_is_needed(
    name: str, readings: list[tuple[list[Passing], Read]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, a connection that has a trace is read otherwise."""
    answers(name, nothing, monkeypatch)
    assert any(read_all(segments) != whole for segments, whole in readings)


@pytest.mark.parametrize("name", sorted(RULES))
def test_no_rule_always_holds(
    name: str,
    readings: list[tuple[list[Passing], Read]],
    readings_of_chance: list[tuple[list[Passing], Read]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that says yes or no is as much needed where it says no; some of that only chance makes."""
    answers(name, lambda answer: True if isinstance(answer, bool) else nothing(answer), monkeypatch)
    assert any(read_all(segments) != whole for segments, whole in (*readings, *readings_of_chance))


def test_every_rule_says_where_it_is_from_and_what_follows() -> None:
    assert len(RULES) > 25
    for _, section, sentence in RULES.values():
        assert any(part[0].isdigit() or part.startswith(("RFC", "figure")) for part in section.split(", "))
        assert sentence.endswith(".") and len(sentence) > 40


# --- incarnations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("isn", [100, 2**32 - 1])
@pytest.mark.parametrize("goes_on", ["SYN+ACK", "ACK"])
def test_an_attempt_that_was_refused_and_goes_on_is_evidence_of_the_newer_connection(
    goes_on: str, isn: int
) -> None:
    """The refusal had not come, and both open at once: the client's SYN, its number and its frame move."""
    after = (isn + 1) % 2**32
    goes_on = f"c SYN+ACK {isn} 301" if goes_on == "SYN+ACK" else f"c ACK {after} 301"
    opened = f"c SYN {isn}\ns RST+ACK 0 {after}\ns SYN 300\n{goes_on}\ns SYN+ACK 300 {after}"
    gated, played = Gated(), Trace()
    for line in opened.splitlines():
        sender, flags, *numbers = line.split()
        made = segment(sender, flags, *map(int, numbers))
        played.feed(made)
        assert played.tracker.recent is not None
        gated.add(played.tracker.recent, made)
    refused, opens = gated.incarnations[0], gated.incarnations[1]
    assert (refused.a.segments, opens.b.syn_frame.number, opens.b.syns) == (0, 1, 1)
    server, client = read(opens.a, opens.b).histories
    assert states(words(client)) == ["SYN_SENT", "SYN_RCVD", "ESTABLISHED"]
    assert states(words(server))[:2] == ["SYN_SENT", "SYN_RCVD"]


def test_evidence_of_one_connection_is_bounded() -> None:
    rng = random.Random(19)
    client, server = evidence([])
    for frame in range(1, 5000):
        seq, ack, flags = rng.randrange(1 << 17), rng.randrange(1 << 17), rng.randrange(64)
        client.add(
            Frame(frame, frame), client.number(seq), server.number(ack), flags, rng.choice((0, 1, 1000))
        )
    assert len(client.rsts) <= 4
    assert len(client.ahead) <= 8
