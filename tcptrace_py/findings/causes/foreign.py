"""``foreign-reply``: the answer comes from another address or port than was asked."""

from __future__ import annotations

from typing import cast

from tcptrace_py.findings.case import Case
from tcptrace_py.findings.causes.about import client_key
from tcptrace_py.findings.causes.claim import Claim, Key
from tcptrace_py.findings.finding import CERTAIN, LIKELY, Evidence, Finding
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.service import ServiceKey
from tcptrace_py.findings.texts import TEXTS, remedy
from tcptrace_py.findings.uses import Use, use_of
from tcptrace_py.findings.wording import socket_name
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.observations import BY_LONE_RESET
from tcptrace_py.tcp.serial import advance, distance

_EXPLAINS = (
    "connection-timeout",
    "reset-no-connection",
    "reset-abort",
    "reset-after-close",
    "stray-reset",
    "stale-syn",
    "half-open-handshake",
    "dead-peer",
    "keep-alive-race",
    "time-wait-assassination",
)
#: A reply so long after the connection that it fits is another matter.
_LATER_NS = 120_000_000_000


class ForeignReply:
    """By the endpoint that the reply came from; and by the service that was asked, whose clients wait.

    Told by the numbers: what comes unasked from one address has those of the client's connection, on
    the same port, to another.
    """

    KIND = "foreign-reply"
    TOLD_FROM = BY_LONE_RESET

    def look(self, case: Case, knowledge: Knowledge, settings: Settings) -> Claim | None:
        connection = case.connection
        if connection.syn_frame():
            return self._asked(case)
        if connection.established and connection.a.bytes + connection.b.bytes > 0 and connection.ack_frame:
            return None
        return self._unasked(case)

    def _asked(self, case: Case) -> Claim | None:
        """A connection that its server no longer knew: what the client refused may have ended it."""
        connection = case.connection
        client = case.endpoint(case.client_by)
        reset = None if case.seen is None else case.seen.resets[case.server_by - 1]
        if reset is None or reset.has_ack or not connection.established:
            return None
        by = case.server_by

        def evidence() -> list[Evidence]:
            text = f"{case.name(case.client_by)} sent SYN to {case.name(by)}"
            lines = [case.evidence(connection.syn_frame(), connection.syn_ns(), text)]
            text = f"{case.name(by)} no longer knows the connection: the client's RST had ended it"
            lines.append(case.evidence(reset.frame, reset.ns, text))
            return lines

        return Claim(
            by,
            connection.syn_ns(),
            reset.ns,
            CERTAIN,
            evidence,
            explains=_EXPLAINS,
            hangs_on=("asked", *client_key(case), connection.syn_ns(), client.isn),
            facts=(use_of(connection, client, case.endpoint(by)), connection.last_ns),
            variant="asked",
        )

    def _unasked(self, case: Case) -> Claim | None:
        """What comes without a SYN, is a RST itself, or draws one and nothing more."""
        connection = case.connection
        seen = case.seen
        if seen is None or not (seen.resets[0] or seen.resets[1]):
            return None
        if connection.a.packets + connection.b.packets > 64:
            return None
        b = connection.b
        version = connection.ip_version
        # Who speaks first is who replies; the other one refuses, if anybody does.
        by, to = 1, 2
        if not case.endpoint(by).packets or (b.packets and not b.rsts):
            return None
        replier, client = case.endpoint(by), case.endpoint(to)
        lone = seen.resets[by - 1]
        if lone is None and not replier.has_snd:
            return None
        if lone is not None and replier.packets == replier.rsts:
            seq, acked = lone.seq, (lone.ack if lone.has_ack else None)
        else:
            seq = advance(replier.snd_nxt, -replier.bytes)
            if replier.has_isn:
                seq = replier.isn
            acked = replier.rcv_nxt if replier.has_rcv else None
        reset = seen.resets[to - 1]

        def evidence() -> list[Evidence]:
            what = "RST" if lone is not None and replier.packets == replier.rsts else "a reply"
            if connection.syn_ack_frame:
                what = "SYN+ACK"
            text = f"{case.name(by)} sends {what} to {case.name(to)}, which had not asked it"
            lines = [case.evidence(connection.first_frame, connection.first_ns, text)]
            if reset is not None:
                text = f"{case.name(to)} refuses it with RST"
                lines.append(case.evidence(reset.frame, reset.ns, text))
            return lines

        return Claim(
            by,
            connection.first_ns,
            connection.last_ns,
            CERTAIN if acked is not None else LIKELY,
            evidence,
            explains=_EXPLAINS,
            hangs_on=(
                "unasked",
                *(version, client.address_hi, client.address_lo, client.port),
                *(replier.address_hi, replier.address_lo, replier.port, connection.first_ns),
            ),
            facts=(
                (version, client.address_hi, client.address_lo, client.port),
                (version, replier.address_hi, replier.address_lo, replier.port),
                seq,
                acked,
                connection.first_ns,
            ),
            tally={"refused": int(reset is not None)},
        )

    def judge(self, key: Key, facts: tuple[object, ...], group: Group, knowledge: Knowledge) -> bool:
        if key[0] == "unasked":
            client, replier, seq, acked, ns = facts
            partner = self._partner(
                knowledge,
                cast("ServiceKey", client),
                cast("ServiceKey", replier),
                cast("int", seq),
                cast("int | None", acked),
                cast("int", ns),
            )
            if partner is None:
                return False
            group.tally[f"to {socket_name(*partner.server)}"] += 1
            # The attempt that waits for this reply in vain is part of it.
            group.add_id(partner.id)
            return True
        asked, last_ns = cast("Use", facts[0]), cast("int", facts[1])
        for use in knowledge.uses(cast("ServiceKey", key[1:5])):
            if use.server == asked.server or use.begun_by_syn or not asked.first_ns <= use.first_ns:
                continue
            acked = use.acked if use.has_acked else None
            if use.first_ns <= last_ns + _LATER_NS and _fits(asked, use.server_first, acked):
                return True
        return False

    def _partner(
        self,
        knowledge: Knowledge,
        client: ServiceKey,
        replier: ServiceKey,
        seq: int,
        acked: int | None,
        ns: int,
    ) -> Use | None:
        """The connection that an unasked reply belongs to."""
        for use in knowledge.uses(client):
            if use.server == replier or not use.begun_by_syn:
                continue
            if use.first_ns <= ns <= use.last_ns + _LATER_NS and _fits(use, seq, acked):
                return use
        return None

    def finding(self, group: Group, knowledge: Knowledge, end_ns: int) -> Finding:
        text = TEXTS[self.KIND]
        if group.variant == "asked":
            explanation = (
                f"{group.who()} was asked by {group.they()} on {group.connections()}, and another address"
                f" answered: that finding names it. {text.meaning}"
            )
            return group.finding(self.KIND, "info", explanation, remedy(text, ""))
        asked = ", ".join(sorted(what[3:] for what in group.tally if what.startswith("to "))[:3])
        sentences = [
            f"{group.who()} sent replies that {group.they()} had not asked it for, on {group.connections()}:"
            f" their numbers are those of connections from the same ports to {asked}."
        ]
        if group.tally["refused"]:
            sentences.append("They were refused with RST.")
        sentences.append(text.meaning)
        return group.finding(self.KIND, "warning", " ".join(sentences), remedy(text, ""))


def _fits(use: Use, seq: int | None, acked: int | None) -> bool:
    """Numbers of a lone segment are those of a connection: what it acknowledges, and where it goes on."""
    if acked is not None and use.has_isn:
        behind = distance(acked, use.isn)
        if not 0 < behind <= max(distance(use.client_nxt, use.isn), 1):
            return False
        if not use.has_server:
            return behind == 1
    elif not use.has_server:
        return False
    if seq is None:
        return acked is not None
    ahead = distance(seq, use.server_first)
    return 0 <= ahead <= distance(use.server_nxt, use.server_first) + (1 << 16)
