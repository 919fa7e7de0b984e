cimport cython
from libc.stdint cimport int64_t, uint8_t

from tcptrace_py.tcp.clocks cimport Clocks
from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.journal cimport Journal
from tcptrace_py.tcp.time_wait cimport TimeWait

cdef int ACKNOWLEDGED, ASSUMED, PRESUMED, TIMER
cdef int CLOSED, LISTEN, SYN_SENT, SYN_RCVD, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSING, LAST_ACK, TIME_WAIT
cdef int CLOCK_RUNS_OUT, EVENTS, GETS_ACK_OF_SYN, GETS_FIN, NO_TRANSITION
cdef int FIN_CLOCK, FIN_WAIT_2_CLOCK, LINGER_CLOCK, NO_CLOCK, REUSE_CLOCK
cdef int SYN_ACK_CLOCK, SYN_CLOCK, TIME_WAIT_CLOCK


@cython.final
cdef class Transitions:
    cdef public Journal journal
    cdef public Clocks clocks
    cdef public TimeWait time_wait
    cdef public list moves
    cdef const uint8_t[::1] _table

    @cython.locals(state=int, entries=int)
    cdef int move(self, Endpoint endpoint, int event, int basis, int64_t ts_ns, int64_t frame) except -1
    @cython.locals(connection=Connection)
    cdef object enter(self, Endpoint endpoint, int state, int basis, int64_t ts_ns, int64_t frame)
    @cython.locals(state=int, connection=Connection, ts_ns=int64_t)
    cdef object withdraw(self, Endpoint endpoint)
    @cython.locals(told=list, entries=list, states=list, connection=Connection, since_ns=int64_t)
    cdef object opened_itself(self, Endpoint endpoint)
    @cython.locals(told=list, entries=list, states=list)
    cdef object opened_with_syn_ack(self, Endpoint endpoint, bint acknowledged)
    @cython.locals(told=list, entries=list, states=list, opened=int)
    cdef object closed_unopened(self, Endpoint endpoint)
    @cython.locals(states=list, at=int, now_ns=int64_t)
    cdef object _retell(self, Endpoint endpoint, list told, list entries)
    @cython.locals(was=int, connection=Connection, waited=bint)
    cdef object _become(self, Endpoint endpoint, int state, int64_t ts_ns)
    @cython.locals(a=int, b=int)
    cpdef bint done(self, Connection connection) except -1
    @cython.locals(connection=Connection)
    cdef Endpoint _peer(self, Endpoint endpoint)
    @cython.locals(before=int64_t)
    cdef bint came_from(self, Endpoint endpoint, int state) except *
    cpdef int basis(self, Endpoint endpoint) except -1
    @cython.locals(clocks=Clocks, endpoint=Endpoint, connection=Connection)
    cdef Connection run_clocks(self, int64_t ts_ns)
    @cython.locals(deadline_ns=int64_t)
    cdef object run_out(self, Endpoint endpoint)
