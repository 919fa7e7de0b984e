"""``idle-timeout``: a side resets a connection after a silence of both, and nothing provoked it."""

from __future__ import annotations

from tcptrace_py.findings.case import ENDPOINTS, Case
from tcptrace_py.findings.causes.about import service_of
from tcptrace_py.findings.causes.claim import Claim, Decided
from tcptrace_py.findings.finding import POSSIBLE, Evidence, Finding, Severity
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.texts import TEXTS, remedy
from tcptrace_py.findings.timers import told
from tcptrace_py.findings.wording import duration, part, span
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.observations import BY_QUIET_RESET

#: A shorter silence before a RST is no time-out of idle connections.
_IDLE_NS = 3_000_000_000
#: So many clients that were owed an answer.
_SEVERAL = 2


class IdleTimeout(Decided):
    """By who resets."""

    KIND = "idle-timeout"
    TOLD_FROM = BY_QUIET_RESET

    def look(self, case: Case, knowledge: Knowledge, settings: Settings) -> Claim | None:
        seen = case.seen
        connection = case.connection
        if seen is None or not connection.established:
            return None
        for by in ENDPOINTS:
            reset = seen.resets[by - 1]
            if reset is None or reset.quiet_ns < _IDLE_NS or connection.first_fin_by:
                continue
            if reset.peer_outstanding or reset.own_outstanding or case.endpoint(by).unanswered:
                continue
            if case.endpoint(by).rare.unanswered_probes:
                continue
            if by == case.client_by and case.endpoint(by).bytes and not case.endpoint(case.server_by).bytes:
                # It had asked, and gives up: nobody was idle.
                continue
            pending = reset.peer_spoke_last and by == case.server_by

            def evidence(by: int = by) -> list[Evidence]:
                reset = seen.resets[by - 1]
                text = f"{case.name(by)} sends RST, {duration(reset.quiet_ns)} after the last segment"
                return [case.evidence(reset.frame, reset.ns, text)]

            return Claim(
                by,
                reset.ns,
                reset.ns,
                POSSIBLE,
                evidence,
                measure_ns=reset.quiet_ns,
                tally={"unanswered": int(pending)},
                explains=("reset-abort", "reset-no-connection", "stray-reset"),
            )
        return None

    def finding(self, group: Group, knowledge: Knowledge, end_ns: int) -> Finding:
        text = TEXTS[self.KIND]
        steady = group.count >= 3 and group.most_ns - group.least_ns <= group.most_ns // 10
        sentences = [
            f"{group.who()} reset {group.connections()} with {group.they()} after"
            f" {span(group.least_ns, group.most_ns)} in which neither side sent anything"
            + (
                ": always about as long, an idle time-out."
                if steady
                else ": a time-out of its own, it seems."
            )
        ]
        if group.tally["unanswered"]:
            sentences.append(f"{part(group.tally['unanswered'], group.count)} owed the other side an answer.")
        service = service_of(group, knowledge)
        if service is not None:
            sentences += told(service)
        sentences.append(text.meaning)
        # What a client said last may want no answer; that several wait in vain is no accident.
        severity: Severity = "warning" if group.tally["unanswered"] >= _SEVERAL else "info"
        finding = group.finding(self.KIND, severity, " ".join(sentences), remedy(text, ""))
        if steady:
            finding.confidence = "likely"
        return finding
