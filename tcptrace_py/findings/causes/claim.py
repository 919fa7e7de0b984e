"""What a cause says of one connection, and what every cause is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from tcptrace_py.findings.case import Case
from tcptrace_py.findings.finding import Evidence, Finding
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.settings import Settings

#: What an undecided claim hangs on: numbers and words, the first of them the kind.
Key = tuple[object, ...]


class Claim(NamedTuple):
    """``by``: the endpoint that it is about. ``measure_ns``: a duration to tell, -1 none.

    ``explains``: the general kinds that this cause accounts for. ``hangs_on``: only the whole capture
    can confirm it; connections with the same key are decided alike. ``facts``: what ``judge`` needs.
    """

    by: int
    first_ns: int
    last_ns: int
    confidence: int
    evidence: Callable[[], list[Evidence]]
    measure_ns: int = -1
    tally: Mapping[str, int] = MappingProxyType({})
    explains: Collection[str] = ()
    hangs_on: Key | None = None
    facts: tuple[object, ...] = ()
    variant: str = ""


class Cause(Protocol):
    """One kind by cause, declared once; it holds nothing."""

    KIND: str
    #: The bits of ``tcp.observations`` that make it look.
    TOLD_FROM: int

    def look(self, case: Case, knowledge: Knowledge, settings: Settings) -> Claim | None:
        """What it says of a connection; ``knowledge`` is that of the part of the capture seen so far."""

    def judge(self, key: Key, facts: tuple[object, ...], group: Group, knowledge: Knowledge) -> bool:
        """Does the whole capture confirm claims that hang on ``key``?"""

    def finding(self, group: Group, knowledge: Knowledge, end_ns: int) -> Finding:
        """The finding about a culprit."""


class Decided:
    """For causes that one connection shows by itself."""

    def judge(self, key: Key, facts: tuple[object, ...], group: Group, knowledge: Knowledge) -> bool:
        return True
