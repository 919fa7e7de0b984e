"""``stuck-fin-wait-2``: waits for a FIN that never comes (S15)."""

from __future__ import annotations

from collections.abc import Collection

from tcptrace_py.findings.case import ENDPOINTS, Case, goes_on_unseen, other
from tcptrace_py.findings.close_wait import Stay, held_up, stay_in, stuck_stay
from tcptrace_py.findings.families import WAITS
from tcptrace_py.findings.finding import LIKELY, POSSIBLE, Evidence, Finding
from tcptrace_py.findings.group import Group, Groups
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.texts import TEXTS, remedy
from tcptrace_py.findings.wording import duration, part, span
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.clocks import nanoseconds
from tcptrace_py.tcp.state import ASSUMED, CLOSED, FIN_WAIT_2, TIME_WAIT

KIND = "stuck-fin-wait-2"


class FinWaits:
    """Collects stuck FIN_WAIT_2s; about the endpoint that waits, though the peer is to blame.

    Only information where every connection also has ``stuck-close-wait`` on the other side,
    which says the same and names the culprit; else a warning.
    """

    KINDS = (KIND,)
    SUSPECT = WAITS

    def __init__(self, settings: Settings) -> None:
        self._after_ns = nanoseconds(settings.fin_wait_2_after_s)
        self._close_wait_after_ns = nanoseconds(settings.close_wait_after_s)
        self._groups = Groups()

    def look(self, case: Case, known: Collection[str]) -> list[str]:
        kinds: list[str] = []
        if KIND in case.explained:
            return kinds
        for by in ENDPOINTS:
            # The peer's data shows that its application still uses the connection.
            peer = case.endpoint(other(by))
            stay = stay_in(case, by, FIN_WAIT_2, peer.last_data_ns)
            if stay is None or goes_on_unseen(peer):
                continue
            # A FIN that passed did come, or got lost on its last stretch: not the peer's neglect.
            fin_came = peer.fin_sent and peer.fin_ns < stay.end_ns
            waited_ns = (peer.fin_ns if fin_came else stay.end_ns) - stay.since_ns
            if waited_ns > self._after_ns and not held_up(case, other(by)):
                self._take(case, by, stay, waited_ns)
                kinds = [KIND]
        return kinds

    def _take(self, case: Case, by: int, stay: Stay, waited_ns: int) -> None:
        peer = case.endpoint(other(by))
        doubtful = stay.basis == ASSUMED or peer.tail_gap or not peer.proven_open
        group = self._groups.of(case, by)
        group.add(case, by, stay.entered_ns, stay.end_ns, POSSIBLE if doubtful else LIKELY)
        group.measure(waited_ns)
        group.stay(stay.entered_ns, None if stay.open else stay.end_ns)
        if not peer.proven_open:
            group.tally["unproven"] += 1
        if stuck_stay(case, other(by), self._close_wait_after_ns) is not None:
            group.tally["mirror"] += 1
        if stay.open:
            group.tally["open"] += 1
        elif stay.next_state == CLOSED and stay.next_frame == 0:
            group.tally["timer"] += 1
        if group.wants_example(case.connection.id):
            group.example(case.connection.id, self._evidence(case, by, stay))

    def _evidence(self, case: Case, by: int, stay: Stay) -> list[Evidence]:
        name, peer_name = case.name(by), case.name(other(by))
        endpoint = case.endpoint(by)
        lines = []
        if endpoint.fin_frame:
            lines.append(case.evidence(endpoint.fin_frame, endpoint.fin_ns, f"{name} sent FIN"))
        lines.append(
            case.evidence(
                stay.entered_frame,
                stay.entered_ns,
                f"acknowledged by {peer_name}; {name} waits in FIN_WAIT_2 for the peer's FIN",
            )
        )
        waited = duration(stay.end_ns - stay.entered_ns)
        if stay.cut:
            text = f"here a gap in the capture begins: no FIN from {peer_name} in {waited}"
        elif stay.open:
            text = f"as far as the capture goes: no FIN from {peer_name} in {waited}"
        elif stay.next_state == TIME_WAIT:
            text = f"{waited} later: the FIN from {peer_name}, acknowledged"
        elif stay.next_frame == 0:
            text = f"{waited} later: no FIN from {peer_name}, the kernel of {name} will have given up by now"
        else:
            text = f"{waited} later: a reset, or a new connection on the same ports, ends it"
        lines.append(case.evidence(stay.next_frame, stay.end_ns, text))
        return lines

    def merge(self, other: FinWaits) -> None:
        self._groups.merge(other._groups)

    def findings(self, end_ns: int, knowledge: Knowledge) -> list[Finding]:
        return [self._finding(group, end_ns) for group in self._groups.by_peer()]

    def _finding(self, group: Group, end_ns: int) -> Finding:
        peak = group.crowd.peak()[0] if group.crowd is not None else 0
        at_once = f", up to {peak:,} sockets at once" if peak > 1 else ""
        open_, timer = group.tally["open"], group.tally["timer"]
        sentences = [
            f"{group.who()} closed {group.connections()}, and {group.they()} acknowledged that but did not"
            f" close: FIN_WAIT_2 for {span(group.least_ns, group.most_ns)}{at_once}."
        ]
        if open_:
            sentences.append(f"{part(open_, group.count)} waited as far as the capture goes.")
        if timer:
            sentences.append(f"{part(timer, group.count)} will have ended by the kernel's time-out.")
        mirrored = group.tally["mirror"] == group.count
        if mirrored:
            sentences.append("The other side is stuck in CLOSE_WAIT: that finding names the culprit.")
        sentences.append(TEXTS[KIND].meaning)
        return group.finding(
            KIND,
            # Picked up at the FIN, the peer's own may well have gone before.
            "info" if mirrored or group.tally["unproven"] * 2 > group.count else "warning",
            " ".join(sentences),
            remedy(TEXTS[KIND], group.socket_filter()),
            group.trend(end_ns),
        )
