cimport cython
from libc.stdint cimport uint64_t


@cython.final
cdef class Least:
    cdef Py_ssize_t _limit
    cdef object _numbers
    cdef bint _full
    cdef uint64_t _below

    @cython.locals(at=Py_ssize_t)
    cpdef object add(self, uint64_t number)
    @cython.locals(count=Py_ssize_t)
    cdef object _see(self)
    cpdef object merge(self, Least other)
