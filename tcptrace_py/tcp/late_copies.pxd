cimport cython
from libc.stdint cimport int64_t, uint64_t

from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.serial cimport advance
from tcptrace_py.wire.place cimport place
from tcptrace_py.wire.segment cimport Segment

cdef int FIN, SYN
cdef uint64_t _REMEMBERED
cdef int64_t PLACES


@cython.final
cdef class LateCopies:
    cdef public int64_t count
    cdef uint64_t[::1] _ends

    @cython.locals(a=Endpoint, b=Endpoint, where=uint64_t, upper=uint64_t)
    cdef object remember(self, Connection connection)
    cdef object _remember(self, Connection connection, Endpoint endpoint, uint64_t where)
    @cython.locals(at=uint64_t)
    cdef object _put(self, uint64_t flow_hash, uint64_t number, uint64_t port, uint64_t where)
    cdef uint64_t _row(self, uint64_t number, uint64_t port, uint64_t where) except? 0
    @cython.locals(number=uint64_t, port=uint64_t, at=uint64_t, upper=uint64_t)
    cdef bint known(self, Segment segment, uint64_t flow_hash) except -1


cdef uint64_t is_upper(
    uint64_t hi, uint64_t lo, uint64_t port, uint64_t peer_hi, uint64_t peer_lo, uint64_t peer_port
) noexcept
