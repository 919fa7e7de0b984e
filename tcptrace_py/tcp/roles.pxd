cimport cython
from libc.stdint cimport uint64_t

from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint

cdef int BY_FIRST_SPEAKER, BY_LISTENER, BY_PORT
cdef uint64_t _IPV4_LAST
cdef Py_ssize_t _LISTENERS


@cython.final
cdef class Roles:
    cdef set _listeners

    cdef object listens(self, Endpoint endpoint)
    @cython.locals(a=Endpoint, b=Endpoint, a_listens=bint, b_listens=bint)
    cdef object guess(self, Connection connection)
    cdef object _socket(self, Endpoint endpoint)
