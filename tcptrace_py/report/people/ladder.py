"""The ladder of one connection: its packets in order, and both endpoints' states as they move.

What is shown and in which words; how it is drawn is up to `ladder_terminal` and `ladder_svg`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from tcptrace_py.findings.finding import Finding
from tcptrace_py.findings.texts import GENERAL, HALF_OPEN, RESET_ABORT, TEXTS
from tcptrace_py.findings.wording import duration, times
from tcptrace_py.report.model.display_filter import stream_filter
from tcptrace_py.report.model.model import Close, Connection, Endpoint, Move
from tcptrace_py.report.model.passage import (
    DUPLICATE,
    KEEP_ALIVE,
    RETRANSMITTED,
    Numbers,
    Passage,
    number_base,
)
from tcptrace_py.report.people.clock import moment
from tcptrace_py.report.people.terminal_text import amount, counter_text, endpoint_name
from tcptrace_py.report.people.verdict import process_text
from tcptrace_py.wire.segment import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG

#: What follows a state that is not proved, and what it says: by basis.
BASIS_MARKS = {
    "presumed": ("?", "presumed: nothing proves that it arrived"),
    "timer": ("*", "a clock ran out"),
    "assumed": ("~", "assumed: not seen"),
}
FLAG_NAMES = (
    (SYN, "SYN"),
    (FIN, "FIN"),
    (RST, "RST"),
    (PSH, "PSH"),
    (URG, "URG"),
    (ECE, "ECE"),
    (CWR, "CWR"),
    (ACK, "ACK"),
)
_LETTERS = {"CWR": "W"}

# A run of plain data and ACKs longer than this is folded; so many stay before and after the fold.
_LONGEST_RUN = 14
_KEPT_BEFORE = 3
_KEPT_AFTER = 2

_ROLES = {
    "syn": "client identified by its SYN",
    "syn_ack": "server identified by its SYN+ACK",
    "listener": "server identified by connections that it accepted elsewhere in the capture",
    "port": "client and server identified by their ports",
    "first_speaker": "the side that spoke first is assumed to be the client",
}
_CLOSES = {
    "four_way": "closed four-way",
    "three_way": "closed in three segments",
    "simultaneous": "closed simultaneously",
    "reset": "ended by RST",
    "half_closed": "half-closed",
    "open": "not closed",
}
_CLOCKS = {
    "TIME_WAIT": "2MSL are over",
    "SYN_SENT": "gives up: no SYN+ACK came",
    "SYN_RCVD": "gives up: no ACK came",
    "FIN_WAIT_1": "gives up: FIN not acknowledged",
    "CLOSING": "gives up: FIN not acknowledged",
    "LAST_ACK": "gives up: FIN not acknowledged",
    "FIN_WAIT_2": "FIN_WAIT_2 times out",
}


@dataclass(slots=True)
class Segment:
    """An arrow; ``seq`` and ``ack`` count from the ISN (from 1 where no SYN was seen).

    ``ack`` is None without the ACK flag; ``note``: "again", "keep-alive", ...
    """

    from_client: bool
    flags: int
    seq: int
    ack: int | None
    payload_bytes: int
    zero_window: bool
    other_isn: bool
    note: str

    def flag_names(self) -> list[str]:
        return [name for bit, name in FLAG_NAMES if self.flags & bit]

    def words(self, brevity: int = 0) -> tuple[str, str]:
        """What is written on the sender's half of the arrow and on the receiver's; 2 is the briefest."""
        names = self.flag_names()
        flags = ",".join(names) if brevity == 0 else "".join(_LETTERS.get(name, name[0]) for name in names)
        seq = "other ISN" if self.other_isn else str(self.seq) if brevity > 1 else f"seq {self.seq}"
        parts = []
        if self.ack is not None:
            parts.append(f"ack {self.ack}" if brevity < 2 else f"a{self.ack}")
        if self.payload_bytes:
            parts.append(f"len {self.payload_bytes}" if brevity < 2 else f"+{self.payload_bytes}")
        if self.zero_window:
            parts.append("win 0")
        return f"{flags or 'none'} {seq}", " ".join(parts)


@dataclass(slots=True)
class Row:
    """One line of the ladder, and below it what it proves.

    ``ts_ns``: since the connection's first packet, None where there is no time to show.
    ``frame`` is text (``12``, or ``12@2`` in the second of several files), empty for none.
    ``client`` and ``server``: the states entered here, in order, each with its basis mark.
    Without ``segment``, ``text`` says what happened. ``marks``: kinds of finding and evidence.
    """

    ts_ns: int | None = None
    frame: str = ""
    client: list[str] = field(default_factory=list)
    server: list[str] = field(default_factory=list)
    segment: Segment | None = None
    text: str = ""
    marks: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ladder:
    """``title``, then ``heading`` lines, the rows, then ``findings`` and ``legend``.

    A finding is its label, its kind, and the sentences that name the culprit and the numbers.
    """

    title: str
    heading: list[str]
    client: str
    server: str
    rows: list[Row]
    findings: list[tuple[str, str, str]]
    legend: list[str]


def build_ladder(
    connection: Connection,
    findings: Sequence[Finding],
    passages: Sequence[Passage],
    paths: Sequence[str],
    *,
    full: bool = False,
    zone: tzinfo | None = UTC,
) -> Ladder:
    """``passages`` in order of the capture; ``paths`` by their source. ``full``: no run is folded.

    ``zone``: of times of the day, None for the system's.
    """
    several = len(paths) > 1
    placed = _Rows(connection.first_ns, several)
    _add_passages(passages, placed)
    start = Row()
    _add_moves(connection.client, True, placed, start)
    _add_moves(connection.server, False, placed, start)
    _add_evidence(findings, placed)
    rows = [start, *placed.rows] if start.client or start.server else placed.rows
    if not full:
        rows = _folded(rows)
    client = endpoint_name(connection.client.address, connection.client.port)
    server = endpoint_name(connection.server.address, connection.server.port)
    heading = _heading(connection, passages, zone)
    if several:
        used = sorted({passage.source for passage in passages})
        heading.append("Frames: " + ", ".join(f"@{each + 1} in {paths[each]}" for each in used))
    return Ladder(
        title=f"Connection {connection.id}: client {client} → server {server}",
        heading=heading,
        client=client,
        server=server,
        rows=rows,
        findings=[(f"{each.severity}: {each.kind}", each.kind, _culprit(each)) for each in findings],
        legend=_legend(connection),
    )


# --- rows ------------------------------------------------------------------------------


class _Rows:
    """The rows in the order of time, found again by the frame that each is about."""

    def __init__(self, first_ns: int, several: bool) -> None:
        self.rows: list[Row] = []
        self._first_ns = first_ns
        self._several = several
        #: Of each row, made to never run back; to place others between.
        self._times_ns: list[int] = []
        self._by_frame: dict[tuple[int, int], Row] = {}

    def append(self, source: int, frame: int, ts_ns: int) -> Row:
        row = Row(ts_ns - self._first_ns, self._frame(source, frame))
        self.rows.append(row)
        self._times_ns.append(max(ts_ns, self._times_ns[-1]) if self._times_ns else ts_ns)
        self._by_frame.setdefault((source, frame), row)
        return row

    def at(self, source: int, frame: int | None, ts_ns: int, text: str) -> Row:
        """The row of a frame; a new one that says ``text`` where there is none (or no frame)."""
        row = None if frame is None else self._by_frame.get((source, frame))
        if row is None:
            row = Row(ts_ns - self._first_ns, "" if frame is None else self._frame(source, frame), text=text)
            place = bisect_right(self._times_ns, ts_ns)
            self.rows.insert(place, row)
            self._times_ns.insert(place, ts_ns)
            if frame is not None:
                self._by_frame[source, frame] = row
        return row

    def at_time(self, ts_ns: int) -> Row:
        """The last row of that time; a new one that says nothing where there is none."""
        place = bisect_right(self._times_ns, ts_ns) - 1
        if place >= 0 and self.rows[place].ts_ns == ts_ns - self._first_ns:
            return self.rows[place]
        return self.at(0, None, ts_ns, "")

    def _frame(self, source: int, frame: int) -> str:
        return f"{frame}@{source + 1}" if self._several else str(frame)


def _add_passages(passages: Sequence[Passage], rows: _Rows) -> None:
    for each, segment in zip(passages, segments(passages), strict=True):
        row = rows.append(each.source, each.frame, each.ts_ns)
        if segment is None:
            row.text = each.note
        row.segment = segment


def segments(passages: Sequence[Passage]) -> Iterator[Segment | None]:
    """The arrow of each passage; None for an ICMP error."""
    bases = {side: number_base(passages, side) for side in (True, False)}
    numbers = {side: Numbers(base) for side, (base, _) in bases.items()}
    for each in passages:
        if each.icmp:
            yield None
            continue
        base, is_isn = bases[each.from_client]
        other_isn = bool(each.flags & SYN) and is_isn and each.seq != base
        yield Segment(
            from_client=each.from_client,
            flags=each.flags,
            seq=0 if other_isn else numbers[each.from_client].relative(each.seq),
            ack=numbers[not each.from_client].relative(each.ack) if each.flags & ACK else None,
            payload_bytes=each.payload_bytes,
            zero_window=each.window == 0 and not each.flags & RST,
            other_isn=other_isn,
            note=each.note,
        )


def _add_moves(endpoint: Endpoint, is_client: bool, rows: _Rows, start: Row) -> None:
    before = ""
    for index, move in enumerate(endpoint.history):
        if index == 0 and move.state == "LISTEN" and len(endpoint.history) > 1:
            # It listened before any of this.
            row = start
        elif move.frame is None:
            row = rows.at(0, None, move.ts_ns, _CLOCKS.get(before, "a clock ran out"))
        else:
            row = rows.at(move.source, move.frame, move.ts_ns, "a segment of another connection")
        (row.client if is_client else row.server).append(state_text(move))
        before = move.state


def state_text(move: Move) -> str:
    """``ESTABLISHED``, or ``ESTABLISHED?`` where it is only presumed."""
    return move.state + BASIS_MARKS.get(move.basis, ("", ""))[0]


def _add_evidence(findings: Iterable[Finding], rows: _Rows) -> None:
    for finding in findings:
        for each in finding.evidence:
            if each.frame is None:
                row = rows.at_time(each.ts_ns)
            else:
                row = rows.at(each.source, each.frame, each.ts_ns, "")
            for index, (kinds, text) in enumerate(row.marks):
                if text == each.text:
                    row.marks[index] = (f"{kinds}, {finding.kind}", text)
                    break
            else:
                row.marks.append((finding.kind, each.text))


# --- folding ---------------------------------------------------------------------------


def _plain(row: Row) -> bool:
    """Nothing happens here but data and ACKs."""
    if row.segment is None or row.client or row.server or row.marks:
        return False
    return not row.segment.flags & (SYN | FIN | RST) and not row.segment.zero_window


def _folded(rows: list[Row]) -> list[Row]:
    result: list[Row] = []
    run: list[Row] = []
    for row in rows:
        if _plain(row):
            run.append(row)
            continue
        result += _fold(run)
        run = []
        result.append(row)
    return result + _fold(run)


def _fold(run: list[Row]) -> list[Row]:
    if len(run) <= _LONGEST_RUN:
        return run
    hidden = run[_KEPT_BEFORE:-_KEPT_AFTER]
    said = [f"{times(len(hidden), 'segment')}, frames {hidden[0].frame} to {hidden[-1].frame}"]
    for from_client, name in ((True, "client"), (False, "server")):
        segments = [row.segment for row in hidden if row.segment and row.segment.from_client == from_client]
        if not segments:
            continue
        fresh = [each for each in segments if not each.note]
        with_data = [each.payload_bytes for each in fresh if each.payload_bytes]
        parts = [f"{len(with_data):,} with data ({amount(sum(with_data))})"] if with_data else []
        if acks := len(fresh) - len(with_data):
            parts.append(times(acks, "ACK"))
        for note in (RETRANSMITTED, KEEP_ALIVE, DUPLICATE):
            if count := sum(each.note == note for each in segments):
                parts.append(f"{count:,} {note}")
        text = f"{name}: {', '.join(parts)}"
        said.append(text)
    first_ns, last_ns = hidden[0].ts_ns, hidden[-1].ts_ns
    if first_ns is not None and last_ns is not None:
        said[0] += f", {duration(last_ns - first_ns)}"
    return [*run[:_KEPT_BEFORE], Row(text="\n".join(said)), *run[-_KEPT_AFTER:]]


# --- words around it -------------------------------------------------------------------


def _heading(connection: Connection, passages: Sequence[Passage], zone: tzinfo | None) -> list[str]:
    opened = f"Handshake {counter_text(connection.handshake.outcome)}"
    if connection.handshake.simultaneous:
        opened += " (simultaneous)"
    lines = [f"{opened}; {_close(connection.close)}; {_ROLES[connection.roles_basis]}."]
    segments = sum(1 for each in passages if not each.icmp)
    passed = duration(connection.last_ns - connection.first_ns)
    carried = f"{_sent(connection.client, 'client')}, {_sent(connection.server, 'server')}"
    lines.append(f"{times(segments, 'segment')} in {passed}; {carried}.")
    lines.append(
        f"In Wireshark: {stream_filter([connection.stream])}; Community ID {connection.community_id}."
    )
    for side, endpoint in (("client", connection.client), ("server", connection.server)):
        if endpoint.process is not None:
            lines.append(f"The {side} is {process_text(endpoint.process)}.")
    lines.append(f"Times are relative to {moment(connection.first_ns, zone)}.")
    related = []
    if connection.reuse_of is not None:
        related.append(f"after connection {connection.reuse_of}")
    if connection.reused_by is not None:
        related.append(f"before connection {connection.reused_by}")
    if related:
        lines.append(f"On the same addresses and ports: {' and '.join(related)}.")
    return lines


def _sent(endpoint: Endpoint, name: str) -> str:
    return f"{amount(endpoint.bytes)} from the {name}"


def _close(close: Close) -> str:
    reset = close.reset
    if close.kind == "reset" and reset is not None:
        return f"ended by the {reset.by}'s RST ({reset.cause})"
    text = _CLOSES[close.kind]
    if close.initiator:
        text += " by both" if close.initiator == "both" else f" by the {close.initiator}"
    if reset:
        text += f", then RST by the {reset.by} ({reset.cause})"
    return text


def _legend(connection: Connection) -> list[str]:
    used = {move.basis for side in (connection.client, connection.server) for move in side.history}
    return [f"{mark} {meaning}" for basis, (mark, meaning) in BASIS_MARKS.items() if basis in used]


def _culprit(finding: Finding) -> str:
    """The explanation without the general text, which ``explain`` has."""
    text = finding.explanation
    variants = {"reset-abort": RESET_ABORT, "half-open-handshake": HALF_OPEN}.get(finding.kind, {})
    general = [GENERAL.get(finding.kind), *(each.meaning for each in variants.values())]
    for meaning in (TEXTS[finding.kind].meaning, *general):
        if meaning is not None:
            text = text.replace(meaning, "").strip()
    return " ".join(text.split())
