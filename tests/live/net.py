"""Two hosts and a router between them, in network namespaces with veth pairs; traffic for them.

::

    client (cl0) ---- (r0) router (r1) ---- (sv0) server
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.conftest import COMMAND, ROOT, environment

_SOL_PACKET = 263
_PACKET_QDISC_BYPASS = 20
_NAMED = "tcptrace-test"

CLIENT = "10.77.1.1"
SERVER = "10.77.2.1"


def missing() -> str:
    """Why there can be no live tests here, or the empty string."""
    if os.geteuid() != 0:
        return "live capture in namespaces needs root"
    if shutil.which("ip") is None:
        return "live capture in namespaces needs ip (iproute2)"
    try:
        name = new_namespace("probe")
    except NamespaceError:
        return "live capture in namespaces needs the right to make them"
    made = subprocess.run(
        ["ip", "-n", name, "link", "add", "p0", "type", "veth", "peer", "name", "p1"], capture_output=True
    )
    remove_namespace(name)
    return "live capture in namespaces needs veth interfaces" if made.returncode else ""


class NamespaceError(RuntimeError):
    """``ip`` did not make what it was asked for."""


def new_namespace(end: str) -> str:
    """A new network namespace; its name is of this process and ``end``.

    A test run that was killed leaves its own behind: the next run removes them.
    """
    _remove_orphans()
    name = f"{_NAMED}-{os.getpid()}-{end}"
    _ip("netns", "add", name)
    return name


def remove_namespace(name: str) -> None:
    subprocess.run(["ip", "netns", "del", name], capture_output=True)


@cache
def _remove_orphans() -> None:
    """Namespaces of processes that are gone (or had this one's number), with all that runs in them."""
    for name in orphans(_names(), os.getpid()):
        listed = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True)
        for pid in listed.stdout.split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        remove_namespace(name)


def _names() -> list[str]:
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True)
    return [line.split()[0] for line in listed.stdout.splitlines() if line.strip()]


def orphans(names: Iterable[str], me: int) -> list[str]:
    """Which of these namespaces ``new_namespace`` made in a process that is gone."""
    made = [(name, found[1]) for name in names if (found := re.fullmatch(rf"{_NAMED}-(\d+)-\w+", name))]
    return [name for name, pid in made if int(pid) == me or not Path(f"/proc/{pid}").exists()]


class Net:
    """``client``, ``router`` and ``server`` are names of namespaces."""

    def __init__(self) -> None:
        self.client, self.router, self.server = map(new_namespace, ("client", "router", "server"))
        for name in (self.client, self.router, self.server):
            _ip("-n", name, "link", "set", "lo", "up")
        self._pair(self.client, "cl0", f"{CLIENT}/24", "r0", "10.77.1.2/24")
        self._pair(self.server, "sv0", f"{SERVER}/24", "r1", "10.77.2.2/24")
        _ip("-n", self.client, "route", "add", "default", "via", "10.77.1.2")
        _ip("-n", self.server, "route", "add", "default", "via", "10.77.2.2")
        _ip("-n", self.router, "route", "add", "unreachable", "10.99.0.0/16")
        self.check(self.router, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")

    def _pair(self, name: str, link: str, address: str, router_link: str, router_address: str) -> None:
        _ip(
            *("link", "add", link, "netns", name, "type", "veth"),
            *("peer", "name", router_link, "netns", self.router),
        )
        _ip("-n", name, "addr", "add", address, "dev", link)
        _ip("-n", self.router, "addr", "add", router_address, "dev", router_link)
        _ip("-n", name, "link", "set", link, "up")
        _ip("-n", self.router, "link", "set", router_link, "up")

    def close(self) -> None:
        for name in (self.client, self.router, self.server):
            remove_namespace(name)

    def check(self, name: str, *command: str) -> str:
        return subprocess.run(
            ["ip", "netns", "exec", name, *command], check=True, capture_output=True, text=True
        ).stdout

    def python(self, name: str, code: str, *arguments: str) -> subprocess.Popen[str]:
        """Run Python code in a namespace; it talks by lines on its standard input and output."""
        return subprocess.Popen(
            ["ip", "netns", "exec", name, sys.executable, "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment(PYTHONPATH=str(ROOT)),
        )


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise NamespaceError(f"ip {' '.join(arguments)}: {done.stderr}")


class Live:
    """A running ``tcptrace-py live`` (or another command) in a namespace."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, told: socket.socket) -> None:
        self.process = process
        self.json = folder / "report.json"
        self._told = told

    def wait_until_open(self) -> None:
        """Return when it says that it captures, as it tells systemd: filter and handlers are set by then."""
        self._told.settimeout(0.1)
        until = time.monotonic() + 100
        while time.monotonic() < until:
            try:
                if b"READY=1" in self._told.recv(4096):
                    return
            except TimeoutError:
                if self.process.poll() is not None:
                    raise AssertionError(f"it ended at once: {self.process.communicate()}") from None
        raise AssertionError("it never opened the interface")

    def end(self, number: int = signal.SIGTERM) -> tuple[int, bytes, bytes]:
        if self.process.poll() is None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err

    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.json.read_text())
        return report


@contextmanager
def live(name: str | None, folder: Path, *arguments: str, **options: Any) -> Iterator[Live]:
    """``tcptrace-py live`` with these arguments in a namespace (None: this one); killed at the end."""
    prefix = ["ip", "netns", "exec", name] if name else []
    # A short path: that of a socket has no room for more.
    with TemporaryDirectory() as short, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(f"{short}/notify")
        process = subprocess.Popen(
            [*prefix, *COMMAND, "live", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=options.get("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE,
            cwd=folder,
            env=environment(PYTHONPATH=str(ROOT), NOTIFY_SOCKET=f"{short}/notify"),
        )
        running = Live(process, folder, told)
        try:
            running.wait_until_open()
            yield running
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


@contextmanager
def running(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Killed at the end."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


#: A server that never closes: argv address, port; a line on its input ends it.
LEAKING_SERVER = """
import socket, sys, threading
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=128)
held = []
def accept():
    while True:
        held.append(listener.accept()[0])
threading.Thread(target=accept, daemon=True).start()
print(listener.getsockname()[1], flush=True)
sys.stdin.readline()
"""

#: Its clients: argv address, port, how many.
CLIENTS = """
import socket, sys, time
for _ in range(int(sys.argv[3])):
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10) as connection:
        connection.sendall(b"request" * 100)
