"""Lives that nobody thought of: both programs, hosts' settings and the way between drawn from a seed."""

from __future__ import annotations

import errno
import random
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from .network import Packet, Rule
from .script import Lab, Scenario

#: Hosts' settings that are drawn; each may stay as it is.
_SETTINGS: dict[str, tuple[int, ...]] = {
    "tcp_timestamps": (0,),
    "tcp_sack": (0,),
    "tcp_syncookies": (0, 2),
    "tcp_abort_on_overflow": (1,),
    "tcp_fin_timeout": (1,),
    "tcp_tw_reuse": (1,),
    "tcp_rfc1337": (1,),
    "tcp_orphan_retries": (1, 2),
    "tcp_retries2": (2, 3),
    "tcp_syn_retries": (1, 2),
    "tcp_synack_retries": (1, 2),
}
_FAST_OPEN = 0x607
_SERVER_PORT, _CLIENT_PORT = 7000, 40001
_SOCK_DESTROY, _LINGER_0 = 21, struct.pack("ii", 1, 0)


class Weather(Rule):
    """A way that loses, delays (and so reorders) and copies what one side sends, at random."""

    __slots__ = ("_copies", "_delay_s", "_from", "_jitter_s", "_loses", "_rng")

    def __init__(self, rng: random.Random, sender: str, near: str) -> None:
        super().__init__(self._meets, "delay", near)
        self._from = sender
        self._rng = random.Random(rng.random())
        self._loses = rng.choice((0, 0, 0, 0.05, 0.1, 0.2, 0.3))
        self._copies = rng.choice((0, 0, 0, 0.1, 0.3))
        self._delay_s = rng.choice((0.0, 0.0, 0.002, 0.02, 0.05))
        self._jitter_s = rng.choice((0.0, 0.0, 0.01, 0.06))

    def _meets(self, packet: Packet) -> bool:
        if packet.by != self._from:
            return False
        drawn = self._rng.random()
        self.seconds = self._delay_s + self._rng.random() * self._jitter_s
        if drawn < self._loses:
            self.action = "drop"
        elif drawn < self._loses + self._copies:
            self.action = "duplicate"
        else:
            self.action = "delay"
            return self.seconds > 0
        return True


class End:
    """One program: its socket, and what it may do with it. Whatever fails, fails as programs' calls do."""

    def __init__(self, lab: Lab, rng: random.Random, side: str, log: list[tuple[Any, ...]]) -> None:
        self.lab, self.rng, self.side, self.log = lab, rng, side, log
        self.socket: socket.socket | None = None
        self.listener: socket.socket | None = None

    def acts(self, name: str) -> None:
        action: Callable[[], object] = getattr(self, name)
        began_ns = time.monotonic_ns()
        try:
            result = action()
        except OSError as error:
            result = errno.errorcode.get(error.errno or 0, str(error))
        self.log.append((began_ns, self.side, name, result))

    def new(self, port: int) -> socket.socket:
        made = self.lab.new_socket(self.side, port)
        made.setblocking(False)
        if self.rng.random() < 0.15:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 1)
        if self.rng.random() < 0.1:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 500)
        if self.rng.random() < 0.1:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
        if self.rng.random() < 0.1:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        return made

    @property
    def peer(self) -> tuple[str, int]:
        if self.side == "client":
            return self.lab.server.address, _SERVER_PORT
        return self.lab.client.address, _CLIENT_PORT

    # Calls.

    def connect(self) -> object:
        self.socket = self.new(_CLIENT_PORT if self.side == "client" else _SERVER_PORT)
        return self.socket.connect_ex(self.peer)

    def connect_fast(self) -> object:
        self.socket = self.new(_CLIENT_PORT)
        return self.socket.sendto(b"f" * self.rng.choice((0, 10, 1000)), socket.MSG_FASTOPEN, self.peer)

    def listen(self) -> object:
        if self.listener is None:
            listener = self.new(_SERVER_PORT)
            if self.rng.random() < 0.15:
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)
            if self.rng.random() < 0.5:
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 8)
            listener.listen(self.rng.choice((0, 1, 8, 8, 8)))
            self.listener = listener
        return None

    def close_listener(self) -> object:
        if self.listener is not None:
            self.listener.close()
            self.listener = None
        return None

    def accept(self) -> object:
        if self.listener is None or self.socket is not None:
            return "-"
        self.socket = self.lab.accept(self.listener)
        self.socket.setblocking(False)
        return None

    def send(self) -> object:
        return self.socket and self.socket.send(b"d" * self.rng.choice((1, 100, 1500, 5000, 40000)))

    def recv(self) -> object:
        return self.socket and len(self.socket.recv(self.rng.choice((1, 1000, 100000))))

    def finish(self) -> object:
        return self.socket and self.socket.shutdown(socket.SHUT_WR)

    def deafen(self) -> object:
        return self.socket and self.socket.shutdown(socket.SHUT_RD)

    def shut(self) -> object:
        return self.socket and self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> object:
        if self.socket is not None:
            self.socket.close()
            self.socket = None
        return None

    def read_and_close(self) -> object:
        if self.socket is not None:
            try:
                while self.socket.recv(100000):
                    pass
            except OSError:
                pass
        return self.close()

    def abort(self) -> object:
        if self.socket is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
        return self.close()

    def vanish(self) -> object:
        if self.socket is not None:
            self.lab.vanish(self.socket)
            self.socket = None
        return None

    def kill(self) -> object:
        """``ss -K``: the administrator destroys the socket."""
        if self.socket is None:
            return "-"
        host = self.lab.host(self.side)
        local, remote = self.socket.getsockname(), self.peer
        query = (
            struct.pack("=BBBBI", host.family, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF)
            + struct.pack("!HH", local[1], remote[1])
            + socket.inet_pton(host.family, local[0]).ljust(16, b"\0")
            + socket.inet_pton(host.family, remote[0]).ljust(16, b"\0")
            + struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
        )
        with host.inside():
            asks = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)
        with asks:
            asks.send(struct.pack("=IHHII", 16 + len(query), _SOCK_DESTROY, 5, 0, 0) + query)
            answer = asks.recv(8192)
        return struct.unpack_from("=i", answer, 16)[0]


