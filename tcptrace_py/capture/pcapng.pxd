cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t

from tcptrace_py.capture.chunk cimport ChunkReader

cdef int64_t BATCH_FRAMES, LATEST_NS
cdef int64_t SECTION_HEADER, INTERFACE_DESCRIPTION, OBSOLETE_PACKET, SIMPLE_PACKET
cdef int64_t INTERFACE_STATISTICS, ENHANCED_PACKET, EPB_DROPCOUNT
cdef int64_t PACKET_BYTES, SIMPLE_PACKET_BYTES, LARGEST_BLOCK_BYTES

@cython.locals(here="const uint8_t*", top=uint32_t)
cdef int64_t _u32(const uint8_t* data, int64_t at) noexcept nogil
cdef int64_t _swapped(int64_t value) noexcept nogil


cdef class PcapngReader(ChunkReader):
    cdef str order
    cdef bint big_endian
    cdef object section
    cdef int64_t interfaces
    cdef int64_t last_ts_ns
    cdef bint told_no_time
    cdef bint told_odd_time
    cdef dict statistics_drops
    cdef object statistics_drops_total
    cdef object packet_drops_total
    cdef list clocks
    cdef object table
    cdef int64_t[::1] table_view

    @cython.locals(
        data="const uint8_t*",
        offsets=int64_t[::1], captured_lengths=int64_t[::1], original_lengths=int64_t[::1],
        times_ns=int64_t[::1], link_types=int64_t[::1], table=int64_t[::1], big_endian=cython.bint,
        interfaces=int64_t, position=int64_t, filled=int64_t, count=int64_t, available=int64_t,
        block_type=int64_t, length=int64_t, trailer=int64_t, interface=int64_t, ticks_high=int64_t,
        ticks_low=int64_t, ticks=int64_t, captured=int64_t, original=int64_t, drops=int64_t,
        end=int64_t, row=int64_t, ts_ns=int64_t, padded=int64_t,
    )
    cdef int64_t scan(self) except -1 nogil
    cdef int fail_length(self, int64_t count, int64_t length) except -1 with gil
    cdef int fail_trailer(self, int64_t count, int64_t length, int64_t trailer) except -1 with gil
    cdef int fail_block(self, int64_t count) except -1 with gil
    cdef int fail_interface(self, int64_t count, int64_t interface) except -1 with gil
    cdef int warn_no_time(self, int64_t count) except -1 with gil
    cdef int enter_byte_order(self, int64_t at) except -1 with gil
    cdef int read_section(self, int64_t at, int64_t length) except -1 with gil
    cdef int read_interface(self, int64_t at, int64_t length) except -1 with gil
    cdef int read_statistics(self, int64_t at, int64_t length) except -1 with gil
    cdef int64_t slow_time_ns(self, int64_t interface, int64_t ticks_high, int64_t ticks_low) except -1 with gil
    cdef int read_packet_drops(self, int64_t at) except -1 with gil
    cdef int count_packet_drops(self, int64_t drops) except -1 with gil
    cdef int tell_packet_drops(self) except -1
    @cython.locals(data="const uint8_t*", big_endian=cython.bint, code=int64_t, size=int64_t)
    cdef int read_packet_options(self, int64_t at, int64_t end) except -1 nogil
