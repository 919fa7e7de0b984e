"""``injected-reset``: a RST that its sender did not send."""

from __future__ import annotations

from tcptrace_py.findings.case import ENDPOINTS, Case
from tcptrace_py.findings.causes.about import trip_ns
from tcptrace_py.findings.causes.claim import Claim, Decided
from tcptrace_py.findings.finding import CERTAIN, LIKELY, Evidence, Finding
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.texts import TEXTS, remedy
from tcptrace_py.findings.wording import duration, part
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.observations import Reset

#: A TTL that differs by less may be another path.
_TTL = 3
#: A RST that answers a segment and comes in less than this part of the round trip came from nearer.
_SOONER = 0.5
#: Round trips shorter than this tell nothing.
_TRIP_NS = 5_000_000


class InjectedReset(Decided):
    """By the endpoint in whose name the RST came."""

    KIND = "injected-reset"

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
        other_ttl = bool(reset.usual_ttl and reset.ttl and abs(reset.ttl - reset.usual_ttl) >= _TTL)
        usual_ns = trip_ns(case, by)
        sooner = bool(
            usual_ns >= _TRIP_NS
            and 0 <= reset.after_peer_data_ns < usual_ns * _SOONER
            and reset.after_peer_data_ns == reset.after_peer_ns
        )
        # One that sends on after a RST of its own had no part in it. A reply of another machine behind
        # the same address would do that too, so this by itself is not enough.
        went_on = reset.went_on > 0
        if not (went_on and (other_ttl or sooner)) and not (other_ttl and sooner):
            return None
        name = case.name(by)

        def evidence() -> list[Evidence]:
            lines = []
            text = f"RST in the name of {name}"
            if other_ttl:
                text += f", with TTL {reset.ttl} where its other segments have {reset.usual_ttl}"
            if sooner:
                text += (
                    f", {duration(reset.after_peer_data_ns)} after the data that it answers, where the round"
                    f" trip takes {duration(usual_ns)}"
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
            CERTAIN if went_on and other_ttl else LIKELY,
            evidence,
            tally={"ttl": int(other_ttl), "sooner": int(sooner), "went_on": int(went_on)},
            explains=(
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
        explanation = (
            f"A device on the way reset {group.connections()} between {_bare(group.who())} and"
            f" {group.they()}, in the name of {_bare(group.who())}. {' '.join(why)} {text.meaning}"
        )
        return group.finding(self.KIND, "warning", explanation, remedy(text, ""))


def _bare(who: str) -> str:
    return who[0].lower() + who[1:]
