cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.tcp.connection cimport Connection, Compat
from tcptrace_py.tcp.flow_table cimport FlowTable
from tcptrace_py.tcp.compat.wireshark cimport Stream
from tcptrace_py.tcp.compat.zeek cimport Zeek
from tcptrace_py.wire.segment cimport Segment

cdef int ACK, SYN


@cython.final
cdef class Peers:
    cdef public int64_t streams
    cdef public object begins
    cdef FlowTable _table

    cdef object begin(self, Connection connection, Segment segment)
    @cython.locals(kind=int)
    cdef object pass_by(self, Connection connection, bint from_a, bint regular, Segment segment)
    @cython.locals(in_step=bint, bare_syn=bint, compat=Compat, zeek=Zeek)
    cdef object _tell(self, Connection connection, int kind, bint regular, Segment segment)
    @cython.locals(stream=Stream, before=Stream, older=Connection)
    cdef object _tell_stream(self, Connection connection, Compat compat, bint bare_syn, Segment segment)
