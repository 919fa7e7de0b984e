"""Live capture on another host: tcpdump runs there by ssh, its packets are read here.

Nothing is installed there, and nothing of what the user writes reaches a shell unquoted: names are checked
against a strict pattern, the filter is one quoted word, and ssh's own options end before the host's name.
"""

from __future__ import annotations

import os
import re
import select
import shlex
import signal
import subprocess
import time
from contextlib import suppress
from typing import NamedTuple

from tcptrace_py.capture.batch import BATCH_FRAMES
from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.live import SNAP_BYTES, capture_filters
from tcptrace_py.capture.pcap import MAGICS, PcapReader

_TARGET = re.compile(
    r"ssh://(?:(?P<user>[A-Za-z_][A-Za-z0-9_.-]{0,63})@)?"
    r"(?P<host>[A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::(?P<port>[0-9]{1,5}))?/(?P<interface>[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,14})",
    re.ASCII,
)
# Logging in may take a while: a password, a slow name server.
_OPEN_S = 60.0
_CLOSE_S = 5.0
_PIPE_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031
_SAID_BYTES = 4096

# Run by the POSIX shell there. $1: the interface, $2: bytes of each packet, $3: KiB of the kernel's buffer,
# $4: the filter, $5: whether to look for it behind VLAN tags too, where the interface knows of such. What ssh
# itself sends is left out, or each packet would make more of them; that is said anew behind each tag, since
# after `vlan` all of an expression looks there. When the connection closes, so does the standard input.
_SCRIPT = """
own=''
if [ -n "$SSH_CONNECTION" ]; then
  there=${SSH_CONNECTION%% *}; rest=${SSH_CONNECTION#* }; port=${rest%% *}
  own="not (host ${there%%\\%*} and tcp port $port) and "
fi
wanted="$own($4)"
if [ "$5" = tagged ]; then
  tagged="($wanted) or (vlan and (($wanted) or (vlan and ($wanted))))"
  TCPDUMP -i "$1" -d -- "$tagged" >/dev/null 2>&1 && wanted=$tagged
fi
exec 3<&0
TCPDUMP -i "$1" -n -s "$2" -B "$3" -U --immediate-mode -w - -- "$wanted" </dev/null &
capture=$!
{ cat <&3; kill "$capture"; } >/dev/null 2>&1 &
exec 3<&-
wait "$capture"
"""


class Remote(NamedTuple):
    """What ``ssh://[user@]host[:port]/interface`` names."""

    user: str | None
    host: str
    port: int | None
    interface: str

    def __str__(self) -> str:
        user = "" if self.user is None else f"{self.user}@"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"ssh://{user}{host}{port}/{self.interface}"


def parse_remote(text: str) -> Remote:
    """Raises ``ValueError`` for what is not exactly of that form."""
    match = _TARGET.fullmatch(text)
    port = None if match is None or match["port"] is None else int(match["port"])
    if match is None or (port is not None and not 0 < port < 65536):
        raise ValueError(f"{text!r} is no address of an interface: write ssh://user@host:22/eth0")
    return Remote(match["user"], match["host"].strip("[]"), port, match["interface"])


def remote_command(
    remote: Remote, expression: str | None, snap_bytes: int, buffer_bytes: int, tcpdump: str
) -> str:
    """What the login shell there is given: one command line, each word of which is quoted."""
    program = shlex.join(shlex.split(tcpdump))
    filters = capture_filters(expression)
    tagged = "tagged" if len(filters) > 1 else ""
    words = [remote.interface, str(snap_bytes), str(max(1, buffer_bytes >> 10)), filters[-1], tagged]
    return shlex.join(["sh", "-c", _SCRIPT.replace("TCPDUMP", program), "tcptrace-py", *words])


