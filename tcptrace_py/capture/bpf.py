"""Capture filters in libpcap's language, compiled by pcapy-ng, once for each link type."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from typing import Any

from tcptrace_py.capture.batch import FrameBatch
from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.libpcap import compile_filter, libpcap
from tcptrace_py.capture.linktype import link_type_name

# The instruction that loads the length of the packet (BPF_LD | BPF_W | BPF_LEN).
LOAD_LENGTH = 0x80

_LINKTYPE_NULL = 0
_LINKTYPE_LOOP = 108
# AF_INET6 of NetBSD and OpenBSD, FreeBSD, macOS.
_BSD_INET6 = (24, 28, 30)
# An expression is wrong if it fits none of these: Ethernet, raw IP, Linux cooked,
# loopback, PPP, and two of IEEE 802.11.
_PROBED = (1, 101, 113, 0, 9, 105, 127)


class BpfFilter:
    """One filter expression (pcap-filter(7)) over frames of any link type.

    The constructor raises ``CaptureError`` with libpcap's message if the
    expression does not compile for any usual link type. ``warnings`` tells of
    frames that were kept out because it does not fit their link type.
    """

    def __init__(self, expression: str) -> None:
        pcapy = libpcap("a filter")
        self.expression = expression
        self.warnings: list[str] = []
        self._pcapy = pcapy
        # Link type: the program, or None where libpcap cannot filter.
        self._programs: dict[int, Any] = {}
        self._told_length = False
        first_error: Exception | None = None
        for link_type in _PROBED:
            try:
                self._programs[link_type] = self._compile(link_type)
                break
            except (pcapy.PcapError, ValueError) as error:
                first_error = first_error or error
        else:
            raise CaptureError(f"filter {expression!r}: {_clean(first_error)}") from first_error
        program = next(iter(self._programs.values()))
        self._loads_length = any(code == LOAD_LENGTH for code, *_ in program.get_bpf())

    def runs(self, batch: FrameBatch, lo: int, hi: int) -> Iterator[tuple[int, int]]:
        """Of the frames ``lo <= i < hi``, those that match, as runs of the same form."""
        data = batch.data
        begin = -1
        for index in range(lo, hi):
            at = batch.offset[index]
            captured = batch.captured[index]
            if self._loads_length and not self._told_length and captured < batch.original[index]:
                self._told_length = True
                self.warnings.append(
                    f"filter {self.expression!r}: some frames were cut when captured; "
                    "their captured length is compared, not the length that they had"
                )
            link_type = batch.link_type[index]
            program = self._program(link_type)
            frame = bytes(data[at : at + captured])
            if link_type == _LINKTYPE_NULL or link_type == _LINKTYPE_LOOP:
                frame = _with_our_family(frame, link_type)
            if program is not None and program.filter(frame):
                if begin < 0:
                    begin = index
            elif begin >= 0:
                yield begin, index
                begin = -1
        if begin >= 0:
            yield begin, hi

    def _program(self, link_type: int) -> Any:
        try:
            return self._programs[link_type]
        except KeyError:
            pass
        program = None
        try:
            program = self._compile(link_type)
        except (self._pcapy.PcapError, ValueError) as error:
            self.warnings.append(
                f"filter {self.expression!r}: frames of link type {link_type_name(link_type)} are left out "
                f"({_clean(error)})"
            )
        self._programs[link_type] = program
        return program

    def _compile(self, link_type: int) -> Any:
        return compile_filter(self._pcapy, link_type, self.expression)


def _with_our_family(frame: bytes, link_type: int) -> bytes:
    """A loopback frame as this machine would have captured it.

    Its header is the address family, by the numbers and, for LINKTYPE_NULL, in
    the byte order of the capturing machine; libpcap's programs look for ours.
    """
    family = int.from_bytes(frame[:4], "little")
    if family > 0xFFFF:
        family = int.from_bytes(frame[:4], "big")
    if len(frame) < 4 or family > 0xFFFF:
        return frame
    if family in _BSD_INET6:
        family = socket.AF_INET6
    return family.to_bytes(4, sys.byteorder if link_type == _LINKTYPE_NULL else "big") + frame[4:]


def _clean(error: Exception | None) -> str:
    return " ".join(str(error).split())
