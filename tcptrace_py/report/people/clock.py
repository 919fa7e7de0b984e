"""Times in reports for people: of the day in a zone that the reader chose, and relative to the capture."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta, tzinfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# As `tcptrace_py.findings.wording.moment` writes a time into the texts of findings.
_MOMENT = re.compile(r"\b(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) UTC\b")


def zone_named(name: str) -> tzinfo | None:
    """The zone of ``UTC``, ``local`` (None: the system's rules) or a name of the IANA database.

    Raises `ValueError`, whose message is one line.
    """
    if name.upper() in ("UTC", "Z"):
        return UTC
    if name.lower() == "local":
        return None
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (OSError, ValueError):
        # Also ZoneInfoNotFoundError, which is a KeyError with a text of several lines.
        pass
    except KeyError:
        pass
    raise ValueError(f"there is no time zone {name!r}: write local, UTC or a name such as Europe/Berlin")


def default_zone() -> tzinfo | None:
    """UTC, unless the environment asks for another zone by ``TZ``."""
    return None if os.environ.get("TZ") else UTC


def moment(ns: int, zone: tzinfo | None = UTC, *, exact: bool = True) -> str:
    """``2024-05-01 12:03:04.120 UTC``; ``exact``: with milliseconds. Seconds since 1970 where no calendar
    holds the time.
    """
    try:
        when = (_EPOCH + timedelta(microseconds=ns // 1000)).astimezone(zone)
    except (OverflowError, ValueError):
        return f"{ns / 1_000_000_000:.3f} s since 1970"
    part = f".{when.microsecond // 1000:03d}" if exact else ""
    return f"{when:%Y-%m-%d %H:%M:%S}{part} {when.tzname() or when.strftime('%z')}"


def in_zone(text: str, zone: tzinfo | None) -> str:
    """A finding's text with its times, which are in UTC, in another zone."""
    if zone is UTC:
        return text

    def local(match: re.Match[str]) -> str:
        when = datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
        return moment((when - _EPOCH) // timedelta(microseconds=1) * 1000, zone)

    return _MOMENT.sub(local, text)
