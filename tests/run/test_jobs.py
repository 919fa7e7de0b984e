"""``--jobs``: several processes, the same bytes, and nobody left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tcptrace_py.run.cores import cores
from tests.conftest import COMMAND, ROOT, RunCli, environment

# Once: that parts are what the whole is, tests.run.test_parts says of either engine.
pytestmark = pytest.mark.slow

SICK = ROOT / "sample_pcaps" / "sick_service.pcap"
PORTS = ROOT / "sample_pcaps" / "time_wait_pile.pcap"


@pytest.mark.parametrize("jobs", ["2", "3", "7"])
@pytest.mark.parametrize("extra", [[], ["--stats"], ["--no-connections"], ["--filter", "tcp port 8080"]])
def test_the_same_bytes(run_cli: RunCli, jobs: str, extra: list[str]) -> None:
    for captures in ([SICK], sorted((ROOT / "sample_pcaps").glob("re*.pcap"))):
        one = run_cli("analyze", *captures, *extra, "--jobs", "1", "--json", "-")
        several = run_cli("analyze", *captures, *extra, "--jobs", jobs, "--json", "-")
        assert one.returncode == several.returncode == 0
        assert several.stderr == one.stderr
        assert several.stdout == one.stdout


def test_a_damaged_file_is_told_once(run_cli: RunCli, tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(SICK.read_bytes()[:-7])
    one = run_cli("analyze", cut, "missing.pcap", "--jobs", "1", "--json", "-")
    two = run_cli("analyze", cut, "missing.pcap", "--jobs", "2", "--json", "-")
    assert one.returncode == two.returncode == 3
    assert two.stderr == one.stderr
    assert two.stdout == one.stdout


def test_a_pipe_takes_one(run_cli: RunCli) -> None:
    piped = run_cli("analyze", "-", "--jobs", "2", "--json", "-", stdin=SICK.read_bytes())
    assert piped.returncode == 0
    assert b'"connections": ' in piped.stdout or b'"connections":' in piped.stdout


def test_formats_of_finished_connections_take_one(run_cli: RunCli, tmp_path: Path) -> None:
    one = run_cli("analyze", SICK, "--ndjson", "-", "--jobs", "1")
    two = run_cli("analyze", SICK, "--ndjson", "-", "--jobs", "2")
    assert (one.returncode, one.stdout) == (two.returncode, two.stdout)


def _long_run(tmp_path: Path) -> subprocess.Popen[bytes]:
    """Jobs that take a while: one capture, named many times."""
    return subprocess.Popen(
        [*COMMAND, "analyze", *[str(PORTS)] * 150, "--jobs", "2", "--json", str(tmp_path / "report.json")],
        env=environment(PYTHONPATH=str(ROOT)),
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(each) for each in text.split()]


def _child_of(process: subprocess.Popen[bytes]) -> int:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        children = _children(process.pid)
        if children:
            return children[0]
        assert process.poll() is None, process.stderr.read() if process.stderr else b""
        time.sleep(0.01)
    raise AssertionError("no second process")


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@linux
def test_a_job_that_is_killed_is_told_in_one_line(tmp_path: Path) -> None:
    process = _long_run(tmp_path)
    os.kill(_child_of(process), signal.SIGKILL)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 3
    assert told.count(b"\n") == 1
    assert b"a process of --jobs ended before its part was done (killed by SIGKILL)" in told
    assert not list(tmp_path.iterdir())


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_gives_the_report_of_what_all_have_read(
    number: signal.Signals, tmp_path: Path
) -> None:
    """Ctrl-C; and `timeout`, which sends SIGTERM to its group."""
    process = _long_run(tmp_path)
    child = _child_of(process)
    time.sleep(0.3)
    os.killpg(process.pid, number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 3, told
    assert told.count(b"interrupted: the capture ends here; the rest was not read") == 1
    assert b"has changed" not in told, "all have stopped after the same frame"
    assert not Path(f"/proc/{child}").exists()
    report = json.loads(tmp_path.joinpath("report.json").read_bytes())
    assert not report["capture"]["complete"]
    assert report["capture"]["packets"] > 0


def test_cores_are_those_that_we_may_use() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)
