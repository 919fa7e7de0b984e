cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.tcp.clocks cimport Clocks
from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.history cimport came_from_time_wait, history_of, keep, stay, write_down
from tcptrace_py.tcp.time_wait cimport TimeWait

cdef int CLOCK_RUNS_OUT, EVENTS, NO_TRANSITION, TIMER
cdef int CLOSED, LISTEN, SYN_SENT, SYN_RCVD, FIN_WAIT_1, FIN_WAIT_2, CLOSING, LAST_ACK, TIME_WAIT
cdef int FIN_CLOCK, FIN_WAIT_2_CLOCK, LINGER_CLOCK, NO_CLOCK, REUSE_CLOCK
cdef int SYN_ACK_CLOCK, SYN_CLOCK, TIME_WAIT_CLOCK
cdef int UNTIL_IT_SENDS
cdef int64_t THERE_STILL
cdef bytes _AFTER, _CLOCK_IN


@cython.final
cdef class Transitions:
    cdef public Clocks clocks
    cdef public TimeWait time_wait
    cdef public list moves

    @cython.locals(connection=Connection, peer=Endpoint)
    cdef object enter(self, Endpoint endpoint, int state, int basis, int64_t ts_ns, int64_t frame)
    @cython.locals(state=int)
    cdef object close(self, Endpoint endpoint, int event, int basis, int64_t ts_ns, int64_t frame, int closed_by)
    @cython.locals(told=list, states=list)
    cdef object tell(self, Endpoint endpoint, list entries)
    @cython.locals(same=Py_ssize_t, at=Py_ssize_t, moves=list, states=list)
    cdef object _differ(self, Endpoint endpoint, list told, list entries)
    @cython.locals(connection=Connection, peer=Endpoint, version=int, entered_ns=int64_t, left_ns=int64_t)
    cdef object _count(self, Endpoint endpoint, list told, list entries, bint passive)
    @cython.locals(connection=Connection, clock=int, held=bint)
    cdef object _become(self, Endpoint endpoint, int state)
    @cython.locals(a=Endpoint, b=Endpoint, lingers=Endpoint, waited=bint)
    cdef object linger(self, Connection connection)
    cdef Endpoint lingers(self, Connection connection)
    @cython.locals(a=int, b=int)
    cpdef bint done(self, Connection connection) except -1
    @cython.locals(connection=Connection)
    cdef Endpoint _peer(self, Endpoint endpoint)
    @cython.locals(clocks=Clocks, endpoint=Endpoint, connection=Connection)
    cdef Connection run_clocks(self, int64_t ts_ns)
    @cython.locals(deadline_ns=int64_t)
    cdef object run_out(self, Endpoint endpoint)
