"""A flight recorder: the last seconds of packets are kept in memory, and written when a finding appears.

For each alarm three files: the packets before and after it as pcapng, with a comment at each frame that the
finding cites; the report as of then; the kernel's table of sockets, where it is asked. They are written by a
forked copy of the process, which has all of that as of that moment, so the capture goes on meanwhile.
"""

from __future__ import annotations

import os
import re
import signal
import struct
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import msgspec

from tcptrace_py.capture import pcapng_writer
from tcptrace_py.capture.batch import FrameBatch
from tcptrace_py.capture.live_frames import pcap_records
from tcptrace_py.findings.finding import Finding
from tcptrace_py.version import __version__

if TYPE_CHECKING:
    from tcptrace_py.run.live import Watch

# What is kept in memory at most, whatever the rate of packets.
_MEMORY_BYTES = 256 << 20
# Recordings that are going on at once; alarms beyond that are told, not recorded.
_AT_ONCE = 4
# Different problems that are remembered.
_PROBLEMS = 100
_PREFIX = "tcptrace-"
_SUFFIXES = (".pcapng", ".json", ".sockets.json")
_RECORD = struct.Struct("<IIII")


class _Piece(NamedTuple):
    """Frames that were captured together, as records of a pcap file with microseconds."""

    first_frame: int
    last_ns: int
    records: bytearray


class _Recording(NamedTuple):
    finding: Finding
    until_ns: int
    pieces: list[_Piece]


