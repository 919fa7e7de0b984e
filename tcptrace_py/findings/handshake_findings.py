"""What failed handshakes amount to: how bad it is, for whom, and in which words."""

from __future__ import annotations

from collections.abc import Sequence

from tcptrace_py.findings.cause_texts import CLIENTS_PATH, LOST_ACK, SOME_DROPPED
from tcptrace_py.findings.finding import Finding, Severity
from tcptrace_py.findings.group import Group, Groups, Key
from tcptrace_py.findings.host import before, up_meanwhile
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.race_of_addresses import raced
from tcptrace_py.findings.scans import FLOOD, Scanners, begun_scans, flood_finding, peers_tried, scans
from tcptrace_py.findings.service import Service, ServiceKey
from tcptrace_py.findings.texts import GENERAL, HALF_OPEN, STILL_OPEN, SYN_FLOOD, TEXTS, meaning, remedy
from tcptrace_py.findings.wording import moment, part, span, times
from tcptrace_py.wire.inside import is_inside

REFUSED_KIND = "connection-refused"
TIMEOUT_KIND = "connection-timeout"
UNREACHABLE_KIND = "connection-unreachable"
HALF_OPEN_KIND = "half-open-handshake"
STALE_KIND = "stale-syn"
FULL_KIND = "accept-queue-full"

# So many times as many are most.
_MOST = 4
# So many hosts a program tries side by side, where it leaves each soon.
_CANDIDATES = 5
# So many connections whose requests stay without an answer are no single slow one.
_UNTAKEN = 2
# So many services that fail one client in part, at one time, did not each fail by themselves.
_SEVERAL = 2
# Few addresses come back, by chance.
_ONCE = 1.5
_ONCE_ONLY = "One SYN+ACK was sent each time and no other, however long the ACK did not come."
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
#: What ICMP says where a rule refuses: a host itself answers a closed port with RST.
_BY_RULE = (
    "port unreachable",
    "administratively prohibited",
    "host administratively prohibited",
    "network administratively prohibited",
    "source address failed policy",
    "route to destination rejected",
)
_REJECTS = (
    "Find the firewall rule that rejects this, on the host that sent the ICMP error (the proof names it): a"
    " closed port draws RST, not ICMP."
)
_FLOOD = ": hardly more than one attempt for each source, a SYN flood, most likely"
#: A restart takes no longer.
_AROUND_NS = 60_000_000_000
_BETWEEN = (
    "It accepted other connections between these: so several machines or processes stand behind this"
    " address, and one of them does not listen, or a firewall refuses some of the connections (a limit)."
)
_BACKENDS = (
    "Find the backend that refuses: one that has ended, or is not ready, must leave the balancer (or the"
    " endpoints of the service) first; in Kubernetes: a readiness probe, and a preStop hook that waits until"
    " it has left."
)
_RESTARTED = "It accepted connections right before and after these: it was restarted, it seems."
_HAND_OVER = (
    "Let the old process serve until the new one listens (hand over the socket, SO_REUSEPORT, or take it"
    " out of the balancer first), and let clients retry a refused connection."
)
_RACED = (
    "Each was tried once only, and beside it the same client opened a connection to the same port of another"
    " address: a client that knows several addresses tries them in turn and keeps what answers first (RFC"
    " 8305). It cost that client a quarter of a second or so each time."
)
_STARTED = "It was served within 10 s of that: the service was starting, and that has healed."
_WHAT_STOPPED = (
    "Find out what stopped at {}: a crash, a restart or a deployment; or a firewall rule that rejects since"
    " then."
)
_ONLY_FLAGS = (
    "Nothing but SYN, FIN and RST is seen: the answer may well have come. Capture without such a filter."
)
_UNSEEN = (
    "The capture shows nothing that the host answered, though other connections with it went on: its answers"
    " took another way. None of these SYNs was sent again, so they may well have been answered."
)


def _started_late(group: Group, knowledge: Knowledge) -> bool:
    """The service was heard soon after the last refusal, and not shortly before the first.

    Where it refused one client only, that one was served: others say nothing of whom it lets in.
    """
    service = knowledge.service(group.version, group.hi, group.lo, group.service_port)
    if group.about_peer or service is None or not service.established:
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


