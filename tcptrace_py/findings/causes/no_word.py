"""``unresponsive-server`` before a word is said: one that speaks first does not, or closes at once.

That a service speaks first is told from its other connections, or from what its port is for.
"""

from __future__ import annotations

from tcptrace_py.findings.case import Case
from tcptrace_py.findings.cause_texts import LOST_ACK, NO_GREETING, SHUT_AT_ONCE
from tcptrace_py.findings.causes.about import service_key, service_of
from tcptrace_py.findings.causes.claim import Claim, Key
from tcptrace_py.findings.finding import LIKELY, POSSIBLE, Evidence, Finding, Severity
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.service import Service
from tcptrace_py.findings.suspicion import MUTE_NS
from tcptrace_py.findings.texts import remedy
from tcptrace_py.findings.wording import duration, part, span, times
from tcptrace_py.tcp.serial import advance

#: It does not greet; it closes instead.
WAITS, SHUTS = "greeting", "shuts"
VARIANTS = (WAITS, SHUTS)
#: The server speaks first there, by IANA's registry and each protocol: FTP (RFC 959), SSH (RFC 4253), SMTP
#: (RFC 5321, RFC 6409), POP3 (RFC 1939), NNTP (RFC 3977), IMAP (RFC 9051), MySQL, RFB (RFC 6143).
GREETERS = frozenset((21, 22, 25, 110, 119, 143, 587, 2525, 3306, 5900))
#: Who turns a connection away does so soon.
_SOON_NS = 1_000_000_000
#: Of a service that greets nobody so many are no accident.
_SEVERAL = 3


def greets(service: Service) -> bool:
    """Does it speak first?"""
    return service.port in GREETERS or (service.greeted * 2 > service.answered)


def no_word(case: Case) -> Claim | None:
    """Of a connection on which no data passed, or what the server greeted with before it closed at once."""
    connection, by = case.connection, case.server_by
    client, server = case.endpoint(case.client_by), case.endpoint(by)
    if not connection.established or not connection.syn_frame() or not connection.ack_frame:
        return None
    if not server.packets or not connection.syn_ack_frame or not client.packets:
        return None
    if connection.simultaneous_open or client.rare.holes or server.rare.holes or client.bytes:
        return None
    if client.has_rcv and client.rcv_nxt != advance(server.isn, 1) and not server.fin_sent:
        # It acknowledges what did not pass here.
        return None
    ends = [end for end in (client.fin_ns, server.fin_ns, connection.rare.reset_ns) if end]
    end_ns = min(ends, default=case.end_ns)
    waited_ns = case.until(connection.ack_ns, end_ns) - connection.ack_ns
    shuts = connection.first_fin_by == by and waited_ns < _SOON_NS
    if server.bytes and not (shuts and server.last_data_ns <= server.fin_ns):
        return None
    if not shuts and waited_ns < MUTE_NS:
        return None
    reset = None if case.seen is None else case.seen.resets[by - 1]
    # What knows the connection would answer with ACK.
    unknown = reset is not None and not reset.has_ack and server.packets <= server.syn_acks + server.rsts
    variant = SHUTS if shuts else WAITS

    def evidence() -> list[Evidence]:
        name, peer = case.name(by), case.name(case.client_by)
        text = f"{peer} acknowledges the SYN+ACK of {name}: for it the connection is open"
        lines = [case.evidence(connection.ack_frame, connection.ack_ns, text)]
        after = duration(waited_ns)
        if shuts:
            said = f"{server.bytes} bytes are all that it said" if server.bytes else "it has not said a word"
            text = f"{after} later: FIN from {name}; {said}"
            lines.append(case.evidence(server.fin_frame, server.fin_ns, text))
            return lines
        frame, what = 0, "still not a word from either side"
        if end_ns == client.fin_ns:
            frame, what = client.fin_frame, f"{peer} closes; not a word from either side"
        elif end_ns == server.fin_ns:
            frame, what = server.fin_frame, f"{name} closes, and has not said a word"
        elif end_ns == connection.rare.reset_ns:
            frame = connection.rare.reset_frame
            what = f"RST from {case.name(connection.reset_by)}; not a word from either side"
        lines.append(case.evidence(frame, connection.ack_ns + waited_ns, f"{after} later: {what}"))
        if unknown and reset is not None:
            text = f"RST without ACK: {name} knows no such connection"
            lines.append(case.evidence(reset.frame, reset.ns, text))
        return lines

    return Claim(
        by,
        connection.ack_ns,
        max(connection.ack_ns + waited_ns, connection.last_ns),
        POSSIBLE if shuts or not ends else LIKELY,
        evidence,
        measure_ns=waited_ns,
        tally={"unknown": int(unknown), "open": int(not ends), "said": int(server.bytes > 0)},
        explains=(
            "idle-timeout",
            "probe",
            "reset-abort",
            "reset-no-connection",
            "reset-after-close",
            "stray-reset",
            "half-close",
        ),
        hangs_on=(variant, *service_key(case), server.bytes > 0),
        variant=variant,
    )


