"""Stream numbers and tcp.completeness are Wireshark's, for every stream of every capture at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcptrace_py.tcp.compat.wireshark import Stream
from tcptrace_py.wire.segment import Segment
from tests.segments import segment

from . import wireshark
from .corpus import captures, name_of, report_of

needs_sharkd = pytest.mark.skipif(wireshark.SHARKD is None, reason="sharkd (of tshark) is not installed")


def stream_of(first: Segment, *others: Segment) -> Stream:
    stream = Stream()
    stream.begin(first)
    for each in others:
        stream.go_on(each)
    return stream


SYN = segment("c", "SYN", 100)
SYN_ACK = segment("s", "SYN+ACK", 900, 101)


@pytest.mark.parametrize(
    ("completeness", "segments"),
    [
        (1, [SYN]),
        (9, [segment("c", "SYN", 100, 0, 10)]),
        (3, [SYN, SYN_ACK]),
        (7, [SYN, SYN_ACK, segment("c", "ACK", 101, 901)]),
        (9, [SYN, segment("c", "ACK+PSH", 101, 0, 1)]),
        (21, [SYN, segment("c", "FIN+ACK", 101)]),
        # Without ACK a FIN does not count, and a SYN counts only as the first.
        (1, [SYN, segment("c", "FIN", 101)]),
        (0, [segment("c", "ACK", 100)]),
        (0, [segment("c", "ACK", 100), SYN]),
        (33, [SYN, segment("c", "RST", 101)]),
        (37, [SYN, segment("s", "RST+ACK", 0, 101)]),
    ],
)
def test_bits(completeness: int, segments: list[Segment]) -> None:
    assert stream_of(*segments).completeness == completeness


def test_what_reopens() -> None:
    stream = stream_of(SYN, SYN_ACK)
    assert not stream.reopens(segment("c", "SYN", 100))
    assert stream.reopens(segment("c", "SYN", 101))
    assert not stream.reopens(segment("s", "SYN", 900))
    assert stream.reopens(segment("s", "SYN", 901))
    # Picked up mid-stream: its first number is guessed to be one before.
    stream = stream_of(segment("c", "ACK", 0))
    assert not stream.reopens(segment("c", "SYN", 0xFFFFFFFF))
    assert stream.reopens(segment("c", "SYN", 0))


@needs_sharkd
@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [pytest.param(path, id=name_of(path)) for path in captures() if "kernel" not in path.parts]
)
def test_every_stream(path: Path) -> None:
    check(path)


@needs_sharkd
@pytest.mark.slow
def test_some_streams_of_the_kernel() -> None:
    """``make peers`` compares all of them."""
    for path in [path for path in captures() if "kernel" in path.parts][::8]:
        check(path)


def check(path: Path) -> None:
    rows = wireshark.compare(path)
    assert [row for row in rows if not row.equal and not row.reason] == []
    assert [row for row in rows if row.equal and row.reason] == []
    assert len({connection.stream for connection in report_of(path).connections or ()}) <= len(rows)
