"""What a rule is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

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
