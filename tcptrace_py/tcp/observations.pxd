cimport cython
from libc.stdint cimport int64_t, uint32_t

from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.serial cimport distance
from tcptrace_py.wire.segment cimport Segment

cdef int ACK
# DATA, CLOSE and the like, and QUIET_NS, are imported elsewhere: they stay Python names.
cdef int64_t _STALL_NS, _AT_ONCE_NS
cdef object _NOBODY, _NEVER
cdef dict _NO_IDLES


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


cpdef int64_t outstanding(Endpoint endpoint) except -1


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
    cdef public int64_t word_quiet_ns
    cdef public int64_t word_ns
    cdef public int64_t word_frame
    cdef public int word_by
    cdef public dict survived
    cdef public int64_t longest_survived_ns
    cdef public int64_t longest_gap_ns
    cdef public int64_t mute_ns
    cdef public int close_by
    cdef public int64_t close_ns
    cdef public int64_t close_frame
    cdef public bint close_is_reset
    cdef public int64_t close_idle_ns
    cdef public int close_spoke_last
    cdef public int64_t close_heard_ns
    cdef public bint close_settled
    cdef public object resets
    cdef public object later_resets
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
    cdef public int64_t answer_ns
    cdef public int64_t answer_frame
    cdef public int ttl_rises
    cdef public int ttl_low
    cdef public int ttl_high
    cdef public bint challenge_in_time_wait
    cdef public bint challenge_stale
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
    @cython.locals(found=int, reset=Reset, peer=Endpoint)
    cdef int _by_reset(self, Connection connection) except -1