def ssh_command(remote: Remote, command: str, interactive: bool) -> list[str]:
    words = ["ssh", "-T", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3"]
    if not interactive:
        # Nobody is there to be asked for a password.
        words += ["-o", "BatchMode=yes"]
    if remote.port is not None:
        words += ["-p", str(remote.port)]
    if remote.user is not None:
        words += ["-l", remote.user]
    return [*words, "--", remote.host, command]


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Pipe:
    """A `chunk.Stream` that raises ``BlockingIOError`` while nothing has come."""

    compression = None
    size_bytes = None

    def __init__(self, descriptor: int, name: str) -> None:
        self.path = self.name = name
        self.consumed_bytes = 0
        self._descriptor = descriptor

    def readinto(self, target: memoryview) -> int:
        got = os.readv(self._descriptor, [target])
        self.consumed_bytes += got
        return got

    def close(self) -> None:
        """The process closes it."""


class RemoteCapture:
    """What a `Watch` wants of a `LiveCapture`, from another host.

    The constructor raises ``CaptureError`` with one line that says why it can not be. ``dropped_by_kernel``
    is known once the capture is closed: tcpdump says it at its end.
    """

    format = "live"
    is_remote = True

    def __init__(
        self,
        remote: Remote,
        *,
        expression: str | None = None,
        snap_bytes: int = SNAP_BYTES,
        buffer_bytes: int = 32 << 20,
        tcpdump: str = "tcpdump",
        interactive: bool = False,
        patience_s: float = _OPEN_S,
    ) -> None:
        self.path = str(remote)
        self.expression = expression
        self.snap_bytes = snap_bytes
        self.packets = 0
        self.problem: str | None = None
        self.down = False
        self.downs = 0
        self.dropped_by_kernel = 0
        self._said = b""
        self._last: tuple[int, int] | None = None
        command = remote_command(remote, expression, snap_bytes, buffer_bytes, tcpdump)
        try:
            self._process = subprocess.Popen(
                ssh_command(remote, command, interactive),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # Ctrl-C is for us: what has passed is still to come. (ssh leaves a signal ignored that was.)
                preexec_fn=_ignore_interrupts,
            )
        except OSError as error:
            raise CaptureError(f"{self.path}: ssh: {error.strerror}") from error
        assert self._process.stdout is not None and self._process.stderr is not None
        self.descriptor = self._process.stdout.fileno()
        self._errors = self._process.stderr.fileno()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._errors, False)
        with suppress(OSError, ImportError):
            import fcntl

            fcntl.fcntl(self.descriptor, _F_SETPIPE_SZ, _PIPE_BYTES)
        try:
            self._reader = PcapReader(_Pipe(self.descriptor, self.path), self._head(patience_s))
        except BaseException:
            self._process.kill()
            self._process.communicate()
            raise
        self.batch = self._reader.batch
        self.link_type = int(self.batch.link_type[0])
        self.link_types = self._reader.link_types

    def _head(self, patience_s: float) -> bytes:
        """The file header; tcpdump writes it when it captures."""
        until_s = time.monotonic() + patience_s
        head = b""
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        while len(head) < 24:
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                raise CaptureError(f"{self.path}: no answer in {patience_s:g} s{self._why()}")
            if not poll.poll(left_s * 1000):
                continue
            piece = os.read(self.descriptor, 24 - len(head))
            if not piece:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(_CLOSE_S)
                raise CaptureError(f"{self.path}: the capture did not begin{self._why()}")
            head += piece
        if head[:4] not in MAGICS:
            raise CaptureError(
                f"{self.path}: what came is no capture (does the login shell print something?)"
            )
        return head

    def _listen(self) -> None:
        with suppress(OSError):
            while piece := os.read(self._errors, _SAID_BYTES):
                self._said = (self._said + piece)[-_SAID_BYTES:]

    def _why(self) -> str:
        """The last that was said there, to be put behind a message."""
        self._listen()
        lines = [line for line in self._said.decode("utf-8", "replace").splitlines() if line.strip()]
        if not lines:
            return ""
        return ": " + "".join(each if each.isprintable() else "�" for each in lines[-1].strip())

    @property
    def consumed_bytes(self) -> int:
        return int(self._reader.consumed_bytes)

    def next_batch(self, most: int = BATCH_FRAMES) -> int:
        """Fill ``batch`` with the next frames, at most ``most``; how many, 0 if none wait now."""
        self._listen()
        try:
            count = min(most, self._reader.next_batch())
        except BlockingIOError:
            count = 0
        self.batch.count = count
        if count:
            self.packets += count
            self._last = self.batch.ts_ns[count - 1], time.monotonic_ns()
        elif self._reader.finished and self.problem is None:
            self.problem = self._reader.problem or f"{self.path}: the connection ended{self._why()}"
        return count

    def now_ns(self, _ours_ns: int) -> int:
        """The time there, by its own clock, or a little less: of the last frame, and what passed since."""
        if self._last is None:
            return 0
        stamp_ns, came_ns = self._last
        return stamp_ns + time.monotonic_ns() - came_ns

    def close(self) -> None:
        """End it there too, and take what it says of its drops."""
        process = self._process
        if process.stdin is not None and not process.stdin.closed:
            with suppress(OSError):
                process.stdin.close()
        until_s = time.monotonic() + _CLOSE_S
        while process.poll() is None and time.monotonic() < until_s:
            # Nobody reads what it still has; it must not wait for that.
            with suppress(OSError):
                while os.read(self.descriptor, _PIPE_BYTES):
                    pass
            self._listen()
            time.sleep(0.01)
        if process.poll() is None:
            process.kill()
        process.wait()
        self._listen()
        dropped = re.search(rb"(\d{1,15}) packets? dropped by kernel", self._said)
        self.dropped_by_kernel = int(dropped[1]) if dropped is not None else 0
        for pipe in (process.stdout, process.stderr):
            if pipe is not None and not pipe.closed:
                pipe.close()