def judge(key: Key, group: Group, knowledge: Knowledge) -> bool:
    service = knowledge.services.entries.get(key[1:5])
    if service is None:
        return False
    if key[5]:
        # Some services say all that they have to say, to everybody (daytime, a banner of a device).
        several = service.shut >= _SEVERAL
        return bool(several and (service.port in GREETERS or service.answered >= 2 * service.shut))
    if key[0] == SHUTS and not service.answered:
        return bool(service.shut >= _SEVERAL)
    return greets(service)


def finding(kind: str, group: Group, knowledge: Knowledge) -> Finding:
    service = service_of(group, knowledge)
    greeted = 0 if service is None else service.greeted
    if group.variant == SHUTS:
        first = (
            f"{group.who()} closed {group.connections()} with {group.they()} as soon as they were open"
            f" ({span(group.least_ns, group.most_ns)}), before the client had said a word."
        )
        sentences = [first]
        if group.tally["said"]:
            many = part(group.tally["said"], group.count)
            sentences.append(
                f"To {many[0].lower()}{many[1:]} it said why, as it seems: its first words were its last."
            )
            greeted -= group.tally["said"]
        if greeted > 0:
            sentences.append(f"It greeted {times(greeted, 'other connection')}.")
        elif service is not None and not service.answered:
            sentences.append("Nobody got a word from it in this capture.")
        # A client that has nothing to say either (a check) has lost nothing.
        waited = greeted > 0 or group.tally["said"] or (service is not None and greets(service))
        severity: Severity = "warning" if waited and group.count >= _SEVERAL else "info"
        text = SHUT_AT_ONCE
    else:
        first = (
            f"{group.who()} did not say a word on {group.connections()} that {group.they()} had opened,"
            " though"
            f" it is the server that speaks first there: silence for {span(group.least_ns, group.most_ns)}."
        )
        sentences = [first]
        if group.tally["open"]:
            sentences.append(f"{part(group.tally['open'], group.count)} still waited when the capture ended.")
        sentences.append(
            f"It greeted {times(greeted, 'other connection')}."
            if greeted
            else "It greeted nobody in this capture."
        )
        severity = "warning"
        text = NO_GREETING
        if group.tally["unknown"] * 2 > group.count:
            text = LOST_ACK
            many = part(group.tally["unknown"], group.count)
            sentences.append(f"{many} ended when the server answered the client's next segment with RST.")
    sentences.append(text.meaning)
    advice = remedy(text, group.socket_filter())
    if group.variant == SHUTS and group.tally["said"]:
        advice = f"Read what it said (Wireshark: Follow TCP Stream): it names the reason. {advice}"
    return group.finding(kind, severity, " ".join(sentences), advice)
