"""``probe``: scanners, health checks that never speak, traceroutes."""

from __future__ import annotations

from tcptrace_py.findings.case import Case
from tcptrace_py.findings.causes.claim import Claim, Decided
from tcptrace_py.findings.finding import CERTAIN, LIKELY, Evidence, Finding
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.texts import TEXTS, remedy
from tcptrace_py.findings.wording import duration, times
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.observations import BY_ATTEMPT, BY_MUTE_RESET

#: Systems send with a TTL of 64 at least, and hardly a path has more than 30 hops.
LOW_TTL = 30
#: A check that says nothing is over so soon.
_MUTE_NS = 5_000_000_000

#: What its attempts would be called by themselves.
EXPLAINS = frozenset(
    (
        "stale-syn",
        "connection-timeout",
        "connection-refused",
        "connection-unreachable",
        "foreign-reply",
        "stale-timestamp",
    )
)

SAYS = {
    "traceroute": "sent SYNs whose TTL is too low to arrive, as a TCP traceroute does",
    "hand-made": "sent SYNs that no kernel makes, numbered 0 each time",
    "mute": "connected and broke off without a word, as a health check or a scanner does",
}


class Probe(Decided):
    """By the client. Information: nobody was served, and nobody meant to be."""

    KIND = "probe"
    TOLD_FROM = BY_ATTEMPT | BY_MUTE_RESET

    def look(self, case: Case, knowledge: Knowledge, settings: Settings) -> Claim | None:
        connection = case.connection
        client, server = case.endpoint(case.client_by), case.endpoint(case.server_by)
        if client.bytes or server.bytes or not connection.syn_frame():
            return None
        by = case.client_by
        seen = case.seen
        if client.syns and 0 < client.ttl < LOW_TTL and not connection.established:
            low = client.ttl if seen is None or not seen.ttl_low else seen.ttl_low

            def traced() -> list[Evidence]:
                text = f"{case.name(by)} sent SYN to {case.name(case.server_by)} with TTL {low}"
                return [case.evidence(connection.syn_frame(), connection.syn_ns(), text)]

            return Claim(
                by,
                connection.syn_ns(),
                connection.last_syn_ns(),
                CERTAIN if seen is not None and seen.ttl_rises else LIKELY,
                traced,
                explains=EXPLAINS,
                tally={"syns": client.syns},
                variant="traceroute",
            )
        if client.syns and client.has_isn and client.isn == 0 and not connection.established:

            def made() -> list[Evidence]:
                text = f"{case.name(by)} sent SYN number 0 to {case.name(case.server_by)}: made by hand"
                return [case.evidence(connection.syn_frame(), connection.syn_ns(), text)]

            # A kernel's first number is a clock and a secret (RFC 6528): one in 4,000 million is 0.
            return Claim(
                by,
                connection.syn_ns(),
                connection.last_syn_ns(),
                LIKELY,
                made,
                explains=EXPLAINS | {"half-open-handshake"},
                variant="hand-made",
            )
        reset = None if seen is None else seen.resets[by - 1]
        if not connection.established or reset is None or reset.ns - connection.syn_ns() > _MUTE_NS:
            return None
        if server.fin_sent and server.fin_ns < reset.ns:
            return None

        def mute() -> list[Evidence]:
            text = f"{case.name(by)} connects to {case.name(case.server_by)}"
            lines = [case.evidence(connection.syn_frame(), connection.syn_ns(), text)]
            text = f"{duration(reset.ns - connection.syn_ns())} later: RST, and no data from either side"
            lines.append(case.evidence(reset.frame, reset.ns, text))
            return lines

        return Claim(
            by,
            connection.syn_ns(),
            reset.ns,
            CERTAIN,
            mute,
            explains=("reset-abort", "reset-after-close", "time-wait-assassination", "idle-timeout"),
            variant="mute",
        )

    def finding(self, group: Group, knowledge: Knowledge, end_ns: int) -> Finding:
        text = TEXTS[self.KIND]
        attempts = times(group.count, "attempt")
        said = f"{group.who()} {SAYS[group.variant]}: {attempts} at {group.they()}."
        explanation = f"{said} {text.meaning}"
        return group.finding(self.KIND, "info", explanation, remedy(text, ""))
