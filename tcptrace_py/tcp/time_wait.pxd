cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t

from tcptrace_py.tcp.endpoint cimport Endpoint

cdef int64_t _EXAMPLES


cdef class Pile:
    cdef public uint64_t address_hi
    cdef public uint64_t address_lo
    cdef public uint64_t to_hi
    cdef public uint64_t to_lo
    cdef public int64_t now
    cdef public int64_t peak
    cdef public int64_t peak_at_ns
    cdef public int64_t entered
    cdef public int64_t first_ns
    cdef public int64_t last_ns
    cdef public int64_t first_frame
    cdef public int64_t last_frame
    cdef public list connections
    cdef public uint16_t to_port
    cdef public uint8_t ip_version


cdef class TimeWait:
    cdef public int64_t floor
    cdef public int64_t now
    cdef public int64_t peak
    cdef public int64_t peak_at_ns
    cdef public int64_t entered
    cdef dict _by_address
    cdef dict _by_destination

    @cython.locals(pile=Pile)
    cpdef object enter(self, Endpoint endpoint, Endpoint peer, int ip_version, int64_t connection, int64_t ts_ns, int64_t frame)
    cpdef object leave(self, Endpoint endpoint, Endpoint peer, int ip_version)
    @cython.locals(pile=Pile)
    cpdef object resume(self, Endpoint endpoint, Endpoint peer, int ip_version)
    cdef Pile _pile(self, dict piles, object key, Endpoint endpoint)
    cdef object _grow(self, Pile pile, int64_t connection, int64_t ts_ns, int64_t frame)
    @cython.locals(pile=Pile)
    cdef object _shrink(self, dict piles, object key)
