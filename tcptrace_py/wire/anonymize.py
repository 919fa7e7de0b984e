"""Frames that can be shown to others: other addresses, no payload, the same TCP.

Addresses are replaced by a function with a key that preserves prefixes (Xu, Fan, Ammar and Moon 2002):
two addresses have as many leading bits in common after it as before. So networks stay networks. Ports,
sequence numbers, flags, windows and the options that TCP's machines need stay; payload, other options,
trailers and hardware addresses do not, and checksums fit what is written. A frame that is not wholly
understood, or that is no TCP (nor an ICMP error about it), is not for others: None.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import struct

_TCP = 6
_ICMP = 1
_ICMPV6 = 58
_ICMP_ERRORS = {4: frozenset((3, 4, 11, 12)), 6: frozenset((1, 2, 3, 4))}
# Extension headers that carry no address; a routing header does, and fragments are not put together.
_PLAIN_EXTENSIONS = frozenset((0, 60))
_MOST_EXTENSIONS = 8
# TCP options kept as they are: end, no-operation, MSS, window scale, SACK permitted, SACK, timestamps.
_KEPT_OPTIONS = frozenset((0, 1, 2, 3, 4, 5, 8))
_IPV4_TYPES = {0x0800: 4, 0x86DD: 6}
_TAGS = frozenset((0x8100, 0x88A8, 0x9100))
_FAMILIES = {2: 4, 10: 6, 23: 6, 24: 6, 28: 6, 30: 6}
_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*)(?![\w])"
)


class Anonymizer:
    """The same ``key`` gives the same addresses, in every capture."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.blake2b(key, digest_size=32).digest()
        self._bits: dict[tuple[int, int, int], int] = {}
        self._known: dict[bytes, bytes] = {}

    def address(self, packed: bytes) -> bytes:
        """The other address of one, both in network order (4 or 16 bytes)."""
        known = self._known.get(packed)
        if known is None:
            width = 8 * len(packed)
            number = int.from_bytes(packed)
            flips = 0
            for bit in range(width):
                flips = flips << 1 | self._flip(width, bit, number >> (width - bit))
            known = self._known[packed] = (number ^ flips).to_bytes(len(packed))
        return known

    def text(self, text: str) -> str:
        """The text with other addresses in it."""

        def other(match: re.Match[str]) -> str:
            # A colon before a port, or at the end of a sentence's part, is no part of the address.
            found = match[0].rstrip(":.") if not match[0].endswith("::") else match[0]
            try:
                address = ipaddress.ip_address(found)
            except ValueError:
                return match[0]
            return str(ipaddress.ip_address(self.address(address.packed))) + match[0][len(found) :]

        return _ADDRESS.sub(other, text)

    def frame(self, link_type: int, data: bytes, original_bytes: int) -> bytes | None:
        """The frame for others; as long as it was. ``original_bytes``: its length on the wire."""
        frame = bytearray(data)
        try:
            found = self._link(frame, link_type)
            if found is None:
                return None
            version, at = found
            end = self._network(frame, version, at, original_bytes)
        except (IndexError, struct.error):
            return None
        if end is None:
            return None
        # What comes after the datagram is padding, or a trailer that nobody looked at.
        _blank(frame, end)
        return bytes(frame)

    def _flip(self, width: int, bit: int, prefix: int) -> int:
        place = (width, bit, prefix)
        flip = self._bits.get(place)
        if flip is None:
            text = b"%d %d %x" % place
            flip = hashlib.blake2b(text, key=self._key, digest_size=1).digest()[0] & 1
            # The bits near the root are asked for by every address; a flood's own need not stay.
            if bit < 24 and len(self._bits) < 1 << 20:
                self._bits[place] = flip
        return flip

    def _link(self, frame: bytearray, link_type: int) -> tuple[int, int] | None:
        """Replace hardware addresses; the IP version and where its header begins."""
        if link_type in (101, 12, 14, 228, 229):
            version = frame[0] >> 4
            return (version, 0) if version in (4, 6) else None
        if link_type in (0, 108):
            # In the byte order of the host that captured.
            family = struct.unpack_from("<I", frame)[0]
            family = family if family & 0xFFFF else int.from_bytes(frame[:4])
            return (_FAMILIES[family], 4) if family in _FAMILIES else None
        if link_type == 1:
            for at in (0, 6):
                frame[at : at + 6] = self._hardware(bytes(frame[at : at + 6]))
            at = 12
        elif link_type == 113:
            frame[6:14] = bytes(8)
            at = 14
        elif link_type == 276:
            frame[12:20] = bytes(8)
            kind = int.from_bytes(frame[0:2])
            return (_IPV4_TYPES[kind], 20) if kind in _IPV4_TYPES else None
        else:
            return None
        kind = struct.unpack_from(">H", frame, at)[0]
        while kind in _TAGS:
            at += 4
            kind = struct.unpack_from(">H", frame, at)[0]
        return (_IPV4_TYPES[kind], at + 2) if kind in _IPV4_TYPES else None

    def _hardware(self, address: bytes) -> bytes:
        """Another address, locally administered; of a group where it was one (IEEE 802)."""
        made = bytearray(hashlib.blake2b(address, key=self._key, digest_size=6).digest())
        made[0] = made[0] & 0xFC | 2 | address[0] & 1
        return bytes(made)

    def _network(self, frame: bytearray, version: int, at: int, original_bytes: int) -> int | None:
        """Rewrite from the IP header on; where the datagram ends, or None."""
        if version == 4:
            header = (frame[at] & 15) * 4
            total = struct.unpack_from(">H", frame, at + 2)[0]
            if header < 20 or struct.unpack_from(">H", frame, at + 6)[0] & 0x3FFF:
                return None
            upper, protocol = at + header, frame[at + 9]
        else:
            total = 40 + struct.unpack_from(">H", frame, at + 4)[0]
            upper, protocol = at + 40, frame[at + 6]
            for _ in range(_MOST_EXTENSIONS):
                if protocol not in _PLAIN_EXTENSIONS:
                    break
                protocol, upper = frame[upper], upper + 8 * (frame[upper + 1] + 1)
        # Offloaded to the card: the length is told by the frame.
        end = at + total if total > upper - at else original_bytes
        pseudo = self._addresses(frame, version, at)
        if protocol == _TCP:
            self._tcp(frame, upper, end, pseudo)
        elif protocol == (_ICMP if version == 4 else _ICMPV6):
            if frame[upper] not in _ICMP_ERRORS[version]:
                return None
            self._icmp(frame, version, upper, end, pseudo)
        else:
            return None
        return end

    def _addresses(self, frame: bytearray, version: int, at: int) -> bytes:
        """Replace both addresses, fix the IPv4 header's sum; what a checksum above counts of them."""
        first, width = (at + 12, 4) if version == 4 else (at + 8, 16)
        if len(frame) < first + 2 * width:
            raise IndexError("cut within the addresses")
        for place in (first, first + width):
            frame[place : place + width] = self.address(bytes(frame[place : place + width]))
        if version == 4:
            header = (frame[at] & 15) * 4
            frame[at + 20 : min(at + header, len(frame))] = bytes(
                max(min(at + header, len(frame)) - at - 20, 0)
            )
            frame[at + 10 : at + 12] = b"\0\0"
            frame[at + 10 : at + 12] = checksum(bytes(frame[at : at + header]))
        return bytes(frame[first : first + 2 * width])

    def _tcp(self, frame: bytearray, at: int, end: int, pseudo: bytes) -> None:
        header = (frame[at + 12] >> 4) * 4
        if header < 20:
            raise IndexError("no TCP header is so short")
        option, stop = at + 20, min(at + header, len(frame))
        while option < stop and frame[option] != 0:
            if frame[option] == 1:
                option += 1
                continue
            size = frame[option + 1] if option + 1 < stop else 0
            if size < 2:
                break
            if frame[option] not in _KEPT_OPTIONS:
                # Of Multipath TCP its subtype stays (RFC 8684 section 3), in the byte behind the length.
                kept = 3 if frame[option] == 30 else 2
                frame[option + kept : min(option + size, stop)] = bytes(
                    max(min(option + size, stop) - option - kept, 0)
                )
            option += size
        # After the end of options, or from one that can not be: anything could stand there.
        _blank(frame, option, stop)
        _blank(frame, stop)
        if len(frame) >= at + header:
            frame[at + 16 : at + 18] = b"\0\0"
            length = struct.pack(">II", end - at, _TCP)
            frame[at + 16 : at + 18] = checksum(pseudo + length + bytes(frame[at : at + header]))

    def _icmp(self, frame: bytearray, version: int, at: int, end: int, pseudo: bytes) -> None:
        quoted = at + 8
        if frame[quoted] >> 4 != version:
            raise IndexError("it quotes something else")
        if version == 4:
            ports, protocol = quoted + (frame[quoted] & 15) * 4, frame[quoted + 9]
        else:
            ports, protocol = quoted + 40, frame[quoted + 6]
        if protocol != _TCP:
            raise IndexError("it is about something else")
        self._addresses(frame, version, quoted)
        # Ports and sequence number, which is all that an error has to quote.
        _blank(frame, ports + 8)
        frame[at + 2 : at + 4] = b"\0\0"
        covered = bytes(frame[at : min(end, len(frame))])
        if version == 6:
            covered = pseudo + struct.pack(">II", end - at, _ICMPV6) + covered
        frame[at + 2 : at + 4] = checksum(covered)


def _blank(frame: bytearray, at: int, end: int | None = None) -> None:
    """Zeros from ``at`` to ``end`` or to where the frame was cut."""
    end = len(frame) if end is None else min(end, len(frame))
    if end > at:
        frame[at:end] = bytes(end - at)


def checksum(data: bytes) -> bytes:
    """The Internet checksum (RFC 1071); bytes that were not captured count as the zeros they became."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack(">H", ~total & 0xFFFF)
