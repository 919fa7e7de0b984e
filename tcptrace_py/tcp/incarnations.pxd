cimport cython
from libc.stdint cimport int64_t, uint32_t

from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.evidence cimport Evidence, Frame
from tcptrace_py.tcp.flow_table cimport FlowTable
from tcptrace_py.tcp.gate cimport acknowledges_unsent, follows, refuses_ack
from tcptrace_py.tcp.serial cimport advance, distance
from tcptrace_py.wire.segment cimport Segment

cdef int ACK, FIN, RST, SYN
cdef int64_t NONE, RTO_MIN_NS, _MOST_EARLY, _NEAR_BYTES


@cython.locals(connection=Connection)
cpdef Connection incarnation(FlowTable table, Connection newest, Segment segment)
cpdef tuple direction(Connection connection, Segment segment)
@cython.locals(flags=int)
cpdef bint answers_syn(Segment segment) except -1
@cython.locals(each=Segment)
cpdef bint too_early(Connection connection, Endpoint sender, Endpoint receiver, Segment segment) except -1
cdef bint _answers(Segment segment, Endpoint opener) except -1
@cython.locals(each=Segment)
cpdef object set_aside(Connection connection, Segment segment)
@cython.locals(each=Segment, in_time=bint)
cpdef list early_answers(Connection connection, Segment asker, uint32_t ack)
@cython.locals(overtaken=bint)
cpdef bint answered(Endpoint opener, Segment syn) except -1
@cython.locals(sender=Endpoint, receiver=Endpoint)
cdef bint _goes_on(Connection connection, Segment segment) except -1
@cython.locals(sender=Endpoint, receiver=Endpoint, flags=int, off=int64_t)
cdef bint _fits(Connection connection, Segment segment) except -1


cdef class Incarnation:
    cdef public Evidence a
    cdef public Evidence b
    cdef bint _begun

    cpdef tuple ends(self, bint by_a)
    @cython.locals(a=Endpoint, mine=Endpoint, other=Endpoint, sender=Evidence, receiver=Evidence, by_a=bint, unsent=bint, frame=Frame, flags=int, taken=int, seq=int64_t)
    cpdef object add(self, Connection connection, Segment segment)
    @cython.locals(mine=Evidence, peer=Evidence, attempt=Evidence, by_a=bint, only_asked=bint)
    cpdef bint resume(self, Connection connection, Incarnation older, Connection refused, Segment segment) except -1
    @cython.locals(sender=Evidence, receiver=Evidence, own=int64_t, acknowledged=int64_t)
    cpdef object tell(self, bint by_a, Frame frame, int64_t seq, int64_t ack, int flags, int64_t payload_bytes, bint unsent=*)
    @cython.locals(in_time=bint)
    cdef object _judge_early(self, Evidence end, Evidence early, Evidence peer, int64_t ts_ns, bint goes_on)
