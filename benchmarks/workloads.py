"""Captures to measure on, made from a seed: the same bytes every time.

    python -m benchmarks.workloads NAME FILE [--packets N]

``mix``      connections of log-normal size, round trips of 0.5 to 50 ms, some refused, reset or stuck
``short``    connections of about ten packets, 96 bytes of each captured
``bulk``     a hundred long connections
``flood``    SYNs from random sources, a tenth answered
``lossy``    as ``mix``, and every hundredth segment with data is lost behind the vantage point

A workload is made of scripts, one a connection, that run side by side in time.
IPv4 checksums are right; TCP checksums are zero, as with offload to the card.
"""

from __future__ import annotations

import argparse
import heapq
import random
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10

START_NS = 1_700_000_000_000_000_000
MSS_BYTES = 1448
SERVERS = 50

# Time of a packet in ns, and the packet: (sender is the client, flags, seq, ack, payload bytes).
Packet = tuple[int, bool, int, int, int, int]

_PCAP_HEADER = struct.Struct("<IHHiIII")
_RECORD = struct.Struct("<IIII")
_ETHERNET = bytes.fromhex("0200000000020200000000010800")
_IP = struct.Struct("!BBHHHBBHII")
_TCP = struct.Struct("!HHIIBBHHH")
_TIMESTAMPS = struct.Struct("!BBBBII")
_SYN_OPTIONS = struct.Struct("!BBHBBBBIIBBB")
_ZEROS = bytes(65536)


class Ends:
    """A client and a server: addresses, ports, and what IP counts for each."""

    __slots__ = ("client", "client_port", "identification", "server", "server_port")

    def __init__(self, client: int, client_port: int, server: int, server_port: int) -> None:
        self.client = client
        self.client_port = client_port
        self.server = server
        self.server_port = server_port
        self.identification = client_port

    def frame(self, packet: Packet) -> bytes:
        ts_ns, from_client, flags, seq, ack, payload_bytes = packet
        milliseconds = ts_ns // 1_000_000 & 0xFFFFFFFF
        if flags & SYN:
            options = _SYN_OPTIONS.pack(2, 4, 1460, 4, 2, 8, 10, milliseconds, 0, 3, 3, 7) + b"\x01"
        elif flags & RST:
            options = b""
        else:
            options = _TIMESTAMPS.pack(1, 1, 8, 10, milliseconds, milliseconds)
        if from_client:
            source, target, source_port, target_port = (
                self.client,
                self.server,
                self.client_port,
                self.server_port,
            )
        else:
            source, target, source_port, target_port = (
                self.server,
                self.client,
                self.server_port,
                self.client_port,
            )
        header_bytes = 20 + len(options)
        total = 20 + header_bytes + payload_bytes
        self.identification = identification = (self.identification + 1) & 0xFFFF
        checksum = 0x4500 + total + identification + 0x4000 + 0x4006
        checksum += (source >> 16) + (source & 0xFFFF) + (target >> 16) + (target & 0xFFFF)
        checksum = (checksum & 0xFFFF) + (checksum >> 16)
        checksum = ~((checksum & 0xFFFF) + (checksum >> 16)) & 0xFFFF
        return b"".join(
            (
                _ETHERNET,
                _IP.pack(0x45, 0, total, identification, 0x4000, 64, 6, checksum, source, target),
                _TCP.pack(
                    source_port,
                    target_port,
                    seq & 0xFFFFFFFF,
                    ack & 0xFFFFFFFF,
                    header_bytes << 2,
                    flags,
                    502,
                    0,
                    0,
                ),
                options,
                _ZEROS[:payload_bytes],
            )
        )


