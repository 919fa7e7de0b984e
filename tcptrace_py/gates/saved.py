"""Reads a report that was saved as JSON."""

from __future__ import annotations

import os
import sys
from typing import IO

import msgspec

from tcptrace_py.report.model.model import SCHEMA_VERSION, Report

STANDARD_INPUT = "-"
#: Many times what reports take. What is larger is rather no report, or a device.
MOST_BYTES = 1 << 30
_PIECE_BYTES = 1 << 20
_MOST = 2**63


class ReportError(ValueError):
    """What was given is no report that this version can read. ``str(error)`` is one line."""


class _Version(msgspec.Struct):
    schema_version: int


def read_report(path: str | os.PathLike[str], *, any_size: bool = False) -> Report:
    """The report in a file, or on standard input (``-``). Raises `ReportError`.

    What is larger than ``MOST_BYTES`` is refused, unless it may have ``any_size``.
    """
    name = os.fspath(path)
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    try:
        if name == STANDARD_INPUT:
            shown = "standard input"
            text = _read(sys.stdin.buffer, any_size) if sys.stdin is not None else b""
        else:
            with open(name, "rb") as stream:
                text = _read(stream, any_size)
    except OSError as error:
        what = error.strerror or str(error)
        raise ReportError(f"{shown}: {what[:1].lower()}{what[1:]}") from error
    except ValueError as error:
        raise ReportError(f"{shown!r}: {error}") from error
    return decode_report(text, shown)


def _read(stream: IO[bytes], any_size: bool) -> bytes:
    text = bytearray()
    while piece := stream.read(_PIECE_BYTES):
        text += piece
        if len(text) == len(piece) and not piece.strip(b"\0"):
            raise ValueError("nothing but zeros")
        if not any_size and len(text) > MOST_BYTES:
            raise ValueError("larger than 1 GiB: give --any-size to read it all the same")
    return bytes(text)


def decode_report(text: bytes, name: str) -> Report:
    """The report in ``text``; ``name`` begins the line of a `ReportError`."""
    try:
        # First alone: a newer report may lack what this version requires.
        version = msgspec.json.decode(text, type=_Version).schema_version
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ReportError(f"{name}: not a report that tcptrace-py wrote: {_one_line(error)}") from error
    if version > SCHEMA_VERSION:
        raise ReportError(
            f"{name}: a report of schema_version {version}, newer than this tcptrace-py reads"
            f" ({SCHEMA_VERSION}): upgrade tcptrace-py"
        )
    if version < SCHEMA_VERSION:
        raise ReportError(f"{name}: there is no schema_version {version} (this one is {SCHEMA_VERSION})")
    try:
        report = msgspec.json.decode(text, type=Report)
        for part in ("capture", "summary", "findings", "services"):
            _require_plausible(getattr(report, part), part)
        return report
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ReportError(f"{name}: not a whole report: {_one_line(error)}") from error


def _require_plausible(value: object, place: str) -> None:
    """No number that rules judge is negative or beyond 64 bits."""
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            _require_plausible(getattr(value, name), f"{place}.{name}")
    elif isinstance(value, list | tuple):
        for each in value:
            _require_plausible(each, place)
    elif isinstance(value, int) and not 0 <= value < _MOST:
        raise msgspec.ValidationError(f"{place} is {'negative' if value < 0 else 'beyond 64 bits'}")
    elif isinstance(value, float) and not -_MOST < value < _MOST:
        raise msgspec.ValidationError(f"{place} is no finite number")


def looks_like_report(path: str) -> bool:
    """Whether a file begins as a JSON object does; no capture does."""
    try:
        with open(path, "rb") as stream:
            return stream.read(64).lstrip().startswith(b"{")
    except (OSError, ValueError):
        return False


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
