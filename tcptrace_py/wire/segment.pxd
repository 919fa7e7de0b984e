from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef class Segment:
    cdef public object tunnel
    cdef public int64_t ts_ns
    cdef public int64_t now_ns
    cdef public int64_t frame
    cdef public uint64_t src_hi
    cdef public uint64_t src_lo
    cdef public uint64_t dst_hi
    cdef public uint64_t dst_lo
    cdef public uint32_t seq
    cdef public uint32_t ack
    cdef public uint32_t payload_bytes
    cdef public uint32_t ts_val
    cdef public uint32_t ts_ecr
    cdef public uint32_t sack_left
    cdef public uint32_t sack_right
    cdef public int32_t mss_bytes
    cdef public int16_t tls_alert
    cdef public uint16_t mptcp
    cdef public uint16_t src_port
    cdef public uint16_t dst_port
    cdef public uint16_t window
    cdef public uint16_t checksum
    cdef public uint16_t ip_id
    cdef public uint8_t ip_version
    cdef public uint8_t flags
    cdef public uint8_t ttl
    cdef public uint8_t begins_with
    cdef public int8_t window_scale
    cdef public int8_t sack_blocks
    cdef public int8_t fast_open_cookie_bytes
    cdef public bint sack_permitted
    cdef public bint has_timestamps
