"""``keep-alive-race``: an idle connection is closed just as the next request comes."""

from __future__ import annotations

from tcptrace_py.findings.case import Case
from tcptrace_py.findings.causes.about import round_trip_ns, service_key, service_of, timer_between
from tcptrace_py.findings.causes.claim import Claim, Key
from tcptrace_py.findings.finding import CERTAIN, LIKELY, Evidence, Finding
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.resets import answered_close, goodbye
from tcptrace_py.findings.texts import TEXTS, remedy
from tcptrace_py.findings.timers import told
from tcptrace_py.findings.wording import duration, span, times
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.observations import BY_LATE_RESET, DATA, QUIET_NS, idle_class

#: A close and a request that come so close together crossed, however short the round trip.
_CROSSED_NS = 100_000_000
#: Before and after the timer, a request is in time or too late.
_EARLY, _LATE = 0.95, 1.05
#: So many closes after as long show a timer.
_CONSTANT = 2


class KeepAliveRace:
    """By the server, whose idle time-out is the shorter one."""

    KIND = "keep-alive-race"
    TOLD_FROM = BY_LATE_RESET

    def look(self, case: Case, knowledge: Knowledge, settings: Settings) -> Claim | None:
        seen = case.seen
        if seen is None or not case.connection.established:
            return None
        client_by, server_by = case.client_by, case.server_by
        trip_ns = max(3 * round_trip_ns(case), _CROSSED_NS)
        client, server = case.endpoint(client_by), case.endpoint(server_by)
        reset = seen.resets[server_by - 1]
        fin_follows = False
        # The server's FIN ends the silence and crosses the request.
        if (
            seen.close_by == server_by
            and not seen.close_is_reset
            and seen.close_settled
            and seen.close_spoke_last == server_by
            and seen.after_fin_ns[client_by - 1]
            and seen.after_fin_ns[client_by - 1] - seen.close_ns <= trip_ns
            and not goodbye(case, client_by)
            and not (
                answered_close(case, server_by) and server.fin_acked_ns < seen.after_fin_ns[client_by - 1]
            )
            and (reset is not None or server.rsts)
        ):
            idle_ns = seen.close_idle_ns
            asked_ns, asked_frame = seen.after_fin_ns[client_by - 1], seen.after_fin_frame[client_by - 1]
            crossed = True
        elif (
            # The request ends the silence; what answers it is RST.
            reset is not None
            and not server.fin_sent
            and seen.gap_by == client_by
            and seen.gap_what == DATA
            and 0 <= reset.ns - seen.gap_end_ns <= trip_ns
            and server.last_data_ns < seen.gap_end_ns
            and server.bytes
        ):
            idle_ns = seen.gap_ns
            asked_ns, asked_frame = seen.gap_end_ns, seen.gap_end_frame
            crossed = False
        elif (
            # Captured at the client, the request passes first. The FIN does not acknowledge it, so that
            # was sent before the request came; RST answers the request.
            reset is not None
            and reset.peer_outstanding
            and seen.gap_by == client_by
            and seen.gap_what == DATA
            and server.last_data_ns < seen.gap_end_ns <= server.fin_ns <= reset.ns
            and server.fin_ns - seen.gap_end_ns <= trip_ns
            and server.bytes
            and not (client.fin_sent and client.fin_ns - seen.gap_end_ns <= trip_ns)
        ):
            idle_ns = seen.gap_ns
            asked_ns, asked_frame = seen.gap_end_ns, seen.gap_end_frame
            crossed = fin_follows = True
        else:
            return None
        by = server_by

        def evidence() -> list[Evidence]:
            lines = []
            if fin_follows:
                text = f"{case.name(client_by)} sends a request after {duration(idle_ns)} of silence"
                lines.append(case.evidence(asked_frame, asked_ns, text))
                after = duration(server.fin_ns - asked_ns)
                text = f"{after} later: FIN from {case.name(by)}, sent before the request came"
                lines.append(case.evidence(server.fin_frame, server.fin_ns, text))
            elif crossed:
                text = f"{case.name(by)} closes after {duration(idle_ns)} of silence"
                lines.append(case.evidence(seen.close_frame, seen.close_ns, text))
                text = f"{duration(asked_ns - seen.close_ns)} later: the request that crossed it"
                lines.append(case.evidence(asked_frame, asked_ns, text))
            else:
                text = f"{case.name(client_by)} sends a request after {duration(idle_ns)} of silence"
                lines.append(case.evidence(asked_frame, asked_ns, text))
            if reset is not None:
                text = f"{case.name(by)} answers it with RST: the request is lost"
                lines.append(case.evidence(reset.frame, reset.ns, text))
            return lines

        return Claim(
            by,
            asked_ns,
            reset.ns if reset is not None else asked_ns,
            CERTAIN if crossed else LIKELY,
            evidence,
            measure_ns=idle_ns,
            # Those are among the closes that are known of the service.
            tally={"counted": int(crossed and not fin_follows and idle_ns >= QUIET_NS)},
            explains=(
                "reset-abort",
                "reset-after-close",
                "reset-no-connection",
                "half-close",
                "time-wait-assassination",
                "dead-peer",
            ),
            hangs_on=None if crossed else ("idle", *service_key(case), idle_class(idle_ns)),
            facts=(idle_ns,),
        )

    def judge(self, key: Key, facts: tuple[object, ...], group: Group, knowledge: Knowledge) -> bool:
        """The server closes others after just about as long."""
        service = knowledge.services.entries.get(key[1:5])
        if service is None:
            return False
        count, _, _ = timer_between(
            service.closed[0], round(group.least_ns * _EARLY), round(group.most_ns * _LATE)
        )
        return count >= 2

    def finding(self, group: Group, knowledge: Knowledge, end_ns: int) -> Finding:
        text = TEXTS[self.KIND]
        sentences = [
            f"{group.who()} closed {group.connections()} with {group.they()} after"
            f" {span(group.least_ns, group.most_ns)} of silence, just as the next request came: the requests"
            " were lost."
        ]
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
        sentences.append(text.meaning)
        advice = (
            f"Let the client give idle connections up sooner than the server, which closes them after"
            f" {duration(group.least_ns)}. {remedy(text, '')}"
        )
        finding = group.finding(self.KIND, "warning", " ".join(sentences), advice)
        if finding.confidence == "certain" and group.count + max(others, 0) < _CONSTANT:
            # That it closes after so long by rule rests on this one close.
            finding.confidence = "likely"
        return finding
