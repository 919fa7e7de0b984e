from libc.stdint cimport int64_t

from tcptrace_py.tcp.evidence cimport Evidence, Frame

cdef Frame NOT_SEEN
cdef int64_t NONE
cdef int CLOSE_WAIT, CLOSED, ESTABLISHED, FIN_WAIT_1, LAST_ACK, LISTEN, PRESUMED, SENT, SYN_SENT, TIME_WAIT
