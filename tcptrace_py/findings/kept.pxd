cimport cython
from libc.stdint cimport uint64_t


cdef class Kept:
    cdef Py_ssize_t _limit
    cdef public dict entries
    cdef list _ranks
    cdef uint64_t _below

    cpdef bint wants(self, uint64_t rank) noexcept
    cpdef object put(self, object rank, object key, object entry)
