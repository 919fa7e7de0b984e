"""Scenarios: resets, hosts that go away, connections that get stuck, TIME_WAIT."""

from __future__ import annotations

import errno
import socket
import subprocess
import time

from .network import (
    ACK,
    RST,
    LabError,
    by,
    data,
    first,
    pure_ack,
    rst,
)
from .script import Lab, Scenarios

ENDINGS = Scenarios()
scenario = ENDINGS.scenario


# --- resets ---


@scenario(handshake="complete", close="reset", initiator="client", reset="abort", findings={"reset-abort"})
def linger_zero(lab: Lab) -> None:
    """The client closes with SO_LINGER 0."""
    client, server = lab.pair()
    client.sendall(b"bye")
    server.recv(100)
    lab.abort(client)


@scenario(handshake="complete", close="reset", initiator="server", reset="abort", findings={"reset-abort"})
def close_with_unread_data(lab: Lab) -> None:
    """The server closes without reading what the client sent."""
    client, server = lab.pair()
    client.sendall(b"never read")
    lab.settle()
    server.close()


@scenario(
    handshake="complete",
    close="reset",
    initiator="client",
    reset="close_wait_abort",
    findings={"reset-abort"},
)
def abort_from_close_wait(lab: Lab) -> None:
    """The client closes, the server answers the FIN with RST instead of its own FIN."""
    client, server = lab.pair()
    client.sendall(b"never read")
    client.close()
    lab.settle()
    server.close()


@scenario(
    handshake="complete",
    close="reset",
    initiator="server",
    reset="after_close",
    findings={"reset-after-close"},
)
def data_after_close(lab: Lab) -> None:
    """The server closes fully; what the client sends then draws a RST."""
    client, server = lab.pair()
    server.close()
    client.recv(100)
    lab.settle()
    client.sendall(b"too late")
    lab.wait_for(rst)


@scenario(
    handshake="complete",
    close="reset",
    initiator="client",
    findings={"reset-after-close"},
    reset="after_close",
)
def abort_from_fin_wait_2(lab: Lab) -> None:
    """A half-closed client aborts while it waits for the server's FIN."""
    client, server = lab.pair()
    client.shutdown(socket.SHUT_WR)
    lab.read_to_end(server)
    lab.settle()
    lab.abort(client)


# The forged RST says that the client closed; in truth it did not until the server's own RST came.
@scenario(
    handshake="complete",
    close="reset",
    may={"reset-abort", "reset-no-connection", "stray-reset"},
    forged=True,
)
def forged_reset_exact(lab: Lab) -> None:
    """A RST with exactly the next number, which the client never sent, kills the server's side."""
    client, server = lab.pair()
    client.sendall(b"hello")
    server.recv(100)
    lab.settle()
    sent = lab.wait_for(by("client", data))
    lab.forge("client", sent, RST, sent.seq + sent.payload_bytes)
    lab.settle()
    client.sendall(b"anyone there?")
    lab.wait_for(by("server", rst))


@scenario(
    handshake="complete",
    close="four_way",
    initiator="client",
    findings={"stray-reset"},
    blind={"client": ["stray-reset"]},
)
def forged_reset_in_window(lab: Lab) -> None:
    """A RST in the window but not exact draws a challenge ACK; the connection goes on (RFC 5961)."""
    client, server = lab.pair()
    client.sendall(b"hello")
    server.recv(100)
    lab.settle()
    sent = lab.wait_for(by("client", data))
    lab.forge("client", sent, RST, sent.seq + sent.payload_bytes + 500)
    lab.settle()
    client.sendall(b"still here")
    server.recv(100)
    lab.close_in_turn(client, server)


@scenario(
    handshake="complete",
    close="four_way",
    initiator="client",
    findings={"stray-reset"},
    blind={"client": ["stray-reset"]},
)
def forged_reset_outside_window(lab: Lab) -> None:
    """A RST outside the window changes nothing."""
    client, server = lab.pair()
    client.sendall(b"hello")
    server.recv(100)
    sent = lab.wait_for(by("client", data))
    lab.forge("client", sent, RST, sent.seq + 0x40000000)
    lab.forge("client", sent, RST | ACK, sent.seq - 100000, sent.ack)
    lab.settle()
    lab.close_in_turn(client, server)


