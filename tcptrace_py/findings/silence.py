"""``dead-peer``: data or probes go unanswered on an established connection (S18, S23)."""

from __future__ import annotations

from collections.abc import Collection

from tcptrace_py.findings.case import ENDPOINTS, Case, goes_on_unseen, other
from tcptrace_py.findings.families import LATE_NS, SILENCE
from tcptrace_py.findings.finding import LIKELY, POSSIBLE, Evidence, Finding, Severity
from tcptrace_py.findings.group import Group, Groups
from tcptrace_py.findings.host import up_meanwhile
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.texts import TEXTS, meaning, remedy
from tcptrace_py.findings.wording import duration, part, span, times
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.codes import NO_CONNECTION, TIMEOUT
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.observations import Lost

KIND = "dead-peer"


#: Retransmissions over so long are as many as are needed.
_SILENT_NS = 10_000_000_000
_FEWEST = 2
#: No device forgets a connection sooner than after so long without traffic.
_IDLE_NS = 60_000_000_000
#: The shortest time-out of any system in use, FreeBSD's; so many doublings of it are looked at.
_LEAST_RTO_NS = 30_000_000
_DOUBLINGS = 5


def silent(case: Case, by: int, settings: Settings) -> bool:
    """Endpoint ``by`` repeated itself often or long enough, and its peer stayed silent to the end."""
    connection = case.connection
    endpoint = case.endpoint(by)
    if _ended_elsewhere(case, by):
        return False
    if given_up(case, by, settings) is not None:
        return True
    tries = endpoint.unanswered + endpoint.rare.unanswered_probes
    if tries < settings.dead_peer_probes:
        since_ns = endpoint.rare.first_unanswered_ns
        if endpoint.unanswered and 0 < endpoint.last_data_ns < since_ns:
            since_ns = endpoint.last_data_ns
        if tries < _FEWEST or endpoint.last_ns - case.gaps.since(since_ns, endpoint.last_ns) < _SILENT_NS:
            return False
    if not connection.established and (connection.syn_frame() or connection.syn_ack_frame):
        # A handshake in vain is another finding.
        return False
    if case.endpoint(other(by)).packets == 0 or connection.reset_by == other(by):
        # Captured in one direction only; or the peer did answer, with a RST.
        return False
    if goes_on_unseen(case.endpoint(other(by))) or _too_fast(endpoint):
        return False
    # A FIN in vain is another finding, unless data went unanswered before it.
    fin_only = endpoint.fin_sent and endpoint.rare.first_unanswered_ns >= endpoint.fin_ns
    return not fin_only


def _too_fast(endpoint: Endpoint) -> bool:
    """Retransmissions that no time-out paces answer ACKs, which were not captured.

    RFC 6298 section 5.5: each time-out without an answer is twice as long as the one before.
    """
    waits = min(endpoint.unanswered, _DOUBLINGS) - 1
    least_ns = _LEAST_RTO_NS * ((2 << waits) - 2) if waits > 0 else 0
    return endpoint.last_ns - endpoint.rare.first_unanswered_ns < least_ns


def _ended_elsewhere(case: Case, by: int) -> bool:
    """Of Multipath TCP: MP_FASTCLOSE ended it, or its RST may answer that on another subflow."""
    seen = case.seen
    if seen is None or not seen.subflow:
        return False
    return bool(seen.fast_close_by or case.connection.reset_by == by)


def given_up(case: Case, by: int, settings: Settings) -> Lost | None:
    """Data of endpoint ``by`` that its peer did not acknowledge, however often it was sent, until a bare RST.

    The RST is only the end: of the peer, which knows nothing of the connection when it is heard again, or of
    endpoint ``by``, when the peer speaks that had got nothing.
    """
    connection, seen = case.connection, case.seen
    if seen is None or not connection.established or connection.reset_cause != NO_CONNECTION:
        return None
    lost: Lost | None = seen.lost[by - 1]
    endpoint, reset = case.endpoint(by), seen.resets[connection.reset_by - 1]
    if lost is None or reset is None or lost.times < settings.dead_peer_probes or lost.last_ns > reset.ns:
        return None
    if not endpoint.has_una or endpoint.snd_una != lost.seq or goes_on_unseen(case.endpoint(other(by))):
        return None
    if connection.reset_by != by and 0 <= reset.after_own_ns < reset.ns - lost.first_ns:
        # It was heard in between, and is taken at its word.
        return None
    return lost


_KEEP_ALIVE = (
    "Send keep-alive probes more often than devices on the way forget (SO_KEEPALIVE with TCP_KEEPIDLE"
    " below 60 s"
    " to be safe; its default is 2 h), or let the pool close idle connections sooner."
)


