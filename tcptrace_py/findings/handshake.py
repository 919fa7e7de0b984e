"""Handshakes that fail: refused, unanswered, unreachable, half-open, and stale SYNs (S2, S11, S22).

Compiled (see ``handshake.pxd``): in a flood every connection is one of them.
"""

from __future__ import annotations

from collections.abc import Collection

from tcptrace_py.findings.case import Case, evidence
from tcptrace_py.findings.families import HANDSHAKE, LATE_NS
from tcptrace_py.findings.finding import CERTAIN, LIKELY, POSSIBLE, Evidence, Finding
from tcptrace_py.findings.group import Group, Groups
from tcptrace_py.findings.handshake_findings import (
    HALF_OPEN_KIND,
    REFUSED_KIND,
    STALE_KIND,
    TIMEOUT_KIND,
    UNREACHABLE_KIND,
    handshake_findings,
)
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.wording import duration, socket_name, times
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.attempt import Attempt
from tcptrace_py.tcp.codes import ABORTED, REFUSED, REFUSED_HANDSHAKE, UNANSWERED, UNREACHABLE
from tcptrace_py.tcp.codes import HALF_OPEN as HALF_OPEN_OUTCOME
from tcptrace_py.tcp.state import CLOSED, ESTABLISHED, SYN_RCVD
from tcptrace_py.wire.address import address_text
from tcptrace_py.wire.inside import is_inside

#: What Linux waits at least before it gives up by itself: the last of six retransmissions, 63 s.
_KERNEL_GIVES_UP_NS = 60_000_000_000
#: Who refuses the old connection so often asks for a new one each time.
_INSISTS = 3
#: No kernel sends its last SYN sooner than that: Windows does after 9 s, of two retransmissions.
_NO_KERNEL_NS = 8_500_000_000


