cimport cython
from libc.stdint cimport int64_t

cdef Py_ssize_t _POINTS


cdef class Crowd:
    cdef public dict _changes
    cdef int64_t _grain_ns

    @cython.locals(change=list)
    cpdef object stay(self, int64_t begin_ns, object end_ns)
    cpdef object merge(self, Crowd other)
    @cython.locals(change=list)
    cdef list _at(self, int64_t ts_ns)
    @cython.locals(change=list)
    cdef object _coarsen(self)
