cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t

from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.timeline cimport Timeline, arrives, departs

cdef Py_ssize_t _EXAMPLES, _PILES, _PILE_POINTS, _WHOLE_POINTS
cdef uint64_t _MIX, _MIX_TO, _RECENT


cdef class Pile:
    cdef public uint64_t address_hi
    cdef public uint64_t address_lo
    cdef public uint64_t to_hi
    cdef public uint64_t to_lo
    cdef public int64_t now
    cdef public int64_t most
    cdef public int64_t entered
    cdef public int64_t arrived
    cdef public int64_t first_ns
    cdef public int64_t last_ns
    cdef public int64_t first_frame
    cdef public int64_t last_frame
    cdef public int64_t first_connection
    cdef public int64_t last_named
    cdef public list connections
    cdef public Timeline timeline
    cdef public uint16_t to_port
    cdef public uint8_t ip_version

    cdef object enter(self, int64_t connection, int64_t ts_ns, int64_t frame, int64_t arrival)
    @cython.locals(connection=int64_t)
    cpdef object merge(self, Pile other)
    cdef object _first_and_last(self, int64_t first_ns, int64_t first_frame, int64_t connection, int64_t last_ns, int64_t last_frame)
    @cython.locals(named=list, count=Py_ssize_t, at=Py_ssize_t, before=int64_t)
    cdef object _name(self, int64_t connection)


@cython.locals(mixed=uint64_t)
cdef uint64_t _place(uint64_t lo, uint64_t to_lo, uint64_t to_port) noexcept


cdef class Piles:
    cdef public dict by_key
    cdef list _recent

    @cython.locals(place=uint64_t, pile=Pile)
    cdef Pile find(self, Endpoint endpoint, uint64_t to_hi, uint64_t to_lo, uint64_t to_port, int ip_version)
    @cython.locals(pile=Pile)
    cdef Pile of(self, Endpoint endpoint, uint64_t to_hi, uint64_t to_lo, uint64_t to_port, int ip_version)
    @cython.locals(pile=Pile)
    cdef Pile _begin(self, tuple key)
    cdef object remove(self, Pile pile)
    cdef object _let_go(self)
    @cython.locals(pile=Pile, mine=Pile)
    cpdef object merge(self, Piles other)


cdef class TimeWait:
    cdef public int64_t floor
    cdef public int64_t now
    cdef public int64_t entered
    cdef Timeline _timeline
    cdef Piles _by_address
    cdef Piles _by_destination

    @cython.locals(arrival=int64_t, pile=Pile)
    cpdef object enter(self, Endpoint endpoint, Endpoint peer, int ip_version, int64_t connection, int64_t ts_ns, int64_t frame)
    @cython.locals(departure=int64_t, piles=Piles, pile=Pile)
    cpdef object leave(self, Endpoint endpoint, Endpoint peer, int ip_version, int64_t ts_ns)
    @cython.locals(pile=Pile)
    cpdef object take_back(self, Endpoint endpoint, Endpoint peer, int ip_version, int64_t entered_ns, int64_t left_ns)
    cpdef object merge(self, TimeWait other)
    cdef object _take_back(self, Pile pile, int64_t left_ns)
    cdef object _shrink(self, Piles piles, Pile pile, int64_t departure)
