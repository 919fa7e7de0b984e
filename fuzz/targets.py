"""What is fuzzed: each target takes bytes, and raises where something broke that no input may break.

``CaptureError``, ``ReportError``, ``PolicyError`` and rules' ``ValueError`` are answers; anything else
that comes out, a defect that a report tells of, and a report that contradicts itself, are failures.
"""

from __future__ import annotations

import io
import os
from binascii import crc32
from collections.abc import Callable

from rich.console import Console

from tcptrace_py.capture.batch import FrameBatch
from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.source import Reader, open_source
from tcptrace_py.engine import engine
from tcptrace_py.gates.gate import judge
from tcptrace_py.gates.policy import PolicyError, read_policy
from tcptrace_py.gates.rule import parse_rules
from tcptrace_py.gates.saved import ReportError, decode_report
from tcptrace_py.report.formats import github, json, junit, markdown
from tcptrace_py.report.model.model import Report
from tcptrace_py.report.people.terminal import render
from tcptrace_py.report.people.view import View
from tcptrace_py.run.analyze import analyze
from tcptrace_py.run.cores import THREADS_VARIABLE
from tcptrace_py.wire.decoder import Decoder
from tcptrace_py.wire.result import CODES, OTHER, TCP
from tcptrace_py.wire.segment import Segment

# Drawing for people takes ten times as long as all the rest: one report of so many is drawn.
_SHOWN = 32
#: One of so many is analyzed again, by two threads.
_AGAIN = 8
if engine() == "compiled":
    from tcptrace_py.wire.ahead import Ahead
_MASK = (1 << 32) - 1
#: Of a segment.
_NUMBERS = [name for name in dir(Segment()) if not name.startswith("_") and name != "tunnel"]
_RULES = parse_rules(["info", "connections > 5", "resets.total / connections > 10%"])
#: Memory of the system's, where files cost least; a process of its own has a name of its own.
_PATH = f"/dev/shm/tcptrace-py-fuzz-{os.getpid()}" if os.path.isdir("/dev/shm") else f"fuzz-{os.getpid()}.tmp"


def _file(data: bytes) -> str:
    with open(_PATH, "wb") as stream:
        stream.write(data)
    return _PATH


def remove_file() -> None:
    if os.path.exists(_PATH):
        os.unlink(_PATH)


def reader(data: bytes) -> None:
    """The readers, behind every compression, by chunks small and large, and by a thread that reads ahead."""
    seen = []
    for chunk_bytes in (64, 1 << 16):
        frames = 0
        try:
            opened = open_source(_file(data), chunk_bytes=chunk_bytes)
        except CaptureError as error:
            seen.append((str(error), 0))
            continue
        try:
            while count := opened.next_batch():
                batch = opened.batch
                for i in range(count):
                    assert 0 <= batch.offset[i] <= batch.offset[i] + batch.captured[i] <= len(batch.data)
                    assert batch.captured[i] <= batch.original[i]
                    assert 0 <= batch.ts_ns[i] < 1 << 62
                frames += count
            assert frames == opened.packets
            seen.append((str(opened.problem), frames))
        finally:
            opened.close()
    # How much of a corrupt compressed file is saved depends on how much was asked of its library at once.
    assert seen[0] == seen[1] or any(" data" in said for said, _ in seen), seen
    if seen[1][1] and engine() == "compiled":
        one, two = open_source(_PATH), Ahead(open_source(_PATH), slot_frames=3)
        assert decoded(one) == decoded(two)


def decoded(opened: Reader) -> tuple[list[tuple[int, ...]], list[object]]:
    """All that a capture holds, decoded: each frame's code and numbers; what is said of the whole."""
    decode = Decoder()
    frames = []
    try:
        while count := opened.next_batch():
            decode.begin(opened.batch)
            for i in range(count):
                code = decode.decode(opened.batch, i)
                segment = decode.segment
                numbers = [getattr(segment, name) for name in _NUMBERS] if code == TCP else []
                frames.append((code, segment.frame, segment.ts_ns, *numbers))
            decode.end()
    finally:
        decode.end()
        opened.close()
    said = [opened.packets, opened.problem, opened.warnings, opened.link_types, opened.dropped_by_kernel]
    return frames, [*said, opened.consumed_bytes, decode.skipped(), decode.undecoded()]


