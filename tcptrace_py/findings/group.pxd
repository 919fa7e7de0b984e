cimport cython
from libc.stdint cimport int64_t, uint64_t

from tcptrace_py.findings.case cimport Case, other
from tcptrace_py.findings.crowd cimport Crowd
from tcptrace_py.findings.distinct cimport Distinct, mix
from tcptrace_py.tcp.endpoint cimport Endpoint

cdef Py_ssize_t _EXAMPLES
cdef int64_t _NO_ID


cdef class Group:
    cdef public str role
    cdef public str side
    cdef public str variant
    cdef public int version
    cdef public uint64_t hi
    cdef public uint64_t lo
    cdef public int service_port
    cdef public bint turned
    cdef public int64_t count
    cdef public int64_t first_ns
    cdef public int64_t last_ns
    cdef public int64_t least_ns
    cdef public int64_t most_ns
    cdef public list confidences
    cdef public Distinct peers
    cdef public Distinct targets
    cdef public tuple sole_peer
    cdef public object tally
    cdef public Crowd crowd
    cdef list _ids
    cdef int64_t _ids_below
    cdef list _examples

    @cython.locals(peer=Endpoint)
    cpdef object add(self, Case case, int by, int64_t first_ns, int64_t last_ns, int confidence)
    cpdef object add_id(self, int64_t connection)
    cpdef list ids(self)
    cpdef object measure(self, int64_t ns)
    cpdef object merge(self, Group group)
    cpdef object absorb(self, Group group)
    @cython.locals(last=tuple)
    cpdef bint wants_example(self, int64_t connection) except *


cdef class Groups:
    cdef Py_ssize_t _limit
    cdef dict _groups
    cdef dict _others
    cdef list _ranks
    cdef Group _latest

    @cython.locals(endpoint=Endpoint, role=str, port=int, version=int, hi=uint64_t, lo=uint64_t, group=Group)
    cpdef Group of(self, Case case, int by, str variant=*)
    cpdef Group named(self, tuple key)
    cdef Group _other(self, str side, str variant)
    cpdef object merge(self, Groups groups)
    cpdef object take(self, Group group)