_WHILE_OPEN = ("send",) * 6 + ("recv",) * 6 + ("accept",) * 4
_TO_CLOSE = (
    ("finish",) * 3
    + ("close",) * 4
    + ("read_and_close",) * 5
    + ("shut", "deafen", "abort", "abort", "vanish", "kill")
)
_LATE = (
    "send",
    "recv",
    "recv",
    "close",
    "read_and_close",
    "read_and_close",
    "accept",
    "abort",
    "close_listener",
)
_PAUSES_S = (0.0, 0.0, 0.0, 0.01, 0.03, 0.08, 0.25)


def life(seed: int) -> Scenario:
    """The life of that number; played again it does the same, as far as the machine's pace allows."""
    log: list[tuple[Any, ...]] = []

    def script(lab: Lab) -> None:
        rng = random.Random(seed)
        for side in ("client", "server"):
            lab.host(side).sysctl("tcp_fastopen", _FAST_OPEN)
            for name, values in _SETTINGS.items():
                if rng.random() < 0.15:
                    value = rng.choice(values)
                    lab.host(side).sysctl(name, value)
                    log.append((time.monotonic_ns(), side, name, value))
        if rng.random() < 0.8:
            for sender in ("client", "server"):
                for near in ("sender", "receiver"):
                    lab.wire.rules.append(Weather(rng, sender, near))
        client, server = (End(lab, rng, side, log) for side in ("client", "server"))
        for _ in range(rng.choice((1, 1, 1, 1, 2, 3))):
            _play(rng, client, server)
        lab.settle(rng.choice((0.12, 0.12, 0.3, 0.7, 1.5)))

    return Scenario(f"random_{seed}", script, log=log)


def _pause(rng: random.Random, longer: float = 0.0) -> None:
    time.sleep(rng.choice(_PAUSES_S) or (longer if rng.random() < 0.3 else 0.0))


def _play(rng: random.Random, client: End, server: End) -> None:
    opening = rng.choice(("usual",) * 14 + ("fast",) * 3 + ("both",) * 2 + ("refused", "late", "unaccepted"))
    if opening == "both":
        server.acts("close_listener")
        server.acts("connect")
        _pause(rng)
        client.acts("connect")
    elif opening in ("refused", "late"):
        server.acts("close_listener")
        client.acts("connect")
        if opening == "late":
            time.sleep(rng.choice((0.01, 0.1)))
            server.acts("listen")
            time.sleep(1.0)
    else:
        server.acts("listen")
        client.acts("connect_fast" if opening == "fast" else "connect")
    if rng.random() < 0.8:
        time.sleep(0.06)
    if opening in ("usual", "fast", "late") and rng.random() < 0.9:
        for _ in range(30):
            server.acts("accept")
            if server.socket is not None or rng.random() < 0.03:
                break
            time.sleep(0.05)
    ends = (client, server)
    for _ in range(rng.choice((0, 1, 2, 4, 8))):
        rng.choice(ends).acts(rng.choice(_WHILE_OPEN))
        _pause(rng)
    first, second = ends if rng.random() < 0.5 else ends[::-1]
    first.acts(rng.choice(_TO_CLOSE))
    _pause(rng)
    for _ in range(rng.choice((0, 0, 1, 2))):
        rng.choice(ends).acts(rng.choice(_LATE))
        _pause(rng)
    second.acts(rng.choice(_TO_CLOSE))
    for _ in range(rng.choice((0, 0, 1, 2))):
        _pause(rng)
        rng.choice(ends).acts(rng.choice(_LATE))
    if rng.random() < 0.7:
        for each in ends:
            each.acts("read_and_close" if rng.random() < 0.7 else "close")
    if rng.random() < 0.2:
        time.sleep(rng.choice((0.3, 1.2)))
    for each in ends:
        # A program that forgets its socket (a leak) keeps it: the lab closes it at its end.
        each.socket = None
