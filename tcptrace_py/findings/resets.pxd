cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.findings.case cimport Case, trip_ns
from tcptrace_py.findings.group cimport Group, Groups
from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.observations cimport Observations, Reset
from tcptrace_py.tcp.serial cimport distance

cdef int CERTAIN, LIKELY, POSSIBLE
cdef int64_t _IDLE_NS, _AT_ONCE_NS, _THERE_NS, _GOODBYE_NS, _CROSSING_NS, _MANY_STRAYS


@cython.locals(seen=Observations, sender=Endpoint, peer=Endpoint, reset=Reset, closed_ns=int64_t)
cpdef bint harmless(Case case, int by, int cause) except -1

@cython.locals(seen=Observations, later=Reset, first=Reset)
cdef Reset ended_by(Case case, int by)

@cython.locals(sender=Endpoint)
cdef bint unheard(Case case, int by) except -1

@cython.locals(endpoint=Endpoint)
cdef bint closed_unopened(Case case, int by) except -1

@cython.locals(reset=Reset)
cpdef bint answered_all(Case case, int by, int cause) except -1

@cython.locals(reset=Reset, others=Reset)
cdef bint both_reset(Case case, int by) except -1

@cython.locals(reset=Reset, sender=Endpoint, peer=Endpoint, waited_ns=int64_t)
cdef bint said_goodbye(Case case, int by) except -1

@cython.locals(reset=Reset)
cdef bint unwanted(Case case, int by) except -1

@cython.locals(seen=Observations, sender=Endpoint, after_ns=int64_t)
cpdef bint answered_close(Case case, int by) except -1

@cython.locals(seen=Observations, endpoint=Endpoint)
cpdef bint goodbye(Case case, int by) except -1


cpdef bint other_ttl(Reset reset, int usual_ttl) except -1


@cython.final
cdef class Resets:
    cdef dict _groups
    cdef Groups _strays

    @cython.locals(connection=Connection, cause=int, seen=Observations, told=bint)
    cpdef list look(self, Case case, object known)
    @cython.locals(connection=Connection, by=int, reset=Reset)
    cdef bint _was_there(self, Case case) except -1
    @cython.locals(soon_ns=int64_t)
    cdef bint _answers(self, Case case, int by, Reset reset) except -1
    @cython.locals(reset=Reset, client=Endpoint)
    cdef bint _took_first(self, Case case, int by) except -1
    @cython.locals(reset=Reset, sender=Endpoint)
    cdef bint _went_on(self, Case case, int by) except -1
    @cython.locals(reset=Reset)
    cdef bint _upon_data(self, Case case, int by) except -1
    @cython.locals(
        connection=Connection, by=int, reset=Reset, group=Group, idle_ns=int64_t, sender=Endpoint, since_ns=int64_t,
        mute=bint, bare=bint, wanted=bint, went_on=bint, sure=int, groups=Groups, seen=Observations,
    )
    cdef object _take(self, Case case, int cause)
    @cython.locals(connection=Connection, seen=Observations, by=int, group=Group, groups=Groups)
    cdef object _take_fast_close(self, Case case)
    @cython.locals(connection=Connection, sender=Endpoint, seen=Observations)
    cdef int _confidence(self, Case case, int cause) except -1
    @cython.locals(connection=Connection, reset=Reset)
    cdef int64_t _before_ns(self, Case case) except? -1
    @cython.locals(connection=Connection, reset=Reset, seen=Observations, gap_by=int, took=bint)
    cdef int64_t _idle_ns(self, Case case) except? -2
    @cython.locals(connection=Connection, by=int, endpoint=Endpoint, sender=Endpoint, first=Reset)
    cdef list _evidence(self, Case case, int cause, int64_t idle_ns)
    @cython.locals(connection=Connection, by=int, group=Group, reset=Reset)
    cdef object _take_stray(self, Case case)
    cpdef object merge(self, Resets other)