def _refused_late(case: Case) -> bool:
    """The RST comes so long after the last SYN that it is no answer of the host's."""
    connection = case.connection
    return bool(connection.rare.reset_ns - connection.last_syn_ns() >= LATE_NS)


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
        outcome = connection.handshake
        if outcome == REFUSED_HANDSHAKE and _refused_late(case):
            kinds += self._take_timeout(case)
        elif outcome == REFUSED_HANDSHAKE:
            kinds += self._take_refused(case)
        elif outcome == UNANSWERED:
            kinds += self._take_timeout(case)
        elif outcome == UNREACHABLE:
            kinds += self._take_unreachable(case)
        elif outcome == ABORTED:
            if connection.rare.reuse_of >= 0 or connection.rare.reused_by >= 0:
                kinds += self._take_refused_stale(case)
        else:
            kinds += self._take_half_open(case, outcome == HALF_OPEN_OUTCOME)
        if connection.rare.stale_syns:
            kinds += self._take_ignored_stale(case)
        return kinds

    def look_at_attempt(self, attempt: Attempt, at_end: bool, waited_until_ns: int) -> None:
        """What ``look`` does where one SYN is all of a connection, and its form tells nothing more.

        ``waited_until_ns``: how long an answer may have come, as far as the capture knows.
        """
        version = attempt.ip_version
        hi = attempt.src_hi
        lo = attempt.src_lo
        syn_ns = attempt.ts_ns
        if waited_until_ns - syn_ns < LATE_NS:
            if at_end:
                group = self._begun.at("server", version, attempt.dst_hi, attempt.dst_lo, attempt.dst_port)
                group.count_one(attempt.id, version, hi, lo, 1, syn_ns, syn_ns, LIKELY)
            return
        group = self._timeouts.at("server", version, attempt.dst_hi, attempt.dst_lo, attempt.dst_port)
        group.count_one(attempt.id, version, hi, lo, 1, syn_ns, syn_ns, LIKELY)
        # As ``_time_out`` would, of all of them at once: see ``_settle``.
        group.alone += 1
        if is_inside(hi, lo, version):
            group.alone_inside += 1
        if group.wants_example(attempt.id):
            group.example(attempt.id, [_only_syn(attempt)])

    # --- refused ---

    def _take_refused(self, case: Case) -> list[str]:
        connection = case.connection
        if REFUSED_KIND in case.explained:
            return []
        by = case.server_by
        refused_ns = connection.rare.reset_ns or connection.last_ns
        group = self._refused.of(case, by)
        group.add(case, by, connection.syn_ns(), refused_ns, CERTAIN)
        client = case.endpoint(case.client_by)
        if is_inside(client.address_hi, client.address_lo, connection.ip_version):
            group.tally["inside"] += 1
        if group.wants_example(connection.id):
            lines = [self._syn(case)]
            if connection.rare.reset_frame:
                text = f"{case.name(by)} answers with RST"
                lines.append(case.evidence(connection.rare.reset_frame, connection.rare.reset_ns, text))
            group.example(connection.id, lines)
        return [REFUSED_KIND]

    def _syn(self, case: Case) -> Evidence:
        connection = case.connection
        text = f"{case.name(case.client_by)} sent SYN to {case.name(case.server_by)}"
        return case.evidence(connection.syn_frame(), connection.syn_ns(), text)

    # --- no answer ---

    def _take_timeout(self, case: Case) -> list[str]:
        connection = case.connection
        if TIMEOUT_KIND in case.explained:
            return []
        client = case.endpoint(case.client_by)
        late_ns = connection.rare.reset_ns if connection.reset_cause == REFUSED else 0
        waited_until_ns = case.until(
            connection.last_syn_ns(), late_ns or connection.rare.reused_ns or case.end_ns
        )
        by = case.server_by
        if (
            case.at_end
            and not late_ns
            and _under_way(client.syns, connection.syn_ns(), connection.last_syn_ns(), waited_until_ns)
        ):
            # Where the capture ends so soon, an answer to its SYN may come: it would be a slow connect.
            self._begun.of(case, by).add(case, by, connection.syn_ns(), connection.syn_ns(), LIKELY)
            return []
        if client.syns < 2 and waited_until_ns - connection.syn_ns() < LATE_NS:
            return []
        group = self._timeouts.of(case, by)
        joins = case.seen is not None and case.seen.joins
        confidence = CERTAIN if client.syns > 1 else LIKELY
        if joins:
            group.tally["joins"] += 1
            confidence = POSSIBLE
        group.add(case, by, connection.syn_ns(), connection.last_syn_ns(), confidence)
        tried_ns = case.until(connection.syn_ns(), connection.last_syn_ns()) - connection.syn_ns()
        # The waits double, so the next SYN was due within as long again as all of it took so far.
        stopped = waited_until_ns - connection.last_syn_ns() > tried_ns + 2_000_000_000
        inside = is_inside(client.address_hi, client.address_lo, connection.ip_version)
        self._time_out(group, client.syns, tried_ns, stopped, inside, late_ns > 0)
        if group.wants_example(connection.id):
            lines = [self._syn(case)]
            if client.syns > 1:
                text = (
                    f"{duration(tried_ns)} later: SYN number {client.syns}"
                    f"{', the last one' if stopped or late_ns else ''}; no answer"
                )
                lines.append(case.evidence(connection.last_syn_frame(), connection.last_syn_ns(), text))
            if late_ns:
                after = duration(late_ns - connection.last_syn_ns())
                text = f"{after} after the last SYN: RST in the name of {case.name(by)}"
                lines.append(case.evidence(connection.rare.reset_frame, late_ns, text))
            elif not stopped:
                waited = duration(waited_until_ns - connection.syn_ns())
                text = f"{waited} after the first SYN: no answer so far"
                lines.append(case.evidence(0, waited_until_ns, text))
            group.example(connection.id, lines)
        return [TIMEOUT_KIND]

    def _time_out(
        self, group: Group, syns: int, tried_ns: int, stopped: bool, inside: bool, late: bool
    ) -> None:
        """Count how an attempt was tried; ``stopped``: its next SYN had been due; ``late``: RST came so."""
        group.measure(tried_ns)
        tally = group.tally
        tally["syns"] += syns
        if inside:
            tally["inside"] += 1
        if late:
            tally["late"] += 1
        elif not stopped:
            tally["trying"] += 1
        elif tried_ns >= _KERNEL_GIVES_UP_NS:
            tally["kernel"] += 1
        else:
            tally["application" if tried_ns < _NO_KERNEL_NS else "either"] += 1

    def _settle(self) -> None:
        """Those that were tried once, for no time, are in the tallies."""
        for group in self._timeouts:
            if group.alone:
                group.measure(0)
                group.tally["syns"] += group.alone
                group.tally["application"] += group.alone
                if group.alone_inside:
                    group.tally["inside"] += group.alone_inside
                group.alone = group.alone_inside = 0

    # --- unreachable ---

    def _take_unreachable(self, case: Case) -> list[str]:
        connection = case.connection
        if UNREACHABLE_KIND in case.explained:
            return []
        by = case.server_by
        error = connection.rare.unreachable
        reason = str(getattr(error, "reason", "unreachable"))
        group = self._unreachable.of(case, by)
        group.add(case, by, connection.syn_ns(), connection.rare.unreachable_ns, LIKELY)
        group.tally[reason] += 1
        if case.seen is not None and case.seen.joins:
            group.tally["joins"] += 1
        if group.wants_example(connection.id):
            reporter = ""
            if error is not None:
                hi, lo = getattr(error, "reporter_hi", 0), getattr(error, "reporter_lo", 0)
                reporter = f" from {address_text(hi, lo, connection.ip_version)}" if hi or lo else ""
            text = f"ICMP{reporter}: {reason}"
            line = case.evidence(connection.rare.unreachable_frame, connection.rare.unreachable_ns, text)
            group.example(connection.id, [self._syn(case), line])
        return [UNREACHABLE_KIND]

    # --- half open ---

    def _take_half_open(self, case: Case, half_open: bool) -> list[str]:
        connection = case.connection
        if connection.simultaneous_open or not connection.syn_ack_frame or HALF_OPEN_KIND in case.explained:
            return []
        by = case.server_by
        server = case.endpoint(by)
        client = case.endpoint(case.client_by)
        state = server.state
        entered_ns = 0
        too_late = False
        # Where nothing passed but SYNs and SYN+ACKs, as in a flood, the history tells no more.
        if client.packets != client.syns or server.packets != server.syn_acks or state != SYN_RCVD:
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
            if _under_way(
                server.syn_acks, connection.syn_ack_ns, connection.last_syn_ack_ns(), seen_until_ns
            ):
                self._half_begun.of(case, by).add(
                    case, by, connection.syn_ns(), connection.syn_ack_ns, LIKELY
                )
                return []
        elif server.syn_acks < 2 and seen_until_ns - connection.syn_ack_ns < LATE_NS:
            return []
        group = self._half_open.of(case, by, "unanswered")
        sure = CERTAIN if server.syn_acks > 1 else LIKELY
        if not connection.syn_frame() or (server.syn_acks == 1 and not too_late):
            # Nobody may have asked: an answer to a forged SYN, or one direction only. And a server that
            # waits for the ACK sends its SYN+ACK again after 1 s (RFC 6298 section 2).
            sure = POSSIBLE
        group.add(case, by, connection.syn_ack_ns, connection.last_syn_ack_ns(), sure)
        group.tally["syn_acks"] += server.syn_acks
        if too_late:
            group.tally["too_late"] += 1
            if server.syn_acks == 1:
                group.tally["once"] += 1
        if connection.last_syn_ns() > connection.syn_ack_ns > 0:
            # Its SYN again, after a SYN+ACK: that one has not come.
            group.tally["syn_again"] += 1
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
        waited_ns = connection.ack_ns - connection.last_syn_ack_ns()
        between_ns = connection.last_syn_ack_ns() - connection.syn_ack_ns
        due_ns = 2 * between_ns if server.syn_acks == 2 else max(between_ns, LATE_NS)
        return bool(connection.ack_frame and waited_ns > due_ns and reset.ns - connection.ack_ns < LATE_NS)

    def _half_open_evidence(self, case: Case) -> list[Evidence]:
        connection = case.connection
        name, client_name = case.name(case.server_by), case.name(case.client_by)
        server = case.endpoint(case.server_by)
        lines = [self._syn(case)] if connection.syn_frame() else []
        text = f"{name} answers with SYN+ACK"
        lines.append(case.evidence(connection.syn_ack_frame, connection.syn_ack_ns, text))
        late = self._too_late(case)
        if server.syn_acks > 1:
            ns = connection.last_syn_ack_ns() - connection.syn_ack_ns
            text = (
                f"{duration(ns)} later: SYN+ACK again, the last of"
                f" {times(server.syn_acks - 1, 'retransmission')};"
                f" no ACK from {client_name}{' yet' if late else ''}"
            )
            lines.append(case.evidence(connection.last_syn_ack_frame(), connection.last_syn_ack_ns(), text))
        elif not late:
            until_ns = case.until(connection.syn_ack_ns, case.end_ns)
            waited = duration(until_ns - connection.syn_ack_ns)
            lines.append(case.evidence(0, until_ns, f"{waited} later: no ACK from {client_name}"))
        if late:
            waited = duration(connection.ack_ns - connection.last_syn_ack_ns())
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
        group.add(case, by, connection.syn_ns() or connection.first_ns, connection.rare.reset_ns, LIKELY)
        group.tally["refused"] += 1
        if group.wants_example(connection.id):
            lines = [self._syn(case)] if connection.syn_frame() else []
            if connection.syn_ack_frame:
                text = f"{case.name(case.server_by)} answers with SYN+ACK"
                lines.append(case.evidence(connection.syn_ack_frame, connection.syn_ack_ns, text))
            if connection.rare.reset_frame:
                text = f"{case.name(by)} knows nothing of it: RST"
                lines.append(case.evidence(connection.rare.reset_frame, connection.rare.reset_ns, text))
            if connection.rare.reused_frame:
                text = f"{case.name(by)} sent SYN with another number on the same ports"
                lines.append(case.evidence(connection.rare.reused_frame, connection.rare.reused_ns, text))
            group.example(connection.id, lines)
        return [STALE_KIND]

    def _take_ignored_stale(self, case: Case) -> list[str]:
        connection = case.connection
        if STALE_KIND in case.explained:
            return []
        by = connection.rare.stale_syn_by
        group = self._stale.of(case, by)
        group.add(case, by, connection.rare.stale_syn_ns, connection.rare.stale_syn_ns, POSSIBLE)
        group.tally["ignored"] += connection.rare.stale_syns
        lasted_ns = case.last_segment()[0] - connection.rare.stale_syn_ns
        if by == case.client_by and case.endpoint(by).rsts >= _INSISTS and lasted_ns >= LATE_NS:
            # No copy of an old SYN: the client wants to connect, and refuses the old numbers each time.
            group.tally["insisted"] += 1
        if group.wants_example(connection.id):
            text = (
                f"SYN from {case.name(by)} with another number in the middle of the connection;"
                " nothing came of it"
            )
            group.example(
                connection.id,
                [case.evidence(connection.rare.stale_syn_frame, connection.rare.stale_syn_ns, text)],
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
        self._settle()
        return handshake_findings(
            self._refused,
            self._timeouts,
            self._unreachable,
            self._half_open,
            self._stale,
            self._begun,
            self._half_begun,
            knowledge,
        )


def _only_syn(attempt: Attempt) -> Evidence:
    """The evidence that ``Handshakes._syn`` gives of a connection."""
    version = attempt.ip_version
    client = socket_name(version, attempt.src_hi, attempt.src_lo, attempt.src_port)
    server = socket_name(version, attempt.dst_hi, attempt.dst_lo, attempt.dst_port)
    return evidence(attempt.id, attempt.frame, attempt.ts_ns, f"{client} sent SYN to {server}")
