cimport cython
from libc.stdint cimport int32_t, int64_t, uint32_t

from tcptrace_py.tcp.serial cimport distance

cdef int64_t NONE, BEYOND, WINDOW_BYTES, _NEAR_BYTES
cdef int64_t RTO_MIN_NS, UNDER_WAY_NS
cdef int ACK, FIN, RST, SYN
cdef Py_ssize_t _RSTS, _ASKED, _AHEAD


@cython.final
cdef class Passes:
    cdef public int64_t first
    cdef public int64_t first_end
    cdef public int64_t first_ns
    cdef public int64_t later
    cdef public int64_t later_end
    cdef public int64_t kept
    cdef public int64_t kept_end
    cdef public int64_t last
    cdef public int64_t last_end

    cdef object forget(self)
    cpdef list each(self)
    cdef object add(self, int64_t frame, int64_t ts_ns, int64_t end)
    cdef object keep(self)
    cpdef int64_t after(self, int64_t frame) except? -1


@cython.final
cdef class Evidence:
    cdef bint _has_origin
    cdef public bint fin_fills_gap
    cdef uint32_t _origin
    cdef public uint32_t segments
    cdef public uint32_t retransmits
    cdef public uint32_t syns
    cdef public uint32_t syn_acks
    cdef public uint32_t fins
    cdef public uint32_t rsts_not_kept
    cdef public int64_t syn_frame
    cdef public int64_t last_syn_frame
    cdef public int64_t first_syn_ack_frame
    cdef public int64_t former_syn_ack_frame
    cdef public int64_t former_isn
    cdef public int64_t isn
    cdef public int64_t syn_bytes
    cdef public int64_t syn_ack_frame
    cdef public int64_t last_syn_ack_frame
    cdef public int64_t last_syn_ack_ns
    cdef public int64_t syn_ack_again_frame
    cdef public int64_t first_frame
    cdef public int64_t more_frame
    cdef public int64_t data_frame
    cdef public int64_t first_ack
    cdef public Passes acks
    cdef public Passes bare_acks
    cdef public int64_t nxt
    cdef public int64_t nxt_frame
    cdef public int64_t nxt_least_ack
    cdef public int64_t jump_frame
    cdef public int64_t gap_frame
    cdef public int64_t in_order
    cdef public list ahead
    cdef public int64_t top_ack
    cdef public int64_t lower_ack
    cdef public int64_t top_frame
    cdef public int64_t top_ns
    cdef public int64_t lower_frame
    cdef public Passes bare
    cdef public Passes on_fin
    cdef public int64_t with_data_to
    cdef public int64_t duplicate_ack
    cdef public int64_t lower_duplicate
    cdef public Passes duplicate_acks
    cdef public Passes lower_duplicates
    cdef public int64_t fin
    cdef public int64_t fin_seq
    cdef public int64_t fin_frame
    cdef public int64_t fin_ns
    cdef public int64_t last_fin_frame
    cdef public int64_t fin_again_frame
    cdef public int64_t last_fin_again_frame
    cdef public int64_t fin_least_ack
    cdef public int64_t again_frame
    cdef public int64_t again_after_fin_frame
    cdef public list asked
    cdef public list rsts
    cdef public int64_t last_frame
    cdef public int64_t last_ns

    cdef object _forget(self)
    cpdef int64_t number(self, int64_t number) except? -1
    cdef int64_t near(self, int64_t number, int64_t about) except? -1
    cpdef int64_t captured(self, int64_t number) except? -1
    cpdef int64_t syn_end(self) except? -1
    cpdef list frames(self)
    @cython.locals(syn=bint, fin=bint, carries=bint, end=int64_t, within=bint, upto=int64_t, bare=bint, old=bint, acks=Passes)
    cpdef object add(self, int64_t frame, int64_t ts_ns, int64_t seq, int64_t ack, int flags, int64_t payload_bytes)
    cdef object _synchronizes(self, int64_t frame, int64_t ts_ns, int64_t isn, int64_t end, int64_t payload_bytes, bint answers)
    cpdef bint has_forgotten(self, int64_t isn) except -1
    @cython.locals(again=bint, leaves_gap=bint, lower=Passes)
    cdef object _sends(self, int64_t frame, int64_t ts_ns, int64_t seq, int64_t ack, int64_t end)
    @cython.locals(begin=int64_t, after=int64_t)
    cdef object _passes_in_order(self, int64_t seq, int64_t end)
    cdef object _goes_ahead(self, int64_t seq, int64_t end)
    cdef object _finishes(self, int64_t frame, int64_t ts_ns, int64_t ack)
    cdef object _goes_on(self)
    cdef object _acknowledges(self, int64_t frame, int64_t ts_ns, int64_t ack)
    cdef object acknowledges_late(self, int64_t frame, int64_t ts_ns, int64_t ack)
    cpdef bint only_asked(self) except -1
    @cython.locals(on=int64_t)
    cpdef object resumes(self, Evidence refuser, Evidence unseen, Evidence peer)
