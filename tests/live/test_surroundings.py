"""What a live capture leans on and may not have: each is one line, and the capture goes on."""

from __future__ import annotations

import errno
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tcptrace_py import analyze
from tcptrace_py.capture.batch import FrameBatch
from tcptrace_py.capture.live import LiveCapture
from tcptrace_py.cli.sniffing import metrics_server
from tcptrace_py.findings.finding import Finding, Subject
from tcptrace_py.kernel import sockets as kernel_sockets
from tcptrace_py.kernel.reader import KernelReader
from tcptrace_py.kernel.sockets import SocketTable
from tcptrace_py.run import recorder as flight
from tcptrace_py.run.alarm import Alarm, Alarms, Notifier
from tcptrace_py.run.host import HostView
from tcptrace_py.run.live import Watch
from tcptrace_py.run.recorder import FlightRecorder
from tests.conftest import ROOT, mounted

# The clock of a silent capture begins at 0, and then is today's.
_ONCE_S = 1e10


class Silent(LiveCapture):
    """An interface on which nothing passes, opened without any right."""

    def __init__(self) -> None:
        self.path, self.expression, self.problem = "silent0", None, None
        self.link_type, self.link_types, self.snap_bytes = 1, {"ETHERNET"}, 192
        self.packets = self.consumed_bytes = self.downs = 0
        self.down = False
        self.batch = FrameBatch()
        self.descriptor, self._other_end = os.pipe()
        self.pumped = 0

    dropped_by_kernel = 0  # type: ignore[assignment]

    def next_batch(self, most: int = 0) -> int:
        self.pumped += 1
        return 0

    def close(self) -> None:
        os.close(self.descriptor)
        os.close(self._other_end)


class Told(Watch):
    """A watch that has findings when we want."""

    now: list[Finding] = []

    def findings(self) -> list[Finding]:
        return self.now


def finding() -> Finding:
    made = analyze(ROOT / "sample_pcaps" / "stuck_close_wait.pcap").findings[0]
    return replace(made, subject=Subject("server", "10.0.0.1", 80), severity="warning")


def lines(watch: Watch) -> list[str]:
    return [text for _, text in watch.notices_since(0)]


def goes_on(watch: Watch) -> bool:
    """It pumps, and gives a report."""
    before = watch.capture.pumped  # type: ignore[union-attr]
    watch.resume()
    watch.run(duration_s=0.05)
    return bool(watch.capture.pumped > before and watch.report().capture.complete)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (OSError(errno.EPROTONOSUPPORT, "Protocol not supported"), "Protocol not supported"),
        (PermissionError(errno.EPERM, "Operation not permitted"), "Operation not permitted"),
    ],
)
def test_no_netlink(monkeypatch: pytest.MonkeyPatch, failure: OSError, said: str) -> None:
    def refuse(*_: object) -> socket.socket:
        raise failure

    monkeypatch.setattr(kernel_sockets, "netlink_socket", refuse)
    view = HostView(KernelReader())
    watch = Watch(Silent(), host=view)
    try:
        view.last_look(watch)
        (line,) = lines(watch)
        assert line.startswith("the kernel's own states are not shown: ") and said in line
        view.look(watch)
        assert lines(watch) == [line]
        assert goes_on(watch)
    finally:
        view.close()


def test_the_reader_of_the_kernel_is_killed() -> None:
    reader = KernelReader()
    view = HostView(reader)
    watch = Watch(Silent(), host=view)
    try:
        os.kill(reader._child, signal.SIGKILL)
        view.last_look(watch)
        assert lines(watch) == [
            "the kernel's own states are not shown: the process that reads the kernel's sockets has ended"
        ]
        assert goes_on(watch)
    finally:
        view.close()


def test_a_namespace_that_vanishes_takes_no_other_with_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = kernel_sockets.namespaces
    # It is listed, and gone when it is entered.
    monkeypatch.setattr(kernel_sockets, "namespaces", lambda: {**own(), 7: tmp_path / "gone"})
    table = SocketTable()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        found = [each for each in table.read() if each.state == "LISTEN" and each.key.port == port]
    table.close()
    assert len(found) == 1
    assert table.problems == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_recorder_that_cannot_write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int) -> None:
    def full(path: str) -> Any:
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(flight, "_new_file", full)
    recorder = FlightRecorder(tmp_path, before_s=1, after_s=0, most_bytes=1_000_000)
    alarms = Alarms(Alarm((), _ONCE_S), recorder)
    watch = Told(Silent(), alarms=alarms)
    watch.now = [finding()]
    until_s = time.monotonic() + 60
    while not lines(watch) and time.monotonic() < until_s:
        alarms.look(watch)
        time.sleep(0.01)
    (line,) = lines(watch)
    assert line.startswith(str(tmp_path)) and line.endswith(os.strerror(number))
    assert goes_on(watch)
    assert watch.warnings == [line]


