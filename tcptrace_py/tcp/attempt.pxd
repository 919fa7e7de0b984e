cimport cython
from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from tcptrace_py.tcp.flow cimport on_four_tuple
from tcptrace_py.wire.segment cimport Segment

cdef int64_t _ROOM, _WORDS
cdef uint64_t _GONE, _LOW


@cython.final
cdef class Attempt:
    cdef public uint64_t src_hi
    cdef public uint64_t src_lo
    cdef public uint64_t dst_hi
    cdef public uint64_t dst_lo
    cdef public int64_t id
    cdef public int64_t ts_ns
    cdef public int64_t frame
    cdef public uint32_t seq
    cdef public uint32_t ts_val
    cdef public uint16_t src_port
    cdef public uint16_t dst_port
    cdef public uint16_t window
    cdef public int8_t window_scale
    cdef public uint8_t flags
    cdef public uint8_t ip_version
    cdef public uint8_t ttl
    cdef public bint has_timestamps
    cdef public bint given_up

    @cython.locals(other=Attempt)
    cpdef Attempt copy(self)
    cdef object tell(self, Segment segment)


@cython.final
cdef class Attempts:
    cdef public int64_t count
    cdef int64_t _waiting
    cdef int64_t _told
    cdef int64_t _over
    cdef int64_t _used
    cdef int64_t _room
    cdef object _store
    cdef uint64_t[::1] _numbers
    cdef object _high_store
    cdef uint64_t[::1] _highs
    cdef uint64_t[::1] _places
    cdef uint64_t _place_mask

    @cython.locals(
        number=int64_t, at=int64_t, tag=uint64_t, ts_val=uint64_t, dst_port=uint64_t, window=uint64_t, ttl=uint64_t,
        window_scale=uint64_t, ip_version=uint64_t, stamped=uint64_t,
    )
    cdef int hold(self, Segment syn, int64_t connection_id, uint64_t flow_hash) except -1
    cdef int _hold_highs(self, int64_t number, Segment syn) except -1
    @cython.locals(place=uint64_t)
    cdef void _put(self, uint64_t tag, uint64_t number) noexcept
    cdef uint64_t fetch(self, uint64_t flow_hash) noexcept
    @cython.locals(tag=uint64_t, place=uint64_t, entry=uint64_t, number=int64_t)
    cdef int64_t find(self, Segment segment, uint64_t flow_hash) except? -2
    @cython.locals(at=int64_t, ports=uint64_t)
    cdef bint _joins(self, int64_t number, Segment segment) except -1
    cdef void take(self, int64_t number, Attempt attempt) noexcept
    @cython.locals(number=int64_t)
    cdef bint next(self, Attempt attempt) noexcept
    @cython.locals(at=int64_t, numbers=uint64_t, sizes=uint64_t, rest=uint64_t)
    cdef void _tell(self, int64_t number, Attempt attempt) noexcept
    cdef int64_t oldest(self) noexcept
    cdef int64_t ts_ns(self, int64_t number) noexcept
    cdef int64_t id(self, int64_t number) noexcept
    cdef void let_go(self) noexcept
    cdef void let_all_go(self) noexcept
    cdef object forget(self)
    cdef object _make_room(self)
    @cython.locals(number=int64_t, used=int64_t, over=int64_t, word=int64_t)
    cdef void _close_ranks(self) noexcept
    @cython.locals(number=int64_t, places=int64_t, rest=uint64_t)
    cdef object _place_all(self)
