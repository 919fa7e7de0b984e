cimport cython
from libc.stdint cimport int64_t, uint32_t

from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.serial cimport distance
from tcptrace_py.wire.segment cimport Segment

cdef int CLOSE_WAIT, ESTABLISHED, SYN_RCVD, SYN_SENT, TIME_WAIT
cdef int ABORT, AFTER_CLOSE, CLOSE_WAIT_ABORT, HANDSHAKE_ABORT, KILLS_TIME_WAIT, NO_CONNECTION, REFUSED
cdef int RST_EXACT, RST_IN_WINDOW, RST_STRAY, TIMEOUT
cdef int ACK


@cython.locals(beyond=int64_t, ahead=int64_t, before_hole=uint32_t, begin=uint32_t, end=uint32_t)
cpdef int verdict(Endpoint sender, Endpoint receiver, Segment segment) except -1
cdef bint _answers_syn(Endpoint sender, Endpoint receiver) except *
cpdef int cause(Connection connection, Endpoint sender, Endpoint receiver, Segment segment, int64_t probes) except -1
cpdef bint drops_handshake(Endpoint sender, Endpoint receiver, Segment segment) except *
cpdef int settled_cause(Endpoint sender, Endpoint receiver) except -1
