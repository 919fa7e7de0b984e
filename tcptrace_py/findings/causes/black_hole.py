"""``mtu-black-hole``: only full-sized segments are lost."""

from __future__ import annotations

from tcptrace_py.findings.case import ENDPOINTS, Case, other
from tcptrace_py.findings.causes.about import service_key
from tcptrace_py.findings.causes.claim import Claim, Key
from tcptrace_py.findings.finding import CERTAIN, LIKELY, POSSIBLE, Evidence, Finding, Severity
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.service import Service
from tcptrace_py.findings.texts import TEXTS, remedy
from tcptrace_py.findings.wording import duration, part, span, times
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.observations import BY_LOSS, OFTEN, Lost
from tcptrace_py.tcp.serial import distance
from tcptrace_py.wire.address import address_text

#: Headers of IP and TCP, without options.
_HEADERS_BYTES = {4: 40, 6: 60}
#: No path refuses less than this much payload: 576 bytes of IPv4 (RFC 9293 section 3.7.1), less headers.
_LEAST_BYTES = 536


#: Who was told that it is too big sends it once more at most: what was under way.
_AGAIN = 2
#: So many connections that meet the same are no accident.
_SEVERAL = 2
#: A hole of a moment is filled sooner.
_NEVER_NS = 5_000_000_000
_EXPLAINS = (
    "dead-peer",
    "path-state-lost",
    "unacknowledged-fin",
    "reset-abort",
    "unresponsive-server",
    "zero-window-stall",
)


