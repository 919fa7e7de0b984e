cimport cython
from libc.stdint cimport int32_t, int64_t, uint32_t

from tcptrace_py.tcp.serial cimport distance

cdef int64_t NONE, BEYOND, WINDOW_BYTES, _NEAR_BYTES
cdef int64_t RTO_MIN_NS, UNDER_WAY_NS
cdef int ACK, FIN, RST, SYN
cdef Py_ssize_t _RSTS, _ASKED, _AHEAD


@cython.final
@cython.freelist(8)
cdef class Frame:
    cdef readonly int64_t number
    cdef readonly int64_t ts_ns


@cython.final
cdef class Passes:
    cdef public Frame first
    cdef public int64_t first_end
    cdef public Frame later
    cdef public int64_t later_end
    cdef public Frame kept
    cdef public int64_t kept_end
    cdef public Frame last
    cdef public int64_t last_end

    cdef object forget(self)
    cpdef list each(self)
    cdef object add(self, Frame frame, int64_t end)
    cdef object keep(self)
    cpdef Frame after(self, Frame frame)


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
    cdef public Frame syn_frame
    cdef public Frame last_syn_frame
    cdef public Frame first_syn_ack_frame
    cdef public Frame former_syn_ack_frame
    cdef public int64_t former_isn
    cdef public int64_t isn
    cdef public int64_t syn_bytes
    cdef public Frame syn_ack_frame
    cdef public Frame last_syn_ack_frame
    cdef public Frame syn_ack_again_frame
    cdef public Frame first_frame
    cdef public Frame more_frame
    cdef public Frame data_frame
    cdef public int64_t first_ack
    cdef public Passes acks
    cdef public Passes bare_acks
    cdef public int64_t nxt
    cdef public Frame nxt_frame
    cdef public int64_t nxt_least_ack
    cdef public Frame jump_frame
    cdef public Frame gap_frame
    cdef public int64_t in_order
    cdef public list ahead
    cdef public int64_t top_ack
    cdef public int64_t lower_ack
    cdef public Frame top_frame
    cdef public Frame lower_frame
    cdef public Passes bare
    cdef public Passes on_fin
    cdef public int64_t with_data_to
    cdef public int64_t duplicate_ack
    cdef public int64_t lower_duplicate
    cdef public Passes duplicate_acks
    cdef public Passes lower_duplicates
    cdef public int64_t fin
    cdef public int64_t fin_seq
    cdef public Frame fin_frame
    cdef public Frame last_fin_frame
    cdef public Frame fin_again_frame
    cdef public Frame last_fin_again_frame
    cdef public int64_t fin_least_ack
    cdef public Frame again_frame
    cdef public Frame again_after_fin_frame
    cdef public list asked
    cdef public list rsts
    cdef public Frame last_frame

    cdef object _forget(self)
    cpdef int64_t number(self, int64_t number) except? -1
    cdef int64_t near(self, int64_t number, int64_t about) except? -1
    cpdef int64_t captured(self, int64_t number) except? -1
    cpdef int64_t syn_end(self) except? -1
    @cython.locals(syn=bint, fin=bint, carries=bint, end=int64_t, within=bint, upto=int64_t, bare=bint, old=bint, acks=Passes)
    cpdef object add(self, Frame frame, int64_t seq, int64_t ack, int flags, int64_t payload_bytes)
    cdef object _synchronizes(self, Frame frame, int64_t isn, int64_t end, int64_t payload_bytes, bint answers)
    cpdef bint has_forgotten(self, int64_t isn) except -1
    @cython.locals(again=bint, leaves_gap=bint, lower=Passes)
    cdef object _sends(self, Frame frame, int64_t seq, int64_t ack, int64_t end)
    @cython.locals(begin=int64_t, after=int64_t)
    cdef object _passes_in_order(self, int64_t seq, int64_t end)
    cdef object _goes_ahead(self, int64_t seq, int64_t end)
    cdef object _finishes(self, Frame frame, int64_t ack)
    cdef object _goes_on(self)
    cdef object _acknowledges(self, Frame frame, int64_t ack)
    cdef object acknowledges_late(self, Frame frame, int64_t ack)
    cpdef bint only_asked(self) except -1
    @cython.locals(on=int64_t)
    cpdef object resumes(self, Evidence refuser, Evidence unseen, Evidence peer)
