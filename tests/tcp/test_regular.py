"""The regular way makes no difference: what leaves it anywhere is read as if all had been evidence before."""

from __future__ import annotations

import random

import pytest

from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.history import history_of
from tcptrace_py.tcp.reading import read
from tcptrace_py.tcp.state import TIMER
from tcptrace_py.wire.segment import Segment
from tests.segments import Trace, segment

from .gated import Gated

#: Each is a whole connection; ``|`` where it may be left.
WHOLE = """
c SYN 100
s SYN+ACK 300 101
c ACK 101 301
c ACK 101 301 10
s ACK 301 111
s ACK 301 111 20
c ACK 111 321
"""
CLOSES = (
    "c FIN+ACK 111 321\ns ACK 321 112\ns FIN+ACK 321 112\nc ACK 112 322",
    "c FIN+ACK 111 321\ns FIN+ACK 321 112\nc ACK 112 322",
    "s FIN+ACK 321 111\nc ACK 111 322\nc FIN+ACK 111 322\ns ACK 322 112",
    "s FIN+ACK 321 111\nc FIN+ACK 111 322\ns ACK 322 112",
    "c RST+ACK 111 321",
    "s RST 321",
)


def made(line: str) -> Segment:
    sender, flags, *numbers = line.split()
    return segment(sender, flags, *map(int, numbers))


def irregular(rng: random.Random, passed: list[str]) -> str:
    """A copy of something, or something near where the numbers are."""
    if passed and rng.random() < 0.4:
        return rng.choice(passed)
    sender = rng.choice("cs")
    flags = rng.choice(["RST", "RST+ACK", "ACK", "ACK", "FIN+ACK", "SYN", "SYN+ACK"])
    seq = rng.choice([100, 101, 110, 111, 112] if sender == "c" else [300, 301, 320, 321, 322])
    if flags == "FIN+ACK":
        # Before its end nobody has closed, who has sent all that.
        seq = 111 if sender == "c" else 321
    ack = rng.choice([300, 301, 320, 321, 322] if sender == "c" else [100, 101, 110, 111, 112])
    return f"{sender} {flags} {seq} {ack} {rng.choice([0, 0, 1, 10]) if flags == 'ACK' else 0}"


class Looking(Trace):
    """At a tracker, and at all that its gate lets through."""

    def __init__(self) -> None:
        super().__init__(peers=False)
        self.gated = Gated()
        self.found: dict[int, Connection] = {}
        #: Those that somebody still held at the end.
        self.held: set[int] = set()

    def ends(self) -> None:
        done = self.tracker.transitions.done
        self.held = {number for number, connection in self.found.items() if not done(connection)}
        self.tracker.end()

    def sees(self, segment: Segment) -> None:
        super().sees(segment)
        connection = self.tracker.recent
        assert connection is not None
        self.found[connection.id] = connection
        self.gated.add(connection, segment)

    def differences(self, over: bool = False) -> list[tuple[object, object]]:
        """By state; ``over``: by time, frame and basis too."""
        out: list[tuple[object, object]] = []
        for number, connection in self.found.items():
            if connection.rare.reused_by >= 0 or connection.rare.reuse_of >= 0:
                continue
            evidence = self.gated.incarnations[number]
            rsts = connection.a.rsts or connection.b.rsts
            histories = read(evidence.a, evidence.b, over and rsts > 0 and number in self.held).histories
            for end, history in zip((connection.a, connection.b), histories, strict=True):
                entries = [entry for entry in history_of(end) if entry[3] != TIMER]
                told, states = ([entry[0] for entry in each] for each in (entries, history))
                if told != states or (over and entries != history):
                    out.append((entries, history))
        return out


