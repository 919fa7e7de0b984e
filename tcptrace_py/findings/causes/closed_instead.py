"""``unresponsive-server`` where the server leaves: it closes instead of answering what it was asked."""

from __future__ import annotations

from tcptrace_py.findings.case import Case
from tcptrace_py.findings.cause_texts import CLOSED_INSTEAD
from tcptrace_py.findings.causes.about import acknowledged, round_trip_ns, service_key, service_of
from tcptrace_py.findings.causes.claim import Claim, Key
from tcptrace_py.findings.finding import LIKELY, POSSIBLE, Evidence, Finding, Severity
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.resets import GOODBYE_BYTES
from tcptrace_py.findings.texts import remedy
from tcptrace_py.findings.wording import duration, part, span

VARIANT = "closed"
#: A service that answers less of its connections than this may be meant to close without a word.
_ANSWERS = 0.5
#: So many that end within so short a time end for one reason; and so many alike are no accident.
_TOGETHER, _TOGETHER_NS, _SEVERAL = 3, 1_000_000_000, 2
#: Who closes sooner closes because of what the client said: a goodbye, or what it does not understand.
_UPON_NS = 100_000_000
#: The part of a service's connections that it may close so, for all that others ask of it.
_PART = 0.1


def closed_instead(case: Case) -> Claim | None:
    """The server's FIN comes first, after the client's last word, and acknowledges it."""
    connection, by = case.connection, case.server_by
    client, server = case.endpoint(case.client_by), case.endpoint(by)
    if connection.first_fin_by != by or not connection.established or not connection.syn_frame():
        return None
    if client.rare.holes or server.rare.holes:
        return None
    if not server.last_data_ns < client.last_data_ns <= server.fin_ns:
        return None
    seen = case.seen
    if seen is not None and (seen.backwards or seen.subflow or seen.alert_by or any(seen.resets)):
        return None
    if not acknowledged(case, case.client_by) and client.unanswered:
        return None
    talks = server.bytes > 0
    if not talks and client.bytes <= 2 * GOODBYE_BYTES:
        return None
    waited_ns = server.fin_ns - client.last_data_ns
    upon = waited_ns < max(3 * round_trip_ns(case), _UPON_NS)
    if talks and upon:
        return None

    def evidence() -> list[Evidence]:
        text = f"the last data from {case.name(case.client_by)}"
        lines = [case.evidence(0, client.last_data_ns, text)]
        text = f"{duration(waited_ns)} later, without an answer: FIN from {case.name(by)}"
        lines.append(case.evidence(server.fin_frame, server.fin_ns, text))
        return lines

    return Claim(
        by,
        server.fin_ns,
        server.fin_ns,
        # Where they had talked before, the client's last word may want no answer.
        POSSIBLE if talks or upon else LIKELY,
        evidence,
        measure_ns=waited_ns,
        tally={"talks": int(talks), "upon": int(upon)},
        hangs_on=(VARIANT, *service_key(case), talks),
        variant=VARIANT,
    )


def judge(key: Key, group: Group, knowledge: Knowledge) -> bool:
    service = knowledge.services.entries.get(key[1:5])
    if service is None:
        return False
    if key[5]:
        return group.count >= _TOGETHER and group.last_ns - group.first_ns < _TOGETHER_NS
    return bool(service.answered >= service.connections * _ANSWERS)


def finding(kind: str, group: Group, knowledge: Knowledge) -> Finding:
    sentences = [
        f"{group.who()} closed {group.connections()} with {group.they()} instead of answering what the client"
        f" had said last, {span(group.least_ns, group.most_ns)} after that."
    ]
    if group.count >= _TOGETHER and group.last_ns - group.first_ns < _TOGETHER_NS:
        sentences.append("All of them within a second: as when the process that holds them ends.")
    if group.tally["talks"]:
        many = part(group.tally["talks"], group.count)
        sentences.append(f"{many} had been answered before; a last word may want no answer.")
    service = service_of(group, knowledge)
    if service is not None and service.connections > group.count:
        sentences.append(f"{service.connections:,} connections went to it in all.")
    sentences.append(CLOSED_INSTEAD.meaning)
    rare = service is not None and group.count < service.connections * _PART
    cheap = group.count < _SEVERAL or (rare and group.tally["upon"] == group.count)
    severity: Severity = "info" if cheap else "warning"
    return group.finding(kind, severity, " ".join(sentences), remedy(CLOSED_INSTEAD, ""))
