"""``slow-connect``: connects that took seconds because the first SYN or SYN+ACK was lost."""

from __future__ import annotations

from tcptrace_py.findings.case import Case
from tcptrace_py.findings.causes.about import service_of
from tcptrace_py.findings.causes.claim import Claim, Decided
from tcptrace_py.findings.finding import CERTAIN, Evidence, Finding, Severity
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.texts import TEXTS, remedy
from tcptrace_py.findings.wording import duration, part, span, times
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.codes import REFUSED
from tcptrace_py.tcp.observations import BY_SLOWNESS

#: A connect that took less was not held up by a retransmission, which is due after 1 s (RFC 6298).
_SLOW_NS = 900_000_000
#: So many, and so large a part of the service, are no ordinary loss; nor are so many SYNs lost in a row.
_MANY, _PART = 3, 0.01
_IN_A_ROW = 3
#: So long a closed connection is held: TIME_WAIT for 60 s, in the conntrack of Linux for 120 s.
_HELD_NS = 120_000_000_000


class SlowConnect(Decided):
    """By the service; a SYN sent again and then answered."""

    KIND = "slow-connect"
    TOLD_FROM = BY_SLOWNESS

    def look(self, case: Case, knowledge: Knowledge, settings: Settings) -> Claim | None:
        connection = case.connection
        if not connection.established or connection.simultaneous_open or not connection.syn_frame():
            return None
        client, server = case.endpoint(case.client_by), case.endpoint(case.server_by)
        if (
            client.syns < 2
            or not connection.ack_frame
            or connection.rare.unreachable_frame
            or connection.reset_cause == REFUSED
        ):
            return None
        took_ns = connection.ack_ns - connection.syn_ns()
        if took_ns < _SLOW_NS or connection.last_syn_ns() - connection.syn_ns() < _SLOW_NS // 2:
            return None
        # A SYN+ACK that had passed before the SYN came again was lost behind the vantage point.
        answered = 0 < connection.syn_ack_ns < connection.last_syn_ns()
        before_ns = knowledge.used_before_ns(connection)
        by = case.server_by

        def evidence() -> list[Evidence]:
            text = f"{case.name(case.client_by)} sent SYN to {case.name(by)}"
            if before_ns >= 0:
                text += f", from a port used before, {duration(before_ns)} ago"
            lines = [case.evidence(connection.syn_frame(), connection.syn_ns(), text)]
            ns = connection.last_syn_ns() - connection.syn_ns()
            text = f"{duration(ns)} later: SYN again, number {client.syns}"
            lines.append(case.evidence(connection.last_syn_frame(), connection.last_syn_ns(), text))
            text = f"connected after {duration(took_ns)}"
            lines.append(case.evidence(connection.ack_frame, connection.ack_ns, text))
            return lines

        return Claim(
            by,
            connection.syn_ns(),
            connection.ack_ns,
            CERTAIN,
            evidence,
            measure_ns=took_ns,
            tally={
                "reused": int(0 <= before_ns < _HELD_NS),
                "answered": int(answered),
                "syns": client.syns,
                "in_a_row": int(client.syns > _IN_A_ROW),
                "syn_acks": server.syn_acks,
            },
        )

    def finding(self, group: Group, knowledge: Knowledge, end_ns: int) -> Finding:
        text = TEXTS[self.KIND]
        service = service_of(group, knowledge)
        whole = service.connections if service is not None else 0
        of_all = f" of {times(whole, 'connection')}" if whole > group.count else ""
        sentences = [
            f"Connecting to {_bare(group.who())} took {span(group.least_ns, group.most_ns)} on"
            f" {group.connections()}{of_all} from {group.they()}: the first SYN was not answered, or the"
            " answer did not arrive."
        ]
        reused = group.tally["reused"]
        if reused:
            sentences.append(
                f"{part(reused, group.count)} came from a port that had been used up to two minutes before"
                + (
                    ": something may still hold the old connection (TIME_WAIT at the server, or the state of"
                    " a firewall, NAT or balancer on the way)."
                    if reused * 2 >= group.count
                    else "."
                )
            )
        if group.tally["answered"]:
            sentences.append(
                f"{part(group.tally['answered'], group.count)} had been answered by SYN+ACK before the SYN"
                " came again: the loss is on the way back."
            )
        if group.peers.count() == 1 and group.count > 1 and whole > group.count:
            sentences.append("All from one client address.")
        full = service is not None and service.not_accepted > 0 and group.tally["answered"] * 2 <= group.count
        if full:
            sentences.append("Its accept queue was full in this capture: then Linux drops SYNs too.")
        sentences.append(text.meaning)
        many = group.count >= _MANY and (not whole or group.count >= whole * _PART)
        if group.tally["in_a_row"] and group.count * 2 >= whole > 0:
            # (What is left of a connection by a filter may look so.)
            many |= not knowledge.only_flags()
        severity: Severity = "warning" if many else "info"
        first_step = _QUEUE if full else _first_step(group)
        advice = f"{first_step} {remedy(text, '')}".lstrip()
        return group.finding(self.KIND, severity, " ".join(sentences), advice)


#: Where another finding tells of a full accept queue.
_QUEUE = "Find what keeps the application from calling accept(): see accept-queue-full."


def _first_step(group: Group) -> str:
    """What to do first where most of them show where the time was lost; empty where they do not."""
    if group.tally["answered"] * 2 > group.count:
        return (
            "Look for loss on the way back to the client: SYN+ACKs that passed here did not arrive in time."
        )
    if group.tally["reused"] * 2 > group.count:
        return "Open fewer connections: those from a port used before are the ones that wait."
    return ""


def _bare(who: str) -> str:
    return who[0].lower() + who[1:]
