"""Two hosts and the wire between them, on one Linux machine.

Each host is a network namespace with one TUN interface. A thread, the *wire*, reads
every IP packet that a host sends, applies fault rules, notes what passes three vantage
points and hands the packet to the other host::

    client host -- [tap client] -- faults near the client -- [tap middle]
                                -- faults near the server -- [tap server] -- server host

TUN gives whole IP packets as the stack sends them: no offload, no ARP, no checksums
left for hardware. The namespaces have no name and live as long as something holds them
open, so nothing is left behind even after SIGKILL, and parallel runs cannot collide.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import dpkt

SIDES = ("client", "server")
VANTAGES = ("client", "middle", "server")

_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK, _SIOCGIFINDEX = 0x8914, 0x8916, 0x891C, 0x8933
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_LINKTYPE_RAW = 101

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10


class LabError(RuntimeError):
    """The lab itself failed (not the tracker)."""


def missing() -> str:
    """Why the lab cannot run here, or the empty string."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "the kernel lab needs root"
    if not os.path.exists("/dev/net/tun"):
        return "the kernel lab needs /dev/net/tun"
    try:
        os.close(_new_namespace())
    except OSError as error:
        return f"the kernel lab needs network namespaces: {error}"
    return ""


# --- namespaces -----------------------------------------------------------------------

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _new_namespace() -> int:
    """An open file that stands for a new network namespace."""
    outcome: list[int | OSError] = []

    def make() -> None:
        try:
            _checked(_libc.unshare(_CLONE_NEWNET), "unshare")
            outcome.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=make)  # unshare() moves only the thread that calls it
    thread.start()
    thread.join()
    if isinstance(outcome[0], OSError):
        raise outcome[0]
    return outcome[0]


@contextmanager
def _inside(namespace: int) -> Iterator[None]:
    """Run the body of ``with`` in that namespace; sockets made there stay there."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _checked(_libc.setns(namespace, _CLONE_NEWNET), "setns")
        try:
            yield
        finally:
            _checked(_libc.setns(home, _CLONE_NEWNET), "setns")
    finally:
        os.close(home)


class Host:
    """One namespace with a TUN interface ``lab0`` that has the given address."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._namespace = _new_namespace()
        with self.inside():
            self.tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            fcntl.ioctl(self.tun, _TUNSETIFF, struct.pack("16sH22x", b"lab0", _IFF_TUN | _IFF_NO_PI))
            self.diag = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)  # NETLINK_SOCK_DIAG
            self._configure()

    def _configure(self) -> None:
        if self.family == socket.AF_INET6:
            # No duplicate address detection, no link-local address, no router solicitations.
            for name, value in (
                ("accept_dad", 0),
                ("addr_gen_mode", 1),
                ("accept_ra", 0),
                ("router_solicitations", 0),
            ):
                _write(f"/proc/sys/net/ipv6/conf/lab0/{name}", str(value))
        with socket.socket(self.family, socket.SOCK_DGRAM) as control:
            if self.family == socket.AF_INET6:
                index = struct.unpack_from(
                    "=i", fcntl.ioctl(control, _SIOCGIFINDEX, struct.pack("16s24x", b"lab0")), 16
                )[0]
                self._up(control)
                request = struct.pack("=16sIi", socket.inet_pton(self.family, self.address), 64, index)
                fcntl.ioctl(control, _SIOCSIFADDR, request)
                self._wait_for_address()
            else:
                for number, address in ((_SIOCSIFADDR, self.address), (_SIOCSIFNETMASK, "255.255.255.0")):
                    raw = socket.inet_pton(self.family, address)
                    fcntl.ioctl(control, number, struct.pack("=16sHH4s16x", b"lab0", socket.AF_INET, 0, raw))
                self._up(control)

    def _wait_for_address(self) -> None:
        """An IPv6 address is "tentative" until a worker of the kernel has seen that it needs no DAD."""
        until = time.monotonic() + 5
        while time.monotonic() < until:
            with socket.socket(self.family, socket.SOCK_DGRAM) as probe:
                try:
                    probe.bind((self.address, 0))
                    return
                except OSError:
                    time.sleep(0.002)
        raise LabError("the IPv6 address stays tentative")

    @staticmethod
    def _up(control: socket.socket) -> None:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("=16sH22x", b"lab0", _IFF_UP | _IFF_RUNNING))

    @contextmanager
    def inside(self) -> Iterator[None]:
        with _inside(self._namespace):
            yield

    def sysctl(self, name: str, value: object) -> None:
        """Set ``net.ipv4.<name>`` of this host (TCP's settings for IPv6 too)."""
        with self.inside():
            _write(f"/proc/sys/net/ipv4/{name}", str(value))

    def new_socket(self) -> socket.socket:
        with self.inside():
            return socket.socket(self.family, socket.SOCK_STREAM)

    def socket_state(self, local: tuple[bytes, int], remote: tuple[bytes, int]) -> tuple[int, bool] | None:
        """Ask the kernel (sock_diag, as ``ss`` does) for the state of one connection's socket.

        Returns the kernel's state number and whether it is a "mini-socket" (TIME_WAIT or
        a request that waits for the third ACK), or None where only a listener, or nothing, is.
        """
        query = (
            struct.pack("=BBBBI", self.family, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF)
            + struct.pack("!HH", local[1], remote[1])
            + local[0].ljust(16, b"\0")
            + remote[0].ljust(16, b"\0")
            + struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
        )
        self.diag.send(struct.pack("=IHHII", 16 + len(query), 20, 1, 0, 0) + query)
        answer = self.diag.recv(8192)
        if struct.unpack_from("=H", answer, 4)[0] != 20:
            return None
        _family, state, timer = struct.unpack_from("=BBB", answer, 16)
        if state == 10:  # the lookup fell through to the listener
            return None
        inode = struct.unpack_from("=I", answer, 16 + 68)[0]
        request = state in (3, 12) and inode == 0
        return (3 if state == 12 else state), timer == 3 or request

    def close(self) -> None:
        self.diag.close()
        os.close(self.tun)
        os.close(self._namespace)


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


