"""Frames from a live capture into a batch, and from a batch into the records of a pcap file.

Compiled (see ``live_frames.pxd``): on a busy interface each frame passes here.
"""

from __future__ import annotations

from tcptrace_py.capture.batch import FrameBatch

_RECORD_HEADER_BYTES = 16
# What a frame has at least on the wire if nothing in it tells and the snap length cut it.
_UNKNOWN_BYTES = 65535
_MAX_VLAN_TAGS = 4


def fill(batch: FrameBatch, data: bytes, meta: memoryview, snap_bytes: int, link_type: int) -> int:
    """Fill ``batch`` with frames that lie in ``data``; how many there are.

    ``meta``: four numbers of 32 bits each frame, as pcapy-ng's ``next_batch`` packs them: seconds,
    microseconds, where it begins, bytes captured. The length that a frame had on the wire is
    not among them: a frame shorter than ``snap_bytes`` was captured whole, a longer one says
    it in its IP header.
    """
    count = len(meta) // 4
    for i in range(count):
        at = meta[4 * i + 2]
        captured = meta[4 * i + 3]
        seconds = meta[4 * i]
        batch.ts_ns[i] = seconds * 1_000_000_000 + meta[4 * i + 1] * 1000
        batch.offset[i] = at
        batch.captured[i] = captured
        batch.link_type[i] = link_type
        original = captured
        if captured >= snap_bytes:
            original = wire_bytes(data, at, captured, link_type)
            if original < captured:
                original = captured
        batch.original[i] = original
    batch.data = data
    batch.count = count
    return count


def wire_bytes(data: bytes, at: int, captured: int, link_type: int) -> int:
    """The length on the wire of a frame that the snap length cut, by its IP header."""
    start = at
    end = at + captured
    if link_type == 1:
        if captured < 14:
            return _UNKNOWN_BYTES
        kind = data[at + 12] << 8 | data[at + 13]
        at += 14
    elif link_type == 113:
        if captured < 16:
            return _UNKNOWN_BYTES
        kind = data[at + 14] << 8 | data[at + 15]
        at += 16
    elif link_type == 276:
        if captured < 20:
            return _UNKNOWN_BYTES
        kind = data[at] << 8 | data[at + 1]
        at += 20
    elif link_type == 101 and captured > 0:
        kind = 0x86DD if data[at] >> 4 == 6 else 0x0800
    else:
        return _UNKNOWN_BYTES
    tags = 0
    while (kind == 0x8100 or kind == 0x88A8) and tags < _MAX_VLAN_TAGS and end - at >= 4:
        kind = data[at + 2] << 8 | data[at + 3]
        at += 4
        tags += 1
    if kind == 0x0800 and end - at >= 20:
        total = data[at + 2] << 8 | data[at + 3]
    elif kind == 0x86DD and end - at >= 40:
        total = data[at + 4] << 8 | data[at + 5]
        if total:
            total += 40
    else:
        return _UNKNOWN_BYTES
    if total == 0:
        # Too long for 16 bits, or not filled in yet.
        return _UNKNOWN_BYTES
    return at - start + total


def pcap_records(batch: FrameBatch, count: int) -> bytearray:
    """The first ``count`` frames as records of a little-endian pcap file with microseconds."""
    total = 0
    for i in range(count):
        total += _RECORD_HEADER_BYTES + batch.captured[i]
    records = bytearray(total)
    _copy(batch, count, memoryview(batch.data), memoryview(records))
    return records


def _copy(batch: FrameBatch, count: int, frames: memoryview, out: memoryview) -> None:
    at = 0
    for i in range(count):
        seconds = batch.ts_ns[i] // 1_000_000_000
        _put(out, at, seconds)
        _put(out, at + 4, (batch.ts_ns[i] - seconds * 1_000_000_000) // 1000)
        captured = batch.captured[i]
        _put(out, at + 8, captured)
        _put(out, at + 12, batch.original[i])
        at += _RECORD_HEADER_BYTES
        begin = batch.offset[i]
        out[at : at + captured] = frames[begin : begin + captured]
        at += captured


def _put(out: memoryview, at: int, number: int) -> None:
    out[at] = number & 0xFF
    out[at + 1] = number >> 8 & 0xFF
    out[at + 2] = number >> 16 & 0xFF
    out[at + 3] = number >> 24 & 0xFF