class Busy(Silent):
    """A frame each time that it is asked."""

    def next_batch(self, most: int = 0) -> int:
        self.pumped += 1
        frame = bytes(60)
        self.batch.data = frame
        self.batch.captured[0] = self.batch.original[0] = len(frame)
        self.batch.ts_ns[0] = time.time_ns()
        self.batch.link_type[0] = 1
        self.packets += 1
        self.batch.count = 1
        return 1


def test_a_disk_that_fills_while_a_recording_is_written(tmp_path: Path) -> None:
    with mounted(tmp_path, "16k") as is_mounted:
        if not is_mounted:
            pytest.skip("a small disk takes root's rights to mount")
        recorder = FlightRecorder(tmp_path, before_s=60, after_s=0, most_bytes=1_000_000)
        alarms = Alarms(Alarm((), _ONCE_S), recorder)
        watch = Told(Busy(), alarms=alarms)
        for _ in range(400):
            watch.pump()
        watch.now = [finding()]
        until_s = time.monotonic() + 60
        while not lines(watch) and time.monotonic() < until_s:
            alarms.look(watch)
            time.sleep(0.01)
        assert lines(watch) == [f"{tmp_path}: a recording is not whole: No space left on device"]
        assert goes_on(watch)


def test_what_follows_an_alarm_is_bounded_in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(flight, "_MEMORY_BYTES", 1 << 20)
    recorder = FlightRecorder(tmp_path, before_s=1, after_s=3600, most_bytes=1 << 30)
    alarms = Alarms(Alarm((), _ONCE_S), recorder)
    watch = Told(Busy(), alarms=alarms)
    watch.now = [finding()]
    pumped = 0
    while not lines(watch) and pumped < 20_000:
        watch.pump()
        pumped += 1
        if pumped % 100 == 0:
            alarms.look(watch)
    # A frame of 60 bytes is a record of 76.
    assert (1 << 20) // 76 < pumped < (1 << 20) // 76 + 200
    (line,) = lines(watch)
    assert line.endswith("a recording ended before its --after: 1 MiB of packets are held in memory at most")
    assert goes_on(watch)


def test_a_port_that_another_program_has(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("prometheus_client")
    with socket.create_server(("127.0.0.1", 0)) as other:
        options = {"metrics_address": other.getsockname()[:2], "otlp": None}
        with metrics_server(options, None, "silent0") as served:
            assert served == (None, None)
            assert goes_on(Watch(Silent()))
    port = options["metrics_address"][1]  # type: ignore[index]
    assert capsys.readouterr().err == f"tcptrace-py: no metrics: 127.0.0.1:{port}: Address already in use\n"


@contextmanager
def webhook(answer: bytes, every_s: float) -> Iterator[str]:
    """Takes a request and answers byte by byte, or never."""
    ended = threading.Event()

    def serve() -> None:
        link, _ = listener.accept()
        with link:
            link.recv(1 << 16)
            for at in range(len(answer)):
                if ended.wait(every_s):
                    return
                with suppress(OSError):
                    link.sendall(answer[at : at + 1])
            ended.wait(60)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        ended.set()
        thread.join()


@pytest.mark.parametrize(
    ("answer", "every_s", "said"),
    [
        (b"", 0.05, "timed out"),
        (b"H" * 1000, 0.05, "goes on for longer than"),
        (b"nonsense\x1b[2J\n", 0.0, "'nonsense\\x1b[2J"),
    ],
)
def test_a_webhook_that_hangs_or_talks_nonsense(answer: bytes, every_s: float, said: str) -> None:
    with webhook(answer, every_s) as url:
        alarms = Alarms(Alarm((), _ONCE_S), None, Notifier(url, patience_s=0.3))
        watch = Told(Silent(), alarms=alarms)
        watch.now = [finding()]
        alarms.look(watch)
        assert goes_on(watch)
    (line,) = watch.warnings
    assert line.startswith(f"--notify {url}: ") and said in line


def test_a_full_disk_ends_the_file_and_not_the_capture() -> None:
    from tcptrace_py.capture.pcap_writer import PcapWriter

    try:
        writer = PcapWriter("/dev/full", 1, 192)
    except OSError:
        # The header already finds it full: then it is wrong usage.
        class Full(PcapWriter):
            def __init__(self) -> None:
                pass

            def write(self, batch: FrameBatch, count: int) -> None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            def close(self) -> None:
                pass

        writer = Full()
    watch = Watch(Busy(), writer=writer)
    watch.pump()
    watch.pump()
    assert lines(watch) == ["no more packets are written: No space left on device"]
    assert watch.write_problem is not None and goes_on(watch)
