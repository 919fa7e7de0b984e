# cython: wraparound=True
"""What a rule is, and what rules make: entries of a history."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from tcptrace_py.tcp.evidence import NOT_SEEN, Frame
from tcptrace_py.tcp.history import Entries
from tcptrace_py.tcp.state import (
    CLOSED,
    EVENTS,
    GETS_ACK_OF_SYN,
    GETS_FIN,
    LISTEN,
    NO_TRANSITION,
    transition_table,
)

_AFTER = transition_table()
_F = TypeVar("_F", bound=Callable[..., object])


class Rule(NamedTuple):
    file: str
    section: str
    sentence: str


#: Every rule, by the name of its function.
RULES: dict[str, Rule] = {}


def rule(section: str) -> Callable[[_F], _F]:
    """Note a rule; sections are RFC 9293's where no other source is named."""

    def note(function: _F) -> _F:
        file = function.__module__.rpartition(".")[2]
        RULES[function.__name__] = Rule(file, section, " ".join((function.__doc__ or "").split()))
        return function

    return note


def earliest(frames: Iterable[Frame], after: Frame = NOT_SEEN) -> Frame:
    """Of those that were seen, and passed after that one."""
    return min([frame for frame in frames if frame > after], default=NOT_SEEN)


class History(list[tuple[int, Frame, int]]):
    """Entries ``(state, frame, basis)`` in order: none is earlier than the one before it."""

    def begin(self, state: int, frame: Frame, basis: int) -> None:
        """The first that is known of it, if that was seen."""
        if frame and not self:
            self.append((state, frame, basis))

    def take(self, event: int, frame: Frame, basis: int) -> None:
        """An event, if that was seen; where its state has no transition for it, nothing changes."""
        state = _AFTER[self.state * EVENTS + event]
        if frame and state != NO_TRANSITION:
            self.append((state, max(frame, self[-1][1]) if self else frame, basis))

    def gets_fin(self, frame: Frame, basis: int) -> None:
        """The peer's FIN came (3.10.7.4): its ACK is checked fifth, and ends a handshake, the FIN eighth."""
        self.take(GETS_ACK_OF_SYN, frame, basis)
        self.take(GETS_FIN, frame, basis)

    @property
    def state(self) -> int:
        """``CLOSED`` where there is none."""
        return self[-1][0] if self else CLOSED

    @property
    def passive(self) -> bool:
        """It came to what it is from LISTEN."""
        return any(state == LISTEN for state, _, _ in self)

    def entries(self) -> Entries:
        return [(state, frame.ts_ns, frame.number, basis) for state, frame, basis in self]
