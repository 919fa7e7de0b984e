cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t

from tcptrace_py.wire.segment cimport Segment

cdef int ACK, FIN, RST, SYN
cdef int SEEN_SYN, SEEN_SYN_ACK, SEEN_ACK, SEEN_DATA, SEEN_FIN, SEEN_RST
cdef int64_t _SEQ_MASK


@cython.final
cdef class Stream:
    cdef public int64_t number
    cdef public Stream newer
    cdef public uint32_t low_base
    cdef public uint32_t high_base
    cdef public uint8_t completeness
    cdef public uint8_t has_low
    cdef public uint8_t has_high

    @cython.locals(flags=int)
    cpdef object begin(self, Segment segment)
    cpdef bint reopens(self, Segment segment) except -1
    @cython.locals(flags=int)
    cpdef object go_on(self, Segment segment)
    cdef bint _from_low(self, Segment segment) except -1
    @cython.locals(own=int64_t, peers=int64_t, seq=int64_t, ack=int64_t, acknowledges=bint)
    cdef object _note_bases(self, Segment segment, bint from_low)
