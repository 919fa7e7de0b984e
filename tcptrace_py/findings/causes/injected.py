"""``injected-reset``: a RST that its sender did not send."""

from __future__ import annotations

from tcptrace_py.findings.case import ENDPOINTS, Case, other, trip_ns
from tcptrace_py.findings.causes.about import round_trip_ns
from tcptrace_py.findings.causes.claim import Claim, Decided
from tcptrace_py.findings.finding import LIKELY, POSSIBLE, Evidence, Finding, Severity
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.resets import other_ttl
from tcptrace_py.findings.texts import TEXTS, remedy
from tcptrace_py.findings.wording import duration, part
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.observations import BY_OTHER_RESET, BY_STREAM_RESET, Reset

#: A RST that answers a segment and comes in less than this part of the round trip came from nearer.
_SOONER = 0.5
#: Devices forget connections that were idle for longer than this, and answer so soon.
_IDLE_NS, _SOON_NS = 10_000_000_000, 100_000_000
#: Round trips shorter than this tell nothing.
_TRIP_NS = 5_000_000


class InjectedReset(Decided):
    """By the endpoint in whose name the RST came."""

    KIND = "injected-reset"
    TOLD_FROM = BY_OTHER_RESET | BY_STREAM_RESET

    def look(self, case: Case, knowledge: Knowledge, settings: Settings) -> Claim | None:
        seen = case.seen
        if seen is None or not case.connection.established:
            return None
        for by in ENDPOINTS:
            reset = seen.resets[by - 1]
            if reset is not None:
                claim = self._claim(case, by, reset)
                if claim is not None:
                    return claim
        return None

    def _claim(self, case: Case, by: int, reset: Reset) -> Claim | None:
        # What came first in its name has nothing to be held against but what came later.
        usual_ttl = reset.usual_ttl or (case.endpoint(by).ttl if reset.went_on else 0)
        foreign_ttl = other_ttl(reset, usual_ttl)
        usual_ns = trip_ns(case, by)
        sooner = bool(
            usual_ns >= _TRIP_NS
            and 0 <= reset.after_peer_data_ns < usual_ns * _SOONER
            and reset.after_peer_data_ns == reset.after_peer_ns
        )
        # One that sends on after a RST of its own had no part in it. A reply of another machine behind
        # the same address would do that too, so this by itself is not enough.
        went_on = reset.went_on > 0
        # What was silent for long is what devices forget; then they answer in the endpoint's name.
        idle_ns = _forgotten_ns(case, by, reset) if foreign_ttl else 0
        if idle_ns and usual_ns >= _TRIP_NS and 0 <= reset.after_peer_ns < usual_ns * _SOONER:
            sooner = True
        # Who acknowledges what can not have come to the endpoint yet is not the endpoint.
        read_it = sooner and reset.has_ack and reset.peer_unanswered > reset.peer_outstanding == 0
        endpoint = case.endpoint(by)
        # Not even the handshake's ACK, which all of it rests on, can have come to the server by then.
        early = sooner and by == case.server_by and 0 < endpoint.packets <= endpoint.syn_acks + endpoint.rsts
        early = early and reset.ns - case.connection.ack_ns < usual_ns * _SOONER
        two_signs = (went_on and (foreign_ttl or sooner)) or (foreign_ttl and sooner)
        if not two_signs and not idle_ns and not read_it and not early:
            return None
        name = case.name(by)

        def evidence() -> list[Evidence]:
            lines = []
            if idle_ns:
                text = f"{duration(idle_ns)} of silence, then {case.name(other(by))} sends"
                lines.append(case.evidence(case.seen.gap_end_frame, case.seen.gap_end_ns, text))
            text = f"RST in the name of {name}"
            if foreign_ttl:
                text += f", with TTL {reset.ttl} where its other segments have {usual_ttl}"
            if sooner:
                text += (
                    f", {duration(reset.after_peer_ns)} after what it answers, where the round trip takes"
                    f" {duration(usual_ns)}"
                )
            lines.append(case.evidence(reset.frame, reset.ns, text))
            if went_on:
                text = f"{name} goes on as if it had sent no RST"
                lines.append(case.evidence(reset.went_on_frame, reset.went_on_ns, text))
            return lines

        return Claim(
            by,
            reset.ns,
            reset.ns,
            # Whose a RST is that its sender contradicts, nothing that passes here proves.
            LIKELY if went_on or sooner else POSSIBLE,
            evidence,
            measure_ns=idle_ns or -1,
            tally={
                "idle": int(bool(idle_ns)),
                "probe": int(bool(idle_ns) and not reset.peer_outstanding),
                "ttl": int(foreign_ttl),
                "sooner": int(sooner),
                "went_on": int(went_on),
                "harmless": int(went_on and _unheeded(case, by, reset)),
            },
            explains=("stray-reset",)
            if not _believed(case, reset)
            else (
                "reset-abort",
                "reset-after-close",
                "reset-no-connection",
                "stray-reset",
                "dead-peer",
                "unacknowledged-fin",
                "time-wait-assassination",
                "idle-timeout",
                "keep-alive-race",
                "unresponsive-server",
                "foreign-reply",
                "tls-alert",
            ),
        )

    def finding(self, group: Group, knowledge: Knowledge, end_ns: int) -> Finding:
        text = TEXTS[self.KIND]
        why = []
        if group.tally["ttl"]:
            why.append(f"{part(group.tally['ttl'], group.count)} came with another TTL.")
        if group.tally["sooner"]:
            why.append(f"{part(group.tally['sooner'], group.count)} came sooner than an answer can.")
        if group.tally["went_on"]:
            many = part(group.tally["went_on"], group.count)
            why.append(f"{many} did not stop the endpoint that is named as sender: it went on.")
        harmless = group.tally["harmless"]
        if harmless:
            why.append(f"{part(harmless, group.count)} changed nothing: the receiver went on as well.")
        idle = group.tally["idle"]
        if idle:
            why.append(
                f"{part(idle, group.count)} answered the first segment after a silence, the shortest of"
                f" {duration(group.least_ns)}: the device had forgotten the connection."
            )
        done = "tried to reset" if harmless == group.count else "reset"
        explanation = (
            f"A device on the way {done} {group.connections()} between {_bare(group.who())} and"
            f" {group.they()}, in the name of {_bare(group.who())}. {' '.join(why)} {text.meaning}"
        )
        # A connection that only a probe asked for was not missed.
        cheap = group.count in (harmless, group.tally["probe"])
        severity: Severity = "info" if cheap else "warning"
        advice = remedy(text, "")
        if idle * 2 > group.count:
            advice = (
                f"Send keep-alive probes more often than every {duration(group.least_ns)} (SO_KEEPALIVE with"
                f" TCP_KEEPIDLE), or let the pool close idle connections sooner. {advice}"
            )
        return group.finding(self.KIND, severity, explanation, advice)


def _forgotten_ns(case: Case, by: int, reset: Reset) -> int:
    """The silence that the segment ended which the RST answers; 0 where there was none to speak of."""
    seen = case.seen
    answers_ns = max(3 * round_trip_ns(case), _SOON_NS)
    if seen.gap_by != other(by) or seen.gap_ns < _IDLE_NS or case.endpoint(by).fin_sent:
        return 0
    return seen.gap_ns if 0 <= reset.ns - seen.gap_end_ns <= answers_ns else 0


def _unheeded(case: Case, by: int, reset: Reset) -> bool:
    """The receiver did not believe it either: it answers what came after it, and not with RST."""
    receiver = case.endpoint(other(by))
    ended = bool(case.connection.reset_by) and _believed(case, reset)
    return not ended and not receiver.rsts and receiver.last_ns > reset.went_on_ns


def _believed(case: Case, reset: Reset) -> bool:
    """May it be what reset the connection? Not what came before the answer to the SYN, and was no refusal.

    What came later may have been one of several.
    """
    return bool(reset.usual_ttl) or case.connection.rare.reset_frame == reset.frame


def _bare(who: str) -> str:
    return who[0].lower() + who[1:]
