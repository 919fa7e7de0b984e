cimport cython
from libc.stdint cimport uint64_t

from tcptrace_py.findings.least cimport Least

cdef Py_ssize_t _EXACT
cdef uint64_t _GOLDEN, _FIRST, _SECOND, _THIRD, _MASK

@cython.locals(x=uint64_t)
cpdef uint64_t mix(uint64_t a, uint64_t b) noexcept


@cython.final
cdef class Distinct:
    cdef Least _hashes

    cpdef object add(self, uint64_t hi, uint64_t lo)
    cpdef object merge(self, Distinct other)
