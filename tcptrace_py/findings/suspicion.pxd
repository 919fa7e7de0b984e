cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.observations cimport Observations

cdef int FIN_UNANSWERED, HALF_CLOSE, HANDSHAKE, HOLE, OBSERVED, RESETS, REUSE, SILENCE, SLOW, UNANSWERED, WAITS
cdef int COMPLETE, SYN_RCVD


cdef class Suspicion:
    cdef public int64_t wait_ns
    cdef public int64_t probes

    @cython.locals(found=int, a=Endpoint, b=Endpoint, seen=Observations)
    cpdef int suspicious(self, Connection connection, int64_t end_ns) except -1
    @cython.locals(found=int, waited_until_ns=int64_t)
    cdef int _after_fin(self, Endpoint closer, Endpoint peer, int64_t end_ns) except -1
