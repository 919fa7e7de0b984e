"""The language that scenarios are written in, in the spirit of packetdrill.

A scenario is a function of a `Capture`. It opens connections on it and says who
sends what; each line is one segment as it passes the vantage point::

    c, s, wait = capture.connection("10.0.0.10:40000", "10.0.0.20:80")
    c.syn(); s.syn_ack(); c.ack()
    wait(12)
    c.fin(); s.ack()

The endpoints keep their own sequence numbers, windows, time stamps and IP
identifications, and acknowledge what has reached them. Two keywords say what the
network does to a segment: ``seen=False`` did not pass the vantage point (lost
before it, or missed by the capture), ``arrives=False`` does not reach its
receiver (lost behind the vantage point, or still in flight: then
``receiver.gets(segment)`` later lets it arrive).

Each connection has a clock of its own, so connections written one after the
other may overlap in time; the capture puts all frames in order at the end.
Tests of findings play scenarios to the tracker at once, all by one clock
(``tests/findings/stage.py``).
"""

from __future__ import annotations

import ipaddress
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict, Unpack

import dpkt

#: The first second of every capture: 2026-03-02 10:00:00 UTC.
EPOCH_NS = 1_772_445_600 * 10**9
LINK_ETHERNET = 1
LINK_RAW_IP = 101

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
MSS_BYTES = 1460
WINDOW_SCALE = 7

Scenario = Callable[["Capture"], None]
#: Every scenario by the name of the file it writes, with the rows of the design it shows.
SCENARIOS: dict[str, tuple[Scenario, tuple[str, ...]]] = {}


def shows(*rows: str, suffix: str = ".pcap") -> Callable[[Scenario], Scenario]:
    """Register a scenario; its file is named after the function."""

    def register(scenario: Scenario) -> Scenario:
        SCENARIOS[scenario.__name__ + suffix] = (scenario, rows)
        return scenario

    return register


class Network(TypedDict, total=False):
    """What becomes of a segment on its way."""

    seen: bool
    arrives: bool


@dataclass
class Sent:
    """One segment on its way, as its sender made it."""

    seq: int
    ack: int
    flags: int
    payload: bytes
    ts_val: int
    ip: bytes

    @property
    def next_seq(self) -> int:
        """The sequence number after it (RFC 9293 section 3.4: SYN and FIN count one each)."""
        length = len(self.payload) + bool(self.flags & SYN) + bool(self.flags & FIN)
        return (self.seq + length) & 0xFFFFFFFF


@dataclass
class Frame:
    """One frame as the capture holds it."""

    ts_ns: int
    data: bytes
    original_bytes: int
    interface: int = 0


class Clock:
    """The time at the vantage point as one connection goes on."""

    def __init__(self, start_s: float) -> None:
        self.now_ns = EPOCH_NS + round(start_s * 10**9)
        self.last_sender: object = None

    def wait(self, seconds: float) -> None:
        self.now_ns += round(seconds * 10**9)

    def until(self, second: float) -> None:
        """Go on to a second of the capture."""
        self.now_ns = EPOCH_NS + round(second * 10**9)


