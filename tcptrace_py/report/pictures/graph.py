"""Graphs of one connection, as tcptrace's users know them: what is drawn, in one direction at a time.

A graph is marks, and a mark is what xplot has a command for: a line, a dot, an arrow head, a tick, a
diamond, a text. So the three writers (`xplot`, `graph_svg`, `graph_page`) draw the same.

Times are nanoseconds since the connection's first packet. Sequence numbers count from the ISN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from tcptrace_py.report.model.model import Connection, Endpoint
from tcptrace_py.report.model.passage import (
    DUPLICATE,
    KEEP_ALIVE,
    RETRANSMITTED,
    Numbers,
    Passage,
    number_base,
)
from tcptrace_py.report.people.terminal_text import endpoint_name
from tcptrace_py.wire.segment import ACK, FIN, PSH, RST, SYN, URG

Shape = Literal["line", "dot", "up", "down", "tick", "diamond", "text"]
#: What a mark is about, which decides its colour: see `ROLES`.
Role = Literal["data", "again", "ack", "window", "sack", "special", "reset", "mean", "average"]

#: What each role is called in a legend.
ROLES: dict[Role, str] = {
    "data": "segment",
    "again": "sent again",
    "ack": "acknowledged",
    "window": "window",
    "sack": "SACK",
    "special": "SYN, FIN, PSH, URG, zero window",
    "reset": "RST",
    "mean": "mean of ten segments",
    "average": "average so far",
}

_SECOND_NS = 1_000_000_000
#: Segments that a moving mean of the throughput is over, as in tcptrace.
_MEAN_OF = 10
_LARGEST_SCALE = 14


class Mark(NamedTuple):
    """From (``t_ns``, ``y``) to (``to_ns``, ``to_y``) for a line; else at the former. ``text`` of a text."""

    shape: Shape
    role: Role
    t_ns: int
    y: float
    to_ns: int = 0
    to_y: float = 0
    text: str = ""


class Stay(NamedTuple):
    """The sender was in ``state`` from one time to the other, shaded behind its marks."""

    state: str
    begin_ns: int
    end_ns: int


@dataclass(slots=True)
class Graph:
    """``title``: who sends to whom, and what is drawn; ``unit``: what is upward."""

    title: str
    unit: str
    begin_ns: int
    end_ns: int
    marks: list[Mark] = field(default_factory=list)
    states: list[Stay] = field(default_factory=list)
    note: str = ""
    from_zero: bool = True


class _Sent(NamedTuple):
    """A segment of the direction drawn, or of the other; numbers relative, the window scaled."""

    from_sender: bool
    t_ns: int
    flags: int
    seq: int
    end: int
    ack: int | None
    window: int
    note: str
    sack: tuple[int, int] | None


def build_graphs(connection: Connection, passages: Sequence[Passage], kind: str) -> list[Graph]:
    """One graph for what the client sends and one for what the server sends; ``kind``: one of `KINDS`."""
    return [_graph(connection, passages, from_client, kind) for from_client in (True, False)]


def _graph(connection: Connection, passages: Sequence[Passage], from_client: bool, kind: str) -> Graph:
    ends = [connection.client, connection.server]
    sender, receiver = ends if from_client else ends[::-1]
    names = [endpoint_name(each.address, each.port) for each in (sender, receiver)]
    unit, draw = _KINDS[kind]
    last_ns = max([each.ts_ns for each in passages], default=connection.last_ns)
    graph = Graph(
        title=f"window that {names[1]} offers to {names[0]}"
        if kind == "window"
        else f"{names[0]} → {names[1]} ({kind.replace('-', ' ')})",
        unit=unit,
        begin_ns=0,
        end_ns=max(last_ns - connection.first_ns, 1),
        states=_stays(sender, connection.first_ns, last_ns),
    )
    sent, scaled = _segments(passages, from_client, connection.first_ns)
    if not scaled and kind != "throughput" and kind != "rtt":
        graph.note = "No SYN was seen on both sides: windows are drawn as sent, without their scale."
    draw(sent, graph.marks)
    # Numbers far from 0 are looked at for what changes in them.
    graph.from_zero = kind != "time-sequence"
    if not graph.marks:
        graph.note = "There is nothing to draw in this direction."
    return graph


def _stays(endpoint: Endpoint, first_ns: int, last_ns: int) -> list[Stay]:
    ends = [*(move.ts_ns for move in endpoint.history[1:]), last_ns]
    return [
        Stay(move.state, max(move.ts_ns - first_ns, 0), end - first_ns)
        for move, end in zip(endpoint.history, ends, strict=False)
        if move.state not in ("CLOSED", "LISTEN") and end > move.ts_ns and move.ts_ns < last_ns
    ]


def _segments(passages: Sequence[Passage], from_client: bool, first_ns: int) -> tuple[list[_Sent], bool]:
    """All segments as the graphs want them, and whether the windows could be scaled (RFC 7323 section 2)."""
    bases = {side: number_base(passages, side)[0] for side in (True, False)}
    numbers = {side: Numbers(base) for side, base in bases.items()}
    edges = {side: Numbers(base) for side, base in bases.items()}
    scales: dict[bool, int] = {}
    for each in passages:
        if each.flags & SYN and not each.icmp:
            scales.setdefault(each.from_client, each.window_scale)
    scaled = len(scales) == 2
    offered = scaled and all(scale >= 0 for scale in scales.values())
    found = []
    for each in passages:
        if each.icmp:
            continue
        seq = numbers[each.from_client].relative(each.seq)
        other = not each.from_client
        shift = min(scales[each.from_client], _LARGEST_SCALE) if offered and not each.flags & SYN else 0
        found.append(
            _Sent(
                from_sender=each.from_client == from_client,
                t_ns=each.ts_ns - first_ns,
                flags=each.flags,
                seq=seq,
                end=seq + each.payload_bytes + bool(each.flags & SYN) + bool(each.flags & FIN),
                ack=numbers[other].relative(each.ack) if each.flags & ACK else None,
                window=each.window << shift,
                note=each.note,
                sack=None
                if each.sack is None
                else (edges[other].relative(each.sack[0]), edges[other].relative(each.sack[1])),
            )
        )
    return found, scaled


def _time_sequence(sent: Sequence[_Sent], marks: list[Mark]) -> None:
    """Segments as arrows between their first and last number, the ACKs below and the window above."""
    acked: tuple[int, int] | None = None
    edge: tuple[int, int] | None = None
    for each in sent:
        if each.from_sender:
            _segment(each, marks)
            continue
        if each.flags & RST:
            marks.append(
                Mark("text", "reset", each.t_ns, acked[1] if acked else each.ack or 0, text="RST_IN")
            )
        if each.ack is None:
            continue
        if acked is not None:
            marks.append(Mark("line", "ack", acked[0], acked[1], each.t_ns, acked[1]))
            if each.ack > acked[1]:
                marks.append(Mark("line", "ack", each.t_ns, acked[1], each.t_ns, each.ack))
            elif each.end == each.seq and not each.flags & (FIN | RST):
                marks.append(Mark("tick", "ack", each.t_ns, each.ack))
        acked = (each.t_ns, max(each.ack, acked[1]) if acked else each.ack)
        right = acked[1] + each.window
        if not each.flags & RST:
            if edge is not None:
                marks.append(Mark("line", "window", edge[0], edge[1], each.t_ns, edge[1]))
                marks.append(Mark("line", "window", each.t_ns, edge[1], each.t_ns, right))
            edge = (each.t_ns, right)
            if not each.window:
                marks.append(Mark("text", "special", each.t_ns, right, text="Z"))
        if each.sack is not None:
            marks.append(Mark("line", "sack", each.t_ns, each.sack[0], each.t_ns, each.sack[1]))
            marks.append(Mark("text", "sack", each.t_ns, each.sack[1], text="S"))


def _segment(each: _Sent, marks: list[Mark]) -> None:
    again = each.note in (RETRANSMITTED, DUPLICATE)
    role: Role = "again" if again else "data"
    if each.flags & RST:
        marks.append(Mark("text", "reset", each.t_ns, each.end, text="RST"))
    elif each.end > each.seq or each.note == KEEP_ALIVE:
        marks.append(Mark("down", role, each.t_ns, each.seq))
        marks.append(Mark("up", role, each.t_ns, each.end))
        marks.append(Mark("line", role, each.t_ns, each.seq, each.t_ns, each.end))
    for flag, text in ((SYN, "SYN"), (FIN, "FIN")):
        if each.flags & flag:
            marks.append(Mark("diamond", "special", each.t_ns, each.seq if flag == SYN else each.end))
            marks.append(Mark("text", "special", each.t_ns, each.end, text=text))
    if each.flags & PSH and each.end > each.seq:
        marks.append(Mark("diamond", role, each.t_ns, each.end))
    if each.flags & URG:
        marks.append(Mark("text", "special", each.t_ns, each.end, text="U"))
    if again:
        marks.append(Mark("text", "again", each.t_ns, each.end, text="HD" if each.note == DUPLICATE else "R"))
    elif each.note == KEEP_ALIVE:
        marks.append(Mark("text", "special", each.t_ns, each.end, text="K"))


def _outstanding(sent: Sequence[_Sent], marks: list[Mark]) -> None:
    """Sent and not yet acknowledged, and the window that it may not go beyond."""
    highest = 0
    acked: int | None = None
    window: int | None = None
    flight = _Steps(marks, "data")
    allowed = _Steps(marks, "window")
    for each in sent:
        if each.from_sender:
            highest = max(highest, each.end)
        elif each.ack is not None and not each.flags & RST:
            acked = max(each.ack, acked or 0)
            window = each.window
            allowed.to(each.t_ns, window)
        if acked is not None:
            flight.to(each.t_ns, max(highest - acked, 0))


def _window(sent: Sequence[_Sent], marks: list[Mark]) -> None:
    """The window that the receiver offers, zero windows marked."""
    line = _Steps(marks, "window")
    for each in sent:
        if each.from_sender or each.ack is None or each.flags & RST:
            continue
        line.to(each.t_ns, each.window)
        if not each.window:
            marks.append(Mark("diamond", "special", each.t_ns, 0))
            marks.append(Mark("text", "special", each.t_ns, 0, text="Z"))


def _rtt(sent: Sequence[_Sent], marks: list[Mark]) -> None:
    """From a segment to its ACK, in ms; none of what was sent again (Karn, RFC 6298 section 3)."""
    waiting: list[tuple[int, int]] = []
    at = 0
    highest = 0
    before: tuple[int, float] | None = None
    for each in sent:
        if each.from_sender:
            if each.end > highest and not each.note:
                waiting.append((each.end, each.t_ns))
            elif each.note == RETRANSMITTED:
                # What is in flight is ambiguous now.
                at = len(waiting)
            highest = max(highest, each.end)
            continue
        if each.ack is None or each.flags & RST:
            continue
        sample = None
        while at < len(waiting) and waiting[at][0] <= each.ack:
            sample = waiting[at][1]
            at += 1
        if sample is not None:
            took_ms = (each.t_ns - sample) / 1e6
            marks.append(Mark("dot", "data", sample, took_ms))
            if before is not None:
                marks.append(Mark("line", "data", before[0], before[1], sample, took_ms))
            before = (sample, took_ms)


def _throughput(sent: Sequence[_Sent], marks: list[Mark]) -> None:
    """Bytes a second: between two segments, of ten in a row, and on average from the first on."""
    first: int | None = None
    last = 0
    total = 0
    recent: list[tuple[int, int]] = []
    mean: tuple[int, float] | None = None
    average: tuple[int, float] | None = None
    for each in sent:
        payload = each.end - each.seq - bool(each.flags & SYN) - bool(each.flags & FIN)
        if not each.from_sender or not payload:
            continue
        if first is None:
            # Its bytes came before the time that is measured.
            first = last = each.t_ns
            recent.append((each.t_ns, 0))
            continue
        total += payload
        if each.t_ns > last:
            marks.append(Mark("dot", "data", each.t_ns, payload * _SECOND_NS / (each.t_ns - last)))
        last = max(last, each.t_ns)
        recent.append((each.t_ns, payload))
        if len(recent) > _MEAN_OF:
            took = each.t_ns - recent[0][0]
            if took > 0:
                mean = _onward(
                    marks, "mean", mean, each.t_ns, sum(n for _, n in recent[1:]) * _SECOND_NS / took
                )
            del recent[0]
        if each.t_ns > first:
            average = _onward(marks, "average", average, each.t_ns, total * _SECOND_NS / (each.t_ns - first))


def _onward(
    marks: list[Mark], role: Role, before: tuple[int, float] | None, t_ns: int, y: float
) -> tuple[int, float]:
    if before is not None:
        marks.append(Mark("line", role, before[0], before[1], t_ns, y))
    return t_ns, y


class _Steps:
    """A line that stays at a value until the next."""

    def __init__(self, marks: list[Mark], role: Role) -> None:
        self._marks = marks
        self._role = role
        self._before: tuple[int, float] | None = None

    def to(self, t_ns: int, y: float) -> None:
        if self._before is not None:
            before_ns, before_y = self._before
            self._marks.append(Mark("line", self._role, before_ns, before_y, t_ns, before_y))
            if y != before_y:
                self._marks.append(Mark("line", self._role, t_ns, before_y, t_ns, y))
        self._before = (t_ns, y)


_Draw = Callable[[Sequence[_Sent], list[Mark]], None]
_KINDS: dict[str, tuple[str, _Draw]] = {
    "time-sequence": ("sequence number", _time_sequence),
    "throughput": ("bytes a second", _throughput),
    "rtt": ("round trip, ms", _rtt),
    "outstanding": ("bytes in flight", _outstanding),
    "window": ("window, bytes", _window),
}
#: The kinds of graph, by the name of their option.
KINDS = tuple(_KINDS)
