"""Reads a report that was saved as JSON."""

from __future__ import annotations

import os
import sys

import msgspec

from tcptrace_py.report.model.model import SCHEMA_VERSION, Report

STANDARD_INPUT = "-"


class ReportError(ValueError):
    """What was given is no report that this version can read. ``str(error)`` is one line."""


class _Version(msgspec.Struct):
    schema_version: int


def read_report(path: str | os.PathLike[str]) -> Report:
    """The report in a file, or on standard input (``-``). Raises `ReportError`."""
    name = os.fspath(path)
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    try:
        if name == STANDARD_INPUT:
            shown = "standard input"
            text = sys.stdin.buffer.read() if sys.stdin is not None else b""
        else:
            with open(name, "rb") as stream:
                text = stream.read()
    except OSError as error:
        what = error.strerror or str(error)
        raise ReportError(f"{shown}: {what[:1].lower()}{what[1:]}") from error
    except ValueError as error:
        raise ReportError(f"{shown!r}: {error}") from error
    return decode_report(text, shown)


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
        return msgspec.json.decode(text, type=Report)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ReportError(f"{name}: not a whole report: {_one_line(error)}") from error


def looks_like_report(path: str) -> bool:
    """Whether a file begins as a JSON object does; no capture does."""
    try:
        with open(path, "rb") as stream:
            return stream.read(64).lstrip().startswith(b"{")
    except (OSError, ValueError):
        return False


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
