"""What RSTs amount to: how bad it is, for whom, and in which words."""

from __future__ import annotations

from tcptrace_py.findings.finding import Finding, Severity
from tcptrace_py.findings.group import Group, Groups
from tcptrace_py.findings.text import Text
from tcptrace_py.findings.texts import (
    AT_ONCE,
    GENERAL,
    IF_NOTHING_CAME,
    RESET_ABORT,
    SAID_WHY,
    TEXTS,
    TURNED_AWAY,
    UPON_FIRST,
    WENT_ON,
    remedy,
)
from tcptrace_py.findings.wording import duration, part, span, times

ABORT_KIND = "reset-abort"
AFTER_CLOSE_KIND = "reset-after-close"
NO_CONNECTION_KIND = "reset-no-connection"
ASSASSINATION_KIND = "time-wait-assassination"
STRAY_KIND = "stray-reset"

#: So many hosts do not fail in the same way at one client.
_PEERS = 10
#: So few that cost something, among others that did not.
_FEW = 2
#: So many that end within so short a time end for one reason.
_SEVERAL, _AT_ONCE_NS = 3, 1_000_000_000
#: Of connections that a server takes up and resets upon the first request, without having acknowledged it.
_UPON_REQUESTS = (
    "Each RST came upon the first request: capture at the server. If it does not send the RST, a firewall or"
    " filter on the way refuses these requests in its name: compare them with requests that are served."
)
#: Said of RSTs whose number shows what they answer.
_ANSWERS = (
    "They answer segments that were still under way when their sender had closed, each by the number that the"
    " segment acknowledges: no sign of forgery."
)


def reset_findings(groups: dict[str, Groups], strays: Groups) -> list[Finding]:
    """``groups``: by kind."""
    found = [_abort_finding(group) for group in groups[ABORT_KIND].by_peer()]
    found += [_after_close_finding(group) for group in groups[AFTER_CLOSE_KIND].by_peer()]
    found += [_no_connection_finding(group) for group in groups[NO_CONNECTION_KIND].by_peer()]
    found += [_assassination_finding(group) for group in groups[ASSASSINATION_KIND].by_peer()]
    found += [_stray_finding(group) for group in strays.by_peer()]
    return found


def _cheap(group: Group) -> bool:
    """Nothing was lost, or by one or two of several only, whose close may have lost a segment."""
    cheap = sum(group.tally[word] for word in ("harmless", "unwanted", "answered", "unheard"))
    lost = group.count - cheap
    return lost == 0 or (lost <= _FEW and lost * 2 <= cheap)


def _abort_finding(group: Group) -> Finding:
    text = RESET_ABORT[group.variant]
    first = {
        "abort": "aborted {} with {} by RST"
        + (", without a FIN from either side." if not group.tally["fin"] else "."),
        "close_wait_abort": "answered the FIN with RST on {} with {}, instead of closing.",
        "timeout": "gave up {} with {} by RST after no answer.",
    }[group.variant]
    if group.tally["fast_close"] == group.count:
        first = "aborted {} with {} with MP_FASTCLOSE, which ends all subflows of Multipath TCP."
    sentences = [f"{group.who()} {first.format(group.connections(), group.they())}"]
    if group.tally["went_on"] == group.count:
        who = group.who()[0].lower() + group.who()[1:]
        sentences = [f"A RST in the name of {who} cut {group.connections()} with {group.they()}."]
    if 0 < group.tally["fast_close"] < group.count:
        sentences.append(f"{part(group.tally['fast_close'], group.count)} with MP_FASTCLOSE.")
    if group.tally["subflow"]:
        sentences.append(
            f"{part(group.tally['subflow'], group.count)} may answer what the other side ended on another"
            " subflow of the same Multipath TCP connection."
        )
    if group.variant == "abort":
        sentences += _hints(group)
    sentences += [GENERAL[ABORT_KIND], _abort_meaning(group, text)]
    if group.tally["unwanted"]:
        sentences.insert(
            1,
            f"{part(group.tally['unwanted'], group.count)} broke off what the server was still sending: a"
            " user who cancels, or a client that lost patience.",
        )
    if group.tally["harmless"]:
        sentences.insert(1, _nothing_lost(group))
    if group.tally["answered"]:
        sentences.insert(
            1,
            f"{part(group.tally['answered'], group.count)} had been answered, and all that was sent was"
            " acknowledged.",
        )
    lost = group.variant != "timeout" and not _cheap(group)
    # Where a RST is all that was seen of a connection, there is nothing to go by.
    severity: Severity = "warning" if lost and group.confidence() != "possible" else "info"
    if group.tally["went_on"] == group.count:
        text = WENT_ON
    elif group.tally["took"] == group.count:
        text = UPON_FIRST
    elif group.tally["at_once"] == group.count:
        text = AT_ONCE
    elif group.tally["said"] == group.count:
        text = SAID_WHY
    advice = remedy(text, group.socket_filter())
    if text is AT_ONCE and group.tally["unacknowledged"] == group.count:
        advice = f"{_UPON_REQUESTS} {advice}"
    return group.finding(ABORT_KIND, severity, " ".join(sentences), advice)


def _abort_meaning(group: Group, text: Text) -> str:
    if group.tally["went_on"] == group.count:
        return WENT_ON.meaning
    if group.tally["took"] == group.count:
        return UPON_FIRST.meaning
    if group.tally["at_once"] == group.count:
        return AT_ONCE.meaning
    if group.tally["said"] == group.count:
        return SAID_WHY.meaning
    if group.variant == "abort" and group.tally["received_nothing"] == group.count:
        return text.meaning.replace(*IF_NOTHING_CAME)
    return text.meaning


