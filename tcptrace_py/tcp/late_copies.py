# cython: boundscheck=False, initializedcheck=False
"""Late copies: what ended a connection and comes again long after belongs to it still (4.5 of the design).

Compiled (see ``late_copies.pxd``). A connection that is over is forgotten after another 2MSL. Where FIN or
RST ended it, where its numbers ended is remembered longer, in a table that does not grow.
"""

from __future__ import annotations

from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.serial import advance
from tcptrace_py.wire.place import PLACES, place
from tcptrace_py.wire.segment import FIN, SYN, Segment

# Ends remembered for each direction of the four-tuples that share a place (``wire.place``), a power of two; a
# newer one takes the room of an older. Those of four-tuples that may be in another part never do.
_REMEMBERED = 32


class LateCopies:
    """Where both directions of connections that are over ended."""

    def __init__(self) -> None:
        #: Segments that were told to be such copies.
        self.count = 0
        # Pairs: the hash of a four-tuple, and SND.NXT << 16 | port of an end of it.
        # Memory that nobody has written to costs nothing: most captures touch little of it.
        self._ends = memoryview(bytearray(32 * PLACES * _REMEMBERED)).cast("Q")

    def remember(self, connection: Connection) -> None:
        """The connection is over, and handed over."""
        a = connection.a
        b = connection.b
        if a.fins or b.fins or a.rsts or b.rsts:
            where = 2 * connection.place
            upper = is_upper(a.address_hi, a.address_lo, a.port, b.address_hi, b.address_lo, b.port)
            self._remember(connection, a, where + upper)
            self._remember(connection, b, where + 1 - upper)

    def _remember(self, connection: Connection, endpoint: Endpoint, where: int) -> None:
        if endpoint.has_snd:
            self._put(connection.hash, endpoint.snd_nxt, endpoint.port, where)

    def _put(self, flow_hash: int, number: int, port: int, where: int) -> None:
        at = self._row(number, port, where)
        self._ends[at] = flow_hash
        self._ends[at + 1] = (number << 16) | port

    def _row(self, number: int, port: int, where: int) -> int:
        # Not by the hash, which is seeded: what shares a place must not differ from run to run.
        return 2 * (where * _REMEMBERED + (number ^ (number >> 13) ^ port) % _REMEMBERED)

    def known(self, segment: Segment, flow_hash: int) -> bool:
        """Does a segment that fits no connection bring nothing beyond where one had ended?

        What answers it does neither: a RST has the number that it acknowledges (3.5.2), and so has an ACK.
        """
        if segment.flags & SYN:
            return False
        number = advance(segment.seq, segment.payload_bytes + (1 if segment.flags & FIN else 0))
        port = segment.src_port
        upper = is_upper(
            segment.src_hi, segment.src_lo, port, segment.dst_hi, segment.dst_lo, segment.dst_port
        )
        at = self._row(number, port, 2 * place(segment) + upper)
        if self._ends[at] != flow_hash or self._ends[at + 1] != ((number << 16) | port):
            return False
        self.count += 1
        return True


def is_upper(hi: int, lo: int, port: int, peer_hi: int, peer_lo: int, peer_port: int) -> int:
    """1 if an end of a four-tuple is the upper of the two, by address and port; else 0."""
    if hi != peer_hi:
        return 1 if hi > peer_hi else 0
    if lo != peer_lo:
        return 1 if lo > peer_lo else 0
    return 1 if port > peer_port else 0
