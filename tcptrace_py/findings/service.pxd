cimport cython
from libc.stdint cimport int64_t, uint64_t

cdef int _MOMENTS, _GRAIN_BITS


cdef class Moments:
    cdef int _bits
    cdef set _seen
    cdef int64_t _last

    @cython.locals(moment=int64_t)
    cpdef object add(self, int64_t ns)
    cdef object _coarsen(self)
    @cython.locals(shift=int)
    cpdef object merge(self, Moments other)


cdef class Service:
    cdef public int version
    cdef public uint64_t hi
    cdef public uint64_t lo
    cdef public int port
    cdef public int64_t connections
    cdef public int64_t established
    cdef public int64_t answered
    cdef public Moments heard
    cdef public Moments replied
    cdef public tuple closed
    cdef public dict survived
    cdef public dict lost
    cdef public int64_t shortest_lost_ns
    cdef public int64_t longest_survived_ns
    cdef public int64_t not_accepted
    cdef public int64_t zero_windows
    cdef public int64_t unseen
    cdef public int64_t lone_syns
