"""``mtu-black-hole``: only full-sized segments are lost."""

from __future__ import annotations

from tcptrace_py.findings.case import ENDPOINTS, Case, other
from tcptrace_py.findings.causes.claim import Claim, Decided
from tcptrace_py.findings.finding import LIKELY, POSSIBLE, Evidence, Finding
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.texts import TEXTS, remedy
from tcptrace_py.findings.wording import duration, times
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.observations import BY_LOSS, OFTEN, Lost
from tcptrace_py.tcp.serial import distance

#: No path refuses less than this much payload: 576 bytes of IPv4 (RFC 9293 section 3.7.1), less headers.
_LEAST_BYTES = 536


class MtuBlackHole(Decided):
    """By the endpoint whose segments are lost."""

    KIND = "mtu-black-hole"
    TOLD_FROM = BY_LOSS

    def look(self, case: Case, knowledge: Knowledge, settings: Settings) -> Claim | None:
        seen = case.seen
        if seen is None:
            return None
        for by in ENDPOINTS:
            lost: Lost | None = seen.lost[by - 1]
            if lost is not None and lost.times >= OFTEN and lost.payload_bytes >= _LEAST_BYTES:
                claim = self._claim(case, by, lost)
                if claim is not None:
                    return claim
        return None

    def _claim(self, case: Case, by: int, lost: Lost) -> Claim | None:
        seen = case.seen
        endpoint, peer = case.endpoint(by), case.endpoint(other(by))
        if distance(endpoint.snd_una, lost.seq) > 0:
            # It arrived in the end.
            return None
        if (
            distance(endpoint.snd_una, endpoint.largest_seq) > 0
            and endpoint.largest_bytes >= lost.payload_bytes
        ):
            # Others of its size did arrive.
            return None
        sacked = seen.sack_ns[by - 1] >= lost.since_ns > 0
        alive = peer.last_ns > lost.first_ns
        if not sacked and not alive:
            return None
        name, peer_name = case.name(by), case.name(other(by))

        def evidence() -> list[Evidence]:
            lines = []
            if sacked:
                text = f"{peer_name} has what lies behind {lost.payload_bytes:,} bytes that it lacks (SACK)"
                lines.append(case.evidence(seen.sack_frame[by - 1], seen.sack_ns[by - 1], text))
            text = f"{name} sends these {lost.payload_bytes:,} bytes again"
            lines.append(case.evidence(lost.first_frame, lost.first_ns, text))
            text = (
                f"{duration(lost.last_ns - lost.first_ns)} later: {times(lost.times, 'retransmission')} of"
                " that segment, none acknowledged"
            )
            lines.append(case.evidence(lost.last_frame, lost.last_ns, text))
            return lines

        return Claim(
            by,
            lost.since_ns or lost.first_ns,
            lost.last_ns,
            LIKELY if sacked else POSSIBLE,
            evidence,
            measure_ns=lost.last_ns - (lost.since_ns or lost.first_ns),
            tally={"times": lost.times, f"size {lost.payload_bytes}": 1},
            explains=(
                "dead-peer",
                "path-state-lost",
                "unacknowledged-fin",
                "reset-abort",
                "unresponsive-server",
                "zero-window-stall",
            ),
        )

    def finding(self, group: Group, knowledge: Knowledge, end_ns: int) -> Finding:
        text = TEXTS[self.KIND]
        sizes = sorted(int(what.split()[1]) for what in group.tally if what.startswith("size "))
        size = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
        explanation = (
            f"Full-sized segments from {_bare(group.who())} do not arrive at {group.they()} on"
            f" {group.connections()}, smaller ones do: {size} bytes of payload, sent again"
            f" {times(group.tally['times'], 'time')} in vain. {text.meaning}"
        )
        return group.finding(self.KIND, "warning", explanation, remedy(text, ""))


def _bare(who: str) -> str:
    return who[0].lower() + who[1:]