# --- hosts and processes that go away ---


@scenario(handshake="complete", initiator="server")
def server_process_killed(lab: Lab) -> None:
    """SIGKILL: the kernel closes the process's sockets, so the client sees a FIN."""
    client, server = lab.pair()
    holder = subprocess.Popen(["sleep", "60"], pass_fds=[server.fileno()])
    server.close()
    time.sleep(0.1)
    holder.kill()
    holder.wait()
    lab.read_to_end(client)
    time.sleep(0.1)
    client.close()


@scenario(
    handshake="complete",
    close="reset",
    initiator="server",
    reset="no_connection",
    findings={"reset-no-connection"},
)
def server_host_rebooted(lab: Lab) -> None:
    """The server's host forgets the connection; the client's next segment draws a RST."""
    client, server = lab.pair()
    client.sendall(b"hello")
    server.recv(100)
    lab.settle()
    lab.vanish(server)
    time.sleep(0.3)
    client.sendall(b"are you there?")
    lab.wait_for(rst)


@scenario(
    handshake="complete",
    close="reset",
    findings={"reset-no-connection"},
    initiator="client",
    reset="no_connection",
)
def client_host_rebooted_and_reconnects(lab: Lab) -> None:
    """The client's host lost the connection and connects again from the same port (RFC 9293 3.5.1)."""
    listener = lab.listen()
    client = lab.connect(source_port=40001)
    server = lab.accept(listener)
    client.sendall(b"hello")
    server.recv(100)
    lab.settle()
    lab.vanish(client)
    again = lab.connect(source_port=40001)  # challenge ACK, RST, SYN again after 1 s
    server_again = lab.accept(listener)
    again.sendall(b"hello again")
    server_again.recv(100)
    lab.close_in_turn(again, server_again)


@scenario(handshake="complete", close="four_way", initiator="client")
def keepalive_answered(lab: Lab) -> None:
    """An idle connection whose keep-alive probes are answered."""
    client, server = lab.pair()
    client.sendall(b"x")
    server.recv(1)
    _keepalive(client, idle_s=1, interval_s=1, probes=3)
    lab.wait_for(by("server", pure_ack), 3)
    lab.close_in_turn(client, server)


@scenario(
    handshake="complete",
    close="reset",
    reset="timeout",
    findings={"dead-peer"},
    vantages=("client", "middle"),
)
def keepalive_unanswered(lab: Lab) -> None:
    """The server's host is gone: three probes, then the client gives up with a RST."""
    client, server = lab.pair()
    client.sendall(b"x")
    server.recv(1)
    _keepalive(client, idle_s=1, interval_s=1, probes=3)
    lab.settle()
    lab.cut("server")
    lab.vanish(server)
    lab.wait_for(by("client", rst))


@scenario(handshake="complete", close="open", findings={"dead-peer"}, vantages=("client", "middle"))
def data_unanswered(lab: Lab) -> None:
    """The server's host is gone while the client sends; the client retransmits and gives up."""
    client, server = lab.pair()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 2500)
    cut = lab.cut("server")
    client.sendall(b"anyone?")
    time.sleep(3.5)
    for rule in cut:
        rule.off()
    lab.tick()


@scenario(
    handshake="complete",
    close="reset",
    vantages=("client", "middle"),
    findings={"dead-peer"},
    reset="no_connection",
    initiator="client",
)
def path_broken_then_back(lab: Lab) -> None:
    """The client gave up while the path was broken; later the server's data draws a RST."""
    client, server = lab.pair()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000)
    cut = lab.cut("server")
    client.sendall(b"anyone?")
    time.sleep(2.5)
    for rule in cut:
        rule.off()
    server.sendall(b"here I am")
    lab.wait_for(by("client", rst))


def _keepalive(client: socket.socket, idle_s: int, interval_s: int, probes: int) -> None:
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle_s)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval_s)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, probes)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


