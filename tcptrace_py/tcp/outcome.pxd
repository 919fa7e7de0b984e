from tcptrace_py.tcp.connection cimport Connection

cdef int ABORTED, COMPLETE, FOUR_WAY, HALF_CLOSED, HALF_OPEN, OPEN, REFUSED_HANDSHAKE
cdef int RESET, SIMULTANEOUS, THREE_WAY, UNANSWERED, UNREACHABLE, UNSEEN


cpdef int handshake_outcome(Connection connection) except -1
cpdef int close_kind(Connection connection) except -1
cpdef bint close_complete(Connection connection) except -1
cpdef int close_initiator(Connection connection) except -1