def _stopped(group: Group, knowledge: Knowledge) -> bool:
    """The service had accepted connections until it refused, and accepted none between its refusals."""
    service = _service(group, knowledge)
    if service is None:
        return False
    before = service.accepted.between(group.first_ns - 3 * _SOON_NS, group.first_ns)
    return before and not service.accepted.between(group.first_ns, group.last_ns)


def _key(group: Group) -> ServiceKey:
    return (group.version, group.hi, group.lo, group.service_port)


def _service(group: Group, knowledge: Knowledge) -> Service | None:
    """What is known of the service, where the group is about one."""
    return None if group.about_peer else knowledge.service(*_key(group))


def _unseen(group: Group, knowledge: Knowledge) -> bool:
    """Of the host nothing was captured, and yet it had answered: anybody, or the one client."""
    if group.about_peer:
        return False
    if knowledge.unseen(group.version, group.hi, group.lo):
        return True
    key = (group.version, group.hi, group.lo, group.service_port)
    return group.peers.count() == 1 and knowledge.one_way_of(group.sole_peer, key)


def _background(group: Group, tries: int, knowledge: Knowledge) -> bool:
    """Addresses of the Internet, each of which tried once, at what serves nobody."""
    if group.tally.get("inside"):
        return False
    if group.about_peer:
        return not is_inside(group.hi, group.lo, group.version) and tries <= _ONCE * group.targets.count()
    service = knowledge.service(group.version, group.hi, group.lo, group.service_port)
    return tries <= _ONCE * group.peers.count() and (service is None or not service.established)


def _many_tried(groups: Sequence[Group]) -> Scanners:
    """Clients that a finding of their own tells to try many services."""
    return {(group.version, group.hi, group.lo) for group in groups if group.about_peer}


def _by_scanner(group: Group, scanners: Scanners) -> bool:
    """It is what one service met of such a client."""
    return not group.about_peer and group.peers.count() == 1 and group.sole_peer in scanners


def _served_otherwise(group: Group, knowledge: Knowledge) -> bool:
    """The same port is served over the other version of IP."""
    return any(
        service.port == group.service_port and service.version != group.version and service.established
        for service in knowledge.services.entries.values()
    )


def _loopback(group: Group) -> bool:
    """127.0.0.0/8 and ::1."""
    return group.hi == 0 and (group.lo == 1 if group.version == 6 else group.lo >> 24 == 127)


def _candidates(group: Group, knowledge: Knowledge) -> bool:
    """A program tried hosts of the Internet side by side, each on a port of its own, and left them soon.

    Those that answer it took; of the services that serve nobody most are such hosts.
    """
    if group.tally["application"] * 2 < group.count or not peers_tried(group, _CANDIDATES):
        return False
    mute = [each for each in knowledge.services.entries.values() if not each.established]
    outside = sum(not is_inside(each.hi, each.lo, each.version) for each in mute)
    served = any(each.established for each in knowledge.services.entries.values())
    return served and outside * 2 > len(mute)


def _scan(group: Group, peers: bool = False) -> str:
    if not group.about_peer:
        return ""
    if peers or peers_tried(group):
        return " (many hosts, most on a port of its own: so peer-to-peer programs look for peers)"
    return " (one client against many services: its own network is at fault, or they failed together)"


def handshake_findings(
    refused_ones: Groups,
    timed_out: Groups,
    unreachable_ones: Groups,
    half_open_ones: Groups,
    stale: Groups,
    begun: Groups,
    half_begun: Groups,
    knowledge: Knowledge,
) -> list[Finding]:
    """All findings about failed handshakes; of ``begun`` and ``half_begun`` only that they are a flood."""
    attempts = {
        "refused": refused_ones,
        "without an answer": timed_out,
        "unreachable by ICMP": unreachable_ones,
    }
    found, told, others = scans(attempts)
    refused, timeouts, unreachable = others
    half_open = list(half_open_ones.by_peer())
    running = begun_scans(begun)
    told |= _many_tried([*refused, *timeouts])
    scanners = told | running.keys()
    found += [_refused_finding(group, knowledge, scanners) for group in refused]
    silent = {group.key: group for group in timeouts}
    said = {group.key: silent[group.key] for group in unreachable if _unsaid(group, silent, knowledge)}
    partly = [group for group in timeouts if _served_meanwhile(group, knowledge)]
    found += [_timeout_finding(group, knowledge, partly) for group in timeouts if group.key not in said]
    found += [_unreachable_finding(group, knowledge, said.get(group.key)) for group in unreachable]
    found += [_half_open_finding(group, knowledge, scanners) for group in half_open]
    found += [_stale_finding(group) for group in stale.by_peer()]
    found += [finding for client, finding in running.items() if client not in told]
    for kind, groups in ((TIMEOUT_KIND, begun), (HALF_OPEN_KIND, half_begun)):
        for group in groups:
            service = knowledge.service(group.version, group.hi, group.lo, group.service_port)
            flood = flood_finding(group, kind, service)
            if flood is not None:
                found.append(flood)
    return found


