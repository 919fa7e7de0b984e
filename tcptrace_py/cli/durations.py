"""Durations as people write them: ``30s``, ``2m``, ``500ms``, ``1h30m``, or a plain number of seconds."""

from __future__ import annotations

import re

import click

_SECONDS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)"
_PLAIN = re.compile(_NUMBER, re.ASCII)
_PART = re.compile(rf"\s*({_NUMBER})\s*(us|µs|ms|min|s|m|h|d)", re.ASCII)
#: The engine counts in 64-bit nanoseconds, which end after 292 years; no clock of TCP comes near.
LONGEST_S = 10 * 365 * 86400.0
FORMS = "write 30s, 2m, 500ms, 1.5h, 1h30m or a plain number of seconds"


def parse_duration(text: str) -> float:
    """Seconds that ``text`` stands for. Raises `ValueError`, whose message names the forms."""
    stripped = text.strip()
    if _PLAIN.fullmatch(stripped):
        seconds = float(stripped)
    else:
        seconds = 0.0
        at = 0
        while at < len(stripped):
            part = _PART.match(stripped, at)
            if part is None:
                break
            seconds += float(part[1]) * _SECONDS[part[2]]
            at = part.end()
        if at == 0 or at < len(stripped):
            raise ValueError(f"{text!r} is not a duration: {FORMS}")
    if seconds > LONGEST_S:
        raise ValueError(f"{text!r} is longer than ten years")
    return seconds


def format_duration(seconds: float) -> str:
    """``seconds`` in a form that `parse_duration` reads."""
    return f"{seconds:g}s"


class Duration(click.ParamType[float]):
    """A click type that gives seconds as a float; zero only where ``zero`` allows it."""

    name = "duration"

    def __init__(self, *, zero: bool = False) -> None:
        self.zero = zero

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, (int, float)):
            return float(value)
        try:
            seconds = parse_duration(str(value))
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)
        if seconds == 0 and not self.zero:
            self.fail(f"{value!r}: this duration cannot be zero.", param, ctx)
        return seconds
