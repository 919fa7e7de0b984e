cimport cython
from libc.stdint cimport int64_t, uint32_t

from tcptrace_py.tcp.transitions cimport Transitions
from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.gate cimport echoes_another
from tcptrace_py.tcp.journal cimport Journal
from tcptrace_py.tcp.resets cimport Resets
from tcptrace_py.tcp.serial cimport advance, distance
from tcptrace_py.wire.segment cimport Segment

cdef int ACKNOWLEDGED, ASSUMED, CLOSED, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, GETS_ACK_OF_SYN
cdef int GETS_RST_AS_LISTENER, GETS_SYN_ACK, LISTEN, LISTENS, PRESUMED, SENDS_FIN, SENDS_SYN, SENDS_SYN_ACK
cdef int SENT, SYN_RCVD, SYN_SENT
cdef int ACK, FIN, SYN
cdef int64_t RTO_MIN_NS, UNDER_WAY_NS


@cython.final
cdef class Opening:
    cdef Transitions _transitions
    cdef Resets _resets
    cdef Journal _journal

    @cython.locals(again=bint)
    cdef object synchronize(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    cdef object _listen_again(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    cdef object _sends_syn(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment, bint again)
    @cython.locals(ts_ns=int64_t, frame=int64_t, late=bint, opens=bint, before=int64_t)
    cdef object _sends_syn_ack(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment, bint again)
    @cython.locals(answers=bint, acknowledged=bint)
    cdef object _had_not_opened(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment, bint again, bint late)
    @cython.locals(ts_ns=int64_t, frame=int64_t, state=int, basis=int)
    cdef object answers(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment, bint news)
    cdef object infer_syn_ack(self, Endpoint endpoint, uint32_t isn, Segment segment)
    cdef object past_gap(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    cdef bint too_early(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment) except *
    cdef bint _only_answered(
        self, Connection connection, Endpoint sender, Endpoint receiver, uint32_t snd_nxt, uint32_t rcv_nxt
    ) except *
