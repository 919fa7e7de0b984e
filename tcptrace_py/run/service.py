"""Tells systemd how a live capture does (sd_notify(3)): ready, status, and that it is still alive."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from tcptrace_py.findings.wording import times

if TYPE_CHECKING:
    from tcptrace_py.run.live import Watch

_STATUS_S = 10.0


class Service:
    """An observer of a `Watch`; ``under_systemd`` makes one where there is somebody to tell."""

    def __init__(self, address: str, watchdog_s: float | None) -> None:
        # An abstract name begins with @, which is a zero byte to the kernel.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        # Half of what systemd waits for, as sd_watchdog_enabled(3) advises.
        self.period_s = min(_STATUS_S, watchdog_s / 2) if watchdog_s else _STATUS_S
        self._ready = False

    def moved(self, moves: Iterable[object]) -> None:
        """Only the whole is told."""

    def look(self, watch: Watch) -> None:
        lines = [] if self._ready else ["READY=1"]
        self._ready = True
        packets, known = (
            times(watch.capture.packets, "packet"),
            times(watch.tracker.known, "connection"),
        )
        lines += ["WATCHDOG=1", f"STATUS=capturing on {watch.capture.path}: {packets}, {known} known"]
        self._send(lines)

    def stopping(self) -> None:
        self._send(["STOPPING=1"])

    def _send(self, lines: list[str]) -> None:
        # Whoever listened may be gone; the capture goes on.
        with (
            suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link,
        ):
            link.connect(self._address)
            link.sendall("\n".join(lines).encode())


def under_systemd() -> Service | None:
    """None where ``NOTIFY_SOCKET`` names no socket, or another process than this is to be watched."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return None
    micros = os.environ.get("WATCHDOG_USEC", "")
    meant = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return Service(address, int(micros) / 1e6 if meant and micros.isdecimal() and int(micros) else None)
