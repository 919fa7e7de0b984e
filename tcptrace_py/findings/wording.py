"""How numbers are said in findings: durations, clock times, names, counts of things."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tcptrace_py.wire.address import address_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def duration(ns: int) -> str:
    """``412 ms``, ``41.2 s``, ``12 min 5 s``, ``3 h 20 min``, ``2 d 5 h``."""
    ns = max(ns, 0)
    if ns < 1_000_000:
        return "less than 1 ms" if ns else "0 s"
    if ns < 999_500_000:
        return f"{round(ns / 1_000_000)} ms"
    if ns < 99_950_000_000:
        return f"{ns / 1_000_000_000:.1f} s"
    seconds = round(ns / 1_000_000_000)
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min {seconds % 60} s"
    if seconds < 172_800:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86_400} d {seconds % 86_400 // 3600} h"


def moment(ns: int) -> str:
    """``2024-05-01 12:03:04.120 UTC``; seconds since the epoch for a time that no calendar holds."""
    try:
        when = _EPOCH + timedelta(microseconds=ns // 1000)
    except OverflowError:
        return f"{ns / 1_000_000_000:.3f} s since 1970"
    return f"{when:%Y-%m-%d %H:%M:%S}.{when.microsecond // 1000:03d} UTC"


def socket_name(version: int, hi: int, lo: int, port: int) -> str:
    """``10.0.0.20:8080``, ``[2001:db8::1]:8080``."""
    address = address_text(hi, lo, version)
    return f"[{address}]:{port}" if version == 6 else f"{address}:{port}"


def times(n: int, one: str, many: str = "") -> str:
    """``1 connection``, ``1,200 connections``."""
    return f"1 {one}" if n == 1 else f"{n:,} {many or one + 's'}"


def span(least_ns: int, most_ns: int) -> str:
    """``41.2 s``, or ``41.2 s to 3 min 5 s`` where that says more."""
    low, high = duration(least_ns), duration(most_ns)
    return low if low == high else f"{low} to {high}"


def part(n: int, whole: int) -> str:
    """``n`` of ``whole`` things just named, to begin a sentence with: ``It``, ``All of them``, ``3 of 6``."""
    if n == whole:
        return "It" if whole == 1 else "All of them"
    return f"{n:,} of {whole:,}"