print("done", flush=True)
"""

#: A server that reads to the end and closes after its client.
CLOSING_SERVER = """
import socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=128)
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    while connection.recv(65536):
        pass
    connection.close()
"""


@contextmanager
def serving(net: Net, name: str, code: str, address: str, port: int = 0) -> Iterator[int]:
    """A server in a namespace; its port."""
    process = net.python(name, code, address, str(port))
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def flood(interface: str, count: int, per_s: float | None = None) -> float:
    """Send ``count`` TCP segments of 54 bytes into an interface; how many seconds it took."""
    libc = ctypes.CDLL(None, use_errno=True)
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind((interface, 0))
    raw.setsockopt(_SOL_PACKET, _PACKET_QDISC_BYPASS, 1)
    together = 64
    frames = [_frame(number) for number in range(2048)]
    buffers = [ctypes.create_string_buffer(frame, len(frame)) for frame in frames]
    messages, _vectors = messages_of([(ctypes.addressof(each), len(each)) for each in buffers])
    began = time.monotonic()
    sent = 0
    while sent < count:
        if per_s is not None and sent > (time.monotonic() - began) * per_s:
            time.sleep(0.0002)
            continue
        at = sent % len(frames)
        burst = min(together, count - sent, len(frames) - at)
        done = libc.sendmmsg(raw.fileno(), ctypes.byref(messages[at]), burst, 0)
        if done > 0:
            sent += done
        else:
            # The queue of the interface is full for a moment.
            time.sleep(0.0001)
    raw.close()
    return time.monotonic() - began


class _IoVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class _MMsgHdr(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("sent", ctypes.c_uint),
    ]


def messages_of(frames: Sequence[tuple[int, int]]) -> tuple[ctypes.Array[_MMsgHdr], ctypes.Array[_IoVec]]:
    """What sendmmsg(2) takes, of frames by address and length, and the vectors, which must live as long."""
    vectors = (_IoVec * len(frames))()
    messages = (_MMsgHdr * len(frames))()
    for number, (base, length) in enumerate(frames):
        vectors[number].base = base
        vectors[number].length = length
        messages[number].vectors = ctypes.addressof(vectors[number])
        messages[number].vector_count = 1
    return messages, vectors


def _frame(number: int, tags: bytes = b"", flags: int = 0x10) -> bytes:
    tcp = struct.pack("!HHIIBBHHH", 1024 + number, 9, 1, 1, 5 << 4, flags, 65535, 0, 0)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, number + 1, 0, 64, 6, 0)
    ethernet = b"\xff" * 6 + b"\x02\0\0\0\0\x01" + tags + b"\x08\0"
    return ethernet + ip + b"\x0a\x4d\x01\x01\x0a\x4d\x01\x02" + tcp


def send_syns(interface: str, *tags: bytes) -> None:
    """A SYN for each of ``tags``, the VLAN tags that it has; each from a port of its own, from 1024 on."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((interface, 0))
        for number, tag in enumerate(tags):
            raw.send(_frame(number, tag, 0x02))
