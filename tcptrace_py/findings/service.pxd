from libc.stdint cimport int64_t, uint64_t

from tcptrace_py.findings.moments cimport Moments


cdef class Service:
    cdef public int version
    cdef public uint64_t hi
    cdef public uint64_t lo
    cdef public int port
    cdef public int64_t connections
    cdef public int64_t established
    cdef public int64_t answered
    cdef public Moments heard
    cdef public Moments accepted
    cdef public Moments replied
    cdef public tuple closed
    cdef public dict survived
    cdef public dict lost
    cdef public int64_t shortest_lost_ns
    cdef public int64_t longest_survived_ns
    cdef public int64_t not_accepted
    cdef public int64_t accepted_mute
    cdef public int64_t zero_windows
    cdef public int64_t unseen
    cdef public int64_t lone_syns
    cdef public int64_t untaken
    cdef public int64_t untaken_ns
    cdef public int64_t greeted
    cdef public int64_t tls
    cdef public int64_t plain
    cdef public int64_t shut
    cdef public int64_t most_answers
    cdef public int64_t closed_at_most

    cpdef object note_answers(self, int64_t answers, bint closed)
