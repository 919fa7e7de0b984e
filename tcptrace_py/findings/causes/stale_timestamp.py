"""``stale-timestamp``: SYNs dropped because their timestamp is lower than the last one of that address."""

from __future__ import annotations

from typing import cast

from tcptrace_py.findings.case import Case
from tcptrace_py.findings.case import evidence as evidence_line
from tcptrace_py.findings.causes.claim import Claim, Key
from tcptrace_py.findings.finding import LIKELY, Evidence, Finding, Severity
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.texts import TEXTS, remedy
from tcptrace_py.findings.wording import duration, socket_name, times
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.attempt import Attempt
from tcptrace_py.tcp.codes import UNANSWERED
from tcptrace_py.tcp.observations import BY_ATTEMPT
from tcptrace_py.tcp.serial import distance

#: For so long a server may remember an address's timestamp (Linux TCP_PAWS_MSL 60 s, and room for more).
_REMEMBERED_NS = 120_000_000_000
#: Fewer may be a coincidence.
_MANY = 3


class StaleTimestamp:
    """By the server that drops them."""

    KIND = "stale-timestamp"
    TOLD_FROM = BY_ATTEMPT
    EXPLAINS = ("connection-timeout", "slow-connect")

    def look(self, case: Case, knowledge: Knowledge, settings: Settings) -> Claim | None:
        connection = case.connection
        client, server = case.endpoint(case.client_by), case.endpoint(case.server_by)
        if not client.has_syn_ts or connection.handshake != UNANSWERED:
            return None
        by = case.server_by

        def evidence() -> list[Evidence]:
            text = _text(case.name(case.client_by), client.syn_ts_val, client.syns)
            return [case.evidence(connection.syn_frame(), connection.syn_ns(), text)]

        return Claim(
            by,
            connection.syn_ns(),
            connection.last_syn_ns(),
            LIKELY,
            evidence,
            measure_ns=connection.last_syn_ns() - connection.syn_ns(),
            explains=self.EXPLAINS,
            hangs_on=(
                client.address_hi,
                client.address_lo,
                server.address_hi,
                server.address_lo,
                server.port,
                connection.syn_ns(),
                client.syn_ts_val,
            ),
            facts=(connection.syn_ns(), client.syn_ts_val),
        )

    def key_of(self, attempt: Attempt) -> tuple[Key, tuple[object, ...]]:
        """What the claim of a SYN that nothing followed hangs on, and its facts; it has a timestamp."""
        pair = (attempt.src_hi, attempt.src_lo, attempt.dst_hi, attempt.dst_lo, attempt.dst_port)
        facts = (attempt.ts_ns, attempt.ts_val)
        return (*pair, *facts), facts

    def evidence_of(self, attempt: Attempt) -> list[Evidence]:
        """What ``look`` claims of the connection that it began."""
        client = socket_name(attempt.ip_version, attempt.src_hi, attempt.src_lo, attempt.src_port)
        text = _text(client, attempt.ts_val, 1)
        return [evidence_line(attempt.id, attempt.frame, attempt.ts_ns, text)]

    def judge(self, key: Key, facts: tuple[object, ...], group: Group, knowledge: Knowledge) -> bool:
        return self.is_lower(key, facts, knowledge)

    def is_lower(self, key: Key, facts: tuple[object, ...], knowledge: Knowledge) -> bool:
        """Answered SYNs of the pair before it, with higher timestamps, and after it or others like it."""
        pair = knowledge.pair(*cast("tuple[int, int, int, int, int]", key[:5]))
        if pair is None:
            return False
        ns, value = cast("int", facts[0]), cast("int", facts[1])
        near = sorted(each for each in pair.stamps.entries.values() if abs(each[0] - ns) <= _REMEMBERED_NS)
        if any(distance(later[1], earlier[1]) < 0 for earlier, later in zip(near, near[1:], strict=False)):
            # A lower one was answered after a higher one.
            return False
        before = [each for each in near if each[0] < ns]
        if not before or distance(before[-1][1], value) <= 0:
            return False
        # The service went on answering higher ones: after this one, or after another like it.
        unanswered = pair.unanswered.entries.values()
        lower = [ns, *(each[0] for each in unanswered if distance(before[-1][1], each[1]) > 0)]
        return any(before[0][0] < each < near[-1][0] for each in lower)

    def finding(self, group: Group, knowledge: Knowledge, end_ns: int) -> Finding:
        text = TEXTS[self.KIND]
        few = group.count < _MANY
        explanation = (
            f"{group.who()} did not answer {group.connections()} from {group.they()} whose SYN has a lower"
            " timestamp than one of the same address before it, and answered those in between that have"
            f" higher ones. Each was tried for up to {duration(group.most_ns)}. {text.meaning}"
        )
        severity: Severity = "warning"
        finding = group.finding(self.KIND, severity, explanation, remedy(text, ""))
        if few:
            finding.confidence = "possible"
        return finding


def _text(client: str, ts_val: int, syns: int) -> str:
    return (
        f"{client} sent SYN with timestamp {ts_val:,}, lower than one of the same address that was answered"
        f" before: no answer to {times(syns, 'SYN')}"
    )
