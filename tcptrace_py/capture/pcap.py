# cython: boundscheck=False, initializedcheck=False
"""Reader of classic pcap files (draft-ietf-opsawg-pcap).

Compiled (see ``pcap.pxd``). Both byte orders, micro- and nanosecond time
stamps, versions before 2.4 with their swapped length fields, and Kuznetzov's
modified format, whose records carry 8 more bytes.
"""

from __future__ import annotations

import struct

from tcptrace_py.capture.batch import BATCH_FRAMES
from tcptrace_py.capture.chunk import CHUNK_BYTES, ChunkReader, Stream
from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.linktype import canonical_link_type, link_type_name
from tcptrace_py.capture.pointer import Pointer

FILE_HEADER_BYTES = 24
# The largest snap length that libpcap and Wireshark accept for network traffic.
LARGEST_USUAL_FRAME_BYTES = 262_144
# A file may declare a larger one; beyond this the field is noise.
LARGEST_FRAME_BYTES = 16 * 1024 * 1024

# Magic as it lies in the file: byte order, nanoseconds in the fraction's unit, bytes of a record's header.
MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000, 16),
    b"\xa1\xb2\xc3\xd4": (">", 1000, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 16),
    b"\xa1\xb2\x3c\x4d": (">", 1, 16),
    b"\x34\xcd\xb2\xa1": ("<", 1000, 24),
    b"\xa1\xb2\xcd\x34": (">", 1000, 24),
}

# How to tell the captured from the original length: as declared by version
# 2.4; swapped before 2.3; in 2.3 either way, so that the lesser is the captured
# one. DG/UX wrote version 543.0, swapped.
LENGTHS_IN_ORDER = 0
LENGTHS_SWAPPED = 1
LENGTHS_EITHER = 2


def _u32(data: Pointer, at: int) -> int:
    """Four bytes, the lowest first. In C nothing checks that they are there: who calls has."""
    here = data + at
    # The top byte through a wide variable, since in C it would overflow an int.
    top = here[3]
    return here[0] | here[1] << 8 | here[2] << 16 | top << 24


def _swapped(value: int) -> int:
    """A 32-bit number that was read in the other byte order."""
    return value >> 24 | (value >> 8 & 0xFF00) | (value & 0xFF00) << 8 | (value & 0xFF) << 24


class PcapReader(ChunkReader):
    """Frames of a pcap file; the constructor raises ``CaptureError`` if its file header is unusable.

    ``head``: the bytes already taken from ``stream``, at least the magic.
    """

    def __init__(self, stream: Stream, head: bytes, chunk_bytes: int = CHUNK_BYTES) -> None:
        ChunkReader.__init__(self, stream, head, "pcap", chunk_bytes)
        header = self.require_head(FILE_HEADER_BYTES)
        order, fraction_ns, record_header_bytes = MAGICS[header[:4]]
        major, minor, _zone, _accuracy, snap_bytes, network = struct.unpack(order + "HHiIII", header[4:])
        if major == 543 or (major == 2 and minor < 3):
            self.lengths = LENGTHS_SWAPPED
        elif major == 2:
            self.lengths = LENGTHS_EITHER if minor == 3 else LENGTHS_IN_ORDER
        else:
            self.close()
            raise CaptureError(f"{self.name}: pcap version {major}.{minor} is not supported")
        self.big_endian = order == ">"
        self.fraction_ns = fraction_ns
        self.record_header_bytes = record_header_bytes
        self.limit_bytes = min(max(snap_bytes, LARGEST_USUAL_FRAME_BYTES), LARGEST_FRAME_BYTES)
        # The upper bits tell of a frame check sequence, which no one after us looks for.
        link_type = canonical_link_type(network & 0x03FFFFFF)
        self.link_types.add(link_type_name(link_type))
        for index in range(BATCH_FRAMES):
            self.batch.link_type[index] = link_type
        self.position = FILE_HEADER_BYTES

    def scan(self) -> int:
        data = self.data
        offsets = self.batch.offset
        captured_lengths = self.batch.captured
        original_lengths = self.batch.original
        times_ns = self.batch.ts_ns
        big_endian = self.big_endian
        fraction_ns = self.fraction_ns
        header_bytes = self.record_header_bytes
        limit_bytes = self.limit_bytes
        lengths = self.lengths
        position = self.position
        filled = self.filled
        count = 0
        while count < BATCH_FRAMES:
            if filled - position < header_bytes:
                self.need = header_bytes
                break
            seconds = _u32(data, position)
            fraction = _u32(data, position + 4)
            captured = _u32(data, position + 8)
            original = _u32(data, position + 12)
            if big_endian:
                seconds = _swapped(seconds)
                fraction = _swapped(fraction)
                captured = _swapped(captured)
                original = _swapped(original)
            if lengths != LENGTHS_IN_ORDER and (lengths == LENGTHS_SWAPPED or captured > original):
                swap = captured
                captured = original
                original = swap
            if captured > limit_bytes:
                self.fail_length(count, captured)
                break
            if filled - position - header_bytes < captured:
                self.need = header_bytes + captured
                break
            if original < captured:
                original = captured
            position += header_bytes
            offsets[count] = position
            captured_lengths[count] = captured
            original_lengths[count] = original
            times_ns[count] = seconds * 1_000_000_000 + fraction * fraction_ns
            position += captured
            count += 1
        self.position = position
        return count

    def fail_length(self, count: int, captured: int) -> int:
        self.fail(
            f"record {self.packets + count + 1} claims {captured} bytes, "
            f"more than the {self.limit_bytes} a frame can have; reading stopped there"
        )
        return 0
