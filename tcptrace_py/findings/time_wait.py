"""TIME_WAIT: piles of it, and ports used again out of it (S19, S20). Its death by RST is in ``resets.py``."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from tcptrace_py.findings.case import Case
from tcptrace_py.findings.families import LATE_NS, REUSE
from tcptrace_py.findings.finding import CERTAIN, POSSIBLE, Evidence, Finding, Role, Subject
from tcptrace_py.findings.group import Group, Groups, Key
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.texts import STALE_REUSE, TEXTS, remedy
from tcptrace_py.findings.wording import duration, moment, part, socket_name, span
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.codes import COMPLETE, REFUSED_HANDSHAKE
from tcptrace_py.tcp.serial import distance
from tcptrace_py.tcp.state import ASSUMED, TIME_WAIT
from tcptrace_py.tcp.time_wait import Pile, TimeWait
from tcptrace_py.wire.address import address_text
from tcptrace_py.wire.frame_id import frame_number, frame_source

PILE_KIND = "time-wait-pile"
REUSE_KIND = "time-wait-reuse"

#: Part of the ephemeral ports toward one destination from which on running out is near.
_CRITICAL_SHARE = 0.8
#: Destinations named in a finding.
_NAMED = 3
#: Findings of piles, the largest.
_PILES = 1000
#: What needs no telling besides of a SYN that met TIME_WAIT.
CHALLENGED_EXPLAINS = frozenset(
    (
        "connection-timeout",
        "stale-syn",
        "connection-refused",
        "half-open-handshake",
        "slow-connect",
        "foreign-reply",
        "stale-timestamp",
    )
)
#: Reuses whose new connection is awaited, and new connections whose old one is: the latest.
_AWAITED = 10_000
#: An unanswered SYN is sent again after 1 s (RFC 6298 section 2); who connects sooner has lost nothing.
_QUICK_NS = 1_000_000_000
#: Why a SYN met an ACK of the old connection: nobody knows, its number, its timestamp.
_SAID = {
    "challenged": "",
    "older": ", for its number was no newer",
    "stale": ", for its timestamp was older",
}
_WHYS = tuple(_SAID)

#: How a new connection fared, in words that are counted.
Fate = tuple[str, ...]


def _forget_oldest(waiting: dict[int, Any]) -> None:
    if len(waiting) > _AWAITED:
        del waiting[next(iter(waiting))]


def _challenge(case: Case) -> Fate:
    """Why an ACK of the old connection answered the SYN, and whether that cost next to nothing."""
    connection = case.connection
    why = "stale" if case.seen.challenge_stale else "challenged"
    client = case.endpoint(case.client_by)
    if why == "challenged" and distance(client.isn, case.seen.challenge_ack) <= 0:
        why = "older"
    took_ns = connection.syn_ack_ns - connection.syn_ns()
    quick = connection.handshake == COMPLETE and took_ns < _QUICK_NS
    if connection.handshake == COMPLETE:
        return (why, "quick") if quick else (why,)
    return why, _fate(case)


def _fate(case: Case) -> str:
    outcome = case.connection.handshake
    if outcome == COMPLETE:
        # Delayed: the first SYN was not taken, but one of its retransmissions.
        return "delayed" if case.endpoint(case.client_by).syns > 1 else "accepted"
    if case.at_end and case.end_ns - case.connection.last_syn_ns() < LATE_NS:
        return "begun"
    return "refused" if outcome == REFUSED_HANDSHAKE else "failed"


class Reuses:
    """Collects four-tuples used again while in TIME_WAIT, by the client that used them.

    Information while all were accepted; a warning where one was refused or not answered. The
    count is of reuses; both the old and the new connection are listed.
    """

    KINDS = (REUSE_KIND,)
    SUSPECT = REUSE

    def __init__(self, settings: Settings) -> None:
        self._groups = Groups()
        #: By id of the new connection: whose reuse it is, once the old connection was seen, or how it fared.
        self._awaited: dict[int, Key] = {}
        self._early: dict[int, Fate] = {}

    def look(self, case: Case, known: Collection[str]) -> list[str]:
        connection = case.connection
        kinds: list[str] = []
        if REUSE_KIND in case.explained:
            return kinds
        challenged = case.seen is not None and case.seen.challenges > 0
        if challenged and not case.seen.challenge_in_time_wait:
            self._take_challenged(case)
            kinds = [REUSE_KIND]
        elif connection.rare.reuse_of >= 0:
            fate = _challenge(case) if challenged else (_fate(case),)
            key = self._awaited.pop(connection.id, None)
            if key is not None:
                self._meet(key, connection.id, fate)
                kinds = [REUSE_KIND]
            else:
                self._early[connection.id] = fate
                _forget_oldest(self._early)
        if case.seen is not None and case.seen.challenge_reset_frame == connection.rare.reset_frame:
            # The client's answer to the ACK that its new SYN drew: part of the reuse.
            case.explained |= {"time-wait-assassination", "reset-after-close", "stray-reset"}
        if connection.rare.reused_time_wait and self._take(case):
            kinds = [REUSE_KIND]
        return kinds

    def _take_challenged(self, case: Case) -> None:
        """The ACK of old numbers that answers a SYN proves TIME_WAIT, whatever our clock says."""
        connection = case.connection
        seen = case.seen
        by = case.client_by
        group = self._groups.of(case, by)
        group.add(case, by, connection.syn_ns(), connection.last_ns, CERTAIN)
        for fate in _challenge(case):
            group.tally[fate] += 1
        if group.wants_example(connection.id):
            name, server = case.name(by), case.name(case.server_by)
            text = f"{name} sent SYN to {server}"
            lines = [case.evidence(connection.syn_frame(), connection.syn_ns(), text)]
            text = f"{server} answers with an ACK of the connection before: it holds that in TIME_WAIT"
            lines.append(case.evidence(seen.challenge_frame, seen.challenge_ns, text))
            if seen.challenge_reset_frame:
                text = f"{name} knows nothing of that connection: RST"
                lines.append(case.evidence(seen.challenge_reset_frame, seen.challenge_reset_ns, text))
            if connection.syn_ack_frame:
                text = f"{duration(connection.syn_ack_ns - connection.syn_ns())} after the first SYN: SYN+ACK"
                lines.append(case.evidence(connection.syn_ack_frame, connection.syn_ack_ns, text))
            group.example(connection.id, lines)

    def _meet(self, key: Key, new: int, fate: Fate) -> None:
        """Both connections of a reuse have been seen: ``new`` is the later one's id."""
        group = self._groups.named(key)
        for each in fate:
            group.tally[each] += 1
        group.add_id(new)

    def renumber(self, numbers: Sequence[int]) -> None:
        self._groups.renumber(numbers)
        self._awaited = {numbers[new]: key for new, key in self._awaited.items()}
        self._early = {numbers[new]: fate for new, fate in self._early.items()}

    def merge(self, other: Reuses) -> None:
        self._groups.merge(other._groups)
        for new, key in other._awaited.items():
            fate = self._early.pop(new, ())
            if fate:
                self._meet(key, new, fate)
            else:
                self._awaited[new] = key
        for new, fate in other._early.items():
            awaited = self._awaited.pop(new, None)
            if awaited is not None:
                self._meet(awaited, new, fate)
            else:
                self._early[new] = fate

    def _take(self, case: Case) -> bool:
        connection = case.connection
        by = connection.rare.reused_time_wait
        entered_ns, entered_frame, basis = 0, 0, ASSUMED
        for state, ts_ns, frame, entry_basis in case.history(by):
            if state == TIME_WAIT:
                entered_ns, entered_frame, basis = ts_ns, frame, entry_basis
        if connection.rare.reused_ns < entered_ns:
            # Time ran backwards: which came first is not known.
            return False
        group = self._groups.of(case, case.client_by)
        confidence = POSSIBLE if basis == ASSUMED else CERTAIN
        group.add(case, case.client_by, connection.rare.reused_ns, connection.rare.reused_ns, confidence)
        if entered_ns:
            group.measure(connection.rare.reused_ns - entered_ns)
        early = self._early.pop(connection.rare.reused_by, ())
        if early:
            self._meet(group.key, connection.rare.reused_by, early)
        else:
            self._awaited[connection.rare.reused_by] = group.key
            _forget_oldest(self._awaited)
        if group.wants_example(connection.id):
            lines = []
            if entered_ns:
                text = f"{case.name(by)} entered TIME_WAIT"
                lines.append(case.evidence(entered_frame, entered_ns, text))
            after = f"{duration(connection.rare.reused_ns - entered_ns)} later: " if entered_ns else ""
            text = f"{after}a new SYN on the same ports"
            lines.append(case.evidence(connection.rare.reused_frame, connection.rare.reused_ns, text))
            seen = case.seen
            if seen is not None and seen.challenge_reset_frame:
                text = f"{case.name(case.client_by)} answers the ACK of the old connection with RST"
                lines.append(case.evidence(seen.challenge_reset_frame, seen.challenge_reset_ns, text))
            group.example(connection.id, lines)
        return True

    def findings(self, end_ns: int, knowledge: Knowledge) -> list[Finding]:
        return [self._finding(group) for group in self._groups.by_peer()]

    def _finding(self, group: Group) -> Finding:
        text = TEXTS[REUSE_KIND]
        tally = group.tally
        fates = [
            f"{tally[fate]:,} {said}"
            for fate, said in (
                ("accepted", "accepted at once"),
                ("delayed", "accepted only after SYN retransmissions"),
                ("refused", "refused"),
                ("failed", "never completed"),
                ("begun", "still under way as far as the capture goes"),
            )
            if tally[fate]
        ]
        when = f", {span(group.least_ns, group.most_ns)} after the old close" if group.most_ns >= 0 else ""
        sentences = [
            f"{group.who()} opened {group.connections()} to {group.they()} on ports still in TIME_WAIT{when}."
        ]
        if fates:
            sentences.append(f"Of these: {', '.join(fates)}.")
        for why, said in _SAID.items():
            if tally[why]:
                many = part(tally[why], group.count)
                sentences.append(f"{many} met an ACK of the old connection{said}.")
        if tally["quick"]:
            sentences.append(
                f"{part(tally['quick'], group.count)} got through all the same, within a second."
            )
        sentences.append(text.meaning)
        lost = tally["refused"] + tally["failed"] + sum(tally[why] for why in _WHYS) - tally["quick"]
        if tally["stale"] > tally["older"]:
            text = STALE_REUSE
        return group.finding(
            REUSE_KIND,
            "warning" if lost > 0 else "info",
            " ".join(sentences),
            remedy(text, group.socket_filter()),
        )


