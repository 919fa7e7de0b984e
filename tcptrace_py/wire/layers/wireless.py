"""IEEE 802.11 frames, and the headers of captures that come before them (IEEE 802.11-2020 section 9)."""

from __future__ import annotations

from tcptrace_py.wire.layers.ethernet import llc
from tcptrace_py.wire.layers.walk import (
    LINK_TYPES,
    MAX_PARTS,
    Step,
    Walk,
    by_link_type,
    layer,
    need,
    u8,
    u16,
    u16_little,
    u32,
    u32_little,
)
from tcptrace_py.wire.result import FRAGMENT, MALFORMED
from tcptrace_py.wire.undecoded import ENCRYPTED, IEEE_802_11, MANAGEMENT

_DATA = 2
# Bits of a data frame's subtype.
_HAS_NO_DATA, _HAS_QOS = 4, 8
_TO_DS, _FROM_DS, _PROTECTED, _ORDER = 0x01, 0x02, 0x40, 0x80
_HOLDS_MSDUS = 0x80
# Bits of radiotap's flags.
_PADDED, _BAD_CHECK_SEQUENCE = 0x20, 0x40


@layer(LINK_TYPES, 105)
def ieee_802_11(walk: Walk, buf: bytes, wire: int) -> Step:
    return _frame(walk, buf, wire, padded=False)


def _frame(walk: Walk, buf: bytes, wire: int, padded: bool) -> Step:
    control, flags = u8(buf, 0), u8(buf, 1)
    subtype = control >> 4
    if control & 3:
        return MALFORMED  # another version of the protocol
    if control >> 2 & 3 != _DATA or subtype & _HAS_NO_DATA:
        return walk.stop(MANAGEMENT, IEEE_802_11)
    size = 24
    if flags & _TO_DS and flags & _FROM_DS:
        size += 6
    qos = size
    if subtype & _HAS_QOS:
        size += 6 if flags & _ORDER else 2
    if padded:
        size = (size + 3) & ~3
    need(buf, size)
    if flags & _PROTECTED:
        return walk.stop(ENCRYPTED, IEEE_802_11)
    if buf[22] & 0x0F:
        return FRAGMENT  # the first piece has the headers
    if subtype & _HAS_QOS and buf[qos] & _HOLDS_MSDUS:
        # Several packets in one frame, each with addresses and a length: the first.
        length = u16(buf, size + 12)
        return llc, buf[size + 14 :], min(wire - size - 14, length)
    return llc, buf[size:], wire - size


def ieee_802_11_of_cisco(walk: Walk, buf: bytes, wire: int) -> Step:
    """In CAPWAP, where many controllers put the first two bytes the other way round."""
    need(buf, 2)
    if buf[0] & 0x0F != 0x08 and buf[1] & 0x0F == 0x08:
        return _frame(walk, buf[1:2] + buf[:1] + buf[2:], wire, padded=False)
    return _frame(walk, buf, wire, padded=False)


@layer(LINK_TYPES, 127)
def radiotap(walk: Walk, buf: bytes, wire: int) -> Step:
    """radiotap.org: version, length, which fields there are; of these the flags are read."""
    size, present = u16_little(buf, 2), u32_little(buf, 4)
    if buf[0] != 0 or size < 8 or size > wire:
        return MALFORMED
    need(buf, size)
    at, word = 8, present
    for _ in range(MAX_PARTS):
        if not word & 1 << 31:
            break
        word = u32_little(buf, at)
        at += 4
    if present & 1:  # the time stamp comes first, aligned
        at = ((at + 7) & ~7) + 8
    flags = u8(buf, at) if present & 2 and at < size else 0
    if flags & _BAD_CHECK_SEQUENCE:
        return MALFORMED
    return _frame(walk, buf[size:], wire - size, bool(flags & _PADDED))


@layer(LINK_TYPES, 192)
def ppi(walk: Walk, buf: bytes, wire: int) -> Step:
    """Per-Packet Information: version, flags, length, the link type of what follows."""
    size, link_type = u16_little(buf, 2), u32_little(buf, 4)
    if buf[0] != 0 or size < 8 or size > wire:
        return MALFORMED
    need(buf, size)
    return by_link_type(walk, link_type, buf[size:], wire - size)


_AVS_MAGIC = 0x80211


@layer(LINK_TYPES, 163)
def avs(walk: Walk, buf: bytes, wire: int) -> Step:
    """Version and length, then what the radio said."""
    size = u32(buf, 4)
    if u32(buf, 0) >> 12 != _AVS_MAGIC or size < 8 or size > wire:
        return MALFORMED
    need(buf, size)
    return ieee_802_11, buf[size:], wire - size


@layer(LINK_TYPES, 119)
def prism(walk: Walk, buf: bytes, wire: int) -> Step:
    """144 bytes; some drivers wrote AVS's header under this number."""
    if u32(buf, 0) >> 12 == _AVS_MAGIC:
        return avs, buf, wire
    need(buf, 144)
    return ieee_802_11, buf[144:], wire - 144
