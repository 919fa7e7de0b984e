from libc.stdint cimport int64_t

from tcptrace_py.tcp.evidence cimport Evidence, Frame
from tcptrace_py.tcp.reading.resets cimport Closing

cdef Frame NEVER, NOT_SEEN
cdef int64_t NONE, RTO_MIN_NS, UNDER_WAY_NS, WINDOW_BYTES
cdef int ACKNOWLEDGED, ASSUMED, CLOSED, ESTABLISHED, GETS_ACK_OF_FIN, GETS_ACK_OF_SYN, GETS_FIN
cdef int GETS_FIN_WITH_ACK_OF_FIN, GETS_RST_AS_LISTENER, GETS_SYN_ACK, LAST_ACK, LISTENS, PRESUMED
cdef int SENDS_FIN, SENDS_SYN, SENDS_SYN_ACK, SENT, SYN_RCVD, SYN_SENT
