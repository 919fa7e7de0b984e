cimport cython
from libc.stdint cimport uint64_t

from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint

cdef int BY_FIRST_SPEAKER, BY_LISTENER, BY_PORT
cdef uint64_t _IPV4_LAST, _RECENT
cdef Py_ssize_t _LISTENERS


@cython.final
cdef class Listeners:
    cdef set _sockets
    cdef list _recent

    @cython.locals(place=uint64_t, recent=Endpoint)
    cdef object add(self, Endpoint endpoint)
    cpdef object merge(self, Listeners other)
    cpdef object prune(self)
    @cython.locals(a=Endpoint, b=Endpoint, a_listens=bint, b_listens=bint)
    cpdef object guess(self, Connection connection)
    cdef object _socket(self, Endpoint endpoint)
