"""The reading of evidence beside the tracker's own histories: where they agree, and the laws it keeps."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from tcptrace_py.capture.merge import merge
from tcptrace_py.capture.source import open_sources
from tcptrace_py.settings import Settings
from tcptrace_py.tcp import outcome as outcomes
from tcptrace_py.tcp.codes import CLOSE_KINDS, HANDSHAKE_OUTCOMES, RESET_CAUSES
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.evidence import NONE
from tcptrace_py.tcp.reading import (
    RULES,
    History,
    Outcome,
    closing,
    histories,
    opening,
    outcome,
    read,
    resets,
)
from tcptrace_py.tcp.state import BASIS_NAMES, CLOSED, STATE_NAMES, TIMER
from tcptrace_py.tcp.tracker import Tracker
from tcptrace_py.wire.decoder import Decoder
from tcptrace_py.wire.result import TCP
from tcptrace_py.wire.segment import Segment
from tests.conftest import ROOT
from tests.segments import Passing as Traced
from tests.segments import Trace, segment

from .gated import Gated, Noted, Passing, both, evidence
from .test_faults import TRACES as FAULTS
from .test_validity import OPEN
from .test_validity import TRACES as VALIDITY

TRACES = {**FAULTS, **VALIDITY}
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


def words(history: History) -> str:
    """As ``Trace.words`` has it."""
    letters = ["A" if name == "assumed" else name[0] for name in BASIS_NAMES]
    return " ".join(f"{STATE_NAMES[state]}@{frame}{letters[basis]}" for state, frame, basis in history)


def states(history: str) -> list[str]:
    """Of a history in words; what clocks did is left out."""
    return [each.partition("@")[0] for each in history.split() if not each.endswith("@t")]


#: Where the reading says otherwise than the tracker, and is right.
OTHERWISE = {
    # Only an endpoint that has had the SYN+ACK sends the ACK of it: its RST, an abort, has overtaken that.
    "nor does the RST for what acknowledges it": (
        "SYN_SENT@1s ESTABLISHED@4a CLOSED@4s",
        "LISTEN@2a SYN_RCVD@2s LISTEN@3p SYN_RCVD@5s",
    ),
    # A copy of its FIN from before the peer's FIN came, however late it passes: both closed at once.
    "nor does a late one from an endpoint that has reset the connection since": (
        "SYN_SENT@1s ESTABLISHED@3a FIN_WAIT_1@4s FIN_WAIT_2@6p TIME_WAIT@6p CLOSED@6p",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@3p FIN_WAIT_1@5s CLOSING@5a CLOSED@6s",
    ),
}


@pytest.mark.parametrize("name", TRACES)
def test_the_states_are_the_trackers(name: str) -> None:
    trace, *histories = TRACES[name]
    client, server = OTHERWISE.get(name, histories)
    taken = noted(trace)
    found = read(taken.a, taken.b)
    assert states(words(found[0])) == states(client)
    assert states(words(found[1])) == states(server)


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
    assert [words(history) for history in read(taken.a, taken.b)] == expected


@pytest.mark.parametrize(("ahead", "closes"), [(1, True), (60_000, True), (70_000, False), (2**30, False)])
def test_only_a_rst_in_the_window_is_believed_by_the_silence_after_it(ahead: int, closes: bool) -> None:
    taken = noted(OPEN + f"s RST+ACK {301 + ahead} 101")
    for history in read(taken.a, taken.b, over=True):
        assert (history.state == CLOSED) == closes


class Followed(NamedTuple):
    """A connection that is over, both its histories as the tracker has them, but for what clocks did, and
    the evidence."""

    connection: Connection
    tracked: list[History]
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
        tracked = [
            History(
                (state, frame, basis) for state, _, frame, basis in tracker.history(end) if basis != TIMER
            )
            for end in (connection.a, connection.b)
        ]
        yield Followed(connection, tracked, gated.incarnations[number])


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


def differs(connection: Connection, tracked: History, history: History) -> bool:
    """But for what only a newer connection on the same ports shows of the older (IS_REPLACED)."""
    found = [state for state, _, _ in history]
    expected = [state for state, _, _ in tracked]
    return found != expected and not (connection.rare.reused_by >= 0 and [*found, CLOSED] == expected)


def test_the_states_and_outcomes_of_all_samples_are_the_trackers() -> None:
    ends = 0
    for path in sorted(SAMPLES.rglob("*.pcap*")):
        for each in followed(segments(path)):
            read_now = read(each.evidence.a, each.evidence.b, over=True)
            for tracked, history in zip(each.tracked, read_now, strict=True):
                assert not differs(each.connection, tracked, history), f"{path.name}: {words(history)}"
                ends += 1
            assert read_outcome(each) == expected(path, each.connection), path.name
    assert ends > 5000


# --- what became of it ------------------------------------------------------------------------------------

#: Handshake, close and whether that is complete, who closed first, and whose RST, why, and its frame.
Told = tuple[str, str, bool, int, int, str, int]


def today(connection: Connection) -> Told:
    return (
        HANDSHAKE_OUTCOMES[outcomes.handshake_outcome(connection)],
        CLOSE_KINDS[outcomes.close_kind(connection)],
        outcomes.close_complete(connection),
        outcomes.close_initiator(connection),
        connection.reset_by,
        RESET_CAUSES[connection.reset_cause],
        connection.rare.reset_frame,
    )


def read_outcome(each: Followed) -> Told:
    unreachable = each.connection.rare.unreachable_frame > 0
    found = outcome(each.evidence.a, each.evidence.b, over=True, unreachable=unreachable)
    reset = found.reset
    return (
        HANDSHAKE_OUTCOMES[found.handshake],
        CLOSE_KINDS[found.close],
        found.close_complete,
        found.close_initiator,
        *((reset.by, RESET_CAUSES[reset.cause], reset.rst.frame) if reset else (0, "", 0)),
    )


#: Where the reading says otherwise than the tracker, by the trace or the capture.
OUTCOMES: dict[str, Told] = {
    # The client's own RST, ahead of what passed, shows that it was ESTABLISHED.
    "a RST ahead of data that never passed, a challenge ACK, and the RST that answers it": (
        "complete", "reset", True, 1, 1, "abort", 5,
    ),
    "a RST ahead of what has passed is confirmed by the one that answers the SYN+ACK again": (
        "complete", "reset", True, 1, 1, "abort", 5,
    ),
    # Its receiver drops it as old, but the server has closed with it: its history says so, too.
    "a RST with the number of data that its receiver then acknowledges is too old": (
        "complete", "reset", True, 1, 2, "no_connection", 6,
    ),
    # What the RST overtook shows that its sender was in CLOSE_WAIT.
    "a RST that acknowledges the peer's FIN, overtaken by one that its sender sent from CLOSED": (
        "complete", "reset", True, 1, 2, "close_wait_abort", 7,
    ),
    # The client has given its own SYN up with its RST, though the server did not believe that.
    "a SYN+ACK from who was refused in SYN_SENT: it was in SYN_RCVD when the RST came": (
        "half_open", "reset", True, 1, 1, "refused", 5,
    ),
    # The RST passed first: the server was CLOSED by what is presumed to have come before the ACK.
    "the same, and it acknowledges the peer's FIN": (
        "half_open", "reset", True, 2, 1, "close_wait_abort", 4,
    ),
    # What a listener had acknowledged to a client that reset it is forgotten, so the form tells nothing.
    "a listener that was reset answers anew: it had not opened": (
        "complete", "reset", True, 1, 1, "abort", 4,
    ),
    # These follow the histories, which are the reading's own (``OTHERWISE``).
    "nor does the RST for what acknowledges it": ("half_open", "reset", True, 1, 1, "abort", 3),
    "nor does a late one from an endpoint that has reset the connection since": (
        "complete", "simultaneous", True, 3, 2, "after_close", 6,
    ),
}  # fmt: skip
#: Its sender closed with an earlier RST than the one that its receiver believed: connection and frame.
EARLIER = {
    ("close_as_the_request_arrives-v4.middle.pcap", 1): 20,
    ("qi_internet_SYNACK_curl_jsonip.pcap", 0): 10,
}


class Passed(Traced):
    """The segments of a trace."""

    def __init__(self) -> None:
        super().__init__()
        self.segments: list[Segment] = []

    def sees(self, segment: Segment) -> None:
        self.segments.append(segment)


def expected(path: Path, connection: Connection) -> Told:
    *told, frame = today(connection)
    return (*told, EARLIER.get((path.name, connection.id), frame))  # type: ignore[return-value]


@pytest.mark.parametrize("name", TRACES)
def test_the_outcome_is_the_trackers(name: str) -> None:
    passed = Passed()
    passed.play(TRACES[name][0])
    each = next(followed(passed.segments))
    assert read_outcome(each) == OUTCOMES.get(name, today(each.connection))


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


def test_of_spoiled_samples_few_are_read_otherwise() -> None:
    """Most of those few are RSTs that overtake what their sender had sent before."""
    rng = random.Random(18)
    ends = other = 0
    for path in sorted(SAMPLES.rglob("*.pcap")):
        passed = [again(each, each.ts_ns) for each in segments(path)]
        if not 4 < len(passed) < 20:
            continue
        for variant in spoiled(passed, rng):
            for frame, each in enumerate(variant, 1):
                each.frame = each.ip_id = frame
            for each in followed(variant):
                read_now = read(each.evidence.a, each.evidence.b, over=True)
                for tracked, history in zip(each.tracked, read_now, strict=True):
                    other += differs(each.connection, tracked, history)
                    ends += 1
    assert ends > 1000
    assert other / ends < 0.01


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


def test_ten_thousand_random_schedules_keep_the_law() -> None:
    rng = random.Random(14)
    for _ in range(10_000):
        segments = schedule(rng)
        assert both(merged(segments, rng), (1000, 6000)) == both(segments, (1000, 6000)), segments


def test_a_reading_changes_nothing() -> None:
    rng = random.Random(15)
    for _ in range(200):
        client, server = evidence(schedule(rng))
        histories = read(client, server)
        assert read(client, server) == histories
        assert read(server, client) == histories[::-1]


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


def homes(name: str) -> list[ModuleType]:
    """Modules that know the rule by name."""
    becomes = sys.modules["tcptrace_py.tcp.reading.outcome"]
    return [module for module in (opening, closing, resets, histories, becomes) if hasattr(module, name)]


#: What neither those traces nor chance make.
MORE = [
    # A FIN ahead of lost data acknowledges the other FIN; the duplicate ACK shows that it has come.
    OPEN + "c FIN+ACK 101 301\ns FIN+ACK 311 102\nc ACK 102 301",
]


#: Both histories, and what became of the connection.
Read = tuple[tuple[History, History], Outcome]


def read_all(taken: list[Passing]) -> Read:
    ends = evidence(taken)
    return read(*ends, over=True), outcome(*ends, over=True)


@pytest.fixture(scope="module")
def readings() -> list[tuple[list[Passing], Read]]:
    rng = random.Random(17)
    known = [passing(trace) for trace, _, _ in TRACES.values()]
    known += [passing(trace) for trace in MORE] + [schedule(rng) for _ in range(2000)]
    return [(segments, read_all(segments)) for segments in known]


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule_is_needed(
    name: str, readings: list[tuple[list[Passing], Read]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it (with its opposite where it says yes or no, with nothing where it says when) some
    reading is another."""
    asked = getattr(homes(name)[0], name)

    def without(*arguments: object) -> object:
        answer = asked(*arguments)
        if isinstance(answer, tuple):
            return 0, NONE
        return not answer if isinstance(answer, bool) else 0

    for module in homes(name):
        monkeypatch.setattr(module, name, without)
    assert any(read_all(segments) != whole for segments, whole in readings)


