"""What a family of findings is: a value that is shown connections, merged, and asked in the end.

Each family is declared once, in a file of its own: its kinds, which suspicion makes it look, how
it looks, and what it says. `tcptrace_py.findings.diagnosis.FAMILIES` lists them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Protocol, cast

from tcptrace_py.findings.case import Case
from tcptrace_py.findings.finding import Finding
from tcptrace_py.findings.group import Groups
from tcptrace_py.findings.handshake import Handshakes
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.settings import Settings


class Family(Protocol):
    """Made of settings it is the empty element; ``merge`` is associative and commutative.

    ``findings`` leaves the family as it is, so it may be asked while connections are still coming,
    and only it writes texts: from groups that are merged by then. A family that keeps ids of connections
    elsewhere than in ``Groups`` has ``renumber(numbers)`` as well: see `Groups.renumber`. One that is
    compiled has ``groups()``: all its ``Groups``.
    """

    def __init__(self, settings: Settings) -> None: ...

    # Both are attributes of the class.

    @property
    def KINDS(self) -> tuple[str, ...]:  # noqa: N802
        """The kinds of finding that it may give."""

    @property
    def SUSPECT(self) -> int:  # noqa: N802
        """The bits of ``suspicion`` that make it look."""

    def look(self, case: Case, known: Collection[str]) -> list[str]:
        """The kinds that a connection takes part in; ``known``: what families before this one said of it."""

    def merge(self, other: Any) -> None:
        """Take in what another one was shown; the other one stays as it is."""

    def findings(self, end_ns: int, knowledge: Knowledge) -> list[Finding]:
        """What it amounts to. ``end_ns``: the capture's end, or its time now."""


class Families:
    """One of each of ``kinds``, made when it is first needed; a later one is told what earlier ones found.

    A value, as each of them is. ``culprits``: listed at most for one kind of finding.
    """

    def __init__(self, kinds: Sequence[type[Family]], settings: Settings, culprits: int) -> None:
        self._kinds = kinds
        self._settings = settings
        self._culprits = culprits
        #: By number; None where none was needed yet.
        self.made: list[Family | None] = [None] * len(kinds)

    def of(self, number: int) -> Family:
        """That of kind ``number``, always the same one."""
        family = self.made[number]
        if family is None:
            family = self.made[number] = self._kinds[number](self._settings)
            for groups in _groups_of(family):
                groups.limit(self._culprits)
        return family

    @property
    def handshakes(self) -> Handshakes:
        """The family of failed handshakes."""
        return cast("Handshakes", self.of(self._kinds.index(Handshakes)))

    def __iter__(self) -> Iterator[Family]:
        return (family for family in self.made if family is not None)

    def merge(self, other: Families) -> None:
        """Take in what others were shown; those stay as they are."""
        for number, family in enumerate(other.made):
            if family is not None:
                self.of(number).merge(family)

    def renumber(self, numbers: Sequence[int]) -> None:
        """Connections have other ids now, in the same order: ``numbers[id]``."""
        for family in self:
            _renumber(family, numbers)


def _renumber(family: Family, numbers: Sequence[int]) -> None:
    renumber = getattr(family, "renumber", None)
    if renumber is not None:
        renumber(numbers)
        return
    for groups in _groups_of(family):
        groups.renumber(numbers)


def _groups_of(family: Family) -> Iterator[Groups]:
    groups = getattr(family, "groups", None)
    if groups is not None:
        # One that is compiled has no ``vars``.
        yield from groups()
        return
    for value in vars(family).values():
        for each in value.values() if isinstance(value, dict) else (value,):
            if isinstance(each, Groups):
                yield each