# --- segments and fault rules ----------------------------------------------------------


@dataclass(slots=True)
class Packet:
    """One IP packet on the wire; ``by`` is the side that sent it."""

    by: str
    data: bytes
    source: tuple[bytes, int] = (b"", 0)
    target: tuple[bytes, int] = (b"", 0)
    flags: int = 0
    seq: int = 0
    ack: int = 0
    window: int = 0
    payload_bytes: int = 0
    is_tcp: bool = False

    @property
    def end(self) -> int:
        """The number after it."""
        return (self.seq + self.payload_bytes + bool(self.flags & SYN) + bool(self.flags & FIN)) & 0xFFFFFFFF


def parse(by: str, data: bytes) -> Packet | None:
    """Read a packet that a host's stack sent; None for link chatter (multicast)."""
    packet = Packet(by, data)
    if data[0] >> 4 == 4:
        ip = dpkt.ip.IP(data)
        if ip.dst[0] >= 224:
            return None
        length = len(data)
    else:
        ip = dpkt.ip6.IP6(data)
        if ip.dst[0] == 0xFF:
            return None
        length = len(data)
    tcp = ip.data
    if isinstance(tcp, dpkt.tcp.TCP):
        packet.is_tcp = True
        packet.source, packet.target = (ip.src, tcp.sport), (ip.dst, tcp.dport)
        packet.flags, packet.seq, packet.ack, packet.window = tcp.flags & 0x3F, tcp.seq, tcp.ack, tcp.win
        header = 20 if data[0] >> 4 == 4 else 40
        packet.payload_bytes = length - header - tcp.off * 4
    return packet


Match = Callable[[Packet], bool]


def syn(packet: Packet) -> bool:
    return packet.is_tcp and packet.flags & (SYN | ACK | RST) == SYN


