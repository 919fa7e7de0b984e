cimport cython
from libc.stdint cimport int64_t, uint32_t

from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.observations cimport Lost, Observations, Reset, Stall, idle_class, outstanding
from tcptrace_py.tcp.serial cimport advance, distance
from tcptrace_py.wire.segment cimport Segment

cdef int COMPLETE
cdef int ACK, FIN, MP_FASTCLOSE, MP_JOIN, RST, SYN
cdef int64_t _QUIET_NS, _SILENCE_NS, _CLOSE_NS, _UNDER_WAY_NS, _STALL_NS, _FAR_NS
cdef int _DATA, _CLOSE, _RESET, _PROBE, _BARE_ACK
cdef int _FATAL, _OFTEN
cdef int _HTTP_400, _HTTP_REQUEST, _TLS_HELLO, _TLS_RECORD


@cython.final
cdef class Observer:
    cdef object _gaps
    cdef list _gap_ends

    @cython.locals(flags=int, payload_bytes=uint32_t, seen=Observations, stall=Stall)
    cdef object see(self, Connection connection, int by, Endpoint sender, Endpoint receiver, Segment segment,
                     int64_t quiet_ns, int64_t before_ns, Connection newest)
    @cython.locals(seen=Observations)
    cdef object _answer(self, Connection connection, int answer, int word, Segment segment)
    @cython.locals(seen=Observations)
    cdef object _multipath(self, Connection connection, int by, Segment segment)
    @cython.locals(seen=Observations)
    cdef object too_big(self, Connection connection, int by, object error, Segment segment)
    @cython.locals(seen=Observations, client=Endpoint)
    cdef object _challenge(self, Connection connection, Connection newest, Endpoint sender, Endpoint receiver,
                           Segment segment)
    cdef Observations _of(self, Connection connection)
    @cython.locals(seen=Observations)
    cdef object _syn(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(seen=Observations, later=Observations, first=Reset, last=Reset)
    cdef object _reset(self, Connection connection, int by, Endpoint sender, Endpoint receiver, Segment segment,
                       int64_t quiet_ns, int64_t before_ns, Connection newest)
    @cython.locals(reset=Reset, stall=Stall, longest=Stall)
    cdef object _go_on(self, Observations seen, Connection connection, int by, Endpoint sender, Endpoint receiver,
                       Segment segment)
    @cython.locals(seen=Observations)
    cdef object _silence(self, Connection connection, int by, Endpoint sender, Endpoint receiver, Segment segment,
                         int64_t quiet_ns)
    @cython.locals(speaker=Endpoint, peer=Endpoint)
    cpdef bint settle(self, Connection connection, Observations seen) except -1
    @cython.locals(last_data_ns=int64_t, idle_ns=int64_t, seen=Observations)
    cdef object _close(self, Connection connection, int by, Endpoint sender, Endpoint receiver, Segment segment,
                       bint is_reset)
    @cython.locals(seen=Observations, lost=Lost)
    cdef object _again(self, Connection connection, int by, Endpoint sender, Segment segment)