class MtuBlackHole:
    """By the endpoint whose segments are lost."""

    KIND = "mtu-black-hole"
    TOLD_FROM = BY_LOSS

    def look(self, case: Case, knowledge: Knowledge, settings: Settings) -> Claim | None:
        seen = case.seen
        if seen is None:
            return None
        for by in ENDPOINTS:
            lost: Lost | None = seen.lost[by - 1]
            if lost is None or lost.payload_bytes < _LEAST_BYTES:
                continue
            if lost.times >= OFTEN or (lost.times >= _AGAIN and seen.too_big[by - 1] is not None):
                claim = self._claim(case, by, lost)
                if claim is not None:
                    return claim
        for by in ENDPOINTS:
            claim = self._never_passed(case, by)
            if claim is not None:
                return claim
        return None

    def _never_passed(self, case: Case, by: int) -> Claim | None:
        """Captured behind the hole: what the receiver lacks never passed here either.

        It says so by SACK; or it gives up without an answer, and a number of the sender's tells of one.
        """
        seen = case.seen
        endpoint, peer = case.endpoint(by), case.endpoint(other(by))
        since_ns, holes = seen.sack_ns[by - 1], endpoint.rare.holes
        if not holes or not endpoint.has_una:
            return None
        begin, end = holes[0]
        missing_bytes = distance(end, begin)
        last_ns = case.until(since_ns, case.end_ns if case.at_end else max(peer.last_ns, endpoint.last_ns))
        by_sack = since_ns > 0
        if not by_sack:
            if seen.close_by != other(by) or seen.close_spoke_last != other(by):
                return None
            last_ns, since_ns = seen.close_ns, seen.close_ns - seen.close_idle_ns
        if endpoint.snd_una != begin or last_ns - since_ns < _NEVER_NS:
            return None
        if missing_bytes < _LEAST_BYTES or endpoint.largest_bytes >= missing_bytes:
            # What is as large did pass.
            return None
        name, peer_name = case.name(by), case.name(other(by))

        def evidence() -> list[Evidence]:
            if not by_sack:
                text = (
                    f"{peer_name} gives up {duration(last_ns - since_ns)} after it had asked, without answer"
                )
                lines = [case.evidence(seen.close_frame, last_ns, text)]
                text = f"by its numbers, {name} had sent {missing_bytes:,} bytes, of which none passed here"
                lines.append(case.evidence(endpoint.last_frame, endpoint.last_ns, text))
                return lines
            text = f"{peer_name} has what lies behind {missing_bytes:,} bytes that it lacks (SACK)"
            lines = [case.evidence(seen.sack_frame[by - 1], since_ns, text)]
            text = f"{duration(last_ns - since_ns)} later: none of these bytes from {name} have passed here"
            lines.append(case.evidence(0, last_ns, text))
            return lines

        return Claim(
            by,
            since_ns,
            last_ns,
            POSSIBLE,
            evidence,
            measure_ns=last_ns - since_ns,
            tally={"unseen": 1, f"size {missing_bytes}": 1},
            explains=_EXPLAINS,
        )

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
        # It hears what is small after all that, and still lacks this.
        hears = peer.last_ns > lost.last_ns and bool(endpoint.fin_sent)
        said = _said(case, by, lost)
        # Nothing tells this silence from another but that it begins with what is larger than all before.
        mute = not sacked and not alive and not said
        if mute and (not endpoint.has_isn or distance(lost.seq, endpoint.isn) <= 1):
            return None
        name, peer_name = case.name(by), case.name(other(by))

        def evidence() -> list[Evidence]:
            lines = list(said)
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
            CERTAIN if said else LIKELY if sacked or mute or hears else POSSIBLE,
            evidence,
            measure_ns=lost.last_ns - (lost.since_ns or lost.first_ns),
            tally={"times": lost.times, f"size {lost.payload_bytes}": 1, "icmp": int(bool(said))},
            explains=_EXPLAINS,
            hangs_on=("service", case.role(by), *service_key(case)) if mute else None,
        )

    def judge(self, key: Key, facts: tuple[object, ...], group: Group, knowledge: Knowledge) -> bool:
        """Several fall silent so, and the service is heard meanwhile."""
        service: Service | None = knowledge.services.entries.get(key[2:])
        if service is None or group.count < _SEVERAL:
            return False
        return service.heard.between(group.first_ns, group.last_ns)

    def finding(self, group: Group, knowledge: Knowledge, end_ns: int) -> Finding:
        text = TEXTS[self.KIND]
        sizes = sorted(int(what.split()[1]) for what in group.tally if what.startswith("size "))
        size = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
        unseen = group.tally["unseen"]
        how = f"sent again {times(group.tally['times'], 'time')} in vain"
        if unseen == group.count:
            waited = span(group.least_ns, group.most_ns)
            how = f"which never passed here, though the receiver waited for them for {waited}"
        explanation = (
            f"Full-sized segments from {_bare(group.who())} do not arrive at {group.they()} on"
            f" {group.connections()}, smaller ones do: {size} bytes of payload, {how}. {text.meaning}"
        )
        if group.tally["icmp"]:
            explanation += (
                f" {part(group.tally['icmp'], group.count)} met such a message, which did pass here: it is"
                " dropped between here and the sender, or the sender does not heed it."
            )
        # One hole that is not filled may be any loss; that it befalls several is the path.
        several = group.count >= _SEVERAL
        severity: Severity = "info" if group.of_most() == "possible" and not several else "warning"
        finding = group.finding(self.KIND, severity, explanation, remedy(text, ""))
        if several and finding.confidence == "possible":
            finding.confidence = "likely"
        return finding


def _said(case: Case, by: int, lost: Lost) -> list[Evidence]:
    """ICMP that told endpoint ``by`` of a hop which takes none of the size of those lost, if any did."""
    told = case.seen.too_big[by - 1]
    if told is None:
        return []
    error, ns, frame = told
    version = case.connection.ip_version
    if 0 < lost.payload_bytes + _HEADERS_BYTES[version] <= error.mtu_bytes:
        return []
    reporter = address_text(error.reporter_hi, error.reporter_lo, version)
    mtu = f", MTU {error.mtu_bytes:,}" if error.mtu_bytes else ""
    return [case.evidence(frame, ns, f"ICMP from {reporter} to {case.name(by)}: {error.reason}{mtu}")]


def _bare(who: str) -> str:
    return who[0].lower() + who[1:]
