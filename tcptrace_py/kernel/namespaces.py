"""The network namespaces of this host that this process may enter (network_namespaces(7))."""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_OWN = Path("/proc/self/ns/net")


def namespaces() -> dict[int, Path | None]:
    """Each network namespace that some process lives in, or that has a name, by inode; None is our own.

    Without the right to enter others (CAP_SYS_ADMIN) only our own is listed.
    """
    own = own_namespace()
    found: dict[int, Path | None] = {own: None}
    if not _may_enter():
        return found
    for path in (*_listed("/run/netns", "*"), *_listed("/proc", "[0-9]*/ns/net")):
        inode = _inode(path)
        if inode and inode not in found:
            found[inode] = path
    return found


def own_namespace() -> int:
    """The inode of our own; 0 where that can not be known."""
    return _inode(_OWN)


def netlink_socket(protocol: int, namespace: Path | None) -> socket.socket:
    """A netlink socket that speaks for ``namespace`` (None: our own). Raises ``OSError``.

    A socket belongs for good to the namespace that its thread was in when it was opened, so a thread
    that ends afterwards enters the other one, and the rest of the process never leaves its own.
    """
    if namespace is None:
        return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    outcome: list[socket.socket | OSError] = []

    def enter_and_open() -> None:
        try:
            _enter(namespace)
            outcome.append(netlink_socket(protocol, None))
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=enter_and_open, daemon=True)
    thread.start()
    thread.join()
    if not outcome:
        raise OSError(f"{namespace}: the namespace could not be entered")
    if isinstance(outcome[0], OSError):
        raise outcome[0]
    return outcome[0]


def _enter(namespace: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(descriptor, _CLONE_NEWNET):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(namespace))
    finally:
        os.close(descriptor)


def _may_enter() -> bool:
    """CAP_SYS_ADMIN (bit 21) is effective."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) & 1 << 21)
    return False


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        # The process ended, or the name was taken away, between listing and looking.
        return 0


def _listed(folder: str, pattern: str) -> list[Path]:
    try:
        return sorted(Path(folder).glob(pattern))
    except OSError:
        return []
