"""From finished connections to findings.

Compiled (see ``diagnosis.pxd``). Each connection is shown once; what a family needs of it is
copied, because the connection and its histories are given back afterwards. Memory is bounded by
the number of culprits that are listed (``group.GROUPS`` a kind), not by the number of connections.
"""

from __future__ import annotations

from collections.abc import Callable

from tcptrace_py.findings.case import Case, History
from tcptrace_py.findings.close_wait import CloseWaits
from tcptrace_py.findings.families import (
    FIN_UNANSWERED,
    HALF_CLOSE,
    HANDSHAKE,
    RESETS,
    REUSE,
    SILENCE,
    WAITS,
)
from tcptrace_py.findings.fin_wait import FinWaits
from tcptrace_py.findings.finding import KINDS, Finding, worst_first
from tcptrace_py.findings.half_close import HalfCloses
from tcptrace_py.findings.handshake import Handshakes
from tcptrace_py.findings.resets import Resets
from tcptrace_py.findings.silence import DeadPeers
from tcptrace_py.findings.suspicion import Suspicion
from tcptrace_py.findings.time_wait import Reuses, pile_findings
from tcptrace_py.findings.unacknowledged_fin import UnacknowledgedFins
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.time_wait import TimeWait


class Diagnosis:
    """Looks at every connection of a capture and says in the end what is wrong.

    ``history`` gives an endpoint's ``(state, ts_ns, frame_id, basis)`` entries, oldest first.
    """

    def __init__(self, settings: Settings, history: Callable[[Endpoint], History]) -> None:
        self._settings = settings
        self._history = history
        self._suspicion = Suspicion(settings)
        self._close_waits = CloseWaits(settings)
        self._fin_waits = FinWaits(settings)
        self._unacknowledged_fins = UnacknowledgedFins()
        self._half_closes = HalfCloses()
        self._reuses = Reuses()
        self._handshakes = Handshakes()
        self._dead_peers = DeadPeers(settings)
        self._resets = Resets()

    def look(self, connection: Connection, at_end: bool, end_ns: int) -> tuple[str, ...]:
        """The kinds of finding that a connection takes part in, in the order of ``KINDS``.

        To be called once for each connection, before its history is given back. ``at_end``: it
        is handed over because the capture ended; ``end_ns``: the capture's time now. A
        ``time-wait-pile`` is not about connections and never among the kinds.
        """
        families = self._suspicion.suspicious(connection, end_ns)
        if not families:
            return ()
        case = Case(connection, at_end, end_ns, self._history)
        kinds: list[str] = []
        if families & WAITS:
            kinds += self._close_waits.look(case)
            kinds += self._fin_waits.look(case)
        if families & FIN_UNANSWERED:
            kinds += self._unacknowledged_fins.look(case)
        if families & HALF_CLOSE:
            kinds += self._half_closes.look(case)
        if families & REUSE:
            kinds += self._reuses.look(case)
        if families & HANDSHAKE:
            kinds += self._handshakes.look(case)
        if families & SILENCE:
            kinds += self._dead_peers.look(case)
        if families & RESETS:
            kinds += self._resets.look(case, kinds)
        return tuple(sorted(set(kinds), key=KINDS.index)) if len(kinds) > 1 else tuple(kinds)

    def findings(self, time_wait: TimeWait, end_ns: int) -> list[Finding]:
        """All findings, worst first. ``end_ns``: end of the capture."""
        found = self._close_waits.findings(end_ns)
        found += self._fin_waits.findings(end_ns)
        found += self._unacknowledged_fins.findings(end_ns)
        found += self._half_closes.findings(end_ns)
        found += pile_findings(time_wait, self._settings)
        found += self._reuses.findings(end_ns)
        found += self._handshakes.findings(end_ns)
        found += self._resets.findings(end_ns)
        found += self._dead_peers.findings(end_ns)
        found.sort(key=worst_first)
        return found
