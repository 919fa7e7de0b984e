cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t, uint32_t

from tcptrace_py.tcp.serial cimport distance
from tcptrace_py.wire.segment cimport Segment

cdef int ACK, FIN, PSH, RST, SYN
cdef int64_t _UNWRAPPED_FROM, _MOST_SUM_NS
cdef int _PIECES, _PIECES_UNANSWERED, _ACKNOWLEDGED_PIECES


@cython.final
@cython.freelist(256)
cdef class Piece:
    cdef int64_t start
    cdef int64_t end
    cdef int64_t sent_ns
    cdef Piece next
    cdef uint32_t again
    cdef uint32_t acks
    cdef bint timed


@cython.final
cdef class Stats:
    cdef public int64_t last_ns
    cdef public int64_t idle_ns
    cdef public int64_t data_bytes
    cdef public int64_t unique_bytes
    cdef public int64_t first_data_ns
    cdef public int64_t last_data_ns
    cdef public int64_t retransmitted_bytes
    cdef public int64_t zero_window_probe_bytes
    cdef public int64_t initial_bytes
    cdef public int64_t window_bytes
    cdef public int64_t windows_sum
    cdef public int64_t least_window_bytes
    cdef public int64_t most_window_bytes
    cdef public int64_t rtt_least_ns
    cdef public int64_t rtt_most_ns
    cdef public int64_t rtt_sum_ns
    cdef public double rtt_squares_s2
    cdef public int64_t peer_ack
    cdef public int64_t peer_window
    cdef Piece _head
    cdef Piece _tail
    cdef uint32_t _pieces
    cdef public uint32_t packets
    cdef public uint32_t acks
    cdef public uint32_t pure_acks
    cdef public uint32_t sack_packets
    cdef public uint32_t syns
    cdef public uint32_t fins
    cdef public uint32_t isn
    cdef public uint32_t data_packets
    cdef public uint32_t pushed
    cdef public uint32_t least_segment_bytes
    cdef public uint32_t most_segment_bytes
    cdef public uint32_t retransmitted_packets
    cdef public uint32_t out_of_order
    cdef public uint32_t zero_window_probes
    cdef public uint32_t initial_packets
    cdef public uint32_t windows
    cdef public uint32_t zero_windows
    cdef public uint32_t rtt_samples
    cdef public uint32_t ambiguous_acks
    cdef public uint32_t after_loss_acks
    cdef public uint32_t cumulatively_acked
    cdef public uint32_t duplicate_acks
    cdef public uint32_t triple_duplicate_acks
    cdef public int32_t mss_bytes
    cdef public int8_t window_scale
    cdef public int8_t most_sack_blocks
    cdef public bint has_isn
    cdef public bint sack_permitted
    cdef public bint timestamps
    cdef public bint data_acknowledged
    cdef public bint scaling

    @cython.locals(flags=int, ts_ns=int64_t, carried=int64_t, again_bytes=int64_t, unique_bytes=int64_t,
                   window_bytes=int64_t, scaled=bint)
    cpdef object sends(self, Stats peer, Segment segment)
    cpdef int64_t pieces(self)
    cpdef object settle(self, int64_t end_ns)
    cdef object _take_syn(self, Segment segment)
    @cython.locals(size=int64_t)
    cdef object _take_data(self, Segment segment)
    @cython.locals(tail=Piece, start=int64_t, end=int64_t, again=int64_t, out_of_order=bint, before=Piece, piece=Piece,
                   filled=Piece)
    cdef int64_t _place(self, int64_t seq, int64_t carried, int64_t ts_ns, bint unanswered) except -1
    @cython.locals(tail=Piece, piece=Piece)
    cdef object _append(self, int64_t start, int64_t end, int64_t ts_ns, bint unanswered)
    @cython.locals(head=Piece, second=Piece)
    cdef object _fold_head(self)
    @cython.locals(tail=Piece, same=bint, pure=bint, ack=int64_t, newest_ns=int64_t, acknowledged_pieces=int64_t,
                   changed=bint, piece=Piece, front=Piece)
    cpdef object be_acknowledged(self, Segment segment, int64_t window_bytes)
    @cython.locals(before=Piece)
    cdef object _put_before(self, Piece piece, Piece successor)
    @cython.locals(piece=Piece, following=Piece)
    cdef object _join(self)
    @cython.locals(rtt_s=double)
    cdef object _take_rtt(self, int64_t rtt_ns)
