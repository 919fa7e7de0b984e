cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.flow_table cimport FlowTable
from tcptrace_py.tcp.serial cimport distance
from tcptrace_py.wire.segment cimport Segment

cdef int ACK, RST, SYN
cdef int64_t _NEAR_BYTES


@cython.locals(connection=Connection)
cpdef Connection incarnation(FlowTable table, Connection newest, Segment segment)
cpdef tuple direction(Connection connection, Segment segment)
@cython.locals(sender=Endpoint)
cdef bint _goes_on(Connection connection, Segment segment) except -1
@cython.locals(sender=Endpoint, receiver=Endpoint, flags=int, off=int64_t)
cdef bint _fits(Connection connection, Segment segment) except -1
