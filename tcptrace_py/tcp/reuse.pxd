cimport cython
from libc.stdint cimport int64_t, uint32_t

from tcptrace_py.tcp.transitions cimport Transitions
from tcptrace_py.tcp.connection cimport Connection, ConnectionRare
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.flow_table cimport FlowTable
from tcptrace_py.tcp.incarnations cimport direction
from tcptrace_py.tcp.machine cimport Machine
from tcptrace_py.tcp.serial cimport advance
from tcptrace_py.wire.segment cimport Segment

cdef int ACK, ACKNOWLEDGED, ESTABLISHED, RST, SENT, SYN, SYN_SENT, TIME_WAIT


cpdef object succeed(Connection connection, Connection began, Segment segment)
@cython.locals(older=Connection, sender=Endpoint, receiver=Endpoint)
cpdef object resume(FlowTable table, Machine machine, Connection connection, Segment segment)
@cython.locals(older=Connection, old_sender=Endpoint, old_receiver=Endpoint)
cpdef object accepted(FlowTable table, Machine machine, Connection connection, Segment segment)
@cython.locals(older=Connection, old_client=Endpoint)
cpdef object opened_anew(FlowTable table, Machine machine, Connection connection, Segment segment)
cpdef object wait_for_answer(Connection connection, int by, Segment segment)
cpdef object asks_again(Connection connection, Segment segment)
cpdef object call_stale(Connection connection)
@cython.locals(after=uint32_t, sender=Endpoint, by_asker=bint)
cpdef bint shows_answer(Connection connection, Segment segment) except -1
@cython.locals(asked=Segment, asker=Endpoint, peer=Endpoint)
cpdef Segment pending_syn(Connection connection)
@cython.locals(rare=ConnectionRare, asker=Endpoint, again=int64_t)
cpdef Endpoint give_pending(Connection connection, Connection began, Segment asked)
