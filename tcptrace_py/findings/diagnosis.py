"""From finished connections to findings.

Compiled (see ``diagnosis.pxd``). Each connection is shown once; what a family needs of it is
copied, because the connection and its histories are given back afterwards. Memory is bounded by
the number of culprits that are listed (``group.GROUPS`` a kind), not by the number of connections.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

from tcptrace_py.capture.presence import NO_GAPS, Gaps
from tcptrace_py.defects import Defects
from tcptrace_py.findings.case import Case, case_of
from tcptrace_py.findings.causes.claims import CAUSES, Causes, Revised
from tcptrace_py.findings.causes.probe import LOW_TTL
from tcptrace_py.findings.close_wait import CloseWaits
from tcptrace_py.findings.damage import doubt
from tcptrace_py.findings.families import (
    HANDSHAKE,
    HOLE,
    IN_CLEAR,
    MUTE,
    OBSERVED,
    SILENCE,
    SLOW,
    UNANSWERED,
)
from tcptrace_py.findings.family import Families, Family
from tcptrace_py.findings.fin_wait import FinWaits
from tcptrace_py.findings.finding import KINDS, Finding, worst_first
from tcptrace_py.findings.group import GROUPS
from tcptrace_py.findings.half_close import HalfCloses
from tcptrace_py.findings.handshake import Handshakes
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.resets import Resets
from tcptrace_py.findings.silence import DeadPeers
from tcptrace_py.findings.suspicion import Suspicion
from tcptrace_py.findings.time_wait import Reuses, pile_findings
from tcptrace_py.findings.unacknowledged_fin import UnacknowledgedFins
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.attempt import Attempt
from tcptrace_py.tcp.codes import REFUSED
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.observations import (
    BY_ATTEMPT,
    BY_CLOSE,
    BY_LOSS,
    BY_NO_WORD,
    BY_SILENCE,
    BY_SLOWNESS,
    BY_WORDS,
    Observations,
)
from tcptrace_py.tcp.time_wait import TimeWait

#: The general families, in the order in which they look: a later one is told what earlier ones found.
FAMILIES: tuple[type[Family], ...] = (
    CloseWaits,
    FinWaits,
    UnacknowledgedFins,
    HalfCloses,
    Reuses,
    Handshakes,
    DeadPeers,
    Resets,
)
#: By suspicion: the numbers of those that it makes look, as far as that was asked.
_LOOKING: dict[int, tuple[int, ...]] = {}

GENERAL_KINDS = frozenset(KINDS) - {cause.KIND for cause in CAUSES} - {"time-wait-pile"}

_LOW_TTL = LOW_TTL
#: What makes causes look at a connection.
_CAUSED = HOLE | IN_CLEAR | MUTE | OBSERVED | SLOW | SILENCE | UNANSWERED


def _looking(suspect: int) -> tuple[int, ...]:
    return tuple(n for n, family in enumerate(FAMILIES) if suspect & cast("int", family.SUSPECT))


def _reasons(connection: Connection, suspect: int) -> int:
    """What causes are told from: what was observed, and what the suspicion is."""
    seen: Observations | None = connection.observed
    found = 0 if seen is None else seen.reasons(connection)
    if suspect & HANDSHAKE:
        found |= BY_ATTEMPT
    if suspect & SILENCE:
        found |= BY_SILENCE
    if suspect & SLOW:
        found |= BY_SLOWNESS
    if suspect & UNANSWERED:
        found |= BY_CLOSE
    if suspect & HOLE:
        found |= BY_LOSS
    if suspect & IN_CLEAR:
        found |= BY_WORDS
    if suspect & MUTE:
        found |= BY_NO_WORD
    return found


class Diagnosis:
    """Looks at every connection of a capture and says in the end what is wrong.

    A value: a new one is the empty element, ``merge`` is associative and commutative, and
    ``findings`` changes nothing but ``revised``. ``gaps`` are those of the capture so far.
    ``culprits``: listed at most for one kind; parts that are merged list as many.
    """

    def __init__(
        self,
        settings: Settings,
        gaps: Gaps = NO_GAPS,
        culprits: int = GROUPS,
    ) -> None:
        self._settings = settings
        self._gaps = gaps
        self._gap_ends = gaps.ends
        self._suspicion = Suspicion(settings)
        self.knowledge = Knowledge()
        self._causes = Causes(settings, partial(Families, FAMILIES, settings, culprits), culprits)
        #: The one among the general families, once an attempt was looked at.
        self._handshakes: Handshakes | None = None
        #: By id of connection: kinds that only the whole capture told, as ``findings`` last found them.
        self.revised: Revised = {}
        #: Families that failed on a connection, or in the end; the others have done their work.
        self.defects = Defects()

    def look(self, connection: Connection, at_end: bool, end_ns: int) -> tuple[str, ...]:
        """The kinds of finding that a connection takes part in, in the order of ``KINDS``.

        To be called once for each connection, before it is given back. ``at_end``: it is
        handed over because the capture ended; ``end_ns``: the capture's time now. A
        ``time-wait-pile`` is not about connections and never among the kinds; what only the whole
        capture tells is in ``revised`` in the end.
        """
        self.knowledge.note(connection)
        suspect = self._suspicion.suspicious(connection, end_ns)
        if not suspect:
            return ()
        case = case_of(connection, at_end, end_ns, self._gaps)
        kinds: list[str] = []
        waiting: Families | None = None
        if suspect & _CAUSED or (suspect & HANDSHAKE and self._may_tell(connection)):
            try:
                reasons = _reasons(connection, suspect)
                kinds, waiting, hanging = self._causes.look(case, reasons, self.knowledge)
            except Exception as error:
                self._failed(self._causes, connection, error)
            else:
                if waiting is not None:
                    case.explained |= hanging
                    self._look_with(self._causes.general, suspect, case, kinds)
                    # These are told only if the cause is not; they know what is told in any case.
                    case.explained = set(GENERAL_KINDS - hanging)
                    self._look_with(waiting, suspect, case, kinds)
        if waiting is None:
            self._look_with(self._causes.general, suspect, case, kinds)
        return tuple(sorted(set(kinds), key=KINDS.index)) if len(kinds) > 1 else tuple(kinds)

    def look_at_attempt(self, attempt: Attempt, at_end: bool, end_ns: int) -> bool:
        """Count a SYN that nothing followed as ``look`` would count the connection that it began.

        False, and not counted, where a cause may tell more of it: then it takes that connection.
        """
        if 0 < attempt.ttl < _LOW_TTL or attempt.seq == 0:
            return False
        kept = self.knowledge.note_attempt(attempt)
        waited_until_ns = end_ns
        if self._gap_ends:
            waited_until_ns = self._gaps.until(attempt.ts_ns, end_ns)
        handshakes = self._handshakes
        if handshakes is None:
            handshakes = self._handshakes = self._causes.general.handshakes
        try:
            if not (kept and self._causes.hold(attempt, at_end, waited_until_ns)):
                handshakes.look_at_attempt(attempt, at_end, waited_until_ns)
        except Exception as error:
            self._failed_on(handshakes, attempt.id, (attempt.frame,), error)
        return True

    def _look_with(self, families: Families, suspect: int, case: Case, kinds: list[str]) -> None:
        looking = _LOOKING.get(suspect)
        if looking is None:
            looking = _LOOKING[suspect] = _looking(suspect)
        made = families.made
        for number in looking:
            family = made[number] or families.of(number)
            try:
                kinds += family.look(case, kinds)
            except Exception as error:
                self._failed(family, case.connection, error)

    def revise(self, record_id: int, kinds: Sequence[str]) -> list[str]:
        """The kinds of a connection once the whole capture is known; after ``findings``."""
        return revised_kinds(self.revised, record_id, kinds)

    def _may_tell(self, connection: Connection) -> bool:
        """Might a cause say more of a failed handshake? In a flood it is asked of every connection."""
        client = connection.client()
        if 0 < client.ttl < _LOW_TTL or (client.has_isn and client.isn == 0):
            return True
        return (
            connection.reset_cause != REFUSED and client.has_syn_ts and self.knowledge.knows_pair(connection)
        )

    def _failed(self, family: object, connection: Connection | None, error: Exception) -> None:
        if connection is None:
            self.defects.note(f"the findings of {type(family).__name__}", (), error)
            return
        frames = (connection.first_frame, connection.a.last_frame, connection.b.last_frame)
        self._failed_on(family, connection.id, frames, error)

    def _failed_on(self, family: object, connection: int, frames: tuple[int, ...], error: Exception) -> None:
        what = f"the findings of {type(family).__name__} on connection {connection}"
        self.defects.note(what, frames, error)

    def merge(self, other: Diagnosis) -> None:
        """Take in what another diagnosis was shown; that one stays as it is."""
        self.defects.merge(other.defects)
        self.knowledge.merge(other.knowledge)
        self._causes.merge(other._causes)

    def renumber(self, numbers: Sequence[int]) -> None:
        """Connections have other ids now, in the same order: ``numbers[id]``."""
        self.knowledge.renumber(numbers)
        self._causes.renumber(numbers)

    def __reduce__(self) -> tuple[object, ...]:
        # (Its gaps stay behind: it has been shown all that it will be.)
        return _restored, (self._settings, self.knowledge, self._causes, self.defects)

    def restore(self, knowledge: Knowledge, causes: Causes, defects: Defects) -> None:
        """Have been shown what these were."""
        self.knowledge = knowledge
        self._causes = causes
        self.defects = defects

    def findings(self, time_wait: TimeWait, end_ns: int, damaged: bool = False) -> list[Finding]:
        """All findings, in the order of ``worst_first``.

        ``end_ns``: end of the capture, or its time now; ``damaged``: as `findings.damage` has it.
        """
        self.knowledge.index()
        found, self.revised = self._causes.findings(
            self.knowledge, end_ns, lambda family, error: self._failed(family, None, error)
        )
        found += pile_findings(time_wait, self._settings)
        if damaged:
            doubt(found)
        found.sort(key=worst_first)
        return found


def revised_kinds(revised: Revised, record_id: int, kinds: Sequence[str]) -> list[str]:
    """The kinds of a connection, with what the whole capture told of it."""
    kind, explains = revised.get(record_id, ("", frozenset()))
    if not kind:
        return list(kinds)
    return sorted({kind, *(each for each in kinds if each not in explains)}, key=KINDS.index)


def _restored(settings: Settings, knowledge: Knowledge, causes: Causes, defects: Defects) -> Diagnosis:
    diagnosis = Diagnosis(settings)
    diagnosis.restore(knowledge, causes, defects)
    return diagnosis
