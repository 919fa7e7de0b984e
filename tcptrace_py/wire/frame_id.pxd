from libc.stdint cimport int64_t

cdef int64_t _NUMBER_BITS, _NUMBER_MASK


cpdef int64_t frame_id(int64_t source, int64_t number) noexcept
cpdef int64_t frame_number(int64_t frame) noexcept
cpdef int64_t frame_source(int64_t frame) noexcept
