"""Scenarios: opening and closing in order, and handshakes that fail."""

from __future__ import annotations

import socket
import time

from .network import (
    LabError,
    anything,
    by,
    data,
    fin,
    first,
    pure_ack,
    rst,
    syn,
    syn_ack,
)
from .script import FIRST_PORT, Lab, Scenarios

OPENINGS = Scenarios()
scenario = OPENINGS.scenario


# --- opening and closing ---


@scenario(handshake="complete", close="four_way", initiator="client")
def four_way_client_closes(lab: Lab) -> None:
    """The client closes first, the server a little later."""
    client, server = lab.pair()
    client.sendall(b"hello")
    server.recv(100)
    client.close()
    lab.read_to_end(server)
    time.sleep(0.15)
    server.close()


@scenario(handshake="complete", close="four_way", initiator="server")
def four_way_server_closes(lab: Lab) -> None:
    """The server closes first, the client a little later."""
    client, server = lab.pair()
    server.sendall(b"220 ready\r\n")
    client.recv(100)
    server.close()
    lab.read_to_end(client)
    time.sleep(0.15)
    client.close()


@scenario(handshake="complete", close="three_way", initiator="client")
def three_way_close(lab: Lab) -> None:
    """The server's FIN rides on its ACK of the client's: FIN_WAIT_1 to TIME_WAIT."""
    client, server = lab.pair()
    for _ in range(3):  # an interactive session, so that the kernel delays its ACKs
        client.sendall(b"ping")
        server.recv(100)
        server.sendall(b"pong")
        client.recv(100)
    client.close()
    server.recv(100)
    server.close()


@scenario(handshake="complete", initiator="server")
def request_and_response(lab: Lab) -> None:
    """A short connection as of HTTP/1.0: the server closes after its answer."""
    client, server = lab.pair()
    client.sendall(b"GET / HTTP/1.0\r\n\r\n")
    server.recv(1000)
    server.sendall(b"x" * 6000)
    server.close()
    lab.read_to_end(client)
    client.close()


@scenario(handshake="complete", close="four_way", initiator="client", findings={"half-close"})
def half_close(lab: Lab) -> None:
    """The client has finished, the server still sends for a while."""
    client, server = lab.pair()
    client.sendall(b"query")
    client.shutdown(socket.SHUT_WR)
    lab.read_to_end(server)
    for _ in range(4):
        server.sendall(b"r" * 700)
        time.sleep(0.1)
    server.close()
    lab.read_to_end(client)
    client.close()


@scenario(handshake="complete", close="four_way", initiator="server", findings={"half-close"})
def half_close_by_server(lab: Lab) -> None:
    """The server has finished, the client still uploads."""
    client, server = lab.pair()
    server.sendall(b"go on")
    server.shutdown(socket.SHUT_WR)
    lab.read_to_end(client)
    for _ in range(3):
        client.sendall(b"u" * 3000)
        time.sleep(0.1)
    client.close()
    lab.read_to_end(server)
    server.close()


@scenario(handshake="complete")
def simultaneous_open(lab: Lab) -> None:
    """Both connect to each other at once; the SYNs cross."""
    lab.delay(anything, 0.08)
    left, right = lab.new_socket("client", 40001), lab.new_socket("server", FIRST_PORT)
    lab.start_connect(left, FIRST_PORT, to="server")
    lab.start_connect(right, 40001, to="client")
    lab.wait_for(syn_ack, 2)
    time.sleep(0.1)
    left.settimeout(5)
    right.settimeout(5)
    left.sendall(b"from left")
    right.recv(100)
    left.close()
    right.recv(100)
    time.sleep(0.1)
    right.close()


@scenario(handshake="complete", close="simultaneous", initiator="both")
def simultaneous_close(lab: Lab) -> None:
    """Both close at once; the FINs cross: CLOSING."""
    client, server = lab.pair()
    lab.delay(anything, 0.06)
    client.close()
    server.close()


# Beyond the place of the reordering nobody can know in which order the client got them.
@scenario(handshake="complete", close="simultaneous", initiator="both", vantages=("client", "middle"))
def simultaneous_close_reordered(lab: Lab) -> None:
    """The FINs cross, and the server's ACK overtakes its own FIN: FIN_WAIT_2 instead of CLOSING."""
    client, server = lab.pair()
    lab.delay(by("server", first(fin)), 0.15, "sender")
    lab.delay(by("client", first(fin)), 0.05, "sender")
    server.close()
    client.close()


