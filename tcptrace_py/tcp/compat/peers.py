"""What Zeek and Wireshark would say of each connection: kept beside the tracker, for whoever lists them.

Compiled (see ``peers.pxd``). Their machines are not ours (see ``zeek.py`` and ``wireshark.py``);
nothing here moves an endpoint, and without it every state and finding is the same.
"""

from __future__ import annotations

from array import array

from tcptrace_py.tcp.compat.wireshark import Stream
from tcptrace_py.tcp.connection import Compat, Connection
from tcptrace_py.tcp.flow_table import FlowTable
from tcptrace_py.wire.segment import ACK, SYN, Segment


class Peers:
    """Zeek's words and Wireshark's streams for the connections of ``table``."""

    def __init__(self, table: FlowTable) -> None:
        #: Conversations as Wireshark counts them.
        self.streams = 0
        #: Where it is an array: when each stream began, as `Tracker.begins` has it of connections.
        self.begins: array[int] | None = None
        self._table = table

    def begin(self, connection: Connection, segment: Segment) -> None:
        """A connection turns out to have begun earlier, with this segment of its ``a``: Zeek is told late."""
        connection.compat = Compat()
        connection.compat.zeek.segment(True, segment)

    def pass_by(self, connection: Connection, from_a: bool, regular: bool, segment: Segment) -> None:
        """Every segment, frames captured twice too: neither Zeek nor Wireshark knows of them.

        To be called before the endpoints are told. A ``regular`` segment (see ``Tracker``) of a
        kind that was told since the last irregular one changes only numbers that the endpoints keep
        anyway.
        """
        kind = 1 if from_a else 4
        if not segment.payload_bytes:
            kind += kind
        if not regular or not connection.plain & kind:
            self._tell(connection, kind, regular, segment)

    def _tell(self, connection: Connection, kind: int, regular: bool, segment: Segment) -> None:
        compat = connection.compat
        if compat is None:
            compat = Compat()
            connection.compat = compat
        zeek = compat.zeek
        if connection.plain:
            zeek.catch_up(connection.a, connection.b)
        in_step = regular and zeek.in_step(connection.a, connection.b)

        bare_syn = segment.flags & (SYN | ACK) == SYN
        # For Zeek, as for us, a SYN with another number is no part of this connection.
        if not (bare_syn and connection.pending_syn_by and connection.rare.pending_syn_isn == segment.seq):
            zeek.segment(kind <= 2, segment)
        self._tell_stream(connection, compat, bare_syn, segment)
        # What was just told need not be told again.
        if not in_step:
            connection.plain = 0
        elif compat.stream_now is compat.stream:
            connection.plain |= kind

    def _tell_stream(self, connection: Connection, compat: Compat, bare_syn: bool, segment: Segment) -> None:
        """Find the Wireshark stream that the segment is in, or begins."""
        stream = compat.stream_now
        older: Connection | None = None
        if stream is None:
            older = self._table.older(connection, connection)
            if older is not None and older.compat is not None:
                stream = older.compat.stream_now
        while stream is not None and stream.newer is not None:
            stream = stream.newer
        if stream is not None and not (bare_syn and stream.reopens(segment)):
            stream.go_on(segment)
        else:
            before = stream
            stream = Stream()
            stream.number = self.streams
            self.streams += 1
            if self.begins is not None:
                self.begins.append(segment.now_ns)
                self.begins.append(segment.frame)
            stream.begin(segment)
            if before is not None:
                before.newer = stream
                if compat.stream is not None:
                    # Not through all those in between: they need not be kept.
                    compat.stream.newer = stream
            while older is not None:
                # Their segments, if any more come, are in the new stream.
                if older.plain and older.compat is not None:
                    older.compat.zeek.catch_up(older.a, older.b)
                    older.plain = 0
                older = self._table.older(older, connection)
        compat.stream_now = stream
        if compat.stream is None:
            compat.stream = stream