def pile_findings(time_wait: TimeWait, settings: Settings) -> list[Finding]:
    """``time-wait-pile``: one finding an address that reached a threshold, the 1,000 largest.

    Critical if one destination took 80 % of the ephemeral ports, a warning if one took the share that is
    set; else information, for TIME_WAIT by itself costs next to nothing. ``count`` is the
    most sockets at once; ``connections`` are only examples.
    """
    toward: dict[tuple[int, int, int], list[Pile]] = {}
    for pile in time_wait.destinations():
        toward.setdefault((pile.ip_version, pile.address_hi, pile.address_lo), []).append(pile)
    ports_floor = settings.time_wait_pile_share * settings.ephemeral_ports
    found = []
    for pile in time_wait.addresses():
        destinations = toward.get((pile.ip_version, pile.address_hi, pile.address_lo), [])
        crowded = [there for there in destinations if _reached(there, ports_floor)]
        if _reached(pile, settings.time_wait_pile_sockets) or crowded:
            found.append((pile, destinations, crowded))
    found.sort(key=lambda one: (-one[0].peak, one[0].ip_version, one[0].address_hi, one[0].address_lo))
    return [_pile_finding(*one, settings) for one in found[:_PILES]]


def _reached(pile: Pile, sockets: float) -> bool:
    """Were there ever so many at once? (No more than arrived; to find out how many takes a while.)"""
    return pile.arrived >= sockets and pile.peak >= sockets