@scenario(handshake="complete")
def data_both_ways(lab: Lab) -> None:
    """Both send more than a window holds, then close."""
    client, server = lab.pair()
    for _ in range(8):
        client.sendall(b"a" * 8000)
        server.sendall(b"b" * 8000)
        got = 0
        while got < 8000:
            got += len(client.recv(65536))
        got = 0
        while got < 8000:
            got += len(server.recv(65536))
    client.close()
    server.recv(1)
    server.close()


# --- handshakes that fail ---


@scenario(
    handshake="refused",
    close="reset",
    reset="refused",
    findings={"connection-refused"},
    counts={"connection-refused": 3},
)
def refused(lab: Lab) -> None:
    """No listener: RST."""
    for number in range(3):
        try:
            lab.connect()
        except ConnectionRefusedError:
            continue
        raise LabError(f"connection {number} was not refused")


@scenario(
    handshake="unanswered",
    findings={"connection-timeout"},
    settings={"syn_give_up_s": 3.0},
    vantages=("client", "middle"),
)
def syn_black_hole(lab: Lab) -> None:
    """The SYN and its retransmission are never answered; the client gives up."""
    lab.client.sysctl("tcp_syn_retries", 1)
    lab.listen()
    hole = lab.drop(syn)
    lab.start_connect(waiting := lab.new_socket())
    time.sleep(3.3)
    if waiting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
        raise LabError("the kernel still tries")
    hole.off()
    lab.tick()


@scenario(handshake="unreachable", findings={"connection-unreachable"}, vantages=("client", "middle"))
def unreachable(lab: Lab) -> None:
    """A router answers the SYN with ICMP."""
    lab.drop(syn)
    lab.start_connect(waiting := lab.new_socket())
    lab.unreachable(lab.wait_for(syn))
    lab.settle()
    if waiting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
        raise LabError("the kernel did not mind the ICMP error")


@scenario(
    handshake="half_open",
    may={"connection-timeout"},
    settings={"syn_give_up_s": 3.0, "syn_ack_give_up_s": 3.0},
    vantages=("middle", "server"),
    findings={"half-open-handshake"},
)
def syn_ack_never_arrives(lab: Lab) -> None:
    """The server's SYN+ACKs are lost, both sides give up."""
    lab.client.sysctl("tcp_syn_retries", 1)
    lab.server.sysctl("tcp_synack_retries", 1)
    lab.listen()
    hole = lab.drop(syn_ack)
    lab.start_connect(lab.new_socket())
    time.sleep(4.6)
    hole.off()
    lab.tick()


@scenario(
    may={"reset-no-connection"},
    settings={"syn_ack_give_up_s": 3.0},
    vantages=("server",),
    findings={"half-open-handshake"},
    handshake="half_open",
    reset="no_connection",
)
def third_ack_never_arrives(lab: Lab) -> None:
    """The client believes in the connection, the server never hears so and gives up."""
    lab.server.sysctl("tcp_synack_retries", 1)
    lab.listen()
    hole = lab.drop(by("client", pure_ack))
    lab.start_connect(waiting := lab.new_socket())
    time.sleep(3.6)
    hole.off()
    lab.tick()
    waiting.setblocking(True)
    waiting.sendall(b"hello?")
    lab.wait_for(rst)


# From the wire alone this is also what a slow server and an impatient client, or a scanner, look like.
@scenario(handshake="aborted", reset="handshake_abort", may={"stale-syn"})
def stale_syn_of_a_closed_socket(lab: Lab) -> None:
    """The SYN arrives late, its socket is gone: the server answers, the client's host refuses."""
    lab.listen()
    lab.delay(first(syn), 0.5)
    lab.start_connect(waiting := lab.new_socket())
    lab.wait_for(syn)
    waiting.close()
    lab.wait_for(rst)


@scenario(handshake="aborted", reset="handshake_abort", may={"stale-syn"})
def initiator_gives_up(lab: Lab) -> None:
    """The SYN+ACK is slow, the client has closed its socket meanwhile: RST in SYN_RCVD."""
    lab.listen()
    lab.delay(first(syn_ack), 0.4)
    lab.start_connect(waiting := lab.new_socket())
    lab.wait_for(syn_ack)
    waiting.close()
    lab.wait_for(rst)