def decoder(data: bytes) -> None:
    """The decoders: two bytes of link type, one that says how much longer the frame was, the frame."""
    if len(data) < 3:
        return
    batch = FrameBatch()
    frame = data[3:]
    batch.data = frame
    batch.count = 1
    batch.captured[0] = len(frame)
    batch.original[0] = len(frame) + data[2]
    batch.link_type[0] = int.from_bytes(data[:2], "big")
    batch.ts_ns[0] = 10**18
    decode = Decoder()
    decode.begin(batch)
    try:
        code = decode.decode(batch, 0)
    finally:
        decode.end()
    assert 0 <= code < CODES and code != OTHER
    segment = decode.segment
    if code == TCP:
        assert 0 <= segment.seq <= _MASK and 0 <= segment.ack <= _MASK
        # By IP's own length: that of the frame may be an editing tool's mistake.
        assert 0 <= segment.payload_bytes <= 0xFFFF
    decode.undecoded()
    decode.blind()


def whole(data: bytes) -> None:
    """From a capture file to its report, with all figures: tracker, findings, record, writers."""
    try:
        report = analyze(_file(data), stats=True)
    except CaptureError:
        return
    consistent(report)
    text = json.encode(report)
    if crc32(data) % _AGAIN == 0:
        os.environ[THREADS_VARIABLE] = "2"
        try:
            assert json.encode(analyze(_PATH, stats=True)) == text
        finally:
            del os.environ[THREADS_VARIABLE]
    again = decode_report(text, "a report")
    assert again.summary == report.summary
    verdicts = judge(report, _RULES)
    markdown.encode(report, verdicts)
    github.encode(report, verdicts)
    junit.encode(report, verdicts)
    if crc32(data) % _SHOWN == 0:
        render(report, Console(file=io.StringIO(), width=80), View(verbose=True, connections=True))


def consistent(report: Report) -> None:
    """A report that does not contradict itself, whatever the capture was."""
    capture = report.capture
    assert capture.defects == 0, capture.warnings
    skipped = capture.skipped
    left_out = sum(getattr(skipped, name) for name in skipped.__struct_fields__)
    assert capture.packets == capture.tcp_segments + left_out
    summary = report.summary
    outcomes = summary.handshakes
    assert summary.connections == sum(
        getattr(outcomes, name)
        for name in outcomes.__struct_fields__
        if name not in ("simultaneous", "fast_open")
    )
    closes = summary.closes
    assert summary.connections == sum(getattr(closes, name) for name in closes.__struct_fields__)
    segments = 0
    for connection in report.connections or ():
        for end in (connection.client, connection.server):
            assert 0 <= end.retransmits <= end.packets
            assert end.bytes >= 0
            segments += end.packets
            # RFC 9293's machine, and what takes it back: never many entries.
            assert len(end.history) <= 32
    # Late copies of a connection that was handed over are in no record.
    assert segments <= capture.tcp_segments
    for finding in report.findings:
        assert finding.count > 0 and finding.explanation and finding.remedy is not None
        assert finding.first_ns <= finding.last_ns or capture.first_ns is not None


def saved(data: bytes) -> None:
    """A saved report that somebody else wrote."""
    try:
        report = decode_report(data, "a report")
    except ReportError as error:
        assert "\n" not in str(error)
        return
    judge(report, _RULES)
    render(report, Console(file=io.StringIO(), width=80), View(verbose=True, connections=True))


def policy(data: bytes) -> None:
    """A policy file."""
    try:
        read_policy(_file(data))
    except PolicyError as error:
        assert "\n" not in str(error)


def rule(data: bytes) -> None:
    """A rule of --fail-on."""
    try:
        parse_rules([data.decode("utf-8", "replace")])
    except ValueError as error:
        assert "\n" not in str(error)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "whole": whole,
    "reader": reader,
    "decoder": decoder,
    "saved": saved,
    "policy": policy,
    "rule": rule,
}
