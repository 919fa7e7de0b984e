"""IP addresses: the two halves a Segment holds, and the text people read."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from tcptrace_py.wire.inside import MAPPED

_LOW_64 = (1 << 64) - 1


@lru_cache(maxsize=65536)
def address_text(hi: int, lo: int, version: int) -> str:
    """Text of an address: ``(0, 0x0A000001, 4)`` is ``"10.0.0.1"``; IPv6 as RFC 5952 writes it.

    ``hi`` and ``lo`` are the upper and lower 64 bits; an IPv4 address has ``hi == 0`` and its
    32 bits in ``lo``. Raises ``ValueError`` where ``version`` is neither 4 nor 6 or the number
    does not fit.
    """
    if version == 4:
        if hi or not 0 <= lo <= 0xFFFFFFFF:
            raise ValueError(f"{hi:#x}, {lo:#x} is no IPv4 address")
        return f"{lo >> 24}.{lo >> 16 & 255}.{lo >> 8 & 255}.{lo & 255}"
    if version != 6:
        raise ValueError(f"IP version {version} is neither 4 nor 6")
    if hi == 0 and lo >> 32 == MAPPED:
        # RFC 5952 section 5. The standard library changed its mind about these in Python 3.13,
        # and a report must not depend on the version that wrote it.
        return f"::ffff:{address_text(0, lo & 0xFFFFFFFF, 4)}"
    return str(ipaddress.IPv6Address((hi << 64) | lo))


@lru_cache(maxsize=65536)
def parse_address(text: str) -> tuple[int, int, int]:
    """``(hi, lo, version)`` of an IPv4 or IPv6 address in text; the inverse of ``address_text``.

    Raises ``ValueError`` for text that is no address (a zone such as ``%eth0`` is none either).
    """
    if "%" in text:
        raise ValueError(f"{text!r} is not an IP address")
    address = ipaddress.ip_address(text)
    number = int(address)
    return number >> 64, number & _LOW_64, address.version
