"""Which process a packet is of, as capture tools that know it write it into a pcapng.

ptcpdump puts it into comments (``PID: 7``, ``Cmd: /usr/bin/curl``, ``ContainerName: web``); Apple's tcpdump
into blocks of their own (type 0x80000001: the process, named by an option of the packet). The packet's
flags (option epb_flags) say whether it came in or went out, and so whose end the process holds.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.pcapng_blocks import (
    ENHANCED_PACKET,
    MAGIC,
    OBSOLETE_PACKET,
    PACKET_BYTES,
    SECTION_HEADER,
    SIMPLE_PACKET,
)
from tcptrace_py.capture.pcapng_copy import Block, blocks
from tcptrace_py.capture.stream import open_stream, read_once

_APPLE_PROCESS = 0x80000001
_APPLE_PROCESS_NAME = 2
_APPLE_PROCESS_INDEX = 0x8001
_COMMENT = 1
_FLAGS = 2
_INBOUND = 1
_OUTBOUND = 2
# Blocks that are looked at to see whether a file has anything of the kind.
_LOOKED_AT = 1000


class ProcessInfo(NamedTuple):
    """``frame`` is one of the process; ``inbound``: it was received by it, not sent."""

    frame: int
    inbound: bool
    pid: int
    command: str
    container: str


def process_info(path: str | os.PathLike[str]) -> Iterator[ProcessInfo]:
    """In the order of the frames; nothing of a file that has none among its first packets."""
    if read_once(path) or not any(True for _ in _read(path, _LOOKED_AT)):
        return
    yield from _read(path, None)


def _read(path: str | os.PathLike[str], most_blocks: int | None) -> Iterator[ProcessInfo]:
    try:
        stream, head = open_stream(path)
    except CaptureError:
        return
    try:
        if head[:4] != MAGIC:
            return
        frame = 0
        processes: list[tuple[int, str]] = []
        for block in islice(blocks(stream, head), most_blocks):
            if block.kind == SECTION_HEADER:
                processes = []
            elif block.kind == _APPLE_PROCESS:
                processes.append(_apple_process(block))
            elif block.kind in (ENHANCED_PACKET, OBSOLETE_PACKET, SIMPLE_PACKET):
                frame += 1
                if block.kind == ENHANCED_PACKET and len(block.data) > PACKET_BYTES:
                    found = _of_packet(block, frame, processes)
                    if found is not None:
                        yield found
    finally:
        stream.close()


def _of_packet(block: Block, frame: int, processes: list[tuple[int, str]]) -> ProcessInfo | None:
    (captured,) = struct.unpack_from(block.order + "I", block.data, 20)
    at = 28 + captured + -captured % 4
    pid, command, container, direction = 0, "", "", 0
    for code, value in _options(block, at):
        if code == _FLAGS and len(value) == 4:
            direction = struct.unpack(block.order + "I", value)[0] & 3
        elif code == _APPLE_PROCESS_INDEX and len(value) == 4:
            index = struct.unpack(block.order + "I", value)[0]
            if index < len(processes):
                pid, command = processes[index]
        elif code == _COMMENT:
            fields = _fields(value)
            if fields.get("PID", "").isdigit():
                pid = int(fields["PID"][:10])
                command = os.path.basename(fields.get("Cmd", ""))
            container = fields.get("ContainerName", container)
    # Without a direction it can not be told whose end it is.
    if pid <= 0 or direction not in (_INBOUND, _OUTBOUND):
        return None
    return ProcessInfo(frame, direction == _INBOUND, pid, command, container)


def _apple_process(block: Block) -> tuple[int, str]:
    if len(block.data) < 16:
        return 0, ""
    (pid,) = struct.unpack_from(block.order + "I", block.data, 8)
    names = [value for code, value in _options(block, 12) if code == _APPLE_PROCESS_NAME]
    return pid, names[0].decode("utf-8", "backslashreplace") if names else ""


def _fields(comment: bytes) -> dict[str, str]:
    """``name: value`` lines."""
    text = comment.decode("utf-8", "backslashreplace")
    found = (line.partition(": ") for line in text.splitlines())
    return {name: value for name, colon, value in found if colon}


def _options(block: Block, at: int) -> Iterator[tuple[int, bytes]]:
    """From ``at`` to the end of the block, as far as they are well formed."""
    end = len(block.data) - 4
    while end - at >= 4:
        code, size = struct.unpack_from(block.order + "HH", block.data, at)
        at += 4
        if code == 0 or size > end - at:
            return
        yield code, block.data[at : at + size]
        at += size + -size % 4
