"""``accept-queue-full``: the handshake is complete for the client, and the server does not take it up."""

from __future__ import annotations

from tcptrace_py.findings.case import Case
from tcptrace_py.findings.causes.about import service_key, service_of
from tcptrace_py.findings.causes.claim import Claim, Key
from tcptrace_py.findings.finding import LIKELY, POSSIBLE, Evidence, Finding
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.service import Service
from tcptrace_py.findings.texts import TEXTS, remedy
from tcptrace_py.findings.wording import duration, part, times
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.observations import BY_SILENCE, BY_SYN_ACK
from tcptrace_py.tcp.serial import distance

#: SYN+ACKs after the ACK that are no accident: one may be TCP_DEFER_ACCEPT's, or an ACK that was lost.
_AGAIN = 2
#: A SYN+ACK that takes so long comes from afar; the other end is near where it is so many times nearer.
_FAR_NS, _NEARER = 1_000_000, 4
_EXPLAINS = (
    "half-open-handshake",
    "dead-peer",
    "idle-timeout",
    "keep-alive-race",
    "path-state-lost",
    "unresponsive-server",
    "reset-no-connection",
    "reset-abort",
    "reset-after-close",
    "stray-reset",
    "slow-connect",
    "unacknowledged-fin",
    "mtu-black-hole",
    "time-wait-assassination",
)


_ON_THE_WAY = (
    "But this was captured near the clients, and the service served nobody: a firewall on the way that saw no"
    " SYN+ACK (it went back by another route), or calls the ACK invalid, drops what follows the SYN just so."
)
_CAPTURE_THERE = (
    "Capture at the server: do the ACKs arrive there? If they do, its accept queue is full: find what keeps"
    " the application from calling accept(). `ss -ltn` shows the queue (Recv-Q above Send-Q), and `nstat -az"
    " TcpExtListenOverflows` counts what was dropped. If they do not, look at the firewalls and routes on the"
    " way: both directions must pass the same firewall."
)


def _near_client(case: Case) -> bool:
    """Captured so much nearer to the client that what passed may not have reached the server."""
    connection = case.connection
    if not connection.syn_frame() or case.endpoint(case.client_by).syns != 1:
        return False
    to_server_ns = connection.syn_ack_ns - connection.syn_ns()
    return to_server_ns >= _FAR_NS and (connection.ack_ns - connection.syn_ack_ns) * _NEARER < to_server_ns


