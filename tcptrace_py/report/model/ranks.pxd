cimport cython
from libc.stdint cimport int64_t


@cython.locals(
    my_numbers=list, other_numbers=list, a=int64_t[::1], b=int64_t[::1], c=int64_t[::1],
    my_count=Py_ssize_t, other_count=Py_ssize_t, i=Py_ssize_t, j=Py_ssize_t,
)
cpdef tuple interleave(object mine, object other)

@cython.locals(numbers=list, a=int64_t[::1], b=int64_t[::1], count=Py_ssize_t, i=Py_ssize_t, j=Py_ssize_t)
cpdef list places(object whole, object mine)
