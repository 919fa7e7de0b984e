"""What of each connection's segments is evidence, noted as it is told, so that it can be merged otherwise."""

from __future__ import annotations

from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.evidence import Evidence, Frame
from tcptrace_py.tcp.history import Entries
from tcptrace_py.tcp.incarnations import Incarnation
from tcptrace_py.tcp.reading import read
from tcptrace_py.wire.segment import ACK, RST, Segment

#: Frame, time in ns, sender (0 or 1), sequence number, acknowledgment, flags, payload bytes.
Passing = tuple[int, int, int, int, int, int, int]


class Noted(Incarnation):
    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Passing] = []

    def tell(
        self,
        by_a: bool,
        frame: Frame,
        seq: int,
        ack: int,
        flags: int,
        payload_bytes: int,
        unsent: bool = False,
    ) -> None:
        super().tell(by_a, frame, seq, ack, flags, payload_bytes, unsent)
        counted = flags & ~ACK if unsent else flags
        self.taken.append((frame.number, frame.ts_ns, 0 if by_a else 1, seq, ack, counted, payload_bytes))


class Gated:
    """Asked of each segment once the tracker has had it."""

    def __init__(self) -> None:
        #: By the connection's id.
        self.incarnations: dict[int, Noted] = {}
        self._connections: dict[int, Connection] = {}
        self._dropped: dict[int, int] = {}
        #: What was set aside by then.
        self._early: dict[int, list[Segment]] = {}

    def add(self, connection: Connection, segment: Segment) -> None:
        incarnation = self.incarnations.setdefault(connection.id, Noted())
        self._connections[connection.id] = connection
        before = self._dropped.get(connection.id, 0)
        dropped = connection.rare.out_of_window + connection.a.rare.duplicates + connection.b.rare.duplicates
        self._dropped[connection.id] = dropped
        early = self._early.get(connection.id, [])
        self._early[connection.id] = list(connection.rare.early or ())
        if dropped <= before:
            if connection.rare.reuse_of in self._connections:
                refused = self._connections[connection.rare.reuse_of]
                incarnation.resume(connection, self.incarnations[refused.id], refused, segment)
            incarnation.add(connection, segment)
            left = [(each.seq, each.ack, each.flags) for each in self._early[connection.id]]
            for each in early if segment.flags & RST else ():
                if (each.seq, each.ack, each.flags) not in left:
                    incarnation.add(connection, each)


def evidence(taken: list[Passing], origins: tuple[int, ...] = ()) -> tuple[Evidence, Evidence]:
    """Of both ends; ``origins`` are their lowest numbers, where the order of ``taken`` is not to matter."""
    incarnation = Incarnation()
    for end, origin in zip((incarnation.a, incarnation.b), origins, strict=False):
        end.number(origin)
    for frame, ts_ns, sender, seq, ack, flags, payload_bytes in taken:
        incarnation.tell(sender == 0, Frame(frame, ts_ns), seq, ack, flags, payload_bytes)
    return incarnation.a, incarnation.b


def both(taken: list[Passing], origins: tuple[int, ...] = ()) -> tuple[Entries, Entries]:
    return read(*evidence(taken, origins)).histories
