"""The network interfaces of this host, as the kernel tells of them."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

from tcptrace_py.capture.libpcap import require_linux

_SIOCGIFFLAGS = 0x8913
_SIOCGIFADDR = 0x8915
_IFF_UP = 0x1
_IFF_RUNNING = 0x40
#: An interface that was there, and is no more.
GONE = "gone"


class Interface(NamedTuple):
    """``state``: ``up``, ``down``, ``no carrier``, or for the pseudo-interface ``any`` what it means."""

    name: str
    state: str
    addresses: list[str]


def list_interfaces() -> list[Interface]:
    """All interfaces by index, then ``any``. Raises `UnavailableError` where this is not Linux."""
    require_linux("listing interfaces")
    import fcntl

    found = []
    by_name = _ipv6_addresses()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for _, name in socket.if_nameindex():
            state = _state(control, name)
            if state == GONE:
                continue
            request = struct.pack("16s24x", name.encode())
            addresses = []
            try:
                answer = fcntl.ioctl(control, _SIOCGIFADDR, request)
                addresses.append(socket.inet_ntop(socket.AF_INET, answer[20:24]))
            except OSError:
                # It has no IPv4 address.
                pass
            found.append(Interface(name, state, addresses + by_name.get(name, [])))
    found.append(Interface("any", "all of them at once", []))
    return found


def names() -> list[str]:
    """Of all that a capture can be opened on."""
    return [*(name for _, name in socket.if_nameindex()), "any"]


def names_here() -> str:
    """The same, as a sentence lists them."""
    *most, last = names()
    return f"{', '.join(most)}, and {last}"


def interface_state(name: str, index: int) -> str:
    """``up``, ``down`` or ``no carrier``; ``GONE`` where there is none of that name and index."""
    try:
        if socket.if_nametoindex(name) != index:
            return GONE
    except OSError:
        return GONE
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        return _state(control, name)


def _state(control: socket.socket, name: str) -> str:
    import fcntl

    request = struct.pack("16s24x", name.encode())
    try:
        flags = struct.unpack_from("=H", fcntl.ioctl(control, _SIOCGIFFLAGS, request), 16)[0]
    except OSError:
        return GONE
    return "down" if not flags & _IFF_UP else "up" if flags & _IFF_RUNNING else "no carrier"


def _ipv6_addresses() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    try:
        with open("/proc/self/net/if_inet6", encoding="ascii") as file:
            for line in file:
                fields = line.split()
                if len(fields) == 6:
                    text = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(fields[0]))
                    found.setdefault(fields[5], []).append(text)
    except (OSError, ValueError):
        # A kernel without IPv6.
        pass
    return found
