"""``unacknowledged-fin``: the peer never answers the FIN (S16, S17)."""

from __future__ import annotations

from collections.abc import Collection

from tcptrace_py.findings.case import ENDPOINTS, Case, goes_on_unseen, other
from tcptrace_py.findings.families import FIN_UNANSWERED
from tcptrace_py.findings.finding import LIKELY, POSSIBLE, Evidence, Finding, Severity
from tcptrace_py.findings.group import Group, Groups
from tcptrace_py.findings.host import up_meanwhile
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.resets import GOODBYE_BYTES
from tcptrace_py.findings.silence import silent
from tcptrace_py.findings.texts import TEXTS, meaning, remedy
from tcptrace_py.findings.wording import duration, part, span, times
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.serial import distance
from tcptrace_py.tcp.state import CLOSED, STATE_NAMES, TIMER

KIND = "unacknowledged-fin"
#: Retransmissions of a FIN without an answer that are too many.
RETRANSMISSIONS = 3
#: Clients that go away behind their own FIN, so few that they cost a server nothing.
_FEW = 10
_ONCE = (
    "Who gets no answer sends its FIN again within seconds, so the ACK will have come where it was not"
    " captured, or the FIN's sender keeps no connection: a device that speaks for it."
)


def unanswered_fin(case: Case, by: int) -> bool:
    """Endpoint ``by`` sent its FIN in vain: three retransmissions, or its clock ran out."""
    endpoint = case.endpoint(by)
    peer_by = other(by)
    if not endpoint.fin_sent or endpoint.fin_acked_frame or case.connection.reset_by == peer_by:
        return False
    if goes_on_unseen(case.endpoint(peer_by)):
        return False
    if endpoint.fins > RETRANSMISSIONS and endpoint.unanswered >= RETRANSMISSIONS:
        return True
    if case.endpoint(peer_by).packets == 0:
        # Captured in one direction only: an answer would not have been seen.
        return False
    history = case.history(by)
    if not history or history[-1][0] != CLOSED or history[-1][3] != TIMER:
        return False
    # Where its clock ran out in a gap of the capture, nobody has seen whether it was answered.
    return case.until(endpoint.fin_ns, history[-1][1]) == history[-1][1]


class UnacknowledgedFins:
    """Collects FINs in vain, by the peer that is silent.

    A warning; only information where it is ``possible`` that the answer was not captured.
    """

    KINDS = (KIND,)
    SUSPECT = FIN_UNANSWERED

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._groups = Groups()

    def look(self, case: Case, known: Collection[str]) -> list[str]:
        kinds: list[str] = []
        if KIND in case.explained:
            return kinds
        for by in ENDPOINTS:
            if unanswered_fin(case, by) and not silent(case, by, self._settings):
                self._take(case, by)
                kinds = [KIND]
        return kinds

    def _take(self, case: Case, by: int) -> None:
        endpoint = case.endpoint(by)
        history = case.history(by)
        # A FIN sent once and never again was probably acknowledged where we did not see it; and where nothing
        # of the peer was, only the retransmissions show that no answer came.
        seen = case.endpoint(other(by)).packets > 0
        confidence = LIKELY if seen and endpoint.fins > 1 and endpoint.unanswered else POSSIBLE
        group = self._groups.of(case, other(by))
        group.add(case, other(by), endpoint.fin_ns, endpoint.last_fin_ns(), confidence)
        group.measure(case.until(endpoint.fin_ns, endpoint.last_fin_ns()) - endpoint.fin_ns)
        # Picked up with a FIN that did not move it, it has no state that we know of.
        gave_up = bool(history) and history[-1][3] == TIMER and history[-1][0] == CLOSED
        if gave_up:
            group.tally["gave_up"] += 1
        if history:
            waits_in = history[-2] if gave_up and len(history) > 1 else history[-1]
            group.tally[STATE_NAMES[waits_in[0]]] += 1
        group.tally["retransmissions"] += endpoint.fins - 1
        peer = case.endpoint(other(by))
        left = distance(endpoint.fin_seq, endpoint.snd_una) if endpoint.has_una else GOODBYE_BYTES + 1
        if peer.fin_sent and peer.fin_ns < endpoint.fin_ns and left <= GOODBYE_BYTES:
            # It had closed by itself, and has all that was sent to it but for a goodbye.
            group.tally["delivered"] += 1
            group.tally["word"] += left > 0
        if group.wants_example(case.connection.id):
            group.example(case.connection.id, self._evidence(case, by, gave_up))

    def _evidence(self, case: Case, by: int, gave_up: bool) -> list[Evidence]:
        endpoint, peer = case.endpoint(by), case.endpoint(other(by))
        name, peer_name = case.name(by), case.name(other(by))
        lines = []
        if peer.packets and peer.last_ns <= endpoint.fin_ns:
            lines.append(case.evidence(peer.last_frame, peer.last_ns, f"the last segment from {peer_name}"))
        lines.append(case.evidence(endpoint.fin_frame, endpoint.fin_ns, f"{name} sent FIN"))
        if endpoint.fins > 1:
            lines.append(
                case.evidence(
                    endpoint.last_fin_frame(),
                    endpoint.last_fin_ns(),
                    f"{duration(endpoint.last_fin_ns() - endpoint.fin_ns)} later: FIN again, the last of"
                    f" {times(endpoint.fins - 1, 'retransmission')}; no answer from {peer_name}",
                )
            )
        if gave_up:
            gave_up_ns = case.history(by)[-1][1]
            lines.append(case.evidence(0, gave_up_ns, f"by now the kernel of {name} will have given up"))
        return lines

    def merge(self, other: UnacknowledgedFins) -> None:
        self._groups.merge(other._groups)

    def findings(self, end_ns: int, knowledge: Knowledge) -> list[Finding]:
        return [self._finding(group, knowledge) for group in self._groups.by_peer()]

    def _finding(self, group: Group, knowledge: Knowledge) -> Finding:
        states = [
            f"{n:,} in {state}"
            for state, n in sorted(group.tally.items(), key=lambda item: (-item[1], item[0]))
            if state in STATE_NAMES
        ]
        again = group.tally["retransmissions"]
        tries = "sent once, and neither an answer nor a retransmission passed here"
        if again:
            tries = f"{times(again, 'retransmission')} in all, for {span(group.least_ns, group.most_ns)}"
        sentences = [
            f"{group.who()} never acknowledged the FIN of {group.they()} on {group.connections()}: {tries}.",
        ]
        if states:
            sentences.append(f"The waiting side was left with {', '.join(states)}.")
        if group.tally["gave_up"]:
            given_up = part(group.tally["gave_up"], group.count)
            sentences.append(f"{given_up} will have been given up by the waiting side's kernel.")
        up = up_meanwhile(group, knowledge, group.first_ns) if again else _ONCE
        sentences += [up, meaning(KIND, True)] if up and again else [up or meaning(KIND, False)]
        severity: Severity = "info" if group.confidence() == "possible" else "warning"
        if group.tally["delivered"] == group.count and group.side == "client" and group.count < _FEW:
            severity = "info"
            but = f", but for a last word of at most {GOODBYE_BYTES} bytes" if group.tally["word"] else ""
            sentences.append(f"All data was delivered{but}: the server keeps a socket for a while, no more.")
        return group.finding(KIND, severity, " ".join(sentences), remedy(TEXTS[KIND], ""))
