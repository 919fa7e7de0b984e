cimport cython
from libc.stdint cimport int64_t, uint32_t

from tcptrace_py.tcp.arrows cimport Arrows
from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.journal cimport Journal
from tcptrace_py.tcp.resets cimport Resets
from tcptrace_py.tcp.serial cimport advance, distance
from tcptrace_py.wire.segment cimport Segment

cdef int ACKNOWLEDGED, ASSUMED, PRESUMED, SENT, TIMER
cdef int CLOSED, LISTEN, SYN_SENT, SYN_RCVD, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING
cdef int LAST_ACK, TIME_WAIT
cdef int GETS_ACK_OF_FIN, GETS_ACK_OF_SYN, GETS_FIN, GETS_FIN_WITH_ACK_OF_FIN, GETS_SYN_ACK, GETS_UNREACHABLE
cdef int IS_REPLACED, SENDS_FIN, SENDS_SYN, SENDS_SYN_ACK
cdef int FIN_WAIT_2_CLOCK, TIME_WAIT_CLOCK
cdef int ACK, FIN, RST, SYN
cdef int64_t UNDER_WAY_NS, _RTO_MIN_NS


@cython.final
cdef class Machine:
    cdef public Arrows arrows
    cdef public Resets resets
    cdef Journal _journal

    @cython.locals(flags=int, ts_ns=int64_t, frame=int64_t, before=int64_t)
    cdef object segment(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(flags=int, fin_in_gap=bint, fresh_bytes=int64_t)
    cdef object _pass(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    cdef bint _sent_again(self, Endpoint receiver, Segment segment) except *
    cdef bint _opened_too_early(
        self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment
    ) except *
    cdef bint _only_answered(
        self, Connection connection, Endpoint sender, Endpoint receiver, uint32_t snd_nxt, uint32_t rcv_nxt
    ) except *
    @cython.locals(window=int64_t)
    cdef bint _plausible(self, Endpoint sender, Endpoint receiver, Segment segment) except *
    cdef bint _ends_before(self, Segment segment, int64_t snd_nxt) except *
    @cython.locals(before=uint32_t, fresh_bytes=int64_t)
    cdef int64_t _account(self, Endpoint sender, Endpoint receiver, Segment segment) except -1
    cdef object _lacks_ack_of_fin(self, Endpoint sender)
    @cython.locals(basis=int)
    cdef object _rise(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    cdef object _infer_syn_ack(self, Endpoint endpoint, uint32_t isn, Segment segment)
    @cython.locals(ts_ns=int64_t, frame=int64_t, again=bint, answers=bint, opens=bint)
    cdef object _synchronize(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(news=bint, state=int, ts_ns=int64_t, frame=int64_t, basis=int)
    cdef object _receipt(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(ts_ns=int64_t, frame=int64_t, acks_fin=bint, doubtful=bint)
    cdef object _finish(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment, bint in_gap)
    @cython.locals(opened=int64_t)
    cdef bint _may_have_fin(self, Endpoint sender, Endpoint receiver) except *
    @cython.locals(state=int, carried=int64_t, beyond=int64_t)
    cdef object _delivery(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    cdef bint _took_ack_of_fin(self, Endpoint sender) except *
    @cython.locals(flags=int)
    cdef object pick_up(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    cdef object unreachable(self, Connection connection, Endpoint endpoint, int64_t ts_ns, int64_t frame)
    @cython.locals(ts_ns=int64_t, frame=int64_t)
    cdef object resume(self, Endpoint refused, Endpoint endpoint)
    cdef object replace(self, Endpoint endpoint, int basis, int64_t ts_ns, int64_t frame)
