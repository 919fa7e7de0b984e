"""Builds capture files byte by byte, and reads them back, for the tests of ``tcptrace_py.capture``."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

from tcptrace_py.capture.source import Reader, open_source

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"


class Frame(NamedTuple):
    """One frame as a reader gives it."""

    number: int
    ts_ns: int
    original: int
    link_type: int
    data: bytes


def frames(count: int, *, link_type: int = 1, step_ns: int = 1_000_000, start: int = 1) -> list[Frame]:
    """``count`` frames of different lengths, microseconds exact, some of them cut by the snap length."""
    made = []
    for index in range(count):
        number = start + index
        data = bytes((number * 7 + at) & 0xFF for at in range(index * 13 % 61))
        made.append(
            Frame(number, 1_700_000_000_000_000_000 + index * step_ns, len(data) + index % 3, link_type, data)
        )
    return made


def pcap(
    given: list[Frame],
    *,
    order: str = "<",
    nanoseconds: bool = False,
    version: tuple[int, int] = (2, 4),
    network: int = 1,
    snap_bytes: int = 65535,
    swap_lengths: bool = False,
    modified: bool = False,
) -> bytes:
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2CD34 if modified else 0xA1B2C3D4
    out = struct.pack(order + "IHHiIII", magic, *version, 0, 0, snap_bytes, network)
    for frame in given:
        seconds, rest_ns = divmod(frame.ts_ns, 1_000_000_000)
        lengths = [len(frame.data), frame.original]
        if swap_lengths:
            lengths.reverse()
        out += struct.pack(order + "IIII", seconds, rest_ns if nanoseconds else rest_ns // 1000, *lengths)
        if modified:
            out += bytes(8)
        out += frame.data
    return out


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + padded(value)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    length = 12 + len(body)
    return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)


def section(order: str = "<", version: tuple[int, int] = (1, 0)) -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, *version, -1), order)


def interface(link_type: int = 1, *, snap_bytes: int = 0, options: bytes = b"", order: str = "<") -> bytes:
    return block(1, struct.pack(order + "HHI", link_type, 0, snap_bytes) + options, order)


def enhanced(
    frame: Frame, *, of: int = 0, ticks: int | None = None, options: bytes = b"", order: str = "<"
) -> bytes:
    """An enhanced packet block; the clock is in microseconds unless ``ticks`` says otherwise."""
    value = frame.ts_ns // 1000 if ticks is None else ticks
    head = struct.pack(order + "IIIII", of, value >> 32, value & 0xFFFFFFFF, len(frame.data), frame.original)
    return block(6, head + padded(frame.data) + options, order)


def simple(frame: Frame, order: str = "<") -> bytes:
    return block(3, struct.pack(order + "I", frame.original) + padded(frame.data), order)


def obsolete(frame: Frame, *, of: int = 0, drops: int = 0xFFFF, order: str = "<") -> bytes:
    ticks = frame.ts_ns // 1000
    head = struct.pack(
        order + "HHIIII", of, drops, ticks >> 32, ticks & 0xFFFFFFFF, len(frame.data), frame.original
    )
    return block(2, head + padded(frame.data), order)


def statistics(of: int, options: bytes, order: str = "<") -> bytes:
    return block(5, struct.pack(order + "III", of, 0, 0) + options, order)


def pcapng(given: list[Frame], order: str = "<") -> bytes:
    return section(order) + interface(order=order) + b"".join(enhanced(frame, order=order) for frame in given)


def snoop(given: list[Frame], data_link: int = 4) -> bytes:
    out = b"snoop\0\0\0" + struct.pack(">II", 2, data_link)
    for frame in given:
        seconds, rest_ns = divmod(frame.ts_ns, 1_000_000_000)
        data = padded(frame.data)
        head = (frame.original, len(frame.data), 24 + len(data), 3, seconds, rest_ns // 1000)
        out += struct.pack(">6I", *head) + data
    return out


def rest(reader: Reader) -> list[Frame]:
    """All frames that a reader still has; checks what every batch must keep to."""
    found = []
    while count := reader.next_batch():
        batch = reader.batch
        assert count == batch.count
        assert batch.first_number == len(found) + 1
        for index in range(count):
            at, captured, original = batch.offset[index], batch.captured[index], batch.original[index]
            assert 0 <= at <= at + captured <= len(batch.data)
            assert captured <= original
            found.append(
                Frame(
                    batch.first_number + index,
                    batch.ts_ns[index],
                    original,
                    batch.link_type[index],
                    bytes(batch.data[at : at + captured]),
                )
            )
    assert reader.packets == len(found)
    assert reader.next_batch() == 0
    return found


def read(path: Path, chunk_bytes: int = 512 * 1024) -> tuple[list[Frame], Reader]:
    reader = open_source(path, chunk_bytes=chunk_bytes)
    found = rest(reader)
    reader.close()
    return found, reader


def read_bytes(tmp_path: Path, content: bytes, chunk_bytes: int = 512 * 1024) -> tuple[list[Frame], Reader]:
    path = tmp_path / "x.cap"
    path.write_bytes(content)
    return read(path, chunk_bytes)
