cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.report.model.record cimport connection_record
from tcptrace_py.report.model.tally cimport Tally
from tcptrace_py.tcp.attempt cimport Attempt
from tcptrace_py.tcp.connection cimport Connection


cdef class ReportBuilder:
    cdef object _sink
    cdef int64_t _services
    cdef Tally _tally
    cdef list _connections
    cdef readonly object defects

    cpdef object add(self, Connection connection, object kinds, bint keep)
    cpdef object add_attempt(self, Attempt attempt)
    cpdef object merge(self, ReportBuilder other)
