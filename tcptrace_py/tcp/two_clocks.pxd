cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.tcp.connection cimport Connection

cdef int64_t _LEAST, _SENT_AGAIN_NS, _SHARE


@cython.final
cdef class TwoClocks:
    cdef public int64_t handshakes
    cdef public int64_t answered_early
    cdef public int64_t most_ns

    @cython.locals(early_ns=int64_t)
    cdef object look(self, Connection connection)
    cpdef object add(self, TwoClocks other)
    cpdef bint differ(self) except -1
    cpdef object warning(self)
