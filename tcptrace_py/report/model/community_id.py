"""The Community ID of a connection, by which other tools' logs know it (version 1, seed 0).

Corelight's specification (https://github.com/corelight/community-id-spec): the SHA-1 of seed, the ends in
their order as numbers, protocol and ports. Zeek, Suricata, Wireshark and Arkime write the same.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable
from functools import cache
from struct import Struct
from typing import Any

_TCP = 6
# Seed, two addresses, protocol, padding, two ports.
_IPV4 = Struct(">HIIBBHH")
_IPV6 = Struct(">HQQQQBBHH")


def community_id(version: int, hi: int, lo: int, port: int, to_hi: int, to_lo: int, to_port: int) -> str:
    """``1:`` and the digest, the same for both directions; addresses as `wire.address` has them."""
    if (to_hi, to_lo, to_port) < (hi, lo, port):
        hi, lo, port, to_hi, to_lo, to_port = to_hi, to_lo, to_port, hi, lo, port
    if version == 4:
        packed = _IPV4.pack(0, lo, to_lo, _TCP, 0, port, to_port)
    else:
        packed = _IPV6.pack(0, hi, lo, to_hi, to_lo, _TCP, 0, port, to_port)
    digest = _sha1()(packed, usedforsecurity=False).digest()
    return "1:" + b2a_base64(digest, newline=False).decode("ascii")


@cache
def _sha1() -> Callable[..., Any]:
    """Loaded with OpenSSL, which takes long, and only where connections are listed; looked for once."""
    from hashlib import sha1

    return sha1
