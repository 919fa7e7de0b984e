"""The latest packets of a live capture, in memory: for the ladder of a connection that goes on, and its pcap.

Whole frames, as captured, as many as fit into a bound of bytes; older ones go.
"""

from __future__ import annotations

import struct
from array import array
from collections import deque
from collections.abc import Collection, Iterator
from typing import NamedTuple

from tcptrace_py.capture.batch import BATCH_FRAMES, FrameBatch
from tcptrace_py.capture.cut import KeptFrames
from tcptrace_py.capture.live_frames import fill, pcap_records
from tcptrace_py.report.model.passage import Passage
from tcptrace_py.run.following import Followed, Following
from tcptrace_py.run.replay import Replay
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.wire.decoder import Decoder
from tcptrace_py.wire.result import TCP
from tcptrace_py.wire.segment import Segment

_MOST_BYTES = 64 << 20
_RECORD = struct.Struct("<IIII")
# No frame is longer, so that none is taken for one that was cut.
_NO_SNAP_BYTES = (1 << 31) - 1

#: Address in two halves and port of either end.
_End = tuple[int, int, int]
_Ends = frozenset[_End]


class _Piece(NamedTuple):
    """Frames that were captured together, as records of a pcap file with microseconds."""

    first_frame: int
    last_ns: int
    records: bytearray


class _Frame(NamedTuple):
    number: int
    ts_ns: int
    original_bytes: int
    data: bytes


class RecentFrames:
    """``keep`` every batch; ``most_bytes``: of them together."""

    def __init__(self, link_type: int, most_bytes: int = _MOST_BYTES) -> None:
        self._link_type = link_type
        self._most_bytes = most_bytes
        self._bytes = 0
        self._pieces: deque[_Piece] = deque()

    def keep(self, batch: FrameBatch, count: int, first_frame: int) -> None:
        """The first ``count`` frames of a batch were captured; ``first_frame``: the number of the first."""
        piece = _Piece(first_frame, batch.ts_ns[count - 1], pcap_records(batch, count))
        self._pieces.append(piece)
        self._bytes += len(piece.records)
        while self._bytes > self._most_bytes and len(self._pieces) > 1:
            self._bytes -= len(self._pieces.popleft().records)

    def passages(self, connection: Connection, settings: Settings) -> list[Passage]:
        """What passed on the connection, as far as it is still there."""
        frames = list(self._of([connection], connection.first_ns))
        replay = Replay(settings, peers=False)
        followed: list[Followed] = []

        def wants(begun: Connection) -> Followed:
            followed.append(Followed(begun))
            return followed[-1]

        following = Following(replay, wants)
        try:
            for batch in self._batches(frames):
                for i in range(batch.count):
                    following.frame(batch, 0, i)
                    replay.tracker.finished = []
        finally:
            replay.tracker.forget()
        client = connection.client()
        is_client = (client.address_hi, client.address_lo, client.port)
        found = [each for one in followed for each in one.passages(one.a == is_client)]
        # In the order of the capture, each with its number there.
        return [
            each._replace(frame_id=frames[each.frame - 1].number)
            for each in sorted(found, key=lambda passage: passage.frame_id)
        ]

    def cut(self, connections: Collection[Connection]) -> KeptFrames:
        """Their frames, to be written as a pcap."""
        kept = KeptFrames()
        begin_ns = min((each.first_ns for each in connections), default=0)
        for frame in self._of(connections, begin_ns):
            kept.add(frame.number, frame.ts_ns, self._link_type, frame.original_bytes, frame.data)
        return kept

    def _of(self, connections: Collection[Connection], begin_ns: int) -> Iterator[_Frame]:
        """Frames between the ends of any of ``connections`` that came at ``begin_ns`` or later."""
        wanted = {_ends(each) for each in connections}
        ports = {ports for each in connections for ports in _port_pairs(each)}
        decoder, segment = Decoder(), Segment()
        decoder.segment = segment
        for piece in self._pieces:
            if piece.last_ns < begin_ns or not any(each in piece.records for each in ports):
                continue
            candidates = [
                frame
                for frame in _frames(piece)
                # To the microsecond, as the records are.
                if frame.ts_ns >= begin_ns - 1000 and any(each in frame.data for each in ports)
            ]
            at = 0
            for batch in self._batches(candidates):
                decoder.begin(batch, 0)
                try:
                    for i in range(batch.count):
                        if decoder.decode(batch, i) == TCP and _ends_of(segment) in wanted:
                            yield candidates[at + i]
                finally:
                    decoder.end()
                at += batch.count

    def _batches(self, frames: list[_Frame]) -> Iterator[FrameBatch]:
        for begin in range(0, len(frames), BATCH_FRAMES):
            part = frames[begin : begin + BATCH_FRAMES]
            meta = array("I")
            at = 0
            for frame in part:
                seconds, rest = divmod(frame.ts_ns, 1_000_000_000)
                meta.extend((seconds, rest // 1000, at, len(frame.data)))
                at += len(frame.data)
            batch = FrameBatch()
            batch.first_number = begin + 1
            data = b"".join(frame.data for frame in part)
            fill(batch, data, memoryview(meta), _NO_SNAP_BYTES, self._link_type)
            for i, frame in enumerate(part):
                batch.original[i] = frame.original_bytes
            yield batch


def _frames(piece: _Piece) -> Iterator[_Frame]:
    at, number = 0, piece.first_frame
    while at < len(piece.records):
        seconds, micro, captured, original = _RECORD.unpack_from(piece.records, at)
        at += _RECORD.size
        ts_ns = (seconds * 1_000_000 + micro) * 1000
        yield _Frame(number, ts_ns, original, bytes(piece.records[at : at + captured]))
        at += captured
        number += 1


def _ends(connection: Connection) -> _Ends:
    return frozenset((end.address_hi, end.address_lo, end.port) for end in (connection.a, connection.b))


def _ends_of(segment: Segment) -> _Ends:
    return frozenset(
        (
            (segment.src_hi, segment.src_lo, segment.src_port),
            (segment.dst_hi, segment.dst_lo, segment.dst_port),
        )
    )


def _port_pairs(connection: Connection) -> tuple[bytes, bytes]:
    """As they stand in a TCP header, either way."""
    a, b = connection.a.port, connection.b.port
    return struct.pack(">HH", a, b), struct.pack(">HH", b, a)
