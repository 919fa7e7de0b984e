# cython: wraparound=True
"""What a rule is, and what rules make: entries of a history."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from tcptrace_py.tcp.evidence import NOT_SEEN, Frame
from tcptrace_py.tcp.history import Entries
from tcptrace_py.tcp.state import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    SYN_RCVD,
    TIME_WAIT,
)

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


def earliest(frames: Iterable[Frame], after: Frame = NOT_SEEN) -> Frame:
    """Of those that were seen, and passed after that one."""
    return min([frame for frame in frames if frame > after], default=NOT_SEEN)


class History(list[tuple[int, Frame, int]]):
    """Entries ``(state, frame, basis)`` in order: none is earlier than the one before it."""

    def put(self, state: int, frame: Frame, basis: int) -> None:
        """If the frame was seen."""
        if frame:
            self.append((state, max(frame, self[-1][1]) if self else frame, basis))

    def put_peers_fin(self, frame: Frame, basis: int) -> None:
        """The peer's FIN came (3.10.7.4): its ACK is checked fifth, and ends a handshake, the FIN eighth."""
        if self.state == SYN_RCVD:
            self.put(ESTABLISHED, frame, basis)
        if self.state in (ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2):
            leads_to = {ESTABLISHED: CLOSE_WAIT, FIN_WAIT_1: CLOSING, FIN_WAIT_2: TIME_WAIT}
            self.put(leads_to[self.state], frame, basis)

    @property
    def state(self) -> int:
        """``CLOSED`` where there is none."""
        return self[-1][0] if self else CLOSED

    def entries(self) -> Entries:
        return [(state, frame.ts_ns, frame.number, basis) for state, frame, basis in self]
