cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t

from tcptrace_py.capture.batch cimport FrameBatch

cdef int64_t _RECORD_HEADER_BYTES, _UNKNOWN_BYTES, _MAX_VLAN_TAGS

@cython.locals(count=int64_t, i=int64_t, at=int64_t, captured=int64_t, seconds=int64_t, original=int64_t)
cpdef int64_t fill(FrameBatch batch, bytes data, const uint32_t[::1] meta, int64_t snap_bytes, int64_t link_type) except -1

@cython.locals(start=int64_t, end=int64_t, kind=int64_t, tags=int64_t, total=int64_t)
cpdef int64_t wire_bytes(const uint8_t[::1] data, int64_t at, int64_t captured, int64_t link_type) except -1

@cython.locals(total=int64_t, i=int64_t)
cpdef bytearray pcap_records(FrameBatch batch, int64_t count)

@cython.locals(i=int64_t, at=int64_t, seconds=int64_t, captured=int64_t, begin=int64_t)
cdef int _copy(FrameBatch batch, int64_t count, const uint8_t[::1] frames, uint8_t[::1] out) except -1

cdef int _put(uint8_t[::1] out, int64_t at, int64_t number) except -1
