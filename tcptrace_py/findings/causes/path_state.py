"""``path-state-lost``: idle connections fall silent while the service serves others."""

from __future__ import annotations

from tcptrace_py.findings.case import ENDPOINTS, Case, other
from tcptrace_py.findings.causes.about import service_key, service_of
from tcptrace_py.findings.causes.claim import Claim, Key
from tcptrace_py.findings.finding import LIKELY, POSSIBLE, Evidence, Finding, Severity
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.service import Service
from tcptrace_py.findings.silence import silent
from tcptrace_py.findings.texts import TEXTS, remedy
from tcptrace_py.findings.wording import duration, span, times
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.observations import BY_SILENCE

#: Devices forget connections that were idle for longer than this; shorter silences prove nothing.
_IDLE_NS = 10_000_000_000
#: Heard so soon after the silence: it was there all along, no host starts as fast.
_SOON_NS = 30_000_000_000
#: The silence began with the first segment after the idle time, or just after it.
_AT_ONCE_NS = 1_000_000_000


class PathStateLost:
    """By the peer that is silent, as ``dead-peer`` is."""

    KIND = "path-state-lost"
    TOLD_FROM = BY_SILENCE

    def look(self, case: Case, knowledge: Knowledge, settings: Settings) -> Claim | None:
        seen = case.seen
        connection = case.connection
        if seen is None or seen.gap_by not in ENDPOINTS or seen.gap_ns < _IDLE_NS:
            return None
        by = seen.gap_by
        endpoint, peer = case.endpoint(by), case.endpoint(other(by))
        if peer.last_ns >= seen.gap_end_ns or not silent(case, by, settings):
            return None
        if connection.reset_by == other(by):
            return None
        confidence = LIKELY if connection.established else POSSIBLE

        def evidence() -> list[Evidence]:
            text = f"the last segment from {case.name(other(by))}"
            lines = [case.evidence(peer.last_frame, peer.last_ns, text)]
            text = f"{duration(seen.gap_ns)} idle, then {case.name(by)} sends: no answer"
            lines.append(case.evidence(seen.gap_end_frame, seen.gap_end_ns, text))
            tries = endpoint.unanswered + endpoint.rare.unanswered_probes
            text = (
                f"{times(tries, 'retransmission or probe', 'retransmissions or probes')} later: no answer yet"
            )
            lines.append(case.evidence(endpoint.last_frame, endpoint.last_ns, text))
            return lines

        return Claim(
            other(by),
            seen.gap_end_ns,
            endpoint.last_ns,
            confidence,
            evidence,
            measure_ns=seen.gap_ns,
            explains=("dead-peer", "reset-abort", "reset-no-connection", "unacknowledged-fin"),
            hangs_on=("service", case.role(other(by)), *service_key(case)),
        )

    def judge(self, key: Key, facts: tuple[object, ...], group: Group, knowledge: Knowledge) -> bool:
        service: Service | None = knowledge.services.entries.get(key[2:])
        if service is None:
            return False
        # The service was heard on other connections meanwhile, and none survived so long a silence.
        served = service.heard.between(group.first_ns, group.last_ns + _SOON_NS)
        return served and service.longest_survived_ns < group.least_ns

    def finding(self, group: Group, knowledge: Knowledge, end_ns: int) -> Finding:
        text = TEXTS[self.KIND]
        sentences = [
            f"{group.connections()} between {_bare(group.who())} and {group.they()} got no answer any more"
            f" after {span(group.least_ns, group.most_ns)} without traffic, while other connections to the"
            " same service were served: a device on the way has forgotten them."
        ]
        service = service_of(group, knowledge)
        advice = remedy(text, "")
        if service is not None and service.longest_survived_ns:
            after = f"after {span(service.longest_survived_ns, group.least_ns)}"
            advice = advice.replace("than the device forgets", f"than the device forgets ({after})", 1)
            sentences.append(
                f"The longest silence that a connection survived: {duration(service.longest_survived_ns)};"
                f" the shortest that one did not: {duration(group.least_ns)}. The time-out lies between the"
                " two."
            )
        sentences.append(text.meaning)
        severity: Severity = (
            "critical" if group.count >= 3 and group.confidence() != "possible" else "warning"
        )
        return group.finding(self.KIND, severity, " ".join(sentences), advice)


def _bare(who: str) -> str:
    return who[0].lower() + who[1:]
