"""``tcptrace-py exec``: around a command, in a namespace of its own."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tcptrace_py.cli import main
from tcptrace_py.findings import at_exit
from tcptrace_py.kernel.reader import KernelReader
from tcptrace_py.run import host
from tests.conftest import COMMAND, ROOT, RunCli, environment
from tests.live.net import Net
from tests.live.test_surroundings import Silent

_LEAK = """
import socket, time
listener = socket.create_server(("127.0.0.1", 0))
held = []
for _ in range(3):
    with socket.create_connection(listener.getsockname()) as client:
        held.append(listener.accept()[0])
time.sleep({seconds})
print("tests passed")
"""
_CLOSE = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
for _ in range(3):
    with socket.create_connection(listener.getsockname()) as client:
        listener.accept()[0].close()
"""


@pytest.fixture
def prefix(net: Net) -> tuple[str, ...]:
    return ("ip", "netns", "exec", net.client)


def test_a_leak_fails_the_run(run_cli: RunCli, prefix: tuple[str, ...], tmp_path: Path) -> None:
    done = run_cli(
        *("exec", "-i", "lo", "--fail-on", "stuck-close-wait", "--close-wait-after", "0.5s"),
        *("--settle", "0.2s", "--json", "report.json", "--", sys.executable, "-c", _LEAK.format(seconds=1.2)),
        prefix=prefix,
    )
    assert done.returncode == 1
    assert done.stdout == b"tests passed\n"
    assert b"gate failed: stuck-close-wait: 3 connections" in done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["summary"]["close_wait"]["stuck"] == 3
    # Nobody closed them: the kernel did, when the process was gone.
    (leak,) = (each for each in report["findings"] if each["kind"] == "stuck-close-wait")
    assert leak["severity"] == "critical"
    assert "Closed only when the command exited: a leak." in leak["explanation"]
    assert "late" not in leak["explanation"]
    assert len(report["connections"]) == 3


def test_a_clean_run_passes(run_cli: RunCli, prefix: tuple[str, ...]) -> None:
    done = run_cli(
        *("exec", "-i", "lo", "--fail-on", "warning", "--settle", "0.2s"),
        *("--", sys.executable, "-c", _CLOSE),
        prefix=prefix,
    )
    assert done.returncode == 0
    # The report is beside the command's output.
    assert done.stdout == b""
    assert b"3 connections" in done.stderr


@pytest.mark.parametrize(
    ("script", "status"), [("exit 7", 7), ("kill -9 $$", 137), ("exit 0", 0), ("exit 1", 1)]
)
def test_the_status_of_the_command(
    run_cli: RunCli, prefix: tuple[str, ...], script: str, status: int
) -> None:
    done = run_cli("exec", "-i", "lo", "--settle", "0", "--", "sh", "-c", script, prefix=prefix)
    assert done.returncode == status


def test_no_such_command(run_cli: RunCli, prefix: tuple[str, ...], tmp_path: Path) -> None:
    done = run_cli("exec", "-i", "lo", "--", "no-such-command", prefix=prefix)
    assert done.returncode == 127
    assert done.stderr == b"tcptrace-py: no-such-command: no such file or directory\n"
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    assert run_cli("exec", "-i", "lo", "--", str(script), prefix=prefix).returncode == 126


def test_input_and_options_are_the_commands(run_cli: RunCli, prefix: tuple[str, ...]) -> None:
    done = run_cli("exec", "-i", "lo", "--settle", "0", "--", "cat", "-n", prefix=prefix, stdin=b"a line\n")
    assert (done.returncode, done.stdout.strip()) == (0, b"1\ta line")


def test_signals_reach_the_command(prefix: tuple[str, ...], tmp_path: Path) -> None:
    script = "trap 'echo got it; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    process = subprocess.Popen(
        [*prefix, *COMMAND, "exec", "-i", "lo", "--settle", "0", "--", "sh", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(ROOT)),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    out, _err = process.communicate(timeout=30)
    assert (process.returncode, out) == (5, b"got it\n")


class NeverAnswers(KernelReader):
    """A kernel that is slower than anybody waits for; when it was asked, in ns since the epoch."""

    def __init__(self) -> None:
        self.asked_ns: list[int] = []
        self._never, self._other_end = os.pipe()

    def fileno(self) -> int:
        return self._never

    def ask(self, inodes: Sequence[int]) -> None:
        self.asked_ns.append(time.time_ns())

    def close(self) -> None:
        os.close(self._never)
        os.close(self._other_end)


def test_the_exit_is_timed_before_the_last_look_at_a_slow_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for the kernel comes after the exit, however long it takes: it must not move that."""
    reader = NeverAnswers()
    exits_ns: list[int] = []

    @contextlib.contextmanager
    def host_view(_options: object) -> Iterator[host.HostView]:
        view = host.HostView(reader)
        yield view
        view.close()

    # The package has the command by its module's name.
    command = importlib.import_module("tcptrace_py.cli.exec")
    monkeypatch.setattr(command, "open_capture", lambda _options, _outputs: Silent())
    monkeypatch.setattr(command, "host_view", host_view)
    monkeypatch.setattr(at_exit, "mark_closed_by_exit", lambda _findings, at_ns: exits_ns.append(at_ns))
    # It is asked as the capture starts, and when the command has ended.
    monkeypatch.setattr(host, "_LOOK_S", 3600.0)
    monkeypatch.setattr(host, "_PATIENCE_S", 0.05)
    assert main(["exec", "-i", "silent0", "--settle", "0", "--quiet", "--", "true"]) == 0
    (exit_ns,) = exits_ns
    at_start_ns, last_look_ns = reader.asked_ns[:2]
    assert at_start_ns < exit_ns <= last_look_ns
