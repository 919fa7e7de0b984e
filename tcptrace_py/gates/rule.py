"""Rules over a report: what makes a build fail, as users write it.

Three forms:

- a finding's kind, ``stuck-close-wait``: fails on any finding of that kind;
- a severity, ``warning``: fails on any finding that severe, or worse;
- a comparison, ``resets.by_cause.abort > 5`` or ``resets.total / connections > 1%``: fails when
  it is true. The names are JSON paths below ``summary``, with or without that word,
  paths below ``capture``, or kinds of finding, which count their connections.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from types import NoneType
from typing import Any, get_args, get_type_hints

from msgspec import Struct

from tcptrace_py.findings.finding import KINDS, SEVERITIES
from tcptrace_py.report.model.model import Capture, Summary

_COMPARISON = re.compile(r"([^\s/<>=!]+)\s*(?:/\s*([^\s/<>=!]+)\s*)?(>=|<=|==|!=|=|>|<)\s*(.*)", re.DOTALL)
_LIMIT = re.compile(r"(\d+(?:[_,]\d{3})*(?:\.\d+)?)\s*(%|us|ms|s|m|h)?", re.ASCII)
_UNIT_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; ``text`` is what the user wrote, blanks at either end removed.

    ``name`` is a kind, a severity, or the path that a comparison begins with, in full
    (``summary.resets.total``). For a comparison ``operator`` and ``limit`` (seconds for a
    duration, a fraction for a percentage) are set; ``divisor``: the path of a rate.
    """

    text: str
    name: str
    operator: str | None = None
    limit: float = 0.0
    divisor: str | None = None
    percent: bool = False


def parse_rules(texts: Iterable[str]) -> list[Rule]:
    """The rules that ``texts`` say, one each, in order.

    Raises ``ValueError``: one line that quotes the rule, and names the nearest right name where
    one is unknown.
    """
    return [parse_rule(text) for text in texts]


def parse_rule(text: str) -> Rule:
    """The rule that ``text`` says; see `parse_rules`."""
    stripped = text.strip()
    if not stripped:
        raise ValueError("an empty rule: write a finding's kind, a severity or a comparison")
    match = _COMPARISON.fullmatch(stripped)
    if match is not None:
        return _comparison(stripped, match)
    if stripped in KINDS or stripped in SEVERITIES:
        return Rule(stripped, stripped)
    if _full_path(stripped) is not None:
        raise ValueError(f"rule {text!r}: a number has to be compared, as in '{stripped} > 0'")
    known = [*SEVERITIES, *KINDS]
    raise ValueError(f"rule {text!r}: no such finding kind or severity{nearest(stripped, known, PATHS)}")


def nearest(name: str, *choices: Iterable[str]) -> str:
    """``; did you mean 'x'?``, the nearest of all ``choices``, or nothing where none is near."""
    table = {each.lower().replace("_", "-"): each for names in choices for each in names}
    wanted = name.lower().replace("_", "-")
    found = get_close_matches(wanted, table, n=1, cutoff=0.5)
    # A name that was begun or cut short: its own word somewhere in the path.
    found = found or sorted((each for each in table if wanted in each), key=len)[:1]
    return f"; did you mean {table[found[0]]!r}?" if found else ""


def _comparison(text: str, match: re.Match[str]) -> Rule:
    left, divisor, operator, limit_text = match.groups()
    if operator == "=":
        raise ValueError(f"rule {text!r}: compare with ==, !=, <, <=, > or >=")
    name = _operand(text, left)
    divisor_name = _operand(text, divisor) if divisor else None
    limit = _LIMIT.fullmatch(limit_text)
    if limit is None:
        raise ValueError(f"rule {text!r}: {limit_text!r} is not a number (write 5, 0.5, 1% or 30s)")
    number = float(re.sub("[_,]", "", limit[1]))
    unit = limit[2]
    if unit == "%":
        if divisor is None:
            raise ValueError(f"rule {text!r}: a percentage needs a rate, as in '{left} / connections > 1%'")
        number /= 100
    elif unit is not None:
        if divisor is not None or not name.endswith("_s"):
            raise ValueError(f"rule {text!r}: {left!r} is no duration to compare with {limit_text!r}")
        number *= _UNIT_S[unit]
    return Rule(text, name, operator, number, divisor_name, unit == "%")


def _operand(text: str, name: str) -> str:
    if name in KINDS:
        return name
    path = _full_path(name)
    if path is not None:
        return path
    if name in SEVERITIES:
        raise ValueError(f"rule {text!r}: a severity is a rule by itself and is not compared")
    raise ValueError(f"rule {text!r}: no such number in the report: {name!r}{nearest(name, PATHS, KINDS)}")


def _full_path(name: str) -> str | None:
    for path in (name, f"summary.{name}"):
        if path in _FULL_PATHS:
            return path
    return None


def numbers(struct: type[Struct], prefix: str) -> Iterator[str]:
    """The paths of all integers and floats in ``struct``, nullable or not."""
    for name, hint in get_type_hints(struct).items():
        parts = [each for each in get_args(hint) if each is not NoneType]
        kind: Any = parts[0] if NoneType in get_args(hint) and len(parts) == 1 else hint
        if kind in (int, float):
            yield prefix + name
        elif isinstance(kind, type) and issubclass(kind, Struct):
            yield from numbers(kind, f"{prefix}{name}.")


#: What a comparison can name, as short as it may be written.
PATHS = (*numbers(Summary, ""), *numbers(Capture, "capture."))
_FULL_PATHS = frozenset(path if path.startswith("capture.") else f"summary.{path}" for path in PATHS)
