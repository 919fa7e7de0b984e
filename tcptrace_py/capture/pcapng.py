# cython: boundscheck=False, initializedcheck=False
"""Reader of pcapng files (draft-ietf-opsawg-pcapng).

Compiled (see ``pcapng.pxd``). Many sections, each in its own byte order, many
interfaces, each with its own link type, snap length and clock. Enhanced, simple
and the obsolete packet blocks; blocks of other types are skipped.
"""

from __future__ import annotations

import struct
from array import array

from tcptrace_py.capture.batch import BATCH_FRAMES
from tcptrace_py.capture.chunk import CHUNK_BYTES, ChunkReader, Stream
from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.linktype import canonical_link_type, link_type_name
from tcptrace_py.capture.pcapng_blocks import (
    BYTE_ORDERS,
    ENHANCED_PACKET,
    EPB_DROPCOUNT,
    IF_TSOFFSET,
    IF_TSRESOL,
    INTERFACE_DESCRIPTION,
    INTERFACE_DESCRIPTION_BYTES,
    INTERFACE_STATISTICS,
    INTERFACE_STATISTICS_BYTES,
    ISB_IFDROP,
    ISB_OSDROP,
    LARGEST_BLOCK_BYTES,
    MOST_INTERFACES,
    OBSOLETE_PACKET,
    PACKET_BYTES,
    SECTION_HEADER,
    SECTION_HEADER_BYTES,
    SIMPLE_PACKET,
    SIMPLE_PACKET_BYTES,
)
from tcptrace_py.capture.pointer import Pointer

# Times are kept from 1970 to 2116, so that sums of a few of them fit into 64 bits.
LATEST_NS = 2**62 - 1


def _u32(data: Pointer, at: int) -> int:
    """Four bytes, the lowest first. In C nothing checks that they are there: who calls has."""
    here = data + at
    # The top byte through a wide variable, since in C it would overflow an int.
    top = here[3]
    return here[0] | here[1] << 8 | here[2] << 16 | top << 24


def _swapped(value: int) -> int:
    """A 32-bit number that was read in the other byte order."""
    return value >> 24 | (value >> 8 & 0xFF00) | (value & 0xFF00) << 8 | (value & 0xFF) << 24


