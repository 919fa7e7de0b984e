# cython: wraparound=True
"""What a rule is, and what rules make: entries of a history."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from tcptrace_py.tcp.bounds import BEYOND
from tcptrace_py.tcp.state import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    TIME_WAIT,
)

#: ``(state, frame, basis)``.
Entry = tuple[int, int, int]

#: Where the peer's FIN leads, by the state in which it comes (3.10.7.4, eighth check).
GETS_FIN = {ESTABLISHED: CLOSE_WAIT, FIN_WAIT_1: CLOSING, FIN_WAIT_2: TIME_WAIT}

_F = TypeVar("_F", bound=Callable[..., object])


class Rule(NamedTuple):
    section: str
    sentence: str


#: Every rule, by the name of its function.
RULES: dict[str, Rule] = {}


def rule(section: str) -> Callable[[_F], _F]:
    """Note a rule; sections are RFC 9293's where no other source is named."""

    def note(function: _F) -> _F:
        RULES[function.__name__] = Rule(section, " ".join((function.__doc__ or "").split()))
        return function

    return note


class Reach:
    """What may have come to an end before a RST: what passed before ``frame`` and, if it believed that RST,
    nothing that goes beyond ``seq``."""

    def __init__(self, frame: int = BEYOND, seq: int = BEYOND) -> None:
        self.frame = frame
        self.seq = seq


class Opened:
    """How it came to ESTABLISHED; ``carried_to``: where the data of what brought it there ends."""

    def __init__(self, frame: int, basis: int, carried_to: int) -> None:
        self.frame = frame
        self.basis = basis
        self.carried_to = carried_to


class History(list[Entry]):
    """Entries in order: none is earlier than the one before it."""

    def put(self, state: int, frame: int, basis: int) -> None:
        self.append((state, max(frame, self[-1][1]) if self else frame, basis))

    def put_if(self, frame: int, state: int, basis: int) -> None:
        if frame:
            self.put(state, frame, basis)

    @property
    def state(self) -> int:
        """``CLOSED`` where there is none."""
        return self[-1][0] if self else CLOSED
