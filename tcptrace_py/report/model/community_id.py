"""The Community ID of a connection, by which other tools' logs know it (version 1, seed 0).

Corelight's specification (https://github.com/corelight/community-id-spec): the SHA-1 of seed, the ends in
their order as numbers, protocol and ports. Zeek, Suricata, Wireshark and Arkime write the same.

Compiled (see ``community_id.pxd``): each listed connection has one.
"""

from __future__ import annotations

from binascii import b2a_base64
from functools import cache
from struct import Struct
from typing import Any

_TCP = 6
# Seed, two addresses, protocol, padding, two ports.
_IPV4 = Struct(">HIIBBHH")
_IPV6 = Struct(">HQQQQBBHH")


def community_id(version: int, hi: int, lo: int, port: int, to_hi: int, to_lo: int, to_port: int) -> str:
    """``1:`` and the digest, the same for both directions; addresses as `wire.address` has them."""
    if to_hi < hi or (to_hi == hi and (to_lo < lo or (to_lo == lo and to_port < port))):
        hi, lo, port, to_hi, to_lo, to_port = to_hi, to_lo, to_port, hi, lo, port
    if version == 4:
        packed = _IPV4.pack(0, lo, to_lo, _TCP, 0, port, to_port)
    else:
        packed = _IPV6.pack(0, hi, lo, to_hi, to_lo, _TCP, 0, port, to_port)
    text = b2a_base64(_sha1()(packed, usedforsecurity=False).digest(), newline=False)
    return "1:" + text.decode("ascii")


@cache
def _sha1() -> Any:
    try:
        # What `hashlib` has without OpenSSL, which takes long to load and 10,000 instructions more for each.
        from _sha1 import sha1  # type: ignore[import-not-found]
    except ImportError:
        from hashlib import sha1
    return sha1
