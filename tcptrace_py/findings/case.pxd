from libc.stdint cimport int64_t

from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.wire.frame_id cimport frame_number, frame_source


cdef class Case:
    cdef object _history
    cdef readonly object gaps
    cdef public Connection connection
    cdef public object seen
    cdef public set explained
    cdef public tuple undecided
    cdef public bint at_end
    cdef public int64_t end_ns

    cpdef Endpoint endpoint(self, int by)
    cpdef list history(self, int by)
    cpdef str role(self, int by)
    cpdef str name(self, int by)
    cpdef str address(self, int by)
    cpdef object evidence(self, int64_t frame_id, int64_t ts_ns, str text)


cpdef int other(int by) except? -1
