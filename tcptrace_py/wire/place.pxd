cimport cython
from libc.stdint cimport uint64_t

from tcptrace_py.wire.segment cimport Segment

cdef uint64_t _FIRST, _MASK, _SECOND


cpdef uint64_t place(Segment segment) noexcept
@cython.locals(source=uint64_t, target=uint64_t)
cpdef uint64_t place_between(
    uint64_t hi, uint64_t lo, uint64_t port, uint64_t peer_hi, uint64_t peer_lo, uint64_t peer_port
) noexcept nogil
cdef uint64_t _mix(uint64_t number, uint64_t mask) noexcept nogil
