"""What a scenario's script can do: sockets on both hosts, fault rules, waiting."""

from __future__ import annotations

import errno
import socket
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import dpkt

from .network import VANTAGES, Host, LabError, Match, Packet, Rule, Wire, anything, by, parse

FIRST_PORT, LAST_PORT = 7000, 7099
_TCP_REPAIR = 19


@dataclass(frozen=True)
class Scenario:
    """One script, and what an analysis of its traffic must say.

    ``findings`` are the kinds that must be reported, ``may`` those that can be besides (timing
    or the vantage point decides); no others. ``handshake``, ``close``, ``initiator`` and
    ``reset`` (its cause) are those of the first connection; None where the script does not
    decide them. ``settings`` go to the analysis. ``vantages``: where the traffic shows all that
    the endpoints did. ``unseen``: numbers of connections that do not exist at a vantage point.
    ``counts``: how many connections a finding is about.
    ``blind``: findings that cannot be seen from a vantage point.
    ``forged``: a segment that no endpoint sent, so that times cannot agree.
    ``log``: the calls of programs that were drawn, ``(monotonic ns, side, call, result)``, once they ran.
    """

    name: str
    script: Callable[[Lab], None]
    findings: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()
    handshake: str | None = None
    close: str | None = None
    initiator: str | None = None
    reset: str | None = None
    settings: dict[str, float] = field(default_factory=dict)
    vantages: tuple[str, ...] = VANTAGES
    unseen: dict[str, list[int]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    blind: dict[str, list[str]] = field(default_factory=dict)
    forged: bool = False
    speed: str = "quick"
    log: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def purpose(self) -> str:
        return (self.script.__doc__ or "").strip().split("\n")[0]


class Scenarios(list[Scenario]):
    """A list that scripts are put into by ``@NAME.scenario(...)``."""

    def scenario(
        self, *, findings: Iterable[str] = (), may: Iterable[str] = (), **expected: Any
    ) -> Callable[[Callable[[Lab], None]], Callable[[Lab], None]]:
        def register(script: Callable[[Lab], None]) -> Callable[[Lab], None]:
            self.append(Scenario(script.__name__, script, frozenset(findings), frozenset(may), **expected))
            return script

        return register


class Lab:
    """Two hosts, joined by a wire, for one run of one scenario."""

    def __init__(self, client_address: str, server_address: str) -> None:
        self.client = Host(client_address)
        self.server = Host(server_address)
        self.wire = Wire(self.client, self.server)
        for host in (self.client, self.server):
            host.sysctl("tcp_syn_linear_timeouts", 0)
        self._open: list[socket.socket] = []
        self._next_port = 40001
        self.wire.start()

    # Sockets.

    def host(self, side: str) -> Host:
        return self.client if side == "client" else self.server

    def new_socket(
        self, side: str = "client", port: int | None = None, timeout_s: float = 8.0, reuse: bool = True
    ) -> socket.socket:
        """A socket bound to that host's address; the next free port unless one is given."""
        if port is None:
            port, self._next_port = self._next_port, self._next_port + 1
        made = self.host(side).new_socket()
        made.settimeout(timeout_s)
        if reuse:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if port:
            made.bind((self.host(side).address, port))
        self._open.append(made)
        return made

    def listen(self, port: int = FIRST_PORT, backlog: int = 4096) -> socket.socket:
        listener = self.new_socket("server", port)
        listener.listen(backlog)
        return listener

    def accept(self, listener: socket.socket) -> socket.socket:
        accepted, _peer = listener.accept()
        accepted.settimeout(8.0)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open.append(accepted)
        return accepted

    def connect(self, port: int = FIRST_PORT, source_port: int | None = None) -> socket.socket:
        """connect() from the next free port, from the given one, or (0) from one the kernel chooses."""
        made = self.new_socket("client", source_port)
        made.connect((self.server.address, port))
        return made

    def start_connect(self, made: socket.socket, port: int = FIRST_PORT, to: str = "server") -> None:
        """connect() without waiting."""
        made.setblocking(False)
        result = made.connect_ex((self.host(to).address, port))
        if result not in (0, errno.EINPROGRESS):
            raise OSError(result, errno.errorcode[result])

    def pair(self, port: int = FIRST_PORT) -> tuple[socket.socket, socket.socket]:
        """A connection through a listener made for it: (client's socket, server's socket)."""
        listener = self.listen(port)
        client = self.connect(port)
        return client, self.accept(listener)

    @staticmethod
    def abort(victim: socket.socket) -> None:
        """close() with SO_LINGER of 0: a RST instead of a FIN."""
        victim.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        victim.close()

    @staticmethod
    def vanish(victim: socket.socket) -> None:
        """The socket is gone and nothing is sent, as when its host loses power (TCP_REPAIR)."""
        victim.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
        victim.close()

    @staticmethod
    def read_to_end(reader: socket.socket) -> bytes:
        """recv() until the peer's FIN."""
        parts = []
        while part := reader.recv(65536):
            parts.append(part)
        return b"".join(parts)

    @staticmethod
    def exchange(client: socket.socket, server: socket.socket) -> None:
        """A request, and its response once it has been read."""
        client.sendall(b"request")
        server.recv(100)
        server.sendall(b"response")
        client.recv(100)

    def close_in_turn(self, first: socket.socket, second: socket.socket) -> None:
        """One side closes; the other reads to the end, and closes after its ACK of the FIN."""
        first.close()
        self.read_to_end(second)
        time.sleep(0.1)
        second.close()

    # Faults.

    def _rule(self, rule: Rule) -> Rule:
        self.wire.rules.append(rule)
        return rule

    def drop(self, match: Match, near: str = "receiver") -> Rule:
        return self._rule(Rule(match, "drop", near))

    def delay(self, match: Match, seconds: float, near: str = "receiver") -> Rule:
        return self._rule(Rule(match, "delay", near, seconds))

    def duplicate(self, match: Match, after_s: float, near: str = "receiver") -> Rule:
        return self._rule(Rule(match, "duplicate", near, after_s))

    def cut(self, side: str) -> list[Rule]:
        """Unplug that host: nothing comes out of it and nothing gets in."""
        other = "server" if side == "client" else "client"
        return [self.drop(by(side, anything), "sender"), self.drop(by(other, anything), "receiver")]

    def forge(self, side: str, target: Packet, flags: int, seq: int, ack: int = 0) -> None:
        """Put a bare segment on the wire with the addresses of ``target``, as if ``side`` had sent it."""
        tcp = dpkt.tcp.TCP(
            sport=target.source[1],
            dport=target.target[1],
            seq=seq & 0xFFFFFFFF,
            ack=ack & 0xFFFFFFFF,
            flags=flags,
            win=512,
        )
        if len(target.source[0]) == 4:
            ip = dpkt.ip.IP(src=target.source[0], dst=target.target[0], p=dpkt.ip.IP_PROTO_TCP, data=tcp)
        else:
            ip = dpkt.ip6.IP6(
                src=target.source[0],
                dst=target.target[0],
                nxt=dpkt.ip.IP_PROTO_TCP,
                hlim=64,
                plen=len(tcp),
                data=tcp,
            )
        packet = parse(side, bytes(ip))
        assert packet is not None
        self.wire.inject([packet])

    def unreachable(self, quoted: Packet) -> None:
        """A router near the server answers a packet with ICMP: host (or address) unreachable."""
        router = self.server.address.rsplit(":" if ":" in self.server.address else ".", 1)
        if len(quoted.source[0]) == 4:
            source = socket.inet_pton(socket.AF_INET, router[0] + ".254")
            icmp = dpkt.icmp.ICMP(type=3, code=1, data=dpkt.icmp.ICMP.Unreach(data=quoted.data[:28]))
            raw = bytes(dpkt.ip.IP(src=source, dst=quoted.source[0], p=dpkt.ip.IP_PROTO_ICMP, data=icmp))
        else:
            source = socket.inet_pton(socket.AF_INET6, router[0] + ":254")
            icmp6 = dpkt.icmp6.ICMP6(type=1, code=3, data=b"\0\0\0\0" + quoted.data)
            ip6 = dpkt.ip6.IP6(
                src=source, dst=quoted.source[0], nxt=58, hlim=64, plen=len(bytes(icmp6)), data=icmp6
            )
            raw = bytes(ip6)
            raw = raw[:42] + _icmp6_checksum(raw) + raw[44:]
        packet = parse("server", raw)
        assert packet is not None
        self.wire.inject([packet])

    # Waiting.

    def wait_for(self, match: Match, count: int = 1, timeout_s: float = 8.0) -> Packet:
        """Until ``count`` such segments passed the middle; the last of them."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            if len(found := self.wire.seen(match)) >= count:
                return found[count - 1]
            time.sleep(0.005)
        raise LabError("what the script waited for never passed")

    def settle(self, quiet_s: float = 0.12) -> None:
        """Until nothing passed for so long and nothing is delayed."""
        time.sleep(quiet_s)  # what the script just did may not have been read yet
        while self.wire.busy or time.monotonic_ns() - self.wire.last_packet_ns < quiet_s * 1e9:
            time.sleep(0.01)
            if self.wire.error is not None:
                raise LabError(f"the wire broke: {self.wire.error!r}")

    def tick(self) -> None:
        """A short faultless connection on another port, so that the capture's clock moves on."""
        client, server = self.pair(LAST_PORT)
        client.close()
        self.read_to_end(server)
        server.close()
        self.settle()

    # The end.

    def finish(self) -> None:
        self.wire.stop()

    def close(self) -> None:
        if self.wire.is_alive():
            self.wire.stop()
        for victim in self._open:
            try:
                victim.close()
            except OSError:
                pass
        self.client.close()
        self.server.close()


def _icmp6_checksum(raw: bytes) -> bytes:
    body = bytearray(raw[40:])
    body[2:4] = b"\0\0"
    pseudo = raw[8:40] + struct.pack("!I3xB", len(body), 58)
    return struct.pack("!H", dpkt.in_cksum(pseudo + bytes(body)))
