cimport cython
from libc.stdint cimport int64_t, uint32_t

from tcptrace_py.tcp.serial cimport distance

cdef int64_t NONE, BEYOND, RTO_MIN_NS, UNDER_WAY_NS, _NEAR_BYTES
cdef int ACK, FIN, RST, SYN
cdef Py_ssize_t _RSTS, _ASKED, _AHEAD


@cython.final
@cython.freelist(8)
cdef class Frame:
    cdef readonly int64_t number, ts_ns, carried_to


@cython.final
cdef class Passes:
    cdef public int64_t ack
    cdef public Frame first, later, kept, last

    cpdef list each(self)
    cdef object add(self, Frame frame)


@cython.final
cdef class Evidence:
    cdef int64_t _first
    cdef public Evidence early
    cdef public int64_t early_ns
    cdef public uint32_t segments, retransmits, syns, syn_acks, fins, rsts_not_kept
    cdef public Frame syn_frame, last_syn_frame, former_syn_ack_frame
    cdef public Frame syn_ack_frame, last_syn_ack_frame, syn_ack_again_frame
    cdef public int64_t isn, former_isn, syn_bytes
    cdef public Frame first_frame, more_frame, data_frame, last_frame, again_frame
    cdef public int64_t first_ack
    cdef public Passes acks, bare_acks
    cdef public int64_t nxt, nxt_least_ack, in_order
    cdef public Frame nxt_frame, jump_frame, gap_frame
    cdef public list ahead, asked, rsts
    cdef public int64_t top_ack, lower_ack, with_data_to
    cdef public Frame top_frame, lower_frame
    cdef public Passes bare, on_fin, duplicates, lower_duplicates
    cdef public int64_t fin, fin_seq, fin_least_ack
    cdef public Frame fin_frame, fin_again_frame

    cpdef Evidence copied(self)
    cdef object _forget(self)
    cpdef object has_no_fin(self)
    cpdef int64_t number(self, int64_t number) except? -1
    cdef int64_t near(self, int64_t number, int64_t about) except? -1
    cpdef int64_t captured(self, int64_t number) except? -1
    cpdef int64_t syn_end(self) except? -1
    cpdef int64_t acknowledged_by(self, Frame frame) except? -1
    @cython.locals(syn=bint, fin=bint, begin=int64_t, end=int64_t)
    cpdef object add(self, Frame frame, int64_t seq, int64_t ack, int flags, int64_t payload_bytes)
    cdef object _synchronizes(self, Frame frame, int64_t isn, int64_t end, int64_t payload_bytes, bint answers)
    cpdef bint has_forgotten(self, int64_t isn) except -1
    @cython.locals(again=bint, leaves_gap=bint)
    cdef object _sends(self, Frame frame, int64_t seq, int64_t ack, int64_t end)
    @cython.locals(begin=int64_t, after=int64_t, apart=list)
    cdef object _passes(self, int64_t seq, int64_t end)
    cdef object _finishes(self, Frame frame, int64_t seq, int64_t ack, int64_t fin)
    @cython.locals(acks=Passes)
    cdef object _acknowledges(self, Frame frame, int64_t ack, bint syn, bint fin, int64_t seq, int64_t end)
    @cython.locals(seq=int64_t, ack=int64_t)
    cpdef object resumes(self, Evidence attempt, Evidence peer)