def _pile_finding(pile: Pile, destinations: list[Pile], crowded: list[Pile], settings: Settings) -> Finding:
    # Only active openers are counted by destination; small piles toward many are forgotten.
    actively = sum(there.entered for there in destinations)
    role: Role = "client" if actively * 2 >= pile.entered else "host"
    address = address_text(pile.address_hi, pile.address_lo, pile.ip_version)
    subject = Subject(role, address, None)
    largest = sorted(destinations, key=lambda there: (-there.peak, there.to_hi, there.to_lo, there.to_port))
    sentences = [
        f"{role[0].upper()}{role[1:]} {address} had {pile.peak:,} sockets in TIME_WAIT at once, at"
        f" {moment(pile.peak_at_ns)}; {pile.entered:,} entered it in the whole capture."
    ]
    if role == "host":
        sentences.append("Mostly it was not the side that opens, so its ports are not at stake.")
    named = [
        f"{there.peak:,} toward {socket_name(there.ip_version, there.to_hi, there.to_lo, there.to_port)}"
        f" ({_percent(there.peak, settings.ephemeral_ports)} of {settings.ephemeral_ports:,} ephemeral ports)"
        for there in largest[:_NAMED]
    ]
    if named:
        sentences.append(f"Most at once by destination: {', '.join(named)}.")
    text = TEXTS[PILE_KIND]
    sentences.append(text.meaning)
    critical = any(there.peak >= _CRITICAL_SHARE * settings.ephemeral_ports for there in crowded)
    example = max(pile.first_connection, 0)
    frame, source = frame_number(pile.first_frame), frame_source(pile.first_frame)
    return Finding(
        kind=PILE_KIND,
        severity="critical" if critical else "warning" if crowded else "info",
        subject=subject,
        count=pile.peak,
        connections=sorted(pile.connections),
        first_ns=pile.first_ns,
        last_ns=pile.last_ns,
        evidence=[
            Evidence(example, frame or None, pile.first_ns, f"{address}: the first in TIME_WAIT", source),
            Evidence(example, None, pile.peak_at_ns, f"{address}: {pile.peak:,} in TIME_WAIT at once"),
        ],
        explanation=" ".join(sentences),
        remedy=remedy(text, ""),
        confidence="certain",
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "all"
