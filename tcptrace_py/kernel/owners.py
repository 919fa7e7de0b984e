"""Which processes hold a socket: `/proc` (proc(5)), searched for the sockets that are asked for."""

from __future__ import annotations

import os
import re
from collections.abc import Collection

from msgspec import Struct

_SOCKET = re.compile(r"socket:\[(\d+)\]")
_CONTAINER = re.compile(r"(?:^|[-/:.])([0-9a-f]{64})(?:$|[./:])")
_UNITS = (".service", ".scope")
# A command line is for people to know the process again.
_COMMAND_CHARACTERS = 200


class Owner(Struct, frozen=True, array_like=True, gc=False):
    """A process that holds the socket open by one of its file descriptors.

    ``command``: its command line (the kernel's name in brackets where it has none), shortened.
    ``unit``: its systemd unit, ``container``: the first twelve digits of its container's id; "" if none.
    """

    pid: int
    descriptor: int
    command: str
    unit: str
    container: str


def owners(inodes: Collection[int]) -> dict[int, list[Owner]]:
    """Who holds each of these sockets, by inode. What may not be looked at, or is gone, is left out."""
    wanted = set(inodes) - {0}
    found: dict[int, list[Owner]] = {}
    if not wanted:
        return found
    for pid in _pids():
        known: tuple[str, str, str] | None = None
        for descriptor, inode in _sockets(pid):
            if inode not in wanted:
                continue
            if known is None:
                known = (_command(pid), *_groups(pid))
            found.setdefault(inode, []).append(Owner(pid, descriptor, *known))
    return found


def _pids() -> list[int]:
    try:
        return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
    except OSError:
        return []


def _sockets(pid: int) -> list[tuple[int, int]]:
    folder = f"/proc/{pid}/fd"
    found = []
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    for name in names:
        try:
            match = _SOCKET.fullmatch(os.readlink(f"{folder}/{name}"))
        except OSError:
            continue
        if match is not None:
            found.append((int(name), int(match[1])))
    return sorted(found)


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(1 << 16).decode("utf-8", "replace")
    except OSError:
        return ""


def _command(pid: int) -> str:
    words = _read(f"/proc/{pid}/cmdline").rstrip("\0").replace("\0", " ")
    words = words or f"[{_read(f'/proc/{pid}/comm').strip()}]"
    return words if len(words) <= _COMMAND_CHARACTERS else words[: _COMMAND_CHARACTERS - 1] + "…"


def _groups(pid: int) -> tuple[str, str]:
    """``(unit, container)`` by the control group's path (cgroups(7))."""
    unit = container = ""
    for line in _read(f"/proc/{pid}/cgroup").splitlines():
        path = line.split(":", 2)[-1]
        match = _CONTAINER.search(path)
        if match is not None:
            container = container or match[1][:12]
        for part in path.split("/"):
            if part.endswith(_UNITS):
                unit = part
    return unit, container