class AcceptQueueFull:
    """By the server. Some of its victims draw no SYN+ACK again: those are told by the others' fate."""

    KIND = "accept-queue-full"
    TOLD_FROM = BY_SYN_ACK | BY_SILENCE

    def look(self, case: Case, knowledge: Knowledge, settings: Settings) -> Claim | None:
        connection = case.connection
        if connection.simultaneous_open or not connection.syn_ack_frame or not connection.ack_frame:
            return None
        client, server = case.endpoint(case.client_by), case.endpoint(case.server_by)
        seen = case.seen
        if seen is not None and seen.joins:
            # A subflow of Multipath TCP joins a connection that was accepted long ago.
            return None
        again = 0 if seen is None else seen.late_syn_acks
        with_data = 0 if seen is None else seen.late_syn_acks_with_data
        took_data = client.has_una and distance(client.snd_una, client.isn) > 1
        accepted = bool(server.bytes or took_data)
        if accepted and again < _AGAIN:
            # One that crosses the client's data answers an ACK that was lost.
            return None
        # TCP_DEFER_ACCEPT waits for data: then no connection of the service is taken without.
        deferred = accepted and with_data < _AGAIN
        in_vain = client.unanswered > 0 or (with_data > 0 and not accepted)
        by = case.server_by
        # Picked up later, it may be the answer to another SYN.
        sure = LIKELY if connection.syn_frame() else POSSIBLE
        if again >= _AGAIN:
            service = None if deferred else knowledge.make(service_key(case))
            if service is not None:
                service.not_accepted += 1
            assert seen is not None  # it counted them

            def evidence() -> list[Evidence]:
                text = f"{case.name(case.client_by)} acknowledges the SYN+ACK: for it the connection is open"
                lines = [case.evidence(connection.ack_frame, connection.ack_ns, text)]
                ns = seen.late_syn_ack_ns - connection.ack_ns
                text = (
                    f"{duration(ns)} later: {case.name(by)} sends its SYN+ACK again, the last of"
                    f" {times(again, 'time')} after that ACK"
                )
                lines.append(case.evidence(seen.late_syn_ack_frame, seen.late_syn_ack_ns, text))
                if client.unanswered:
                    text = (
                        f"{times(client.unanswered, 'retransmission')} of the client's data without an answer"
                    )
                    lines.append(case.evidence(client.last_frame, client.last_ns, text))
                return lines

            return Claim(
                by,
                connection.ack_ns,
                max(seen.late_syn_ack_ns, client.last_ns),
                sure,
                evidence,
                measure_ns=max(seen.late_syn_ack_ns, client.last_ns) - connection.ack_ns,
                tally={
                    "syn_acks": again,
                    "later": int(accepted),
                    "data": int(in_vain),
                    "near": int(_near_client(case)),
                    # Then it is told only of a service that takes others up without data.
                    "undeferred": int(deferred),
                },
                explains=_EXPLAINS,
                hangs_on=("mute", *service_key(case)) if deferred else None,
            )
        # No sign of the server's since its SYN+ACK, though the client's data passed again and again.
        if not client.unanswered or not client.last_data_ns or server.packets > server.syn_acks + server.rsts:
            return None

        def silent() -> list[Evidence]:
            text = f"{case.name(case.client_by)} acknowledges the SYN+ACK: for it the connection is open"
            lines = [case.evidence(connection.ack_frame, connection.ack_ns, text)]
            text = (
                f"{times(client.unanswered, 'retransmission')} of its data by now, none answered, while the"
                f" service leaves others waiting too"
            )
            lines.append(case.evidence(client.last_frame, client.last_ns, text))
            return lines

        return Claim(
            by,
            connection.ack_ns,
            client.last_ns,
            sure,
            silent,
            measure_ns=client.last_ns - connection.ack_ns,
            tally={"data": 1, "near": int(_near_client(case))},
            explains=_EXPLAINS,
            hangs_on=("service", *service_key(case)),
        )

    def judge(self, key: Key, facts: tuple[object, ...], group: Group, knowledge: Knowledge) -> bool:
        service: Service | None = knowledge.services.entries.get(key[1:])
        if service is None:
            return False
        return service.accepted_mute > 0 if key[0] == "mute" else service.not_accepted > 0

    def finding(self, group: Group, knowledge: Knowledge, end_ns: int) -> Finding:
        text = TEXTS[self.KIND]
        tally = group.tally
        sentences = [
            f"{group.who()} did not take up {group.connections()} that {group.they()} had opened: its accept"
            " queue is full, or so it looks."
        ]
        if tally["syn_acks"]:
            sentences.append(
                f"It sent its SYN+ACK again {times(tally['syn_acks'], 'time')} although the ACK had passed."
            )
        if tally["data"]:
            sentences.append(f"{part(tally['data'], group.count)} had sent data, which was not acknowledged.")
        if tally["later"]:
            sentences.append(f"{part(tally['later'], group.count)} was taken up in the end.")
        service = service_of(group, knowledge)
        if tally["near"] * 2 > group.count and service is not None and not service.answered:
            # The ACKs passed near the client, and nobody shows that any reached the server.
            finding = group.finding(self.KIND, "warning", " ".join([*sentences, _ON_THE_WAY]), _CAPTURE_THERE)
            finding.confidence = "possible"
            return finding
        alone = group.count < 2 and not tally["data"] and not tally["undeferred"]
        if alone:
            sentences.append("A server that waits for data (TCP_DEFER_ACCEPT) does so too.")
        sentences.append(text.meaning)
        sure = group.confidence() != "possible"
        return group.finding(
            self.KIND,
            "info" if alone else "critical" if group.count >= 2 and sure else "warning",
            " ".join(sentences),
            remedy(text, group.socket_filter()),
        )