# --- states in which connections get stuck ---


@scenario(
    handshake="complete",
    close="half_closed",
    initiator="client",
    findings={"stuck-close-wait"},
    settings={"close_wait_after_s": 1.0},
    counts={"stuck-close-wait": 5},
)
def stuck_close_wait(lab: Lab) -> None:
    """Five clients close; the server's application never does."""
    listener = lab.listen()
    for _ in range(5):
        client = lab.connect()
        server = lab.accept(listener)
        client.sendall(b"request")
        server.recv(100)
        client.close()
    time.sleep(1.6)
    lab.tick()


@scenario(
    handshake="complete",
    close="half_closed",
    initiator="client",
    findings={"stuck-fin-wait-2"},
    settings={"fin_wait_2_s": 1.0, "fin_wait_2_after_s": 0.5},
)
def fin_wait_2_times_out(lab: Lab) -> None:
    """The client's orphaned FIN_WAIT_2 ends by tcp_fin_timeout."""
    lab.client.sysctl("tcp_fin_timeout", 1)
    client, server = lab.pair()
    client.sendall(b"request")
    server.recv(100)
    client.close()
    time.sleep(1.6)
    lab.tick()


@scenario(
    handshake="complete",
    may={"reset-after-close", "reset-no-connection"},
    settings={"fin_wait_2_s": 1.0, "fin_wait_2_after_s": 0.5, "close_wait_after_s": 1.0},
    findings={"stuck-fin-wait-2", "stuck-close-wait"},
)
def fin_after_fin_wait_2_timed_out(lab: Lab) -> None:
    """The server closes after the client's FIN_WAIT_2 has ended: its FIN draws a RST."""
    lab.client.sysctl("tcp_fin_timeout", 1)
    client, server = lab.pair()
    client.sendall(b"request")
    server.recv(100)
    client.close()
    time.sleep(1.6)
    lab.tick()
    server.close()
    lab.wait_for(by("client", rst))


@scenario(
    handshake="complete",
    close="half_closed",
    initiator="client",
    findings={"unacknowledged-fin"},
    settings={"fin_give_up_s": 3.0},
    vantages=("client", "middle"),
)
def fin_never_acknowledged(lab: Lab) -> None:
    """The server's host is gone: the client's FIN is sent again and again, then given up."""
    lab.client.sysctl("tcp_orphan_retries", 2)
    client, server = lab.pair()
    client.sendall(b"x")
    server.recv(1)
    lab.settle()
    cut = lab.cut("server")
    client.close()
    time.sleep(3.6)
    for rule in cut:
        rule.off()
    lab.tick()


@scenario(
    handshake="complete",
    close="four_way",
    initiator="client",
    findings={"unacknowledged-fin"},
    settings={"fin_give_up_s": 3.0, "fin_wait_2_s": 1.0},
    vantages=("server", "middle"),
)
def last_ack_never_comes(lab: Lab) -> None:
    """The client's host is unplugged while it waits for the server's FIN: LAST_ACK is given up."""
    lab.client.sysctl("tcp_fin_timeout", 1)
    lab.server.sysctl("tcp_orphan_retries", 2)
    client, server = lab.pair()
    client.sendall(b"x")
    server.recv(1)
    client.close()
    lab.settle()
    cut = lab.cut("client")
    server.close()
    time.sleep(3.6)
    for rule in cut:
        rule.off()
    lab.tick()


# A sender whose window was full cannot close in order within the time of a test: it aborts.
@scenario(handshake="complete", close="reset", initiator="client", reset="abort", findings={"reset-abort"})
def zero_window(lab: Lab) -> None:
    """The server does not read for a while: its window closes, the client probes it."""
    listener = lab.listen()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client = lab.connect()
    server = lab.accept(listener)
    client.settimeout(0.4)
    try:
        client.sendall(b"z" * 6_000_000)
    except TimeoutError:
        pass
    time.sleep(0.8)
    server.setblocking(False)
    for _ in range(40):
        try:
            while server.recv(65536):
                pass
        except BlockingIOError:
            time.sleep(0.01)
    lab.abort(client)


