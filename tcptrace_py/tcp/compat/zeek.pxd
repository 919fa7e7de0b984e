cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.wire.segment cimport Segment

cdef int ACK, FIN, RST, SYN
cdef int INACTIVE, SYN_SENT, SYN_ACK_SENT, PARTIAL, ESTABLISHED, CLOSED, RESET
cdef int _SYN, _SYN_ACK, _ACK, _DATA, _FIN, _RST, _RETRANSMISSION, _ZERO_WINDOW, _GAP, _FIN_AND_RST, _MANY_FLAGS, _FLIP
cdef int64_t _HALF, _MASK, _PACK, _PIECES, _TOO_FAR


@cython.final
cdef class Side:
    cdef public int64_t sent
    cdef public uint32_t start
    cdef public uint32_t acked
    cdef public uint32_t whole
    cdef public uint32_t fin_end
    cdef public uint32_t last_syn
    cdef public uint32_t last_rst
    cdef public uint32_t retransmissions
    cdef public uint32_t zero_windows
    cdef public uint32_t gaps
    cdef public uint16_t seen
    cdef public uint8_t state
    cdef public uint8_t previous_state
    cdef public uint8_t finished


@cython.final
cdef class Zeek:
    cdef public Side a
    cdef public Side b
    cdef public int64_t missed_bytes
    cdef public uint8_t orig_is_a
    cdef uint8_t _partial
    cdef uint8_t _a_seen
    cdef uint8_t _b_seen
    cdef uint8_t _begun
    cdef bytes _letters
    cdef uint64_t _packed
    cdef uint8_t _packed_count
    cdef list _pieces

    @cython.locals(flags=int, control=int, side=Side, peer=Side, seq=int64_t, payload_bytes=int64_t, carried=int64_t, ack=int64_t, ahead=int64_t, acknowledges=bint, before_start=bint)
    cpdef object segment(self, bint from_a, Segment segment)
    cpdef bint in_step(self, Endpoint a, Endpoint b) except -1
    @cython.locals(end=int64_t, whole=int64_t)
    cdef bint _agrees(self, Side side, Endpoint endpoint) except -1
    cpdef object catch_up(self, Endpoint a, Endpoint b)
    @cython.locals(snd_nxt=int64_t, beyond=int64_t, wraps=int64_t)
    cdef object _follow(self, Side side, Endpoint endpoint)
    cdef object _begin(self, bint from_a, Segment segment)
    cdef object _doubt(self, bint from_a, int flags)
    @cython.locals(originator=Side)
    cdef object _credit(self, Side side, Side peer)
    cdef object _flip(self)
    cdef object _move_start(self, Side side, int64_t start)
    @cython.locals(state=int)
    cdef object _number(self, Side side, int flags, int64_t seq, int64_t carried)
    cdef object _set(self, Side side, int state)
    @cython.locals(state=int, by_originator=bint)
    cdef object _move(self, Side side, Side peer, bint from_a, int flags, int64_t payload_bytes)
    cdef object _move_first(self, Side side, Side peer, bint by_originator, int flags, int64_t payload_bytes)
    @cython.locals(flags=int, control=int, number=int64_t, end=int64_t, seq=int64_t)
    cdef object _control_letters(self, Side side, bint from_a, Segment segment)
    cdef object _once(self, Side side, int kind, bint from_a)
    cdef object _scaled(self, int64_t count, int kind, bint from_a)
    cdef object _letter(self, int kind, bint from_a)
    cdef object _write(self, int letter)
    @cython.locals(left=int64_t, right=int64_t)
    cdef object _take(self, Side side, bint of_a, int64_t seq, int64_t payload_bytes)
    @cython.locals(again=bint, left=int64_t, right=int64_t, piece_of_a=bint)
    cdef object _close_up(self, Side side, bint of_a)
    @cython.locals(missing=int64_t, skip=int64_t, off=int64_t, left=int64_t, piece_of_a=bint)
    cdef object _acknowledged(self, Side side, Side peer, bint of_a, int64_t ack)
    cdef bint _orderly(self, Side side) except -1
    cpdef str history(self)
    @cython.locals(originator=Side, responder=Side, orig=int, resp=int, orig_silent=bint, resp_silent=bint)
    cpdef str conn_state(self)
    cdef bint _reset_before_answer(self) except -1
    @cython.locals(acknowledged=int64_t, size=int64_t)
    cpdef int64_t size(self, Side side, Side peer) except -1
