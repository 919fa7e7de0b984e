cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.tcp.endpoint cimport Endpoint

cdef int CLOCK_KINDS
cdef int64_t _NEVER
cdef int _PASSED


@cython.final
cdef class Clocks:
    cdef public int64_t now_ns
    cdef public int64_t next_ns
    cdef list _durations_ns
    cdef list _heads
    cdef list _tails

    @cython.locals(duration_ns=int64_t, before=Endpoint, after=Endpoint, head=Endpoint)
    cdef object start(self, Endpoint endpoint, int kind)
    @cython.locals(kind=int, before=Endpoint, after=Endpoint)
    cdef object stop(self, Endpoint endpoint)
    cdef int64_t duration_ns(self, int kind) except -1
    cdef Endpoint oldest(self, int kind)
    @cython.locals(earliest=Endpoint, head=Endpoint, next_ns=int64_t, kind=int)
    cdef Endpoint run_out(self, int64_t ts_ns)
