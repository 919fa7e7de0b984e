"""Scenarios of what findings by cause are told from, as a Linux kernel makes it."""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

import dpkt

from .network import Packet, anything, by, data, parse, rst, syn
from .openings import crowd
from .script import Lab, Scenarios

CAUSES = Scenarios()
scenario = CAUSES.scenario

#: Payload that the black hole still lets through.
_PASSES_BYTES = 1200
_TCP_REPAIR, _TCP_TIMESTAMP = 19, 24
#: Out of repair mode without a window probe.
_WITHOUT_PROBE = -1


def larger(packet: Packet) -> bool:
    return packet.payload_bytes > _PASSES_BYTES


# --- windows and sizes ---


@scenario(handshake="complete", findings={"zero-window-stall"}, may={"reset-abort"}, speed="full")
def zero_window_stays(lab: Lab) -> None:
    """The server's application does not read: its window stays zero, probes are answered with zero."""
    listener = lab.listen()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
    client = lab.connect()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    server = lab.accept(listener)
    client.setblocking(False)
    try:
        for _ in range(20):
            client.send(b"z" * 1000)
    except BlockingIOError:
        pass
    time.sleep(4.5)
    server.close()


@scenario(
    handshake="complete", findings={"mtu-black-hole"}, blind={"client": ["mtu-black-hole"]}, speed="full"
)
def mtu_black_hole(lab: Lab) -> None:
    """A router on the way drops what is larger than it can pass on, and sends no ICMP."""
    client, server = lab.pair()
    lab.drop(by("server", larger))
    client.sendall(b"request")
    server.recv(100)
    server.sendall(b"r" * 3400)
    time.sleep(4.0)


# The small segments that get through are sent again and again at first: that is how it finds their size.
@scenario(handshake="complete", close="four_way", initiator="client", speed="full")
def mtu_black_hole_probed(lab: Lab) -> None:
    """The same path with tcp_mtu_probing=1 at the sender: it finds the size that passes."""
    lab.server.sysctl("tcp_mtu_probing", 1)
    client, server = lab.pair()
    lab.drop(by("server", larger))
    client.sendall(b"request")
    server.recv(100)
    server.sendall(b"r" * 3400)
    client.settimeout(8.0)
    got = 0
    while got < 3400:
        got += len(client.recv(65536))
    lab.close_in_turn(client, server)


# --- idle connections ---


@scenario(
    handshake="complete",
    initiator="server",
    findings={"keep-alive-race"},
    may={"reset-after-close", "half-close", "stray-reset"},
    speed="full",
)
def close_as_the_request_arrives(lab: Lab) -> None:
    """The server closes what was idle for 1 s; the second client's next request crosses its FIN."""
    listener = lab.listen()
    for number in range(2):
        client = lab.connect()
        server = lab.accept(listener)
        client.sendall(b"request " * 10)
        server.recv(100)
        server.sendall(b"response")
        client.recv(100)
        time.sleep(1.0)
        if number:
            slow = lab.delay(by("server", anything), 0.08)
            server.close()
            time.sleep(0.06)
            client.sendall(b"request " * 10)
            lab.wait_for(by("server", rst))
            slow.off()
            lab.settle()
        else:
            server.close()
            lab.read_to_end(client)
        client.close()
        lab.settle()


@scenario(
    handshake="complete", close="reset", findings={"reset-no-connection"}, reset="no_connection", speed="full"
)
def keepalive_probe_to_a_closed_socket(lab: Lab) -> None:
    """The server's socket is gone without a word; the client's keep-alive probe draws a RST."""
    client, server = lab.pair()
    lab.exchange(client, server)
    lab.settle()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    lab.vanish(server)
    lab.wait_for(by("server", rst))


@scenario(handshake="complete", close="four_way", initiator="client", forged=True, speed="full")
def paws_drops_an_old_timestamp(lab: Lab) -> None:
    """A segment whose timestamp is lower than the last one: the server drops it and says what it has."""
    client, server = lab.pair()
    lab.exchange(client, server)
    lab.settle()
    sent = lab.wait_for(by("client", data))
    lab.wire.inject([_older(sent)])
    lab.settle()
    client.sendall(b"request")
    assert server.recv(100) == b"request"
    lab.close_in_turn(client, server)


