cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t

from tcptrace_py.capture.chunk cimport ChunkReader

cdef int64_t BATCH_FRAMES
cdef int LENGTHS_IN_ORDER, LENGTHS_SWAPPED, LENGTHS_EITHER

@cython.locals(here="const uint8_t*", top=uint32_t)
cdef int64_t _u32(const uint8_t* data, int64_t at) noexcept nogil
cdef int64_t _swapped(int64_t value) noexcept nogil


cdef class PcapReader(ChunkReader):
    cdef int lengths
    cdef bint big_endian
    cdef int64_t fraction_ns
    cdef int64_t record_header_bytes
    cdef int64_t limit_bytes

    @cython.locals(
        data="const uint8_t*",
        offsets=int64_t[::1], captured_lengths=int64_t[::1], original_lengths=int64_t[::1],
        times_ns=int64_t[::1], big_endian=cython.bint, fraction_ns=int64_t, header_bytes=int64_t,
        limit_bytes=int64_t, lengths=cython.int, position=int64_t, filled=int64_t, count=int64_t,
        seconds=int64_t, fraction=int64_t, captured=int64_t, original=int64_t, swap=int64_t,
    )
    cdef int64_t scan(self) except -1 nogil
    cdef int fail_length(self, int64_t count, int64_t captured) except -1 with gil
