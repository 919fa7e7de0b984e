cimport cython
from libc.stdint cimport int64_t, uint64_t, uint32_t

from tcptrace_py.findings.distinct cimport mix
from tcptrace_py.findings.kept cimport Kept, Sample
from tcptrace_py.findings.moments cimport Moments
from tcptrace_py.findings.service cimport Service
from tcptrace_py.findings.uses cimport Pair, Use, pair_rank, remember, use_of
from tcptrace_py.tcp.attempt cimport Attempt
from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.observations cimport Observations, idle_class
from tcptrace_py.tcp.observer cimport Observer
from tcptrace_py.tcp.serial cimport distance

cdef int COMPLETE
cdef int _PLACES
cdef int _HEARD_BITS, _HEARD_TIMES
cdef int64_t _MUTE_NS, _AT_ONCE_NS, _SOON_NS
cdef int _HTTP_RESPONSE, _OTHER_BYTES, _TLS_HELLO, _TLS_RECORD


@cython.final
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
    cdef public Kept spoken
    cdef public int64_t connections
    cdef public int64_t one_way
    cdef public int64_t shuffled
    cdef public int64_t midstream
    cdef public int64_t holed
    cdef public int64_t closed
    cdef public int64_t flagged
    cdef public int64_t plain
    cdef public int64_t segments
    cdef public int64_t duplicates
    cdef Observer _observer
    cdef list _recent

    @cython.locals(client=Endpoint, server=Endpoint, service=Service, rank=uint64_t, port=uint64_t, sample=Sample,
                   packets=int64_t, flagged=int64_t, unseen=bint, stamped=bint, left=bint, pair=Pair,
                   observed=Observations)
    cpdef object note(self, Connection connection)
    @cython.locals(service=Service, rank=uint64_t, port=uint64_t, use=Use, pair=Pair)
    cpdef bint note_attempt(self, Attempt attempt) except -1
    @cython.locals(closed=bint)
    cdef object _note_words(self, Connection connection, Service service, Endpoint client, Endpoint server)
    @cython.locals(rank=uint64_t)
    cdef object _note_client(self, Connection connection, Endpoint client)
    @cython.locals(bits=int, first_ns=int64_t, moment=int64_t, seen=Observations)
    cdef object _note_heard(self, Connection connection, Endpoint speaker, Moments heard)
    @cython.locals(service=Service, place=uint64_t)
    cdef Service _service_at(self, int version, uint64_t hi, uint64_t lo, int port)
    @cython.locals(service=Service, gone=Service)
    cpdef Service make(self, tuple key)
    @cython.locals(seen=Observations, speaker=Endpoint)
    cdef object _note_idle(self, Connection connection, Service service)
    @cython.locals(seen=Observations, client_by=int)
    cdef bint _note_left(self, Connection connection, Endpoint client, Endpoint server) except -1
    @cython.locals(rank=uint64_t)
    cdef object _leave(self, object left)
    @cython.locals(seen=Observations)
    cdef object _note_spoken(self, Connection connection, Endpoint client, Endpoint server)
    @cython.locals(rank=uint64_t)
    cdef object _speak(self, object spoken, tuple where)
    @cython.locals(pair=Pair)
    cdef object _note_pair(self, Connection connection, Endpoint client, Endpoint server, bint stamped)
    cdef Pair _pair(self, Endpoint client, Endpoint server, int port)
    @cython.locals(pair=Pair)
    cdef Pair _pair_at(self, uint64_t rank)
    @cython.locals(uses=list)
    cdef object _note_use(self, Sample sample, uint64_t rank, Use use)
    @cython.locals(client=Endpoint, server=Endpoint)
    cpdef bint knows_pair(self, Connection connection) except -1
    cpdef object merge(self, Knowledge other)


cpdef bint _never_passed(Endpoint endpoint) except -1
@cython.locals(opening=int64_t)
cdef bint _answered_unseen(Endpoint speaker, Endpoint silent) noexcept
cdef bint _untaken(Endpoint client, Endpoint server) except -1
