from libc.stdint cimport int64_t

from tcptrace_py.tcp.evidence cimport Evidence
from tcptrace_py.tcp.reading.rules cimport Opened, Reach

cdef int64_t NONE, UNDER_WAY_NS, WINDOW_BYTES
cdef int ACKNOWLEDGED, ASSUMED, CLOSED, ESTABLISHED, LISTEN, PRESUMED, SENT, SYN_RCVD, SYN_SENT
