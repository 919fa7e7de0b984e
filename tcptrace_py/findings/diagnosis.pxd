cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.findings.case cimport Case, case_of
from tcptrace_py.findings.handshake cimport Handshakes
from tcptrace_py.findings.knowledge cimport Knowledge
from tcptrace_py.findings.suspicion cimport Suspicion
from tcptrace_py.tcp.attempt cimport Attempt
from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint

cdef int HANDSHAKE, HOLE, IN_CLEAR, MUTE, OBSERVED, SILENCE, SLOW, UNANSWERED, _CAUSED, _LOW_TTL
cdef dict _LOOKING


cdef class Diagnosis:
    cdef object _settings
    cdef object _gaps
    cdef list _gap_ends
    cdef Suspicion _suspicion
    cdef public Knowledge knowledge
    cdef object _causes
    cdef Handshakes _handshakes
    cdef readonly object defects
    cdef public dict revised

    @cython.locals(suspect=int, case=Case, kinds=list)
    cpdef tuple look(self, Connection connection, bint at_end, int64_t end_ns)
    @cython.locals(waited_until_ns=int64_t, handshakes=Handshakes, kept=bint)
    cpdef bint look_at_attempt(self, Attempt attempt, bint at_end, int64_t end_ns) except -1
    @cython.locals(client=Endpoint)
    cdef bint _may_tell(self, Connection connection) except -1
    @cython.locals(number=int, looking=tuple, made=list)
    cdef object _look_with(self, object families, int suspect, Case case, list kinds)
    cdef object _failed(self, object family, Connection connection, object error)
    cpdef object merge(self, Diagnosis other)
