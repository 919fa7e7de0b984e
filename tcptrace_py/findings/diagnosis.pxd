cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.findings.case cimport Case
from tcptrace_py.findings.handshake cimport Handshakes
from tcptrace_py.findings.suspicion cimport Suspicion
from tcptrace_py.tcp.connection cimport Connection

cdef int FIN_UNANSWERED, HALF_CLOSE, HANDSHAKE, RESETS, REUSE, SILENCE, WAITS


cdef class Diagnosis:
    cdef object _settings
    cdef object _history
    cdef Suspicion _suspicion
    cdef object _close_waits
    cdef object _fin_waits
    cdef object _unacknowledged_fins
    cdef object _half_closes
    cdef object _reuses
    cdef Handshakes _handshakes
    cdef object _dead_peers
    cdef object _resets

    @cython.locals(families=int, case=Case)
    cpdef tuple look(self, Connection connection, bint at_end, int64_t end_ns)
