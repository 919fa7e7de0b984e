cimport cython
from libc.stdint cimport int64_t, uint32_t

from tcptrace_py.tcp.transitions cimport Transitions
from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.gate cimport refuses_ack
from tcptrace_py.tcp.journal cimport Journal
from tcptrace_py.tcp.serial cimport advance, distance
from tcptrace_py.wire.segment cimport Segment

cdef int ACKNOWLEDGED, ASSUMED, PRESUMED, SENT
cdef int CLOSED, SYN_SENT, SYN_RCVD, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, TIME_WAIT
cdef int GETS_ACK_OF_FIN, GETS_ACK_OF_SYN, GETS_FIN, GETS_FIN_WITH_ACK_OF_FIN, GETS_RST, GETS_RST_AS_LISTENER
cdef int GETS_SYN_ACK, SENDS_RST
cdef int ABORT, AFTER_CLOSE, CLOSE_WAIT_ABORT, HANDSHAKE_ABORT, KILLS_TIME_WAIT, NO_CONNECTION, NO_RESET
cdef int REFUSED, RST_EXACT, RST_IN_WINDOW, RST_STRAY, TIMEOUT
cdef int RECEIVER_GOES_ON, SENDER_GOES_ON
cdef int ACK, FIN, SYN
cdef int64_t UNDER_WAY_NS


@cython.locals(beyond=int64_t, ahead=int64_t, before_hole=uint32_t)
cdef int verdict(Endpoint sender, Endpoint receiver, Segment segment) except -1
cdef bint _answers_syn(Endpoint sender, Endpoint receiver) except *
cdef int reset_cause(Connection connection, Endpoint sender, Endpoint receiver, Segment segment, int64_t probes) except -1
cdef bint drops_handshake(Endpoint sender, Endpoint receiver, Segment segment) except *
cdef int settled_cause(Endpoint sender, Endpoint receiver) except -1


@cython.final
cdef class Resets:
    cdef public int64_t took_effect
    cdef Transitions _transitions
    cdef Journal _journal
    cdef int64_t _probes

    @cython.locals(by=int, ruling=int, cause=int, confirms=bint, acks_fin=bint)
    cdef object segment(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(before=int64_t, ts_ns=int64_t, frame=int64_t)
    cdef object _again(
        self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment, bint acks_fin
    )
    cdef bint crosses(self, Connection connection, Endpoint sender, Segment segment) except *
    cdef object _send(self, Connection connection, Endpoint sender, Endpoint receiver, int64_t ts_ns, int64_t frame)
    @cython.locals(moves=int, listens=bint)
    cdef object deliver(self, Connection connection, Endpoint sender, Endpoint receiver, int64_t ts_ns, int64_t frame)
    cdef object take_back(self, Connection connection, Endpoint receiver)
    cdef object stray(self, Connection connection, int by, int64_t frame, int64_t ts_ns)
    @cython.locals(end=uint32_t)
    cdef bint contradicts(self, Connection connection, Endpoint receiver, Segment segment) except *
    @cython.locals(frame=int64_t)
    cdef object undo(self, Connection connection, Endpoint sender, Endpoint receiver)
    cdef object disbelieve(self, Connection connection, bint sender_goes_on)
    cdef object forget(self, Connection connection)
    cdef object doubt_pending(self, Connection connection, Endpoint sender, Segment segment)
    cdef object _drop_pending(self, Connection connection)
    @cython.locals(by=int, sender=Endpoint, receiver=Endpoint)
    cdef object settle(self, Connection connection)
    cdef object catch_up(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(by=int, ts_ns=int64_t, frame=int64_t)
    cdef object _believe_pending(self, Connection connection, Endpoint sender, Endpoint receiver)
