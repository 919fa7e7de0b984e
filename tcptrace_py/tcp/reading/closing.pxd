from libc.stdint cimport int64_t

from tcptrace_py.tcp.evidence cimport Evidence, Passes
from tcptrace_py.tcp.reading.rules cimport Opened, Reach

cdef int64_t BEYOND, NONE, RTO_MIN_NS
cdef int ASSUMED, CLOSE_WAIT, CLOSED, CLOSING, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, LAST_ACK, PRESUMED, SENT, SYN_RCVD, TIME_WAIT
