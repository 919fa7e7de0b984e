cimport cython
from libc.stdint cimport int64_t


@cython.final
cdef class Reach:
    cdef readonly int64_t frame
    cdef readonly int64_t seq


@cython.final
cdef class Opened:
    cdef readonly int64_t frame
    cdef readonly int64_t basis
    cdef readonly int64_t carried_to
