from libc.stdint cimport uint16_t, uint64_t

from tcptrace_py.wire.segment cimport Segment


cpdef bint on_four_tuple(Segment segment, uint64_t hi, uint64_t lo, uint16_t port, uint64_t peer_hi, uint64_t peer_lo, uint16_t peer_port) except -1
