cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.tcp.connection cimport Connection, ConnectionRare
from tcptrace_py.tcp.endpoint cimport Endpoint, EndpointRare

cdef int ACKNOWLEDGED, PRESUMED, SENT, TIMER
cdef int CLOSED, TIME_WAIT
cdef int ACK, FIN, RST, SYN
cdef int SAME, THREE_WAY
cdef list _BY_PLACE

ctypedef int Pair[2]


@cython.final
cdef class Step:
    cdef int acknowledged
    cdef int sent
    cdef int presumed
    cdef int handshake
    cdef int close


cdef int _at(int flags, int sender, int receiver) noexcept
cpdef Step step_of(int flags, int sender, int receiver)
@cython.locals(first=Endpoint, second=Endpoint, by_first=bint, found=list, rare=ConnectionRare)
cpdef list passed(Connection connection)
@cython.locals(connection=Connection, of_a=list, of_b=list)
cpdef list history_of(Endpoint endpoint)
@cython.locals(a=Endpoint, b=Endpoint, entries=list, states=Pair, step=Step, by_a=bint, flags=int, sender=Py_ssize_t, receiver=Py_ssize_t)
cpdef tuple histories_of(Connection connection)
cdef list _whole(Endpoint endpoint, list entries)
@cython.locals(rare=EndpointRare)
cpdef object keep(Endpoint endpoint, list entries)
@cython.locals(of_a=list, of_b=list)
cpdef object write_down(Connection connection)
@cython.locals(connection=Connection)
cpdef bint closes_first(Endpoint endpoint) except -1
@cython.locals(entries=list, before=Py_ssize_t)
cpdef bint came_from_time_wait(Endpoint endpoint, Endpoint peer) except -1
@cython.locals(each=int, left_ns=int64_t, ts_ns=int64_t)
cpdef object stay(list entries, int state)
