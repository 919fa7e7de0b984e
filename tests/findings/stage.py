"""Scenarios in the words of ``sample_pcaps/scenarios/script.py``, played to tracker and diagnosis at once.

Nothing is written and decoded in between: what an endpoint sends passes the vantage point and arrives.
"""

from __future__ import annotations

from tcptrace_py.findings.diagnosis import Diagnosis
from tcptrace_py.findings.finding import Finding
from tcptrace_py.findings.group import GROUPS
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.tracker import Tracker
from tcptrace_py.wire.address import parse_address
from tcptrace_py.wire.segment import ACK, FIN, RST, SYN, Segment

#: Captures of these tests begin here (2024-05-01 12:00:00 UTC).
EPOCH_NS = 1_714_564_800_000_000_000


class Stage:
    """A capture being made: time in seconds from its first moment, frames counted from 1."""

    def __init__(self, settings: Settings | None = None, culprits: int = GROUPS) -> None:
        self.settings = settings or Settings()
        self.tracker = Tracker(self.settings)
        self.diagnosis = Diagnosis(self.settings, self.tracker.history, self.tracker.gaps, culprits)
        self.now_s = 0.0
        self.frame = 0
        #: Kinds by id of connection, as ``look`` gave them.
        self.kinds: dict[int, tuple[str, ...]] = {}

    def at_ns(self, at_s: float) -> int:
        return EPOCH_NS + round(at_s * 1_000_000_000)

    def wait(self, s: float) -> None:
        self.now_s += s

    def silence(self, s: float) -> None:
        """Nothing at all is captured for so long."""
        self.tracker.gaps.add(self.at_ns(self.now_s), self.at_ns(self.now_s + s))
        self.wait(s)

    def pair(self, client: str, server: str) -> tuple[End, End]:
        c, s = End(self, client, 1000), End(self, server, 900_000)
        c.peer, s.peer = s, c
        return c, s

    def established(self, client: str, server: str) -> tuple[End, End]:
        """The handshake and an exchange of data: 7 segments."""
        c, s = self.pair(client, server)
        c.syn()
        s.syn_ack()
        c.ack()
        c.data(100)
        s.ack()
        s.data(200)
        c.ack()
        return c, s

    def look(self, at_end: bool) -> None:
        finished, self.tracker.finished = self.tracker.finished, []
        for connection in finished:
            kinds = self.diagnosis.look(connection, at_end, self.tracker.last_ns)
            self.kinds[connection.id] = kinds
            self.tracker.release(connection)

    def end(self, at_s: float | None = None) -> list[Finding]:
        """The capture ends; everything is looked at."""
        if at_s is not None:
            self.now_s = at_s
        end_ns = self.at_ns(self.now_s)
        self.tracker.tick(end_ns)
        self.look(False)
        self.tracker.end()
        self.look(True)
        return self.diagnosis.findings(self.tracker.time_wait, end_ns)


class End:
    """One endpoint, with the numbers it would use. What it sends passes the vantage point at once."""

    peer: End

    def __init__(self, stage: Stage, name: str, isn: int) -> None:
        self.stage = stage
        host, port = name.rsplit(":", 1)
        self.hi, self.lo, self.version = parse_address(host.strip("[]"))
        self.port = int(port)
        self.isn = isn
        self.nxt = isn
        self.window = 64_000
        self.ttl = 64
        self.tls_alert = -1
        self.mptcp = 0
        #: Timestamps, where it uses them: its own and the one that it echoes.
        self.stamps: tuple[int, int] | None = None

    def send(
        self, flags: int, payload_bytes: int = 0, seq: int | None = None, ack: int | None = None
    ) -> None:
        stage = self.stage
        stage.frame += 1
        stage.wait(0.001)
        segment = Segment()
        segment.ts_ns = stage.at_ns(stage.now_s)
        segment.frame = stage.frame
        segment.ip_version = self.version
        segment.src_hi, segment.src_lo, segment.src_port = self.hi, self.lo, self.port
        segment.dst_hi, segment.dst_lo, segment.dst_port = self.peer.hi, self.peer.lo, self.peer.port
        segment.seq = (self.nxt if seq is None else seq) & 0xFFFFFFFF
        acked = self.peer.nxt if ack is None else ack
        segment.ack = acked & 0xFFFFFFFF if flags & ACK else 0
        segment.flags = flags
        segment.window = self.window
        segment.payload_bytes = payload_bytes
        segment.ttl = self.ttl
        segment.tls_alert = self.tls_alert
        segment.mptcp = self.mptcp
        if self.stamps is not None:
            segment.has_timestamps = True
            segment.ts_val, segment.ts_ecr = self.stamps
        segment.ip_id = 1 + stage.frame % 65_535
        stage.tracker.segment(segment)
        stage.look(False)
        if seq is None and not flags & RST:
            self.nxt += payload_bytes + bool(flags & SYN) + bool(flags & FIN)

    def syn(self) -> None:
        self.nxt = self.isn
        self.send(SYN)

    def syn_ack(self) -> None:
        """It acknowledges the SYN, whatever came behind it."""
        self.nxt = self.isn
        self.send(SYN | ACK, ack=self.peer.isn + 1)

    def ack(self) -> None:
        self.send(ACK)

    def data(self, payload_bytes: int) -> None:
        self.send(ACK, payload_bytes)

    def again(self, payload_bytes: int) -> None:
        """Its newest data once more."""
        self.send(ACK, payload_bytes, seq=self.nxt - payload_bytes)

    def keep_alive(self) -> None:
        """A keep-alive probe."""
        self.send(ACK, seq=self.nxt - 1)

    def fin(self) -> None:
        self.send(FIN | ACK)

    def fin_again(self) -> None:
        self.send(FIN | ACK, seq=self.nxt - 1)

    def rst(self) -> None:
        self.send(RST | ACK)

    def bare_rst(self) -> None:
        """As an endpoint that knows no connection answers: no ACK, numbered by what it answers."""
        self.send(RST)


def one(findings: list[Finding], kind: str) -> Finding:
    """The one finding of a kind."""
    (finding,) = [finding for finding in findings if finding.kind == kind]
    return finding


def kinds(findings: list[Finding]) -> set[str]:
    return {finding.kind for finding in findings}
