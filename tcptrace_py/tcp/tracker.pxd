cimport cython
from libc.stdint cimport int64_t, uint64_t

from tcptrace_py.tcp.transitions cimport Transitions
from tcptrace_py.tcp.attempt cimport Attempt, Attempts
from tcptrace_py.tcp.clocks cimport Clocks
from tcptrace_py.tcp.connection cimport Connection, new_connection
from tcptrace_py.tcp.duplicates cimport Duplicates, another
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.flow_table cimport FlowTable, fetch_last
from tcptrace_py.tcp.gate cimport follows
from tcptrace_py.tcp.incarnations cimport answered, answers_syn, direction, early_answers, incarnation
from tcptrace_py.tcp.late_copies cimport LateCopies
from tcptrace_py.tcp.machine cimport Machine
from tcptrace_py.tcp.compat.peers cimport Peers
from tcptrace_py.tcp.observer cimport Observer
from tcptrace_py.tcp.reuse cimport accepted, asks_again, call_stale, give_pending, opened_anew, pending_syn, resume, shows_answer, succeed, wait_for_answer
from tcptrace_py.tcp.roles cimport Listeners
from tcptrace_py.tcp.serial cimport advance, distance
from tcptrace_py.tcp.compat.tcptrace cimport Stats
from tcptrace_py.tcp.time_wait cimport TimeWait
from tcptrace_py.tcp.two_clocks cimport TwoClocks
from tcptrace_py.wire.place cimport place
from tcptrace_py.wire.segment cimport Segment

cdef int CLOSED, ESTABLISHED, SENT, SYN_SENT, TIME_WAIT
cdef int BY_LISTENER, BY_SYN, BY_SYN_ACK, LINGER_CLOCK, SYN_CLOCK
cdef int ACK, FIN, RST, SYN, _SYN_OR_RST
cdef int64_t _ALL, _HOLD_FROM, MOST_UNDECIDED, QUIET_NS


@cython.final
cdef class Tracker:
    cdef public Machine machine
    cdef public Transitions transitions
    cdef public FlowTable table
    cdef public list finished
    cdef public int64_t segments
    cdef public int64_t duplicates
    cdef public int64_t connections
    cdef public int64_t evicted_over
    cdef public int64_t evicted_open
    cdef public int64_t first_ns
    cdef public int64_t last_ns
    cdef public TimeWait time_wait
    cdef bint _stats
    cdef public Peers peers
    cdef public int64_t hold_from
    cdef Attempts _attempts
    cdef int64_t _hold_ns
    cdef int64_t _tries_ns
    cdef public bint attempts_wait
    cdef Attempt _held_syn
    cdef Segment _syn
    cdef list _rest
    cdef readonly object gaps
    cdef Observer _observer
    cdef public Listeners listeners
    cdef public int64_t undecided_below
    cdef int64_t _guessed
    cdef public object begins
    cdef Duplicates _duplicates
    cdef public LateCopies late_copies
    cdef public TwoClocks two_clocks
    cdef readonly Connection recent
    cdef Clocks _clocks
    cdef uint64_t[::1] _hashes
    cdef list _first
    cdef readonly object defects

    @cython.locals(flow_hash=uint64_t)
    cpdef object segment(self, Segment segment)
    @cython.locals(hashes=uint64_t[::1], first=list, table=FlowTable, connection=Connection, i=Py_ssize_t, flow_hash=uint64_t)
    cpdef object run(self, list segments, Py_ssize_t count)
    @cython.locals(now_ns=int64_t, connection=Connection, by_a=bint, sender=Endpoint, receiver=Endpoint, regular=bint,
                   quiet_ns=int64_t, before_ns=int64_t, before=bint, unanswered=int64_t)
    cdef object _take(self, Segment segment, uint64_t flow_hash, Connection recent)
    @cython.locals(lingers=Endpoint)
    cdef object _pass(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(segment=Segment, sender=Endpoint, receiver=Endpoint, older=Connection)
    cdef object _pass_early(self, Connection connection)
    @cython.locals(connection=Connection, attempts=Attempts, number=int64_t, over_ns=int64_t)
    cpdef object tick(self, int64_t ts_ns)
    @cython.locals(rest=list, connection=Connection, number=int64_t, of_a=Stats, of_b=Stats)
    cpdef bint end(self, int64_t most=*) except -1
    cpdef object hand_over(self, Connection connection, int64_t over_ns)
    @cython.locals(connection=Connection)
    cpdef object forget(self)
    @cython.locals(number=int64_t)
    cpdef bint let_oldest_go(self) except -1
    @cython.locals(attempt=Attempt)
    cpdef Attempt next_attempt(self)
    cdef int64_t over_ns(self, Attempt attempt) noexcept
    @cython.locals(connection=Connection)
    cpdef object connect(self, Attempt attempt)
    cpdef object release(self, Connection connection)
    @cython.locals(connection=Connection, endpoint=Endpoint)
    cpdef object unreachable(self, object error, Segment segment)
    @cython.locals(connection=Connection, number=int64_t)
    cdef Connection _find(self, Segment segment, uint64_t flow_hash)
    cdef bint _hold(self, Segment segment, uint64_t flow_hash) except -1
    @cython.locals(syn=Segment, connection=Connection, clocks=Clocks, now_ns=int64_t)
    cdef Connection _connection_of(self, Attempt attempt)
    @cython.locals(flags=int, connection=Connection, sender=Endpoint, receiver=Endpoint, began=Connection)
    cdef Connection _which(self, Connection newest, Segment segment, uint64_t flow_hash)
    @cython.locals(sender=Endpoint, receiver=Endpoint, sender_by=int, over=bint, in_time_wait=bint, unanswered=bint, dropped=bint, released=bint, began=Connection, holder=Endpoint, answers=list)
    cdef Connection _attempt(self, Connection connection, Segment segment, uint64_t flow_hash)
    @cython.locals(asked=Segment, began=Connection, asker=Endpoint)
    cdef Connection _accept_pending(self, Connection connection, Segment segment, uint64_t flow_hash)
    @cython.locals(a=Endpoint, b=Endpoint)
    cdef object _begin_with(self, Connection connection, Segment syn)
    cdef Connection _begin(self, Segment segment, uint64_t flow_hash, int64_t frame)
    cdef object _count(self, int64_t frame)
    @cython.locals(connection=Connection, newest=Connection, a=Endpoint, b=Endpoint)
    cdef Connection _open(self, Segment segment, uint64_t flow_hash, int64_t connection_id)
