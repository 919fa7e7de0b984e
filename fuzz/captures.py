"""Captures as lists of frames, and every container that they are written in."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
from pathlib import Path
from typing import NamedTuple

from tcptrace_py.capture.source import open_source


class Frame(NamedTuple):
    """``original``: bytes on the wire. ``ts_ns`` may be anything; a container keeps what it can hold."""

    ts_ns: int
    link_type: int
    original: int
    data: bytes


def read(path: str | Path) -> list[Frame]:
    """The frames of a capture, as our own reader gives them. Raises ``CaptureError``."""
    reader = open_source(path)
    frames = []
    try:
        while count := reader.next_batch():
            batch = reader.batch
            for i in range(count):
                at = batch.offset[i]
                data = bytes(batch.data[at : at + batch.captured[i]])
                frames.append(Frame(batch.ts_ns[i], batch.link_type[i], batch.original[i], data))
    finally:
        reader.close()
    return frames


def _pcap(frames: list[Frame], random: random.Random) -> bytes:
    order = random.choice("<>")
    nanoseconds, modified = random.choice(((False, False), (True, False), (False, True)))
    magic = 0xA1B2CD34 if modified else 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    link_type = frames[0].link_type if frames else 1
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262_144, link_type & 0xFFFFFFFF)]
    for frame in frames:
        seconds, rest_ns = divmod(frame.ts_ns, 1_000_000_000)
        rest = rest_ns if nanoseconds else rest_ns // 1000
        head = (seconds & 0xFFFFFFFF, rest, len(frame.data), frame.original & 0xFFFFFFFF)
        out.append(struct.pack(order + "IIII", *head) + (bytes(8) if modified else b"") + frame.data)
    return b"".join(out)


def _block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, 12 + len(body)) + body + struct.pack(order + "I", 12 + len(body))


def _section(order: str) -> bytes:
    return _block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def _pcapng(frames: list[Frame], random: random.Random) -> bytes:
    """Several sections, byte orders, interfaces with clocks of their own, the three kinds of blocks."""
    order = random.choice("<>")
    out = [_section(order)]
    interfaces: dict[int, tuple[int, int]] = {}
    for frame in frames:
        if random.random() < 0.01:
            order = random.choice("<>")
            out.append(_section(order))
            interfaces = {}
        if frame.link_type not in interfaces:
            resolution = random.choice((6, 9, 0, 3, 0x80 | 10, 0x80 | 30, 12))
            options = struct.pack(order + "HHB3x", 9, 1, resolution)
            offset_s = random.choice((0, 0, 0, 1, -1, 2**40, -(2**62)))
            if offset_s:
                options += struct.pack(order + "HHq", 14, 8, offset_s)
            head = struct.pack(order + "HHI", frame.link_type & 0xFFFF, 0, random.choice((0, 96, 262_144)))
            out.append(_block(order, 1, head + options + bytes(4)))
            interfaces[frame.link_type] = (len(interfaces), resolution)
        number, resolution = interfaces[frame.link_type]
        per_second = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
        ticks = frame.ts_ns * per_second // 1_000_000_000 & (1 << 64) - 1
        padded = frame.data + bytes(-len(frame.data) % 4)
        lengths = (len(frame.data), frame.original & 0xFFFFFFFF)
        kind = random.random()
        if kind < 0.9:
            head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, *lengths)
            out.append(_block(order, 6, head + padded))
        elif kind < 0.95:
            head = struct.pack(
                order + "HHIIII", number & 0xFFFF, 0, ticks >> 32, ticks & 0xFFFFFFFF, *lengths
            )
            out.append(_block(order, 2, head + padded))
        else:
            out.append(_block(order, 3, struct.pack(order + "I", lengths[1]) + padded))
    return b"".join(out)


def _snoop(frames: list[Frame], random: random.Random) -> bytes:
    out = [b"snoop\0\0\0" + struct.pack("!II", 2, random.choice((4, 8, 10, 0, 26)))]
    for frame in frames:
        padded = frame.data + bytes(-len(frame.data) % 4)
        seconds, rest_ns = divmod(frame.ts_ns, 1_000_000_000)
        head = (frame.original & 0xFFFFFFFF, len(frame.data), 24 + len(padded), 0, seconds & 0xFFFFFFFF)
        out.append(struct.pack("!IIIIII", *head, rest_ns // 1000) + padded)
    return b"".join(out)


_CONTAINERS = (_pcap, _pcap, _pcapng, _pcapng, _snoop)


def container(frames: list[Frame], random: random.Random) -> bytes:
    """A capture file of these frames, in any format."""
    return random.choice(_CONTAINERS)(frames, random)


def _lz4(data: bytes) -> bytes:
    import lz4.frame

    packed: bytes = lz4.frame.compress(data)
    return packed


def _zstd(data: bytes) -> bytes:
    try:
        from compression import zstd
    except ImportError:
        from backports import zstd
    packed: bytes = zstd.compress(data, level=1)
    return packed


def _gzip(data: bytes) -> bytes:
    made = io.BytesIO()
    with gzip.GzipFile(fileobj=made, mode="wb", compresslevel=1, mtime=0) as stream:
        stream.write(data)
    return made.getvalue()


_COMPRESSIONS = (_gzip, _zstd, _lz4, bz2.compress, lambda data: lzma.compress(data, preset=0))


def compressed(data: bytes, random: random.Random) -> bytes:
    return random.choice(_COMPRESSIONS)(data)
