cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.tcp.evidence cimport Evidence, Frame, Passes

cdef Frame NEVER, NOT_SEEN
cdef int64_t BEYOND, NONE, RTO_MIN_NS, UNDER_WAY_NS, WINDOW_BYTES
cdef int ACKNOWLEDGED, ASSUMED, CLOSED, CLOSING, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, LAST_ACK
cdef int LISTEN, PRESUMED, SENT, SYN_RCVD, SYN_SENT, TIME_WAIT


@cython.final
cdef class Reach:
    cdef readonly Frame frame
    cdef readonly int64_t seq
