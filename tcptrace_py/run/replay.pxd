cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.capture.batch cimport FrameBatch
from tcptrace_py.tcp.tracker cimport Tracker
from tcptrace_py.wire.decoder cimport Decoder
from tcptrace_py.wire.segment cimport Segment

cdef int ICMP_ERROR, TCP
cdef int64_t CELL_BITS, SILENCE_NS, _NEVER_NS
cdef Py_ssize_t RUN_SEGMENTS


cdef class Replay:
    cdef public Decoder decoder
    cdef public Tracker tracker
    cdef list _segments
    cdef list _passing
    cdef public int64_t packets
    cdef public int64_t first_ns
    cdef public int64_t last_ns
    cdef readonly object presence
    cdef int64_t _cell_first_ns
    cdef int64_t _cell_end_ns

    @cython.locals(decoder=Decoder, tracker=Tracker, own=list, segments=list, segment=Segment, i=Py_ssize_t, count=Py_ssize_t, code=int, ts_ns=int64_t)
    cpdef object run(self, FrameBatch batch, int64_t source, Py_ssize_t lo, Py_ssize_t hi)
    cdef object _enter_cell(self, int64_t ts_ns)
    cpdef object settle(self)
    cpdef object never_silent(self)
    @cython.locals(quoted=Segment)
    cdef object _icmp_error(self, int64_t ts_ns, int64_t frame)


cpdef Segment quoted_segment(object error, int64_t ts_ns, int64_t now_ns, int64_t frame)