def _older(packet: Packet) -> Packet:
    """The next data behind a packet, as long, with a timestamp that is an hour older (RFC 7323 section 5)."""
    ip = dpkt.ip.IP(packet.data) if packet.data[0] >> 4 == 4 else dpkt.ip6.IP6(packet.data)
    tcp = ip.data
    options = bytearray(tcp.opts)
    at = options.index(b"\x08\x0a") + 2
    stamp = struct.unpack_from("!I", options, at)[0]
    struct.pack_into("!I", options, at, (stamp - 3_600_000) & 0xFFFFFFFF)
    tcp.opts = bytes(options)
    tcp.seq = (tcp.seq + packet.payload_bytes) & 0xFFFFFFFF
    tcp.sum = 0
    if isinstance(ip, dpkt.ip.IP):
        ip.sum = 0
    again = parse(packet.by, bytes(ip))
    assert again is not None
    return again


# --- the accept queue ---


@scenario(
    handshake="complete",
    findings={"accept-queue-full"},
    may={"reset-no-connection", "half-open-handshake", "stray-reset", "dead-peer"},
    speed="full",
)
def accept_queue_full_until_reset(lab: Lab) -> None:
    """The accept queue stays full: data is not acknowledged, and in the end draws a RST."""
    lab.server.sysctl("tcp_synack_retries", 2)
    lab.listen(backlog=1)
    for client in crowd(lab):
        client.sendall(b"request")
    lab.wait_for(by("server", rst), timeout_s=16.0)


@scenario(findings={"accept-queue-full"}, may={"unresponsive-server", "reset-abort"}, speed="full")
def application_hangs(lab: Lab) -> None:
    """Nobody accepts: the kernel acknowledges what the first clients ask, and drops the SYNs of others."""
    lab.listen(backlog=1)
    for client in [lab.connect() for _ in range(2)]:
        client.sendall(b"request")
    lab.settle()
    for client in [lab.new_socket() for _ in range(2)]:
        lab.start_connect(client)
    lab.wait_for(by("client", syn), 8, timeout_s=16.0)


# --- TIME_WAIT ---


def _syn_meets_time_wait(lab: Lab, rfc1337: int = 0, unstamped: bool = False) -> bool:
    """The client uses its port again, and its clock is an hour behind what TIME_WAIT saw; was it taken?

    ``unstamped``: its second SYN has no timestamp.
    """
    lab.server.sysctl("tcp_rfc1337", rfc1337)
    listener = lab.listen()
    client = lab.connect()
    port = client.getsockname()[1]
    server = lab.accept(listener)
    client.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
    stamp = client.getsockopt(socket.IPPROTO_TCP, _TCP_TIMESTAMP)
    client.setsockopt(socket.IPPROTO_TCP, _TCP_TIMESTAMP, struct.pack("=I", (stamp + 3_600_000) & 0xFFFFFFFF))
    client.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, _WITHOUT_PROBE)
    lab.exchange(client, server)
    lab.close_in_turn(server, client)
    lab.settle()
    if unstamped:
        lab.client.sysctl("tcp_timestamps", 0)
    again = lab.new_socket("client", port, timeout_s=4.0)
    try:
        again.connect((lab.server.address, 7000))
    except TimeoutError:
        again.close()
        return False
    server = lab.accept(listener)
    lab.close_in_turn(again, server)
    return True


_MEETS: dict[str, Any] = {
    "handshake": "complete",
    "close": "four_way",
    "initiator": "server",
    "findings": {"time-wait-reuse"},
    "may": {"time-wait-assassination", "stray-reset", "slow-connect"},
    "speed": "full",
}


@scenario(**_MEETS)
def syn_meets_time_wait(lab: Lab) -> None:
    """A SYN that is no newer than TIME_WAIT (tcp_rfc1337=0): ACK, RST, and the second SYN is accepted."""
    assert _syn_meets_time_wait(lab, 0)


@scenario(**_MEETS)
def syn_meets_time_wait_rfc1337(lab: Lab) -> None:
    """The same with tcp_rfc1337=1: the RST does not end TIME_WAIT, and no SYN is accepted."""
    assert not _syn_meets_time_wait(lab, 1)


_REUSES: dict[str, Any] = {**_MEETS, "may": set()}


@scenario(**_REUSES)
def syn_without_timestamp_meets_time_wait(lab: Lab) -> None:
    """tcp_timestamps=0 at the client: TIME_WAIT goes by the number alone, and its first SYN is accepted."""
    assert _syn_meets_time_wait(lab, unstamped=True)


@scenario(**_REUSES)
def syn_meets_time_wait_without_timestamps(lab: Lab) -> None:
    """tcp_timestamps=0 at the server: it has no timestamp to compare, and accepts the first SYN."""
    lab.server.sysctl("tcp_timestamps", 0)
    assert _syn_meets_time_wait(lab)
