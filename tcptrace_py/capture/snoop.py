"""Reader of snoop files, Solaris' capture format (RFC 1761). Rare, so not compiled."""

from __future__ import annotations

import struct

from tcptrace_py.capture.batch import BATCH_FRAMES
from tcptrace_py.capture.chunk import CHUNK_BYTES, ChunkReader, Stream
from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.linktype import ETHERNET, FDDI, IEEE802_5, link_type_name

MAGIC = b"snoop\0\0\0"
FILE_HEADER_BYTES = 16
RECORD_HEADER_BYTES = 24
LARGEST_RECORD_BYTES = 16 * 1024 * 1024

# RFC 1761 table 1, as far as the registry has the same header under its own number.
_LINK_TYPES = {0: ETHERNET, 2: IEEE802_5, 4: ETHERNET, 8: FDDI}
# Numbers that mean nothing outside snoop must not be taken for a LINKTYPE_.
_UNKNOWN_LINK_TYPE = 0xFFFF


class SnoopReader(ChunkReader):
    """Frames of a snoop file; the constructor raises ``CaptureError`` if its file header is unusable.

    ``head``: the bytes already taken from ``stream``.
    """

    def __init__(self, stream: Stream, head: bytes, chunk_bytes: int = CHUNK_BYTES) -> None:
        ChunkReader.__init__(self, stream, head, "snoop", chunk_bytes)
        header = self.require_head(FILE_HEADER_BYTES)
        version, data_link = struct.unpack_from(">II", header, 8)
        if header[:8] != MAGIC or version != 2:
            self.close()
            raise CaptureError(f"{self.name}: not a snoop file of version 2")
        link_type = _LINK_TYPES.get(data_link, _UNKNOWN_LINK_TYPE)
        if link_type == _UNKNOWN_LINK_TYPE:
            self.link_types.add(f"SNOOP_{data_link}")
        else:
            self.link_types.add(link_type_name(link_type))
        for index in range(BATCH_FRAMES):
            self.batch.link_type[index] = link_type
        self.position = FILE_HEADER_BYTES

    def records(self) -> int:
        batch = self.batch
        position = self.position
        count = 0
        while count < BATCH_FRAMES:
            left = self.filled - position
            if left < RECORD_HEADER_BYTES:
                self.need = RECORD_HEADER_BYTES
                break
            original, captured, length, drops, seconds, micros = struct.unpack_from(
                ">6I", self.buffer, position
            )
            if length > LARGEST_RECORD_BYTES or length < RECORD_HEADER_BYTES + captured:
                self.fail(
                    f"record {self.packets + count + 1} claims {length} bytes for a frame of {captured}; "
                    "reading stopped there"
                )
                break
            if left < length:
                self.need = length
                break
            batch.offset[count] = position + RECORD_HEADER_BYTES
            batch.captured[count] = captured
            batch.original[count] = max(original, captured)
            batch.ts_ns[count] = seconds * 1_000_000_000 + micros * 1000
            # The count runs from the start of the capture.
            self.dropped_by_kernel = drops
            position += length
            count += 1
        self.position = position
        return count
