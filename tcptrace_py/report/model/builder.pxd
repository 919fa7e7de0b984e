from libc.stdint cimport int64_t

from tcptrace_py.report.model.record cimport connection_record
from tcptrace_py.report.model.tally cimport Tally
from tcptrace_py.tcp.connection cimport Connection


cdef class ReportBuilder:
    cdef object _history
    cdef object _sink
    cdef int64_t _services
    cdef Tally _tally
    cdef list _connections
    cdef readonly object defects

    cpdef object add(self, Connection connection, object kinds, bint keep)
    cpdef object merge(self, ReportBuilder other)
