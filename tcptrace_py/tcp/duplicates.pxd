cimport cython
from libc.stdint cimport int64_t, uint64_t

from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.flow_table cimport FlowTable
from tcptrace_py.wire.segment cimport Segment

cdef int FIN, RST, SYN
cdef uint64_t _BOXES
cdef int64_t PLACES
cdef int64_t _WITH_ID_NS, _WITHOUT_ID_NS


cpdef bint another(Endpoint sender, Endpoint receiver, Segment segment) except -1


@cython.final
cdef class Duplicates:
    cdef FlowTable _table
    cdef uint64_t[::1] _seen

    @cython.locals(within_ns=int64_t, fingerprint=uint64_t, at=uint64_t, last=uint64_t, since_ns=int64_t)
    cdef bint captured_before(self, Segment segment, uint64_t flow_hash, uint64_t place) except -1
