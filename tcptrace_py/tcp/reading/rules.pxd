from tcptrace_py.tcp.evidence cimport Frame

cdef Frame NOT_SEEN
cdef int CLOSE_WAIT, CLOSED, CLOSING, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, SYN_RCVD, TIME_WAIT
