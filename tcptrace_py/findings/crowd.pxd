from libc.stdint cimport int64_t

from tcptrace_py.tcp.timeline cimport Timeline


cdef class Crowd:
    cdef Timeline _timeline

    cpdef object stay(self, int64_t begin_ns, object end_ns)
    cpdef object merge(self, Crowd other)
    cpdef object narrow(self, Py_ssize_t points)
