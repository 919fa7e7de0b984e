from libc.stdint cimport int64_t

cdef int64_t _HALF, _MASK


cpdef int64_t distance(int64_t a, int64_t b) noexcept
cpdef int64_t advance(int64_t seq, int64_t count) noexcept
