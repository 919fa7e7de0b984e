"""``keep-alive-race``: an idle connection is closed just as the next request comes, or had been before."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tcptrace_py.findings.case import Case
from tcptrace_py.findings.cause_texts import CLOSED_BEFORE
from tcptrace_py.findings.causes import by_count
from tcptrace_py.findings.causes.about import round_trip_ns, service_key, service_of, timer_between
from tcptrace_py.findings.causes.claim import Claim, Key
from tcptrace_py.findings.finding import CERTAIN, LIKELY, POSSIBLE, Evidence, Finding, Severity
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.resets import GOODBYE_BYTES, answered_close, goodbye
from tcptrace_py.findings.texts import TEXTS, remedy
from tcptrace_py.findings.timers import told
from tcptrace_py.findings.wording import duration, part, span, times
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.observations import BY_LATE_RESET, BY_STREAM_RESET, DATA, QUIET_NS, Reset, idle_class

#: A close and a request that come so close together crossed, however short the round trip.
_CROSSED_NS = 100_000_000
#: Before and after the timer, a request is in time or too late.
_EARLY, _LATE = 0.95, 1.05
#: So many closes after as long show a timer.
_CONSTANT = 2
#: QUIT, PING and the like are no longer, and nobody misses their answer.
_WORD_BYTES = 16
#: Who only says goodbye closes at once, so its FIN passes before a RST can come from so far.
_FAR_NS = 1_000_000
#: A server's last words go so short a time before its FIN.
_FAREWELL_NS = 10_000_000


class _Race(NamedTuple):
    """A request that met a close, after ``idle_ns`` of silence.

    ``closed``: the server's FIN passed. ``counted``: the silence is among the service's idle times.
    ``told``: the client had acknowledged that FIN before; ``doubtful``: it may only have said goodbye.
    """

    idle_ns: int
    asked_ns: int
    evidence: Callable[[], list[Evidence]]
    closed: bool = True
    counted: bool = False
    told: bool = False
    doubtful: bool = False


def _close_first(case: Case, reset: Reset | None, trip_ns: int) -> _Race | None:
    """The server's FIN ends the silence, and crosses the request."""
    seen, client_by, by = case.seen, case.client_by, case.server_by
    server = case.endpoint(by)
    asked_ns = seen.after_fin_ns[client_by - 1]
    if seen.close_by != by or seen.close_is_reset or not seen.close_settled or seen.close_spoke_last != by:
        return None
    if not asked_ns or asked_ns - seen.close_ns > trip_ns or goodbye(case, client_by):
        return None
    if answered_close(case, by) and server.fin_acked_ns < asked_ns:
        return None
    if reset is None and not server.rsts:
        return None

    def evidence() -> list[Evidence]:
        text = f"{case.name(by)} closes after {duration(seen.close_idle_ns)} of silence"
        lines = [case.evidence(seen.close_frame, seen.close_ns, text)]
        text = f"{duration(asked_ns - seen.close_ns)} later: the request that crossed it"
        lines.append(case.evidence(seen.after_fin_frame[client_by - 1], asked_ns, text))
        return lines

    return _Race(seen.close_idle_ns, asked_ns, evidence, counted=True)


def _asked(case: Case) -> bool:
    """The client's request ends a silence, on a connection on which the server has answered before."""
    seen, server = case.seen, case.endpoint(case.server_by)
    asked = seen.gap_by == case.client_by and seen.gap_what == DATA
    return bool(asked and server.bytes and server.last_data_ns < seen.gap_end_ns)


def _request(case: Case) -> Evidence:
    seen = case.seen
    text = f"{case.name(case.client_by)} sends a request after {duration(seen.gap_ns)} of silence"
    return case.evidence(seen.gap_end_frame, seen.gap_end_ns, text)


def _no_close(case: Case, reset: Reset | None, trip_ns: int) -> _Race | None:
    """The request ends the silence, and what answers it is RST; no FIN of the server passed."""
    seen = case.seen
    if reset is None or case.endpoint(case.server_by).fin_sent or not _asked(case):
        return None
    if not 0 <= reset.ns - seen.gap_end_ns <= trip_ns:
        return None
    return _Race(seen.gap_ns, seen.gap_end_ns, lambda: [_request(case)], closed=False)


