"""``half-close``: one side finished, the other went on sending (S5)."""

from __future__ import annotations

from collections.abc import Collection

from tcptrace_py.findings.case import ENDPOINTS, Case, other
from tcptrace_py.findings.families import HALF_CLOSE
from tcptrace_py.findings.finding import CERTAIN, POSSIBLE, Evidence, Finding
from tcptrace_py.findings.group import Group, Groups
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.resets import goodbye
from tcptrace_py.findings.texts import TEXTS, remedy
from tcptrace_py.findings.wording import duration, span
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.codes import AFTER_CLOSE
from tcptrace_py.tcp.state import ASSUMED, CLOSE_WAIT

KIND = "half-close"


def _refused(case: Case, by: int) -> bool:
    """What ``by`` sent after the FIN drew a RST: its peer had closed for good, not half."""
    connection = case.connection
    return connection.reset_by == other(by) and connection.reset_cause == AFTER_CLOSE


def _leaves(case: Case, by: int) -> bool:
    """What it sent after the FIN was a goodbye: TLS alerts, or a client's last few bytes before its own FIN.

    A client whose server has closed owes it no answer.
    """
    seen = case.seen
    return seen is None or not seen.after_fin_bytes[by - 1] or (by == case.client_by and goodbye(case, by))


class HalfCloses:
    """Collects half-closed connections by the side that went on sending. Information."""

    KINDS = (KIND,)
    SUSPECT = HALF_CLOSE

    def __init__(self, settings: Settings) -> None:
        self._groups = Groups()

    def look(self, case: Case, known: Collection[str]) -> list[str]:
        kinds: list[str] = []
        if KIND in case.explained:
            return kinds
        for by in ENDPOINTS:
            if case.endpoint(by).rare.half_close_bytes > 0 and not (_refused(case, by) or _leaves(case, by)):
                self._take(case, by)
                kinds = [KIND]
        return kinds

    def _take(self, case: Case, by: int) -> None:
        endpoint, peer = case.endpoint(by), case.endpoint(other(by))
        began_ns, basis = peer.fin_acked_ns or peer.fin_ns, CERTAIN
        for state, ts_ns, _, entry_basis in case.history(by):
            if state == CLOSE_WAIT:
                began_ns = ts_ns
                basis = POSSIBLE if entry_basis == ASSUMED else CERTAIN
        group = self._groups.of(case, by)
        group.add(case, by, began_ns, endpoint.rare.half_close_last_ns, basis)
        group.measure(max(case.until(began_ns, endpoint.rare.half_close_last_ns) - began_ns, 0))
        group.tally["bytes"] += endpoint.rare.half_close_bytes
        if group.wants_example(case.connection.id):
            group.example(case.connection.id, self._evidence(case, by, began_ns))

    def _evidence(self, case: Case, by: int, began_ns: int) -> list[Evidence]:
        endpoint, peer = case.endpoint(by), case.endpoint(other(by))
        name, peer_name = case.name(by), case.name(other(by))
        lines = [case.evidence(peer.fin_frame, peer.fin_ns, f"{peer_name} sent FIN: it has no more to send")]
        if peer.fin_acked_frame:
            lines.append(case.evidence(peer.fin_acked_frame, peer.fin_acked_ns, f"acknowledged by {name}"))
        lines.append(
            case.evidence(
                0,
                endpoint.rare.half_close_last_ns,
                f"{duration(endpoint.rare.half_close_last_ns - began_ns)} later: {name} has sent"
                f" {endpoint.rare.half_close_bytes:,} bytes more by now",
            )
        )
        return lines

    def merge(self, other: HalfCloses) -> None:
        self._groups.merge(other._groups)

    def findings(self, end_ns: int, knowledge: Knowledge) -> list[Finding]:
        return [self._finding(group) for group in self._groups.by_peer()]

    def _finding(self, group: Group) -> Finding:
        first = (
            f"{group.who()} went on sending after the FIN of {group.they()} on {group.connections()}:"
            f" {group.tally['bytes']:,} bytes in all, up to {span(group.least_ns, group.most_ns)} later."
        )
        return group.finding(KIND, "info", f"{first} {TEXTS[KIND].meaning}", remedy(TEXTS[KIND], ""))
