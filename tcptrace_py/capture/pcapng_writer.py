"""The blocks of a pcapng file (draft-ietf-opsawg-pcapng), little-endian, nanoseconds, comments where wanted.

Sans-I/O: each function gives the bytes of one block. Written by us since dpkt's writer has neither several
interfaces nor a length on the wire that differs from the captured one.
"""

from __future__ import annotations

import struct

_SECTION_HEADER = 0x0A0D0D0A
_INTERFACE = 1
_PACKET = 6
_MAGIC = 0x1A2B3C4D
_UNKNOWN_LENGTH = -1

_END_OF_OPTIONS = 0
_COMMENT = 1
_NAME = 2
_RESOLUTION = 9
_APPLICATION = 4
# if_tsresol: ten to the power of minus nine.
_NANOSECONDS = b"\x09"
# An option's length is 16 bits.
_OPTION_BYTES = 65532


def section_header(application: str, comment: str = "") -> bytes:
    """Begins a section (section 4.1)."""
    options = _text_options(_COMMENT, [comment]) + _text_options(_APPLICATION, [application])
    return _block(_SECTION_HEADER, struct.pack("<IHHq", _MAGIC, 1, 0, _UNKNOWN_LENGTH), options)


def interface(link_type: int, snap_bytes: int = 0, name: str = "") -> bytes:
    """Describes the next interface (section 4.2); frames name it by its number, from 0."""
    options = _text_options(_NAME, [name]) + _option(_RESOLUTION, _NANOSECONDS)
    return _block(_INTERFACE, struct.pack("<HHI", link_type & 0xFFFF, 0, snap_bytes), options)


def packet(
    interface_number: int, ts_ns: int, original_bytes: int, frame: bytes, comments: list[str] | None = None
) -> bytes:
    """One frame (section 4.3), ``ts_ns`` since the epoch, with a comment option for each of ``comments``."""
    stamp = ts_ns & 0xFFFFFFFFFFFFFFFF
    head = struct.pack(
        "<IIIII", interface_number, stamp >> 32, stamp & 0xFFFFFFFF, len(frame), original_bytes
    )
    return _block(_PACKET, head + frame + bytes(-len(frame) & 3), _text_options(_COMMENT, comments or []))


def _block(kind: int, body: bytes, options: bytes = b"") -> bytes:
    if options:
        options += struct.pack("<HH", _END_OF_OPTIONS, 0)
    length = 12 + len(body) + len(options)
    return struct.pack("<II", kind, length) + body + options + struct.pack("<I", length)


def _text_options(code: int, texts: list[str]) -> bytes:
    """Options of UTF-8 text; none for an empty one."""
    return b"".join(_option(code, _cut(text)) for text in texts if text)


def _cut(text: str) -> bytes:
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= _OPTION_BYTES:
        return data
    return data[:_OPTION_BYTES].decode("utf-8", "ignore").encode()


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) & 3)
