cimport cython
from libc.stdint cimport int64_t, uint32_t

from tcptrace_py.tcp.transitions cimport Transitions
from tcptrace_py.tcp.closing cimport Closing
from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.gate cimport acknowledges_unsent, takes
from tcptrace_py.tcp.journal cimport Journal
from tcptrace_py.tcp.opening cimport Opening
from tcptrace_py.tcp.resets cimport Resets
from tcptrace_py.tcp.serial cimport advance, distance
from tcptrace_py.wire.segment cimport Segment

cdef int ASSUMED, CLOSE_WAIT, CLOSED, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, GETS_ACK_OF_SYN
cdef int GETS_UNREACHABLE, IS_REPLACED, LISTEN, PRESUMED, SENT, SYN_RCVD, SYN_SENT, TIME_WAIT, TIMER
cdef int ACK, FIN, RST, SYN
cdef int64_t UNDER_WAY_NS


@cython.final
cdef class Machine:
    cdef public Transitions transitions
    cdef public Resets resets
    cdef Opening _opening
    cdef Closing _closing
    cdef Journal _journal

    @cython.locals(flags=int, ts_ns=int64_t, frame=int64_t, before=int64_t)
    cdef object segment(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(flags=int, fin_in_gap=bint, fresh_bytes=int64_t, same_window=bint)
    cdef object _pass(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    cdef bint _ends_before(self, Segment segment, int64_t snd_nxt) except -1
    @cython.locals(before=uint32_t, fresh_bytes=int64_t)
    cdef int64_t _account(self, Endpoint sender, Endpoint receiver, Segment segment) except -1
    @cython.locals(basis=int, beyond=int64_t, by=int)
    cdef object _rise(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(news=bint, state=int)
    cdef object _receipt(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment, bint same_window)
    @cython.locals(carried=int64_t, end=int64_t, beyond=int64_t)
    cdef object _delivery(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(flags=int)
    cdef object pick_up(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    cdef object unreachable(self, Connection connection, Endpoint endpoint, int64_t ts_ns, int64_t frame)
    @cython.locals(ts_ns=int64_t, frame=int64_t)
    cdef object resume(self, Endpoint refused, Endpoint endpoint)
    cdef object replace(self, Endpoint endpoint, int basis, int64_t ts_ns, int64_t frame)
