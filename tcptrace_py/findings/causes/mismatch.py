"""``protocol-mismatch``: one side speaks TLS and the other does not, as the first bytes of both show.

Where the server only closes, what it speaks with others decides.
"""

from __future__ import annotations

from tcptrace_py.findings.case import Case
from tcptrace_py.findings.cause_texts import SPEAKS_IN_CLEAR, SPEAKS_TLS
from tcptrace_py.findings.causes.about import round_trip_ns, service_key, service_of
from tcptrace_py.findings.causes.claim import Claim, Key
from tcptrace_py.findings.finding import CERTAIN, LIKELY, Evidence, Finding, Severity
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.texts import remedy
from tcptrace_py.findings.wording import part, times
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.observations import BY_WORDS
from tcptrace_py.wire.inside import is_inside
from tcptrace_py.wire.segment import (
    HTTP_400,
    HTTP_REQUEST,
    HTTP_RESPONSE,
    OTHER_BYTES,
    TLS_HELLO,
    TLS_RECORD,
)

#: What the client speaks.
TLS, CLEAR = "tls", "clear"
#: Who does not understand a word closes so soon, or not at all.
_UPON_NS = 1_000_000_000
#: Ports that are served over TLS only, by IANA's registry.
_TLS_PORTS = frozenset((443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 5061, 5671, 8883))
#: One that tries so often is no scanner of the Internet, which tries each port once or twice.
_OFTEN = 3
_EXPLAINS = (
    "tls-alert",
    "reset-abort",
    "reset-after-close",
    "reset-no-connection",
    "time-wait-assassination",
    "unresponsive-server",
    "keep-alive-race",
    "idle-timeout",
    "stopped-stream",
    "half-close",
)


class ProtocolMismatch:
    """By the client: it is what it says that its server does not understand."""

    KIND = "protocol-mismatch"
    TOLD_FROM = BY_WORDS

    def look(self, case: Case, knowledge: Knowledge, settings: Settings) -> Claim | None:
        connection, by = case.connection, case.client_by
        client, server = case.endpoint(by), case.endpoint(case.server_by)
        if not connection.established or not connection.syn_frame():
            return None
        says = TLS if client.begins_with == TLS_HELLO else CLEAR
        answers = server.begins_with
        if says == CLEAR and client.begins_with != HTTP_REQUEST:
            return None
        shown = answers == TLS_RECORD if says == CLEAR else bool(answers)
        if client.rare.holes or server.rare.holes or client.rare.gaps or server.rare.gaps:
            # What they said besides was not captured.
            return None
        if not answers:
            if server.bytes or client.unanswered or not _left(case):
                return None
        elif client.turns > 1 + (case.seen is not None and case.seen.alert_by == by):
            # It goes on: so it has understood.
            return None
        if answers == OTHER_BYTES and not _gives_up(case):
            return None
        answered = _ANSWERS[answers]

        def evidence() -> list[Evidence]:
            what = "a TLS ClientHello" if says == TLS else "an HTTP request in clear"
            name, peer = case.name(by), case.name(case.server_by)
            text = f"{name} connects, and sends {what}"
            lines = [case.evidence(connection.ack_frame, connection.ack_ns, text)]
            if answers and case.seen is not None and case.seen.answer_frame:
                text = f"{peer} answers with {answered}"
                if server.spoke_first:
                    text = f"that: {peer} had begun with {answered}"
                lines.append(case.evidence(case.seen.answer_frame, case.seen.answer_ns, text))
            elif connection.reset_by == case.server_by:
                ns, frame = connection.rare.reset_ns, connection.rare.reset_frame
                lines.append(case.evidence(frame, ns, f"{peer} answers with RST"))
            elif server.fin_sent:
                lines.append(case.evidence(server.fin_frame, server.fin_ns, f"{peer} closes without a word"))
            else:
                text = f"{name} leaves without an answer"
                lines.append(case.evidence(client.fin_frame, client.last_ns, text))
            return lines

        return Claim(
            by,
            connection.ack_ns,
            connection.last_ns,
            CERTAIN if shown and answers != OTHER_BYTES else LIKELY,
            evidence,
            tally={
                answered: 1,
                "inside": int(is_inside(client.address_hi, client.address_lo, connection.ip_version)),
            },
            explains=_EXPLAINS,
            hangs_on=None if shown else (says, *service_key(case)),
            variant=says,
        )

    def judge(self, key: Key, facts: tuple[object, ...], group: Group, knowledge: Knowledge) -> bool:
        """What the service speaks with others, or what its port is for."""
        service = knowledge.services.entries.get(key[1:])
        if service is None:
            return False
        if key[0] == TLS:
            return bool(service.plain and not service.tls)
        return not service.plain and bool(service.tls or service.port in _TLS_PORTS)

    def finding(self, group: Group, knowledge: Knowledge, end_ns: int) -> Finding:
        tls = group.variant == TLS
        text = SPEAKS_TLS if tls else SPEAKS_IN_CLEAR
        what = "TLS" if tls else "plain HTTP"
        sentences = [
            f"{group.who()} spoke {what} on {group.connections()} to {group.they()}, which does not."
        ]
        for answered in dict.fromkeys(_ANSWERS.values()):
            if group.tally[answered]:
                sentences.append(f"{part(group.tally[answered], group.count)} got {answered}.")
        service = service_of(group, knowledge)
        others = 0 if service is None else service.plain - group.count if tls else service.tls
        if service is not None and not tls and service.tls:
            sentences.append(f"{times(service.tls, 'other connection')} to it spoke TLS.")
        elif others > 0:
            sentences.append(f"{times(others, 'other connection')} to it did without TLS.")
        sentences.append(text.meaning)
        severity: Severity = "warning" if _matters(group) else "info"
        return group.finding(self.KIND, severity, " ".join(sentences), remedy(text, ""))


#: What the server says, by how it begins.
_ANSWERS = {
    0: "no answer, but a close",
    TLS_HELLO: "TLS",
    TLS_RECORD: "TLS (an alert, nearly always)",
    HTTP_REQUEST: "HTTP in clear",
    HTTP_RESPONSE: "HTTP in clear",
    HTTP_400: "HTTP 400 in clear",
    OTHER_BYTES: "bytes that are no TLS",
}


def _left(case: Case) -> bool:
    """The server closed or reset at once upon the first words, or the client left without an answer."""
    connection = case.connection
    client, server = case.endpoint(case.client_by), case.endpoint(case.server_by)
    if connection.reset_by == case.server_by:
        return bool(connection.rare.reset_ns - client.last_data_ns < _UPON_NS)
    if server.fin_sent and connection.first_fin_by == case.server_by:
        return bool(server.fin_ns - client.last_data_ns < _UPON_NS)
    return bool(client.fin_sent or connection.reset_by == case.client_by)


def _gives_up(case: Case) -> bool:
    """The client leaves as soon as it has read an answer of which only so much is known that it is no TLS."""
    connection = case.connection
    client, server = case.endpoint(case.client_by), case.endpoint(case.server_by)
    ends = [ns for ns in (client.fin_ns, connection.rare.reset_ns) if ns]
    return bool(ends) and min(ends) - server.last_data_ns < max(_UPON_NS, 3 * round_trip_ns(case))


def _matters(group: Group) -> bool:
    tries = max(group.targets.count(), 1) if group.about_peer else 1
    return bool(group.tally["inside"]) or group.count >= _OFTEN * tries
