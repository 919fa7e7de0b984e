cimport cython
from libc.stdint cimport int64_t, uint64_t, uint32_t

from tcptrace_py.findings.distinct cimport mix
from tcptrace_py.findings.kept cimport Sample
from tcptrace_py.findings.moments cimport Moments
from tcptrace_py.tcp.attempt cimport Attempt
from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.serial cimport advance

cdef int _STAMPS, _USES


cdef class Pair:
    cdef public Sample stamps
    cdef public Sample unanswered
    cdef public Moments served
    cdef public int64_t unseen
    @cython.locals(rank=uint64_t, kept=Sample)
    cpdef object add(self, int64_t ns, int64_t ts_val, bint answered)


cdef class Use:
    cdef public int64_t id
    cdef public int64_t first_ns
    cdef public int64_t last_ns
    cdef public int version
    cdef public uint64_t client_hi
    cdef public uint64_t client_lo
    cdef public uint64_t hi
    cdef public uint64_t lo
    cdef public int port
    cdef public bint has_isn
    cdef public uint32_t isn
    cdef public bint answered
    cdef public uint32_t client_nxt
    cdef public bint has_server
    cdef public uint32_t server_first
    cdef public uint32_t server_nxt
    cdef public bint begun_by_syn
    cdef public bint has_acked
    cdef public uint32_t acked

    cdef object fill(self, Connection connection, Endpoint client, Endpoint server)
    cdef object fill_syn(self, Attempt attempt)


@cython.locals(use=Use)
cpdef Use use_of(Connection connection, Endpoint client, Endpoint server)

cpdef uint64_t pair_rank(uint64_t client_hi, uint64_t client_lo, uint64_t server_hi, uint64_t server_lo,
                         uint64_t port) noexcept

@cython.locals(same=int, oldest=Use, oldest_same=Use, each=Use, gone=Use)
cpdef object remember(list uses, Use use)

cdef bint _before(Use one, Use other) noexcept
