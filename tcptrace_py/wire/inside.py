"""Addresses that the Internet does not carry.

Compiled (see ``inside.pxd``): asked of each source of a flood.
"""

from __future__ import annotations

#: ::ffff:0:0/96, IPv4-mapped (RFC 4291 section 2.5.5.2).
MAPPED = 0xFFFF
_MAPPED = MAPPED


def is_inside(hi: int, lo: int, version: int) -> bool:
    """Is it a private, shared, link-local or loopback address?

    RFC 1918, RFC 6598, RFC 3927, RFC 4193 and RFC 4291 section 2.4.
    """
    if version == 4:
        return lo >> 24 in (10, 127) or lo >> 20 == 0xAC1 or lo >> 16 in (0xC0A8, 0xA9FE) or lo >> 22 == 0x191
    if hi == 0 and lo >> 32 == _MAPPED:
        return is_inside(0, lo & 0xFFFFFFFF, 4)
    return hi >> 57 == 0xFC >> 1 or hi >> 54 == 0xFE80 >> 6 or (hi == 0 and lo == 1)
