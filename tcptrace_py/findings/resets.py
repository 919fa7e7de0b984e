"""RSTs: who resets whom, and why (S9, S24)."""

from __future__ import annotations

from collections.abc import Collection

from tcptrace_py.findings import families
from tcptrace_py.findings.case import Case
from tcptrace_py.findings.case import other as peer_of
from tcptrace_py.findings.finding import CERTAIN, LIKELY, POSSIBLE, Evidence, Finding, Severity
from tcptrace_py.findings.group import Group, Groups
from tcptrace_py.findings.texts import GENERAL, RESET_ABORT, TEXTS, Text, remedy
from tcptrace_py.findings.wording import duration, part, span, times
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.serial import distance
from tcptrace_py.tcp.words import (
    ABORT,
    AFTER_CLOSE,
    CLOSE_WAIT_ABORT,
    FITS_NOTHING,
    KILLS_TIME_WAIT,
    NO_CONNECTION,
    RECEIVER_GOES_ON,
    RESET_CAUSES,
    SENDER_GOES_ON,
    TIMEOUT,
)

ABORT_KIND = "reset-abort"
AFTER_CLOSE_KIND = "reset-after-close"
NO_CONNECTION_KIND = "reset-no-connection"
ASSASSINATION_KIND = "time-wait-assassination"
STRAY_KIND = "stray-reset"

#: Silence before a RST that suggests that some idle time-out ran out.
_IDLE_NS = 5_000_000_000
#: A server that resets so soon after the handshake, without a byte, did not take the connection up.
_AT_ONCE_NS = 100_000_000
#: So many stray RSTs on one connection are no accident.
_MANY_STRAYS = 10

_KINDS = {
    ABORT: ABORT_KIND,
    CLOSE_WAIT_ABORT: ABORT_KIND,
    TIMEOUT: ABORT_KIND,
    AFTER_CLOSE: AFTER_CLOSE_KIND,
    NO_CONNECTION: NO_CONNECTION_KIND,
    KILLS_TIME_WAIT: ASSASSINATION_KIND,
}

#: What a RST shows, for its evidence line.
_SHOWS = {
    ABORT: "sent RST; no FIN had been sent by either side",
    CLOSE_WAIT_ABORT: "sent RST from CLOSE_WAIT, instead of its FIN",
    TIMEOUT: "sent RST after its own unanswered retransmissions or probes",
    AFTER_CLOSE: "sent RST although it had sent FIN before",
    NO_CONNECTION: "sent RST without ACK, its number the provoking segment's: it knows no such connection",
    KILLS_TIME_WAIT: "sent RST while the other side was in TIME_WAIT",
}

#: Why a RST changed nothing, by ``Connection.stray_reset_fits``.
_CHANGES_NOTHING = {
    FITS_NOTHING: "that does not fit the connection and changes nothing",
    SENDER_GOES_ON: "that was not its own: its number fitted, but its sender went on",
    RECEIVER_GOES_ON: "that changes nothing: its number fitted, but its receiver went on",
}


