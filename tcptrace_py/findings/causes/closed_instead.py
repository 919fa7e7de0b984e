"""``unresponsive-server`` where the server leaves: it closes instead of answering what it was asked."""

from __future__ import annotations

from tcptrace_py.findings.case import Case
from tcptrace_py.findings.cause_texts import CLOSED_INSTEAD, SHUT_AT_ONCE
from tcptrace_py.findings.causes.about import acknowledged, round_trip_ns, service_key, service_of
from tcptrace_py.findings.causes.claim import Claim, Key
from tcptrace_py.findings.finding import LIKELY, POSSIBLE, Evidence, Finding, Severity
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.resets import GOODBYE_BYTES
from tcptrace_py.findings.texts import remedy
from tcptrace_py.findings.wording import duration, part, span
from tcptrace_py.tcp.observations import Reset
from tcptrace_py.wire.segment import HTTP_REQUEST, TLS_HELLO

VARIANT = "closed"
#: A service that answers less of its connections than this may be meant to close without a word.
_ANSWERS = 0.5
#: So many that end within so short a time end for one reason; and so many alike are no accident.
_TOGETHER, _TOGETHER_NS, _SEVERAL = 3, 1_000_000_000, 2
#: Who closes sooner closes because of what the client said: a goodbye, or what it does not understand.
_UPON_NS = 100_000_000
#: Who resets after so long a silence has a time-out.
_PATIENCE_NS = 3_000_000_000
#: The part of a service's connections that it may close so, for all that others ask of it.
_PART = 0.1


_MUTE = (
    "Nobody got an answer from it in this capture: it is a proxy or balancer without a backend, a limit or an"
    " access rule, or a service that does not understand what it is asked (TLS where it speaks none, or none"
    " where it does; another protocol)."
)


def closed_instead(case: Case) -> Claim | None:
    """The server's FIN comes first, after the client's last word; or its RST, long after that."""
    connection, by = case.connection, case.server_by
    client, server = case.endpoint(case.client_by), case.endpoint(by)
    seen = case.seen
    if not connection.established or not connection.syn_frame() or client.rare.holes or server.rare.holes:
        return None
    if seen is not None and (seen.backwards or seen.subflow or seen.alert_by):
        return None
    if connection.first_fin_by == by and (seen is None or not any(seen.resets)):
        closed_ns, frame, what = server.fin_ns, server.fin_frame, "FIN"
    elif seen is not None and _gives_up(case, seen.resets[by - 1]):
        closed_ns, frame, what = seen.resets[by - 1].ns, seen.resets[by - 1].frame, "RST"
    else:
        return None
    if not server.last_data_ns < client.last_data_ns <= closed_ns:
        return None
    if not acknowledged(case, case.client_by) and client.unanswered:
        return None
    talks = server.bytes > 0
    asks = client.begins_with in (TLS_HELLO, HTTP_REQUEST)
    if not talks and not asks and client.bytes <= 2 * GOODBYE_BYTES:
        return None
    waited_ns = closed_ns - client.last_data_ns
    upon = waited_ns < max(3 * round_trip_ns(case), _UPON_NS)
    if talks and upon:
        return None

    def evidence() -> list[Evidence]:
        text = f"the last data from {case.name(case.client_by)}"
        lines = [case.evidence(0, client.last_data_ns, text)]
        text = f"{duration(waited_ns)} later, without an answer: {what} from {case.name(by)}"
        lines.append(case.evidence(frame, closed_ns, text))
        return lines

    return Claim(
        by,
        closed_ns,
        closed_ns,
        # Where they had talked before, the client's last word may want no answer.
        POSSIBLE if talks or upon else LIKELY,
        evidence,
        measure_ns=waited_ns,
        tally={"talks": int(talks), "upon": int(upon), "reset": int(what == "RST")},
        explains=("idle-timeout", "reset-abort", "reset-no-connection") if what == "RST" else (),
        hangs_on=(VARIANT, *service_key(case), talks),
        variant=VARIANT,
    )


def _gives_up(case: Case, reset: Reset | None) -> bool:
    """A RST of the server after a silence, in place of the first answer to what it had acknowledged."""
    if reset is None or reset.went_on or reset.quiet_ns < _PATIENCE_NS or case.connection.first_fin_by:
        return False
    server = case.endpoint(case.server_by)
    return not server.bytes and reset.peer_spoke_last and not reset.peer_outstanding and not server.unanswered


def judge(key: Key, group: Group, knowledge: Knowledge) -> bool:
    service = knowledge.services.entries.get(key[1:5])
    if service is None:
        return False
    if key[5]:
        return group.count >= _TOGETHER and group.last_ns - group.first_ns < _TOGETHER_NS
    if not service.answered:
        # Several clients say something, and nobody ever gets a word.
        steady = group.most_ns - group.least_ns <= group.most_ns // 10
        upon = group.tally["upon"] == group.count
        return group.count >= _TOGETHER and (upon or (steady and group.tally["reset"] == group.count))
    return bool(service.answered >= service.connections * _ANSWERS)


def finding(kind: str, group: Group, knowledge: Knowledge) -> Finding:
    sentences = [
        f"{group.who()} closed {group.connections()} with {group.they()} instead of answering what the client"
        f" had said last, {span(group.least_ns, group.most_ns)} after that."
    ]
    if group.count >= _TOGETHER and group.last_ns - group.first_ns < _TOGETHER_NS:
        sentences.append("All of them within a second: as when the process that holds them ends.")
    if group.tally["reset"] and group.count > 1 and group.most_ns - group.least_ns <= group.most_ns // 10:
        sentences.append(
            "Always after about as long, by RST: a time-out of its own, as proxies and balancers have it"
            " that cannot connect to their backend or get no answer from it."
        )
    if group.tally["talks"]:
        many = part(group.tally["talks"], group.count)
        sentences.append(f"{many} had been answered before; a last word may want no answer.")
    service = service_of(group, knowledge)
    if service is not None and service.connections > group.count:
        sentences.append(f"{service.connections:,} connections went to it in all.")
    mute = service is not None and not service.answered
    sentences.append(_MUTE if mute else CLOSED_INSTEAD.meaning)
    rare = service is not None and group.count < service.connections * _PART
    cheap = group.count < _SEVERAL or (rare and group.tally["upon"] == group.count)
    severity: Severity = "info" if cheap else "warning"
    return group.finding(
        kind, severity, " ".join(sentences), remedy(SHUT_AT_ONCE if mute else CLOSED_INSTEAD, "")
    )
