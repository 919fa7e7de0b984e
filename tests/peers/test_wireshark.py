"""Stream numbers and tcp.completeness are Wireshark's, for every stream of every capture at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcptrace_py.tcp.compat.wireshark import Stream
from tcptrace_py.wire.segment import ACK, FIN, PSH, RST, SYN, Segment

from . import wireshark
from .corpus import captures, name_of, report_of

needs_tshark = pytest.mark.skipif(wireshark.TSHARK is None, reason="tshark is not installed")


def segment(flags: int, seq: int = 100, ack: int = 0, payload: int = 0, back: bool = False) -> Segment:
    made = Segment()
    made.src_lo, made.dst_lo = (2, 1) if back else (1, 2)
    made.src_port, made.dst_port = (80, 40000) if back else (40000, 80)
    made.flags, made.seq, made.ack, made.payload_bytes = flags, seq, ack, payload
    return made


def stream_of(*segments: Segment) -> Stream:
    stream = Stream()
    stream.begin(segments[0])
    for each in segments[1:]:
        stream.go_on(each)
    return stream


@pytest.mark.parametrize(
    ("completeness", "segments"),
    [
        (1, [segment(SYN)]),
        (9, [segment(SYN, payload=10)]),
        (3, [segment(SYN), segment(SYN | ACK, back=True)]),
        (7, [segment(SYN), segment(SYN | ACK, back=True), segment(ACK)]),
        (9, [segment(SYN), segment(ACK | PSH, payload=1)]),
        (21, [segment(SYN), segment(FIN | ACK)]),
        # Without ACK a FIN does not count, and a SYN counts only as the first.
        (1, [segment(SYN), segment(FIN)]),
        (0, [segment(ACK)]),
        (0, [segment(ACK), segment(SYN)]),
        (33, [segment(SYN), segment(RST)]),
        (37, [segment(SYN), segment(RST | ACK, back=True)]),
    ],
)
def test_bits(completeness: int, segments: list[Segment]) -> None:
    assert stream_of(*segments).completeness == completeness


def test_what_reopens() -> None:
    stream = stream_of(segment(SYN, 100), segment(SYN | ACK, 900, 101, back=True))
    assert not stream.reopens(segment(SYN, 100))
    assert stream.reopens(segment(SYN, 101))
    assert not stream.reopens(segment(SYN, 900, back=True))
    assert stream.reopens(segment(SYN, 901, back=True))
    # Picked up mid-stream: its first number is guessed to be one before.
    stream = stream_of(segment(ACK, 0, 0))
    assert not stream.reopens(segment(SYN, 0xFFFFFFFF))
    assert stream.reopens(segment(SYN, 0))


@needs_tshark
@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [pytest.param(path, id=name_of(path)) for path in captures() if "kernel" not in path.parts]
)
def test_every_stream(path: Path) -> None:
    check(path)


@needs_tshark
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