def syn_ack(packet: Packet) -> bool:
    return packet.is_tcp and packet.flags & (SYN | ACK) == SYN | ACK


def fin(packet: Packet) -> bool:
    return packet.is_tcp and bool(packet.flags & FIN)


def rst(packet: Packet) -> bool:
    return packet.is_tcp and bool(packet.flags & RST)


def data(packet: Packet) -> bool:
    return packet.payload_bytes > 0


def pure_ack(packet: Packet) -> bool:
    return packet.is_tcp and packet.flags & (SYN | FIN | RST | ACK) == ACK and packet.payload_bytes == 0


def anything(packet: Packet) -> bool:
    return True


def by(side: str, match: Match) -> Match:
    """Only what that side sends."""
    return lambda packet: packet.by == side and match(packet)


def nth(number: int, match: Match) -> Match:
    """Only the number-th match (from 1)."""
    seen = 0

    def only(packet: Packet) -> bool:
        nonlocal seen
        if match(packet):
            seen += 1
            return seen == number
        return False

    return only


def first(match: Match) -> Match:
    return nth(1, match)


@dataclass(slots=True)
class Rule:
    """A fault: ``near`` is "receiver" (after the middle vantage point) or "sender" (before it)."""

    match: Match
    action: str
    near: str = "receiver"
    seconds: float = 0.0
    active: bool = True

    def off(self) -> None:
        self.active = False


# --- the wire ---------------------------------------------------------------------------


@dataclass(slots=True)
class Sample:
    """The kernel's answer about one socket, asked right after a packet or a poll.

    ``why``: "sent", "delivered" (with the packet's ``flags``, the number after it and its ACK) or "poll".
    ``after_ns`` is taken when the packet began its way into the host, ``ts_ns`` when the answer came.
    """

    after_ns: int
    ts_ns: int
    side: str
    local: tuple[bytes, int]
    remote: tuple[bytes, int]
    state: int | None
    mini: bool
    why: str
    flags: int
    end: int = 0
    ack: int = 0


@dataclass(slots=True)
class Capture:
    """What passed one vantage point: (CLOCK_MONOTONIC nanoseconds, packet bytes)."""

    frames: list[tuple[int, bytes]] = field(default_factory=list)


