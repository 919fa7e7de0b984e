cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from tcptrace_py.wire.place cimport place_between
from tcptrace_py.wire.segment cimport Segment

cdef int OUTSIDE, ELSEWHERE, TCP, NOT_TCP, TRUNCATED, MALFORMED, ICMP_ERROR, OTHER, UNDECODED
cdef int MAX_VLAN_TAGS, MAX_EXTENSION_HEADERS, MAX_WINDOW_SCALE, NEEDED_TCP_BYTES
cdef int64_t ETHERTYPE_KEY, IP_PROTOCOL_KEY, UDP_PORT_KEY
cdef int TLS_ALERT_BYTES, MAX_ALERT_PAYLOAD_BYTES
cdef int _BEGINNING_BYTES, _TLS_HELLO, _TLS_RECORD
cdef int _HTTP_REQUEST, _HTTP_RESPONSE, _HTTP_400, _OTHER_BYTES


@cython.final
cdef class FastPath:
    cdef object view
    cdef const uint8_t* data
    cdef int64_t size
    cdef readonly int64_t unread
    cdef uint64_t part
    cdef uint64_t parts

    cpdef open(self, data)
    cpdef close(self)

    @cython.locals(code=int)
    cpdef int decode(self, int64_t start, int64_t captured, int64_t original, int64_t link_type,
                     Segment segment) except -1
    @cython.locals(end=int64_t, wire_end=int64_t, kind=int64_t, version=int64_t, family=int64_t)
    cdef int frame(self, int64_t start, int64_t captured, int64_t original, int64_t link_type,
                   Segment segment) noexcept nogil

    cdef inline int64_t u8(self, int64_t at) noexcept nogil
    @cython.locals(here="const uint8_t*")
    cdef inline int64_t u16(self, int64_t at) noexcept nogil
    @cython.locals(here="const uint8_t*", high=uint32_t)
    cdef inline int64_t u32(self, int64_t at) noexcept nogil
    @cython.locals(high=uint64_t)
    cdef inline uint64_t u64(self, int64_t at) noexcept nogil

    @cython.locals(tags=int64_t)
    cdef int ethertype(self, int64_t ethertype, int64_t at, int64_t end, int64_t wire_end, Segment segment) noexcept nogil
    @cython.locals(word=int64_t, header=int64_t, total=int64_t, protocol=int64_t, fragment=int64_t,
                   limit=int64_t)
    cdef int ipv4(self, int64_t at, int64_t end, int64_t wire_end, Segment segment) noexcept nogil
    @cython.locals(headers=int64_t, size=int64_t, kind=int64_t)
    cdef int ipv4_other(self, int64_t protocol, int64_t fragment, int64_t at, int64_t end, int64_t limit,
                        Segment segment) noexcept nogil
    @cython.locals(length=int64_t, protocol=int64_t, limit=int64_t, headers=int64_t, size=int64_t, kind=int64_t)
    cdef int ipv6(self, int64_t at, int64_t end, int64_t wire_end, Segment segment) noexcept nogil
    cdef int other(self, int64_t protocol) noexcept nogil
    cdef inline bint is_tunnel_port(self, int64_t port) noexcept nogil
    cdef inline bint is_encrypted_port(self, int64_t port) noexcept nogil
    @cython.locals(src=int64_t, dst=int64_t)
    cdef int udp(self, int64_t at, int64_t end, int64_t limit, Segment segment) noexcept nogil
    @cython.locals(length=int64_t, captured=int64_t, header=int64_t, word=int64_t)
    cdef int tcp(self, int64_t at, int64_t end, int64_t limit, Segment segment) noexcept nogil
    @cython.locals(at=uint64_t)
    cdef bint is_elsewhere(self, Segment segment) noexcept nogil
    @cython.locals(level=int64_t)
    cdef int tls_alert(self, int64_t at, int64_t payload_bytes) noexcept nogil
    @cython.locals(word=int64_t, first=int64_t)
    cdef int begins_with(self, int64_t at, int64_t payload_bytes) noexcept nogil
    @cython.locals(kind=int64_t, size=int64_t, scale=int64_t)
    cdef int options(self, int64_t at, int64_t end, Segment segment) noexcept nogil
