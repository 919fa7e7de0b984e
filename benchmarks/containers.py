"""The same packets in other containers."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

_CHUNK_BYTES = 1 << 20


def to_pcapng(source: Path, target: Path) -> None:
    """A classic pcap (µs, this machine's byte order as ``workloads`` writes it) as pcapng."""
    partial = target.with_name(target.name + ".partial")
    with source.open("rb") as packets, partial.open("wb", buffering=_CHUNK_BYTES) as out:
        *_, snap_bytes, link_type = struct.unpack("<IHHiIII", packets.read(24))
        out.write(struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28))
        out.write(struct.pack("<IIHHII", 1, 20, link_type, 0, snap_bytes, 20))
        while header := packets.read(16):
            seconds, microseconds, captured, original = struct.unpack("<IIII", header)
            stamp = seconds * 1_000_000 + microseconds
            padding = -captured % 4
            total = 32 + captured + padding
            out.write(
                struct.pack("<IIIIIII", 6, total, 0, stamp >> 32, stamp & 0xFFFFFFFF, captured, original)
            )
            out.write(packets.read(captured) + bytes(padding) + struct.pack("<I", total))
    partial.replace(target)


def to_zstd(source: Path, target: Path) -> None:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    partial = target.with_name(target.name + ".partial")
    with source.open("rb") as packets, zstd.open(partial, "wb") as out:
        while chunk := packets.read(_CHUNK_BYTES):
            out.write(chunk)
    partial.replace(target)