def _refused_finding(group: Group, knowledge: Knowledge, scanners: Scanners) -> Finding:
    sentences = [f"{group.who()} refused {group.connections()} from {group.they()}{_scan(group)}."]
    text = TEXTS[REFUSED_KIND]
    advice = remedy(text, group.socket_filter())
    if _stopped(group, knowledge):
        sentences = [f"{sentences[0][:-1]}, and had accepted connections until then."]
        advice = f"{_WHAT_STOPPED.format(moment(group.first_ns))} {advice}"
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
    if severity == "warning" and _served_meanwhile(group, knowledge):
        sentences.insert(1, _BETWEEN)
        advice = f"{_BACKENDS} {advice}"
    elif severity == "warning" and _served_around(group, knowledge):
        sentences.insert(1, _RESTARTED)
        advice = f"{_HAND_OVER} {advice}"
    return group.finding(REFUSED_KIND, severity, " ".join(sentences), advice)


def _waiting(group: Group, knowledge: Knowledge) -> Service | None:
    """The service, where its application takes nobody up: then its accept queue fills.

    Requests on connections opened before were acknowledged and never answered, and nobody got a word
    or a SYN+ACK meanwhile. Linux drops SYNs while the queue is full.
    """
    service = _service(group, knowledge)
    if service is None or service.untaken < _UNTAKEN or service.untaken_ns > group.first_ns:
        return None
    spoke = service.replied.between(group.first_ns, group.last_ns)
    return None if spoke or service.accepted.between(group.first_ns, group.last_ns) else service


def _queue_finding(group: Group, service: Service) -> Finding:
    text = TEXTS[FULL_KIND]
    explanation = (
        f"{group.who()} ignored {times(group.tally['syns'], 'SYN')} of {group.they()} for"
        f" {times(group.count, 'connection')}: its accept queue is full, or so it looks. Its kernel had"
        f" acknowledged requests on {times(service.untaken, 'connection')} since"
        f" {moment(service.untaken_ns)} that its application did not answer, and nobody was served"
        " meanwhile. While the queue is full, Linux drops SYNs as well. The host is up, and the network"
        " is not at fault."
    )
    finding = group.finding(
        FULL_KIND,
        "critical" if group.count >= _UNTAKEN else "warning",
        explanation,
        remedy(text, group.socket_filter()),
    )
    finding.confidence = "likely"
    return finding


def _served_meanwhile(group: Group, knowledge: Knowledge) -> bool:
    """Did the service accept others, between attempts that it did not answer?"""
    service = _service(group, knowledge)
    if service is None:
        return False
    return service.accepted.between(group.first_ns, group.last_ns)


def _served_around(group: Group, knowledge: Knowledge) -> bool:
    """Did the service accept others before and after all that it refused?"""
    service = _service(group, knowledge)
    if service is None:
        return False
    before_ns, after_ns = group.first_ns - _AROUND_NS, group.last_ns + _AROUND_NS
    accepted = service.accepted
    return accepted.between(before_ns, group.first_ns) and accepted.between(group.last_ns, after_ns)


def _together(group: Group, partly: Sequence[Group]) -> int:
    """How many other services failed the same client at that time, and served it too."""
    if group.peers.count() > 1:
        return 0
    return sum(
        other is not group
        and other.peers.count() == 1
        and other.sole_peer == group.sole_peer
        and other.first_ns <= group.last_ns
        and group.first_ns <= other.last_ns
        for other in partly
    )


