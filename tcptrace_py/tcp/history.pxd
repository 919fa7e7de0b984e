cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.journal cimport Journal

cdef int ACKNOWLEDGED, PRESUMED, SENT
cdef int CLOSE_WAIT, CLOSED, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, LAST_ACK, LISTEN, SYN_RCVD, SYN_SENT, TIME_WAIT
cdef int THREE_WAY


@cython.locals(entries=list)
cpdef list history_of(Endpoint endpoint, Journal journal)
@cython.locals(connection=Connection, peer=Endpoint, told=list)
cpdef list regular_history(Endpoint endpoint)
@cython.locals(connection=Connection)
cpdef bint closes_first(Endpoint endpoint) except -1
@cython.locals(told=list, state=int64_t, ts_ns=int64_t, frame=int64_t, basis=int64_t)
cpdef object write_down(Endpoint endpoint, Journal journal)
@cython.locals(before=int64_t, state=int64_t)
cpdef bint came_from_time_wait(Endpoint endpoint, Journal journal) except -1
