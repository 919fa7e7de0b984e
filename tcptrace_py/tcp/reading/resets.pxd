from libc.stdint cimport int64_t

from tcptrace_py.tcp.evidence cimport Evidence
from tcptrace_py.tcp.reading.rules cimport Reach

cdef int64_t BEYOND, NONE, UNDER_WAY_NS, WINDOW_BYTES
cdef int ACKNOWLEDGED, ASSUMED, CLOSED, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, LISTEN, PRESUMED, SENT, SYN_RCVD, SYN_SENT, TIME_WAIT