def _timeout_finding(group: Group, knowledge: Knowledge, partly: Sequence[Group]) -> Finding:
    waiting = _waiting(group, knowledge)
    if waiting is not None:
        return _queue_finding(group, waiting)
    peers = _candidates(group, knowledge)
    each = " each attempt's" if group.count > 1 else ""
    sentences = [
        f"{group.who()} did not answer {times(group.count, 'connection attempt')} from {group.they()}"
        f"{_scan(group, peers)}: {times(group.tally['syns'], 'SYN')} in all,{each} over"
        f" {span(group.least_ns, group.most_ns)}."
    ]
    if group.tally["late"]:
        sentences.append(
            f"{part(group.tally['late'], group.count)} got a RST seconds after its last SYN: no host refuses"
            " so late; a NAT, proxy or firewall on the way had tried in vain and gives up so."
        )
    lone = group.tally["syns"] == group.count and not group.tally["late"]
    if group.tally["application"]:
        # (One SYN may be the last of an attempt that began before the capture.)
        unseen_tries = ", or its other SYNs were not captured" if lone else ""
        sentences.append(
            f"{part(group.tally['application'], group.count)} stopped sooner than any kernel would have:"
            f" the application's own connect time-out{unseen_tries}."
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
        sentences.append(f"{part(group.tally['trying'], group.count)} may not have been over yet.")
    text = TEXTS[TIMEOUT_KIND]
    up = up_meanwhile(group, knowledge, before(group))
    severity: Severity = "warning"
    if group.tally["joins"]:
        sentences.append(_joins(group))
    unseen = lone and _unseen(group, knowledge)
    # (One or the other SYN may have been lost.)
    nearly = not group.tally["late"] and group.tally["syns"] * 10 <= group.count * 11
    filtered = nearly and knowledge.only_flags() and (group.count < FLOOD or knowledge.closed > 0)
    if unseen or filtered or group.tally["joins"] == group.count:
        severity = "info"
    elif peers or peers_tried(group):
        severity = "info"
    elif _background(group, group.tally["syns"], knowledge):
        severity = "info"
        sentences.append(_BACKGROUND)
    elif group.tally["syns"] == group.count and _served_otherwise(group, knowledge):
        severity = "info"
        sentences.append(f"Each was tried once only. {_OTHERWISE}")
    elif group.tally["syns"] == group.count and not group.about_peer and raced(_key(group), knowledge):
        severity = "info"
        sentences.append(_RACED)
    if group in partly:
        text = SOME_DROPPED
        others = _together(group, partly)
        if others >= _SEVERAL:
            text = CLIENTS_PATH
            many = times(others, "other service")
            sentences.append(f"So it went with {many} at that time, which served the same client too.")
        sentences.append(text.meaning)
    else:
        sentences += [up, meaning(TIMEOUT_KIND, True)] if up else [meaning(TIMEOUT_KIND, False)]
    if unseen or filtered:
        sentences = [sentences[0], _UNSEEN if unseen else _ONLY_FLAGS]
    finding = group.finding(TIMEOUT_KIND, severity, " ".join(sentences), remedy(text, ""))
    if unseen or filtered:
        finding.confidence = "possible"
    return finding


def _joins(group: Group) -> str:
    return (
        f"{part(group.tally['joins'], group.count)} would have been one more subflow of a Multipath TCP"
        " connection (MP_JOIN), which goes on without it."
    )


def _unsaid(group: Group, silent: dict[Key, Group], knowledge: Knowledge) -> bool:
    """Attempts at the same service stayed without an answer, and nobody was taken up meanwhile.

    Who reports by ICMP limits how often it does (RFC 1812 section 4.3.2.8): it is one cause.
    """
    other = silent.get(group.key)
    if other is None or group.about_peer or other.about_peer:
        return False
    service = _service(group, knowledge)
    first_ns, last_ns = min(group.first_ns, other.first_ns), max(group.last_ns, other.last_ns)
    return service is None or not service.accepted.between(first_ns, last_ns)


def _unreachable_finding(group: Group, knowledge: Knowledge, silent: Group | None) -> Finding:
    reasons = [each for each in group.tally.items() if each[0] != "joins"]
    reasons.sort(key=lambda item: (-item[1], item[0]))
    said = ", ".join(f"{reason} ({n:,})" for reason, n in reasons) if len(reasons) > 1 else reasons[0][0]
    text = TEXTS[UNREACHABLE_KIND]
    attempts = group.count + (0 if silent is None else silent.count)
    first = (
        f"{group.who()} could not be reached in {times(attempts, 'connection attempt')} from"
        f" {group.they()}{_scan(group)}; ICMP says: {said}."
    )
    if silent is not None:
        first = (
            f"{first[:-1]}, in answer to {group.count:,}. The others got none: who sends such errors limits"
            " their rate, so it is the same cause."
        )
    severity: Severity = "warning"
    if group.tally["joins"]:
        first += f" {_joins(group)}"
    if group.tally["joins"] == group.count:
        severity = "info"
    elif _served_otherwise(group, knowledge):
        severity = "info"
        first += f" {_OTHERWISE}"
    advice = remedy(text, "")
    if all(reason in _BY_RULE for reason, _ in reasons):
        advice = f"{_REJECTS} {advice}"
    finding = group.finding(UNREACHABLE_KIND, severity, f"{first} {text.meaning}", advice)
    if silent is not None:
        finding.confidence = "likely"
        finding.count = attempts
        finding.connections = sorted({*finding.connections, *silent.ids()})
        finding.first_ns = min(finding.first_ns, silent.first_ns)
        finding.last_ns = max(finding.last_ns, silent.last_ns)
    return finding


def _half_open_finding(group: Group, knowledge: Knowledge, scanners: Scanners) -> Finding:
    text = HALF_OPEN[group.variant]
    peak, peak_at_ns = group.crowd.peak() if group.crowd is not None else (0, 0)
    sources = group.peers.count()
    flood = not group.about_peer and group.count >= FLOOD and sources * 2 >= group.count
    first = (
        f"{group.who()} sent SYN+ACK to {group.they()} for {group.connections()} and never got the"
        f" ACK{_scan(group)}{_FLOOD if flood else ''}."
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
            f"The SYN of {part(group.tally['syn_again'], group.count).lower()} came again after the SYN+ACK:"
            " the client waits, and the SYN+ACK does not reach it."
        )
    if peak > 1:
        sentences.append(f"Up to {peak:,} half-open at once, at {moment(peak_at_ns)}.")
    if not flood and not group.about_peer and group.count >= FLOOD:
        sentences.append(
            f"{group.count / max(sources, 1):.0f} attempts for each source: rather a broken way back"
            " (or few attackers) than forged sources."
        )
    if group.tally["once"] == group.count:
        # Nothing holds a place in a queue there.
        text = LOST_ACK
        sentences.append(_ONCE_ONLY)
    else:
        sentences.append(GENERAL[HALF_OPEN_KIND])
    if flood:
        text = SYN_FLOOD
    if group.tally["syn_again"] < group.count:
        sentences.append(text.meaning)
    severity: Severity = "critical" if group.count >= FLOOD else "warning"
    # Where connections were closed, or most others opened by all signs, and yet nothing else passed, no ACK
    # would have been captured.
    few = group.count < FLOOD and group.count * _MOST < knowledge.connections
    filtered = knowledge.only_flags() and (knowledge.closed > 0 or few)
    if filtered:
        sentences = [first, _ONLY_FLAGS]
    if filtered or _by_scanner(group, scanners) or (group.of_most() == "possible" and group.count < FLOOD):
        severity = "info"
    finding = group.finding(
        HALF_OPEN_KIND, severity, " ".join(sentences), remedy(text, group.socket_filter())
    )
    if filtered:
        finding.confidence = "possible"
    return finding


def _stale_finding(group: Group) -> Finding:
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
    insisted = group.tally["insisted"]
    if insisted * 2 > group.count:
        first = (
            f"{group.who()} asked for a new connection on ports of {group.connections()} to {group.they()}"
            " that the other side still held open, again and again, and did not get it."
        )
        return group.finding(STALE_KIND, "warning", f"{first} {STILL_OPEN.meaning}", remedy(STILL_OPEN, ""))
    return group.finding(STALE_KIND, "info", f"{first} {text.meaning}", remedy(text, ""))