def connection(
    dice: random.Random, at_ns: int, data_segments: int, ending: str, round_trip_ns: int
) -> Iterator[Packet]:
    """One connection; ``ending``: close, passive (the server closes first), reset, stuck, refused."""
    there_ns = round_trip_ns // 2
    client, server = dice.getrandbits(32), dice.getrandbits(32)
    yield at_ns, True, SYN, client, 0, 0
    at_ns += there_ns
    client += 1
    if ending == "refused":
        yield at_ns, False, RST | ACK, 0, client, 0
        return
    yield at_ns, False, SYN | ACK, server, client, 0
    at_ns += there_ns
    server += 1
    yield at_ns, True, ACK, client, server, 0
    request = dice.randrange(100, 900)
    yield at_ns + 10_000, True, PSH | ACK, client, server, request
    client += request
    at_ns += there_ns
    yield at_ns, False, ACK, server, client, 0
    unacknowledged = 0
    for index in range(data_segments):
        size = MSS_BYTES if index + 1 < data_segments else dice.randrange(1, MSS_BYTES)
        at_ns += 12_000
        yield at_ns, False, ACK | (0 if index + 1 < data_segments else PSH), server, client, size
        server += size
        unacknowledged += 1
        if unacknowledged == 2:
            unacknowledged = 0
            yield at_ns + 6_000, True, ACK, client, server, 0
            if index % 40 == 39:
                at_ns += round_trip_ns
    if unacknowledged:
        at_ns += there_ns
        yield at_ns, True, ACK, client, server, 0
    at_ns += there_ns
    if ending == "reset":
        yield at_ns, False, RST | ACK, server, client, 0
        return
    closes_first = ending != "passive"
    first, second = (client, server) if closes_first else (server, client)
    yield at_ns, closes_first, FIN | ACK, first, second, 0
    at_ns += there_ns
    yield at_ns, not closes_first, ACK, second, first + 1, 0
    if ending == "stuck":
        return
    yield at_ns + 50_000, not closes_first, FIN | ACK, second, first + 1, 0
    at_ns += there_ns
    yield at_ns, closes_first, ACK, first + 1, second + 1, 0


def _ends(dice: random.Random, number: int) -> Ends:
    server = dice.randrange(SERVERS)
    return Ends(
        0x0A000000 + 0x10000 + number // 28_000 * 7 + dice.randrange(7),
        32_768 + number % 28_000,
        0x0A000000 + server + 1,
        (80, 443, 5432, 6379, 8080)[server % 5],
    )


# Of so many segments with data one is lost.
_ONE_LOST_OF = 100


def losing(dice: random.Random, packets: Iterator[Packet], round_trip_ns: int) -> Iterator[Packet]:
    """The same connection where some of the server's data is lost behind the vantage point.

    Until it is sent again, a round trip later, the client acknowledges what goes before it again and again.
    """
    lost: Packet | None = None
    for packet in packets:
        ts_ns, from_client, flags, seq, ack, payload_bytes = packet
        if lost and (ts_ns >= lost[0] + round_trip_ns or flags & (FIN | RST)):
            again_ns = min(ts_ns, lost[0] + round_trip_ns)
            yield again_ns, *lost[1:]
            if not from_client:
                yield again_ns, True, ACK, ack, seq, 0
            lost = None
        if lost and from_client:
            seq_lost = lost[3]
            yield ts_ns, from_client, flags, seq, seq_lost if ack - seq_lost > 0 else ack, payload_bytes
            continue
        yield packet
        if not from_client and payload_bytes and not lost and not dice.randrange(_ONE_LOST_OF):
            lost = packet


Script = tuple[Ends, Iterator[Packet]]


