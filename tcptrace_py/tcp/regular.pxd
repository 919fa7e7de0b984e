cimport cython
from libc.stdint cimport int64_t, uint32_t

from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint, EndpointRare
from tcptrace_py.tcp.evidence cimport Evidence, Frame
from tcptrace_py.tcp.history cimport Step, passed, step_of, write_down
from tcptrace_py.tcp.incarnations cimport Incarnation
from tcptrace_py.tcp.serial cimport distance
from tcptrace_py.tcp.transitions cimport Transitions
from tcptrace_py.wire.segment cimport Segment

cdef int ACKNOWLEDGED, CLOSED, ESTABLISHED, PRESUMED, SENT, SYN_SENT
cdef int ABORT, COMPLETE, HALF_CLOSED, HALF_OPEN, REFUSED, RESET, SAME
cdef int ACK, FIN, RST, SYN
cdef int64_t NONE
cdef Step TALK


@cython.final
cdef class Regular:
    cdef Transitions _transitions

    @cython.locals(flags=int, acknowledges=bint, in_order=bint)
    cdef Step step(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(ts_ns=int64_t, frame=int64_t, transitions=Transitions, by=int, cause=int)
    cdef object go_on(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment, Step step)
    @cython.locals(segments=list, shown=Incarnation, mine=Evidence, peers=Evidence, by_a=bint, flags=int, frame=int64_t, ts_ns=int64_t, seq=uint32_t)
    cdef object show(self, Connection connection, int64_t passing)
    @cython.locals(passes=bint, shown=Incarnation, mine=Evidence, peers=Evidence, frame=Frame, data=Frame, rare=EndpointRare, sent=int64_t, acknowledged=int64_t)
    cdef object _talked(self, Connection connection, Endpoint endpoint, Endpoint peer, int64_t passing, int64_t told)


cdef bint _again(Endpoint sender, Endpoint receiver, Segment segment) noexcept
