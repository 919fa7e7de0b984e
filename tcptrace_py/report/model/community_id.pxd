cimport cython
from libc.stdint cimport int64_t, uint64_t


@cython.locals(text=bytes)
cpdef str community_id(int64_t version, uint64_t hi, uint64_t lo, int64_t port, uint64_t to_hi, uint64_t to_lo, int64_t to_port)
