"""A process that reads the kernel's sockets and their owners for us, and keeps the rights to do so.

Reading 30,000 sockets takes a second and the capture must not wait for it; and who was started by sudo
gives root's rights up as soon as the interface is open, while only root may look at the processes of
others. So a child is forked before that. It takes nothing but numbers of sockets, and gives back what
sock_diag(7) and proc(5) say.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import time
from collections.abc import Collection
from contextlib import suppress

import msgspec

from tcptrace_py.kernel.owners import Owner, owners
from tcptrace_py.kernel.sockets import KernelSocket, SocketTable, listen_overflows

_LENGTH = struct.Struct("=I")
# Above any answer: 2^20 sockets.
_MOST_BYTES = 1 << 28
_PIECE_BYTES = 1 << 18


class Snapshot(msgspec.Struct, array_like=True, gc=False):
    """What the kernel had at one moment.

    ``begin_ns``, ``end_ns``: it was read in between, ns since the epoch. ``owners``: processes, by inode,
    of the sockets that were asked for. ``overflows``: see `listen_overflows`. ``problem``: why there are no
    sockets, or "".
    """

    begin_ns: int
    end_ns: int
    sockets: list[KernelSocket]
    owners: dict[int, list[Owner]]
    overflows: int | None
    problem: str


class KernelReader:
    """``ask`` for a snapshot; once ``fileno`` can be read, ``take`` gives it, or None while it is under way.

    Raises ``OSError`` if the child can not be started. Whoever opens it closes it.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._child = os.fork()
        if not self._child:
            try:
                ours.close()
                _serve(theirs)
            finally:
                os._exit(0)
        theirs.close()
        ours.setblocking(False)
        self._socket = ours
        self._received = bytearray()
        self._asked = False

    def fileno(self) -> int:
        return self._socket.fileno()

    def ask(self, inodes: Collection[int] = ()) -> None:
        """Ask for all sockets of now, and who holds those of ``inodes``, unless an answer is still due."""
        if self._asked:
            return
        request = msgspec.msgpack.encode(sorted(inodes))
        self._asked = True
        self._socket.setblocking(True)
        # Where the child has ended, `take` says so.
        with suppress(OSError):
            self._socket.sendall(_LENGTH.pack(len(request)) + request)
        self._socket.setblocking(False)

    def take(self) -> Snapshot | None:
        """The answer, once all of it has come. Raises ``OSError`` if none will."""
        while True:
            try:
                piece = self._socket.recv(_PIECE_BYTES)
            except BlockingIOError:
                return None
            except ConnectionError:
                piece = b""
            if not piece:
                raise OSError("the process that reads the kernel's sockets has ended")
            self._received += piece
            if len(self._received) < _LENGTH.size:
                continue
            (length,) = _LENGTH.unpack_from(self._received)
            if len(self._received) - _LENGTH.size < length:
                continue
            answer = bytes(self._received[_LENGTH.size : _LENGTH.size + length])
            del self._received[: _LENGTH.size + length]
            self._asked = False
            return msgspec.msgpack.decode(answer, type=Snapshot)

    def close(self) -> None:
        """End the child."""
        self._socket.close()
        # Started by sudo it is root's, and we are not root any more: then the closed socket ends it.
        with suppress(ProcessLookupError, PermissionError):
            os.kill(self._child, signal.SIGTERM)
        with suppress(ChildProcessError):
            os.waitpid(self._child, 0)


def _serve(link: socket.socket) -> None:
    """The child's life: a snapshot for each request, until the other side is gone."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
        # Meant for the command that runs in the same group; its end ends us.
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    table = SocketTable()
    while True:
        request = _receive(link)
        if request is None:
            return
        answer = msgspec.msgpack.encode(snapshot(table, msgspec.msgpack.decode(request, type=list[int])))
        try:
            link.sendall(_LENGTH.pack(len(answer)) + answer)
        except OSError:
            return


def _receive(link: socket.socket) -> bytes | None:
    header = link.recv(_LENGTH.size, socket.MSG_WAITALL)
    if len(header) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(header)
    if length > _MOST_BYTES:
        return None
    data = link.recv(length, socket.MSG_WAITALL)
    return data if len(data) == length else None


def snapshot(table: SocketTable, inodes: Collection[int]) -> Snapshot:
    """Read all of it now, in this process."""
    begin_ns = time.time_ns()
    sockets: list[KernelSocket] = []
    problem = ""
    try:
        sockets = table.read()
    except OSError as error:
        problem = error.strerror or str(error)
    end_ns = time.time_ns()
    return Snapshot(begin_ns, end_ns, sockets, owners(inodes), listen_overflows(), problem)
