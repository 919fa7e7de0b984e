"""Ctrl-C and SIGTERM while captures are read: the report is of what came until then."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tcptrace_py.cli.stopping import stoppable
from tests.conftest import COMMAND, ROOT, environment

#: What is waited for comes long before.
_PATIENCE_S = 100


def _wait_for(what: Callable[[], bool]) -> None:
    end_s = time.monotonic() + _PATIENCE_S
    while not what():
        assert time.monotonic() < end_s
        time.sleep(0.01)


@contextmanager
def _analyze(*arguments: str, stdin: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [*COMMAND, "analyze", *arguments],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(PYTHONPATH=str(ROOT)),
        # What a shell starts in the background ignores SIGINT, and so would all that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _drained(pipe: int) -> bool:
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0] == 0


@contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    try:
        yield reader, writer
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("cut", [0, 5])
def test_a_pipe_ends_there(number: signal.Signals, cut: int, handshake_pcap: bytes) -> None:
    """Also where the last packet has not come whole."""
    with _pipe() as (reader, writer), _analyze("--json", "-", "-", stdin=reader) as process:
        os.write(writer, handshake_pcap[: len(handshake_pcap) - cut])
        _wait_for(lambda: _drained(reader))
        process.send_signal(number)
        out, err = process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == 0, err.decode()
    capture = json.loads(out)["capture"]
    assert capture["packets"] == (2 if cut else 3)
    assert capture["complete"] is True
    assert capture["warnings"] == ["interrupted: the capture ends here"]


def test_the_writer_may_still_send_what_it_had(handshake_pcap: bytes) -> None:
    with _pipe() as (reader, writer), _analyze("--json", "-", "-", stdin=reader) as process:
        os.write(writer, handshake_pcap[:100])
        _wait_for(lambda: _drained(reader))
        # Stopped, so that the rest is there when it looks again.
        process.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        os.write(writer, handshake_pcap[100:])
        process.send_signal(signal.SIGCONT)
        out, _ = process.communicate(timeout=_PATIENCE_S)
    assert json.loads(out)["capture"]["packets"] == 3


def test_before_anything_has_come_there_is_no_report() -> None:
    with _pipe() as (reader, writer), _analyze("-", stdin=reader) as process:
        os.write(writer, b"\xd4")
        _wait_for(lambda: _drained(reader))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=_PATIENCE_S)
    assert (process.returncode, out, err) == (130, b"", b"tcptrace-py: interrupted\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_named_pipe_without_a_writer(number: signal.Signals, tmp_path: Path) -> None:
    from tcptrace_py import CaptureError, analyze
    from tcptrace_py.capture.stop import Stop

    path = tmp_path / "fifo"
    os.mkfifo(path)
    with stoppable() as stop:
        timer = threading.Timer(0.1, os.kill, (os.getpid(), number))
        timer.start()
        # Nobody will ever open it to write.
        with pytest.raises(CaptureError, match="fifo: stopped before anything came"):
            analyze(path, stop=stop)
        timer.join()
    assert stop.asked
    never = Stop()
    never.asked = True
    with pytest.raises(CaptureError, match="stopped"):
        analyze(path, stop=never)


def test_of_a_file_the_rest_is_missing(handshake_pcap: bytes, tmp_path: Path) -> None:
    from tcptrace_py import analyze
    from tcptrace_py.capture.stop import Stop

    path = tmp_path / "long.pcap"
    path.write_bytes(handshake_pcap[:24] + handshake_pcap[24:] * 5000)
    stop = Stop()
    report = analyze(path, stop=stop, progress=lambda *_: stop.ask())
    assert 0 < report.capture.packets < 15000
    assert report.capture.complete is False
    assert report.capture.warnings[0] == "interrupted: the capture ends here; the rest was not read"
    assert "segments captured twice" in report.capture.warnings[1], "so this capture is made"


@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_the_second_ends_it_at_once(number: signal.Signals, raised: type[BaseException]) -> None:
    before = signal.getsignal(number)
    with pytest.raises(raised), stoppable() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.asked
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_one_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stoppable() as stop:
            os.kill(os.getpid(), signal.SIGINT)
        assert not stop.asked
    finally:
        signal.signal(signal.SIGINT, before)
