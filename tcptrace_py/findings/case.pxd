cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.history cimport history_of
from tcptrace_py.wire.frame_id cimport frame_number, frame_source


cdef class Case:
    cdef readonly object gaps
    cdef list _gap_ends
    cdef public Connection connection
    cdef public object seen
    cdef public set explained
    cdef public tuple undecided
    cdef public int client_by
    cdef public int server_by
    cdef public bint at_end
    cdef public int64_t end_ns

    cdef object fill(self, Connection connection, bint at_end, int64_t end_ns, object gaps)
    @cython.locals(reached_ns=int64_t)
    cpdef int64_t until(self, int64_t since_ns, int64_t until_ns) except? -1
    cpdef Endpoint endpoint(self, int by)
    cpdef list history(self, int by)
    cpdef str role(self, int by)
    cpdef str name(self, int by)
    cpdef str address(self, int by)
    cpdef object evidence(self, int64_t frame_id, int64_t ts_ns, str text)


@cython.locals(case=Case)
cpdef Case case_of(Connection connection, bint at_end, int64_t end_ns, object gaps)


cpdef object evidence(int64_t connection, int64_t frame_id, int64_t ts_ns, str text)


cpdef int other(int by) except? -1


@cython.locals(connection=Connection)
cpdef int64_t server_trip_ns(Case case) except? -2


@cython.locals(connection=Connection)
cpdef int64_t client_trip_ns(Case case) except? -2


cpdef int64_t trip_ns(Case case, int by) except? -2