def _request_first(case: Case, reset: Reset | None, trip_ns: int) -> _Race | None:
    """Captured at the client, the request passes first.

    The FIN does not acknowledge it, so that was sent before the request came; RST answers the request.
    """
    seen, client, server = case.seen, case.endpoint(case.client_by), case.endpoint(case.server_by)
    asked_ns = seen.gap_end_ns
    if reset is None or not reset.peer_outstanding or not _asked(case):
        return None
    if not asked_ns <= server.fin_ns <= reset.ns or server.fin_ns - asked_ns > trip_ns:
        return None
    if client.fin_sent and asked_ns <= client.fin_ns < server.fin_ns:
        # It said goodbye; who has lost a request closes when the server's FIN has come.
        return None

    def evidence() -> list[Evidence]:
        after = duration(server.fin_ns - asked_ns)
        text = f"{after} later: FIN from {case.name(case.server_by)}, sent before the request came"
        return [_request(case), case.evidence(server.fin_frame, server.fin_ns, text)]

    return _Race(seen.gap_ns, asked_ns, evidence)


def _closed_before(case: Case, reset: Reset | None, trip_ns: int) -> _Race | None:
    """The client had acknowledged the server's FIN, and sends its next request on it all the same.

    Its application did not look: it could have been told of the close (RFC 9293 section 3.6, case 2).
    """
    seen, client_by, by = case.seen, case.client_by, case.server_by
    client, server = case.endpoint(client_by), case.endpoint(by)
    asked_ns, size_bytes = seen.after_fin_ns[client_by - 1], seen.after_fin_bytes[client_by - 1]
    if reset is None or client.fin_sent or size_bytes <= _WORD_BYTES:
        return None
    if not server.fin_acked_frame or not server.fin_acked_ns < asked_ns <= reset.ns <= asked_ns + trip_ns:
        return None
    if size_bytes <= 2 * GOODBYE_BYTES and asked_ns - server.fin_acked_ns < _CROSSED_NS:
        # Who sees the close says its last words at once (HTTP/2's GOAWAY and close_notify).
        return None
    small = size_bytes <= GOODBYE_BYTES
    if small and round_trip_ns(case) < _FAR_NS:
        return None
    closed = seen.close_by == by and not seen.close_is_reset
    if closed and seen.close_settled and seen.close_spoke_last == by:
        idle_ns = seen.close_idle_ns
    elif seen.word_by == by and 0 <= server.fin_ns - seen.word_ns < _FAREWELL_NS:
        # It says why before it closes.
        idle_ns = seen.word_quiet_ns
    else:
        return None

    def evidence() -> list[Evidence]:
        text = f"{case.name(by)} closes after {duration(idle_ns)} of silence"
        lines = [case.evidence(server.fin_frame, server.fin_ns, text)]
        text = f"{case.name(client_by)} acknowledges the FIN: its application can know"
        lines.append(case.evidence(server.fin_acked_frame, server.fin_acked_ns, text))
        text = f"{duration(asked_ns - server.fin_acked_ns)} later: its next request, on that connection"
        lines.append(case.evidence(seen.after_fin_frame[client_by - 1], asked_ns, text))
        return lines

    counted = closed and idle_ns == seen.close_idle_ns
    return _Race(idle_ns, asked_ns, evidence, counted=counted, told=True, doubtful=small)