def test_every_rule_says_where_it_is_from_and_what_follows() -> None:
    assert len(RULES) > 25
    for section, sentence in RULES.values():
        assert any(part[0].isdigit() or part.startswith(("RFC", "figure")) for part in section.split(", "))
        assert sentence.endswith(".") and len(sentence) > 40


# --- incarnations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("goes_on", ["c SYN+ACK 100 301", "c ACK 101 301"])
def test_an_attempt_that_was_refused_and_goes_on_is_evidence_of_the_newer_connection(goes_on: str) -> None:
    """The refusal had not come, and both open at once: the client's SYN, its number and its frame move."""
    opened = f"c SYN 100\ns RST+ACK 0 101\ns SYN 300\n{goes_on}\ns SYN+ACK 300 101"
    gated, played = Gated(), Trace()
    for line in opened.splitlines():
        sender, flags, *numbers = line.split()
        made = segment(sender, flags, *map(int, numbers))
        played.feed(made)
        assert played.tracker.recent is not None
        gated.add(played.tracker.recent, made)
    refused, opens = gated.incarnations[0], gated.incarnations[1]
    assert (refused.a.segments, opens.b.syn_frame, opens.b.syns) == (0, 1, 1)
    server, client = read(opens.a, opens.b)
    assert states(words(client)) == ["SYN_SENT", "SYN_RCVD", "ESTABLISHED"]
    assert states(words(server))[:2] == ["SYN_SENT", "SYN_RCVD"]


def test_evidence_of_one_connection_is_bounded() -> None:
    rng = random.Random(19)
    client, server = evidence([])
    for frame in range(1, 5000):
        seq, ack, flags = rng.randrange(1 << 17), rng.randrange(1 << 17), rng.randrange(64)
        client.add(frame, frame, client.number(seq), server.number(ack), flags, rng.choice((0, 1, 1000)))
    assert len(client.rsts) <= 4
    assert len(client.ahead) <= 8
