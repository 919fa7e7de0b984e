"""``unresponsive-server``: requests acknowledged and never answered, until clients leave."""

from __future__ import annotations

from tcptrace_py.findings.case import Case
from tcptrace_py.findings.causes.about import acknowledged, service_key, service_of
from tcptrace_py.findings.causes.claim import Claim, Key
from tcptrace_py.findings.finding import LIKELY, Evidence, Finding, Severity
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.texts import TEXTS, remedy
from tcptrace_py.findings.wording import duration, part, span
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.observations import BY_CLOSE

#: Clients that leave sooner after their last word do not wait for an answer.
_WAITED_NS = 900_000_000
#: In a talk whose last word often is the client's, so many must have left after about as long.
_TALKS = 3
#: A service that answers less of its connections than this may not be meant to answer.
_ANSWERS = 0.2
#: So many, and so large a part of a service, is an outage.
_MANY, _PART = 10, 0.1


class UnresponsiveServer:
    """By the server; only where it usually does answer."""

    KIND = "unresponsive-server"
    TOLD_FROM = BY_CLOSE

    def look(self, case: Case, knowledge: Knowledge, settings: Settings) -> Claim | None:
        seen = case.seen
        connection = case.connection
        client_by = case.client_by
        if seen is None or seen.backwards or not connection.established or seen.close_by != client_by:
            return None
        if seen.close_spoke_last != client_by or not seen.close_settled or seen.close_idle_ns < _WAITED_NS:
            return None
        client, server = case.endpoint(client_by), case.endpoint(case.server_by)
        if server.packets <= server.syn_acks or not acknowledged(case, client_by) and not client.fin_sent:
            return None
        if server.holes:
            # The client acknowledges what did not pass here: that may be the answer.
            return None
        if client.unanswered or client.unanswered_probes:
            # Its host does not acknowledge any more either.
            return None
        asked_ns = seen.close_ns - seen.close_idle_ns
        late_ns = seen.after_fin_ns[case.server_by - 1]
        by = case.server_by

        def evidence() -> list[Evidence]:
            text = f"{case.name(client_by)} had sent its request, {case.name(by)} had acknowledged it"
            lines = [case.evidence(0, asked_ns, text)]
            what = "resets the connection" if seen.close_is_reset else "closes"
            text = f"{duration(seen.close_idle_ns)} later, without an answer: {case.name(client_by)} {what}"
            lines.append(case.evidence(seen.close_frame, seen.close_ns, text))
            if late_ns:
                text = (
                    f"{duration(late_ns - asked_ns)} after the request, too late: {case.name(by)} sends data"
                )
                lines.append(case.evidence(seen.after_fin_frame[by - 1], late_ns, text))
            return lines

        return Claim(
            by,
            asked_ns,
            seen.close_ns,
            LIKELY,
            evidence,
            measure_ns=seen.close_idle_ns,
            tally={"late": int(bool(late_ns))},
            explains=("reset-abort", "reset-after-close", "reset-no-connection", "half-close"),
            # Where the server had spoken before, the client's last word may want no answer.
            hangs_on=("service", *service_key(case), server.bytes > 0 and not late_ns),
        )

    def judge(self, key: Key, facts: tuple[object, ...], group: Group, knowledge: Knowledge) -> bool:
        service = knowledge.services.entries.get(key[1:5])
        talks = bool(key[5])
        if talks and not (group.count >= _TALKS and group.most_ns - group.least_ns <= group.most_ns // 10):
            return False
        # Where nobody ever gets an answer (a log, a metric), leaving without one is how it is meant.
        return service is not None and service.answered > service.connections * _ANSWERS

    def finding(self, group: Group, knowledge: Knowledge, end_ns: int) -> Finding:
        text = TEXTS[self.KIND]
        steady = group.count >= 3 and group.most_ns - group.least_ns <= group.most_ns // 10
        waited = span(group.least_ns, group.most_ns)
        sentences = [
            f"{group.who()} acknowledged requests on {group.connections()} from {group.they()} and did not"
            f" answer them; the clients gave up after {waited}"
            + (": always about as long, their own time-out." if steady else ".")
        ]
        if group.tally["late"]:
            sentences.append(f"{part(group.tally['late'], group.count)} got the answer when it was too late.")
        service = service_of(group, knowledge)
        share = group.count / service.connections if service is not None and service.connections else 0.0
        if service is not None and service.connections > group.count:
            sentences.append(f"{service.connections:,} connections went to it in all.")
        sentences.append(text.meaning)
        severity: Severity = "critical" if group.count >= _MANY and share >= _PART else "warning"
        return group.finding(self.KIND, severity, " ".join(sentences), remedy(text, group.socket_filter()))
