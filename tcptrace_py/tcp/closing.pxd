cimport cython
from libc.stdint cimport int64_t, uint32_t

from tcptrace_py.tcp.transitions cimport Transitions
from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.journal cimport Journal
from tcptrace_py.tcp.opening cimport Opening
from tcptrace_py.tcp.serial cimport advance, distance
from tcptrace_py.wire.segment cimport Segment

cdef int ACKNOWLEDGED, ASSUMED, CLOSE_WAIT, CLOSED, CLOSING, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2
cdef int GETS_ACK_OF_FIN, GETS_FIN, GETS_FIN_WITH_ACK_OF_FIN, LAST_ACK, PRESUMED, SENDS_FIN, SENT
cdef int TIME_WAIT
cdef int FIN_WAIT_2_CLOCK, TIME_WAIT_CLOCK
cdef int ACK, FIN, SYN
cdef int64_t RTO_MIN_NS


@cython.final
cdef class Closing:
    cdef Transitions _transitions
    cdef Opening _opening
    cdef Journal _journal

    @cython.locals(ts_ns=int64_t, frame=int64_t, state=int)
    cdef object answers(self, Endpoint sender, Endpoint receiver, Segment segment, bint news, bint same_window)
    @cython.locals(ts_ns=int64_t, frame=int64_t, state=int, basis=int, past_gap=bint)
    cdef object takes_fin(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(acks_fin=bint, fin_seq=uint32_t)
    cdef object finish(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment, bint in_gap, int64_t fresh_bytes)
    cdef object goes_on(self, Connection connection, Endpoint sender, Endpoint receiver)
    @cython.locals(ts_ns=int64_t, frame=int64_t)
    cdef object _closed_second(self, Connection connection, Endpoint sender, Endpoint receiver)
    @cython.locals(bare=bint)
    cdef object _answered_early(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(ts_ns=int64_t, frame=int64_t, basis=int, shown_by_now=int, opened=int)
    cdef object _finish_late(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment, bint acks_fin)
    @cython.locals(closed=bint, shown_ns=int64_t, shown_frame=int64_t)
    cdef object _closed_first(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    cdef bint _sent_again(self, Endpoint receiver, Segment segment) except *
    cdef object lacks_ack(self, Endpoint sender)
    cdef bint took_ack(self, Endpoint sender) except *
    @cython.locals(state=int)
    cdef object acknowledged(self, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(opened=int64_t)
    cdef bint _may_have_fin(self, Endpoint sender, Endpoint receiver) except *
