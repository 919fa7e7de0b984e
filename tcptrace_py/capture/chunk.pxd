cimport cython
from libc.stdint cimport int64_t, uint8_t

from tcptrace_py.capture.batch cimport FrameBatch


cdef class ChunkReader:
    cdef public object stream
    cdef public str name
    cdef public str path
    cdef public str format
    cdef public FrameBatch batch
    cdef public int64_t packets
    cdef public object problem
    cdef public object dropped_by_kernel
    cdef public set link_types
    cdef public list warnings
    cdef public object buffer
    cdef const uint8_t[::1] view
    cdef const uint8_t* data
    cdef public int64_t position
    cdef public int64_t filled
    cdef public int64_t need
    cdef public bint finished

    @cython.locals(count=int64_t)
    cpdef int64_t next_batch(self) except -1
    cdef int64_t scan(self) except -1 with gil
    cpdef fail(self, str what)
    cpdef warn(self, str what)
    cpdef use_buffer(self, object buffer)
    @cython.locals(left=int64_t, got=int64_t)
    cpdef refill(self)
