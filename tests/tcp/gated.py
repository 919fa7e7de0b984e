"""What of each connection's segments is evidence, by a tracker's gate and its choice of the incarnation."""

from __future__ import annotations

from collections import defaultdict, deque
from itertools import chain

from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.evidence import Evidence, tell
from tcptrace_py.tcp.reading import History, read
from tcptrace_py.wire.segment import ACK, RST, SYN

#: Frame, time in ns, sender (0 or 1), sequence number, acknowledgment, flags, payload bytes.
Passing = tuple[int, int, int, int, int, int, int]

# So far back a SYN may lie that seemed stale and began a connection.
_REMEMBERED = 5000


class Gated:
    """Asked of each segment once the tracker has had it."""

    def __init__(self) -> None:
        #: By the connection's id: what its receivers take.
        self.taken: dict[int, list[Passing]] = defaultdict(list)
        self._dropped: dict[int, int] = {}
        self._passed: deque[Passing] = deque(maxlen=_REMEMBERED)

    def add(self, connection: Connection, passing: Passing) -> None:
        frame, _, sender, seq, _, flags, _ = passing
        self._passed.append(passing)
        taken = self.taken[connection.id]
        if not taken and connection.syn_frame and connection.syn_frame != frame:
            taken += [each for each in self._passed if each[0] == connection.syn_frame]
        before = self._dropped.get(connection.id, 0)
        dropped = connection.out_of_window + connection.a.duplicates + connection.b.duplicates
        self._dropped[connection.id] = dropped
        if dropped != before:
            return
        if flags & (SYN | ACK) == SYN and connection.pending_syn_by and connection.pending_syn_isn == seq:
            return  # It seems stale.
        synchronized = [each[3] for each in taken if each[2] == sender and each[5] & SYN]
        if flags & (SYN | ACK) == SYN and synchronized and synchronized[-1] != seq:
            return  # A SYN with another ISN that began no connection.
        if connection.reuse_of >= 0 and flags & (RST | ACK) == ACK:
            self._resume(self.taken[connection.reuse_of], taken, passing)
        taken.append(passing)

    def _resume(self, older: list[Passing], taken: list[Passing], passing: Passing) -> None:
        """What goes on with a SYN that was refused: that attempt is the newer connection's."""
        _, _, sender, seq, _, flags, _ = passing
        if any(each[5] & ACK if each[2] != sender else not each[5] & RST for each in taken):
            return
        attempt = [each for each in older if each[2] == sender]
        syns = [each for each in attempt if not each[5] & RST]
        if not syns or any(each[5] & (SYN | ACK) != SYN for each in syns):
            return
        _, _, _, isn, _, _, payload_bytes = syns[-1]
        if seq == (isn if flags & SYN else (isn + 1 + payload_bytes) & 0xFFFFFFFF):
            older[:] = [each for each in older if each[2] != sender]
            taken[:] = sorted(chain(taken, attempt))


def evidence(taken: list[Passing], origins: tuple[int, ...] = ()) -> tuple[Evidence, Evidence]:
    """Of both ends; ``origins`` are their lowest numbers, where the order of ``taken`` is not to matter."""
    ends = Evidence(), Evidence()
    for end, origin in zip(ends, origins, strict=False):
        end.number(origin)
    for frame, ts_ns, sender, seq, ack, flags, payload_bytes in taken:
        tell(ends[sender], ends[1 - sender], frame, ts_ns, seq, ack, flags, payload_bytes)
    return ends


def both(taken: list[Passing], origins: tuple[int, ...] = ()) -> tuple[History, History]:
    return read(*evidence(taken, origins))
