cimport cython
from libc.stdint cimport int64_t

cdef Py_ssize_t _CELL, _CELL_BYTES, _CELLS_MORE, _FEW, _WAITING_SHARE, _WAITING_LEAST
cdef int64_t _ARRIVAL, _DEPARTURE


cpdef int64_t arrives(int64_t ts_ns) noexcept
cpdef int64_t departs(int64_t ts_ns) noexcept


@cython.final
cdef class Cells:
    cdef object row
    cdef int64_t[::1] numbers
    cdef Py_ssize_t used
    cdef Py_ssize_t room

    @cython.locals(numbers=int64_t[::1], at=Py_ssize_t)
    cdef object grow(self)


@cython.final
cdef class Timeline:
    cdef Py_ssize_t _points
    cdef Py_ssize_t _room
    cdef int64_t _bits
    cdef Cells _cells
    cdef list _waiting
    cdef tuple _peak
    cdef bint _old

    cpdef object arrive(self, int64_t ts_ns)
    cpdef object depart(self, int64_t ts_ns)
    @cython.locals(cells=Cells, ts_ns=int64_t, begin_ns=int64_t, at=Py_ssize_t)
    cdef object add(self, int64_t change)
    cpdef object merge(self, Timeline other)
    cpdef object narrow(self, Py_ssize_t points)
    @cython.locals(cells=Cells, at=Py_ssize_t)
    cpdef list changes(self)
    cpdef tuple peak(self)
    cpdef object restore(self, int64_t bits, object row)
    @cython.locals(numbers=int64_t[::1], at=Py_ssize_t, now=int64_t, most=int64_t, most_at_ns=int64_t)
    cdef tuple _highest(self, Cells cells)
    cdef object _wait(self, int64_t change, Py_ssize_t most)
    @cython.locals(waiting=list, fresh=Cells, numbers=int64_t[::1], at=Py_ssize_t, change=int64_t)
    cdef Cells _settled(self)
    @cython.locals(
        joined=Cells, a=int64_t[::1], b=int64_t[::1], c=int64_t[::1], a_end=Py_ssize_t, b_end=Py_ssize_t, bits=int64_t, i=Py_ssize_t, j=Py_ssize_t, at=Py_ssize_t,
        begin_ns=int64_t, changes=int64_t, last_ns=int64_t,
    )
    cdef Cells _joined(self, Cells mine, Cells its)
    @cython.locals(
        cells=Cells, numbers=int64_t[::1], count=Py_ssize_t, joining=list, at=Py_ssize_t, differ=int64_t, bits=int64_t
    )
    cdef object _coarsen(self)
