from libc.stdint cimport int64_t, uint64_t

from tcptrace_py.wire.segment cimport Segment


cdef class Flow:
    cdef public uint64_t hash
    cdef public Flow next_in_bucket

    cdef bint joins(self, Segment segment) except *
    cdef int64_t touch(self) except -1
