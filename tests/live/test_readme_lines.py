"""The README's lines for live capture, typed as they stand, all at once on a host where a service leaks.

The host is a namespace with an ``eth0``. What they need of the world stands there: a collector, a syslog, a
project whose policy is impatient, a ``sudo`` that knows where the program is; in place of ssh runs what sshd
would run at the other end.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import click
import pytest

from tcptrace_py import analyze
from tcptrace_py.cli.exec import exec as exec_command
from tcptrace_py.cli.live import live as live_command
from tests.conftest import ROOT, environment, untried
from tests.live.net import CLIENTS, LEAKING_SERVER, missing, new_namespace, remove_namespace, running

LINES = re.findall(
    r"^\$ ((?:sudo )?tcptrace-py (?:live|exec) .*)$", (ROOT / "README.md").read_text(), re.MULTILINE
)
NEEDED = ("sudo", "jq", "logger", "tcpdump", "unshare", "mount", "ip")
HERE, PEER = "10.78.0.1", "10.78.0.2"
#: How long a line may take to do what it is for, on a busy machine.
_PATIENCE_S = 100
_LEAKS = 3

#: What logger marks its lines with.
_TAG = " tcptrace-py: "
# A mount namespace for each line: its own /var/tmp, a syslog, and who may sudo. The rest is the host's.
_LOGIN = """
set -e
mount --bind {folder}/var /var/tmp
mount --bind {shared}/sudoers /etc/sudoers
mkdir {folder}/dev
for each in null zero random urandom tty full; do
    touch {folder}/dev/$each; mount --bind /dev/$each {folder}/dev/$each
done
mkdir {folder}/dev/pts; mount --bind /dev/pts {folder}/dev/pts
ln -s {shared}/log {folder}/dev/log
mount --rbind {folder}/dev /dev
exec sh -c {line}
"""
_TEST = """
import socket

def test_that_is_clean():
    listener = socket.create_server(("127.0.0.1", 0))
    with socket.create_connection(listener.getsockname()), listener.accept()[0]:
        pass
"""
_COLLECTOR = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        print(self.path, flush=True)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
server = HTTPServer(("localhost", 4318), Handler)
print("ready", flush=True)
server.serve_forever()
"""
_SCRAPE = """
import urllib.request
print(urllib.request.urlopen("http://localhost:9464/metrics", timeout=60).read().decode())
"""