# --- TIME_WAIT ---


def _closed_by_client(lab: Lab, listener: socket.socket) -> None:
    client = lab.connect(source_port=0)
    server = lab.accept(listener)
    lab.close_in_turn(client, server)
    lab.settle()


@scenario(handshake="complete", close="four_way", initiator="client", findings={"time-wait-reuse"})
def port_reused_by_tw_reuse(lab: Lab) -> None:
    """tcp_tw_reuse: the client connects again from the port that is in TIME_WAIT."""
    lab.client.sysctl("tcp_tw_reuse", 1)
    lab.client.sysctl("ip_local_port_range", "50001 50001")
    listener = lab.listen()
    _closed_by_client(lab, listener)
    time.sleep(1.2)
    _closed_by_client(lab, listener)


@scenario(handshake="complete", close="four_way", initiator="client")
def port_not_reused_without_tw_reuse(lab: Lab) -> None:
    """Without tcp_tw_reuse the client's own kernel has no port left; then another range helps."""
    lab.client.sysctl("tcp_tw_reuse", 0)
    lab.client.sysctl("ip_local_port_range", "50001 50001")
    listener = lab.listen()
    _closed_by_client(lab, listener)
    time.sleep(1.2)
    try:
        lab.connect(source_port=0)
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise
    else:
        raise LabError("the kernel reused the port")
    lab.client.sysctl("ip_local_port_range", "50001 50002")
    _closed_by_client(lab, listener)


@scenario(handshake="complete", close="four_way", initiator="server", findings={"time-wait-reuse"})
def syn_accepted_in_time_wait(lab: Lab) -> None:
    """The server is in TIME_WAIT; a new SYN from the same port with a higher number is accepted."""
    listener = lab.listen()
    for _ in range(2):
        client = lab.connect(source_port=40001)
        server = lab.accept(listener)
        lab.close_in_turn(server, client)
        lab.settle()
        time.sleep(1.1)


@scenario(
    handshake="complete",
    close="four_way",
    initiator="client",
    findings={"time-wait-assassination"},
    reset="time_wait",
)
def time_wait_assassinated(lab: Lab) -> None:
    """An old segment draws an ACK from TIME_WAIT, a RST answers it and ends TIME_WAIT (RFC 1337)."""
    _assassinate(lab, 0)


@scenario(
    handshake="complete",
    close="four_way",
    initiator="client",
    vantages=("client", "middle"),
    may={"stray-reset"},
)
def time_wait_protected(lab: Lab) -> None:
    """The same with tcp_rfc1337 set: the RST is ignored, the next old segment is still answered."""
    lab.duplicate(by("server", first(data)), 2.0)
    _assassinate(lab, 1)
    lab.drop(by("server", rst), "sender")
    lab.settle()


def _assassinate(lab: Lab, rfc1337: int) -> None:
    lab.client.sysctl("tcp_rfc1337", rfc1337)
    client, server = lab.pair()
    lab.duplicate(by("server", first(data)), 0.6)
    server.sendall(b"old data")
    client.recv(100)
    lab.close_in_turn(client, server)
    lab.wait_for(by("server", rst))


@scenario(handshake="complete", close="four_way", initiator="client", speed="slow")
def time_wait_ends(lab: Lab) -> None:
    """TIME_WAIT is CLOSED after 60 s."""
    client, server = lab.pair()
    lab.close_in_turn(client, server)
    # The kernel's timer wheel rounds that up: by two seconds at 250 Hz, by five at 100.
    time.sleep(65.5)
    lab.tick()


@scenario(
    handshake="complete",
    findings={"time-wait-pile"},
    vantages=("middle",),
    speed="slow",
    counts={"time-wait-pile": 1000},
)
def time_wait_pile(lab: Lab) -> None:
    """A thousand short connections that the client closes first."""
    listener = lab.listen()
    for _ in range(1000):
        client = lab.connect()
        server = lab.accept(listener)
        client.close()
        server.recv(1)
        server.close()
