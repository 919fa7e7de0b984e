from libc.stdint cimport uint64_t

cdef uint64_t _MAPPED

cpdef bint is_inside(uint64_t hi, uint64_t lo, int version) except -1
