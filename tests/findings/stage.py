"""Scenarios played to tracker and diagnosis at once, in the language of the sample captures.

Endpoints, what they acknowledge and what the network does to a segment: ``sample_pcaps/scenarios/script.py``.
Here all connections have one clock, by which a segment passes each millisecond, and no timestamps unless a
test asks for them; what passes is decoded and looked at, and no file is written.
"""

from __future__ import annotations

from sample_pcaps.scenarios.script import EPOCH_NS, LINK_RAW_IP, Capture, Clock, Endpoint, exchange, handshake
from tcptrace_py.findings.diagnosis import Diagnosis
from tcptrace_py.findings.finding import Finding
from tcptrace_py.findings.group import GROUPS
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.tracker import Tracker
from tcptrace_py.wire.fast import FastPath
from tcptrace_py.wire.segment import Segment


class Stage(Capture):
    """A capture being made: time in seconds from its first moment, frames counted from 1."""

    def __init__(self, settings: Settings | None = None, culprits: int = GROUPS) -> None:
        super().__init__("stage", link_type=LINK_RAW_IP, step_s=0.001)
        self.settings = settings or Settings()
        self.tracker = Tracker(self.settings)
        self.diagnosis = Diagnosis(self.settings, self.tracker.gaps, culprits)
        self.clock = Clock(0)
        self.wait = self.clock.wait
        self.frame = 0
        #: Kinds by id of connection, as ``look`` gave them.
        self.kinds: dict[int, tuple[str, ...]] = {}

    @property
    def now_s(self) -> float:
        return (self.clock.now_ns - EPOCH_NS) / 10**9

    def at_ns(self, at_s: float) -> int:
        return EPOCH_NS + round(at_s * 10**9)

    def silence(self, s: float) -> None:
        """Nothing at all is captured for so long."""
        before_ns = self.clock.now_ns
        self.wait(s)
        self.tracker.gaps.add(before_ns, self.clock.now_ns)

    def pair(self, client: str, server: str) -> tuple[Endpoint, Endpoint]:
        c, s, _ = self.connection(client, server, clock=self.clock)
        c.timestamps = s.timestamps = False
        return c, s

    def under_way(self, client: str, server: str) -> tuple[Endpoint, Endpoint]:
        """A pair whose handshake was before the capture."""
        c, s = self.pair(client, server)
        handshake(c, s, seen=False)
        return c, s

    def established(self, client: str, server: str) -> tuple[Endpoint, Endpoint]:
        """The handshake and an exchange of data: 7 segments."""
        c, s = self.pair(client, server)
        handshake(c, s)
        exchange(c, s, 100, 200)
        return c, s

    def write(self, ts_ns: int, ip: bytes, src_mac: bytes, dst_mac: bytes) -> None:
        self.frame += 1
        segment = Segment()
        segment.ts_ns, segment.frame = ts_ns, self.frame
        decoder = FastPath()
        decoder.open(ip)
        decoder.decode(0, len(ip), len(ip), LINK_RAW_IP, segment)
        decoder.close()
        self.tracker.segment(segment)
        self.look(False)

    def look(self, at_end: bool) -> None:
        finished, self.tracker.finished = self.tracker.finished, []
        for connection in finished:
            kinds = self.diagnosis.look(connection, at_end, self.tracker.last_ns)
            self.kinds[connection.id] = kinds
            self.tracker.release(connection)

    def end(self, at_s: float | None = None) -> list[Finding]:
        """The capture ends; everything is looked at."""
        if at_s is not None:
            self.clock.until(at_s)
        end_ns = self.clock.now_ns
        self.tracker.tick(end_ns)
        self.look(False)
        self.tracker.end()
        self.look(True)
        return self.diagnosis.findings(self.tracker.time_wait, end_ns)


def one(findings: list[Finding], kind: str) -> Finding:
    """The one finding of a kind."""
    (finding,) = [finding for finding in findings if finding.kind == kind]
    return finding


def kinds(findings: list[Finding]) -> set[str]:
    return {finding.kind for finding in findings}
