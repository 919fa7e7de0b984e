cimport cython
from libc.stdint cimport int64_t, uint32_t

from tcptrace_py.tcp.connection cimport Connection, ConnectionRare
from tcptrace_py.tcp.endpoint cimport Endpoint
from tcptrace_py.tcp.evidence cimport Evidence
from tcptrace_py.tcp.gate cimport acknowledges_unsent, echoes_another, takes
from tcptrace_py.tcp.history cimport history_of
from tcptrace_py.tcp.incarnations cimport Incarnation, answers_syn, direction, early_answers, set_aside, too_early
from tcptrace_py.tcp.regular cimport Regular, Step
from tcptrace_py.tcp.serial cimport advance, distance
from tcptrace_py.tcp.transitions cimport Transitions
from tcptrace_py.wire.segment cimport Segment

cdef int ACKNOWLEDGED, CLOSE_WAIT, CLOSED, ESTABLISHED, FIN_WAIT_2, PRESUMED, SYN_RCVD, SYN_SENT, TIME_WAIT
cdef int GETS_SYN_AS_LISTENER, GETS_UNREACHABLE, IS_REPLACED
cdef int FITS_NOTHING, NO_RESET, RECEIVER_GOES_ON, SENDER_GOES_ON, UNANSWERED, UNREACHABLE
cdef int BY_ITS_SEGMENTS, FOR_GOOD, UNTIL_IT_SENDS
cdef int FIN_WAIT_2_CLOCK, TIME_WAIT_CLOCK
cdef int ACK, FIN, RST, SYN
cdef int64_t UNDER_WAY_NS


@cython.final
cdef class Machine:
    cdef public Transitions transitions
    cdef public int64_t resets
    cdef object _probes
    cdef Regular _regular

    @cython.locals(flags=int, step=Step, repeats=bint, early=bint, taken=bint)
    cdef object segment(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(each=Segment)
    cdef object _take_early(self, Connection connection, Endpoint sender, Endpoint receiver, Segment rst)
    @cython.locals(known=bint, shown=Incarnation, mine=Evidence)
    cdef bint _repeats(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment) except -1
    @cython.locals(rsts=uint32_t, over=bint)
    cdef object settle(self, Connection connection)
    @cython.locals(shown=Incarnation, end=Evidence)
    cdef object tell(self, Connection connection, Endpoint sender, Segment segment)
    @cython.locals(a=Endpoint, b=Endpoint, endpoint=Endpoint, shown=Incarnation, history=list, replaced=bint)
    cdef object read(self, Connection connection, bint over=*)
    cdef object _conclude(self, Connection connection, object reading)
    @cython.locals(rare=ConnectionRare)
    cdef object _note_strays(self, Connection connection, list strays, int64_t more)
    @cython.locals(flags=int, fresh_bytes=int64_t)
    cdef object _count(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(beyond=int64_t)
    cdef object _infers(self, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(flags=int)
    cdef object _synchronizes(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    @cython.locals(before=uint32_t, fresh_bytes=int64_t)
    cdef int64_t _account(self, Endpoint sender, Endpoint receiver, Segment segment) except -1
    @cython.locals(news=bint, gets_fin=bint)
    cdef object _receipt(self, Endpoint sender, Endpoint receiver, Segment segment)
    cdef object pick_up(self, Connection connection, Endpoint sender, Endpoint receiver, Segment segment)
    cdef object unreachable(self, Connection connection, Endpoint endpoint, int64_t ts_ns, int64_t frame)
    @cython.locals(shown=Incarnation, refused=Endpoint, endpoint=Endpoint)
    cdef bint resume(self, Connection older, Connection connection, Segment segment) except -1
    @cython.locals(dropper=Endpoint, shown=Incarnation, end=Evidence)
    cdef object give_away(self, Connection older, Segment segment)
    @cython.locals(told=list)
    cdef object replace(self, Endpoint endpoint, int basis, int64_t ts_ns, int64_t frame)


@cython.locals(shown=Incarnation, heard_ns=int64_t)
cdef bint _outlived(Connection connection) except -1
@cython.locals(newer=Connection)
cdef bint _closed_before_newer(Connection connection, list history) except -1
