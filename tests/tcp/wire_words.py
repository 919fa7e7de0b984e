"""Segments written as packet traces: ``c SYN 100``, ``s SYN+ACK 300 101``, ``c ACK 101 301 50``."""

from __future__ import annotations

from tcptrace_py.settings import Settings
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.state import BASIS_NAMES, STATE_NAMES
from tcptrace_py.tcp.tracker import Tracker
from tcptrace_py.wire import segment as wire
from tcptrace_py.wire.segment import Segment

ADDRESS = {"c": (0x0A00000A, 40000), "s": (0x0A000014, 80)}
BEGIN_NS = 1_700_000_000_000_000_000
STEP_NS = 20_000_000


def segment(
    sender: str, flags: str, seq: int, ack: int = 0, payload_bytes: int = 0, *, window: int = 65535
) -> Segment:
    made = Segment()
    made.ip_version = 4
    made.src_lo, made.src_port = ADDRESS[sender]
    made.dst_lo, made.dst_port = ADDRESS["s" if sender == "c" else "c"]
    made.flags = sum(getattr(wire, name) for name in flags.split("+")) if flags else 0
    made.seq = seq & 0xFFFFFFFF
    made.ack = ack & 0xFFFFFFFF
    made.payload_bytes = payload_bytes
    made.window = window
    return made


class Trace:
    """A tracker fed line by line; frames are numbered from 1, 20 ms apart, ``+10`` waits ten seconds."""

    def __init__(self, settings: Settings | None = None, *, peers: bool = True) -> None:
        self.tracker = Tracker(settings or Settings(), peers=peers)
        self.now_ns = BEGIN_NS
        self.frame = 0

    def feed(self, passing: Segment) -> None:
        self.frame += 1
        self.now_ns += STEP_NS
        passing.ts_ns = self.now_ns
        passing.frame = self.frame
        self.tracker.segment(passing)

    def play(self, trace: str) -> Trace:
        for line in trace.strip().splitlines():
            words = line.split("#")[0].split()
            if words[0].startswith("+"):
                self.now_ns += int(float(words[0]) * 1e9)
                self.tracker.tick(self.now_ns)
            else:
                self.feed(segment(words[0], words[1], *map(int, words[2:])))
        return self

    def end(self) -> list[Connection]:
        self.tracker.end()
        return sorted(self.tracker.finished, key=lambda connection: connection.id)

    def words(self, endpoint: Endpoint) -> str:
        """``SYN_SENT@1s ESTABLISHED@3a``; an entry of a clock has no frame: ``CLOSED@t``."""
        words = []
        for state, _, frame, basis in self.tracker.history(endpoint):
            letter = "A" if BASIS_NAMES[basis] == "assumed" else BASIS_NAMES[basis][0]
            words.append(f"{STATE_NAMES[state]}@{frame or ''}{letter}")
        return " ".join(words)