class Endpoint:
    """One side of a connection: what it has sent, what has reached it, how it numbers its packets."""

    peer: Endpoint

    def __init__(self, capture: Capture, clock: Clock, where: str, distance_ms: float) -> None:
        host, _, port = where.rpartition(":")
        self.capture = capture
        self.clock = clock
        self.address = ipaddress.ip_address(host.strip("[]"))
        self.port = int(port)
        self.mac = b"\x02\x00" + self.address.packed[-4:]
        self.distance_ms = distance_ms
        self.rng = rng = capture.rng
        self.isn = rng.randrange(2**32)
        self.snd_nxt = self.isn
        self.rcv_nxt = 0
        self.out_of_order: list[Sent] = []
        self.window_bytes = 64_256
        self.timestamps = True
        #: Tells by SACK what came behind a hole (RFC 2018).
        self.sack = False
        #: Subtypes of Multipath TCP's option in all that it sends (RFC 8684 section 3), a bit each.
        self.mptcp = 0
        self.ts_offset = rng.randrange(2**32)
        self.ts_recent = 0
        self.ip_id = rng.randrange(2**16)
        self.ttl = 64
        #: Whether the capture catches what this side sends.
        self.seen = True
        self.last: Sent | None = None

    # What a side sends ----------------------------------------------------

    def syn(self, payload: bytes = b"", cookie: bytes | None = None, **network: Unpack[Network]) -> Sent:
        """Ask for a connection; again with the same ISN if it is called again."""
        return self.send(SYN, payload, seq=self.isn, cookie=cookie, **network)

    def syn_ack(self, **network: Unpack[Network]) -> Sent:
        return self.send(SYN | ACK, seq=self.isn, **network)

    def ack(self, **network: Unpack[Network]) -> Sent:
        return self.send(ACK, **network)

    def data(self, size_bytes: int, **network: Unpack[Network]) -> Sent:
        """New payload, in as many segments as it needs; the last one is returned."""
        most = MSS_BYTES - 12 * self.timestamps
        while size_bytes > most:
            self.send(ACK, text(most), **network)
            size_bytes -= most
        return self.send(PSH | ACK, text(size_bytes), **network)

    def says(self, payload: bytes, **network: Unpack[Network]) -> Sent:
        """New payload, these bytes, in one segment."""
        return self.send(PSH | ACK, payload, **network)

    def fin(self, **network: Unpack[Network]) -> Sent:
        return self.send(FIN | ACK, **network)

    def again(self, segment: Sent | None = None, **network: Unpack[Network]) -> Sent:
        """Retransmit a segment (the last one by default) with a fresh acknowledgment and time stamp."""
        segment = segment or self.last
        assert segment is not None
        return self.send(segment.flags, segment.payload, seq=segment.seq, **network)

    def delayed_copy(self, segment: Sent, **network: Unpack[Network]) -> Sent:
        """An old retransmission that wandered through the network: acknowledgment and time stamp of then."""
        return self.send(
            segment.flags, segment.payload, seq=segment.seq, ack=segment.ack, then=segment, **network
        )

    def repeat(
        self, times: int, first_s: float, segment: Sent | None = None, **network: Unpack[Network]
    ) -> None:
        """Retransmit into silence, the wait doubling from ``first_s`` (RFC 6298 section 5)."""
        for attempt in range(times):
            self.clock.wait(first_s * 2**attempt)
            self.again(segment, **network)

    def keep_alive(self, **network: Unpack[Network]) -> Sent:
        """A probe: the last sequence number once more, no payload (RFC 9293 section 3.8.4)."""
        return self.send(ACK, seq=self.snd_nxt - 1, **network)

    def rst(self, offset: int = 0, **network: Unpack[Network]) -> Sent:
        """Abort: a RST at SND.NXT (``offset`` beside it for a RST that does not fit)."""
        return self.send(RST | ACK, seq=self.snd_nxt + offset, **network)

    def rst_to(self, segment: Sent | None = None, **network: Unpack[Network]) -> Sent:
        """The RST that a host without such a connection answers a segment with (the peer's last by default).

        RFC 9293 section 3.10.7.1.
        """
        segment = segment or self.peer.last
        assert segment is not None
        if segment.flags & ACK:
            return self.send(RST, seq=segment.ack, ack=0, bare=True, **network)
        return self.send(RST | ACK, seq=0, ack=segment.next_seq, bare=True, **network)

    def send(
        self,
        flags: int,
        payload: bytes = b"",
        *,
        seq: int | None = None,
        ack: int | None = None,
        bare: bool = False,
        cookie: bytes | None = None,
        then: Sent | None = None,
        seen: bool | None = None,
        arrives: bool = True,
    ) -> Sent:
        """Any segment: at SND.NXT, acknowledging what has arrived, unless ``seq`` or ``ack`` is given."""
        clock = self.clock
        self.capture.segment_takes(clock, self)
        clock.last_sender = self
        seq = (self.snd_nxt if seq is None else seq) & 0xFFFFFFFF
        if ack is None:
            ack = self.rcv_nxt if flags & ACK else 0
        ack &= 0xFFFFFFFF
        ts_val = (self.ts_offset + (clock.now_ns - EPOCH_NS) // 10**6) & 0xFFFFFFFF
        if then is not None:
            ts_val = then.ts_val
        tcp = dpkt.tcp.TCP(
            sport=self.port,
            dport=self.peer.port,
            seq=seq,
            ack=ack,
            flags=flags,
            win=self._window_field(flags, bare),
            data=payload,
        )
        tcp.opts = self._options(flags, ts_val, bare, cookie)
        tcp.off = 5 + len(tcp.opts) // 4
        # Linux sends the SYN+ACK and a RST for no socket with identification 0.
        no_socket = bare or flags & (SYN | ACK) == SYN | ACK
        ip = ip_packet(self, self.peer, tcp, 0 if no_socket else self.ip_id)
        if not no_socket:
            self.ip_id = (self.ip_id + 1) & 0xFFFF
        sent = Sent(seq, ack, flags, payload, ts_val, ip)
        if not flags & RST and ((sent.next_seq - self.snd_nxt) & 0xFFFFFFFF) < 2**31:
            self.snd_nxt = sent.next_seq
        self.last = sent
        if self.seen if seen is None else seen:
            self.capture.write(clock.now_ns, ip, self.mac, self.peer.mac)
        if arrives:
            self.peer.gets(sent)
        return sent

    # What reaches it ------------------------------------------------------

    def gets(self, segment: Sent) -> None:
        """A segment arrives."""
        self.ts_recent = segment.ts_val
        if segment.flags & RST:
            return
        if segment.flags & SYN:
            self.rcv_nxt = segment.next_seq
            return
        self.out_of_order.append(segment)
        moved = True
        while moved:
            moved = False
            for waiting in self.out_of_order:
                begins_before = (waiting.seq - self.rcv_nxt - 1) & 0x80000000
                ends_after = 0 < (waiting.next_seq - self.rcv_nxt) & 0xFFFFFFFF < 2**31
                if begins_before and ends_after:
                    self.rcv_nxt = waiting.next_seq
                    moved = True

    def forget(self, isn: int | None = None) -> None:
        """A new incarnation on the same address and port: new ISN, nothing received."""
        self.isn = self.rng.randrange(2**32) if isn is None else isn
        self.snd_nxt = self.isn
        self.rcv_nxt = 0
        self.out_of_order.clear()
        self.last = None

    # ----------------------------------------------------------------------

    def _window_field(self, flags: int, bare: bool) -> int:
        if bare:
            return 0
        if flags & SYN:
            return 64_240
        return self.window_bytes >> WINDOW_SCALE

    def _options(self, flags: int, ts_val: int, bare: bool, cookie: bytes | None) -> bytes:
        if bare:
            return b""
        stamps = struct.pack("!BBII", 8, 10, ts_val, self.ts_recent) if self.timestamps else b""
        if not flags & SYN:
            return (b"\x01\x01" + stamps if stamps else b"") + self._sack_block() + self._mptcp_options()
        options = struct.pack("!BBHBB", 2, 4, MSS_BYTES, 4, 2) + (stamps or b"\x01\x01")
        options += struct.pack("!BBBB", 1, 3, 3, WINDOW_SCALE)
        if cookie is not None:
            # Fast Open (RFC 7413 section 4.1.1).
            options += struct.pack("!BB", 34, 2 + len(cookie)) + cookie
        options += self._mptcp_options()
        return options + b"\x01" * (-len(options) % 4)

    def _sack_block(self) -> bytes:
        behind = [
            segment for segment in self.out_of_order if 0 < (segment.seq - self.rcv_nxt) % 2**32 < 2**31
        ]
        if not self.sack or not behind:
            return b""
        left = min(behind, key=lambda segment: (segment.seq - self.rcv_nxt) % 2**32)
        right = max(behind, key=lambda segment: (segment.next_seq - self.rcv_nxt) % 2**32)
        return struct.pack("!BBBBII", 1, 1, 5, 10, left.seq, right.next_seq)

    def _mptcp_options(self) -> bytes:
        return b"".join(
            struct.pack("!BBBx8x", 30, 12, subtype << 4) for subtype in range(16) if self.mptcp >> subtype & 1
        )


@dataclass
class Capture:
    """What a vantage point writes down."""

    name: str
    snap_bytes: int = 262_144
    link_type: int = LINK_ETHERNET
    nanoseconds: bool = False
    #: VLAN tag that every frame carries; 0 is a priority tag.
    vlan: int | None = None
    #: A mirror port that copies a frame both when it comes in and when it goes out.
    twice: bool = False
    #: Added to every time stamp from now on: a clock that is stepped while it captures.
    clock_error_ns: int = 0
    in_order_of_writing: bool = False
    interface: int = 0
    interface_link_types: list[int] = field(default_factory=lambda: [LINK_ETHERNET])
    #: A segment passes so long after the one before it; None: as the ways to both sides say.
    step_s: float | None = None
    frames: list[Frame] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.name)

    def connection(
        self,
        client: str,
        server: str,
        *,
        at: float = 0.0,
        client_ms: float = 0.05,
        server_ms: float = 5.0,
        clock: Clock | None = None,
    ) -> tuple[Endpoint, Endpoint, Callable[[float], None]]:
        """Two endpoints and their clock's ``wait``.

        ``at`` is the second of the capture at which it begins; ``client_ms`` and
        ``server_ms`` are the one-way times from the vantage point to either side.
        ``clock`` is one that it shares with others.
        """
        clock = clock or Clock(at)
        c = Endpoint(self, clock, client, client_ms)
        s = Endpoint(self, clock, server, server_ms)
        c.peer, s.peer = s, c
        return c, s, clock.wait

    def segment_takes(self, clock: Clock, sender: Endpoint) -> None:
        """The time until the next segment passes: a round trip where it answers the other side."""
        if self.step_s is not None:
            clock.wait(self.step_s)
        elif clock.last_sender is not sender and clock.last_sender is not None:
            turn_ms = 2 * sender.distance_ms * self.rng.uniform(1.0, 1.1)
            clock.wait(turn_ms / 1000 + self.rng.uniform(20e-6, 60e-6))
        else:
            clock.wait(self.rng.uniform(5e-6, 15e-6))

    def unreachable(self, clock: Clock, router: str, segment: Sent, code: int) -> None:
        """A router says by ICMP that it can not deliver (RFC 792: code 1 host, 3 port, 13 prohibited)."""
        clock.wait(0.0009)
        quoted = dpkt.ip.IP(segment.ip)
        icmp = dpkt.icmp.ICMP(type=3, code=code, data=dpkt.icmp.ICMP.Unreach(data=segment.ip[: 20 + 40]))
        ip = dpkt.ip.IP(src=ipaddress.ip_address(router).packed, dst=quoted.src, p=1, ttl=64, data=icmp)
        ip.len = len(ip)
        self.write(clock.now_ns, bytes(ip), b"\x02\x00" + ip.src, b"\x02\x00" + quoted.src)

    def write(self, ts_ns: int, ip: bytes, src_mac: bytes, dst_mac: bytes) -> None:
        """Write one IP packet down, at most ``snap_bytes`` of it."""
        data = ip
        if self.interface_link_types[self.interface] == LINK_ETHERNET and self.link_type == LINK_ETHERNET:
            kind = 0x86DD if ip[0] >> 4 == 6 else 0x0800
            tag = b"" if self.vlan is None else struct.pack("!HH", 0x8100, self.vlan)
            data = dst_mac + src_mac + tag + struct.pack("!H", kind) + ip
        ts_ns += self.clock_error_ns
        if not self.nanoseconds:
            ts_ns -= ts_ns % 1000
        frame = Frame(ts_ns, data[: self.snap_bytes], len(data), self.interface)
        self.frames.append(frame)
        if self.twice:
            self.frames.append(Frame(ts_ns + 4000, frame.data, frame.original_bytes, frame.interface))

    def save(self, path: Path) -> None:
        """Write the file, always little-endian so that it is the same on every machine."""
        if not self.in_order_of_writing:
            self.frames.sort(key=lambda frame: frame.ts_ns)
        writer = self._pcapng if path.suffix == ".pcapng" else self._pcap
        path.write_bytes(writer())

    def _pcap(self) -> bytes:
        magic = dpkt.pcap.TCPDUMP_MAGIC_NANO if self.nanoseconds else dpkt.pcap.TCPDUMP_MAGIC
        unit_ns = 1 if self.nanoseconds else 1000
        out = [bytes(dpkt.pcap.LEFileHdr(magic=magic, snaplen=self.snap_bytes, linktype=self.link_type))]
        for frame in self.frames:
            seconds, rest_ns = divmod(frame.ts_ns, 10**9)
            head = dpkt.pcap.LEPktHdr(
                tv_sec=seconds, tv_usec=rest_ns // unit_ns, caplen=len(frame.data), len=frame.original_bytes
            )
            out.append(bytes(head) + frame.data)
        return b"".join(out)

    def _pcapng(self) -> bytes:
        out = [bytes(dpkt.pcapng.SectionHeaderBlockLE())]
        for link_type in self.interface_link_types:
            resolution = dpkt.pcapng.PcapngOptionLE(code=dpkt.pcapng.PCAPNG_OPT_IF_TSRESOL, data=b"\x09")
            end = dpkt.pcapng.PcapngOptionLE(code=dpkt.pcapng.PCAPNG_OPT_ENDOFOPT)
            block = dpkt.pcapng.InterfaceDescriptionBlockLE(
                linktype=link_type, snaplen=self.snap_bytes, opts=[resolution, end]
            )
            out.append(bytes(block))
        for frame in self.frames:
            out.append(
                bytes(
                    dpkt.pcapng.EnhancedPacketBlockLE(
                        iface_id=frame.interface,
                        ts_high=frame.ts_ns >> 32,
                        ts_low=frame.ts_ns & 0xFFFFFFFF,
                        caplen=len(frame.data),
                        pkt_len=frame.original_bytes,
                        pkt_data=frame.data,
                    )
                )
            )
        return b"".join(out)