class FlightRecorder:
    """``keep`` every batch; ``record`` when there is an alarm; ``turn`` now and then; ``finish`` at the end.

    ``before_s``, ``after_s``: what is written around an alarm. ``most_bytes``: all files of ours in
    ``folder`` together never take more; the oldest recordings go first. Raises ``OSError`` from the
    constructor where the folder can not be made. ``problems``: what could not be written, a line each.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, before_s: float, after_s: float, most_bytes: int
    ) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise PermissionError(13, os.strerror(13), os.fspath(self.folder))
        self.problems: list[str] = []
        self.written = 0
        self._before_ns = round(before_s * 1e9)
        self._after_ns = round(after_s * 1e9)
        self._most_bytes = most_bytes
        self._ring: deque[_Piece] = deque()
        self._ring_bytes = 0
        self._going_on: list[_Recording] = []
        self._children: set[int] = set()

    def keep(self, batch: FrameBatch, count: int, first_frame: int) -> None:
        """The first ``count`` frames of a batch were captured; ``first_frame`` is the number of the first."""
        piece = _Piece(first_frame, batch.ts_ns[count - 1], pcap_records(batch, count))
        self._ring.append(piece)
        self._ring_bytes += len(piece.records)
        oldest_ns = piece.last_ns - self._before_ns
        while self._ring and (self._ring[0].last_ns < oldest_ns or self._ring_bytes > _MEMORY_BYTES):
            self._ring_bytes -= len(self._ring.popleft().records)
        for recording in self._going_on:
            recording.pieces.append(piece)

    def record(self, finding: Finding, now_ns: int) -> None:
        """An alarm: what is in memory is held on to, and what follows."""
        if len(self._going_on) + len(self._children) >= _AT_ONCE:
            self._complain(f"{finding.kind} of {finding.subject.label()} is not recorded: others still are")
            return
        self._going_on.append(_Recording(finding, now_ns + self._after_ns, list(self._ring)))

    def turn(self, watch: Watch, now_ns: int) -> None:
        """Write the recordings that are complete, and look after those that are being written."""
        self._reap(wait=False)
        for recording in list(self._going_on):
            if now_ns < recording.until_ns:
                if sum(len(each.records) for each in recording.pieces) <= _MEMORY_BYTES:
                    continue
                self._complain(
                    f"{self.folder}: a recording ended before its --after:"
                    f" {_MEMORY_BYTES >> 20} MiB of packets are held in memory at most"
                )
            self._going_on.remove(recording)
            self._write(recording, watch)

    def finish(self, watch: Watch) -> None:
        """The capture ends: what goes on is written as it is, before the watch makes its report."""
        for recording in self._going_on:
            self._write(recording, watch)
        self._going_on.clear()
        self._reap(wait=True)

    # --- writing ------------------------------------------------------------------------

    def _write(self, recording: _Recording, watch: Watch) -> None:
        room_bytes = self._make_room(sum(len(each.records) for each in recording.pieces))
        stem = self.folder / _name(recording.finding)
        child = os.fork()
        if child:
            self._children.add(child)
            return
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
                signal.signal(number, signal.SIG_IGN)
            _write_files(stem, recording, watch, room_bytes)
            status = 0
        except OSError as error:
            status = min(error.errno or 1, 255)
        finally:
            os._exit(status)

    def _reap(self, *, wait: bool) -> None:
        for child in list(self._children):
            done, status = os.waitpid(child, 0 if wait else os.WNOHANG)
            if not done:
                continue
            self._children.remove(child)
            code = os.waitstatus_to_exitcode(status)
            if code:
                why = os.strerror(code) if code > 1 else "the process that writes it ended early"
                self._complain(f"{self.folder}: a recording is not whole: {why}")
            else:
                self.written += 1

    def _complain(self, problem: str) -> None:
        if problem not in self.problems and len(self.problems) < _PROBLEMS:
            self.problems.append(problem)

    def _make_room(self, wanted_bytes: int) -> int:
        """Delete the oldest recordings until ``wanted_bytes`` fit, as far as can be; the bytes free then."""
        files = _recorded(self.folder)
        used_bytes = sum(size for _, size in files)
        for path, size in files:
            if used_bytes + 2 * wanted_bytes <= self._most_bytes:
                break
            with suppress(OSError):
                path.unlink()
                used_bytes -= size
        return max(0, self._most_bytes - used_bytes)


def _recorded(folder: Path) -> list[tuple[Path, int]]:
    """Our files there with their sizes in bytes, oldest first: names begin with the time."""
    found = []
    with suppress(OSError):
        for path in sorted(folder.iterdir()):
            if path.name.startswith(_PREFIX) and path.name.endswith(_SUFFIXES):
                with suppress(OSError):
                    found.append((path, path.stat().st_size))
    return found


def _name(finding: Finding) -> str:
    """``tcptrace-20260302T100003.032Z-stuck-close-wait-10.0.0.20_8080``: no character that a shell minds."""
    now_s, now_ms = divmod(time.time_ns() // 1_000_000, 1000)
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now_s))
    subject = finding.subject
    whom = subject.role if subject.address is None else subject.address
    if subject.port is not None:
        whom += f"_{subject.port}"
    safe = re.sub(r"[^0-9A-Za-z.]+", "_", whom)[:60]
    return f"{_PREFIX}{stamp}.{now_ms:03d}Z-{finding.kind}-{safe}"


def _write_files(stem: Path, recording: _Recording, watch: Watch, room_bytes: int) -> None:
    """In the forked copy. The packets come first: they are what nobody can make again."""
    key = (recording.finding.kind, recording.finding.subject.label())
    finding = next(
        (each for each in watch.findings() if (each.kind, each.subject.label()) == key), recording.finding
    )
    capture = watch.capture
    left_bytes = room_bytes
    with _new_file(f"{stem}.pcapng") as file:
        for block in _blocks(recording.pieces, finding, capture.link_type, capture.snap_bytes, capture.path):
            left_bytes -= len(block)
            if left_bytes < 0:
                return
            file.write(block)
    sockets = watch.kernel_sockets()
    if sockets is not None:
        left_bytes -= _write_whole(f"{stem}.sockets.json", msgspec.json.encode(sockets), left_bytes)
    _write_whole(f"{stem}.json", msgspec.json.encode(watch.snapshot()), left_bytes)


def _write_whole(path: str, data: bytes, left_bytes: int) -> int:
    if len(data) > left_bytes:
        return 0
    with _new_file(path) as file:
        file.write(data)
    return len(data)


def _new_file(path: str) -> BinaryIO:
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640), "wb")


def _blocks(
    pieces: Iterable[_Piece], finding: Finding, link_type: int, snap_bytes: int, name: str
) -> Iterator[bytes]:
    comments: dict[int, list[str]] = {}
    for evidence in finding.evidence:
        if evidence.frame is not None:
            comments.setdefault(evidence.frame, []).append(f"{finding.kind}: {evidence.text}")
    yield pcapng_writer.section_header(f"tcptrace-py {__version__}", finding.explanation)
    yield pcapng_writer.interface(link_type, snap_bytes, name)
    for piece in pieces:
        frame = piece.first_frame
        at = 0
        while at < len(piece.records):
            seconds, microseconds, captured, original = _RECORD.unpack_from(piece.records, at)
            at += _RECORD.size
            data = bytes(piece.records[at : at + captured])
            at += captured
            ts_ns = (seconds * 1_000_000 + microseconds) * 1000
            yield pcapng_writer.packet(0, ts_ns, original, data, comments.get(frame))
            frame += 1
