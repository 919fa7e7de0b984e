cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from tcptrace_py.tcp.endpoint cimport Endpoint, new_endpoint
from tcptrace_py.tcp.flow cimport on_four_tuple
from tcptrace_py.tcp.compat.wireshark cimport Stream
from tcptrace_py.tcp.compat.zeek cimport Zeek
from tcptrace_py.wire.place cimport place
from tcptrace_py.wire.segment cimport Segment


cdef class Connection

cdef int COMPLETE, OPEN, UNSEEN


@cython.final
cdef class Compat:
    cdef public Zeek zeek
    cdef public Stream stream
    cdef public Stream stream_now


@cython.final
cdef class ConnectionRare:
    cdef public Connection older
    cdef public Connection newer
    cdef public int64_t reused_by
    cdef public int64_t reused_frame
    cdef public int64_t reused_ns
    cdef public int64_t reuse_of
    cdef public int64_t incarnation
    cdef public object tunnel
    cdef public int64_t syn_ns
    cdef public int64_t syn_frame
    cdef public int64_t last_syn_ns
    cdef public int64_t last_syn_frame
    cdef public int64_t last_syn_ack_ns
    cdef public int64_t last_syn_ack_frame
    cdef public int64_t unreachable_frame
    cdef public int64_t unreachable_ns
    cdef public object unreachable
    cdef public int64_t reset_frame
    cdef public uint8_t reset_certain
    cdef public int64_t reset_ns
    cdef public int64_t stray_reset_frame
    cdef public int64_t stray_reset_ns
    cdef public int64_t pending_syn_frame
    cdef public int64_t pending_syn_ns
    cdef public int64_t pending_syn_last_frame
    cdef public int64_t pending_syn_last_ns
    cdef public int64_t stale_syn_frame
    cdef public int64_t stale_syn_ns
    cdef public uint32_t last_syn_ts_val
    cdef public uint32_t stray_resets
    cdef public uint32_t pending_syns
    cdef public uint32_t pending_syn_isn
    cdef public uint32_t pending_syn_window
    cdef public uint32_t stale_syns
    cdef public uint32_t out_of_window
    cdef public list early
    cdef public uint8_t reused_time_wait
    cdef public uint8_t stray_reset_by
    cdef public uint8_t stray_reset_fits
    cdef public uint8_t stale_syn_by
    cdef public bint shared


cdef ConnectionRare _NOTHING


@cython.final
cdef class Connection:
    cdef public uint64_t hash
    cdef public Connection next_in_bucket
    # What every segment reads or writes comes first: together in the cache.
    cdef public Endpoint a
    cdef public Endpoint b
    cdef public int64_t last_ns
    cdef public ConnectionRare rare
    cdef public uint8_t plain
    cdef public uint8_t unread
    cdef public uint8_t watched
    cdef public uint8_t pending_syn_by
    cdef public uint8_t finished
    cdef public uint8_t simultaneous_open
    cdef public uint8_t fast_open
    cdef public uint8_t ip_version
    cdef public uint8_t place
    cdef public uint8_t handshake
    cdef public uint8_t close
    cdef public uint8_t close_complete
    cdef public uint8_t roles_basis
    cdef public uint8_t first_fin_by
    cdef public uint8_t reset_by
    cdef public uint8_t reset_cause
    cdef public uint8_t doubtful
    cdef public uint8_t client_is_a
    cdef public uint8_t foreign_echo
    cdef public uint8_t begins_with_syn
    cdef public uint32_t syn_ts_val
    cdef public int64_t ack_frame
    cdef public int64_t id
    cdef public object observed
    cdef public object shown
    cdef public Compat compat
    cdef public int64_t first_ns
    cdef public int64_t first_frame
    cdef public int64_t syn_ack_ns
    cdef public int64_t syn_ack_frame
    cdef public int64_t ack_ns
    cdef public int64_t over_ns
    cdef public int64_t answered_ns

    cdef object begin(self)
    @cython.locals(a=Endpoint, b=Endpoint)
    cdef object begin_with(self, Segment segment)
    cpdef ConnectionRare own_rare(self)
    @cython.locals(rare=ConnectionRare)
    cdef object note_reset(self, int by, int cause, int64_t ts_ns, int64_t frame, bint exact)
    cpdef object note_syn(self, int64_t ts_ns, int64_t frame, uint32_t ts_val)
    cpdef object note_syn_again(self, int64_t ts_ns, int64_t frame, uint32_t ts_val)
    cpdef int64_t syn_ns(self) noexcept
    cpdef int64_t syn_frame(self) noexcept
    cpdef uint32_t last_syn_ts_val(self) noexcept
    cpdef int64_t heard_ns(self, Endpoint endpoint) noexcept
    cpdef int64_t last_syn_ns(self) except? -1
    cpdef int64_t last_syn_frame(self) except? -1
    cpdef int64_t last_syn_ack_ns(self) except? -1
    cpdef int64_t last_syn_ack_frame(self) except? -1
    @cython.locals(a=Endpoint, b=Endpoint)
    cdef bint joins(self, Segment segment) except -1
    @cython.locals(a=Endpoint)
    cpdef bint sent_by_a(self, Segment segment) noexcept
    cdef int64_t touch(self) noexcept
    @cython.locals(a=Endpoint, b=Endpoint)
    cdef int64_t touch_all(self) noexcept
    cpdef Endpoint client(self)
    cpdef Endpoint server(self)


@cython.locals(connection=Connection)
cpdef Connection new_connection()
