cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.tcp.evidence cimport Evidence, Frame

cdef Frame NEVER, NOT_SEEN
cdef int64_t BEYOND, NONE, RTO_MIN_NS, UNDER_WAY_NS, WINDOW_BYTES
cdef int ACKNOWLEDGED, ASSUMED, CLOSED, FIN_WAIT_1, GETS_ACK_OF_FIN, GETS_ACK_OF_SYN, GETS_RST
cdef int GETS_RST_AS_LISTENER, GETS_SYN_ACK, PRESUMED, SENDS_RST, SENT


@cython.final
cdef class Closing:
    cdef readonly object rst
    cdef readonly int basis
    cdef readonly Frame came_before
    cdef readonly int64_t came_upto
