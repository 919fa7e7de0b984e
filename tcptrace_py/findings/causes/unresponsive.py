"""``unresponsive-server``: requests acknowledged and never answered, until clients leave.

The server is to blame only where its ACKs are its own, and where nothing else explains the silence as well:
see `_doubt`.
"""

from __future__ import annotations

from tcptrace_py.findings.case import Case, server_trip_ns
from tcptrace_py.findings.causes import closed_instead, no_word
from tcptrace_py.findings.causes.about import acknowledged, service_key, service_of
from tcptrace_py.findings.causes.claim import Claim, Key
from tcptrace_py.findings.finding import LIKELY, Evidence, Finding, Severity
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.texts import TEXTS, remedy
from tcptrace_py.findings.wording import duration, part, span
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.observations import BY_CLOSE, BY_NO_WORD, BY_QUIET_RESET
from tcptrace_py.wire.segment import HTTP_REQUEST, TLS_HELLO

#: Clients that leave sooner after their last word do not wait for an answer.
_WAITED_NS = 900_000_000
#: In a talk whose last word often is the client's, so many must have left after about as long.
_TALKS = 3
#: A service that answers less of its connections than this may not be meant to answer.
_ANSWERS = 0.2
#: A SYN+ACK that takes so long comes from afar; what acknowledges data so many times sooner is nearby.
_FAR_NS, _FASTER = 2_000_000, 5
#: So many servers that fall silent toward one client within so short a time did not fail by themselves.
_SEVERAL, _AT_ONCE_NS = 3, 1_000_000_000
#: Closes of one client so near to each other are one act.
_ONE_ACT_NS = 10_000_000
#: So long nobody waits who has not lost patience.
_PATIENCE_NS = 10_000_000_000
#: Attempts that are so many times as far apart as each waits.
_SELDOM = 100
#: So many, and so large a part of a service, is an outage.
_MANY, _PART = 10, 0.1


class UnresponsiveServer:
    """By the server; only where it usually does answer."""

    KIND = "unresponsive-server"
    TOLD_FROM = BY_CLOSE | BY_NO_WORD | BY_QUIET_RESET

    def look(self, case: Case, knowledge: Knowledge, settings: Settings) -> Claim | None:
        seen = case.seen
        connection = case.connection
        client_by = case.client_by
        if not case.endpoint(client_by).bytes:
            return no_word.no_word(case)
        if (connection.first_fin_by or connection.reset_by) == case.server_by:
            return closed_instead.closed_instead(case)
        if seen is None or seen.backwards or not connection.established or seen.close_by != client_by:
            return None
        if seen.close_spoke_last != client_by or not seen.close_settled or seen.close_idle_ns < _WAITED_NS:
            return None
        client, server = case.endpoint(client_by), case.endpoint(case.server_by)
        if server.packets <= server.syn_acks or not acknowledged(case, client_by) and not client.fin_sent:
            return None
        if server.rare.holes:
            # The client acknowledges what did not pass here: that may be the answer.
            return None
        if client.unanswered or client.rare.unanswered_probes:
            # Its host does not acknowledge any more either.
            return None
        asked_ns = seen.close_ns - seen.close_idle_ns
        late_ns = seen.after_fin_ns[case.server_by - 1]
        acked_ns, trip_ns = seen.close_heard_ns - asked_ns, server_trip_ns(case)
        near = trip_ns >= _FAR_NS and 0 <= acked_ns * _FASTER < trip_ns
        by = case.server_by
        talks = server.bytes > 0 and not late_ns
        asked = client.begins_with in (TLS_HELLO, HTTP_REQUEST)

        def evidence() -> list[Evidence]:
            text = f"{case.name(client_by)} had sent its request, {case.name(by)} had acknowledged it"
            lines = [case.evidence(0, asked_ns, text)]
            what = "resets the connection" if seen.close_is_reset else "closes"
            text = f"{duration(seen.close_idle_ns)} later, without an answer: {case.name(client_by)} {what}"
            lines.append(case.evidence(seen.close_frame, seen.close_ns, text))
            if late_ns:
                text = (
                    f"{duration(late_ns - asked_ns)} after the request, too late: {case.name(by)} sends data"
                )
                lines.append(case.evidence(seen.after_fin_frame[by - 1], late_ns, text))
            return lines

        return Claim(
            by,
            asked_ns,
            seen.close_ns,
            LIKELY,
            evidence,
            measure_ns=seen.close_idle_ns,
            tally={"late": int(bool(late_ns)), "near": int(near)},
            explains=("reset-abort", "reset-after-close", "reset-no-connection", "half-close"),
            # Where the server had spoken before, the client's last word may want no answer.
            hangs_on=("service", *service_key(case), talks, seen.close_is_reset, asked),
        )

    def judge(self, key: Key, facts: tuple[object, ...], group: Group, knowledge: Knowledge) -> bool:
        if key[0] == closed_instead.VARIANT:
            return closed_instead.judge(key, group, knowledge)
        if key[0] in no_word.VARIANTS:
            return no_word.judge(key, group, knowledge)
        service = knowledge.services.entries.get(key[1:5])
        talks = bool(key[5])
        if talks and not _steady(group) and not _as_others(group, key[1:5], knowledge):
            return False
        if service is None:
            return False
        if service.answered > service.established * _ANSWERS:
            return True
        if key[7] or service.port in no_word.GREETERS:
            # TLS and HTTP want an answer; elsewhere even one who says nothing is greeted.
            return True
        # Where nobody ever gets an answer (a log, a metric), leaving without one is how it is meant. But not
        # by RST, all after as long, which is long or happens often; nor where others were answered.
        patient = group.least_ns >= _PATIENCE_NS // 2 or group.count >= _MANY
        return _steady(group) and bool(service.answered or (key[6] and patient))

    def finding(self, group: Group, knowledge: Knowledge, end_ns: int) -> Finding:
        if group.variant == closed_instead.VARIANT:
            return closed_instead.finding(self.KIND, group, knowledge)
        if group.variant in no_word.VARIANTS:
            return no_word.finding(self.KIND, group, knowledge)
        text = TEXTS[self.KIND]
        steady = _steady(group)
        waited = span(group.least_ns, group.most_ns)
        doubt = _doubt(group, knowledge, steady)
        left = "gave up" if not doubt and (steady or group.least_ns >= _PATIENCE_NS) else "closed"
        first = (
            f"Requests of {group.they()} to {group.who()[0].lower()}{group.who()[1:]} were acknowledged on"
            f" {group.connections()} and not answered"
            if doubt
            else f"{group.who()} acknowledged requests on {group.connections()} from {group.they()} and did"
            " not answer them"
        )
        how = ": always about as long, their own time-out." if left == "gave up" and steady else "."
        sentences = [f"{first}; the clients {left} after {waited}{how}"]
        if group.tally["late"]:
            sentences.append(f"{part(group.tally['late'], group.count)} got the answer when it was too late.")
        service = service_of(group, knowledge)
        share = group.count / service.connections if service is not None and service.connections else 0.0
        if service is not None and service.connections > group.count:
            sentences.append(f"{service.connections:,} connections went to it in all.")
        if doubt:
            finding = group.finding(self.KIND, "info", " ".join([*sentences, doubt]), _DOUBTED)
            finding.confidence = "possible"
            return finding
        severity: Severity = "critical" if group.count >= _MANY and share >= _PART else "warning"
        mute = service is not None and not service.answered
        sentences.append(_MUTE if mute else text.meaning)
        if mute:
            severity = "info" if _seldom(group) else "warning"
        finding = group.finding(self.KIND, severity, " ".join(sentences), remedy(text, group.socket_filter()))
        if mute:
            finding.confidence = "possible"
        return finding


