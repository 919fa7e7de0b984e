"""What systemd is told: ready, alive, status, stopping (sd_notify(3))."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tcptrace_py.run.live import Watch
from tcptrace_py.run.service import Service, under_systemd
from tests.conftest import RunCli, untried
from tests.live.net import missing


def _watch() -> Watch:
    capture = SimpleNamespace(packets=1234, path="eth0")
    tracker = SimpleNamespace(known=1)
    return cast("Watch", SimpleNamespace(capture=capture, tracker=tracker))


@pytest.mark.parametrize("abstract", [False, True])
def test_ready_once_and_alive_again_and_again(tmp_path: Path, abstract: bool) -> None:
    name = f"@tcptrace-py-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name[1:] if abstract else name)
        listener.settimeout(60)
        service = Service(name, 20.0)
        service.look(_watch())
        service.look(_watch())
        service.stopping()
        told = [listener.recv(4096).decode().splitlines() for _ in range(3)]
    status = "STATUS=capturing on eth0: 1,234 packets, 1 connection known"
    assert told == [["READY=1", "WATCHDOG=1", status], ["WATCHDOG=1", status], ["STOPPING=1"]]
    assert service.period_s == 10.0


def test_nobody_listens_any_more(tmp_path: Path) -> None:
    Service(str(tmp_path / "gone"), None).look(_watch())


@pytest.mark.parametrize(
    ("variables", "period_s"),
    [
        ({}, None),
        ({"NOTIFY_SOCKET": "relative"}, None),
        ({"NOTIFY_SOCKET": "/run/x"}, 10.0),
        ({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "6000000"}, 3.0),
        ({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "6000000", "WATCHDOG_PID": "1"}, 10.0),
        ({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "soon"}, 10.0),
    ],
)
def test_whom_to_tell(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], period_s: float | None
) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    service = under_systemd()
    assert (None if service is None else service.period_s) == period_s


def test_live_tells_it(run_cli: RunCli, tmp_path: Path) -> None:
    why = missing()
    if why:
        untried(why)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        variables: dict[str, Any] = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        done = run_cli("live", "-i", "lo", "--quiet", "--duration", "1s", **variables)
        assert done.returncode == 0
        listener.settimeout(60)
        assert listener.recv(4096).startswith(b"READY=1\n")
        while (told := listener.recv(4096)) != b"STOPPING=1":
            assert told.startswith(b"WATCHDOG=1")
