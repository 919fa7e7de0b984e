cimport cython
from libc.stdint cimport int64_t, uint32_t

from tcptrace_py.tcp.connection cimport Connection, ConnectionRare
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.evidence cimport Evidence
from tcptrace_py.tcp.history cimport write_down
from tcptrace_py.tcp.incarnations cimport Incarnation
from tcptrace_py.tcp.journal cimport Journal
from tcptrace_py.tcp.serial cimport advance, distance
from tcptrace_py.tcp.transitions cimport Transitions
from tcptrace_py.wire.segment cimport Segment

cdef int ACKNOWLEDGED, PRESUMED, SENT
cdef int CLOSE_WAIT, CLOSED, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, LAST_ACK, LISTEN, SYN_RCVD, SYN_SENT, TIME_WAIT
cdef int ABORT, COMPLETE, FOUR_WAY, HALF_CLOSED, HALF_OPEN, REFUSED, REFUSED_HANDSHAKE, RESET, THREE_WAY
cdef int UNANSWERED
cdef int ACK, FIN, RST, SYN


@cython.final
cdef class Regular:
    cdef Transitions _transitions

    @cython.locals(flags=int, both_open=bint)
    cdef bint fits(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment) except -1
    cdef bint _again(self, Endpoint sender, Endpoint receiver, Segment segment) except -1
    @cython.locals(both_open=bint)
    cdef bint _resets(self, Endpoint sender, Endpoint receiver, Segment segment) except -1
    @cython.locals(ts_ns=int64_t, frame=int64_t, transitions=Transitions, by=int, cause=int)
    cdef object go_on(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(client=Endpoint, server=Endpoint, sender=Endpoint, endpoint=Endpoint, peer=Endpoint, x=Endpoint, y=Endpoint, journal=Journal, shown=Incarnation)
    cdef object show(self, Connection connection, int64_t passing)
    @cython.locals(by_a=bint, rare=ConnectionRare, ack=uint32_t, shown=Incarnation)
    cdef object _show_reset(self, Connection connection, uint32_t seq)
    @cython.locals(peer=Endpoint, nxt=uint32_t, ack=uint32_t, frame=int64_t, ts_ns=int64_t, number=int64_t, acknowledged=int64_t)
    cdef object _pass_data(self, Connection connection, Endpoint endpoint, Evidence mine, Evidence peers, int64_t passing)
    @cython.locals(told=int64_t)
    cdef bint _sent_more(self, Endpoint endpoint, Endpoint peer, int64_t passing) except -1


cdef uint32_t _before_fin(Endpoint endpoint) noexcept
