"""Is there anything about a connection that a family of findings must look at?

Compiled (see ``suspicion.pxd``), because every connection is asked and nearly all are
healthy. It may suspect too much; it must never suspect too little.
"""

from __future__ import annotations

from tcptrace_py.findings.families import (
    FIN_UNANSWERED,
    HALF_CLOSE,
    HANDSHAKE,
    HOLE,
    IN_CLEAR,
    LATE_NS,
    MUTE,
    OBSERVED,
    RESETS,
    REUSE,
    SILENCE,
    SLOW,
    UNANSWERED,
    WAITS,
)
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.codes import COMPLETE, REFUSED
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.observations import Observations
from tcptrace_py.tcp.state import SYN_RCVD
from tcptrace_py.wire.segment import HTTP_400, HTTP_REQUEST, TLS_HELLO, TLS_RECORD

_HTTP_400, _HTTP_REQUEST, _TLS_HELLO, _TLS_RECORD = HTTP_400, HTTP_REQUEST, TLS_HELLO, TLS_RECORD
#: On an open connection nobody waits longer for the first word without a reason.
MUTE_NS = 5_000_000_000
_MUTE_NS, _LATE_NS = MUTE_NS, LATE_NS


class Suspicion:
    """The thresholds, as whole numbers."""

    def __init__(self, settings: Settings) -> None:
        self.wait_ns = round(min(settings.close_wait_after_s, settings.fin_wait_2_after_s) * 1_000_000_000)
        self.probes = min(settings.dead_peer_probes, 2)

    def suspicious(self, connection: Connection, end_ns: int) -> int:
        """Bits of ``families``: which of them must look; 0 for a healthy connection.

        ``end_ns`` is the capture's time when the connection was handed over.
        """
        found = 0
        seen: Observations | None = connection.observed
        if seen is not None and seen.reasons(connection):
            # A refusal by itself is the general family's.
            if connection.reset_cause != REFUSED or not connection.syn_frame() or seen.ttl_high:
                found |= OBSERVED
        if seen is not None and (seen.sack_ns[0] or seen.sack_ns[1] or seen.close_by):
            if connection.a.rare.holes is not None or connection.b.rare.holes is not None:
                found |= HOLE
        if connection.reset_by or connection.rare.stray_resets:
            found |= RESETS
            if seen is not None and seen.lost_often:
                # It may be only the end of a silence.
                found |= SILENCE
        if connection.rare.reused_time_wait or connection.rare.reuse_of >= 0:
            found |= REUSE
        a = connection.a
        b = connection.b
        if connection.rare.stale_syns:
            found |= HANDSHAKE
        elif connection.handshake == COMPLETE:
            if a.syn_acks > 1 or b.syn_acks > 1 or a.state == SYN_RCVD or b.state == SYN_RCVD:
                found |= HANDSHAKE
            elif connection.reset_by and connection.ack_ns - connection.last_syn_ack_ns() > _LATE_NS:
                found |= HANDSHAKE
            if a.syns + b.syns > 1:
                found |= SLOW
        elif connection.syn_frame() or connection.syn_ack_frame:
            # Not complete. One that has just begun may be one of a flood.
            found |= HANDSHAKE
        found |= self._by_words(connection, end_ns)
        if a.fin_sent:
            found |= self._after_fin(a, b, end_ns)
        if b.fin_sent:
            found |= self._after_fin(b, a, end_ns)
        if connection.first_fin_by == 2 and connection.client_is_a:
            if a.last_data_ns > b.last_data_ns:
                found |= UNANSWERED
        elif connection.first_fin_by == 1 and not connection.client_is_a:
            if b.last_data_ns > a.last_data_ns:
                found |= UNANSWERED
        if a.unanswered + a.rare.unanswered_probes >= self.probes:
            found |= SILENCE
        elif b.unanswered + b.rare.unanswered_probes >= self.probes:
            found |= SILENCE
        return found

    def _by_words(self, connection: Connection, end_ns: int) -> int:
        """What the first words of both sides tell, or that there are none."""
        client, server = connection.a, connection.b
        if not connection.client_is_a:
            client, server = server, client
        if client.bytes + server.bytes == 0 or self._shuts(connection, client, server):
            if connection.handshake != COMPLETE:
                return 0
            until_ns = max(connection.last_ns, end_ns)
            mute = until_ns - connection.ack_ns >= _MUTE_NS or server.fin_sent
            return MUTE if mute else 0
        begins, answers = client.begins_with, server.begins_with
        if begins == _TLS_HELLO:
            return 0 if answers == _TLS_RECORD or (server.bytes and not answers) else IN_CLEAR
        if begins == _HTTP_REQUEST:
            clear = answers == _TLS_RECORD or answers == _HTTP_400 or not server.bytes
            return IN_CLEAR if clear else 0
        return 0

    def _shuts(self, connection: Connection, client: Endpoint, server: Endpoint) -> bool:
        """The server speaks first, and closes before the client has said anything."""
        if not server.spoke_first or client.bytes:
            return False
        return bool(connection.first_fin_by == (2 if connection.client_is_a else 1))

    def _after_fin(self, closer: Endpoint, peer: Endpoint, end_ns: int) -> int:
        """What became of the FIN of ``closer``, and of its peer after it."""
        if closer.fin_acked_frame == 0:
            return FIN_UNANSWERED
        found = 0
        waited_until_ns = peer.fin_ns if peer.fin_sent else end_ns
        if waited_until_ns - closer.fin_acked_ns > self.wait_ns:
            # In CLOSE_WAIT there, in FIN_WAIT_2 here.
            found = WAITS
        if peer.rare.half_close_bytes:
            found |= HALF_CLOSE
        return found