class DeadPeers:
    """Collects silences, by the peer that is silent. A warning."""

    KINDS = (KIND,)
    SUSPECT = SILENCE

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._groups = Groups()

    def look(self, case: Case, known: Collection[str]) -> list[str]:
        kinds = []
        for by in ENDPOINTS:
            if KIND not in case.explained and silent(case, by, self._settings):
                self._take(case, by)
                kinds = [KIND]
        return kinds

    def _take(self, case: Case, by: int) -> None:
        endpoint, peer = case.endpoint(by), case.endpoint(other(by))
        lost = given_up(case, by, self._settings)
        if lost is not None:
            self._take_given_up(case, by, lost)
            return
        group = self._groups.of(case, other(by))
        # Where the capture ends so soon, an answer may come: what was lost was lost for a moment only.
        soon = case.at_end and case.connection.reset_by != by and case.end_ns - peer.last_ns < LATE_NS
        group.add(case, other(by), peer.last_ns, endpoint.last_ns, POSSIBLE if soon else LIKELY)
        group.measure(endpoint.last_ns - case.gaps.since(peer.last_ns, endpoint.last_ns))
        group.tally["retransmissions"] += endpoint.unanswered
        group.tally["probes"] += endpoint.rare.unanswered_probes
        seen = case.seen
        if (
            seen is not None
            and seen.gap_by == by
            and seen.gap_ns >= _IDLE_NS
            and peer.last_ns < seen.gap_end_ns
        ):
            group.tally["idle"] += 1
        if by == case.client_by and 0 < peer.packets <= peer.syn_acks:
            group.tally["opened"] += 1
        if case.connection.reset_by == by and case.connection.reset_cause == TIMEOUT:
            group.tally["reset"] += 1
        if group.wants_example(case.connection.id):
            group.example(case.connection.id, self._evidence(case, by))

    def _take_given_up(self, case: Case, by: int, lost: Lost) -> None:
        connection = case.connection
        group = self._groups.of(case, other(by))
        group.add(case, other(by), lost.since_ns, connection.rare.reset_ns, LIKELY)
        group.measure(lost.last_ns - case.gaps.since(lost.since_ns, lost.last_ns))
        group.tally["retransmissions"] += lost.times
        group.tally["heard" if connection.reset_by == by else "forgotten"] += 1
        if group.wants_example(connection.id):
            name, peer_name = case.name(by), case.name(other(by))
            tried = duration(lost.last_ns - lost.since_ns)
            text = f"{name} sends data again that {peer_name} did not acknowledge"
            lines = [case.evidence(lost.first_frame, lost.first_ns, text)]
            text = f"{times(lost.times, 'retransmission')}, {tried} after the data: still not acknowledged"
            lines.append(case.evidence(lost.last_frame, lost.last_ns, text))
            ends = (
                "gives up with RST when the other side speaks" if connection.reset_by == by else "sends RST"
            )
            text = f"{case.name(connection.reset_by)} {ends}"
            lines.append(case.evidence(connection.rare.reset_frame, connection.rare.reset_ns, text))
            group.example(connection.id, lines)

    def _evidence(self, case: Case, by: int) -> list[Evidence]:
        endpoint, peer = case.endpoint(by), case.endpoint(other(by))
        name, peer_name = case.name(by), case.name(other(by))
        lines = [
            case.evidence(peer.last_frame, peer.last_ns, f"the last segment from {peer_name}"),
            case.evidence(
                endpoint.rare.first_unanswered_frame,
                endpoint.rare.first_unanswered_ns,
                f"{duration(endpoint.rare.first_unanswered_ns - peer.last_ns)} later: the first of"
                f" {_tries(endpoint.unanswered, endpoint.rare.unanswered_probes)} from {name}",
            ),
        ]
        connection = case.connection
        if connection.reset_by == by:
            text = f"{name} gives up with RST"
            lines.append(case.evidence(connection.rare.reset_frame, connection.rare.reset_ns, text))
        else:
            silent = duration(endpoint.last_ns - peer.last_ns)
            text = f"the last segment from {name}, {silent} into the silence"
            lines.append(case.evidence(endpoint.last_frame, endpoint.last_ns, text))
        return lines

    def merge(self, other: DeadPeers) -> None:
        self._groups.merge(other._groups)

    def findings(self, end_ns: int, knowledge: Knowledge) -> list[Finding]:
        return [self._finding(group, knowledge) for group in self._groups.by_peer()]

    def _finding(self, group: Group, knowledge: Knowledge) -> Finding:
        tries = _tries(group.tally["retransmissions"], group.tally["probes"])
        did = "got nothing" if group.tally["heard"] == group.count else "fell silent"
        sentences = [
            f"{group.who()} {did} on {group.connections()} with {group.they()}: no answer to {tries},"
            f" for {span(group.least_ns, group.most_ns)}."
        ]
        if group.tally["heard"]:
            heard = part(group.tally["heard"], group.count)
            sentences.append(
                f"{heard} was heard in the end and had acknowledged nothing: the path to it was broken."
            )
        if group.tally["forgotten"]:
            forgotten = part(group.tally["forgotten"], group.count)
            sentences.append(
                f"{forgotten} ended by RST of the silent side: it had started anew meanwhile, or a device on"
                " the way had forgotten the connection and speaks for it."
            )
        opened = group.tally["opened"] == group.count > 1
        if opened:
            sentences.append(
                "On all of them the handshake passed and nothing after it: what lets SYNs pass, or answers"
                " them itself (a firewall that looks into the requests, a SYN proxy, a server that does not"
                " accept), drops the rest."
            )
        if group.tally["idle"]:
            sentences.append(
                f"{part(group.tally['idle'], group.count)} had carried nothing for a minute or more"
                " before: so"
                " long that a NAT, firewall or balancer on the way may have forgotten it."
            )
        if group.tally["reset"]:
            ended = part(group.tally["reset"], group.count)
            sentences.append(f"{ended} ended by RST of the side that waited.")
        up = up_meanwhile(group, knowledge, group.first_ns)
        if up:
            sentences.append(up)
        sentences.append(meaning(KIND, bool(up), group.about_peer and group.side == "server"))
        severity: Severity = "info" if group.of_most() == "possible" else "warning"
        advice = remedy(TEXTS[KIND], "")
        if opened:
            advice = f"Capture at the server too: do the requests arrive there, or only the SYNs? {advice}"
        if group.tally["idle"] * 2 > group.count:
            advice = f"{_KEEP_ALIVE} {advice}"
        return group.finding(KIND, severity, " ".join(sentences), advice)


def _tries(retransmissions: int, probes: int) -> str:
    said = []
    if retransmissions:
        said.append(times(retransmissions, "retransmission"))
    if probes:
        said.append(times(probes, "keep-alive or window probe"))
    return " and ".join(said)
