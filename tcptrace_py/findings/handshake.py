"""Handshakes that fail: refused, unanswered, unreachable, half-open, and stale SYNs (S2, S11, S22).

Compiled (see ``handshake.pxd``): in a flood every connection is one of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tcptrace_py.findings.case import Case
from tcptrace_py.findings.families import HANDSHAKE, LATE_NS
from tcptrace_py.findings.finding import CERTAIN, LIKELY, POSSIBLE, Evidence, Finding, Severity
from tcptrace_py.findings.group import Group, Groups
from tcptrace_py.findings.host import before, up_meanwhile
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.scans import FLOOD, Scanners, begun_scans, flood_finding, peers_tried, scans
from tcptrace_py.findings.texts import GENERAL, HALF_OPEN, TEXTS, meaning, remedy
from tcptrace_py.findings.wording import duration, moment, part, span, times
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.codes import ABORTED, REFUSED_HANDSHAKE, UNANSWERED, UNREACHABLE
from tcptrace_py.tcp.codes import HALF_OPEN as HALF_OPEN_OUTCOME
from tcptrace_py.tcp.outcome import handshake_outcome
from tcptrace_py.tcp.state import CLOSED, ESTABLISHED, SYN_RCVD
from tcptrace_py.wire.address import address_text, is_inside

REFUSED_KIND = "connection-refused"
TIMEOUT_KIND = "connection-timeout"
UNREACHABLE_KIND = "connection-unreachable"
HALF_OPEN_KIND = "half-open-handshake"
STALE_KIND = "stale-syn"

#: What Linux waits at least before it gives up by itself: the last of six retransmissions, 63 s.
_KERNEL_GIVES_UP_NS = 60_000_000_000
#: No kernel sends its last SYN sooner than that: Windows does after 9 s, of two retransmissions.
_NO_KERNEL_NS = 8_500_000_000


def _under_way(tries: int, first_ns: int, last_ns: int, until_ns: int) -> bool:
    """The capture ends before the attempt is late: its last SYN (or SYN+ACK) may still be answered.

    One segment is easily lost, two in a row are not; the waits double (RFC 6298 section 5.5).
    """
    due_ns = LATE_NS if tries < 2 else 2 * (last_ns - first_ns)
    return tries < 3 and until_ns - last_ns < due_ns


class Handshakes:
    """Collects failed handshakes, by the service they were for; stale SYNs by who sent them.

    Warnings; a half-open handshake is critical from 100 of one service on, and a stale
    SYN is information. A handshake that its initiator reset is no finding by itself.
    """

    KINDS = (REFUSED_KIND, TIMEOUT_KIND, UNREACHABLE_KIND, HALF_OPEN_KIND, STALE_KIND)
    SUSPECT = HANDSHAKE

    def __init__(self, settings: Settings) -> None:
        self._refused = Groups()
        self._timeouts = Groups()
        self._unreachable = Groups()
        self._half_open = Groups()
        self._stale = Groups()
        #: Attempts that are not late yet, and the capture ends: unanswered, and half open.
        self._begun = Groups()
        self._half_begun = Groups()

    def look(self, case: Case, known: Collection[str]) -> list[str]:
        connection = case.connection
        kinds = []
        outcome = handshake_outcome(connection)
        if outcome == REFUSED_HANDSHAKE:
            kinds += self._take_refused(case)
        elif outcome == UNANSWERED:
            kinds += self._take_timeout(case)
        elif outcome == UNREACHABLE:
            kinds += self._take_unreachable(case)
        elif outcome == ABORTED:
            if connection.reuse_of >= 0 or connection.reused_by >= 0:
                kinds += self._take_refused_stale(case)
        else:
            kinds += self._take_half_open(case, outcome == HALF_OPEN_OUTCOME)
        if connection.stale_syns:
            kinds += self._take_ignored_stale(case)
        return kinds

    # --- refused ---

    def _take_refused(self, case: Case) -> list[str]:
        connection = case.connection
        if REFUSED_KIND in case.explained:
            return []
        by = case.server_by
        refused_ns = connection.reset_ns or connection.last_ns
        group = self._refused.of(case, by)
        group.add(case, by, connection.syn_ns, refused_ns, CERTAIN)
        client = case.endpoint(case.client_by)
        if is_inside(client.address_hi, client.address_lo, connection.ip_version):
            group.tally["inside"] += 1
        if group.wants_example(connection.id):
            lines = [self._syn(case)]
            if connection.reset_frame:
                text = f"{case.name(by)} answers with RST"
                lines.append(case.evidence(connection.reset_frame, connection.reset_ns, text))
            group.example(connection.id, lines)
        return [REFUSED_KIND]

    def _syn(self, case: Case) -> Evidence:
        connection = case.connection
        text = f"{case.name(case.client_by)} sent SYN to {case.name(case.server_by)}"
        return case.evidence(connection.syn_frame, connection.syn_ns, text)

    # --- no answer ---

    def _take_timeout(self, case: Case) -> list[str]:
        connection = case.connection
        if TIMEOUT_KIND in case.explained:
            return []
        client = case.endpoint(case.client_by)
        waited_until_ns = case.until(connection.last_syn_ns, connection.reused_ns or case.end_ns)
        by = case.server_by
        if case.at_end and _under_way(
            client.syns, connection.syn_ns, connection.last_syn_ns, waited_until_ns
        ):
            # Where the capture ends so soon, an answer to its SYN may come: it would be a slow connect.
            self._begun.of(case, by).add(case, by, connection.syn_ns, connection.syn_ns, LIKELY)
            return []
        if client.syns < 2 and waited_until_ns - connection.syn_ns < LATE_NS:
            return []
        group = self._timeouts.of(case, by)
        joins = case.seen is not None and case.seen.joins
        confidence = CERTAIN if client.syns > 1 else LIKELY
        if joins:
            group.tally["joins"] += 1
            confidence = POSSIBLE
        group.add(case, by, connection.syn_ns, connection.last_syn_ns, confidence)
        tried_ns = case.until(connection.syn_ns, connection.last_syn_ns) - connection.syn_ns
        group.measure(tried_ns)
        group.tally["syns"] += client.syns
        if is_inside(client.address_hi, client.address_lo, connection.ip_version):
            group.tally["inside"] += 1
        # The waits double, so the next SYN was due within as long again as all of it took so far.
        stopped = waited_until_ns - connection.last_syn_ns > tried_ns + 2_000_000_000
        if not stopped:
            group.tally["trying"] += 1
        elif tried_ns >= _KERNEL_GIVES_UP_NS:
            group.tally["kernel"] += 1
        else:
            group.tally["application" if tried_ns < _NO_KERNEL_NS else "either"] += 1
        if group.wants_example(connection.id):
            lines = [self._syn(case)]
            if client.syns > 1:
                text = (
                    f"{duration(tried_ns)} later: SYN number {client.syns}"
                    f"{', the last one' if stopped else ''}; no answer"
                )
                lines.append(case.evidence(connection.last_syn_frame, connection.last_syn_ns, text))
            if not stopped:
                waited = duration(waited_until_ns - connection.syn_ns)
                text = f"{waited} after the first SYN: no answer so far"
                lines.append(case.evidence(0, waited_until_ns, text))
            group.example(connection.id, lines)
        return [TIMEOUT_KIND]

    # --- unreachable ---

    def _take_unreachable(self, case: Case) -> list[str]:
        connection = case.connection
        if UNREACHABLE_KIND in case.explained:
            return []
        by = case.server_by
        error = connection.unreachable
        reason = str(getattr(error, "reason", "unreachable"))
        group = self._unreachable.of(case, by)
        group.add(case, by, connection.syn_ns, connection.unreachable_ns, LIKELY)
        group.tally[reason] += 1
        if group.wants_example(connection.id):
            reporter = ""
            if error is not None:
                hi, lo = getattr(error, "reporter_hi", 0), getattr(error, "reporter_lo", 0)
                reporter = f" from {address_text(hi, lo, connection.ip_version)}" if hi or lo else ""
            text = f"ICMP{reporter}: {reason}"
            line = case.evidence(connection.unreachable_frame, connection.unreachable_ns, text)
            group.example(connection.id, [self._syn(case), line])
        return [UNREACHABLE_KIND]

    # --- half open ---

    def _take_half_open(self, case: Case, half_open: bool) -> list[str]:
        connection = case.connection
        if connection.simultaneous_open or not connection.syn_ack_frame or HALF_OPEN_KIND in case.explained:
            return []
        by = case.server_by
        server = case.endpoint(by)
        history = case.history(by)
        states = [entry[0] for entry in history]
        too_late = self._too_late(case)
        if not too_late and (SYN_RCVD not in states or ESTABLISHED in states):
            return []
        state, entered_ns, _, _ = history[len(history) - 1]
        if state not in (SYN_RCVD, CLOSED):
            return []
        if not too_late and (not half_open or connection.ack_frame):
            # Acknowledged, and yet SYN+ACK again: `accept-queue-full` tells that.
            return []
        seen_until_ns = case.until(connection.syn_ack_ns, case.end_ns)
        if case.at_end and not too_late:
            if _under_way(server.syn_acks, connection.syn_ack_ns, connection.last_syn_ack_ns, seen_until_ns):
                self._half_begun.of(case, by).add(case, by, connection.syn_ns, connection.syn_ack_ns, LIKELY)
                return []
        elif server.syn_acks < 2 and seen_until_ns - connection.syn_ack_ns < LATE_NS:
            return []
        group = self._half_open.of(case, by, "unanswered")
        sure = CERTAIN if server.syn_acks > 1 else LIKELY
        if not connection.syn_frame:
            # Nobody may have asked: an answer to a forged SYN, or one direction only.
            sure = POSSIBLE
        group.add(case, by, connection.syn_ack_ns, connection.last_syn_ack_ns, sure)
        group.tally["syn_acks"] += server.syn_acks
        group.tally["too_late"] += int(too_late)
        # Its SYN again, after a SYN+ACK: that one has not come.
        group.tally["syn_again"] += int(connection.last_syn_ns > connection.syn_ack_ns > 0)
        group.stay(connection.syn_ack_ns, entered_ns if state != SYN_RCVD else None)
        if group.wants_example(connection.id):
            group.example(connection.id, self._half_open_evidence(case))
        return [HALF_OPEN_KIND]

    def _too_late(self, case: Case) -> bool:
        """The ACK came when the server had given up: its next SYN+ACK was due, and RST is the answer.

        SYN+ACKs go out again after twice the last wait (RFC 6298 section 5.5), so one that waits longer
        for an ACK has no such connection any more (RFC 9293 section 3.10.7.1: RST without ACK).
        """
        connection = case.connection
        server = case.endpoint(case.server_by)
        seen = case.seen
        reset = None if seen is None else seen.resets[case.server_by - 1]
        if reset is None or reset.has_ack or server.packets > server.syn_acks + server.rsts:
            return False
        waited_ns = connection.ack_ns - connection.last_syn_ack_ns
        between_ns = connection.last_syn_ack_ns - connection.syn_ack_ns
        due_ns = 2 * between_ns if server.syn_acks == 2 else max(between_ns, LATE_NS)
        return bool(connection.ack_frame and waited_ns > due_ns and reset.ns - connection.ack_ns < LATE_NS)

    def _half_open_evidence(self, case: Case) -> list[Evidence]:
        connection = case.connection
        name, client_name = case.name(case.server_by), case.name(case.client_by)
        server = case.endpoint(case.server_by)
        lines = [self._syn(case)] if connection.syn_frame else []
        text = f"{name} answers with SYN+ACK"
        lines.append(case.evidence(connection.syn_ack_frame, connection.syn_ack_ns, text))
        late = self._too_late(case)
        if server.syn_acks > 1:
            ns = connection.last_syn_ack_ns - connection.syn_ack_ns
            text = (
                f"{duration(ns)} later: SYN+ACK again, the last of"
                f" {times(server.syn_acks - 1, 'retransmission')};"
                f" no ACK from {client_name}{' yet' if late else ''}"
            )
            lines.append(case.evidence(connection.last_syn_ack_frame, connection.last_syn_ack_ns, text))
        elif not late:
            until_ns = case.until(connection.syn_ack_ns, case.end_ns)
            waited = duration(until_ns - connection.syn_ack_ns)
            lines.append(case.evidence(0, until_ns, f"{waited} later: no ACK from {client_name}"))
        if late:
            waited = duration(connection.ack_ns - connection.last_syn_ack_ns)
            text = f"{waited} after the last SYN+ACK: the ACK, too late; {name} answers it with RST"
            lines.append(case.evidence(connection.ack_frame, connection.ack_ns, text))
        return lines

    # --- stale SYNs ---

    def _take_refused_stale(self, case: Case) -> list[str]:
        connection = case.connection
        if STALE_KIND in case.explained:
            return []
        by = case.client_by
        group = self._stale.of(case, by)
        group.add(case, by, connection.syn_ns or connection.first_ns, connection.reset_ns, LIKELY)
        group.tally["refused"] += 1
        if group.wants_example(connection.id):
            lines = [self._syn(case)] if connection.syn_frame else []
            if connection.syn_ack_frame:
                text = f"{case.name(case.server_by)} answers with SYN+ACK"
                lines.append(case.evidence(connection.syn_ack_frame, connection.syn_ack_ns, text))
            if connection.reset_frame:
                text = f"{case.name(by)} knows nothing of it: RST"
                lines.append(case.evidence(connection.reset_frame, connection.reset_ns, text))
            if connection.reused_frame:
                text = f"{case.name(by)} sent SYN with another number on the same ports"
                lines.append(case.evidence(connection.reused_frame, connection.reused_ns, text))
            group.example(connection.id, lines)
        return [STALE_KIND]

    def _take_ignored_stale(self, case: Case) -> list[str]:
        connection = case.connection
        if STALE_KIND in case.explained:
            return []
        by = connection.stale_syn_by
        group = self._stale.of(case, by)
        group.add(case, by, connection.stale_syn_ns, connection.stale_syn_ns, POSSIBLE)
        group.tally["ignored"] += connection.stale_syns
        if group.wants_example(connection.id):
            text = (
                f"SYN from {case.name(by)} with another number in the middle of the connection;"
                " nothing came of it"
            )
            group.example(
                connection.id, [case.evidence(connection.stale_syn_frame, connection.stale_syn_ns, text)]
            )
        return [STALE_KIND]

    # --- what it amounts to ---

    def groups(self) -> list[Groups]:
        """All that it keeps connections in."""
        most = (self._refused, self._timeouts, self._unreachable, self._half_open, self._stale)
        return [*most, self._begun, self._half_begun]

    def merge(self, other: Handshakes) -> None:
        self._refused.merge(other._refused)
        self._timeouts.merge(other._timeouts)
        self._unreachable.merge(other._unreachable)
        self._half_open.merge(other._half_open)
        self._stale.merge(other._stale)
        self._begun.merge(other._begun)
        self._half_begun.merge(other._half_begun)

    def findings(self, end_ns: int, knowledge: Knowledge) -> list[Finding]:
        attempts = {
            "refused": self._refused,
            "without an answer": self._timeouts,
            "unreachable by ICMP": self._unreachable,
        }
        found, scanners, others = scans(attempts)
        refused, timeouts, unreachable = others
        half_open = list(self._half_open.turned())
        scanners |= _many_tried([*refused, *timeouts])
        found += [self._refused_finding(group, knowledge, scanners) for group in refused]
        found += [self._timeout_finding(group, knowledge) for group in timeouts]
        found += [self._unreachable_finding(group, knowledge) for group in unreachable]
        found += [self._half_open_finding(group, scanners) for group in half_open]
        found += [self._stale_finding(group) for group in self._stale.turned()]
        found += begun_scans(self._begun, scanners)
        for kind, groups in ((TIMEOUT_KIND, self._begun), (HALF_OPEN_KIND, self._half_begun)):
            for group in groups:
                service = knowledge.service(group.version, group.hi, group.lo, group.service_port)
                flood = flood_finding(group, kind, service)
                if flood is not None:
                    found.append(flood)
        return found

    def _refused_finding(self, group: Group, knowledge: Knowledge, scanners: Scanners) -> Finding:
        sentences = [f"{group.who()} refused {group.connections()} from {group.they()}{_scan(group)}."]
        text = TEXTS[REFUSED_KIND]
        background = _background(group, group.count, knowledge)
        if background:
            sentences.append(_BACKGROUND)
        elif _by_scanner(group, scanners):
            sentences.append(_SCANNED)
        sentences.append(text.meaning)
        # A name with several addresses is tried on each in turn; on the host itself that costs nothing.
        harmless = background or _loopback(group) or _by_scanner(group, scanners) or peers_tried(group)
        severity: Severity = "info" if harmless else "warning"
        if _started_late(group, knowledge):
            severity = "info"
            sentences.insert(1, _STARTED)
        elif _served_otherwise(group, knowledge):
            severity = "info"
            sentences.insert(1, _OTHERWISE)
        return group.finding(REFUSED_KIND, severity, " ".join(sentences), remedy(text, group.socket_filter()))

    def _timeout_finding(self, group: Group, knowledge: Knowledge) -> Finding:
        sentences = [
            f"{group.who()} did not answer {times(group.count, 'connection attempt')} from {group.they()}"
            f"{_scan(group)}: {times(group.tally['syns'], 'SYN')} in all, each attempt tried for"
            f" {span(group.least_ns, group.most_ns)}."
        ]
        if group.tally["application"]:
            sentences.append(
                f"{part(group.tally['application'], group.count)} stopped sooner than any kernel would have:"
                " the application's own connect time-out."
            )
        if group.tally["either"]:
            sentences.append(
                f"{part(group.tally['either'], group.count)} stopped after its last SYN, by the application's"
                " own connect time-out or its kernel's (Windows gives up after 21 s, BSD after 75 s)."
            )
        if group.tally["kernel"]:
            reached = part(group.tally["kernel"], group.count)
            sentences.append(f"{reached} went on to the kernel's limit (ETIMEDOUT).")
        if group.tally["trying"]:
            sentences.append(
                f"{part(group.tally['trying'], group.count)} may have gone on when the capture ended."
            )
        text = TEXTS[TIMEOUT_KIND]
        up = up_meanwhile(group, knowledge, before(group))
        severity: Severity = "warning"
        if group.tally["joins"]:
            sentences.append(
                f"{part(group.tally['joins'], group.count)} would have been one more subflow of a Multipath"
                " TCP connection (MP_JOIN), which goes on without it."
            )
        unseen = group.tally["syns"] == group.count and _unseen(group, knowledge)
        if unseen or group.tally["joins"] == group.count:
            severity = "info"
        elif group.turned and peers_tried(group):
            severity = "info"
        elif _background(group, group.tally["syns"], knowledge):
            severity = "info"
            sentences.append(_BACKGROUND)
        elif group.tally["syns"] == group.count and _served_otherwise(group, knowledge):
            severity = "info"
            sentences.append(f"Each was tried once only. {_OTHERWISE}")
        sentences += [up, meaning(TIMEOUT_KIND, True)] if up else [meaning(TIMEOUT_KIND, False)]
        if unseen:
            sentences = [sentences[0], _UNSEEN]
        finding = group.finding(TIMEOUT_KIND, severity, " ".join(sentences), remedy(text, ""))
        if unseen:
            finding.confidence = "possible"
        return finding

    def _unreachable_finding(self, group: Group, knowledge: Knowledge) -> Finding:
        reasons = sorted(group.tally.items(), key=lambda item: (-item[1], item[0]))
        said = ", ".join(f"{reason} ({n:,})" for reason, n in reasons) if len(reasons) > 1 else reasons[0][0]
        text = TEXTS[UNREACHABLE_KIND]
        first = (
            f"{group.who()} could not be reached in {times(group.count, 'connection attempt')} from"
            f" {group.they()}{_scan(group)}; ICMP says: {said}."
        )
        severity: Severity = "warning"
        if _served_otherwise(group, knowledge):
            severity = "info"
            first += f" {_OTHERWISE}"
        return group.finding(UNREACHABLE_KIND, severity, f"{first} {text.meaning}", remedy(text, ""))

    def _half_open_finding(self, group: Group, scanners: Scanners) -> Finding:
        text = HALF_OPEN[group.variant]
        peak, peak_at_ns = group.crowd.peak() if group.crowd is not None else (0, 0)
        first = (
            f"{group.who()} sent SYN+ACK to {group.they()} for {group.connections()} and never got the"
            f" ACK{_scan(group)}."
        )
        sentences = [first]
        if _by_scanner(group, scanners):
            sentences.append(_SCANNED)
        if group.tally["too_late"]:
            sentences.append(
                f"{part(group.tally['too_late'], group.count)} was acknowledged only when the server had"
                " given up: the ACK of the handshake was lost on the way."
            )
        if group.tally["syn_again"]:
            sentences.append(
                f"{part(group.tally['syn_again'], group.count)} was asked for again after the SYN+ACK: the"
                " client waits, and the SYN+ACK does not reach it."
            )
        if peak > 1:
            sentences.append(f"Up to {peak:,} half-open at once, at {moment(peak_at_ns)}.")
        if group.variant == "unanswered" and not group.turned and group.count >= FLOOD:
            sources = group.peers.count()
            if sources * 2 >= group.count:
                sentences.append("Hardly more than one attempt for each source: a SYN flood, most likely.")
            else:
                sentences.append(
                    f"{group.count / max(sources, 1):.0f} attempts for each source: rather a broken way back"
                    " (or few attackers) than forged sources."
                )
        sentences.append(GENERAL[HALF_OPEN_KIND])
        if group.tally["syn_again"] < group.count:
            sentences.append(text.meaning)
        severity: Severity = "critical" if group.count >= FLOOD else "warning"
        if _by_scanner(group, scanners) or (group.of_most() == "possible" and group.count < FLOOD):
            severity = "info"
        return group.finding(
            HALF_OPEN_KIND,
            severity,
            " ".join(sentences),
            remedy(text, group.socket_filter()),
        )

    def _stale_finding(self, group: Group) -> Finding:
        said = []
        if group.tally["refused"]:
            said.append(f"{group.tally['refused']:,} answered and then reset by the client itself")
        if group.tally["ignored"]:
            said.append(f"{group.tally['ignored']:,} in the middle of a living connection, without effect")
        text = TEXTS[STALE_KIND]
        first = (
            f"{group.who()} is named as sender of stale SYNs on {group.connections()} to {group.they()}:"
            f" {', '.join(said)}."
        )
        return group.finding(STALE_KIND, "info", f"{first} {text.meaning}", remedy(text, ""))


# Few addresses come back, by chance.
_ONCE = 1.5
_SCANNED = "The client tried many services: another finding tells of that."
_BACKGROUND = (
    "Each address on the Internet tried once and did not come back: scanners, as every address gets them."
)


#: A port that is served so soon after it refused had only not been opened yet.
_SOON_NS = 10_000_000_000
_OTHERWISE = (
    "The same port was served over the other IP version: clients that try both take what answers first"
    " (RFC 8305)."
)
_STARTED = "It was served within 10 s of that: the service was starting, and that has healed."
_UNSEEN = (
    "The capture shows nothing that the host answered, though other connections with it went on: its answers"
    " took another way. None of these SYNs was sent again, so they may well have been answered."
)


def _started_late(group: Group, knowledge: Knowledge) -> bool:
    """The service was heard soon after the last refusal, and not shortly before the first.

    Where it refused one client only, that one was served: others say nothing of whom it lets in.
    """
    service = knowledge.service(group.version, group.hi, group.lo, group.service_port)
    if group.turned or service is None or not service.established:
        return False
    if service.heard.between(group.first_ns - 3 * _SOON_NS, group.first_ns):
        return False
    until_ns = group.last_ns + _SOON_NS
    if group.peers.count() == 1:
        key = (group.version, group.hi, group.lo, group.service_port)
        served = knowledge.served_between(group.sole_peer, key, group.last_ns, until_ns)
        if served is not None:
            return served
    return service.heard.between(group.last_ns, until_ns)


def _unseen(group: Group, knowledge: Knowledge) -> bool:
    """Of the host nothing was captured, and yet it had answered: anybody, or the one client."""
    if group.turned:
        return False
    if knowledge.unseen(group.version, group.hi, group.lo):
        return True
    key = (group.version, group.hi, group.lo, group.service_port)
    return group.peers.count() == 1 and knowledge.one_way_of(group.sole_peer, key)


def _background(group: Group, tries: int, knowledge: Knowledge) -> bool:
    """Addresses of the Internet, each of which tried once, at what serves nobody."""
    if group.tally.get("inside"):
        return False
    if group.turned:
        return not is_inside(group.hi, group.lo, group.version) and tries <= _ONCE * group.targets.count()
    service = knowledge.service(group.version, group.hi, group.lo, group.service_port)
    return tries <= _ONCE * group.peers.count() and (service is None or not service.established)


def _many_tried(groups: Sequence[Group]) -> Scanners:
    """Clients that a finding of their own tells to try many services."""
    return {(group.version, group.hi, group.lo) for group in groups if group.turned}


def _by_scanner(group: Group, scanners: Scanners) -> bool:
    """It is what one service met of such a client."""
    return not group.turned and group.peers.count() == 1 and group.sole_peer in scanners


def _served_otherwise(group: Group, knowledge: Knowledge) -> bool:
    """The same port is served over the other version of IP."""
    return any(
        service.port == group.service_port and service.version != group.version and service.established
        for service in knowledge.services.entries.values()
    )


def _loopback(group: Group) -> bool:
    """127.0.0.0/8 and ::1."""
    return group.hi == 0 and (group.lo == 1 if group.version == 6 else group.lo >> 24 == 127)


def _scan(group: Group) -> str:
    if not group.turned:
        return ""
    if peers_tried(group):
        return " (many hosts, most on a port of its own: so peer-to-peer programs look for peers)"
    return " (one client against many services: its own network is at fault, or they failed together)"
