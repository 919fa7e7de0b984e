"""Connections as Zeek's ``conn.log``: tab-separated with Zeek's header, or a line of JSON each.

A target whose name ends in ``.json``, ``.jsonl`` or ``.ndjson`` gets JSON lines (as Zeek writes
them with ``LogAscii::use_json``), any other the classic form. The columns are those of Zeek's
default ``conn.log``, and the one that its policy script for Community IDs adds. Unset, as in a
Zeek that was not told: ``service`` (payload is not looked into), ``local_orig`` and
``local_resp`` (no networks are called local), the byte counts of IP. ``tunnel_parents`` is empty.
``#open`` and ``#close`` give the capture's time, not that of the run, so that the same capture gives
the same bytes.

As in Zeek, lines come in the order in which connections finish.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from tcptrace_py.report.formats.target import open_whole
from tcptrace_py.report.model.model import Connection

#: Column names and Zeek's types.
COLUMNS = (
    ("ts", "time"),
    ("uid", "string"),
    ("id.orig_h", "addr"),
    ("id.orig_p", "port"),
    ("id.resp_h", "addr"),
    ("id.resp_p", "port"),
    ("proto", "enum"),
    ("service", "string"),
    ("duration", "interval"),
    ("orig_bytes", "count"),
    ("resp_bytes", "count"),
    ("conn_state", "string"),
    ("local_orig", "bool"),
    ("local_resp", "bool"),
    ("missed_bytes", "count"),
    ("history", "string"),
    ("orig_pkts", "count"),
    ("orig_ip_bytes", "count"),
    ("resp_pkts", "count"),
    ("resp_ip_bytes", "count"),
    ("tunnel_parents", "set[string]"),
    ("ip_proto", "count"),
    ("community_id", "string"),
)

_JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TCP = 6


class Line(NamedTuple):
    """What is known of a connection for Zeek's columns; None where a column is unset."""

    ts_ns: int
    uid: str
    orig_h: str
    orig_p: int
    resp_h: str
    resp_p: int
    duration_ns: int
    orig_bytes: int | None
    resp_bytes: int | None
    conn_state: str
    missed_bytes: int
    history: str | None
    orig_packets: int
    resp_packets: int
    community_id: str


def line_of(connection: Connection) -> Line:
    """The connection as Zeek would have it; originator and responder may be the other way round."""
    zeek = connection.zeek
    originator, responder = connection.client, connection.server
    if zeek.originator == "server":
        originator, responder = responder, originator
    duration_ns = connection.last_ns - connection.first_ns
    return Line(
        ts_ns=connection.first_ns,
        uid=_uid(connection),
        orig_h=originator.address,
        orig_p=originator.port,
        resp_h=responder.address,
        resp_p=responder.port,
        duration_ns=duration_ns,
        # Zeek sets these only where there is a duration.
        orig_bytes=zeek.orig_bytes if duration_ns > 0 else None,
        resp_bytes=zeek.resp_bytes if duration_ns > 0 else None,
        conn_state=zeek.conn_state,
        missed_bytes=zeek.missed_bytes,
        history=zeek.history or None,
        orig_packets=originator.packets,
        resp_packets=responder.packets,
        community_id=connection.community_id,
    )


@contextmanager
def writer(target: str | os.PathLike[str]) -> Iterator[Callable[[Connection], None]]:
    """For a ``with`` block: call what it gives with each connection. See `open_whole` for errors."""
    as_json = os.fspath(target).lower().endswith(_JSON_SUFFIXES)
    encode = msgspec.json.Encoder().encode
    first_ns: int | None = None
    last_ns = 0
    with open_whole(target) as output:

        def write(connection: Connection) -> None:
            nonlocal first_ns, last_ns
            if as_json:
                output.write(encode(_object(line_of(connection))) + b"\n")
                return
            if first_ns is None:
                first_ns = connection.first_ns
                output.write(_header(first_ns))
            last_ns = max(last_ns, connection.last_ns)
            output.write(_row(line_of(connection)))

        yield write
        if not as_json:
            if first_ns is None:
                output.write(_header(0))
            output.write(f"#close\t{_clock(last_ns)}\n".encode())


def _header(open_ns: int) -> bytes:
    lines = (
        "#separator \\x09",
        "#set_separator\t,",
        "#empty_field\t(empty)",
        "#unset_field\t-",
        "#path\tconn",
        f"#open\t{_clock(open_ns)}",
        "\t".join(("#fields", *(name for name, _ in COLUMNS))),
        "\t".join(("#types", *(kind for _, kind in COLUMNS))),
    )
    return ("\n".join(lines) + "\n").encode()


def _row(line: Line) -> bytes:
    cells = (
        _seconds(line.ts_ns),
        line.uid,
        line.orig_h,
        str(line.orig_p),
        line.resp_h,
        str(line.resp_p),
        "tcp",
        "-",
        _seconds(line.duration_ns) if line.duration_ns > 0 else "-",
        _count(line.orig_bytes),
        _count(line.resp_bytes),
        line.conn_state,
        "-",
        "-",
        str(line.missed_bytes),
        line.history or "-",
        str(line.orig_packets),
        "-",
        str(line.resp_packets),
        "-",
        "-",
        str(_TCP),
        line.community_id,
    )
    return ("\t".join(cells) + "\n").encode()


def _object(line: Line) -> dict[str, object]:
    """Unset columns are left out, as Zeek does."""
    cells = {
        "ts": line.ts_ns // 1000 / 1e6,
        "uid": line.uid,
        "id.orig_h": line.orig_h,
        "id.orig_p": line.orig_p,
        "id.resp_h": line.resp_h,
        "id.resp_p": line.resp_p,
        "proto": "tcp",
        "duration": line.duration_ns / 1e9 if line.duration_ns > 0 else None,
        "orig_bytes": line.orig_bytes,
        "resp_bytes": line.resp_bytes,
        "conn_state": line.conn_state,
        "missed_bytes": line.missed_bytes,
        "history": line.history,
        "orig_pkts": line.orig_packets,
        "resp_pkts": line.resp_packets,
        "ip_proto": _TCP,
        "community_id": line.community_id,
    }
    return {name: value for name, value in cells.items() if value is not None}


def _uid(connection: Connection) -> str:
    """``C`` and 17 digits to base 62, like Zeek's; the same for the same connection of the same capture."""
    client, server = connection.client, connection.server
    named = (
        connection.id,
        connection.first_ns,
        client.address,
        client.port,
        server.address,
        server.port,
    )
    number = int.from_bytes(hashlib.blake2b(repr(named).encode(), digest_size=16).digest())
    digits = ""
    for _ in range(17):
        number, digit = divmod(number, 62)
        digits += _DIGITS[digit]
    return "C" + digits


def _seconds(ns: int) -> str:
    sign = "-" if ns < 0 else ""
    micros = abs(ns) // 1000
    return f"{sign}{micros // 1_000_000}.{micros % 1_000_000:06d}"


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)


def _clock(ns: int) -> str:
    try:
        moment = datetime.fromtimestamp(ns // 1_000_000_000, UTC)
    except (OverflowError, ValueError, OSError):
        moment = datetime.fromtimestamp(0, UTC)
    return f"{moment:%Y-%m-%d-%H-%M-%S}"
