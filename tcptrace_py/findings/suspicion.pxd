cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.observations cimport Observations

cdef int FIN_UNANSWERED, HALF_CLOSE, HANDSHAKE, HOLE, OBSERVED, RESETS, REUSE, SILENCE, SLOW, UNANSWERED, WAITS
cdef int IN_CLEAR, MUTE
cdef int COMPLETE, SYN_RCVD
cdef int _HTTP_400, _HTTP_REQUEST, _TLS_HELLO, _TLS_RECORD
cdef int64_t _MUTE_NS, _LATE_NS


cdef class Suspicion:
    cdef public int64_t wait_ns
    cdef public int64_t probes

    @cython.locals(found=int, a=Endpoint, b=Endpoint, seen=Observations)
    cpdef int suspicious(self, Connection connection, int64_t end_ns) except -1
    @cython.locals(found=int, waited_until_ns=int64_t)
    cdef int _after_fin(self, Endpoint closer, Endpoint peer, int64_t end_ns) except -1
    @cython.locals(client=Endpoint, server=Endpoint, until_ns=int64_t, begins=int, answers=int, mute=bint, clear=bint)
    cdef int _by_words(self, Connection connection, int64_t end_ns) except -1
    cdef bint _shuts(self, Connection connection, Endpoint client, Endpoint server) except -1