def test_where_it_is_left_makes_no_difference() -> None:
    rng = random.Random(14)
    for _ in range(3000):
        lines = WHOLE.strip().splitlines() + rng.choice(CLOSES).splitlines()
        kept = lines[: rng.randint(0, len(lines))]
        looking = Looking()
        passed: list[str] = []
        for line in kept + [irregular(rng, kept) for _ in range(rng.randint(1, 4))]:
            looking.now_ns += rng.choice([0, 0, 0, 300_000_000, 1_500_000_000])
            one = made(line)
            one.ip_id = len(passed) + 1
            looking.feed(one)
            passed.append(line)
        assert not looking.differences(), passed


def talk(rng: random.Random) -> list[str]:
    """Data of an open or half-closed connection: new, old, ahead of a gap; ACKs, and RSTs of somebody's."""
    passed = ["c SYN 100", "s SYN+ACK 300 101", "c ACK 101 301"][rng.choice([0, 0, 0, 1, 3]) :]
    nxt = {"c": 101, "s": 301}
    had = {"c": 301, "s": 101}
    closed = ""
    for _ in range(rng.randint(3, 12)):
        sender = rng.choice("cs")
        peer = "s" if sender == "c" else "c"
        had[sender] = rng.choice([had[sender], nxt[peer]])
        chance = rng.random()
        if chance < 0.06:
            flags = rng.choice(["RST", "RST+ACK"])
            passed.append(f"{sender} {flags} {nxt[sender] + rng.choice([0, 0, 5, -1])} {had[sender]}")
        elif chance < 0.12 and not closed:
            passed.append(f"{sender} FIN+ACK {nxt[sender]} {had[sender]}")
            nxt[sender] += 1
            closed = sender
        elif chance < 0.5 and sender != closed:
            ahead = rng.choice([0, 0, 0, 7])
            passed.append(f"{sender} ACK {nxt[sender] + ahead} {had[sender]} 10")
            nxt[sender] += ahead + 10
        elif chance < 0.7 and sender != closed:
            passed.append(
                f"{sender} ACK {nxt[sender] - rng.choice([1, 5, 10])} {had[sender]} {rng.choice([1, 10])}"
            )
        else:
            passed.append(f"{sender} ACK {nxt[sender] - rng.choice([0, 0, 0, 1])} {had[sender]}")
    return passed


def test_what_is_not_read_at_once_moves_nobody() -> None:
    """Current states are those of a reading after every segment; in the end so is every frame and basis."""
    rng = random.Random(18)
    unread = 0
    for _ in range(400):
        looking = Looking()
        passed: list[str] = []
        for line in talk(rng):
            looking.now_ns += rng.choice([0, 0, 300_000_000, 1_500_000_000])
            one = made(line)
            one.ip_id = len(passed) + 1
            looking.feed(one)
            passed.append(line)
            unread += any(connection.unread for connection in looking.found.values())
            assert not looking.differences(), passed
        looking.ends()
        assert not looking.differences(over=True), passed
    assert unread > 300


@pytest.mark.parametrize("way", ["", "c ACK 101 301 10"], ids=["left at the end", "left at once"])
@pytest.mark.parametrize("half_gib", [1, 4, 5, 8, 9])
def test_more_than_32_bits_count_may_pass(way: str, half_gib: int) -> None:
    """Data comes again before the FIN: that is read, and by then numbers are beyond half of all, or all."""
    trace, size = Trace(), 1 << 29
    trace.play(f"c SYN 100\ns SYN+ACK 300 101\nc ACK 101 301\nc ACK 101 301 10\n{way}")
    for sent in range(111, 111 + half_gib * size, size):
        trace.feed(segment("c", "ACK", sent % 2**32, 301, size))
        trace.feed(segment("s", "ACK", 301, (sent + size) % 2**32))
    end = (111 + half_gib * size) % 2**32
    trace.play(f"c ACK {end - 10} 301 10\nc FIN+ACK {end} 301\ns FIN+ACK 301 {end + 1}\nc ACK {end + 1} 302")
    (connection,) = trace.tracker.table.all()
    assert trace.words(connection.client()).split()[2:] == [
        f"FIN_WAIT_1@{trace.frame - 2}s",
        f"TIME_WAIT@{trace.frame}a",
    ]
    assert connection.client().bytes == 10 + half_gib * size