# Only the server's wire shows that the old SYN comes after the new one, and there it is no connection.
@scenario(
    findings={"stale-syn"}, unseen={"server": [0]}, blind={"client": ["stale-syn"], "middle": ["stale-syn"]}
)
def stale_syn_hits_a_live_connection(lab: Lab) -> None:
    """An old SYN with another number arrives in the middle of the next connection on its ports."""
    listener = lab.listen()
    lab.delay(first(syn), 0.6)
    lab.start_connect(old := lab.new_socket("client", 40001))
    lab.wait_for(syn)
    old.close()
    time.sleep(0.05)
    client = lab.connect(source_port=40001)
    server = lab.accept(listener)
    time.sleep(0.8)
    client.sendall(b"still alive")
    server.recv(100)
    lab.close_in_turn(client, server)


@scenario(handshake="complete", findings={"accept-queue-full"})
def accept_queue_overflow(lab: Lab) -> None:
    """The accept queue is full: the third ACK is ignored, SYN+ACK comes again, at last accepted."""
    listener = lab.listen(backlog=1)
    clients = crowd(lab)
    lab.wait_for(syn_ack, 4)
    servers = {accepted.getpeername(): accepted for accepted in (lab.accept(listener) for _ in clients)}
    for client in clients:
        server = servers[client.getsockname()]
        client.sendall(b"x")
        server.recv(1)
        client.close()
        lab.read_to_end(server)
        time.sleep(0.06)
        server.close()


@scenario(may={"reset-abort", "connection-refused", "half-open-handshake"})
def abort_on_overflow(lab: Lab) -> None:
    """The accept queue is full and tcp_abort_on_overflow set: a RST answers the third ACK."""
    lab.server.sysctl("tcp_abort_on_overflow", 1)
    lab.listen(backlog=1)
    crowd(lab)
    lab.wait_for(rst)


def crowd(lab: Lab) -> list[socket.socket]:
    """Three handshakes, of which the last two end at once: a full queue does not even take a SYN."""
    clients = [lab.connect(), lab.new_socket(), lab.new_socket()]
    lab.settle()
    slow = lab.delay(by("client", pure_ack), 0.1)
    for client in clients[1:]:
        lab.start_connect(client)
    lab.wait_for(by("client", pure_ack), 3)
    slow.off()
    for client in clients:
        client.settimeout(8.0)
    return clients


# --- TCP Fast Open ---


def _fast_open(lab: Lab) -> tuple[socket.socket, socket.socket]:
    lab.client.sysctl("tcp_fastopen", 0x5)  # client side, without a cookie
    lab.server.sysctl("tcp_fastopen", 0x602)  # data in SYN without a cookie, all listeners
    listener = lab.listen()
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
    client = lab.new_socket()
    client.sendto(b"GET /", 0x20000000, (lab.server.address, FIRST_PORT))  # MSG_FASTOPEN
    server = lab.accept(listener)
    if server.recv(100) != b"GET /":
        raise LabError("the data in the SYN did not arrive")
    return client, server


@scenario(handshake="complete", close="four_way", initiator="client")
def fast_open(lab: Lab) -> None:
    """Data in the SYN, accepted before the handshake is complete (RFC 7413)."""
    client, server = _fast_open(lab)
    server.sendall(b"200 OK")
    client.recv(100)
    lab.close_in_turn(client, server)


@scenario(handshake="complete", initiator="server", vantages=("middle", "server"))
def fast_open_server_closes_early(lab: Lab) -> None:
    """The server answers and closes before the third ACK: SYN_RCVD to FIN_WAIT_1."""
    lab.delay(by("client", pure_ack), 0.15, "sender")
    client, server = _fast_open(lab)
    server.sendall(b"200 OK")
    server.close()
    lab.read_to_end(client)
    time.sleep(0.5)
    client.close()


# --- SYN cookies ---


@scenario(handshake="complete", reset="no_connection", findings={"reset-abort"})
def syn_cookie_reset_and_taken(lab: Lab) -> None:
    """Data overtakes the ACK, and draws a RST; the listener keeps nothing, and the ACK opens all the same."""
    lab.server.sysctl("tcp_syncookies", 2)
    listener = lab.listen()
    lab.delay(by("client", first(pure_ack)), 0.4, "sender")
    lab.drop(by("client", first(data)), "sender")
    client = lab.connect()
    client.sendall(b"lost")
    time.sleep(0.02)
    client.sendall(b"early")
    server = lab.accept(listener)
    time.sleep(0.3)
    server.close()
