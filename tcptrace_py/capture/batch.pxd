from libc.stdint cimport int64_t, uint8_t


cdef class FrameBatch:
    # `data` is a bytearray; whoever loops over a batch takes a
    # `const uint8_t[::1]` view of it once, not once a frame.
    cdef public object data
    cdef public int64_t count
    cdef public int64_t first_number
    cdef public int64_t[::1] offset
    cdef public int64_t[::1] captured
    cdef public int64_t[::1] original
    cdef public int64_t[::1] ts_ns
    cdef public int64_t[::1] link_type
    cdef public object decoded
