"""Arithmetic of 32-bit sequence numbers (RFC 9293 section 3.4, RFC 1982).

Compiled (see ``serial.pxd``). Written so that the result is the same whether
integers wrap (C) or not (Python). The constants have names because C would take
such large literals for Python's integers.
"""

from __future__ import annotations

_HALF = 0x80000000
_MASK = 0xFFFFFFFF


def distance(a: int, b: int) -> int:
    """How far ``a`` is ahead of ``b``: ``-2**31 <= distance < 2**31``, negative when behind."""
    return ((a - b + _HALF) & _MASK) - _HALF


def advance(seq: int, count: int) -> int:
    """The sequence number ``count`` after ``seq``."""
    return (seq + count) & _MASK
