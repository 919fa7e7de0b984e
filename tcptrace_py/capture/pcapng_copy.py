"""Copies a pcapng block by block, with comments at some of its frames, and without others.

Everything else stays as it is, byte for byte: sections in either byte order, interfaces and their options,
name resolution, statistics, secrets, custom blocks. Copying stops where reading would
(`capture.pcapng`); a block that breaks off is left out.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence

from tcptrace_py.capture.chunk import Stream
from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.pcapng_blocks import (
    BYTE_ORDERS,
    ENHANCED_PACKET,
    INTERFACE_STATISTICS,
    LARGEST_BLOCK_BYTES,
    OBSOLETE_PACKET,
    PACKET_BYTES,
    SECTION_HEADER,
    SECTION_HEADER_BYTES,
    SIMPLE_PACKET,
    SIMPLE_PACKET_BYTES,
)

NAME_RESOLUTION = 4
_PACKETS = (ENHANCED_PACKET, OBSOLETE_PACKET, SIMPLE_PACKET)
_COMMENT = 1
_OPTION_BYTES = 65532
_PIECE_BYTES = 1 << 20


class Block:
    """``kind``: its type; ``order``: ``<`` or ``>``, of its section; ``data``: the whole of it."""

    __slots__ = ("data", "kind", "order")

    def __init__(self, kind: int, order: str, data: bytes) -> None:
        self.kind = kind
        self.order = order
        self.data = data


def blocks(stream: Stream, head: bytes) -> Iterator[Block]:
    """The whole blocks of a pcapng, as far as they can be told apart. ``head``: bytes already taken."""
    waiting = bytearray(head)
    order = "<"
    at = 0
    more = True

    def available(wanted: int) -> bool:
        nonlocal at, more
        while len(waiting) - at < wanted and more:
            del waiting[:at]
            at = 0
            piece = bytearray(_PIECE_BYTES)
            try:
                got = stream.readinto(memoryview(piece))
            except CaptureError:
                got = 0
            more = got > 0
            waiting.extend(piece[:got])
        return len(waiting) - at >= wanted

    while available(12):
        if waiting[at : at + 4] == b"\n\r\r\n":
            found = BYTE_ORDERS.get(bytes(waiting[at + 8 : at + 12]))
            if found is None:
                return
            order = found
        kind, length = struct.unpack_from(order + "II", waiting, at)
        if length < 12 or length % 4 or length > LARGEST_BLOCK_BYTES or not available(length):
            return
        data = bytes(waiting[at : at + length])
        if data[-4:] != data[4:8]:
            return
        at += length
        yield Block(kind, order, data)


def copied(
    stream: Stream,
    head: bytes,
    comments: Callable[[int], Sequence[str]],
    keep: Callable[[int], bool] | None = None,
) -> Iterator[bytes]:
    """The blocks of a copy: ``comments(frame)`` are put at a frame, frames that ``keep`` refuses left out.

    ``frame`` counts from 1 in the file. Where frames are left out so are the counts of packets, which
    would be wrong.
    """
    frame = 0
    for block in blocks(stream, head):
        if block.kind in _PACKETS:
            frame += 1
            if keep is not None and not keep(frame):
                continue
            texts = comments(frame)
            yield _commented(block, texts) if texts else block.data
        elif block.kind == SECTION_HEADER:
            yield _any_length(block)
        elif block.kind != INTERFACE_STATISTICS or keep is None:
            yield block.data


def _any_length(block: Block) -> bytes:
    """A section header that names no length, since that changes."""
    if len(block.data) < SECTION_HEADER_BYTES:
        return block.data
    return block.data[:16] + b"\xff" * 8 + block.data[24:]


def _commented(block: Block, texts: Sequence[str]) -> bytes:
    order, data = block.order, block.data
    kind = block.kind
    if kind == SIMPLE_PACKET:
        # It has no room for a comment: the same frame in the block that has.
        (original,) = struct.unpack_from(order + "I", data, 8)
        captured = min(len(data) - SIMPLE_PACKET_BYTES, original)
        packet = data[12 : 12 + captured]
        body = struct.pack(order + "5I", 0, 0, 0, captured, original) + packet + bytes(-captured % 4)
        kind, options = ENHANCED_PACKET, b""
    else:
        (captured,) = struct.unpack_from(order + "I", data, 20)
        end = 28 + captured + -captured % 4
        if len(data) < PACKET_BYTES or end > len(data) - 4:
            return data
        body, options = data[8:end], data[end:-4]
    added = b"".join(_option(order, text) for text in texts)
    options = added + (options or struct.pack(order + "HH", 0, 0))
    length = 12 + len(body) + len(options)
    if length > LARGEST_BLOCK_BYTES:
        return data
    return struct.pack(order + "II", kind, length) + body + options + struct.pack(order + "I", length)


def _option(order: str, text: str) -> bytes:
    value = text.encode("utf-8", "backslashreplace")
    if len(value) > _OPTION_BYTES:
        value = value[:_OPTION_BYTES].decode("utf-8", "ignore").encode()
    return struct.pack(order + "HH", _COMMENT, len(value)) + value + bytes(-len(value) % 4)
