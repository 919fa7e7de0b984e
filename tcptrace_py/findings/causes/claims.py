"""Collects what causes claim of connections, and what they leave to the general families.

Some claims need the whole capture: those wait, together with what the general families say of the
same connections, until it is known which of the two is told. All of it merges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from tcptrace_py.findings.case import Case
from tcptrace_py.findings.causes.about import service_of
from tcptrace_py.findings.causes.accept_queue import AcceptQueueFull
from tcptrace_py.findings.causes.black_hole import MtuBlackHole
from tcptrace_py.findings.causes.claim import Cause, Claim
from tcptrace_py.findings.causes.foreign import ForeignReply
from tcptrace_py.findings.causes.idle import IdleTimeout
from tcptrace_py.findings.causes.injected import InjectedReset
from tcptrace_py.findings.causes.mismatch import ProtocolMismatch
from tcptrace_py.findings.causes.path_state import PathStateLost
from tcptrace_py.findings.causes.probe import Probe
from tcptrace_py.findings.causes.race import KeepAliveRace
from tcptrace_py.findings.causes.slow_connect import SlowConnect
from tcptrace_py.findings.causes.stale_timestamp import StaleTimestamp
from tcptrace_py.findings.causes.stopped import StoppedStream
from tcptrace_py.findings.causes.tls import TlsAlert
from tcptrace_py.findings.causes.unresponsive import UnresponsiveServer
from tcptrace_py.findings.causes.zero_window import ZeroWindowStall
from tcptrace_py.findings.family import Families
from tcptrace_py.findings.finding import LIKELY, Finding
from tcptrace_py.findings.group import GROUPS, Group, Groups, by_client
from tcptrace_py.findings.handshake_findings import FULL_KIND, TIMEOUT_KIND, UNREACHABLE_KIND
from tcptrace_py.findings.kept import Kept
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.scans import EXPLAINS as SCAN_EXPLAINS
from tcptrace_py.findings.scans import KIND as SCAN
from tcptrace_py.findings.time_wait import CHALLENGED_EXPLAINS, REUSE_KIND
from tcptrace_py.findings.weight import weigh
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.attempt import Attempt

_STALE = StaleTimestamp()
#: What SYNs are taken for that a full accept queue drops, or that a rate limit of ICMP leaves unanswered.
UNANSWERED_EXPLAINS = frozenset({TIMEOUT_KIND})
#: In this order: the first that is certain of its claim may account for what later ones would say.
CAUSES: tuple[Cause, ...] = (
    ProtocolMismatch(),
    TlsAlert(),
    InjectedReset(),
    AcceptQueueFull(),
    MtuBlackHole(),
    ZeroWindowStall(),
    ForeignReply(),
    _STALE,
    Probe(),
    StoppedStream(),
    UnresponsiveServer(),
    KeepAliveRace(),
    PathStateLost(),
    IdleTimeout(),
    SlowConnect(),
)
#: By id of connection: the kind that the whole capture told, and those that it accounts for.
Revised = dict[int, tuple[str, frozenset[str]]]

#: Claims that wait at most: things they hang on. Each may be a culprit of its own.
_WAITING = 4_096


class Waiting:
    """Claims that hang on the same things, and their connections as the general families see them.

    ``facts`` and ``groups``: one for each cause that claims them, in the order of the key. What begins
    with a ``syn`` that nothing followed keeps that alone, until there is more: of a flood it is all.
    """

    def __init__(
        self,
        facts: list[tuple[object, ...]],
        explains: frozenset[str],
        general: Callable[[], Families],
        syn: WaitingSyn | None = None,
    ) -> None:
        self.facts = facts
        self.explains = explains
        self._make_general = general
        self._syn = syn
        self._groups: list[Groups] = []
        self._general: Families | None = None

    @property
    def groups(self) -> list[Groups]:
        self._settle()
        if not self._groups:
            self._groups = [Groups() for _ in self.facts]
        return self._groups

    @property
    def general(self) -> Families:
        self._settle()
        if self._general is None:
            self._general = self._make_general()
        return self._general

    def _settle(self) -> None:
        syn, self._syn = self._syn, None
        if syn is not None:
            _take_attempt(self.groups[0], syn.attempt)
            syn.tell(self.general)

    def denied(self, hangs_on: tuple[object, ...], knowledge: Knowledge) -> bool:
        """It is a SYN alone, and not confirmed."""
        return self._syn is not None and not _STALE.is_lower(hangs_on, self.facts[0], knowledge)

    def unconfirmed(self, general: Families) -> None:
        """It is what the general families say."""
        if self._syn is not None:
            self._syn.tell(general)
        else:
            general.merge(self.general)

    def copy(self) -> Waiting:
        fresh = Waiting(self.facts, self.explains, self._make_general, self._syn)
        if self._syn is None:
            fresh.merge(self)
        return fresh

    def merge(self, other: Waiting) -> None:
        for mine, its in zip(self.groups, other.groups, strict=True):
            mine.merge(its)
        self.general.merge(other.general)

    def renumber(self, numbers: Sequence[int]) -> None:
        if self._syn is not None:
            # Copies share it.
            attempt = self._syn.attempt.copy()
            attempt.id = numbers[attempt.id]
            self._syn = self._syn._replace(attempt=attempt)
            return
        for groups in self.groups:
            groups.renumber(numbers)
        self.general.renumber(numbers)


class WaitingSyn(NamedTuple):
    """A SYN that nothing followed, ``at_end`` of the capture or not, and how long an answer may have come."""

    attempt: Attempt
    at_end: bool
    waited_until_ns: int

    def tell(self, general: Families) -> None:
        general.handshakes.look_at_attempt(*self)


def _take_attempt(groups: Groups, attempt: Attempt) -> None:
    """What `Causes.look` does with the claim of a connection."""
    group = groups.at("server", attempt.ip_version, attempt.dst_hi, attempt.dst_lo, attempt.dst_port)
    group.count_one(
        attempt.id,
        attempt.ip_version,
        attempt.src_hi,
        attempt.src_lo,
        1,
        attempt.ts_ns,
        attempt.ts_ns,
        LIKELY,
    )
    group.measure(0)
    if group.wants_example(attempt.id):
        group.example(attempt.id, _STALE.evidence_of(attempt))


class Causes:
    """All causes, and the general families behind them.

    ``general`` makes the general families, empty. ``culprits``: listed at most for one kind of finding.
    """

    def __init__(self, settings: Settings, general: Callable[[], Families], culprits: int = GROUPS) -> None:
        self._settings = settings
        self._make_general = general
        self._culprits = culprits
        self.general = general()
        self._groups = [Groups(culprits) for _ in CAUSES]
        self._waiting = Kept(min(_WAITING, culprits))

    def look(
        self, case: Case, reasons: int, knowledge: Knowledge
    ) -> tuple[list[str], Families | None, set[str]]:
        """The kinds by cause that a connection takes part in.

        What the general families need not tell is in ``case.explained``. Where a cause waits for the
        whole capture: the general families that wait with it, and the kinds that only they tell.
        """
        kinds: list[str] = []
        if case.seen is not None and case.seen.challenges:
            # It met TIME_WAIT: `time-wait-reuse` tells that.
            case.explained |= CHALLENGED_EXPLAINS
        undecided: list[tuple[int, Claim]] = []
        for number, cause in _told_from(reasons):
            if cause.KIND in case.explained:
                continue
            claim = cause.look(case, knowledge, self._settings)
            if claim is None:
                continue
            if claim.hangs_on is not None:
                undecided.append((number, claim))
                continue
            self._take(self._groups[number], case, claim)
            case.explained.update(claim.explains)
            kinds.append(cause.KIND)
        undecided = [
            (number, claim) for number, claim in undecided if CAUSES[number].KIND not in case.explained
        ]
        waiting = self._wait(undecided) if undecided else None
        if waiting is None:
            return kinds, None, set()
        hanging: set[str] = set()
        for groups, (_, claim) in zip(waiting.groups, undecided, strict=True):
            self._take(groups, case, claim)
            hanging.update(claim.explains)
        return kinds, waiting.general, hanging - case.explained

    def hold(self, attempt: Attempt, at_end: bool, waited_until_ns: int) -> bool:
        """What ``look`` does with a SYN that nothing followed, and that has a timestamp; whether it waits."""
        hangs_on, facts = _STALE.key_of(attempt)
        key = ((CAUSES.index(_STALE), hangs_on),)
        known: Waiting | None = self._waiting.entries.get(key)
        rank = _rank(key)
        if known is None and not self._waiting.wants(rank):
            return False
        syn = WaitingSyn(attempt.copy(), at_end, waited_until_ns)
        waiting = Waiting([facts], frozenset(_STALE.EXPLAINS), self._make_general, syn)
        if known is None:
            # Where it is not kept, it is told as all those are that were given up.
            self._keep(rank, key, waiting)
        else:
            known.merge(waiting)
        return True

    def _take(self, groups: Groups, case: Case, claim: Claim) -> None:
        group = groups.of(case, claim.by, claim.variant)
        group.add(case, claim.by, claim.first_ns, claim.last_ns, claim.confidence)
        if claim.measure_ns >= 0:
            group.measure(claim.measure_ns)
        for what, n in claim.tally.items():
            group.tally[what] += n
        if group.wants_example(case.connection.id):
            group.example(case.connection.id, claim.evidence())

    def _wait(self, undecided: list[tuple[int, Claim]]) -> Waiting | None:
        key = tuple((number, claim.hangs_on) for number, claim in undecided)
        known: Waiting | None = self._waiting.entries.get(key)
        if known is not None:
            return known
        rank = _rank(key)
        if not self._waiting.wants(rank):
            return None
        explains = frozenset(kind for _, claim in undecided for kind in claim.explains)
        facts = [claim.facts for _, claim in undecided]
        return self._keep(rank, key, Waiting(facts, explains, self._make_general))

    def _keep(self, rank: int, key: object, waiting: Waiting) -> Waiting | None:
        gone = self._waiting.put(rank, key, waiting)
        if gone is not None:
            gone.unconfirmed(self.general)
        return None if gone is waiting else waiting

    def merge(self, other: Causes) -> None:
        """Take in what another one was shown; that one stays as it is."""
        for mine, its in zip(self._groups, other._groups, strict=True):
            mine.merge(its)
        self.general.merge(other.general)
        for key, waiting in other._waiting.entries.items():
            known: Waiting | None = self._waiting.entries.get(key)
            if known is None:
                self._keep(_rank(key), key, waiting.copy())
            else:
                known.merge(waiting)

    def renumber(self, numbers: Sequence[int]) -> None:
        """Connections have other ids now, in the same order: ``numbers[id]``."""
        for groups in self._groups:
            groups.renumber(numbers)
        self.general.renumber(numbers)
        for waiting in self._waiting.entries.values():
            waiting.renumber(numbers)

    def findings(
        self, knowledge: Knowledge, end_ns: int, failed: Callable[[object, Exception], None]
    ) -> tuple[list[Finding], Revised]:
        """What it all amounts to, and for connections whose cause the whole capture told: what that is.

        ``failed`` is told who failed; the others have done their work.
        """
        groups = self._groups
        general = self.general
        revised: Revised = {}
        if self._waiting.entries:
            groups = [Groups(self._culprits) for _ in CAUSES]
            general = self._make_general()
            for mine, its in zip(groups, self._groups, strict=True):
                mine.merge(its)
            general.merge(self.general)
            for key, waiting in self._waiting.entries.items():
                if waiting.denied(key[0][1], knowledge):
                    waiting.unconfirmed(general)
                    continue
                for (number, hangs_on), facts, its in zip(key, waiting.facts, waiting.groups, strict=True):
                    whole = _whole(its)
                    if whole is not None and CAUSES[number].judge(hangs_on, facts, whole, knowledge):
                        groups[number].take(whole)
                        kind = CAUSES[number].KIND
                        # (Another cause, which was denied, would have accounted for this one.)
                        for connection in whole.ids():
                            revised[connection] = (kind, waiting.explains - {kind})
                        break
                else:
                    waiting.unconfirmed(general)
        found: list[Finding] = []
        for cause, mine in zip(CAUSES, groups, strict=True):
            try:
                found += [
                    _shared(cause.finding(each, knowledge, end_ns), each, knowledge)
                    for each in by_client(mine.by_peer())
                ]
            except Exception as error:
                failed(cause, error)
        for family in general:
            try:
                for finding in family.findings(end_ns, knowledge):
                    found.append(finding)
                    if finding.kind == SCAN:
                        # Its attempts, as far as they are listed, are no failures of their own.
                        for connection in finding.connections:
                            revised.setdefault(connection, (SCAN, SCAN_EXPLAINS))
                    elif finding.kind in (FULL_KIND, UNREACHABLE_KIND):
                        for connection in finding.connections:
                            revised.setdefault(connection, (finding.kind, UNANSWERED_EXPLAINS))
                    elif finding.kind == REUSE_KIND:
                        # Whichever of the two connections was looked at first.
                        for connection in finding.connections:
                            revised.setdefault(connection, (REUSE_KIND, frozenset()))
            except Exception as error:
                failed(family, error)
        told = [each for each in found if not _told_elsewhere(each, revised)]
        weigh(told, knowledge)
        return told, revised


def _told_elsewhere(finding: Finding, revised: Revised) -> bool:
    """A cause that the whole capture told accounts for all its connections."""
    ids = finding.connections
    return 0 < len(ids) == finding.count and all(
        connection in revised and finding.kind in revised[connection][1] for connection in ids
    )


def _shared(finding: Finding, group: Group, knowledge: Knowledge) -> Finding:
    """With what part of its service's connections it is about."""
    service = service_of(group, knowledge)
    if service is not None and service.connections >= group.count:
        finding.share = group.count / service.connections
    return finding


def _whole(groups: Groups) -> Group | None:
    """All that hangs on one thing, as one group."""
    several: Iterator[Group] = iter(groups)
    first = next(several, None)
    if first is None:
        return None
    whole = Group(
        first.role, first.side, first.version, first.hi, first.lo, first.service_port, first.variant
    )
    whole.merge(first)
    for group in several:
        whole.merge(group)
    return whole


def _rank(key: object) -> int:
    """A hash that is the same in every process: that of its text."""
    return int.from_bytes(_blake2b()(repr(key).encode(), digest_size=8).digest(), "big")


@cache
def _told_from(reasons: int) -> list[tuple[int, Cause]]:
    """The causes that these reasons make look, in their order and by their numbers."""
    return [(number, cause) for number, cause in enumerate(CAUSES) if cause.TOLD_FROM & reasons]


@cache
def _blake2b() -> Callable[..., Any]:
    try:
        # What `hashlib` has by this name; but that loads OpenSSL, which takes longer than all causes.
        from _blake2 import blake2b
    except ImportError:
        from hashlib import blake2b
    return blake2b
