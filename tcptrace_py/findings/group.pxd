cimport cython
from libc.stdint cimport int64_t, uint64_t

from tcptrace_py.findings.case cimport Case, other
from tcptrace_py.findings.crowd cimport Crowd
from tcptrace_py.findings.distinct cimport Distinct, mix
from tcptrace_py.findings.least cimport Least
from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint

cdef Py_ssize_t _EXAMPLES, _ALL_EXAMPLES, _ROOM_FOR, _ROOM_LEAST
cdef int _ENOUGH, CERTAIN, LIKELY


@cython.final
cdef class Group:
    cdef public str role
    cdef public str side
    cdef public str variant
    cdef public int version
    cdef public uint64_t hi
    cdef public uint64_t lo
    cdef public int service_port
    cdef public bint about_peer
    cdef public Py_ssize_t hosts
    cdef public Py_ssize_t ports
    cdef public int64_t count
    cdef public int64_t first_ns
    cdef public int64_t last_ns
    cdef public int64_t least_ns
    cdef public int64_t most_ns
    cdef public int64_t certain
    cdef public int64_t likely
    cdef public int packets
    cdef public Distinct peers
    cdef public Distinct targets
    cdef public tuple sole_peer
    cdef public object tally
    cdef public int64_t alone
    cdef public int64_t alone_inside
    cdef public Crowd crowd
    cdef Py_ssize_t _points
    cdef Least _ids
    cdef list _examples
    cdef Py_ssize_t _examples_most

    @cython.locals(connection=Connection, peer=Endpoint, packets=int64_t)
    cpdef object add(self, Case case, int by, int64_t first_ns, int64_t last_ns, int confidence)
    cpdef object count_one(
        self, int64_t connection, int version, uint64_t peer_hi, uint64_t peer_lo, int64_t packets,
        int64_t first_ns, int64_t last_ns, int confidence,
    )
    cpdef object add_id(self, int64_t connection)
    cpdef list ids(self)
    cpdef object stay(self, int64_t begin_ns, object end_ns)
    cpdef object narrow(self, Py_ssize_t culprits)
    cpdef object measure(self, int64_t ns)
    cpdef object merge(self, Group group)
    cpdef object absorb(self, Group group)
    @cython.locals(last=tuple)
    cpdef bint wants_example(self, int64_t connection) except -1


@cython.final
cdef class Groups:
    cdef Py_ssize_t _limit, _crowding
    cdef dict _groups
    cdef Py_ssize_t _culprits
    cdef dict _others
    cdef list _ranks
    cdef Group _latest

    @cython.locals(endpoint=Endpoint, role=str, port=int)
    cpdef Group of(self, Case case, int by, str variant=*)
    @cython.locals(group=Group)
    cpdef Group at(self, str role, int version, uint64_t hi, uint64_t lo, int port, str variant=*)
    cpdef Group named(self, tuple key)
    cdef Group _begin(self, tuple key)
    cdef Group _other(self, str side, str variant)
    cpdef object merge(self, Groups groups)
    cpdef object take(self, Group group)