class Resets:
    """Collects RSTs by who sent them; one group for each cause.

    Warnings. Information only: ``timeout`` (a consequence), ``reset-after-close`` where
    nothing was lost, ``stray-reset`` unless some connection drew ten or more. A RST that ends a
    silence or a handshake which has a finding of its own is not told twice.
    """

    KINDS = (ABORT_KIND, AFTER_CLOSE_KIND, NO_CONNECTION_KIND, ASSASSINATION_KIND, STRAY_KIND)
    SUSPECT = families.RESETS

    def __init__(self, settings: Settings) -> None:
        self._groups: dict[str, Groups] = {kind: Groups() for kind in _KINDS.values()}
        self._strays = Groups()

    def look(self, case: Case, known: Collection[str]) -> list[str]:
        connection = case.connection
        kinds = []
        cause = connection.reset_cause
        told = (cause == TIMEOUT and "dead-peer" in known) or (
            cause in (ABORT, TIMEOUT) and "half-open-handshake" in known
        )
        if connection.reset_by and cause in _KINDS and not told:
            self._take(case, cause)
            kinds.append(_KINDS[cause])
        if connection.stray_resets:
            self._take_stray(case)
            kinds.append(STRAY_KIND)
        return kinds

    def _take(self, case: Case, cause: int) -> None:
        connection = case.connection
        by = connection.reset_by
        kind = _KINDS[cause]
        group = self._groups[kind].of(case, by, RESET_CAUSES[cause] if kind == ABORT_KIND else "")
        group.add(case, by, connection.reset_ns, connection.reset_ns, self._confidence(case, cause))
        idle_ns = self._idle_ns(case)
        if cause in (ABORT, NO_CONNECTION) and idle_ns >= 0:
            group.measure(idle_ns)
            if idle_ns >= _IDLE_NS:
                group.tally["idle"] += 1
        sender, receiver = case.endpoint(by), case.endpoint(peer_of(by))
        if cause == ABORT:
            since_ns = connection.reset_ns - connection.ack_ns
            if by == case.server_by and connection.ack_ns and since_ns < _AT_ONCE_NS and sender.bytes == 0:
                group.tally["at_once"] += 1
            if receiver.has_una and distance(receiver.snd_nxt, receiver.snd_una) > 0:
                group.tally["unacknowledged"] += 1
        if cause == AFTER_CLOSE:
            delivered = receiver.fin_sent and receiver.has_una
            if delivered and distance(receiver.fin_seq, receiver.snd_una) <= 0:
                group.tally["harmless"] += 1
        if group.wants_example(connection.id):
            group.example(connection.id, self._evidence(case, cause, idle_ns))

    def _confidence(self, case: Case, cause: int) -> int:
        connection = case.connection
        sender = case.endpoint(connection.reset_by)
        if sender.packets <= sender.rsts and not connection.established:
            # Nothing but its RST was seen of it.
            return POSSIBLE
        if connection.pending_reset_frame == connection.reset_frame:
            # Not exact; only the silence afterwards speaks for it.
            return LIKELY
        if connection.doubtful:
            # Another RST on this connection was not its sender's, or was not believed; this may be like it.
            return LIKELY
        return LIKELY if cause in (NO_CONNECTION, KILLS_TIME_WAIT) else CERTAIN

    def _idle_ns(self, case: Case) -> int:
        """How long before the RST its sender had last sent data, or the handshake was done; -1 unknown."""
        connection = case.connection
        sender, receiver = case.endpoint(connection.reset_by), case.endpoint(peer_of(connection.reset_by))
        last_ns = max(sender.last_data_ns, connection.ack_ns)
        if connection.reset_cause != NO_CONNECTION:
            # There the peer's last data is what provoked the RST; here it is use of the connection.
            last_ns = max(last_ns, receiver.last_data_ns)
        return max(connection.reset_ns - last_ns, 0) if last_ns else -1

    def _evidence(self, case: Case, cause: int, idle_ns: int) -> list[Evidence]:
        connection = case.connection
        by = connection.reset_by
        lines = []
        for fin_by in (connection.first_fin_by, peer_of(connection.first_fin_by)):
            if not connection.first_fin_by:
                break
            endpoint = case.endpoint(fin_by)
            if endpoint.fin_sent and 0 < endpoint.fin_ns <= connection.reset_ns:
                text = f"{case.name(fin_by)} sent FIN"
                lines.append(case.evidence(endpoint.fin_frame, endpoint.fin_ns, text))
        if not lines and connection.ack_frame:
            text = "the handshake is complete"
            lines.append(case.evidence(connection.ack_frame, connection.ack_ns, text))
        text = f"{case.name(by)} {_SHOWS[cause]}"
        if cause in (ABORT, NO_CONNECTION) and idle_ns >= _IDLE_NS:
            text += f"; {duration(idle_ns)} without data before"
        lines.append(case.evidence(connection.reset_frame, connection.reset_ns, text))
        return lines

    def _take_stray(self, case: Case) -> None:
        connection = case.connection
        by = connection.stray_reset_by
        group = self._strays.of(case, by)
        group.add(case, by, connection.stray_reset_ns, connection.stray_reset_ns, CERTAIN)
        group.tally["resets"] += connection.stray_resets
        if connection.stray_resets >= _MANY_STRAYS:
            group.tally["many"] += 1
        if group.wants_example(connection.id):
            text = f"RST in the name of {case.name(by)} {_CHANGES_NOTHING[connection.stray_reset_fits]}"
            if connection.stray_resets > 1:
                text += f"; the first of {connection.stray_resets:,}"
            line = case.evidence(connection.stray_reset_frame, connection.stray_reset_ns, text)
            group.example(connection.id, [line])

    # --- what it amounts to ---

    def merge(self, other: Resets) -> None:
        for kind, groups in other._groups.items():
            self._groups[kind].merge(groups)
        self._strays.merge(other._strays)

    def findings(self, end_ns: int) -> list[Finding]:
        found = [self._abort_finding(group) for group in self._groups[ABORT_KIND].turned()]
        found += [self._after_close_finding(group) for group in self._groups[AFTER_CLOSE_KIND].turned()]
        found += [self._no_connection_finding(group) for group in self._groups[NO_CONNECTION_KIND].turned()]
        found += [self._assassination_finding(group) for group in self._groups[ASSASSINATION_KIND].turned()]
        found += [self._stray_finding(group) for group in self._strays.turned()]
        return found

    def _abort_finding(self, group: Group) -> Finding:
        text = RESET_ABORT[group.variant]
        first = {
            "abort": "aborted {} with {} by RST, without a FIN from either side.",
            "close_wait_abort": "answered the FIN with RST on {} with {}, instead of closing.",
            "timeout": "gave up {} with {} by RST after no answer.",
        }[group.variant]
        sentences = [f"{group.who()} {first.format(group.connections(), group.they())}"]
        if group.variant == "abort":
            sentences += self._hints(group)
        sentences += [GENERAL[ABORT_KIND], text.meaning]
        severity: Severity = "info" if group.variant == "timeout" else "warning"
        return group.finding(ABORT_KIND, severity, " ".join(sentences), remedy(text, group.socket_filter()))

    def _hints(self, group: Group) -> list[str]:
        hints = []
        if group.tally["at_once"]:
            hints.append(
                f"{part(group.tally['at_once'], group.count)} came within 100 ms of the handshake, before"
                " the server had sent a byte: a full accept queue with net.ipv4.tcp_abort_on_overflow=1, or a"
                " server that closes at once without reading."
            )
        if group.tally["idle"]:
            hints.append(self._silence(group))
        if group.tally["unacknowledged"]:
            hints.append(
                f"{part(group.tally['unacknowledged'], group.count)} left data of the other side"
                " unacknowledged."
            )
        return hints

    def _silence(self, group: Group) -> str:
        said = f"Before the RST there was no data for {span(group.least_ns, group.most_ns)}"
        steady = group.count >= 3 and group.most_ns - group.least_ns <= group.most_ns // 10
        return said + (": always about as long, so probably an idle time-out." if steady else ".")

    def _after_close_finding(self, group: Group) -> Finding:
        text = TEXTS[AFTER_CLOSE_KIND]
        harmless = group.tally["harmless"]
        sentences = [f"{group.who()} sent RST after FIN on {group.connections()} with {group.they()}."]
        if harmless:
            sentences.append(f"{part(harmless, group.count)} came when all data had been acknowledged.")
        sentences.append(text.meaning)
        severity: Severity = "info" if harmless == group.count else "warning"
        return group.finding(AFTER_CLOSE_KIND, severity, " ".join(sentences), remedy(text, ""))

    def _no_connection_finding(self, group: Group) -> Finding:
        text = TEXTS[NO_CONNECTION_KIND]
        sentences = [
            f"{group.who()} no longer knew {group.connections()} that {group.they()} still used, and"
            " answered with RST."
        ]
        if group.tally["idle"]:
            sentences.append(self._silence(group))
        sentences.append(text.meaning)
        return group.finding(NO_CONNECTION_KIND, "warning", " ".join(sentences), remedy(text, ""))

    def _assassination_finding(self, group: Group) -> Finding:
        text: Text = TEXTS[ASSASSINATION_KIND]
        first = f"{group.who()} sent RST on {group.connections()} that {group.they()} held in TIME_WAIT."
        return group.finding(ASSASSINATION_KIND, "warning", f"{first} {text.meaning}", remedy(text, ""))

    def _stray_finding(self, group: Group) -> Finding:
        text = TEXTS[STRAY_KIND]
        first = (
            f"{group.who()} is named as sender of {times(group.tally['resets'], 'RST')} that changed nothing,"
            f" on {group.connections()} with {group.they()}."
        )
        severity: Severity = "warning" if group.tally["many"] else "info"
        return group.finding(STRAY_KIND, severity, f"{first} {text.meaning}", remedy(text, ""))
