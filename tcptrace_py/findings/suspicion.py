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
            if a.syns + b.syns > 1:
                found |= SLOW
        elif connection.syn_frame() or connection.syn_ack_frame:
            # Not complete. One that has just begun may be one of a flood.
            found |= HANDSHAKE
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
