cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.capture.batch cimport FrameBatch


@cython.locals(times_ns=int64_t[::1], count=int64_t, at=int64_t)
cpdef int64_t run_end(FrameBatch batch, int64_t lo, int64_t limit_ns) except -1
