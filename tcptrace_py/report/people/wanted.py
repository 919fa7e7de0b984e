"""How people name one connection: its id in the report, or its addresses and ports."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tcptrace_py.tcp.connection import Connection
from tcptrace_py.wire.address import parse_address

_ID = re.compile(r"#?(\d{1,18})", re.ASCII)
_BETWEEN = re.compile(r"\s*(?:->|→|<->|↔|>|,|-|\s)\s*")
_SOCKET = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<v4>[^:\[\]]+)):(?P<port>\d{1,5})", re.ASCII)
FORMS = "write its id in the report (12), ADDRESS:PORT, or both ends as ADDRESS:PORT-ADDRESS:PORT"

#: ``(address_hi, address_lo, port)``.
Socket = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """``id`` is None where it is named by one or two ``sockets``; ``text`` as it was written."""

    text: str
    id: int | None
    sockets: tuple[Socket, ...] = ()

    def means(self, connection: Connection) -> bool:
        if self.id is not None:
            return connection.id == self.id
        a, b = connection.a, connection.b
        ends = ((a.address_hi, a.address_lo, a.port), (b.address_hi, b.address_lo, b.port))
        if len(self.sockets) == 2:
            return self.sockets in (ends, ends[::-1])
        return self.sockets[0] in ends


def parse_wanted(text: str) -> Wanted:
    """Raises `ValueError`, whose message names the forms."""
    stripped = text.strip()
    if number := _ID.fullmatch(stripped):
        return Wanted(stripped, int(number[1]))
    parts = _BETWEEN.split(stripped)
    if not 1 <= len(parts) <= 2:
        raise ValueError(f"{text!r} names no connection: {FORMS}")
    return Wanted(stripped, None, tuple(_socket(part, text) for part in parts))


def _socket(part: str, text: str) -> Socket:
    match = _SOCKET.fullmatch(part)
    if match is None:
        raise ValueError(f"{text!r} names no connection: {FORMS} (IPv6 in brackets: [::1]:80)")
    try:
        hi, lo, _ = parse_address(match["v6"] or match["v4"])
    except ValueError:
        raise ValueError(f"{text!r} names no connection: {part!r} has no IP address in it") from None
    port = int(match["port"])
    if port > 65535:
        raise ValueError(f"{text!r} names no connection: there is no port {port}")
    return hi, lo, port
