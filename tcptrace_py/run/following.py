"""Replays frames one by one and keeps what the tracker gives to the connections that are wanted.

The tracker is that of `tcptrace_py.run.analyze`, so ids and incarnations of a reused four-tuple are
those of the report.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

from tcptrace_py.capture.batch import FrameBatch
from tcptrace_py.report.model.model import Connection as ConnectionRecord
from tcptrace_py.report.model.passage import DUPLICATE, KEEP_ALIVE, RETRANSMITTED, Passage, Passed
from tcptrace_py.run.captures import Captures
from tcptrace_py.run.replay import Replay
from tcptrace_py.run.session import no_cycle_collection
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.wire.address import parse_address
from tcptrace_py.wire.segment import ACK, SYN, Segment

# SYNs that may yet turn out to have begun a connection of their own: four-tuples remembered,
# and copies of the SYN for each.
_MAX_OPEN_SYNS = 1024
_MAX_COPIES = 64

#: A passage, and whether ``a`` of its connection sent it: who is the client may not be known yet.
_ByEnd = tuple[bool, Passage]
_Keep = Callable[[int, FrameBatch, int], None]


class Followed:
    """What passed on one connection; ``most``: the first and the last, so many together."""

    def __init__(self, connection: Connection, most: int | None = None) -> None:
        self.a = (connection.a.address_hi, connection.a.address_lo, connection.a.port)
        self.first: list[_ByEnd] = []
        self.last: deque[_ByEnd] = deque(maxlen=None if most is None else most - most // 2)
        self.left_out = 0
        self._most_first = most if most is None else most // 2
        self._counts = (0, 0)

    def take(self, connection: Connection, segment: Segment, duplicate: bool) -> None:
        counts = (
            connection.a.rare.retransmits + connection.b.rare.retransmits,
            connection.a.rare.keep_alives + connection.b.rare.keep_alives,
        )
        note = ""
        if duplicate:
            note = DUPLICATE
        elif counts[1] != self._counts[1]:
            note = KEEP_ALIVE
        elif counts[0] != self._counts[0]:
            note = RETRANSMITTED
        self._counts = counts
        self.add(bool(connection.sent_by_a(segment)), _passage(segment, note))

    def add(self, from_a: bool, passage: Passage) -> None:
        if self._most_first is None or len(self.first) < self._most_first:
            self.first.append((from_a, passage))
            return
        self.left_out += len(self.last) == self.last.maxlen
        self.last.append((from_a, passage))

    def give_back(self, isn: int) -> list[_ByEnd]:
        """The SYNs with this number, which were another connection's."""
        taken = [each for each in (*self.first, *self.last) if _is_syn(each[1], isn)]
        self.first = [each for each in self.first if not _is_syn(each[1], isn)]
        self.last = deque((each for each in self.last if not _is_syn(each[1], isn)), self.last.maxlen)
        return taken

    def passages(self, client_is_a: bool) -> list[Passage]:
        """All that is kept, in order."""
        return [_sent(each, client_is_a) for each in (*self.first, *self.last)]

    def passed(self, client: tuple[int, int, int]) -> Passed:
        """``client``: its address in two halves, and its port."""
        client_is_a = client == self.a
        first, last = ([_sent(each, client_is_a) for each in part] for part in (self.first, self.last))
        return Passed(first, last, self.left_out)


