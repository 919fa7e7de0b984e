cimport cython
from libc.stdint cimport int64_t

cdef Py_ssize_t _WAITING


@cython.final
cdef class Timeline:
    cdef Py_ssize_t _points
    cdef int64_t _grain_ns
    cdef dict _cells
    cdef list _waiting

    cpdef object arrive(self, int64_t ts_ns)
    cpdef object depart(self, int64_t ts_ns)
    cpdef object merge(self, Timeline other)
    @cython.locals(ts_ns=int64_t, arrivals=int64_t, departures=int64_t, last_ns=int64_t, now=int64_t, most=int64_t, most_at_ns=int64_t)
    cpdef tuple peak(self)
    @cython.locals(change=int64_t, ts_ns=int64_t)
    cdef object _settle(self)
    @cython.locals(begin_ns=int64_t, cell=list)
    cdef object _add(self, int64_t ts_ns, int64_t arrivals, int64_t departures, int64_t last_ns)
    @cython.locals(cells=dict, ts_ns=int64_t, arrivals=int64_t, departures=int64_t, last_ns=int64_t)
    cdef object _coarsen(self)
