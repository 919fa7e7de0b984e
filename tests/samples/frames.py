"""A plain reading of the sample captures, apart from the program under test: times and ports of frames."""

from __future__ import annotations

import ipaddress
import struct
from functools import cached_property
from pathlib import Path

LINK_ETHERNET = 1
PCAP_UNIT_NS = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}
SECTION_HEADER, INTERFACE, ENHANCED_PACKET = 0x0A0D0D0A, 1, 6


class CaptureFile:
    """The frames of a little-endian pcap, or of a pcapng with nanosecond time stamps."""

    def __init__(self, path: Path) -> None:
        self.path = path
        data = path.read_bytes()
        (magic,) = struct.unpack_from("<I", data)
        self._frames = (
            self._pcapng(data) if magic == SECTION_HEADER else self._pcap(data, PCAP_UNIT_NS[magic])
        )

    @property
    def first_ns(self) -> int:
        return self._frames[0][0]

    @cached_property
    def last_ns(self) -> int:
        """The latest time in the capture."""
        return max(ts_ns for ts_ns, _ in self._frames)

    @property
    def count(self) -> int:
        return len(self._frames)

    def ts_ns(self, number: int) -> int:
        return self._frames[number - 1][0]

    @cached_property
    def by_connection(self) -> dict[frozenset[str], list[int]]:
        """Frame numbers by the two ``address:port`` ends."""
        found: dict[frozenset[str], list[int]] = {}
        for number, (_, ip) in enumerate(self._frames, 1):
            ends = tcp_ends(ip)
            if ends:
                found.setdefault(ends, []).append(number)
        return found

    @staticmethod
    def _pcap(data: bytes, unit_ns: int) -> list[tuple[int, bytes]]:
        (link_type,) = struct.unpack_from("<I", data, 20)
        frames, at = [], 24
        while at < len(data):
            whole, rest, captured, _ = struct.unpack_from("<IIII", data, at)
            frames.append(
                (whole * 10**9 + rest * unit_ns, without_link(data[at + 16 : at + 16 + captured], link_type))
            )
            at += 16 + captured
        return frames

    @staticmethod
    def _pcapng(data: bytes) -> list[tuple[int, bytes]]:
        frames: list[tuple[int, bytes]] = []
        link_types: list[int] = []
        at = 0
        while at < len(data):
            kind, length = struct.unpack_from("<II", data, at)
            if kind == INTERFACE:
                link_types += struct.unpack_from("<H", data, at + 8)
            elif kind == ENHANCED_PACKET:
                interface, high, low, captured = struct.unpack_from("<IIII", data, at + 8)
                frame = data[at + 28 : at + 28 + captured]
                frames.append((high << 32 | low, without_link(frame, link_types[interface])))
            at += length
        return frames


def without_link(frame: bytes, link_type: int) -> bytes:
    if link_type != LINK_ETHERNET:
        return frame
    return frame[18:] if frame[12:14] == b"\x81\x00" else frame[14:]


def tcp_ends(ip: bytes) -> frozenset[str] | None:
    if ip[0] >> 4 == 6:
        protocol, source, destination, tcp = ip[6], ip[8:24], ip[24:40], ip[40:]
    else:
        protocol, source, destination, tcp = ip[9], ip[12:16], ip[16:20], ip[20:]
    if protocol != 6:
        return None
    ports = struct.unpack_from("!HH", tcp)
    return frozenset(
        end_text(address, port) for address, port in zip((source, destination), ports, strict=True)
    )


def end_text(address: bytes, port: int) -> str:
    text = str(ipaddress.ip_address(address))
    return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"


def ends_of(between: str) -> frozenset[str]:
    return frozenset(between.split(" > "))