class KeepAliveRace:
    """By the server, whose idle time-out is the shorter one."""

    KIND = "keep-alive-race"
    TOLD_FROM = BY_LATE_RESET | BY_STREAM_RESET

    def look(self, case: Case, knowledge: Knowledge, settings: Settings) -> Claim | None:
        seen = case.seen
        if seen is None or not case.connection.established:
            return None
        if not (seen.gap_by or seen.after_fin_ns[0] or seen.after_fin_ns[1]):
            return by_count.by_count(case)
        trip_ns = max(3 * round_trip_ns(case), _CROSSED_NS)
        by = case.server_by
        reset = seen.resets[by - 1]
        race = _close_first(case, reset, trip_ns) or _no_close(case, reset, trip_ns)
        race = race or _request_first(case, reset, trip_ns) or _closed_before(case, reset, trip_ns)
        if race is None:
            return by_count.by_count(case)

        def evidence() -> list[Evidence]:
            lines = race.evidence()
            if reset is not None:
                text = f"{case.name(by)} answers it with RST: the request is lost"
                lines.append(case.evidence(reset.frame, reset.ns, text))
            return lines

        return Claim(
            by,
            race.asked_ns,
            reset.ns if reset is not None else race.asked_ns,
            POSSIBLE if race.doubtful else CERTAIN if race.closed else LIKELY,
            evidence,
            measure_ns=race.idle_ns,
            # Those are among the closes that are known of the service.
            tally={"counted": int(race.counted and race.idle_ns >= QUIET_NS), "told": int(race.told)},
            explains=(
                *(("stuck-close-wait", "stuck-fin-wait-2") if race.told else ()),
                "reset-abort",
                "reset-after-close",
                "reset-no-connection",
                "half-close",
                "time-wait-assassination",
                "dead-peer",
            ),
            hangs_on=None if race.closed else ("idle", *service_key(case), idle_class(race.idle_ns)),
            facts=(race.idle_ns,),
        )

    def judge(self, key: Key, facts: tuple[object, ...], group: Group, knowledge: Knowledge) -> bool:
        """The server closes others after just about as long, or as many answers."""
        if key[0] == by_count.VARIANT:
            return by_count.judge(key, knowledge)
        service = knowledge.services.entries.get(key[1:5])
        if service is None:
            return False
        count, _, _ = timer_between(
            service.closed[0], round(group.least_ns * _EARLY), round(group.most_ns * _LATE)
        )
        return count >= 2

    def finding(self, group: Group, knowledge: Knowledge, end_ns: int) -> Finding:
        if group.variant == by_count.VARIANT:
            return by_count.finding(self.KIND, group, knowledge)
        text = TEXTS[self.KIND]
        told_before = group.tally["told"]
        closed = f"{group.who()} closed {group.connections()} with {group.they()} after"
        closed += f" {span(group.least_ns, group.most_ns)} of silence"
        if told_before == group.count:
            sentences = [
                f"{closed}, and the next requests were sent on them all the same, after the client had"
                " acknowledged the close: the requests were lost."
            ]
        else:
            sentences = [f"{closed}, just as the next request came: the requests were lost."]
            if told_before:
                many = part(told_before, group.count)
                sentences.append(f"On {many} the client had acknowledged the close before.")
        service = service_of(group, knowledge)
        others = 0
        if service is not None:
            count, least_ns, most_ns = timer_between(
                service.closed[0], round(group.least_ns * _EARLY), round(group.most_ns * _LATE)
            )
            count -= group.tally["counted"]
            others = count
            if count > 0:
                sentences.append(
                    f"It closed {times(count, 'other connection')} idle for {span(least_ns, most_ns)} that"
                    " nobody was about to use."
                )
            sentences += told(service, server=count <= 0)
        sentences.append(CLOSED_BEFORE.meaning if told_before == group.count else text.meaning)
        advice = (
            f"Let the client give idle connections up sooner than the server, which closes them after"
            f" {duration(group.least_ns)}. {remedy(CLOSED_BEFORE if told_before else text, '')}"
        )
        # One that was short may have been a goodbye; that several were is no accident.
        lost = group.count >= _CONSTANT or group.of_most() != "possible"
        severity: Severity = "warning" if lost else "info"
        finding = group.finding(self.KIND, severity, " ".join(sentences), advice)
        if finding.confidence == "certain" and group.count + max(others, 0) < _CONSTANT:
            # That it closes after so long by rule rests on this one close.
            finding.confidence = "likely"
        return finding
