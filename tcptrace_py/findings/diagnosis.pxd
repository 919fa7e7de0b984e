cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.findings.case cimport Case
from tcptrace_py.findings.suspicion cimport Suspicion
from tcptrace_py.tcp.connection cimport Connection


cdef class Diagnosis:
    cdef object _settings
    cdef object _history
    cdef Suspicion _suspicion
    cdef list _families
    cdef readonly object defects

    @cython.locals(suspect=int, case=Case, kinds=list)
    cpdef tuple look(self, Connection connection, bint at_end, int64_t end_ns)
    cdef object _failed(self, object family, Connection connection, object error)
    cpdef object merge(self, Diagnosis other)
