"""One connection: two endpoints on one four-tuple, from its first segment to its last.

Compiled (see ``connection.pxd``). Which endpoint is the client is decided by the
tracker (see ``roles_basis``); ``a`` is whichever was seen to speak first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcptrace_py.tcp.codes import COMPLETE, OPEN, UNSEEN
from tcptrace_py.tcp.compat.wireshark import Stream
from tcptrace_py.tcp.compat.zeek import Zeek
from tcptrace_py.tcp.endpoint import Endpoint, new_endpoint
from tcptrace_py.tcp.flow import on_four_tuple
from tcptrace_py.wire.place import place
from tcptrace_py.wire.segment import Segment

if TYPE_CHECKING:
    from tcptrace_py.wire.tunnels import Tunnel


def new_connection() -> Connection:
    """A ``Connection()``, made as ``new_endpoint`` makes its ends."""
    connection = Connection.__new__(Connection)
    connection.begin()
    return connection


class Compat:
    """What peers would say of a connection, where connections are listed (see ``compat.peers``)."""

    def __init__(self) -> None:
        #: What Zeek would log of it.
        self.zeek = Zeek()
        #: The Wireshark stream that it began in, and the one that its segments are in by now.
        self.stream: Stream | None = None
        self.stream_now: Stream | None = None


class ConnectionRare:
    """What few connections have: RSTs, SYNs sent again or of another number, reused ports, ICMP errors.

    Times in ns since the epoch, 0 where unseen; by 1 is endpoint ``a``, 2 is ``b``, 0 nobody.
    """

    def __init__(self) -> None:
        #: It is of more than one connection, and never written to.
        self.shared = False
        #: The connections before and after it on its four-tuple that are still known, and its number
        #: among all that it has had.
        self.older: Connection | None = None
        self.newer: Connection | None = None
        self.incarnation = 0
        #: The four-tuple came out of TIME_WAIT into a new connection: frame of its SYN, and
        #: that connection's id (-1 none); and the other way round.
        self.reused_by = -1
        self.reused_frame = 0
        self.reused_ns = 0
        self.reuse_of = -1
        #: The endpoint that was in TIME_WAIT when the new SYN came.
        self.reused_time_wait = 0

        #: The tunnel that its first packet came through, a ``wire.tunnels.Tunnel``.
        self.tunnel: Tunnel | None = None

        #: The first SYN, where it was not the first packet.
        self.syn_ns = 0
        self.syn_frame = 0
        #: The last SYN, its timestamp, and the last SYN+ACK, where the first was not the only one.
        self.last_syn_ns = 0
        self.last_syn_frame = 0
        self.last_syn_ts_val = 0
        self.last_syn_ack_ns = 0
        self.last_syn_ack_frame = 0
        #: ICMP says unreachable: frame (0 none), time, type and code, and the reporter.
        self.unreachable_frame = 0
        self.unreachable_ns = 0
        self.unreachable: object | None = None

        # The first RST that took effect (``Connection.reset_by``).
        self.reset_frame = 0
        self.reset_ns = 0
        #: Its number was the one expected, and it has no other cause: ``reading.certain``.
        self.reset_certain = False
        # Those that changed nothing.
        self.stray_resets = 0
        self.stray_reset_by = 0
        #: Why the first of them is one, by ``codes.FITS_NOTHING`` and those after it.
        self.stray_reset_fits = 0
        self.stray_reset_frame = 0
        self.stray_reset_ns = 0

        # A SYN with another ISN while both sides were synchronized (``Connection.pending_syn_by``).
        self.pending_syns = 0
        self.pending_syn_isn = 0
        self.pending_syn_window = 0
        self.pending_syn_frame = 0
        self.pending_syn_ns = 0
        self.pending_syn_last_frame = 0
        self.pending_syn_last_ns = 0
        self.stale_syns = 0
        self.stale_syn_frame = 0
        self.stale_syn_ns = 0
        self.stale_syn_by = 0
        self.out_of_window = 0
        #: What passed before the SYN that it answers, and what follows that (``incarnations.set_aside``).
        self.early: list[Segment] | None = None


# Nothing of all that. Whoever has something to write asks ``Connection.own_rare`` where.
_NOTHING = ConnectionRare()
_NOTHING.shared = True


class Connection:
    """Everything known of one connection; times in ns since the epoch, 0 where unseen."""

    #: Its place in the flow table: the hash of its four-tuple, and the next connection in the same bucket.
    hash: int
    next_in_bucket: Connection | None

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        #: Counts from 0 in order of the first packet, as Wireshark numbers its streams.
        self.id = 0
        self.a = new_endpoint()
        self.b = new_endpoint()
        self.ip_version = 4
        #: The place of its four-tuple (``wire.place``).
        self.place = 0
        self.first_ns = 0
        self.last_ns = 0
        self.first_frame = 0
        #: When ``b`` was first heard.
        self.answered_ns = 0

        #: Client is ``a``; how we know: index into ``ROLES_BASIS_NAMES``.
        self.client_is_a = True
        self.roles_basis = 0

        # The handshake.
        #: Its first packet is a SYN.
        self.begins_with_syn = False
        #: The timestamp of the first SYN (RFC 7323), 0 without; and whether the last SYN+ACK echoed that of
        #: no SYN.
        self.syn_ts_val = 0
        self.foreign_echo = False
        self.syn_ack_ns = 0
        self.syn_ack_frame = 0
        self.ack_ns = 0
        self.ack_frame = 0
        #: What became of it: index into ``codes.HANDSHAKE_OUTCOMES``.
        self.handshake = UNSEEN
        self.simultaneous_open = False
        self.fast_open = False

        # The close.
        #: Index into ``codes.CLOSE_KINDS``.
        self.close = OPEN
        #: Both FINs were acknowledged, or a RST took effect.
        self.close_complete = False
        #: Who sent the first FIN: 0 nobody, 1 ``a``, 2 ``b``.
        self.first_fin_by = 0

        # Resets: the first that took effect.
        self.reset_by = 0
        self.reset_cause = 0
        #: Some RST on it had the right number, and yet changed nothing: no finding from another is certain.
        self.doubtful = False
        #: By whom was a SYN with another ISN while both sides were synchronized.
        self.pending_syn_by = 0

        #: What its segments have shown, an ``Incarnation``; made by the first that is out of the ordinary.
        self.shown: Any = None
        #: What peers would say of it, if that was asked for.
        self.compat: Compat | None = None
        #: Regular segments that tell neither of them anything new: by ``a`` with data 1, without 2;
        #: by ``b`` 4 and 8. Zeek's numbers are those of the endpoints while it is not 0.
        self.plain = 0
        #: Something has been told since its histories were read.
        self.unread = False

        #: What few connections have; until it has, one that all share: see ``own_rare``.
        self.rare = _NOTHING
        self.finished = False
        #: What the causes of trouble are told from, an ``Observations``; made when there is something.
        self.observed: Any = None
        #: The observer wants to see every segment.
        self.watched = False
        #: The capture's time when the tracker was done with it.
        self.over_ns = 0

    def begin_with(self, segment: Segment) -> None:
        """This is its first segment, and sent by ``a``."""
        self.ip_version = segment.ip_version
        self.place = place(segment)
        if segment.tunnel is not None:
            self.own_rare().tunnel = segment.tunnel
        self.first_ns = segment.ts_ns
        self.first_frame = segment.frame
        a = self.a
        b = self.b
        a.connection = self
        b.connection = self
        a.address_hi = segment.src_hi
        a.address_lo = segment.src_lo
        a.port = segment.src_port
        b.address_hi = segment.dst_hi
        b.address_lo = segment.dst_lo
        b.port = segment.dst_port

    def own_rare(self) -> ConnectionRare:
        """What it alone has, to be written to."""
        if self.rare.shared:
            self.rare = ConnectionRare()
        return self.rare

    @property
    def established(self) -> bool:
        """Its handshake is complete."""
        return self.handshake == COMPLETE

    def note_reset(self, by: int, cause: int, ts_ns: int, frame: int, certain: bool) -> None:
        """This RST is the first that took effect."""
        self.reset_by = by
        self.reset_cause = cause
        rare = self.own_rare()
        rare.reset_ns = ts_ns
        rare.reset_frame = frame
        rare.reset_certain = certain

    def note_syn(self, ts_ns: int, frame: int, ts_val: int) -> None:
        """The first SYN passes."""
        self.syn_ts_val = ts_val
        if frame == self.first_frame and ts_ns == self.first_ns:
            self.begins_with_syn = True
            return
        rare = self.own_rare()
        rare.syn_ns = ts_ns
        rare.syn_frame = frame

    def note_syn_again(self, ts_ns: int, frame: int, ts_val: int) -> None:
        """The SYN passes again, and for the last time so far."""
        rare = self.own_rare()
        rare.last_syn_ns = ts_ns
        rare.last_syn_frame = frame
        rare.last_syn_ts_val = ts_val

    def syn_ns(self) -> int:
        return self.first_ns if self.begins_with_syn else self.rare.syn_ns

    def syn_frame(self) -> int:
        return self.first_frame if self.begins_with_syn else self.rare.syn_frame

    def last_syn_ts_val(self) -> int:
        return self.rare.last_syn_ts_val if self.rare.last_syn_frame else self.syn_ts_val

    def last_syn_ns(self) -> int:
        return self.rare.last_syn_ns if self.rare.last_syn_frame else self.syn_ns()

    def last_syn_frame(self) -> int:
        return self.rare.last_syn_frame or self.syn_frame()

    def last_syn_ack_ns(self) -> int:
        return self.rare.last_syn_ack_ns if self.rare.last_syn_ack_frame else self.syn_ack_ns

    def last_syn_ack_frame(self) -> int:
        return self.rare.last_syn_ack_frame or self.syn_ack_frame

    def joins(self, segment: Segment) -> bool:
        """Is the segment, in either direction, on this four-tuple?"""
        a = self.a
        b = self.b
        return on_four_tuple(segment, a.address_hi, a.address_lo, a.port, b.address_hi, b.address_lo, b.port)

    def sent_by_a(self, segment: Segment) -> bool:
        """Did ``a`` send this segment, which is on the connection's four-tuple?"""
        a = self.a
        return (
            a.port == segment.src_port and a.address_lo == segment.src_lo and a.address_hi == segment.src_hi
        )

    def touch(self) -> int:
        """Read what its next segment will need first; the number means nothing."""
        return self.a.port + self.b.port

    def touch_all(self) -> int:
        """Read what is asked of it when it is over; the number means nothing."""
        a = self.a
        b = self.b
        return (a.port ^ a.syns) + (b.port ^ b.syns) + (self.over_ns & 1)

    def heard_ns(self, endpoint: Endpoint) -> int:
        """When this end of it was first heard."""
        return self.first_ns if endpoint is self.a else self.answered_ns

    def client(self) -> Endpoint:
        return self.a if self.client_is_a else self.b

    def server(self) -> Endpoint:
        return self.b if self.client_is_a else self.a
