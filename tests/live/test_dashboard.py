"""The dashboard: exact in size, and looked at in a real terminal."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from tcptrace_py import analyze
from tcptrace_py.cli.dashboard import key_names
from tcptrace_py.engine import PURE_VARIABLE
from tcptrace_py.report.people.dashboard import Holder, TimeWaitPile, View, lines, sparkline
from tcptrace_py.report.people.dashboard_lists import (
    CONNECTIONS,
    HELP,
    SERVICES,
    Focus,
    LiveConnection,
    LiveService,
)
from tcptrace_py.tcp.state import STATES
from tests.conftest import COMMAND, ROOT
from tests.live.net import CLIENTS, LEAKING_SERVER, SERVER, Net, serving
from tests.live.test_events import _finding


def _view() -> View:
    return View(
        interface="eth0",
        elapsed_ns=3_723_000_000_000,
        packets=12_345_678,
        packets_per_s=123_456.7,
        connections=54_321,
        alive=4_321,
        clients=[1_000] * STATES,
        servers=[2_000] * STATES,
        opened=list(range(100)),
        resets=[0, 0, 7],
        close_waits=[Holder(f"server 10.0.0.{i}:8080", 100 - i, i * 10**9) for i in range(40)],
        close_wait_after_ns=10 * 10**9,
        time_waits=[TimeWaitPile(f"2001:db8::{i}", 9_000, "[2001:db8::99]:443", 0.9) for i in range(1, 40)],
        findings=[_finding(30, port, "critical") for port in range(80, 120)],
    )


def _console(width: int, height: int) -> Console:
    return Console(file=io.StringIO(), width=width, height=height, force_terminal=True)


@pytest.mark.parametrize("view", [View("lo"), _view()], ids=["empty", "full"])
@pytest.mark.parametrize("width", [20, 40, 69, 70, 80, 200])
@pytest.mark.parametrize("height", [3, 10, 24, 50, 100])
def test_it_fits_exactly(view: View, width: int, height: int) -> None:
    drawn = lines(view, _console(width, height))
    assert len(drawn) == height
    assert all(line.cell_len <= width for line in drawn)
    assert not any("\n" in line.plain for line in drawn)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50)])
def test_all_parts_are_there(width: int, height: int) -> None:
    text = "\n".join(line.plain for line in lines(_view(), _console(width, height)))
    for part in (
        "eth0",
        "1:02:03",
        "12,345,678 packets, 123,457/s",
        "opened 99/s",
        "max 99",
        "? keys  q ends",
        "reset 7/s",
        "none dropped",
        "CLOSE_WAIT      1,000    2,000",
        "100  server 10.0.0.0:8080  oldest 0 s",
        "9,000  2001:db8::1  90.0% [2001:db8::99]:44",
        "CRITICAL  stuck-close-wait: server 10.0.0.1:80, 30 connections",
        "more",
    ):
        assert part in text


def test_states_that_nobody_is_in_fold_away_and_a_cut_shows() -> None:
    view = View("lo", clients=[0] * STATES, servers=[0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0])
    view.close_waits = [Holder("server [2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:8080", 5, 10**9)]
    text = "\n".join(line.plain for line in lines(view, _console(70, 24)))
    assert "CLOSE_WAIT          0        5" in text
    assert "ESTABLISHED" not in text and "TIME_WAIT   " not in text
    assert "5  server [2001:db8:aaaa:bbb" in text and "…" in text


def _listed(number: int, state: str = "ESTABLISHED") -> LiveConnection:
    ends = (f"10.0.0.{number}:4000", f"10.9.9.9:{8000 + number % 2}")
    return LiveConnection(number, *ends, "ESTABLISHED", state, number * 10**9, 10**6, 10 * number, 5)


def test_a_list_is_moved_through_sorted_filtered_and_looked_into() -> None:
    view = _view()
    view.live_connections = [_listed(n, "CLOSE_WAIT" if n == 7 else "ESTABLISHED") for n in range(60)]
    view.live_services = [LiveService("10.9.9.9:8000", 30, 0, 30), LiveService("10.9.9.9:8001", 30, 1, 30)]
    console, focus = _console(160, 50), Focus()

    def at() -> str:
        drawn = lines(view, console, focus)
        assert len(drawn) == 50 and all(line.cell_len <= 160 for line in drawn)
        return next((line.plain for line in drawn if str(line.style) == "reverse"), "")

    assert at() == "" and not focus.press("s")
    assert focus.press("tab") and at().startswith("  10.0.0.59:4000")
    focus.press("down"), focus.press("down"), focus.press("up")
    assert at().startswith("  10.0.0.58:4000")
    focus.press("pgdn")
    assert int(at().split(".")[3].split(":")[0]) < 55
    for _ in range(99):
        focus.press("down")
    assert at().startswith("  10.0.0.0:4000")
    for key in ("s", "s", "s"):
        focus.press(key)
    assert focus.sorted_by == "server"
    for key in ("/", *"close_w", "enter"):
        focus.press(key)
    assert at().startswith("  10.0.0.7:4000") and focus.length == 1
    assert any("holding 'close_w'" in line.plain for line in lines(view, console, focus))
    focus.press("m")
    assert at().startswith("* 10.0.0.7:4000") and focus.marked == {7}
    assert any("1 connection by server, 1 marked" in line.plain for line in lines(view, console, focus))
    focus.press("w")
    assert (focus.asked, focus.detail) == ("write", False)
    focus.press("enter")
    assert (focus.asked, focus.detail) == ("ladder", True)
    focus.ladder = [Text(f"row {n}") for n in range(100)]
    assert at() == "" and any(line.plain == "row 0" for line in lines(view, console, focus))
    focus.press("pgdn"), focus.press("down"), at()
    for _ in range(9):
        focus.press("pgdn"), at()
    assert lines(view, console, focus)[-1].plain == "row 99"
    for _ in range(2):
        focus.press("esc")
    assert at() and focus.length == 60
    focus.press("tab"), focus.press("s")
    assert at().startswith("10.9.9.9:8001")
    focus.press("esc")
    assert at() == "" and not focus.press("esc")


def test_tab_first_brings_a_list_that_a_smaller_screen_has_no_room_for() -> None:
    view, focus = _view(), Focus(shown=CONNECTIONS)
    view.live_connections = [_listed(n) for n in range(3)]
    lines(view, _console(160, 50), focus)
    lines(view, _console(100, 24), focus)
    focus.press("tab")
    assert focus.shown == CONNECTIONS
    assert any("3 connections by age" in line.plain for line in lines(view, _console(100, 24), focus))
    focus.press("tab")
    assert focus.shown == SERVICES


def test_keys_are_explained_and_what_is_shown_can_be_paused() -> None:
    focus = Focus()
    focus.press("?"), focus.press("space")
    text = "\n".join(line.plain for line in lines(_view(), _console(80, 24), focus))
    assert "PAUSED" in text and all(what in text for _, what in HELP)
    focus.press("?"), focus.press("space")
    text = "\n".join(line.plain for line in lines(_view(), _console(80, 24), focus))
    assert "PAUSED" not in text and "Tab" not in text


def test_keys_as_a_terminal_sends_them() -> None:
    sent = b"q\x1b[A\x1b[B\x1b[6~ \t\r/\x7f\x03"
    assert key_names(sent) == ["q", "up", "down", "pgdn", "space", "tab", "enter", "/", "backspace", "ctrl-c"]
    assert key_names(b"\x1b") == ["esc"] and key_names(b"\x1b[15~") == []


def test_a_drop_is_red() -> None:
    view = _view()
    view.dropped_by_kernel = 17
    drawn = lines(view, _console(80, 24))
    line = next(line for line in drawn if "DROPPED" in line.plain)
    assert "17 DROPPED by the kernel" in line.plain
    assert any("red" in str(span.style) for span in line.spans)


def test_names_can_not_move_the_cursor() -> None:
    view = View("eth\x1b[2J0", close_waits=[Holder("server \x07", 1, 0)])
    drawn = "".join(line.plain for line in lines(view, _console(120, 40)))
    assert "\x1b" not in drawn and "\x07" not in drawn


def test_sparkline() -> None:
    assert sparkline([0, 1, 50, 100], 6) == "  ▁▂▅█"
    assert sparkline([5], 0) == ""
    assert sparkline([], 3) == "   "


class _Terminal:
    def __init__(self, socket: Path, width: int, height: int, command: str) -> None:
        self._tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
        subprocess.run(
            [*self._tmux, "new-session", "-d", "-s", "d", "-x", str(width), "-y", str(height), command],
            check=True,
            env={"TERM": "xterm-256color", "PATH": "/usr/bin:/bin:/usr/sbin", "LANG": "C.UTF-8"},
        )

    def screen(self) -> str:
        shown = subprocess.run([*self._tmux, "capture-pane", "-p", "-t", "d"], capture_output=True, text=True)
        return shown.stdout

    def wait_for(self, text: str, seconds: float = 20) -> str:
        until = time.monotonic() + seconds
        while text not in (shown := self.screen()):
            assert time.monotonic() < until, shown
            time.sleep(0.05)
        return shown

    def key(self, key: str) -> None:
        subprocess.run([*self._tmux, "send-keys", "-t", "d", key], check=True)

    def resize(self, width: int, height: int) -> None:
        subprocess.run(
            [*self._tmux, "resize-window", "-t", "d", "-x", str(width), "-y", str(height)], check=True
        )

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True)


def _live(net: Net, folder: Path, *options: str) -> str:
    command = shlex.join(["ip", "netns", "exec", net.router, *COMMAND, "live", "-i", "r0", *options])
    # The engine of this run.
    variables = f"PYTHONPATH={shlex.quote(str(ROOT))} {PURE_VARIABLE}={os.environ.get(PURE_VARIABLE, '')}"
    return f"export {variables}; cd {shlex.quote(str(folder))}; {command}; echo status $?; sleep 60"


@pytest.fixture
def terminal(net: Net, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[_Terminal]:
    if shutil.which("tmux") is None:
        pytest.skip("needs tmux")
    width, height = request.param
    made = _Terminal(tmp_path / "tmux", width, height, _live(net, tmp_path, "--close-wait-after", "1s"))
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("terminal", [(80, 24), (200, 50)], indirect=True, ids=["80x24", "200x50"])
@pytest.mark.parametrize("key", ["q", "C-c"])
def test_in_a_terminal(net: Net, terminal: _Terminal, key: str, tmp_path: Path) -> None:
    shown = terminal.wait_for("no findings so far")
    assert shown.startswith("tcptrace-py live on r0")
    assert "no connection is alive" in shown and "LAST_ACK" not in shown
    assert "0 packets" in shown
    with serving(net, net.server, LEAKING_SERVER, SERVER) as port:
        assert net.python(net.client, CLIENTS, SERVER, str(port), "12").wait(30) == 0
        shown = terminal.wait_for(f"stuck-close-wait: server {SERVER}:{port}, 12 connections")
        assert f"    12  server {SERVER}:{port}  oldest " in shown
        assert "CLOSE_WAIT          0       12" in shown
        terminal.resize(100, 30)
        time.sleep(0.6)
        resized = terminal.screen()
        assert resized.startswith("tcptrace-py live on r0")
        # One of them as a ladder, its packets as a pcap.
        for each in ("Tab", "Enter") if "client state" not in resized else ("Enter",):
            terminal.key(each)
            time.sleep(0.3)
        assert "SYN_RCVD" in terminal.wait_for("Connection ")
        terminal.key("w")
        told = re.search(r"wrote (\S+): \d+ packets of 1 connection\n", terminal.wait_for("wrote "))
        assert told is not None
        assert len(analyze(tmp_path / told[1]).connections) == 1
        # Back to the list, and where Tab had fetched that, to the overview.
        for _ in range(1 + ("client state" not in resized)):
            terminal.key("Escape")
            time.sleep(0.3)
        resized = terminal.wait_for("CLOSE_WAIT held by")
        assert resized.count("CLOSE_WAIT held by") == 1
        terminal.key(key)
        shown = terminal.wait_for("status 0")
    # The screen is the shell's again, with the report on it.
    assert "tcptrace-py live on" not in shown
    assert "Services" in shown


def test_a_terminal_that_is_closed_leaves_the_report(net: Net, tmp_path: Path) -> None:
    if shutil.which("tmux") is None:
        pytest.skip("needs tmux")
    terminal = _Terminal(tmp_path / "tmux", 80, 24, _live(net, tmp_path, "--json", "report.json"))
    try:
        terminal.wait_for("tcptrace-py live on r0")
    finally:
        terminal.close()
    until = time.monotonic() + 20
    while not (tmp_path / "report.json").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
