cimport cython
from libc.stdint cimport int64_t, uint64_t

from tcptrace_py.tcp.attempt cimport Attempt
from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.history cimport closes_first, history_of, stay

cdef int64_t BYTES_TO_CLIENT, BYTES_TO_SERVER, CLIENT_STATES, CLOSES, CONNECTIONS, FAST_OPEN, FIRST_NS
cdef int64_t HANDSHAKES, LAST_NS, LISTENING, MEASURED, MEASURED_LEAST_NS, MEASURED_MOST_NS, MEASURED_NS
cdef int64_t PACKETS, RESETS, RETRANSMITS, SERVER_STATES, SIMULTANEOUS, STRAY_RESETS
cdef int64_t WAIT_LONGEST_NS, WAIT_OLDEST_NS, WAIT_OPEN, WAIT_STUCK, WIDTH
cdef int64_t CLOSE_WAIT, CLOSED, COMPLETE, OPEN, SYN_SENT, UNANSWERED
cdef int64_t THERE_STILL, _FIELDS, _PLACES, _ROWS
cdef int64_t LONGEST_ROUND_TRIP_NS, _MOST_SUM_NS


@cython.final
cdef class Tally:
    cdef int64_t _services
    cdef object _gaps
    cdef list _gap_ends
    cdef int64_t _rows_most
    cdef int64_t _room
    cdef int64_t _used
    cdef dict _rows
    cdef int64_t[::1] _numbers
    cdef uint64_t[::1] _recent
    cdef public int64_t unlisted

    @cython.locals(
        client=Endpoint, server=Endpoint, row=int64_t, outcome=int64_t, close=int64_t,
        took_ns=int64_t,
    )
    cpdef int count(self, Connection connection, bint stuck) except -1
    @cython.locals(row=int64_t)
    cpdef int count_attempt(self, Attempt attempt) except -1
    cdef int _add_attempt(self, int64_t at, Attempt attempt) except -1
    @cython.locals(at=uint64_t, version_and_port=uint64_t, row=int64_t)
    cdef int64_t _row(self, int64_t version, uint64_t hi, uint64_t lo, int64_t port) except -1
    @cython.locals(entered_ns=int64_t, left_ns=int64_t)
    cdef object _close_wait(self, int64_t row, Endpoint endpoint, Endpoint peer)
    cdef int _stayed(self, int64_t row, int64_t entered_ns, int64_t left_ns) except -1
    @cython.locals(until_ns=int64_t, known_ns=int64_t)
    cdef int64_t _known_stay(self, int64_t row, int64_t entered_ns, int64_t left_ns) except? -3
    @cython.locals(numbers=int64_t[::1])
    cdef int _add(
        self, int64_t at, Connection connection, Endpoint client, Endpoint server, int64_t outcome,
        int64_t close, int64_t took_ns,
    ) except -1
    @cython.locals(numbers=int64_t[::1])
    cdef int _add_close_wait(self, int64_t at, int64_t entered_ns, int64_t left_ns) except -1
    @cython.locals(row=int64_t, at=int64_t, column=int64_t)
    cdef int64_t _new_row(self) except -1
    @cython.locals(at=int64_t, column=int64_t)
    cpdef list row(self, int64_t row)
    cpdef list services(self)
    cpdef object merge(self, Tally other)
    @cython.locals(at=int64_t, column=int64_t, counted=int64_t, least=bint, mine=int64_t)
    cdef object _merge_row(self, int64_t row, list its)
    @cython.locals(row=int64_t)
    cdef int64_t _begin(self, tuple key) except -1
    @cython.locals(at=int64_t, score=int64_t)
    cdef int64_t _score(self, int64_t row) except -1
    @cython.locals(column=int64_t)
    cdef int _move(self, int64_t row, int64_t to) except -1
