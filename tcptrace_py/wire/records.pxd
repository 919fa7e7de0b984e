cimport cython
from libc.stdint cimport int64_t, uint64_t

from tcptrace_py.wire.segment cimport Segment

cdef int64_t WORDS
cdef uint64_t _LOW_8, _LOW_16, _LOW_32


@cython.final
cdef class RowWriter:
    cdef readonly int64_t most
    cdef readonly int64_t count
    cdef uint64_t[::1] _words

    @cython.locals(words=uint64_t[::1], at=int64_t, high=uint64_t, low=uint64_t, word=uint64_t)
    cpdef int64_t add(self, Segment segment) except -1


@cython.final
cdef class RowReader:
    cdef readonly int64_t count
    cdef int64_t _first_frame
    cdef const uint64_t[::1] _words

    cpdef int64_t now_ns(self, int64_t row) except? -1
    @cython.locals(number=int64_t)
    cpdef int64_t frame(self, int64_t row) except? -1
    @cython.locals(at=int64_t, word=uint64_t, number=int64_t)
    cpdef object fill(self, int64_t row, Segment segment)
