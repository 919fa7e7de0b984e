"""The TCP sockets of this host, as its kernel has them: sock_diag(7), a dump a family and namespace.

Read with the standard library alone: a message is one fixed struct, and some ten microseconds a socket
count where a host has 30,000 of them in TIME_WAIT and the capture waits meanwhile.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from tcptrace_py.kernel.namespaces import namespaces, netlink_socket

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST_DUMP = 0x301
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_INET_DIAG_INFO = 2
_ALL_STATES = 0xFFFFFFFF
_RECEIVE_BYTES = 1 << 18
# A kernel that does not answer must not hold the capture up.
_TIMEOUT_S = 2.0

_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBxI48x")
# family, state, timer, retransmits; ports; addresses; interface, cookie; expires, queues, uid, inode
_MESSAGE = struct.Struct("=BBBBHH16s16sI8sIIIII")
_ATTRIBUTE = struct.Struct("=HH")
# tcp_info: unacked at byte 24; last data received at 52; rtt at 68; retransmits in all at 100.
_TCP_INFO = struct.Struct("=24xI24xI12xI28xI")

#: The kernel's numbers (include/net/tcp_states.h) in RFC 9293's words; 12 is a request socket.
_STATES = (
    "",
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RCVD",
    "FIN_WAIT_1",
    "FIN_WAIT_2",
    "TIME_WAIT",
    "CLOSED",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
    "SYN_RCVD",
)
_TIMERS = ("", "retransmit", "keepalive", "timewait", "persist")
_MAPPED = bytes(10) + b"\xff\xff"


class SocketKey(NamedTuple):
    """Both ends of a socket: addresses as 4 or 16 bytes, ports. A listener's peer is all zero."""

    address: bytes
    port: int
    peer_address: bytes
    peer_port: int


class KernelSocket(Struct, frozen=True, array_like=True, gc=False):
    """One socket at the moment of the dump.

    ``receive_queue_bytes``: what has come and the application has not read; of a listener, how many
    connections wait to be accepted. ``send_queue_bytes``: what is not acknowledged yet; of a listener, how
    many may wait (sock_diag(7)). ``timer``: which timer runs, and ``expires_ms`` when it is due.
    ``inode`` 0: no process holds it any more. The last four come from TCP_INFO, and are 0 without.
    """

    key: SocketKey
    state: str
    timer: str
    expires_ms: int
    retransmits: int
    receive_queue_bytes: int
    send_queue_bytes: int
    uid: int
    inode: int
    namespace: int
    unacked_segments: int = 0
    last_received_ms: int = 0
    rtt_us: int = 0
    total_retransmits: int = 0


class SocketTable:
    """Reads all sockets, as often as asked. ``problems``: what could not be read, a line each."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._links: dict[int, socket.socket] = {}

    def read(self) -> list[KernelSocket]:
        """All sockets of now, in every namespace that may be entered. Raises ``OSError`` if none can be."""
        found: list[KernelSocket] = []
        self.problems = []
        read_any = False
        known = namespaces()
        for gone in self._links.keys() - known.keys():
            self._links.pop(gone).close()
        for inode, path in known.items():
            try:
                found.extend(self._dump(inode, path))
                read_any = True
            except OSError as error:
                # A namespace may vanish at any moment; the others are still there.
                if inode in self._links:
                    self._links.pop(inode).close()
                if path is None:
                    self.problems.append(f"the kernel's sockets could not be read: {error.strerror or error}")
        if not read_any:
            raise OSError(errno.EPROTONOSUPPORT, "; ".join(self.problems) or "no sock_diag")
        return found

    def close(self) -> None:
        for link in self._links.values():
            link.close()
        self._links.clear()

    def _dump(self, inode: int, path: Path | None) -> Iterator[KernelSocket]:
        link = self._links.get(inode)
        if link is None:
            link = netlink_socket(_NETLINK_SOCK_DIAG, path)
            link.settimeout(_TIMEOUT_S)
            self._links[inode] = link
        for family in (socket.AF_INET, socket.AF_INET6):
            request = _REQUEST.pack(family, socket.IPPROTO_TCP, 1 << _INET_DIAG_INFO - 1, _ALL_STATES)
            header = _HEADER.pack(
                _HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST_DUMP, 1, 0
            )
            link.send(header + request)
            yield from self._answers(link, inode)

    def _answers(self, link: socket.socket, namespace: int) -> Iterator[KernelSocket]:
        while True:
            data = link.recv(_RECEIVE_BYTES)
            begin = 0
            while begin + _HEADER.size <= len(data):
                length, kind, *_ = _HEADER.unpack_from(data, begin)
                end = begin + length
                if length < _HEADER.size or end > len(data):
                    raise OSError(errno.EBADMSG, "an answer of the kernel is cut short")
                if kind == _NLMSG_DONE:
                    return
                if kind == _NLMSG_ERROR:
                    number = -struct.unpack_from("=i", data, begin + _HEADER.size)[0]
                    raise OSError(number, os.strerror(number))
                found = parse(data[begin + _HEADER.size : end], namespace)
                if found is not None:
                    yield found
                begin = end + (-length & 3)


def parse(message: bytes, namespace: int) -> KernelSocket | None:
    """An ``inet_diag_msg`` with its attributes; None if it is too short to be one."""
    if len(message) < _MESSAGE.size:
        return None
    family, state, timer, retransmits, *ends, expires_ms, receiving, sending, uid, inode = (
        _MESSAGE.unpack_from(message)
    )
    port, peer_port, address, peer_address, _interface, _cookie = ends
    info = (0, 0, 0, 0)
    begin = _MESSAGE.size
    while begin + _ATTRIBUTE.size <= len(message):
        length, kind = _ATTRIBUTE.unpack_from(message, begin)
        if length < _ATTRIBUTE.size:
            break
        if kind == _INET_DIAG_INFO and length >= _ATTRIBUTE.size + _TCP_INFO.size:
            with suppress(struct.error):
                info = _TCP_INFO.unpack_from(message, begin + _ATTRIBUTE.size)
        begin += length + (-length & 3)
    return KernelSocket(
        SocketKey(
            _address(family, address),
            socket.ntohs(port),
            _address(family, peer_address),
            socket.ntohs(peer_port),
        ),
        _STATES[state] if state < len(_STATES) else "",
        _TIMERS[timer] if timer < len(_TIMERS) else "",
        expires_ms,
        retransmits,
        receiving,
        sending,
        uid,
        inode,
        namespace,
        *info,
    )


def _address(family: int, raw: bytes) -> bytes:
    """As on the wire: an IPv4 connection of an IPv6 socket has IPv4 addresses (RFC 4291 section 2.5.5.2)."""
    if family == socket.AF_INET:
        return raw[:4]
    return raw[12:] if raw.startswith(_MAPPED) else raw


def listen_overflows() -> int | None:
    """Connections that this namespace dropped because an accept queue was full, since it began.

    ``TcpExt: ListenOverflows`` of ``/proc/net/netstat``; None where that can not be read.
    """
    try:
        lines = Path("/proc/net/netstat").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    for names, numbers in zip(lines[::2], lines[1::2], strict=False):
        if names.startswith("TcpExt:") and "ListenOverflows" in names.split():
            values = numbers.split()
            index = names.split().index("ListenOverflows")
            return int(values[index]) if index < len(values) and values[index].isdigit() else None
    return None