class Following:
    """``wants`` is asked once for each connection as it begins: what to follow it with, None not to.

    ``keep`` is given each frame of those that are followed: its id, its batch and its place there.
    """

    def __init__(
        self, replay: Replay, wants: Callable[[Connection], Followed | None], keep: _Keep | None = None
    ) -> None:
        #: By the connection's id.
        self.followed: dict[int, Followed] = {}
        self._replay = replay
        self._tracker = replay.tracker
        self._wants = wants
        self._keep = keep
        self._newest = -1
        self._segments = 0
        self._duplicates = 0
        self._open_syns: dict[int, list[_ByEnd]] = {}

    def frame(self, batch: FrameBatch, source: int, i: int) -> bool:
        """The frame at ``i``; whether it held a segment that the tracker took."""
        replay, tracker = self._replay, self._tracker
        replay.run(batch, source, i, i + 1)
        if tracker.segments == self._segments:
            return False
        self._segments = tracker.segments
        segment = replay.decoder.segment
        connection = tracker.recent
        assert connection is not None  # a segment was just given to it
        if connection.id > self._newest:
            self._newest = connection.id
            self._begun(connection, segment)
        followed = self.followed.get(connection.id)
        if followed is not None:
            followed.take(connection, segment, tracker.duplicates != self._duplicates)
            if self._keep is not None:
                self._keep(segment.frame, batch, i)
        elif connection.pending_syn_by and segment.flags & (SYN | ACK) == SYN:
            self._remember_syn(connection, segment, batch, i)
        self._duplicates = tracker.duplicates
        return True

    def _begun(self, connection: Connection, segment: Segment) -> None:
        """A connection that was not there before; is it wanted?"""
        syns: list[_ByEnd] = []
        if connection.first_frame != segment.frame:
            # Its SYN, which had seemed a stale one of the older connection, was not.
            syns = self._open_syns.pop(connection.rare.reuse_of, [])
            older = self.followed.get(connection.rare.reuse_of)
            if older is not None:
                syns = older.give_back(connection.a.isn)
        followed = self._wants(connection)
        if followed is not None:
            self.followed[connection.id] = followed
            for _, passage in syns:
                # Its sender is `a` of the connection that it began.
                followed.add(True, passage)

    def _remember_syn(self, connection: Connection, segment: Segment, batch: FrameBatch, i: int) -> None:
        """A SYN on a living connection's four-tuple: stale, or it begins one that is wanted."""
        syns = self._open_syns.setdefault(connection.id, [])
        if syns and syns[0][1].seq != segment.seq:
            syns.clear()
        if len(syns) < _MAX_COPIES:
            syns.append((True, _passage(segment, RETRANSMITTED if syns else "")))
            if self._keep is not None:
                self._keep(segment.frame, batch, i)
        if len(self._open_syns) > _MAX_OPEN_SYNS:
            del self._open_syns[next(iter(self._open_syns))]


def passages_of(
    captures: Sequence[str | os.PathLike[str]],
    connections: Mapping[int, tuple[ConnectionRecord, int]],
    settings: Settings,
    bpf: str | None = None,
    most_frames: int | None = None,
) -> dict[int, Passed]:
    """What passed on ``connections`` of a report on these captures, which are read again.

    ``connections``: by id, the record and how many passages of it are kept at most. Reading ends after
    ``most_frames``: connections that began later are missing, and of others the rest is. Raises
    ``CaptureError`` as `analyze` does.
    """
    if not connections:
        return {}
    replay = Replay(settings, peers=False)

    def wants(connection: Connection) -> Followed | None:
        wanted = connections.get(connection.id)
        return None if wanted is None else Followed(connection, wanted[1])

    following = Following(replay, wants)
    tracker = replay.tracker
    with Captures(captures, bpf) as opened, no_cycle_collection():
        try:
            for source, batch, i in _frames(opened, most_frames):
                following.frame(batch, source, i)
                if tracker.finished:
                    finished, tracker.finished = tracker.finished, []
                    for connection in finished:
                        tracker.release(connection)
        finally:
            tracker.forget()
    return {
        number: followed.passed(_client(connections[number][0]))
        for number, followed in following.followed.items()
    }


def _frames(opened: Captures, most: int | None) -> Iterator[tuple[int, FrameBatch, int]]:
    count = 0
    for source, batch, lo, hi in opened.runs():
        for i in range(lo, hi):
            if count == most:
                return
            count += 1
            yield source, batch, i


def _client(record: ConnectionRecord) -> tuple[int, int, int]:
    hi, lo, _ = parse_address(record.client.address)
    return hi, lo, record.client.port


def _is_syn(passage: Passage, isn: int) -> bool:
    return passage.flags & (SYN | ACK) == SYN and passage.seq == isn


def _sent(each: _ByEnd, client_is_a: bool) -> Passage:
    from_a, passage = each
    return passage._replace(from_client=from_a == client_is_a)


def _passage(segment: Segment, note: str) -> Passage:
    return Passage(
        segment.frame,
        segment.ts_ns,
        False,
        segment.flags,
        segment.seq,
        segment.ack,
        segment.payload_bytes,
        segment.window,
        note,
        sack=(segment.sack_left, segment.sack_right) if segment.sack_blocks > 0 else None,
        window_scale=segment.window_scale,
    )