def ip_packet(src: Endpoint, dst: Endpoint, tcp: dpkt.tcp.TCP, identification: int) -> bytes:
    """The IP packet around a segment; dpkt fills in both checksums."""
    if src.address.version == 6:
        ip6 = dpkt.ip6.IP6(
            src=src.address.packed, dst=dst.address.packed, nxt=6, p=6, hlim=src.ttl, plen=len(tcp), data=tcp
        )
        ip6.extension_hdrs = {}
        return bytes(ip6)
    ip = dpkt.ip.IP(
        src=src.address.packed, dst=dst.address.packed, p=6, ttl=src.ttl, id=identification, data=tcp
    )
    ip.df = 1
    ip.len = len(ip)
    return bytes(ip)


def text(size_bytes: int) -> bytes:
    """Payload that is plainly a filling."""
    return (b"The quick brown fox jumps over the lazy dog. " * (size_bytes // 45 + 1))[:size_bytes]


def exchange(c: Endpoint, s: Endpoint, request_bytes: int = 180, response_bytes: int = 640) -> None:
    """A request and its response, four segments."""
    c.data(request_bytes)
    s.ack()
    s.data(response_bytes)
    c.ack()


def handshake(c: Endpoint, s: Endpoint, **network: Unpack[Network]) -> None:
    """SYN, SYN+ACK, ACK."""
    c.syn(**network)
    s.syn_ack(**network)
    c.ack(**network)


def clean_connection(capture: Capture, client: str, server: str, at: float, **distance_ms: float) -> None:
    """A healthy short connection that the client closes: 11 segments.

    Also lets a capture go on long enough for somebody else's clock to run out.
    """
    c, s, _ = capture.connection(client, server, at=at, **distance_ms)
    handshake(c, s)
    exchange(c, s)
    c.fin()
    s.ack()
    s.fin()
    c.ack()
