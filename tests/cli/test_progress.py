from __future__ import annotations

import os
import pty
import subprocess
import time
from pathlib import Path
from threading import Thread

import pytest

from tcptrace_py.cli.progress import ProgressBar, describe, shows_progress
from tests.conftest import COMMAND, ROOT, RunCli, environment

GLOBAL_HEADER_BYTES = 24


def test_rate_and_time_left() -> None:
    assert describe(500_000_000, 1_500_000_000, 1_100_000, 1.0) == "500 MB/s  1.1 Mpkt/s  0:02 left"
    assert describe(10_000, 10_000 * 7200, 10, 1.0) == "10 kB/s  10 pkt/s  1:59:59 left"


def test_a_narrow_terminal_gets_the_short_form() -> None:
    assert describe(500_000_000, 1_500_000_000, 1_100_000, 1.0, narrow=True) == "500 MB/s  0:02 left"


def test_a_pipe_has_no_time_left() -> None:
    assert describe(2_000_000, None, 3000, 2.0) == "2.0 MB read  1.0 MB/s  1.5 kpkt/s"


def test_nothing_read_yet_has_no_time_left() -> None:
    assert describe(0, 1000, 0, 0.0) == "0 B/s  0 pkt/s"


class Terminal:
    """A pseudo-terminal; ``text()`` is all that was written to it once its writers have closed it."""

    def __init__(self) -> None:
        self._ours, self.theirs = pty.openpty()
        self._read: list[bytes] = []
        self._reader = Thread(target=self._drain, daemon=True)
        self._reader.start()

    def _drain(self) -> None:
        while True:
            try:
                data = os.read(self._ours, 65536)
            except OSError:
                # How Linux says that the last writer has closed.
                return
            if not data:
                return
            self._read.append(data)

    def text(self) -> str:
        os.close(self.theirs)
        self._reader.join(timeout=10)
        os.close(self._ours)
        return b"".join(self._read).decode()


@pytest.mark.parametrize(("total", "expected"), [(1000, "50%"), (None, "read")], ids=["file", "pipe"])
def test_the_bar_is_drawn_after_its_patience_and_taken_away(
    total: int | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    with open(terminal.theirs, "w", closefd=False) as stream:
        assert shows_progress(stream)
        with ProgressBar(stream, patience_s=0.05) as progress:
            progress(100, total, 1)
            quiet = not terminal._read
            time.sleep(0.06)
            progress(500, total, 5)
    text = terminal.text()
    assert quiet
    assert expected in text
    # The line is erased and the cursor shown again.
    assert "\x1b[2K" in text and "\x1b[?25h" in text


@pytest.mark.parametrize("term", ["dumb", "unknown", ""])
def test_a_terminal_that_can_not_redraw_gets_no_bar(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    terminal = Terminal()
    with open(terminal.theirs, "w", closefd=False) as stream:
        assert not shows_progress(stream)
    terminal.text()


def slowly_on_standard_input(content: bytes, stderr: int, tmp_path: Path, **variables: str) -> bytes:
    """Feeds a long capture over 2 s to ``tcptrace-py analyze -``; gives what a pipe got."""
    records = content[GLOBAL_HEADER_BYTES:]
    piece = records * (600_000 // len(records))
    running = subprocess.Popen(
        [*COMMAND, "analyze", "-", "--json", "report.json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(ROOT), **variables),
    )
    try:
        assert running.stdin is not None
        running.stdin.write(content)
        for _ in range(8):
            running.stdin.write(piece)
            running.stdin.flush()
            time.sleep(0.25)
        _, said = running.communicate(timeout=60)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 0
    return said or b""


WROTE = b"tcptrace-py: wrote report.json\n"


def test_a_slow_capture_shows_its_progress_on_a_terminal(tmp_path: Path, handshake_pcap: bytes) -> None:
    terminal = Terminal()
    slowly_on_standard_input(handshake_pcap, terminal.theirs, tmp_path, TERM="xterm", NO_COLOR="1")
    text = terminal.text()
    assert "reading" in text and "pkt/s" in text
    # NO_COLOR: the cursor moves, but nothing is coloured.
    assert not any(f"\x1b[{colour}" in text for colour in ("3", "9", "1;3", "38"))


def test_a_slow_capture_is_quiet_without_a_terminal(tmp_path: Path, handshake_pcap: bytes) -> None:
    said = slowly_on_standard_input(handshake_pcap, subprocess.PIPE, tmp_path, TERM="xterm")
    # The same frames over and over: that is told, once.
    lines = [line for line in said.splitlines(keepends=True) if b"captured twice" not in line]
    assert lines == [WROTE] and said.count(b"\n") <= 2


def test_a_quick_capture_shows_no_bar(run_cli: RunCli, tmp_path: Path, handshake_pcap: bytes) -> None:
    terminal = Terminal()
    (tmp_path / "x.pcap").write_bytes(handshake_pcap)
    subprocess.run(
        [*COMMAND, "analyze", "x.pcap", "--json", "report.json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=terminal.theirs,
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(ROOT), TERM="xterm"),
        check=True,
        timeout=60,
    )
    assert terminal.text().encode().replace(b"\r", b"") == WROTE
