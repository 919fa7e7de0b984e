"""What a finding is: the structs that the report writes as they are.

Field names are part of the JSON report's contract.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from tcptrace_py.wire.address import parse_address

Severity = Literal["info", "warning", "critical"]
Confidence = Literal["certain", "likely", "possible"]
Role = Literal["client", "server", "host", "others"]

#: Every kind of finding, in the order in which the manual explains them.
KINDS = (
    "stuck-close-wait",
    "stuck-fin-wait-2",
    "unacknowledged-fin",
    "half-close",
    "time-wait-pile",
    "time-wait-reuse",
    "time-wait-assassination",
    "connection-refused",
    "connection-timeout",
    "connection-unreachable",
    "half-open-handshake",
    "stale-syn",
    "reset-abort",
    "reset-after-close",
    "reset-no-connection",
    "stray-reset",
    "dead-peer",
    "accept-queue-full",
    "slow-connect",
    "foreign-reply",
    "stale-timestamp",
    "keep-alive-race",
    "idle-timeout",
    "path-state-lost",
    "unresponsive-server",
    "stopped-stream",
    "zero-window-stall",
    "mtu-black-hole",
    "injected-reset",
    "tls-alert",
    "protocol-mismatch",
    "probe",
)

#: Worst first.
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")

#: How sure we are of a finding's first sentence, surest first; see `CONFIDENCE_MEANINGS`.
CONFIDENCES: tuple[Confidence, ...] = ("certain", "likely", "possible")
CERTAIN, LIKELY, POSSIBLE = range(3)

#: What each confidence promises. A finding has the confidence that at least half of its
#: connections reach.
CONFIDENCE_MEANINGS: dict[Confidence, str] = {
    "certain": "segments that passed the vantage point prove it",
    "likely": "it rests on a delivery that we presume, on a silence, or on the usual cause of what was seen",
    "possible": "it rests on few packets or a guess: picked up mid-stream, a gap, another cause fits as well",
}


class Subject(Struct, gc=False, omit_defaults=True):
    """Whom a finding is about.

    ``role``: ``client``, ``server``, ``host`` (one address, in whatever role) or ``others``
    (many culprits counted together because there were too many to list; no address).
    ``port`` is the listening port of a server and null for everyone else, whose ports change.
    ``toward``: for a client, the service that it talks to (``10.0.0.20:443``, or ``:443`` where
    it is several addresses); left out of the JSON where there is nothing to say.
    """

    role: Role
    address: str | None
    port: int | None
    toward: str | None = None

    def label(self) -> str:
        """``server 10.0.0.20:8080``, ``client 10.0.0.9 toward :443``, ``others``."""
        if self.address is None:
            return self.role
        name = self.address
        if self.port is not None:
            name = f"[{name}]:{self.port}" if ":" in name else f"{name}:{self.port}"
        return f"{self.role} {name}" + (f" toward {self.toward}" if self.toward else "")


class Evidence(Struct, gc=False, omit_defaults=True):
    """One observation of one connection.

    ``frame`` counts from 1 in its file (``source`` is that file's index in
    ``capture.sources``, left out of the JSON where it is 0); it is null for what is no
    segment: a clock that ran out, the end of the capture. ``text`` does not repeat the number.
    """

    connection: int
    frame: int | None
    ts_ns: int
    text: str
    source: int = 0


class Process(Struct, gc=False, omit_defaults=True):
    """A process that holds sockets: its systemd unit and the short id of its container where it has them.

    ``descriptors``: file descriptors of the sockets that this is about, the lowest hundred.
    ``unread_bytes``: what these sockets had received and the process had not read.
    """

    pid: int
    command: str
    descriptors: list[int]
    unread_bytes: int = 0
    unit: str = ""
    container: str = ""


class Allowed(Struct, gc=False):
    """Why a finding does not count: a policy's ``reason``, and the last day on which it holds, if any."""

    reason: str
    expires: str | None


class Finding(Struct, gc=False):
    """One thing that is wrong (or worth knowing), grouped by culprit.

    ``count`` is exact (for ``time-wait-pile``: sockets at once at the peak; else
    connections); ``connections`` holds at most the 1,000 lowest ids. ``first_ns`` and
    ``last_ns``: when it first and last showed, ns since the epoch. ``explanation`` begins
    with what is wrong and who does it. ``trend``, for kinds about sockets that stay in a state:
    how many there were at once, at even instants from ``first_ns`` to the end of the capture;
    empty for other kinds. ``share``: what part of its service's connections ``count`` is, null
    where that is not known or makes no sense. ``processes``: live, those on this host that hold the
    culprit's sockets. ``display_filter``: for Wireshark, its connections' streams or, where these are
    not all known, its subject; empty where there is neither. ``allowed``: by the policy that the report
    was judged by, null if it is not.
    """

    kind: str
    severity: Severity
    subject: Subject
    count: int
    connections: list[int]
    first_ns: int
    last_ns: int
    evidence: list[Evidence]
    explanation: str
    remedy: str
    confidence: Confidence
    trend: list[int] = []
    share: float | None = None
    processes: list[Process] = []
    display_filter: str = ""
    allowed: Allowed | None = None

    def __repr__(self) -> str:
        return f"<Finding {self.severity} {self.kind}: {self.subject.label()}, {self.count:,}>"


def worst_first(finding: Finding) -> tuple[object, ...]:
    """Sorts findings: by severity, confidence, count and share; then by kind and subject."""
    subject = finding.subject
    address = (0, 0, 0)
    if subject.address is not None:
        hi, lo, version = parse_address(subject.address)
        address = (version, hi, lo)
    return (
        SEVERITIES.index(finding.severity),
        CONFIDENCES.index(finding.confidence),
        -finding.count,
        -(finding.share or 0.0),
        finding.kind,
        address,
        subject.port or 0,
        subject.role,
        subject.toward or "",
        finding.first_ns,
    )
