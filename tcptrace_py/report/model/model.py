"""The report: what an analysis gives back, and what every writer writes.

These structs are the contract of the JSON report: names stay within one
``schema_version``; new ones may be added. Throughout:

- ``*_ns`` are integer nanoseconds since the epoch (UTC), null where nothing was seen;
- ``*_s`` are durations in seconds, null where they cannot be told;
- ``frame`` counts from 1 in its file, as Wireshark does; ``source`` is the index of
  that file in ``capture.sources`` and is left out of the JSON where it is 0;
- an address is text, IPv6 as RFC 5952 writes it.

The same input and settings give the same report, byte for byte.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Literal

from msgspec import Struct, field

from tcptrace_py.findings.coverage import Coverage, Gap
from tcptrace_py.findings.finding import Evidence, Finding, Process, Subject
from tcptrace_py.findings.timers import Timer, Timers
from tcptrace_py.report.model.host import Kernel, Listener, Socket
from tcptrace_py.report.model.stats import EndpointStats
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.compat.zeek import ConnState
from tcptrace_py.wire.tunnels import Kind as TunnelKind

__all__ = [
    "SCHEMA_VERSION",
    "Capture",
    "Close",
    "CloseWait",
    "Closes",
    "Connection",
    "Coverage",
    "Endpoint",
    "EndpointStats",
    "Evidence",
    "Finding",
    "Gap",
    "Handshake",
    "HandshakeTime",
    "Handshakes",
    "Kernel",
    "Listener",
    "Move",
    "Report",
    "Reset",
    "ResetCauses",
    "Resets",
    "Service",
    "Skipped",
    "Socket",
    "Source",
    "States",
    "StatesAtEnd",
    "Subject",
    "Summary",
    "TimeWait",
    "Timer",
    "Timers",
    "Tool",
    "Tunnel",
    "Zeek",
]

SCHEMA_VERSION = 1

State = Literal[
    "CLOSED",
    "LISTEN",
    "SYN_SENT",
    "SYN_RCVD",
    "ESTABLISHED",
    "FIN_WAIT_1",
    "FIN_WAIT_2",
    "CLOSE_WAIT",
    "CLOSING",
    "LAST_ACK",
    "TIME_WAIT",
]
Basis = Literal["sent", "acknowledged", "presumed", "timer", "assumed", "kernel"]
RolesBasis = Literal["syn", "syn_ack", "listener", "port", "first_speaker"]
HandshakeOutcome = Literal[
    "complete", "refused", "unanswered", "unreachable", "half_open", "aborted", "unseen"
]
CloseKind = Literal["four_way", "three_way", "simultaneous", "reset", "half_closed", "open"]
Side = Literal["client", "server"]
ResetCause = Literal[
    "refused",
    "handshake_abort",
    "abort",
    "close_wait_abort",
    "after_close",
    "no_connection",
    "timeout",
    "time_wait",
    "stray",
]


class Tool(Struct, gc=False):
    """The program that wrote the report."""

    name: str
    version: str


class Source(Struct, gc=False):
    """One input: its path as given (``-`` is standard input) and what was read of it.

    ``format`` is ``pcap`` or ``pcapng``, ``link_types`` are the names of the pcap link-type
    registry, ``bytes`` are those read after decompression.
    """

    path: str
    format: str
    link_types: list[str]
    packets: int
    bytes: int


class Skipped(Struct, gc=False):
    """Packets that gave no TCP segment, by why.

    ``not_tcp``: no TCP in it. ``truncated``: cut before the end of the TCP header.
    ``malformed``: headers that contradict themselves. ``unknown_link``: a link type without a
    decoder. ``fragment``: a piece of an IP datagram that never came together. ``icmp_error``:
    an ICMP error that quotes TCP (used as evidence). ``filtered``: left out by the user's filter.
    """

    not_tcp: int = 0
    truncated: int = 0
    malformed: int = 0
    unknown_link: int = 0
    fragment: int = 0
    icmp_error: int = 0
    filtered: int = 0


class Undecoded(Struct, gc=False):
    """Packets that may carry TCP and could not be read: what they are, and how many (``count``)."""

    what: str
    count: int


class Capture(Struct, gc=False):
    """What was read: ``packets == tcp_segments +`` the sum of ``skipped``.

    ``dropped_by_kernel``: packets lost before the capture saw them, null where the source does
    not say. ``complete``: false where an input could be read only in part, or ``defects`` cost a part
    of the report. ``warnings``: one line each. ``filter``: the user's, in the syntax of pcap-filter;
    null without one. ``defects``: how often something failed inside of tcptrace-py; the warnings say what.
    ``undecoded``: link types, EtherTypes, tunnels and encryption that could not be read and may hide TCP, the
    most packets first. ``decoded``: false where nothing, or less than half of what carries IP, could be
    decoded; no gate passes then, and the capture does not count as ``complete``. ``coverage``: how much was
    seen of what passed.
    """

    sources: list[Source]
    first_ns: int | None
    last_ns: int | None
    packets: int
    tcp_segments: int
    skipped: Skipped
    dropped_by_kernel: int | None
    complete: bool
    warnings: list[str]
    filter: str | None = None
    defects: int = 0
    decoded: bool = True
    undecoded: list[Undecoded] = []
    coverage: Coverage = field(default_factory=Coverage)


class Handshakes(Struct, gc=False):
    """Connections by the outcome of their handshake (RFC 9293 section 3.5).

    ``complete``; ``refused``: a RST answered the SYN; ``unanswered``: nothing did;
    ``unreachable``: an ICMP error did; ``half_open``: SYN+ACK sent, never acknowledged;
    ``aborted``: the initiator reset it before it was complete; ``unseen``: the connection was
    picked up mid-stream. These seven add up to the connections. Of them all, ``simultaneous``
    were opened from both sides, and ``fast_open`` carried data on the SYN (RFC 7413).
    """

    complete: int
    refused: int
    unanswered: int
    unreachable: int
    half_open: int
    aborted: int
    unseen: int
    simultaneous: int
    fast_open: int


class Closes(Struct, gc=False):
    """Connections by how they closed (RFC 9293 section 3.6); they add up to the connections.

    ``four_way``; ``three_way``: the passive side's FIN rode on its ACK; ``simultaneous``: both
    FINs crossed; ``reset``; ``half_closed``: one FIN by the end of the capture; ``open``: no
    FIN and no RST.
    """

    four_way: int
    three_way: int
    simultaneous: int
    reset: int
    half_closed: int
    open: int


class States(Struct, gc=False):
    """Endpoints by state (RFC 9293 section 3.3.2)."""

    CLOSED: int
    LISTEN: int
    SYN_SENT: int
    SYN_RCVD: int
    ESTABLISHED: int
    FIN_WAIT_1: int
    FIN_WAIT_2: int
    CLOSE_WAIT: int
    CLOSING: int
    LAST_ACK: int
    TIME_WAIT: int


class StatesAtEnd(Struct, gc=False):
    """The state that each endpoint was left in when the capture ended."""

    client: States
    server: States


class CloseWait(Struct, gc=False):
    """Endpoints whose application had not closed after the peer's FIN.

    ``stuck``: endpoints, still there or not, that the ``stuck-close-wait`` findings count: longer
    in CLOSE_WAIT than ``settings.close_wait_after_s`` with no new data sent. ``open_at_end``:
    endpoints still in CLOSE_WAIT when the capture ended, however long. ``longest_s``: the longest
    stay of any endpoint, up to the end of the capture; null where none was in CLOSE_WAIT.
    """

    stuck: int
    open_at_end: int
    longest_s: float | None


class TimeWait(Struct, gc=False):
    """Endpoints in TIME_WAIT: ``entered`` it, ``peak`` at once, and when that was first reached."""

    entered: int
    peak: int
    peak_at_ns: int | None


class ResetCauses(Struct, gc=False):
    """Connections by the RST that ended them; ``stray``: connections that drew one without effect.

    ``refused`` answers a SYN; ``handshake_abort`` comes from the initiator before the handshake
    was complete; ``abort`` comes from ESTABLISHED; ``close_wait_abort`` from CLOSE_WAIT instead
    of a FIN; ``after_close`` from an endpoint that had sent its FIN; ``no_connection`` from one
    that knows no such connection; ``timeout`` follows its sender's unanswered retransmissions or
    probes; ``time_wait`` kills the other side's TIME_WAIT (RFC 1337).
    """

    refused: int
    handshake_abort: int
    abort: int
    close_wait_abort: int
    after_close: int
    no_connection: int
    timeout: int
    time_wait: int
    stray: int


class Resets(Struct, gc=False):
    """``total`` is the sum over ``by_cause``."""

    total: int
    by_cause: ResetCauses


class Summary(Struct, gc=False):
    """The whole capture in counters; ``connections`` includes attempts that failed."""

    connections: int
    handshakes: Handshakes
    closes: Closes
    states_at_end: StatesAtEnd
    close_wait: CloseWait
    time_wait: TimeWait
    resets: Resets


class HandshakeTime(Struct, gc=False):
    """From SYN to the ACK that completes the handshake, both round trips, in seconds.

    Over the ``measured`` handshakes without a retransmission (Karn, RFC 6298 section 3).
    """

    measured: int
    least_s: float
    mean_s: float
    most_s: float


class Service(Struct, gc=False):
    """One server address and port, and the connections to it.

    ``listening``: it was seen to accept (it sent a SYN+ACK). ``handshakes``, ``closes``,
    ``states_at_end``, ``close_wait`` and ``resets`` mean what they mean in the summary.
    ``bytes_to_server`` and ``bytes_to_client`` are unique payload bytes; ``retransmits`` are
    segments of either side. ``timers``: null where its connections were never idle for long.
    ``zero_windows``: connections in which a side announced a receive window of zero.
    """

    address: str
    port: int
    connections: int
    listening: bool
    first_ns: int
    last_ns: int
    handshakes: Handshakes
    handshake_time: HandshakeTime | None
    closes: Closes
    states_at_end: StatesAtEnd
    close_wait: CloseWait
    resets: Resets
    packets: int
    bytes_to_server: int
    bytes_to_client: int
    retransmits: int
    timers: Timers | None = None
    zero_windows: int = 0


class Move(Struct, gc=False, omit_defaults=True):
    """An endpoint entered ``state`` at ``ts_ns``, in the segment of ``frame``.

    ``frame`` is null where a clock ran out. ``basis``, why we believe it:
    ``sent``: it sent what only this state sends; ``acknowledged``: its own later segment proves
    that it had received what moves it; ``presumed``: a segment that needs no answer passed by;
    ``timer``: a clock ran out in the capture's own time; ``assumed``: picked up mid-stream, or a
    gap in the capture; ``kernel``: live, the kernel of this host says so itself.
    """

    state: State
    ts_ns: int
    frame: int | None
    basis: Basis
    source: int = 0


class Endpoint(Struct, gc=False, omit_defaults=True):
    """One side of a connection: the state it was left in, and how it came there.

    ``history`` is oldest first and begins where we first know; it is empty for an endpoint that
    never sent anything. ``packets``: segments it sent, without ``duplicates`` (the same frame
    captured twice). ``bytes``: unique payload bytes by sequence number. ``retransmits``: segments
    with sequence space sent before (data, SYN, FIN). ``keep_alives``: keep-alive probes
    (RFC 9293 section 3.8.4). ``resets``: RST segments. ``half_close_bytes``: payload sent after
    it had acknowledged the peer's FIN. ``time_wait_restarts``: how often a FIN that came again
    restarted its 2MSL clock. ``gaps``: holes in its sequence space, which the capture missed.
    ``stats``: the figures of tcptrace's long report; left out of the JSON if they were not asked for.
    ``socket``: what the kernel of this host says of it; left out where it is on another, or in a file.
    ``process``: whose it is as the capture itself says (comments and process blocks of a pcapng).
    """

    address: str
    port: int
    state: State
    basis: Basis
    history: list[Move]
    packets: int
    bytes: int
    retransmits: int
    duplicates: int
    keep_alives: int
    resets: int
    half_close_bytes: int
    time_wait_restarts: int
    gaps: int
    stats: EndpointStats | None = None
    socket: Socket | None = None
    process: Process | None = None


class Handshake(Struct, gc=False):
    """How it was opened; see `Handshakes` for the outcomes.

    ``syn_ns``, ``synack_ns``, ``ack_ns``: the first of each. ``rtt_to_server_s`` (SYN to
    SYN+ACK) and ``rtt_to_client_s`` (SYN+ACK to ACK) are round-trip times from the vantage point
    to either end; null where the SYN, or the SYN+ACK, was sent again and it cannot be told which
    one was answered (Karn, RFC 6298 section 3).
    """

    outcome: HandshakeOutcome
    simultaneous: bool
    fast_open: bool
    syn_ns: int | None
    synack_ns: int | None
    ack_ns: int | None
    syn_retransmits: int
    synack_retransmits: int
    rtt_to_server_s: float | None
    rtt_to_client_s: float | None


class Reset(Struct, gc=False, omit_defaults=True):
    """The RST that ended the connection; see `ResetCauses` for the causes."""

    by: Side
    cause: ResetCause
    frame: int
    ts_ns: int
    source: int = 0


class Close(Struct, gc=False):
    """How it was closed; see `Closes` for the kinds.

    ``initiator`` sent the first FIN (``both`` if they crossed), or the RST where there was no
    FIN. ``complete``: both FINs were acknowledged, or a RST ended it. ``reset`` is there also
    where a RST followed both FINs.
    """

    kind: CloseKind
    initiator: Literal["client", "server", "both"] | None
    complete: bool
    reset: Reset | None


class Zeek(Struct, gc=False):
    """What Zeek's ``conn.log`` says of the connection, in Zeek's words.

    ``conn_state`` and ``history`` are the columns of that name; ``originator`` is whom Zeek takes
    for it, which is not the client where Zeek goes by port numbers and we know better.
    ``orig_bytes`` and ``resp_bytes`` are payload bytes by sequence numbers; ``missed_bytes`` those
    that were acknowledged and never captured.
    """

    conn_state: ConnState
    history: str
    originator: Side
    orig_bytes: int
    resp_bytes: int
    missed_bytes: int


class Tunnel(Struct, gc=False):
    """The innermost tunnel that a connection's first packet came through.

    ``src`` and ``dst``: addresses of the packets that carry the client's (where the first packet was
    the server's, those of its tunnel, turned round). ``identifier``: VNI (VXLAN, Geneve), TEID
    (GTP-U, of the first packet's direction) or GRE key; null without one.
    """

    kind: TunnelKind
    src: str
    dst: str
    identifier: int | None


class Connection(Struct, gc=False, omit_defaults=True):
    """One connection or attempt.

    ``id`` counts from 0 in order of the first packet. ``stream`` is the number of the Wireshark
    stream that it began in (``tcp.stream``; the same as ``id`` unless ports were reused in a way
    that Wireshark splits differently) and ``completeness`` that stream's ``tcp.completeness``:
    SYN 1, SYN+ACK 2, ACK 4, data 8, FIN 16, RST 32. ``community_id`` is by which other tools' logs know
    it (version 1, seed 0). ``zeek``: in Zeek's words. ``tunnel`` is left
    out of the JSON where there is none.
    ``roles_basis``, how client and server were told apart: by the ``syn``; by the ``syn_ack``; the
    server is a ``listener`` elsewhere in the capture; by the ``port`` number; or the
    ``first_speaker`` is the client. ``reuse_of`` and ``reused_by`` are ids of the connections on
    the same four-tuple that went before (left in TIME_WAIT) and came after. ``stray_resets``: RSTs
    that changed nothing. ``findings``: the kinds of finding that it is part of.
    """

    id: int
    first_ns: int
    last_ns: int
    client: Endpoint
    server: Endpoint
    roles_basis: RolesBasis
    handshake: Handshake
    close: Close
    findings: list[str]
    reuse_of: int | None
    reused_by: int | None
    stray_resets: int
    stream: int
    completeness: int
    community_id: str
    zeek: Zeek
    tunnel: Tunnel | None = None

    def __repr__(self) -> str:
        client, server = self.client, self.server
        ends = " to ".join(f"{end.address} port {end.port} {end.state}" for end in (client, server))
        return f"<Connection {self.id}: {ends}, {self.close.kind}>"


class Report(Struct, gc=False, omit_defaults=True):
    """All of it.

    ``settings``: the clocks and thresholds that were used. ``findings`` come worst first: by
    severity, then count, then kind and subject. ``services`` are sorted by address (IPv4 first,
    then as numbers) and port; at most 10,000 are kept, those that were seen to accept and the
    busiest; ``unlisted_connections`` counts the connections to the others. ``listed``, which is
    ``connections`` in the JSON, are the connections sorted by id; null, and left out of the JSON, if they
    were not asked for. ``kernel``: what this host's kernel said meanwhile; left out where it was not asked.
    """

    schema_version: int
    tool: Tool
    capture: Capture
    settings: Settings
    summary: Summary
    findings: list[Finding]
    services: list[Service]
    unlisted_connections: int
    listed: list[Connection] | None = field(name="connections", default=None)
    kernel: Kernel | None = None

    @property
    def connections(self) -> list[Connection]:
        """The connections, sorted by id; empty also where the report lists none (``listed`` is None)."""
        return [] if self.listed is None else self.listed

    def __repr__(self) -> str:
        return str(_notebook().one_line(self))

    def _repr_html_(self) -> str:
        """The short report, for notebooks."""
        return str(_notebook().html(self))

    def to_json(self) -> bytes:
        """The report as ``analyze --json`` writes it: UTF-8, the same bytes for the same report."""
        return bytes(_notebook().json(self))

    def to_dataframe(self, library: str | None = None) -> Any:
        """The connections as a data frame: a row each, the columns of ``analyze --csv``.

        ``library``: ``pandas`` or ``polars``; without it pandas if that is installed, else polars. Durations
        (``*_s``) are seconds, times (``*_ns``) nanoseconds since the epoch. Raises `ValueError` where the
        report lists no connections, `ImportError` where the library is not installed.
        """
        return _notebook().dataframe(self, library)


def _notebook() -> Any:
    """What shows a report knows the model, not the other way round: it is loaded when it is asked for."""
    return import_module("tcptrace_py.report.people.notebook")
