cimport cython
from libc.stdint cimport int64_t, uint64_t

from tcptrace_py.capture.batch cimport FrameBatch
from tcptrace_py.wire.ahead cimport Decoded
from tcptrace_py.wire.fast cimport FastPath
from tcptrace_py.wire.frame_id cimport frame_id
from tcptrace_py.wire.place cimport place
from tcptrace_py.wire.segment cimport Segment

cdef Py_ssize_t FETCHED_AHEAD
cdef int ELSEWHERE, ICMP_ERROR, NOT_TCP, OTHER, TCP, UNDECODED, UNKNOWN_LINK


@cython.final
cdef class Decoder:
    cdef public Segment segment
    cdef readonly object icmp_error
    cdef readonly int64_t tcp_segments
    cdef readonly dict unread
    cdef int64_t[::1] counts
    cdef FastPath fast
    cdef Decoded decoded
    cdef object view
    cdef int64_t frame_base
    cdef uint64_t part
    cdef uint64_t parts
    cdef object fragments
    cdef object by_dpkt

    cpdef begin(self, FrameBatch batch, int64_t source=*)
    cpdef end(self)
    @cython.locals(segment=Segment, code=int)
    cpdef int decode(self, FrameBatch batch, Py_ssize_t i) except -1
    cdef int breathe(self) except -1
    @cython.locals(start=int64_t, code=int)
    cdef int ask_dpkt(self, FrameBatch batch, Py_ssize_t i) except -1
    cdef int count_unread(self, int64_t key) except -1
    cpdef list undecoded(self)
    cpdef dict skipped(self)
