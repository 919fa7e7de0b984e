cimport cython
from libc.stdint cimport int64_t, uint64_t

cdef Py_ssize_t _MOMENTS
cdef int _GRAIN_BITS, _RECENT
cdef uint64_t _ALL_BITS, _BIT


@cython.final
cdef class Moments:
    cdef int _bits
    cdef object _seen
    cdef int64_t _latest
    cdef uint64_t _recent

    cdef object _forget(self)
    @cython.locals(moment=int64_t, behind=int64_t, at=Py_ssize_t)
    cpdef object add(self, int64_t ns)
    cdef object _fit(self)
    cdef object _coarsen(self)
    @cython.locals(shift=int)
    cpdef object merge(self, Moments other)
    @cython.locals(at=Py_ssize_t)
    cpdef bint between(self, int64_t begin_ns, int64_t end_ns) except -1
