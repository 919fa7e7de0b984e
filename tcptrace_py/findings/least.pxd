cimport cython
from libc.stdint cimport uint64_t

cdef Py_ssize_t _NUMBER_BYTES, _ROOM


@cython.final
cdef class Least:
    cdef Py_ssize_t _limit
    cdef Py_ssize_t _count
    cdef Py_ssize_t _room
    cdef uint64_t[::1] _numbers
    cdef bint _full
    cdef uint64_t _below

    @cython.locals(count=Py_ssize_t, at=Py_ssize_t, low=Py_ssize_t, middle=Py_ssize_t, place=Py_ssize_t, numbers=uint64_t[::1])
    cpdef object add(self, uint64_t number)
    @cython.locals(room=Py_ssize_t)
    cdef object _grow(self)
    cdef object _see(self)
    @cython.locals(i=Py_ssize_t)
    cpdef object merge(self, Least other)
    cpdef object replace(self, object numbers)
