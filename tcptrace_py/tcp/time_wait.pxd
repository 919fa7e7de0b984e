cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t

from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.timeline cimport Timeline

cdef Py_ssize_t _EXAMPLES, _PILES, _PILE_POINTS, _WHOLE_POINTS


cdef class Pile:
    cdef public uint64_t address_hi
    cdef public uint64_t address_lo
    cdef public uint64_t to_hi
    cdef public uint64_t to_lo
    cdef public int64_t now
    cdef public int64_t most
    cdef public int64_t entered
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

    cdef object enter(self, int64_t connection, int64_t ts_ns, int64_t frame)
    @cython.locals(connection=int64_t)
    cpdef object merge(self, Pile other)
    cdef object _first_and_last(self, int64_t first_ns, int64_t first_frame, int64_t connection, int64_t last_ns, int64_t last_frame)
    @cython.locals(named=list, count=Py_ssize_t)
    cdef object _name(self, int64_t connection)


cdef class TimeWait:
    cdef public int64_t floor
    cdef public int64_t now
    cdef public int64_t entered
    cdef Timeline _timeline
    cdef dict _by_address
    cdef dict _by_destination

    cpdef object enter(self, Endpoint endpoint, Endpoint peer, int ip_version, int64_t connection, int64_t ts_ns, int64_t frame)
    cpdef object leave(self, Endpoint endpoint, Endpoint peer, int ip_version, int64_t ts_ns)
    cpdef object resume(self, Endpoint endpoint, Endpoint peer, int ip_version, int64_t ts_ns)
    @cython.locals(pile=Pile)
    cpdef object take_back(self, Endpoint endpoint, Endpoint peer, int ip_version)
    cpdef object merge(self, TimeWait other)
    @cython.locals(pile=Pile, other=Pile)
    cdef object _merge_piles(self, dict piles, dict others)
    @cython.locals(pile=Pile)
    cdef Pile _of_address(self, Endpoint endpoint, int ip_version)
    @cython.locals(pile=Pile)
    cdef Pile _toward(self, Endpoint endpoint, Endpoint peer, int ip_version)
    @cython.locals(version_and_port=int64_t)
    cdef object _socket_toward(self, Endpoint endpoint, Endpoint peer, int ip_version)
    @cython.locals(pile=Pile)
    cdef Pile _begin(self, dict piles, object key, Endpoint endpoint, int ip_version)
    cdef object _resume(self, Pile pile, int64_t ts_ns)
    @cython.locals(pile=Pile)
    cdef object _shrink(self, dict piles, object key, int64_t ts_ns)
