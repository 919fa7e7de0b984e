cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.findings.suspicion cimport Suspicion
from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint

cdef int CLOSED, CLOSE_WAIT, LISTEN


cdef class Census:
    cdef public int64_t alive
    cdef public list clients
    cdef public list servers
    cdef public dict close_waits
    cdef public list suspects

    @cython.locals(
        connection=Connection, client=Endpoint, server=Endpoint, clients=list, servers=list,
        client_state=int, server_state=int,
    )
    cpdef object take(self, list connections, Suspicion suspicion, int64_t now_ns)
    cdef object _hold(self, Connection connection, Endpoint endpoint, int64_t port, int64_t since_ns)
