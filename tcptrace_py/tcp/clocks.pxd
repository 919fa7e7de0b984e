cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.tcp.endpoint cimport Endpoint

cdef int CLOCK_KINDS, SYN_CLOCK
cdef int64_t _NEVER


@cython.final
cdef class Queue:
    cdef int64_t duration_ns
    cdef Endpoint head
    cdef Endpoint tail


@cython.final
cdef class Clocks:
    cdef public int64_t now_ns
    cdef public int64_t next_ns
    cdef public int64_t syn_clocks
    cdef list _queues
    cdef list _late
    cdef int64_t _started_late

    @cython.locals(queue=Queue, before=Endpoint)
    cdef object start(self, Endpoint endpoint, int kind)
    @cython.locals(kind=int, queue=Queue, before=Endpoint, after=Endpoint)
    cdef object stop(self, Endpoint endpoint)
    @cython.locals(queue=Queue)
    cdef int64_t duration_ns(self, int kind) except -1
    @cython.locals(queue=Queue)
    cpdef Endpoint oldest(self, int kind)
    @cython.locals(earliest=Endpoint, head=Endpoint, next_ns=int64_t, kind=int, late=list, endpoint=Endpoint, queue=Queue)
    cdef Endpoint run_out(self, int64_t ts_ns)
