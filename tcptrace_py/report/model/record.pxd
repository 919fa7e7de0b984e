cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.report.model.community_id cimport community_id
from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.compat.zeek cimport Side as ZeekSide, Zeek as ZeekView
from tcptrace_py.tcp.compat.wireshark cimport Stream
from tcptrace_py.tcp.history cimport histories_of
from tcptrace_py.wire.frame_id cimport frame_number, frame_source


cdef int64_t ASSUMED, SIMULTANEOUS
cdef tuple _BASES, _CAUSES, _CLOSE_KINDS, _INITIATORS, _OUTCOMES, _ROLES_BASES, _STATES


@cython.locals(client=Endpoint, server=Endpoint, stream=Stream, version=int64_t, lasted_ns=int64_t)
cpdef object connection_record(Connection connection, object kinds)

@cython.locals(moves=list, state=Py_ssize_t, source=int64_t, basis_index=Py_ssize_t)
cdef object _endpoint_record(Endpoint endpoint, int64_t version, list history, int64_t lasted_ns)

@cython.locals(round_trip_ns=int64_t)
cdef object _handshake(Connection connection, Endpoint client, Endpoint server)

@cython.locals(initiator=int64_t)
cdef object _close(Connection connection)

@cython.locals(originator=ZeekSide, responder=ZeekSide, zeek=ZeekView)
cdef object _zeek(Connection connection)

cdef object _side(Connection connection, int64_t number)
