"""The kernel's sockets and who holds them: real sockets of this process, on loopback."""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tcptrace_py.kernel.owners import owners
from tcptrace_py.kernel.reader import KernelReader, Snapshot
from tcptrace_py.kernel.sockets import KernelSocket, SocketKey, SocketTable, listen_overflows, parse
from tests.conftest import untried
from tests.live.net import missing, new_namespace, remove_namespace

LOOPBACK = bytes([127, 0, 0, 1])
LOOPBACK_6 = bytes(15) + b"\1"


@contextmanager
def connected(host: str = "127.0.0.1") -> Iterator[tuple[socket.socket, socket.socket, socket.socket]]:
    """``(listener, client, server)``; the listener takes IPv4 and IPv6."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        with socket.create_connection((host, listener.getsockname()[1])) as client:
            server, _ = listener.accept()
            with server:
                yield listener, client, server


def table() -> dict[SocketKey, KernelSocket]:
    known = SocketTable()
    try:
        return {each.key: each for each in known.read()}
    except OSError as error:
        pytest.skip(f"no sock_diag here: {error}")
    finally:
        known.close()


@pytest.mark.parametrize(("host", "address"), [("127.0.0.1", LOOPBACK), ("::1", LOOPBACK_6)])
def test_states_and_queues_are_the_kernels(host: str, address: bytes) -> None:
    with connected(host) as (listener, client, server):
        ports = client.getsockname()[1], server.getsockname()[1]
        at_client = SocketKey(address, ports[0], address, ports[1])
        at_server = SocketKey(address, ports[1], address, ports[0])
        found = table()
        assert (found[at_client].state, found[at_server].state) == ("ESTABLISHED", "ESTABLISHED")
        assert found[at_server].inode == os.fstat(server.fileno()).st_ino
        listening = SocketKey(bytes(16), ports[1], bytes(16), 0)
        assert found[listening].state == "LISTEN"
        assert found[listening].inode == os.fstat(listener.fileno()).st_ino
        client.sendall(b"unread!")
        client.shutdown(socket.SHUT_WR)
        # The ACK of a FIN may be delayed.
        until_s = time.monotonic() + 60
        while found[at_client].state != "FIN_WAIT_2" and time.monotonic() < until_s:
            found = table()
        assert (found[at_client].state, found[at_server].state) == ("FIN_WAIT_2", "CLOSE_WAIT")
        # The FIN counts as a byte.
        assert found[at_server].receive_queue_bytes == len(b"unread!") + 1


def test_a_listener_tells_how_many_wait() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=3) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
            found = table()[SocketKey(LOOPBACK, port, bytes(4), 0)]
    assert (found.state, found.receive_queue_bytes, found.send_queue_bytes) == ("LISTEN", 2, 3)


def test_overflows_of_accept_queues_are_counted() -> None:
    counted = listen_overflows()
    assert counted is None or counted >= 0


def test_a_message_cut_anywhere_is_no_error() -> None:
    key = (80, 443, LOOPBACK + bytes(12), LOOPBACK + bytes(12), 0, bytes(8))
    ports = socket.htons(key[0]), socket.htons(key[1])
    message = struct.pack("=BBBBHH16s16sI8sIIIII", 2, 8, 0, 0, *ports, *key[2:], 0, 5, 0, 1000, 77)
    # An attribute of no length must not be read again and again; one that is too long reads no further.
    for attribute in (b"", struct.pack("=HH", 0, 2), struct.pack("=HH", 104, 2) + bytes(100), b"\xff" * 9):
        for end in range(len(message) + len(attribute) + 1):
            found = parse((message + attribute)[:end], 1)
            assert (found is None) == (end < len(message))
    found = parse(message, 1)
    assert found is not None
    assert (found.state, found.receive_queue_bytes, found.inode) == ("CLOSE_WAIT", 5, 77)
    assert found.key == SocketKey(LOOPBACK, 80, LOOPBACK, 443)


def test_the_process_and_its_descriptor_are_named() -> None:
    with connected() as (_listener, client, _server):
        descriptor = client.fileno()
        inode = os.fstat(descriptor).st_ino
        found = owners([inode, 1 << 40])
    assert list(found) == [inode]
    (owner,) = found[inode]
    assert (owner.pid, owner.descriptor) == (os.getpid(), descriptor)
    assert "python" in owner.command or "pytest" in owner.command
    assert len(owner.command) <= 200


def answer(reader: KernelReader) -> Snapshot:
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s:
        select.select([reader], [], [], 1.0)
        found = reader.take()
        if found is not None:
            return found
    raise AssertionError("no answer")


def test_a_child_reads_for_us() -> None:
    reader = KernelReader()
    try:
        with connected() as (_listener, client, server):
            reader.ask([os.fstat(client.fileno()).st_ino])
            found = answer(reader)
            if found.problem:
                pytest.skip(found.problem)
            key = SocketKey(LOOPBACK, client.getsockname()[1], LOOPBACK, server.getsockname()[1])
            assert key in {each.key for each in found.sockets}
            assert [each.pid for each in found.owners[os.fstat(client.fileno()).st_ino]] == [os.getpid()]
            assert found.begin_ns <= found.end_ns
        # What a terminal sends to the whole group is not meant for it.
        os.kill(reader._child, signal.SIGINT)
        reader.ask()
        assert answer(reader).sockets
    finally:
        reader.close()


def test_a_child_that_is_gone_is_an_error_not_a_hang() -> None:
    reader = KernelReader()
    os.kill(reader._child, signal.SIGKILL)
    reader.ask()
    with pytest.raises(OSError, match="has ended"):
        answer(reader)
    reader.close()


def test_sockets_of_other_namespaces_are_read_too() -> None:
    why = missing()
    if why:
        untried(why)
    name = new_namespace("host")
    program = (
        "import socket; s = socket.create_server(('0.0.0.0', 0));"
        "print(s.getsockname()[1], flush=True); input()"
    )
    try:
        with subprocess.Popen(
            ["ip", "netns", "exec", name, sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            found = table()
            process.communicate("\n")
        inside = found[SocketKey(bytes(4), port, bytes(4), 0)]
        assert inside.namespace != os.stat("/proc/self/ns/net").st_ino
    finally:
        remove_namespace(name)
