cimport cython
from libc.stdint cimport int64_t, uint32_t

from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.serial cimport advance, distance
from tcptrace_py.wire.segment cimport Segment

cdef int ACK, ESTABLISHED, FIN, SYN, SYN_SENT
cdef int64_t _HALF_BYTES, _LEAST_WINDOW_BYTES, _NEAR_BYTES


@cython.locals(flags=int, asked=bint, unopened=bint)
cpdef bint takes(Connection connection, Endpoint sender, Endpoint receiver, Segment segment) except -1
cpdef bint precedes_syn(Endpoint sender, Segment segment) except -1
cpdef bint follows(Endpoint sender, int64_t number) except -1
cpdef bint acknowledges_syn(Endpoint opener, uint32_t ack) except -1
@cython.locals(opened=bint)
cpdef bint acknowledges_unsent(Endpoint receiver, uint32_t ack) except -1
cpdef bint refuses_ack(Connection connection, Endpoint opener, Endpoint peer, Segment rst) except -1
@cython.locals(echo=uint32_t)
cpdef bint echoes_another(Connection connection, Endpoint opener, Segment syn_ack) except -1
@cython.locals(window=int64_t, rcv_nxt=uint32_t)
cpdef bint in_window(Endpoint sender, Endpoint receiver, Segment segment) except -1
