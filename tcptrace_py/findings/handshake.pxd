cimport cython
from libc.stdint cimport int64_t, uint64_t

from tcptrace_py.findings.case cimport Case
from tcptrace_py.findings.group cimport Group, Groups
from tcptrace_py.tcp.attempt cimport Attempt
from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.wire.inside cimport is_inside

cdef int CERTAIN, LIKELY, POSSIBLE
cdef int CLOSED, ESTABLISHED, SYN_RCVD
cdef int ABORTED, HALF_OPEN_OUTCOME, REFUSED, REFUSED_HANDSHAKE, UNANSWERED, UNREACHABLE
cdef int64_t LATE_NS, _KERNEL_GIVES_UP_NS


cdef object _only_syn(Attempt attempt)


@cython.final
cdef class Handshakes:
    cdef Groups _refused
    cdef Groups _timeouts
    cdef Groups _unreachable
    cdef Groups _half_open
    cdef Groups _stale
    cdef Groups _begun
    cdef Groups _half_begun

    @cython.locals(connection=Connection, outcome=int)
    cpdef list look(self, Case case, object known)
    @cython.locals(version=int, hi=uint64_t, lo=uint64_t, syn_ns=int64_t, group=Group)
    cpdef object look_at_attempt(self, Attempt attempt, bint at_end, int64_t waited_until_ns)
    cdef object _time_out(self, Group group, int64_t syns, int64_t tried_ns, bint stopped, bint inside, bint late)
    cpdef object merge(self, Handshakes other)
    @cython.locals(connection=Connection, client=Endpoint, group=Group, by=int, refused_ns=int64_t)
    cdef list _take_refused(self, Case case)
    @cython.locals(
        connection=Connection, client=Endpoint, group=Group, by=int, waited_until_ns=int64_t, tried_ns=int64_t,
        stopped=bint, inside=bint, late_ns=int64_t,
    )
    cdef list _take_timeout(self, Case case)
    @cython.locals(
        connection=Connection, client=Endpoint, server=Endpoint, group=Group, by=int, state=int, sure=int,
        history=list, entered_ns=int64_t, too_late=bint,
    )
    cdef list _take_half_open(self, Case case, bint half_open)


@cython.locals(due_ns=int64_t)
cdef bint _under_way(int64_t tries, int64_t first_ns, int64_t last_ns, int64_t until_ns) noexcept

@cython.locals(connection=Connection)
cdef bint _refused_late(Case case) except -1