def mix(dice: random.Random, packets: int, *, loses: bool = False) -> Iterator[Script]:
    """About ``packets`` packets in connections of 33 on average, started 150 µs apart."""
    endings = ["close"] * 70 + ["passive"] * 15 + ["refused"] * 5 + ["reset"] * 5 + ["stuck"] * 5
    for number in range(packets // 33):
        segments = max(1, min(int(dice.lognormvariate(2.2, 1.1)), 4000))
        round_trip_ns = int(dice.uniform(0.5, 50) * 1_000_000)
        start_ns = START_NS + number * 150_000
        ends = _ends(dice, number)
        packets_of_it = connection(dice, start_ns, segments, dice.choice(endings), round_trip_ns)
        yield ends, losing(dice, packets_of_it, round_trip_ns) if loses else packets_of_it


def lossy(dice: random.Random, packets: int) -> Iterator[Script]:
    return mix(dice, packets, loses=True)


def short(dice: random.Random, packets: int) -> Iterator[Script]:
    for number in range(packets // 10):
        start_ns = START_NS + number * 20_000
        yield (
            _ends(dice, number),
            connection(dice, start_ns, 1, "close", int(dice.uniform(0.2, 2) * 1_000_000)),
        )


def bulk(dice: random.Random, packets: int) -> Iterator[Script]:
    for number in range(100):
        segments = packets // 100 * 2 // 3
        yield (
            _ends(dice, number),
            connection(dice, START_NS + number * 1_000_000, segments, "close", 2_000_000),
        )


def flood(dice: random.Random, packets: int) -> Iterator[Script]:
    for number in range(packets * 10 // 11):
        ends = Ends(dice.getrandbits(32) | 0x01000000, dice.randrange(1024, 65536), 0x0A000001, 443)
        yield ends, _attempt(dice, START_NS + number * 3_000, answered=number % 10 == 0)


def _attempt(dice: random.Random, at_ns: int, *, answered: bool) -> Iterator[Packet]:
    isn = dice.getrandbits(32)
    yield at_ns, True, SYN, isn, 0, 0
    if answered:
        yield at_ns + 100_000, False, SYN | ACK, dice.getrandbits(32), isn + 1, 0


WORKLOADS: dict[str, tuple[Callable[[random.Random, int], Iterator[Script]], int, int]] = {
    "mix": (mix, 1_320_000, 65_535),
    "short": (short, 5_000_000, 96),
    "bulk": (bulk, 5_000_000, 96),
    "flood": (flood, 3_300_000, 65_535),
    "lossy": (lossy, 1_320_000, 65_535),
}


def frames(name: str, packets: int, seed: int = 1) -> Iterator[tuple[int, bytes]]:
    """``(time in ns, frame)`` of a workload, in order of time."""
    dice = random.Random(f"{name} {seed}")
    scripts = WORKLOADS[name][0](dice, packets)
    running: list[tuple[int, int, Packet, Script]] = []
    number = 0
    upcoming = next(scripts, None)
    first = next(upcoming[1]) if upcoming else None
    while running or upcoming:
        while upcoming and first and (not running or first[0] <= running[0][0]):
            heapq.heappush(running, (first[0], number, first, upcoming))
            number += 1
            upcoming = next(scripts, None)
            first = next(upcoming[1]) if upcoming else None
        ts_ns, order, packet, script = running[0]
        yield ts_ns, script[0].frame(packet)
        following = next(script[1], None)
        if following is None:
            heapq.heappop(running)
        else:
            heapq.heapreplace(running, (following[0], order, following, script))


def write(name: str, path: Path, packets: int | None = None) -> int:
    """Write a workload as pcap, whole or not at all; the number of packets."""
    _, usual, snap_bytes = WORKLOADS[name]
    count = 0
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb", buffering=1 << 20) as out:
        out.write(_PCAP_HEADER.pack(0xA1B2C3D4, 2, 4, 0, 0, snap_bytes, 1))
        for ts_ns, frame in frames(name, packets or usual):
            seconds, rest_ns = divmod(ts_ns, 1_000_000_000)
            out.write(_RECORD.pack(seconds, rest_ns // 1000, min(len(frame), snap_bytes), len(frame)))
            out.write(frame[:snap_bytes])
            count += 1
    partial.replace(path)
    return count


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=WORKLOADS)
    parser.add_argument("file", type=Path)
    parser.add_argument("--packets", type=int)
    arguments = parser.parse_args()
    count = write(arguments.name, arguments.file, arguments.packets)
    print(f"{arguments.file}: {count} packets", file=sys.stderr)


if __name__ == "__main__":
    main()