_NEAR = (
    "The ACKs came far sooner than the server's SYN+ACK: a device near the client (a proxy, a VPN, a"
    " balancer) sends them. Whether the requests reached the server is not seen."
)
_TOGETHER = (
    "Several servers fell silent toward the client at the same time: rather the client's network, or a device"
    " on it, than each of them."
)
_DROPPED = (
    "The client closed these together with other connections that had waited for another time: it dropped"
    " them all, as programs do that try several and keep one. Nobody lost patience."
)
_ANSWERS_OTHERS = (
    "Meanwhile the server answered on other connections: so it is about these requests, or what lies between,"
    " rather than about the server."
)
_MUTE = (
    "Nobody got an answer from it in this capture: its application is stuck, or it does not understand what"
    " it is asked (another protocol than that of its port). The network is not at fault: the requests have"
    " arrived."
)
_DOUBTED = (
    "Capture at the server: do the requests arrive there, and does it answer? If not, look at what lies"
    " between (a proxy, a VPN, a firewall); if it does, at what the client waited for."
)


def _seldom(group: Group) -> bool:
    """One client that comes back so rarely that nobody is kept waiting."""
    if group.peers.count() > 1 or group.count >= _MANY:
        return False
    return group.last_ns - group.first_ns > (group.count - 1) * _SELDOM * group.most_ns


def _steady(group: Group) -> bool:
    """Clients that always wait as long have a time-out."""
    return group.count >= _TALKS and group.most_ns - group.least_ns <= group.most_ns // 10


def _as_others(group: Group, service: Key, knowledge: Knowledge) -> bool:
    """Few, but others of the service were left after about as long: all by one time-out."""
    margin_ns = group.most_ns // 10
    left = knowledge.left.entries
    alike = sum(each.service == service and abs(each.waited_ns - group.most_ns) <= margin_ns for each in left)
    return group.most_ns - group.least_ns <= margin_ns and alike >= _TALKS


def _doubt(group: Group, knowledge: Knowledge, steady: bool) -> str:
    """Why it may not be the server, as a sentence; empty where nothing says so."""
    if group.tally["near"] * 2 >= group.count:
        return _NEAR
    if group.role == "client":
        # Turned: many servers, one client.
        return _TOGETHER
    key = (group.version, group.hi, group.lo, group.service_port)
    mine = [left for left in knowledge.left.entries if left.service == key]
    together = dropped = 0
    for left in mine:
        its = [each for each in knowledge.left.entries if each.client == left.client and each is not left]
        at_once = {each.service[1:3] for each in its if abs(each.asked_ns - left.asked_ns) < _AT_ONCE_NS}
        together += len(at_once | {left.service[1:3]}) >= _SEVERAL
        dropped += any(
            abs(each.closed_ns - left.closed_ns) < _ONE_ACT_NS
            and abs(each.waited_ns - left.waited_ns) * 10 > max(each.waited_ns, left.waited_ns)
            for each in its
        )
    if together * 2 > len(mine):
        return _TOGETHER
    if dropped * 2 > len(mine):
        return _DROPPED
    service = knowledge.service(*key)
    if group.tally["late"] * 2 >= group.count or (steady and group.count >= _MANY):
        # The server did answer these, too late; or so many clients lost patience that it is an outage.
        return ""
    if service is not None and service.replied.between(group.first_ns, group.last_ns):
        return _ANSWERS_OTHERS
    return ""
