cimport cython
from libc.stdint cimport uint64_t

cdef uint64_t _ALL


@cython.final
cdef class Kept:
    cdef Py_ssize_t _limit
    cdef public dict entries
    cdef dict _keys
    cdef list _heap
    cdef uint64_t _below

    cpdef bint wants(self, uint64_t rank) noexcept
    @cython.locals(turned=uint64_t, gone=uint64_t)
    cpdef object put(self, uint64_t rank, object key, object entry)


@cython.final
cdef class Sample:
    cdef Py_ssize_t _limit
    cdef public dict entries
    cdef uint64_t _most

    cpdef bint wants(self, uint64_t rank) noexcept
    cpdef bint whole(self) noexcept
    cpdef object put(self, object rank, object entry)
    cpdef object narrow(self, Sample other)
    @cython.locals(kept=dict, rank=uint64_t)
    cdef object _cut(self, uint64_t most)
