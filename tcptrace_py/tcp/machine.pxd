cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t

from tcptrace_py.tcp cimport resets
from tcptrace_py.tcp.clocks cimport Clocks
from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.journal cimport Journal
from tcptrace_py.tcp.serial cimport advance, distance
from tcptrace_py.tcp.time_wait cimport TimeWait
from tcptrace_py.wire.segment cimport Segment

cdef int ACKNOWLEDGED, ASSUMED, PRESUMED, SENT, TIMER
cdef int CLOSED, LISTEN, SYN_SENT, SYN_RCVD, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK, TIME_WAIT
cdef int CLOCK_RUNS_OUT, EVENTS, GETS_ACK_OF_FIN, GETS_ACK_OF_SYN, GETS_FIN, GETS_FIN_WITH_ACK_OF_FIN, GETS_RST
cdef int GETS_RST_AS_LISTENER, GETS_SYN_ACK, GETS_UNREACHABLE, IS_REPLACED, NO_ARROW
cdef int SENDS_FIN, SENDS_RST, SENDS_SYN, SENDS_SYN_ACK
cdef int FIN_CLOCK, FIN_WAIT_2_CLOCK, HANDSHAKE_ABORT, LINGER_CLOCK, NO_CLOCK, NO_RESET, REFUSED
cdef int RST_EXACT, RST_IN_WINDOW, SYN_ACK_CLOCK, SYN_CLOCK, TIME_WAIT_CLOCK
cdef int ACK, FIN, RST, SYN
cdef int64_t _UNDER_WAY_NS, _RTO_MIN_NS


@cython.final
cdef class Machine:
    cdef public Journal journal
    cdef public Clocks clocks
    cdef public TimeWait time_wait
    cdef public list moves
    cdef public int64_t resets
    cdef const uint8_t[::1] _arrows
    cdef int64_t _probes

    @cython.locals(state=int)
    cdef bint move(self, Endpoint endpoint, int event, int basis, int64_t ts_ns, int64_t frame) except *
    @cython.locals(connection=Connection)
    cdef object enter(self, Endpoint endpoint, int state, int basis, int64_t ts_ns, int64_t frame)
    @cython.locals(state=int, connection=Connection)
    cdef object withdraw(self, Endpoint endpoint)
    @cython.locals(was=int, connection=Connection)
    cdef object _become(self, Endpoint endpoint, int state)
    @cython.locals(a=int, b=int)
    cdef bint done(self, Connection connection) except *
    @cython.locals(connection=Connection)
    cdef Endpoint _peer(self, Endpoint endpoint)
    cpdef int basis(self, Endpoint endpoint) except -1
    @cython.locals(flags=int, ts_ns=int64_t, frame=int64_t, before=int64_t)
    cdef object segment(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(flags=int, fin_in_gap=bint, fresh_bytes=int64_t)
    cdef object _pass(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    cdef bint _crosses_reset(self, Connection connection, Endpoint sender, Segment segment) except *
    @cython.locals(moves=int, listens=bint)
    cdef object _get_reset(self, Connection connection, Endpoint sender, Endpoint receiver, int64_t ts_ns, int64_t frame)
    cdef object _take_back_reset(self, Connection connection, Endpoint receiver)
    cdef bint _sent_again(self, Endpoint receiver, Segment segment) except *
    cdef bint _opened_too_early(
        self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment
    ) except *
    cdef bint _only_answered(
        self, Connection connection, Endpoint sender, Endpoint receiver, uint32_t snd_nxt, uint32_t rcv_nxt
    ) except *
    @cython.locals(before=int64_t)
    cdef bint _was(self, Endpoint endpoint, int state) except *
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
    @cython.locals(ts_ns=int64_t, frame=int64_t, acks_fin=bint, doubtful=bint, state=int)
    cdef object _finish(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment, bint in_gap)
    @cython.locals(opened=int64_t)
    cdef bint _may_have_fin(self, Endpoint sender, Endpoint receiver) except *
    @cython.locals(state=int, carried=int64_t, beyond=int64_t)
    cdef object _delivery(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(by=int, ruling=int, cause=int, confirms=bint, acks_fin=bint)
    cdef object _reset(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(before=int64_t, ts_ns=int64_t, frame=int64_t)
    cdef object _reset_again(
        self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment, bint acks_fin
    )
    cdef object _had_fin(self, Endpoint sender, Segment segment)
    cdef object _take_reset(self, Connection connection, Endpoint sender, Endpoint receiver, int64_t ts_ns, int64_t frame)
    cdef object _stray(self, Connection connection, int by, int64_t frame, int64_t ts_ns)
    cdef object _forget_reset(self, Connection connection)
    @cython.locals(by=int)
    cdef object _doubt_pending_reset(self, Connection connection, Endpoint sender, Segment segment)
    cdef object _drop_pending_reset(self, Connection connection)
    cdef bint _took_ack_of_fin(self, Endpoint sender) except *
    @cython.locals(by=int, sender=Endpoint, receiver=Endpoint)
    cdef object settle(self, Connection connection)
    @cython.locals(flags=int)
    cdef object pick_up(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    cdef object unreachable(self, Connection connection, Endpoint endpoint, int64_t ts_ns, int64_t frame)
    @cython.locals(ts_ns=int64_t, frame=int64_t)
    cdef object resume(self, Endpoint refused, Endpoint endpoint)
    cdef object replace(self, Endpoint endpoint, int basis, int64_t ts_ns, int64_t frame)
    @cython.locals(clocks=Clocks, endpoint=Endpoint, connection=Connection)
    cdef Connection run_clocks(self, int64_t ts_ns)
    @cython.locals(deadline_ns=int64_t)
    cdef object run_out(self, Endpoint endpoint)
