cimport cython
from libc.stdint cimport int64_t

cdef Py_ssize_t _CELL, _CELL_BYTES, _WAITING_SHARE, _WAITING_LEAST


cpdef object arrives(int64_t ts_ns)
cpdef object departs(int64_t ts_ns)


@cython.final
cdef class Timeline:
    cdef Py_ssize_t _points
    cdef Py_ssize_t _room
    cdef int64_t _bits
    cdef object _cells
    cdef list _waiting
    cdef tuple _peak

    cpdef object arrive(self, int64_t ts_ns)
    cpdef object depart(self, int64_t ts_ns)
    cpdef object add(self, object change)
    cpdef object merge(self, Timeline other)
    cpdef object narrow(self, Py_ssize_t points)
    cpdef list changes(self)
    cpdef tuple peak(self)
    @cython.locals(cells=int64_t[::1], at=Py_ssize_t, now=int64_t, most=int64_t, most_at_ns=int64_t)
    cdef tuple _highest(self)
    @cython.locals(waiting=list, cells=int64_t[::1], at=Py_ssize_t, change=int64_t)
    cdef object _settle(self)
    @cython.locals(
        a=int64_t[::1], b=int64_t[::1], c=int64_t[::1], a_end=Py_ssize_t, b_end=Py_ssize_t, bits=int64_t,
        i=Py_ssize_t, j=Py_ssize_t, at=Py_ssize_t, begin_ns=int64_t, arrivals=int64_t, departures=int64_t,
        last_ns=int64_t,
    )
    cdef object _joined(self, object mine, object its)
    @cython.locals(
        count=Py_ssize_t, joining=list, cells=int64_t[::1], at=Py_ssize_t, differ=int64_t, bits=int64_t
    )
    cdef object _coarsen(self)
