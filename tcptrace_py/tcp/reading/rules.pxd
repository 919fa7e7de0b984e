from tcptrace_py.tcp.evidence cimport Frame

cdef Frame NOT_SEEN
cdef bytes _AFTER
cdef int CLOSED, EVENTS, GETS_ACK_OF_SYN, GETS_FIN, LISTEN, NO_TRANSITION
