cimport cython
from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from tcptrace_py.tcp.serial cimport advance, distance
from tcptrace_py.tcp.compat.tcptrace cimport Stats
from tcptrace_py.wire.segment cimport Segment

cdef int ACK, FIN, RST, SYN, _STEERING


@cython.final
cdef class EndpointRare:
    cdef public bytes history
    cdef public list holes
    cdef public Stats stats
    cdef public int64_t first_unanswered_ns
    cdef public int64_t first_unanswered_frame
    cdef public int64_t half_close_bytes
    cdef public int64_t half_close_last_ns
    cdef public int64_t last_fin_ns
    cdef public int64_t last_fin_frame
    cdef public uint32_t gap_packet
    cdef public uint32_t gaps
    cdef public uint32_t suspect_nxt
    cdef public uint32_t keep_alives
    cdef public uint32_t unanswered_probes
    cdef public uint32_t time_wait_restarts
    cdef public uint32_t syn_bytes
    cdef public uint32_t duplicates
    cdef public uint32_t retransmits
    cdef public bint shared


cdef EndpointRare _NOTHING


@cython.final
cdef class Endpoint:
    # By size, so that nothing lies between them; of each size, what every segment reads or writes comes first.
    cdef public uint64_t address_lo
    cdef public uint64_t address_hi
    cdef public uint16_t port
    cdef public uint16_t window_field
    cdef public uint8_t state
    cdef public uint8_t clock
    cdef public uint8_t closed_by
    cdef public int8_t window_scale
    cdef public uint8_t has_isn
    cdef public uint8_t has_snd
    cdef public uint8_t has_una
    cdef public uint8_t has_rcv
    cdef public uint8_t fin_sent
    cdef public uint8_t tail_gap
    cdef public uint8_t has_suspect
    cdef public uint8_t ttl
    cdef public uint8_t has_syn_ts
    cdef public uint8_t passive
    cdef public uint8_t begins_with
    cdef public uint8_t spoke_first
    cdef public uint32_t isn
    cdef public uint32_t snd_nxt
    cdef public uint32_t snd_una
    cdef public uint32_t rcv_nxt
    cdef public uint32_t unanswered
    cdef public uint32_t packets
    cdef public uint32_t largest_bytes
    cdef public uint32_t largest_seq
    cdef public uint32_t syn_ts_val
    cdef public uint32_t fin_seq
    cdef public uint32_t syns
    cdef public uint32_t syn_acks
    cdef public uint32_t fins
    cdef public uint32_t rsts
    cdef public uint32_t turns
    cdef public EndpointRare rare
    cdef public int64_t last_ns
    cdef public int64_t last_frame
    cdef public int64_t bytes
    cdef public int64_t last_data_ns
    cdef public object connection
    cdef public int64_t fin_ns
    cdef public int64_t fin_frame
    cdef public int64_t fin_acked_ns
    cdef public int64_t fin_acked_frame
    cdef public int64_t deadline_ns
    cdef public Endpoint clock_before
    cdef public Endpoint clock_after

    cdef object begin(self)
    cpdef EndpointRare own_rare(self)
    cpdef int64_t last_fin_ns(self) except? -1
    cpdef int64_t last_fin_frame(self) except? -1
    cpdef int64_t window_bytes(self)
    cdef bint keeps_on(self, Endpoint receiver, Segment segment) except -1
    cdef int go_on(self, Endpoint receiver, Segment segment) except -1
    cdef int speak(self, Endpoint receiver, int64_t fresh_bytes, int64_t ts_ns) except -1
    cdef int be_heard(self) noexcept
    cdef object ask(self, Segment segment)
    cdef bint take_ack(self, uint32_t ack) noexcept
    cdef object be_acknowledged(self, uint32_t ack)
    @cython.locals(carried=int64_t, seq=int64_t, ahead=int64_t, fresh=int64_t)
    cdef int64_t take_sequence_space(self, Segment segment) except -1
    cdef object _skip_to(self, uint32_t seq)
    @cython.locals(filled=int64_t, begin=int64_t, end=int64_t, cut_left=int64_t, cut_right=int64_t, covered=int64_t)
    cdef int64_t _fill(self, int64_t left, int64_t right) except -1


@cython.locals(endpoint=Endpoint)
cpdef Endpoint new_endpoint()
