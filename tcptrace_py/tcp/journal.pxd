cimport cython
from libc.stdint cimport int64_t


cdef int64_t _at(int64_t index) noexcept


@cython.final
cdef class Journal:
    cdef object _store
    cdef int64_t[::1] _numbers
    cdef int64_t _room
    cdef int64_t _used
    cdef int64_t _free

    @cython.locals(index=int64_t, at=int64_t)
    cpdef int64_t push(self, int64_t previous, int64_t state, int64_t basis, int64_t ts_ns, int64_t frame) except -2
    cdef object _grow(self)
    @cython.locals(previous=int64_t)
    cpdef int64_t pop(self, int64_t index) except -2
    @cython.locals(entries=list)
    cpdef list history(self, int64_t index)
    cpdef object release(self, int64_t index)
    @cython.locals(number=int64_t, previous=int64_t)
    cdef int64_t touch(self, int64_t index) noexcept
    cpdef int64_t previous(self, int64_t index) except? -2
    cpdef int64_t state(self, int64_t index) except -2
    cpdef int64_t basis(self, int64_t index) except -2
    cpdef int64_t ts_ns(self, int64_t index) except? -2
    cpdef int64_t frame(self, int64_t index) except? -2