class Wire(threading.Thread):
    """The forwarder between two hosts, and the observer of their sockets."""

    POLL_SECONDS = 0.05

    def __init__(self, client: Host, server: Host) -> None:
        super().__init__(name="wire", daemon=True)
        self.hosts = {"client": client, "server": server}
        self.rules: list[Rule] = []
        self.captures = {vantage: Capture() for vantage in VANTAGES}
        self.samples: list[Sample] = []
        self._passed: list[Packet] = []
        self.last_packet_ns = time.monotonic_ns()
        self.error: BaseException | None = None
        self._waiting: list[tuple[int, int, Callable[[], None]]] = []
        self._number = 0
        self._minis: dict[tuple[str, tuple[bytes, int], tuple[bytes, int]], int | None] = {}
        self._stop_at: int | None = None
        self._lock = threading.Lock()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    # Called from the scenario's thread.

    def inject(self, packets: list[Packet]) -> None:
        """Put forged packets on the wire before the middle vantage point, as from ``packet.by``."""
        with self._lock:
            for packet in packets:
                self._later(0.0, partial(self._middle, packet))
        os.eventfd_write(self._wake, 1)

    @property
    def busy(self) -> bool:
        return bool(self._waiting)

    def seen(self, match: Match) -> list[Packet]:
        """What passed the middle vantage point so far and matches."""
        return [packet for packet in list(self._passed) if match(packet)]

    def stop(self) -> None:
        self._stop_at = time.monotonic_ns()
        os.eventfd_write(self._wake, 1)
        self.join(10)
        os.close(self._wake)

    # The thread itself.

    def run(self) -> None:
        poll = select.poll()
        tuns = {host.tun: side for side, host in self.hosts.items()}
        for descriptor in (*tuns, self._wake):
            poll.register(descriptor, select.POLLIN)
        next_poll = time.monotonic() + self.POLL_SECONDS
        try:
            while self._stop_at is None:
                until = next_poll
                if self._waiting:
                    until = min(until, self._waiting[0][0] / 1e9)
                for descriptor, _event in poll.poll(max(0.0, (until - time.monotonic()) * 1000)):
                    if descriptor in tuns:
                        self._read(tuns[descriptor], descriptor)
                    else:
                        os.eventfd_read(self._wake)
                while self._waiting and self._waiting[0][0] <= time.monotonic_ns():
                    with self._lock:
                        step = heapq.heappop(self._waiting)[2]
                    step()
                if time.monotonic() >= next_poll:
                    self._poll_minis()
                    next_poll = time.monotonic() + self.POLL_SECONDS
        except BaseException as error:  # reported by the scenario's runner
            self.error = error

    def _read(self, side: str, descriptor: int) -> None:
        while True:
            try:
                raw = os.read(descriptor, 65536)
            except BlockingIOError:
                return
            packet = parse(side, raw)
            if packet is None:
                continue
            self._tap(side, packet)
            if packet.is_tcp:
                self._ask(side, packet.source, packet.target, "sent", packet, time.monotonic_ns())
            self._stage("sender", packet, partial(self._middle, packet))

    def _middle(self, packet: Packet) -> None:
        self._tap("middle", packet)
        self._passed.append(packet)
        self._stage("receiver", packet, lambda: self._deliver(packet))

    def _deliver(self, packet: Packet) -> None:
        side = "server" if packet.by == "client" else "client"
        self._tap(side, packet)
        before_ns = time.monotonic_ns()
        # The stack handles the packet before write() returns, answers included.
        os.write(self.hosts[side].tun, packet.data)
        if packet.is_tcp:
            self._ask(side, packet.target, packet.source, "delivered", packet, before_ns)

    def _stage(self, near: str, packet: Packet, go_on: Callable[[], None]) -> None:
        for rule in self.rules:
            if rule.active and rule.near == near and rule.match(packet):
                if rule.action == "drop":
                    return
                if rule.action == "delay":
                    with self._lock:
                        self._later(rule.seconds, go_on)
                    return
                if rule.action == "duplicate":
                    with self._lock:
                        self._later(rule.seconds, go_on)
        go_on()

    def _later(self, seconds: float, step: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._waiting, (time.monotonic_ns() + int(seconds * 1e9), self._number, step))

    def _tap(self, vantage: str, packet: Packet) -> None:
        self.last_packet_ns = time.monotonic_ns()
        self.captures[vantage].frames.append((self.last_packet_ns, packet.data))

    def _ask(
        self,
        side: str,
        local: tuple[bytes, int],
        remote: tuple[bytes, int],
        why: str,
        packet: Packet | None,
        after_ns: int,
    ) -> None:
        answer = self.hosts[side].socket_state(local, remote)
        state, mini = answer if answer else (None, False)
        key = (side, local, remote)
        if why == "poll" and state == self._minis.get(key):
            return
        passes = (packet.flags, packet.end, packet.ack) if packet else (0, 0, 0)
        self.samples.append(
            Sample(after_ns, time.monotonic_ns(), side, local, remote, state, mini, why, *passes)
        )
        if mini:
            self._minis[key] = state
        else:
            self._minis.pop(key, None)

    def _poll_minis(self) -> None:
        for side, local, remote in list(self._minis):
            self._ask(side, local, remote, "poll", None, time.monotonic_ns())


def write_pcap(path: os.PathLike[str], capture: Capture, offset_ns: int) -> None:
    """Write a nanosecond pcap; ``offset_ns`` turns the monotonic clock into the epoch's."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, _LINKTYPE_RAW))
        for ts_ns, raw in capture.frames:
            seconds, rest = divmod(ts_ns + offset_ns, 1_000_000_000)
            file.write(struct.pack("<IIII", seconds, rest, len(raw), len(raw)) + raw)