def _nothing_lost(group: Group) -> str:
    many = part(group.tally["harmless"], group.count)
    return f"{many} cost nothing: all that mattered had been delivered."


def _hints(group: Group) -> list[str]:
    hints = []
    if group.tally["went_on"]:
        many = part(group.tally["went_on"], group.count)
        hints.append(f"{many} went on afterwards: the endpoint itself still held the connection.")
    if group.tally["other_ttl"]:
        many = part(group.tally["other_ttl"], group.count)
        hints.append(
            f"{many} came with another TTL than the sender's other segments: a device on the way may have"
            " sent it."
        )
    together = group.count >= _SEVERAL and group.last_ns - group.first_ns < _AT_ONCE_NS
    if together and not group.tally["took"] and not group.tally["at_once"]:
        hints.append(
            "All of them within a second: as when the process that holds them ends (killed, restarted, its"
            " machine drained), or one device on the way drops them all."
        )
    if group.tally["unopened"]:
        hints.append(
            f"{part(group.tally['unopened'], group.count)} answered a side that had sent its FIN before the"
            " connection was open: it wanted none any more."
        )
    if group.tally["took"]:
        hints.append(
            f"{part(group.tally['took'], group.count)} came upon what the client said first, which the server"
            " had received; it had not sent a byte."
        )
    elif group.tally["at_once"]:
        hints.append(
            f"{part(group.tally['at_once'], group.count)} came soon after the handshake, before the"
            " server had sent a byte: a full accept queue with net.ipv4.tcp_abort_on_overflow=1, or a"
            " server that closes at once without reading."
        )
    if group.tally["upon_data"]:
        hints.append(
            f"{part(group.tally['upon_data'], group.count)} came at once upon data of the client, after"
            " others had been answered: see what it asked last."
        )
    if group.tally["idle"]:
        hints.append(_silence(group))
    if group.tally["unacknowledged"]:
        hints.append(
            f"{part(group.tally['unacknowledged'], group.count)} left data of the other side unacknowledged."
        )
    return hints


def _silence(group: Group) -> str:
    said = f"Before it, neither side had sent anything for {span(group.least_ns, group.most_ns)}"
    steady = group.count >= 3 and group.most_ns - group.least_ns <= group.most_ns // 10
    return said + (": always about as long, so probably an idle time-out." if steady else ".")


def _after_close_finding(group: Group) -> Finding:
    text = TEXTS[AFTER_CLOSE_KIND]
    sentences = [f"{group.who()} sent RST after FIN on {group.connections()} with {group.they()}."]
    if group.tally["away"] == group.count:
        text = TURNED_AWAY
        sentences = [
            f"{group.who()} closed {group.connections()} with {group.they()} as soon as they were open; the"
            " requests met RST."
        ]
    if group.tally["data"]:
        sentences.append(f"{part(group.tally['data'], group.count)} answered data that came after the close.")
    if group.tally["unwanted"]:
        sentences.append(
            f"{part(group.tally['unwanted'], group.count)} wanted no more of what the server was sending."
        )
    if group.tally["unheard"]:
        sentences.append(
            f"{part(group.tally['unheard'], group.count)} had not been heard: the last that this side sent,"
            " its FIN at least, was never acknowledged."
        )
    if group.tally["harmless"]:
        sentences.append(_nothing_lost(group))
    sentences.append(text.meaning)
    severity: Severity = "info" if _cheap(group) else "warning"
    if (
        group.about_peer
        and group.side == "server"
        and _PEERS <= group.hosts
        and group.count <= group.hosts * 2
    ):
        severity = "info"
        sentences.insert(
            1,
            f"{times(group.hosts, 'host')} did so alike, each about once: so peers drop each other, not"
            " services that fail.",
        )
    advice = remedy(text, group.socket_filter() if text is TURNED_AWAY else "")
    return group.finding(AFTER_CLOSE_KIND, severity, " ".join(sentences), advice)


def _no_connection_finding(group: Group) -> Finding:
    text = TEXTS[NO_CONNECTION_KIND]
    sentences = [
        f"{group.who()} no longer knew {group.connections()} that {group.they()} still used: it sent RST."
    ]
    if group.tally["harmless"]:
        sentences.append(_nothing_lost(group))
    if group.tally["idle"]:
        sentences.append(_silence(group))
    sentences.append(text.meaning)
    cheap = _cheap(group) or group.tally["midstream"] == group.count
    severity: Severity = "info" if cheap else "warning"
    advice = remedy(text, "")
    if group.tally["idle"] == group.count:
        advice = (
            "Find out what forgot these connections: a restart or a fail-over at that time, or an idle"
            f" time-out on the way of less than {duration(group.least_ns)}. {advice}"
        )
    return group.finding(NO_CONNECTION_KIND, severity, " ".join(sentences), advice)


def _assassination_finding(group: Group) -> Finding:
    text: Text = TEXTS[ASSASSINATION_KIND]
    first = f"{group.who()} sent RST on {group.connections()} that {group.they()} held in TIME_WAIT."
    # What it takes away is a protection that hardly ever is needed.
    return group.finding(ASSASSINATION_KIND, "info", f"{first} {text.meaning}", remedy(text, ""))


def _stray_finding(group: Group) -> Finding:
    text = TEXTS[STRAY_KIND]
    first = (
        f"{group.who()} is named as sender of {times(group.tally['resets'], 'RST')} that changed nothing,"
        f" on {group.connections()} with {group.they()}."
    )
    if group.tally["answers"] == group.count:
        return group.finding(STRAY_KIND, "info", f"{first} {_ANSWERS}", "Nothing: that is how TCP closes.")
    severity: Severity = "warning" if group.tally["many"] else "info"
    return group.finding(STRAY_KIND, severity, f"{first} {text.meaning}", remedy(text, ""))
