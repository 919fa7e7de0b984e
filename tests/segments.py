"""Segments written as packet traces, for whoever looks on: ``c SYN 100``, ``s SYN+ACK 300 101``.

Where both endpoints keep their own numbers, and a scenario says only who does what, tests play it in
the language of the sample captures instead (``sample_pcaps/scenarios/script.py``; to the tracker and
the findings at once: ``findings/stage.py``).
"""

from __future__ import annotations

from typing import Self

from tcptrace_py.settings import Settings
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.history import history_of
from tcptrace_py.tcp.state import BASIS_NAMES, STATE_NAMES
from tcptrace_py.tcp.tracker import Tracker
from tcptrace_py.wire import segment as wire
from tcptrace_py.wire.segment import Segment

ADDRESS = {"c": (0x0A00000A, 40000), "s": (0x0A000014, 80)}
BEGIN_NS = 1_700_000_000_000_000_000
STEP_NS = 20_000_000


def segment(
    sender: str, flags: str, seq: int, ack: int = 0, payload_bytes: int = 0, **fields: int
) -> Segment:
    """``fields`` are the segment's own: ``window``, ``ts_val``, ``src_port`` …"""
    made = Segment()
    made.ip_version = 4
    made.src_lo, made.src_port = ADDRESS[sender]
    made.dst_lo, made.dst_port = ADDRESS["s" if sender == "c" else "c"]
    made.flags = sum(getattr(wire, name) for name in flags.split("+")) if flags else 0
    made.seq = seq & 0xFFFFFFFF
    made.ack = ack & 0xFFFFFFFF
    made.payload_bytes = payload_bytes
    made.window = 65535
    for name, value in fields.items():
        setattr(made, name, value)
    return made


class Passing:
    """Reads traces line by line: sender, flags, sequence number, acknowledgment, payload bytes.

    Missing numbers are 0; any other field of a segment is written ``window=0``, and ``#`` begins a comment.
    Each segment passes ``step_ns`` after the one before; ``+10`` waits ten seconds more. ``isn`` is added
    to all numbers, except an acknowledgment without the flag; ``fields`` are those of segments that do not
    say so themselves. Whoever looks on says what it ``sees``.
    """

    def __init__(self, *, step_ns: int = STEP_NS, isn: int = 0, **fields: int) -> None:
        self.step_ns = step_ns
        self.isn = isn
        self.fields = fields
        self.now_ns = BEGIN_NS
        self.frame = 0

    def sees(self, segment: Segment) -> None:
        raise NotImplementedError

    def wait(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)

    def feed(self, passing: Segment) -> None:
        self.frame += 1
        self.now_ns += self.step_ns
        passing.ts_ns = self.now_ns
        passing.frame = self.frame
        self.sees(passing)

    def play(self, trace: str) -> Self:
        for line in trace.strip().splitlines():
            words = line.split("#")[0].split()
            if words[0].startswith("+"):
                self.wait(float(words[0]))
            else:
                self.feed(self._segment(*words))
        return self

    def _segment(self, sender: str, flags: str, *words: str) -> Segment:
        numbers = [int(word) for word in words if "=" not in word]
        said = dict(word.split("=") for word in words if "=" in word)
        seq, ack, payload_bytes = (*numbers, 0, 0)[:3]
        return segment(
            sender,
            "" if flags == "-" else flags,
            seq + self.isn,
            ack + self.isn if "ACK" in flags else ack,
            payload_bytes,
            **self.fields | {name: int(value) for name, value in said.items()},
        )


class Trace(Passing):
    """A tracker looks on; frames are numbered from 1."""

    def __init__(self, settings: Settings | None = None, *, peers: bool = True) -> None:
        super().__init__()
        self.tracker = Tracker(settings or Settings(), peers=peers)

    def sees(self, segment: Segment) -> None:
        self.tracker.segment(segment)

    def wait(self, seconds: float) -> None:
        super().wait(seconds)
        self.tracker.tick(self.now_ns)

    def end(self) -> list[Connection]:
        self.tracker.end()
        return sorted(self.tracker.finished, key=lambda connection: connection.id)

    def words(self, endpoint: Endpoint) -> str:
        """``SYN_SENT@1s ESTABLISHED@3a``; an entry of a clock has no frame: ``CLOSED@t``."""
        words = []
        for state, _, frame, basis in history_of(endpoint):
            letter = "A" if BASIS_NAMES[basis] == "assumed" else BASIS_NAMES[basis][0]
            words.append(f"{STATE_NAMES[state]}@{frame or ''}{letter}")
        return " ".join(words)
