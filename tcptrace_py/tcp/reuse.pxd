cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.tcp.transitions cimport Transitions
from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.flow_table cimport FlowTable
from tcptrace_py.tcp.incarnations cimport direction
from tcptrace_py.tcp.machine cimport Machine
from tcptrace_py.wire.segment cimport Segment

cdef int ACK, ACKNOWLEDGED, ESTABLISHED, RST, SENT, SYN, SYN_RCVD, SYN_SENT, TIME_WAIT


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
@cython.locals(asked=Segment)
cpdef Segment pending_syn(Connection connection, Segment answer)
