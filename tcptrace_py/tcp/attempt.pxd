cimport cython
from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from tcptrace_py.tcp.flow cimport Flow, on_four_tuple
from tcptrace_py.wire.segment cimport Segment


cdef class Attempt(Flow):
    cdef public uint64_t src_lo
    cdef public uint64_t dst_lo
    cdef public Attempt older
    cdef public Attempt newer
    cdef public int64_t id
    cdef public int64_t ts_ns
    cdef public int64_t frame
    cdef public uint32_t seq
    cdef public uint32_t ts_val
    cdef public uint16_t src_port
    cdef public uint16_t dst_port
    cdef public uint16_t window
    cdef public int8_t window_scale
    cdef public uint8_t flags
    cdef public uint8_t ip_version
    cdef public uint8_t ttl
    cdef public uint8_t has_timestamps
    cdef public uint8_t given_up

    cdef object hold(self, Segment syn, int64_t connection_id)
    cdef object tell(self, Segment segment)
    cdef bint joins(self, Segment segment) except -1
    cdef int64_t touch(self) except -1
    cdef uint64_t source_hi(self) noexcept
    cdef uint64_t target_hi(self) noexcept


@cython.final
cdef class Attempt6(Attempt):
    cdef uint64_t src_hi
    cdef uint64_t dst_hi


@cython.final
cdef class Attempts:
    cdef public int64_t count
    cdef public Attempt oldest
    cdef Attempt _newest

    @cython.locals(newest=Attempt)
    cdef object add(self, Attempt attempt)
    @cython.locals(older=Attempt, newer=Attempt)
    cdef object remove(self, Attempt attempt)
