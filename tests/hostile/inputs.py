"""Captures that once broke an analysis, made anew: each stands for its kind.

    python -m tests.hostile.inputs FOLDER

writes them as files. All are of one four-tuple, of raw IPv4 in a pcap.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

_FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32}
CLIENT, SERVER = ("10.0.0.2", 1000), ("10.0.0.1", 80)


class Packet(NamedTuple):
    """``flags`` are letters; ``time_s`` may be anything that a capture can hold."""

    time_s: float
    from_client: bool
    flags: str
    seq: int
    ack: int = 0
    payload_bytes: int = 0
    ip_id: int = 0
    window: int = 64000
    ttl: int = 64

    def ip(self) -> bytes:
        source, destination = (CLIENT, SERVER) if self.from_client else (SERVER, CLIENT)
        flags = sum(_FLAGS[letter] for letter in self.flags)
        numbers = (source[1], destination[1], self.seq & 0xFFFFFFFF, self.ack & 0xFFFFFFFF)
        tcp = struct.pack("!HHIIBBHHH", *numbers, 5 << 4, flags, self.window, 0, 0) + bytes(
            self.payload_bytes
        )
        addresses = bytes(int(part) for end in (source, destination) for part in end[0].split("."))
        return (
            struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), self.ip_id, 0x4000, self.ttl, 6, 0)
            + addresses
            + tcp
        )


def pcap(packets: Iterable[Packet]) -> bytes:
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    for packet in packets:
        data = packet.ip()
        seconds, rest = divmod(round(packet.time_s * 1_000_000), 1_000_000)
        out += struct.pack("<IIII", seconds, rest, len(data), len(data)) + data
    return out


def _unacknowledged_fins() -> list[Packet]:
    """FINs picked up mid-stream while time runs backwards: an endpoint without a state."""
    return [
        Packet(304.085946, True, "", 2147483651, 0, 10, 12262),
        Packet(172380.646842, False, "FPA", 226178790, 2147548806, 10, 44899, window=0),
        Packet(86739.493942, False, "SA", 287195547, 2147483786, 0, 30040),
        Packet(172198.369348, False, "PA", 226178574, 2147548802, 10, 50485),
        Packet(171898.369348, False, "FA", 226178563, 2147548802, 10, 11630),
        Packet(172380.715699, False, "FPU", 226178801, 0, 1, 42144, window=0),
        Packet(172258.371612, False, "FPU", 226178684, 0, 1, 62868),
    ]


_OPEN = [
    Packet(1e9, True, "S", 100, ip_id=1),
    Packet(1e9 + 0.00001, False, "SA", 900, 101, ip_id=2),
    Packet(1e9 + 0.00002, True, "A", 101, 901, ip_id=3),
]


def _pending_syn_captured_twice() -> list[Packet]:
    """A SYN in an open connection that is pending for the second time only by a copy of its frame."""
    return [
        *_OPEN,
        Packet(1e9 + 0.00003, True, "PA", 101, 901, 10, ip_id=4),
        Packet(1e9 + 0.001, True, "S", 70000, ip_id=9),
        Packet(1e9 + 0.0015, False, "A", 901, 111, ip_id=11),
        Packet(1e9 + 0.0016, True, "S", 88000, ip_id=12),
        Packet(1e9 + 0.0017, True, "S", 70000, ip_id=9),
        Packet(1e9 + 0.002, False, "SA", 5000, 70001, ip_id=10),
    ]


def _pending_syn_from_either_side() -> list[Packet]:
    """The same SYN number from both sides of an open connection."""
    return [
        Packet(1e9, False, "A", 900, 101, 10, ip_id=1),
        Packet(1e9 + 0.001, True, "S", 70000, ip_id=2),
        *(Packet(1e9 + 0.002 + i / 1000, False, "S", 70000, ip_id=3 + i) for i in range(5)),
        Packet(1e9 + 0.01, False, "SA", 5000, 70001, ip_id=10),
        Packet(1e9 + 0.02, True, "A", 70001, 5001, ip_id=11),
    ]


def _times_far_apart() -> list[Packet]:
    """Answers that come 136 years after what they answer."""
    packets = [
        Packet(0, True, "S", 100, ip_id=1),
        Packet(1, False, "SA", 900, 101, ip_id=2),
        Packet(2, True, "A", 101, 901, ip_id=3),
    ]
    for i in range(3):
        packets.append(Packet(0, True, "PA", 101 + 10 * i, 901, 10, ip_id=10 + i))
        packets.append(Packet(4294967295, False, "A", 901, 111 + 10 * i, ip_id=20 + i))
    return packets


def _syns_far_apart() -> list[Packet]:
    """A SYN that is sent again 136 years later."""
    return [Packet(1, True, "S", 100, ip_id=1), Packet(4294967295, True, "S", 100, ip_id=2)]


def _handshakes_far_apart() -> list[Packet]:
    """Handshakes that take 130 years each, three of them."""
    packets = []
    for i in range(3):
        isn = 10_000_000 * (i + 1)
        packets += [
            Packet(10 + i, True, "S", isn, ip_id=1 + i),
            Packet(11 + i, False, "SA", isn + 5, isn + 1, ip_id=4 + i),
            Packet(4294967000 + i, True, "A", isn + 1, isn + 6, ip_id=7 + i),
            Packet(4294967000 + i, True, "R", isn + 1, 0, ip_id=10 + i),
        ]
    return packets


INPUTS: dict[str, Callable[[], list[Packet]]] = {
    "unacknowledged-fins": _unacknowledged_fins,
    "pending-syn-captured-twice": _pending_syn_captured_twice,
    "pending-syn-from-either-side": _pending_syn_from_either_side,
    "times-far-apart": _times_far_apart,
    "syns-far-apart": _syns_far_apart,
    "handshakes-far-apart": _handshakes_far_apart,
}


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, packets in INPUTS.items():
        (folder / f"{name}.pcap").write_bytes(pcap(packets()))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