class Host:
    """A namespace with ``eth0``, another one behind it, and a folder that all lines share."""

    def __init__(self, shared: Path) -> None:
        self.shared = shared
        self.name, self.peer = new_namespace("host"), new_namespace("peer")
        pair = ("link", "add", "eth0", "netns", self.name, "type", "veth", "peer", "name", "eth0")
        self._ip(*pair, "netns", self.peer)
        for name, address in ((self.name, HERE), (self.peer, PEER)):
            self._ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            for link in ("lo", "eth0"):
                self._ip("-n", name, "link", "set", link, "up")
        self._put_tools(shared / "bin")
        # env_keep: who waits for them to be ready is told as systemd is.
        (shared / "sudoers").write_text(
            f'Defaults secure_path="{shared}/bin:/usr/sbin:/usr/bin:/sbin:/bin"\n'
            'Defaults env_keep += "NOTIFY_SOCKET TCPTRACE_PY_PURE"\nroot ALL=(ALL:ALL) NOPASSWD: ALL\n'
        )
        (shared / "sudoers").chmod(0o440)

    @staticmethod
    def _ip(*arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True)

    @staticmethod
    def _put_tools(folder: Path) -> None:
        folder.mkdir()
        python = shlex.quote(sys.executable)
        for name, does in (
            ("tcptrace-py", f'PYTHONPATH={shlex.quote(str(ROOT))} exec {python} -m tcptrace_py "$@"'),
            ("pytest", f'exec {python} -m pytest -q -p no:cacheprovider "$@"'),
            # Whatever runs at the other end is not of this terminal.
            ("ssh", 'for last; do :; done\nexec setsid sh -c "$last"'),
        ):
            (folder / name).write_text(f"#!/bin/sh\n{does}\n")
            (folder / name).chmod(0o755)

    def python(self, name: str, code: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["ip", "netns", "exec", name, sys.executable, "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        for name in (self.name, self.peer):
            remove_namespace(name)


class Typed:
    """A line that somebody typed at a terminal."""

    def __init__(self, host: Host, line: str, folder: Path) -> None:
        self.line, self.folder = line, folder
        (folder / "var").mkdir()
        (folder / "tcptrace.toml").write_text("[thresholds]\nclose_wait_after_s = 0.5\n")
        (folder / "test_clean.py").write_text(_TEST)
        self._ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ready.bind(str(folder / "ready"))
        self.out = b""
        self._terminal, inside = pty.openpty()
        # As in a shell that a person types at: Ctrl-C is for what it runs.
        login = _LOGIN.format(folder=folder, shared=host.shared, line=shlex.quote(f"trap : INT\n{line}"))
        variables = {"PATH": f"{host.shared}/bin:{os.environ['PATH']}", "NOTIFY_SOCKET": f"{folder}/ready"}
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", host.name, "unshare", "-m", "setsid", "--ctty", "sh", "-c", login],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            cwd=folder,
            env=environment(TERM="xterm", LINES="24", COLUMNS="80", **variables),
        )
        os.close(inside)

    def read(self, timeout_s: float) -> None:
        """What it says next, or has said."""
        if select.select([self._terminal], [], [], timeout_s)[0]:
            # Once nobody has the terminal open any more.
            with suppress(OSError):
                self.out += os.read(self._terminal, 65536)

    def wait(self, what: str, done: Callable[[], bool]) -> None:
        until_s = time.monotonic() + _PATIENCE_S
        while not done():
            self.read(0.05)
            if self.process.poll() is not None or time.monotonic() > until_s:
                raise AssertionError(f"{self.line}: not {what}; it said {self.out.decode()}")

    def is_ready(self) -> bool:
        with suppress(BlockingIOError):
            while b"READY=1" not in self._ready.recv(4096, socket.MSG_DONTWAIT):
                pass
            return True
        return False

    def press(self, key: bytes) -> None:
        os.write(self._terminal, key)

    def end(self) -> int:
        until_s = time.monotonic() + _PATIENCE_S
        while self.process.poll() is None and time.monotonic() < until_s:
            self.read(0.05)
        for _ in range(16):
            self.read(0)
        return self.process.wait(timeout=1)

    def close(self) -> None:
        if self.process.poll() is None:
            # All of the line's processes.
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._terminal)
        self._ready.close()

    def plain(self) -> str:
        """What it said, without what moves a cursor."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.out.decode(errors="replace")).replace("\r", "")


class Outcome(NamedTuple):
    typed: dict[str, Typed]
    statuses: dict[str, int]
    scraped: str
    collected: list[str]
    logged: list[str]


def _number(line: str) -> str:
    """What tells a line from the others."""
    words = shlex.split(line.partition("  #")[0])
    options = [word for word in words if word.startswith("--") and word not in ("--", "--quiet")]
    return "exec" if "exec" in words else (options or ["dashboard"])[0]


@pytest.fixture(scope="module")
def outcome() -> Iterator[Outcome]:
    why = missing() or ", ".join(name for name in NEEDED if shutil.which(name) is None)
    if why:
        untried(f"the lines need more: {why}")
    for module in ("prometheus_client", "opentelemetry.sdk"):
        pytest.importorskip(module)
    with TemporaryDirectory() as short, ExitStack() as stack:
        host = Host(Path(short))
        stack.callback(host.close)
        log = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        log.bind(f"{short}/log")
        logged: list[str] = []
        # sudo waits for a syslog that does not read.
        threading.Thread(target=_read, args=(log, logged), daemon=True).start()
        stack.callback(log.shutdown, socket.SHUT_RDWR)
        collector = stack.enter_context(running(host.python(host.name, _COLLECTOR)))
        assert collector.stdout is not None and collector.stdout.readline() == "ready\n"
        leaky = stack.enter_context(running(host.python(host.name, LEAKING_SERVER, HERE, "8080")))
        assert leaky.stdout is not None and leaky.stdout.readline() == "8080\n"
        typed: dict[str, Typed] = {}
        for at, line in enumerate(LINES):
            folder = Path(short) / str(at)
            folder.mkdir()
            typed[_number(line)] = Typed(host, line, folder)
            stack.callback(typed[_number(line)].close)
        watching = {name: each for name, each in typed.items() if name != "exec"}
        for each in watching.values():
            each.wait("ready", each.is_ready)
        host.python(host.peer, CLIENTS, HERE, "8080", str(_LEAKS)).communicate(timeout=_PATIENCE_S)
        yield _ended(host, typed, watching, logged, collector)


def _read(log: socket.socket, lines: list[str]) -> None:
    while line := log.recv(65536):
        lines.append(line.decode())


def _ended(
    host: Host,
    typed: dict[str, Typed],
    watching: dict[str, Typed],
    logged: list[str],
    collector: subprocess.Popen[str],
) -> Outcome:
    """Wait for what each is for, and end it as a person does."""
    recorded = typed["--record"].folder / "var" / "tcp"
    typed["--record"].wait("recorded", lambda: any(recorded.glob("*.json")))
    scraped = ""

    def scrapes() -> bool:
        nonlocal scraped
        scraped = host.python(host.name, _SCRAPE).communicate(timeout=_PATIENCE_S)[0]
        return 'kind="stuck-close-wait"' in scraped

    def is_logged() -> bool:
        return any(_TAG in line for line in list(logged))

    typed["--metrics"].wait("scraped", scrapes)
    typed["--notify"].wait("notified", is_logged)
    typed["--events"].wait("told", lambda: b"stuck-close-wait" in typed["--events"].out)
    typed["dashboard"].wait("shown", lambda: b"stuck-close-wait" in typed["dashboard"].out)
    for name, each in watching.items():
        each.press(b"q" if name == "dashboard" else b"\x03")
    statuses = {name: each.end() for name, each in typed.items()}
    collector.kill()
    collected = collector.communicate()[0].splitlines()
    return Outcome(typed, statuses, scraped, collected, logged)


def test_there_are_the_lines() -> None:
    assert len(LINES) == len({_number(line) for line in LINES}) == 10


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_the_readme_is_right_usage(line: str) -> None:
    words = shlex.split(line.partition("  #")[0].partition(" | ")[0].removeprefix("sudo "))[1:]
    command: click.Command = {"live": live_command, "exec": exec_command}[words[0]]
    context = command.make_context(words[0], words[1:])
    given = {name for name in context.params if context.get_parameter_source(name) is not None}
    assert {"interface"} <= given
    assert (context.params["interface"] is None) == ("--remote" in words)


@pytest.mark.parametrize("line", LINES, ids=_number)
def test_a_line_does_what_it_says(line: str, outcome: Outcome) -> None:
    name = _number(line)
    typed = outcome.typed[name]
    said = typed.plain()
    assert "Traceback" not in said
    # `jq` is the last of its pipe, and Ctrl-C is for both.
    assert outcome.statuses[name] == 0 or name == "--events", said
    CHECKS[name](outcome, typed, said)


def _reports_the_leak(_outcome: Outcome, _typed: Typed, said: str) -> None:
    assert re.search(rf"CRITICAL +stuck-close-wait: (server )?{HERE}:8080, {_LEAKS} of {_LEAKS}", said), said


def _dashboard(outcome: Outcome, typed: Typed, said: str) -> None:
    assert "tcptrace-py live on eth0" in said
    _reports_the_leak(outcome, typed, said)


def _events(_outcome: Outcome, _typed: Typed, said: str) -> None:
    # What jq writes over several lines is one object each.
    assert '"event": "transition"' in said and '"event": "finding"' in said


def _json(_outcome: Outcome, typed: Typed, _said: str) -> None:
    report = json.loads((typed.folder / "report.json").read_text())
    assert report["capture"]["complete"] and report["capture"]["dropped_by_kernel"] == 0
    assert report["summary"]["close_wait"]["stuck"] == _LEAKS
    assert report["kernel"]["disagreements"] == 0


def _metrics(outcome: Outcome, typed: Typed, said: str) -> None:
    assert f'subject="server {HERE}:8080"' in outcome.scraped
    _reports_the_leak(outcome, typed, said)


def _otlp(outcome: Outcome, _typed: Typed, said: str) -> None:
    assert "/v1/metrics" in outcome.collected
    assert "otlp" not in said.lower(), said


def _record(_outcome: Outcome, typed: Typed, _said: str) -> None:
    names = {path.name.partition("Z-")[2] for path in (typed.folder / "var" / "tcp").iterdir()}
    whole = f"stuck-close-wait-{HERE}_8080"
    assert {f"{whole}.pcapng", f"{whole}.json", f"{whole}.sockets.json"} <= names


def _notify(outcome: Outcome, _typed: Typed, _said: str) -> None:
    lines = [each.partition(_TAG)[2] for each in outcome.logged if _TAG in each]
    told = json.loads("".join(lines))
    assert (told["kind"], told["subject"]["port"], told["count"]) == ("stuck-close-wait", 8080, _LEAKS)


def _write(_outcome: Outcome, typed: Typed, _said: str) -> None:
    kept = sorted(typed.folder.glob("kept*.pcap*"))
    assert kept
    assert analyze(kept[0]).summary.connections == _LEAKS


def _remote(outcome: Outcome, typed: Typed, said: str) -> None:
    _reports_the_leak(outcome, typed, said)


def _exec(_outcome: Outcome, _typed: Typed, said: str) -> None:
    assert "1 passed" in said


CHECKS: dict[str, Callable[[Outcome, Typed, str], None]] = {
    "dashboard": _dashboard,
    "--events": _events,
    "--duration": _json,
    "--metrics": _metrics,
    "--otlp": _otlp,
    "--record": _record,
    "--notify": _notify,
    "--write": _write,
    "--remote": _remote,
    "exec": _exec,
}
