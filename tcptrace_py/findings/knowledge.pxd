cimport cython
from libc.stdint cimport int64_t, uint64_t, uint32_t

from tcptrace_py.findings.distinct cimport mix
from tcptrace_py.findings.kept cimport Kept, Sample
from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.observations cimport Observations, idle_class
from tcptrace_py.tcp.observer cimport Observer
from tcptrace_py.tcp.serial cimport advance, distance

cdef int _STAMPS, _MOMENTS, _GRAIN_BITS, _USES, _PLACES
cdef int _HEARD_BITS, _HEARD_TIMES


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


cdef class Pair:
    cdef public Sample stamps
    cdef public Sample unanswered
    @cython.locals(rank=uint64_t, kept=Sample)
    cpdef object add(self, int64_t ns, int64_t ts_val, bint answered)


cdef class Use:
    cdef public int64_t id
    cdef public int64_t first_ns
    cdef public int64_t last_ns
    cdef public int version
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


cdef class Knowledge:
    cdef public Kept services
    cdef public Sample pairs
    cdef public Sample ports
    cdef public Sample troubled
    cdef public Sample clients
    cdef uint64_t _client_hi
    cdef uint64_t _client_lo
    cdef Moments _client_heard
    cdef dict _hosts
    cdef dict _unseen
    cdef public Kept left
    cdef public int64_t connections
    cdef public int64_t one_way
    cdef public int64_t shuffled
    cdef public int64_t midstream
    cdef public int64_t holed
    cdef public int64_t closed
    cdef public int64_t flagged
    cdef public int64_t segments
    cdef public int64_t duplicates
    cdef Observer _observer
    cdef list _recent

    @cython.locals(client=Endpoint, server=Endpoint, service=Service, rank=uint64_t, port=uint64_t, sample=Sample,
                   packets=int64_t, flagged=int64_t, unseen=bint,
                   observed=Observations)
    cpdef object note(self, Connection connection)
    @cython.locals(rank=uint64_t)
    cdef object _note_client(self, Connection connection, Endpoint client)
    @cython.locals(bits=int, moment=int64_t, seen=Observations)
    cdef object _note_heard(self, Connection connection, Endpoint speaker, Moments heard)
    @cython.locals(service=Service, place=uint64_t)
    cdef Service _service_of(self, Connection connection, Endpoint server)
    @cython.locals(service=Service, gone=Service)
    cpdef Service make(self, tuple key)
    @cython.locals(seen=Observations, speaker=Endpoint)
    cdef object _note_idle(self, Connection connection, Service service)
    @cython.locals(seen=Observations, client_by=int)
    cdef object _note_left(self, Connection connection, Endpoint client, Endpoint server)
    @cython.locals(rank=uint64_t)
    cdef object _leave(self, object left)
    @cython.locals(rank=uint64_t, pair=Pair)
    cdef object _note_stamp(self, Connection connection, Endpoint client, Endpoint server)
    @cython.locals(uses=list)
    cdef object _note_port(self, Sample sample, uint64_t rank, Connection connection, Endpoint client, Endpoint server)
    @cython.locals(client=Endpoint, server=Endpoint)
    cpdef bint knows_pair(self, Connection connection) except -1
    cpdef object merge(self, Knowledge other)


cpdef bint _never_passed(Endpoint endpoint) except -1
@cython.locals(opening=int64_t)
cdef bint _answered_unseen(Endpoint speaker, Endpoint silent) noexcept

@cython.locals(use=Use)
cpdef Use use_of(Connection connection, Endpoint client, Endpoint server)

cpdef uint64_t pair_rank(uint64_t client_hi, uint64_t client_lo, uint64_t server_hi, uint64_t server_lo,
                         uint64_t port) noexcept

@cython.locals(same=int, oldest=Use, oldest_same=Use, each=Use, gone=Use)
cdef object _remember(list uses, Use use)

cdef bint _before(Use one, Use other) noexcept