class PcapngReader(ChunkReader):
    """Frames of a pcapng file; the constructor raises ``CaptureError`` if its first block is not a section.

    ``head``: the bytes already taken from ``stream``, at least the magic.
    ``dropped_by_kernel`` comes from the interfaces' statistics (isb_ifdrop and
    isb_osdrop, the last of each interface); where there are none, from the
    counts that the packet blocks carry.
    """

    def __init__(self, stream: Stream, head: bytes, chunk_bytes: int = CHUNK_BYTES) -> None:
        ChunkReader.__init__(self, stream, head, "pcapng", chunk_bytes)
        header = self.require_head(12)
        if header[8:12] not in BYTE_ORDERS:
            self.close()
            raise CaptureError(
                f"{self.name}: not a pcapng file (unknown byte-order magic 0x{header[8:12].hex()})"
            )
        self.order = "<"
        self.big_endian = False
        self.section = 0
        self.last_ts_ns = 0
        self.told_no_time = False
        self.told_odd_time = False
        self.statistics_drops: dict[tuple[int, int], int] = {}
        self.statistics_drops_total = 0
        self.packet_drops_total = 0
        self.forget_interfaces()

    def forget_interfaces(self) -> None:
        """Begin the list of interfaces anew: each section counts them from 0."""
        self.interfaces = 0
        self.clocks: list[tuple[int, int]] = []
        self.use_interface_table(array("q", bytes(8 * 4 * 8)))

    def use_interface_table(self, table: array[int]) -> None:
        # Four numbers an interface: link type, snap length, ns a tick (0: ask
        # slow_time_ns), and the most ticks for which that product is a valid time.
        self.table = table
        self.table_view = table

    def scan(self) -> int:
        data = self.data
        offsets = self.batch.offset
        captured_lengths = self.batch.captured
        original_lengths = self.batch.original
        times_ns = self.batch.ts_ns
        link_types = self.batch.link_type
        table = self.table_view
        big_endian = self.big_endian
        interfaces = self.interfaces
        position = self.position
        filled = self.filled
        count = 0
        while count < BATCH_FRAMES:
            available = filled - position
            if available < 12:
                self.need = 12
                break
            block_type = _u32(data, position)
            if big_endian:
                block_type = _swapped(block_type)
            if block_type == SECTION_HEADER:
                if not self.enter_byte_order(position + 8):
                    break
                big_endian = self.big_endian
            length = _u32(data, position + 4)
            if big_endian:
                length = _swapped(length)
            if length < 12 or length > LARGEST_BLOCK_BYTES or length & 3 != 0:
                self.fail_length(count, length)
                break
            if available < length:
                self.need = length
                break
            end = position + length
            trailer = _u32(data, end - 4)
            if big_endian:
                trailer = _swapped(trailer)
            if trailer != length:
                self.fail_trailer(count, length, trailer)
                break
            if block_type == ENHANCED_PACKET or block_type == OBSOLETE_PACKET:
                if length < PACKET_BYTES:
                    self.fail_block(count)
                    break
                interface = _u32(data, position + 8)
                ticks_high = _u32(data, position + 12)
                ticks_low = _u32(data, position + 16)
                captured = _u32(data, position + 20)
                original = _u32(data, position + 24)
                if big_endian:
                    interface = _swapped(interface)
                    ticks_high = _swapped(ticks_high)
                    ticks_low = _swapped(ticks_low)
                    captured = _swapped(captured)
                    original = _swapped(original)
                if block_type == OBSOLETE_PACKET:
                    # Two 16-bit fields here: the interface, and the packets lost before this one.
                    if big_endian:
                        drops = interface & 0xFFFF
                        interface = interface >> 16
                    else:
                        drops = interface >> 16
                        interface = interface & 0xFFFF
                    if drops != 0 and drops != 0xFFFF:
                        self.count_packet_drops(drops)
                if interface >= interfaces:
                    self.fail_interface(count, interface)
                    break
                if captured > length - PACKET_BYTES:
                    self.fail_block(count)
                    break
                row = interface * 4
                if ticks_high < 0x40000000:
                    ticks = ticks_high << 32 | ticks_low
                else:
                    ticks = LATEST_NS
                if ticks < table[row + 3]:
                    ts_ns = ticks * table[row + 2]
                else:
                    ts_ns = self.slow_time_ns(interface, ticks_high, ticks_low)
                self.last_ts_ns = ts_ns
                offsets[count] = position + 28
                padded = (captured + 3) & ~3
                if block_type == ENHANCED_PACKET and length - PACKET_BYTES - padded >= 4:
                    self.read_packet_options(position + 28 + padded, position + length - 4)
            elif block_type == SIMPLE_PACKET:
                if length < SIMPLE_PACKET_BYTES:
                    self.fail_block(count)
                    break
                if interfaces == 0:
                    self.fail_interface(count, 0)
                    break
                original = _u32(data, position + 8)
                if big_endian:
                    original = _swapped(original)
                row = 0
                captured = length - SIMPLE_PACKET_BYTES
                if captured > original:
                    captured = original
                if table[1] > 0 and captured > table[1]:
                    captured = table[1]
                ts_ns = self.last_ts_ns
                if not self.told_no_time:
                    self.warn_no_time(count)
                offsets[count] = position + 12
            else:
                if block_type == SECTION_HEADER:
                    self.read_section(position, length)
                elif block_type == INTERFACE_DESCRIPTION:
                    self.read_interface(position, length)
                elif block_type == INTERFACE_STATISTICS:
                    self.read_statistics(position, length)
                if self.finished:
                    break
                interfaces = self.interfaces
                table = self.table_view
                position += length
                continue
            captured_lengths[count] = captured
            original_lengths[count] = original if original > captured else captured
            times_ns[count] = ts_ns
            link_types[count] = table[row]
            position += length
            count += 1
        self.position = position
        return count

    # What is rare: in C each of these takes the interpreter's lock, and gives 0.

    def fail_length(self, count: int, length: int) -> int:
        self.fail(
            f"the block after frame {self.packets + count} claims {length} bytes, "
            "which no block can have; reading stopped there"
        )
        return 0

    def fail_trailer(self, count: int, length: int, trailer: int) -> int:
        self.fail(
            f"the block after frame {self.packets + count} says {length} bytes at its start "
            f"and {trailer} at its end; reading stopped there"
        )
        return 0

    def fail_block(self, count: int) -> int:
        self.fail(
            f"the block after frame {self.packets + count} is too short for what it should hold; "
            "reading stopped there"
        )
        return 0

    def fail_interface(self, count: int, interface: int) -> int:
        self.fail(
            f"frame {self.packets + count + 1} is from interface {interface}, "
            "which the file does not describe; reading stopped there"
        )
        return 0

    def warn_no_time(self, count: int) -> int:
        self.told_no_time = True
        self.warn(
            f"frame {self.packets + count + 1} and maybe others have no time stamp "
            "(simple packet blocks); the time of the frame before is used"
        )
        return 0

    def enter_byte_order(self, at: int) -> bool:
        order = BYTE_ORDERS.get(bytes(self.buffer[at : at + 4]))
        if order is None:
            self.fail("a section header has no known byte-order magic; reading stopped there")
            return False
        self.order = order
        self.big_endian = order == ">"
        return True

    def read_section(self, at: int, length: int) -> int:
        if length < SECTION_HEADER_BYTES:
            self.fail("a section header is too short; reading stopped there")
            return 0
        major, minor = struct.unpack_from(self.order + "HH", self.buffer, at + 12)
        if major != 1:
            self.fail(f"pcapng version {major}.{minor} is not supported; reading stopped there")
            return 0
        self.section += 1
        self.forget_interfaces()
        return 0

    def read_interface(self, at: int, length: int) -> int:
        if length < INTERFACE_DESCRIPTION_BYTES or self.interfaces >= MOST_INTERFACES:
            self.fail("an interface description is too short or one too many; reading stopped there")
            return 0
        link_type, _reserved, snap_bytes = struct.unpack_from(self.order + "HHI", self.buffer, at + 8)
        resolution = 6
        offset_s = 0
        for code, value in self.options(at + 16, at + length - 4):
            if code == IF_TSRESOL and len(value) >= 1:
                resolution = value[0]
            elif code == IF_TSOFFSET and len(value) >= 8:
                offset_s = struct.unpack(self.order + "q", value[:8])[0]
        ticks_a_second = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
        tick_ns = 0
        most_ticks = 0
        if offset_s == 0 and 1_000_000_000 % ticks_a_second == 0:
            tick_ns = 1_000_000_000 // ticks_a_second
            most_ticks = LATEST_NS // tick_ns
        if len(self.table) < 4 * (self.interfaces + 1):
            self.use_interface_table(self.table + array("q", bytes(8 * len(self.table))))
        row = 4 * self.interfaces
        link_type = canonical_link_type(link_type)
        self.table[row] = link_type
        self.table[row + 1] = snap_bytes
        self.table[row + 2] = tick_ns
        self.table[row + 3] = most_ticks
        self.clocks.append((ticks_a_second, offset_s))
        self.interfaces += 1
        self.link_types.add(link_type_name(link_type))
        return 0

    def slow_time_ns(self, interface: int, ticks_high: int, ticks_low: int) -> int:
        """Time of a frame by an unusual clock: powers of two, an offset, more than 64 bits on the way."""
        ticks_a_second, offset_s = self.clocks[interface]
        ticks = int(ticks_high) * 2**32 + int(ticks_low)
        ts_ns: int = ticks * 1_000_000_000 // ticks_a_second + offset_s * 1_000_000_000
        if 0 <= ts_ns < LATEST_NS:
            return ts_ns
        if not self.told_odd_time:
            self.told_odd_time = True
            self.warn("some time stamps lie outside the years 1970 to 2116; the nearest of these is used")
        return 0 if ts_ns < 0 else LATEST_NS

    def options(self, at: int, end: int) -> list[tuple[int, bytes]]:
        """Options between two offsets as (code, value), as far as they are well formed."""
        found = []
        while end - at >= 4:
            code, size = struct.unpack_from(self.order + "HH", self.buffer, at)
            at += 4
            if code == 0 or size > end - at:
                break
            found.append((code, bytes(self.buffer[at : at + size])))
            at += (size + 3) & ~3
        return found

    def read_packet_options(self, at: int, end: int) -> int:
        data = self.data
        big_endian = self.big_endian
        while end - at >= 4:
            if big_endian:
                code = data[at] << 8 | data[at + 1]
                size = data[at + 2] << 8 | data[at + 3]
            else:
                code = data[at] | data[at + 1] << 8
                size = data[at + 2] | data[at + 3] << 8
            at += 4
            if code == 0 or size > end - at:
                break
            if code == EPB_DROPCOUNT and size == 8:
                self.read_packet_drops(at)
            at += (size + 3) & ~3
        return 0

    def read_packet_drops(self, at: int) -> int:
        self.packet_drops_total += struct.unpack(self.order + "Q", bytes(self.buffer[at : at + 8]))[0]
        return self.tell_packet_drops()

    def count_packet_drops(self, drops: int) -> int:
        self.packet_drops_total += drops
        return self.tell_packet_drops()

    def tell_packet_drops(self) -> int:
        if not self.statistics_drops:
            self.dropped_by_kernel = self.packet_drops_total
        return 0

    def read_statistics(self, at: int, length: int) -> int:
        if length < INTERFACE_STATISTICS_BYTES:
            self.fail("an interface statistics block is too short; reading stopped there")
            return 0
        (interface,) = struct.unpack_from(self.order + "I", self.buffer, at + 8)
        drops = None
        for code, value in self.options(at + 20, at + length - 4):
            if code in (ISB_IFDROP, ISB_OSDROP) and len(value) >= 8:
                drops = (drops or 0) + struct.unpack(self.order + "Q", value[:8])[0]
        if drops is None or interface >= self.interfaces:
            return 0
        # The counters run from the start of the capture: the last block of an interface has them all.
        key = (self.section, interface)
        self.statistics_drops_total += drops - self.statistics_drops.get(key, 0)
        self.statistics_drops[key] = drops
        self.dropped_by_kernel = self.statistics_drops_total
        return 0
