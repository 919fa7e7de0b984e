cimport cython
from libc.stdint cimport int64_t, uint32_t

from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.serial cimport advance, distance
from tcptrace_py.wire.segment cimport Segment

cdef int ACK, FIN, MP_FASTCLOSE, MP_JOIN, RST, SYN
# DATA, CLOSE and the like, and QUIET_NS, are imported elsewhere: they stay Python names.
cdef int64_t _QUIET_NS, _SILENCE_NS, _CLOSE_NS, _UNDER_WAY_NS, _STALL_NS, _FAR_NS
cdef int _OFTEN
cdef object _NOBODY, _NEVER
cdef dict _NO_IDLES
cdef int _FATAL


cdef class Reset:
    cdef public int64_t ns
    cdef public int64_t frame
    cdef public int ttl
    cdef public uint32_t seq
    cdef public uint32_t ack
    cdef public bint has_ack
    cdef public int64_t quiet_ns
    cdef public int64_t after_peer_ns
    cdef public int64_t after_peer_data_ns
    cdef public int64_t after_own_data_ns
    cdef public int64_t after_own_ns
    cdef public int64_t peer_outstanding
    cdef public int64_t peer_unanswered
    cdef public int64_t own_outstanding
    cdef public bint is_peers_ack
    cdef public bint peer_spoke_last
    cdef public int usual_ttl
    cdef public int64_t went_on
    cdef public int64_t went_on_ns
    cdef public int64_t went_on_frame

    cdef object _fill(self, Segment segment, Endpoint sender, Endpoint receiver, int64_t quiet_ns, int64_t before_ns)


@cython.locals(us=int64_t, power=int)
cpdef int idle_class(int64_t ns) except -1


cdef int64_t _outstanding(Endpoint endpoint) except -1


cdef class Stall:
    cdef public int64_t ns
    cdef public int64_t frame
    cdef public int64_t last_ns
    cdef public int64_t last_frame
    cdef public int64_t opened_ns
    cdef public int64_t opened_frame
    cdef public int64_t answers


cdef class Lost:
    cdef public uint32_t seq
    cdef public int64_t payload_bytes
    cdef public int64_t since_ns
    cdef public int64_t times
    cdef public int64_t first_frame
    cdef public int64_t first_ns
    cdef public int64_t last_ns
    cdef public int64_t last_frame


cdef class Observations:
    cdef public int64_t gap_ns
    cdef public int64_t gap_end_ns
    cdef public int64_t gap_end_frame
    cdef public int gap_by
    cdef public int gap_what
    cdef public dict survived
    cdef public int64_t longest_survived_ns
    cdef public int64_t longest_gap_ns
    cdef public int close_by
    cdef public int64_t close_ns
    cdef public int64_t close_frame
    cdef public bint close_is_reset
    cdef public int64_t close_idle_ns
    cdef public int close_spoke_last
    cdef public int64_t close_heard_ns
    cdef public bint close_settled
    cdef public object resets
    cdef public int64_t late_syn_acks
    cdef public int64_t late_syn_acks_with_data
    cdef public int64_t late_syn_ack_ns
    cdef public int64_t late_syn_ack_frame
    cdef public object stalls
    cdef public object longest_stalls
    cdef public object lost
    cdef public object sack_ns
    cdef public object sack_frame
    cdef public object too_big
    cdef public int alert_by
    cdef public int alert
    cdef public int64_t alert_ns
    cdef public int64_t alert_frame
    cdef public int ttl_rises
    cdef public int ttl_low
    cdef public int ttl_high
    cdef public bint challenge_in_time_wait
    cdef public bint backwards
    cdef public bint subflow
    cdef public bint joins
    cdef public int fast_close_by
    cdef public int64_t fast_close_ns
    cdef public int64_t fast_close_frame
    cdef public bint stalled
    cdef public bint shuffled
    cdef public bint lost_often
    cdef public int began_anew_by
    cdef public uint32_t challenge_ack
    cdef public int64_t challenge_reset_ns
    cdef public int64_t challenge_reset_frame
    cdef public int64_t challenge_ns
    cdef public int64_t challenge_frame
    cdef public int64_t challenges
    cdef public object after_fin_ns
    cdef public object after_fin_frame
    cdef public object after_fin_bytes

    @cython.locals(found=int)
    cpdef int reasons(self, Connection connection) except -1
    @cython.locals(found=int, reset=Reset)
    cdef int _by_reset(self, Connection connection) except -1


@cython.final
cdef class Observer:
    cdef object _gaps
    cdef list _gap_ends

    @cython.locals(flags=int, payload_bytes=uint32_t, seen=Observations, stall=Stall)
    cdef object see(self, Connection connection, int by, Endpoint sender, Endpoint receiver, Segment segment,
                     int64_t quiet_ns, int64_t before_ns, Connection newest)
    @cython.locals(seen=Observations)
    cdef object _multipath(self, Connection connection, int by, Segment segment)
    @cython.locals(seen=Observations)
    cdef object too_big(self, Connection connection, int by, object error, Segment segment)
    @cython.locals(seen=Observations, client=Endpoint)
    cdef object _challenge(self, Connection connection, Connection newest, Endpoint sender, Endpoint receiver,
                           Segment segment)
    cdef Observations _of(self, Connection connection)
    @cython.locals(seen=Observations)
    cdef object _syn(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(seen=Observations, later=Observations)
    cdef object _reset(self, Connection connection, int by, Endpoint sender, Endpoint receiver, Segment segment,
                       int64_t quiet_ns, int64_t before_ns, Connection newest)
    @cython.locals(reset=Reset, stall=Stall, longest=Stall)
    cdef object _go_on(self, Observations seen, Connection connection, int by, Endpoint sender, Endpoint receiver,
                       Segment segment)
    @cython.locals(seen=Observations)
    cdef object _silence(self, Connection connection, int by, Endpoint sender, Endpoint receiver, Segment segment,
                         int64_t quiet_ns)
    @cython.locals(peer=Endpoint)
    cpdef bint settle(self, Connection connection, Observations seen) except -1
    @cython.locals(last_data_ns=int64_t, idle_ns=int64_t, seen=Observations)
    cdef object _close(self, Connection connection, int by, Endpoint sender, Endpoint receiver, Segment segment,
                       bint is_reset)
    @cython.locals(seen=Observations, lost=Lost)
    cdef object _again(self, Connection connection, int by, Endpoint sender, Segment segment)
