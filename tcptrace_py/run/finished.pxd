cimport cython
from libc.stdint cimport int64_t

from tcptrace_py.findings.diagnosis cimport Diagnosis
from tcptrace_py.report.model.builder cimport ReportBuilder
from tcptrace_py.tcp.attempt cimport Attempt
from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.history cimport write_down
from tcptrace_py.tcp.roles cimport Listeners
from tcptrace_py.tcp.tracker cimport Tracker

cdef int BY_LISTENER
cdef Listeners _NOBODY


@cython.locals(attempt=Attempt)
cpdef object report_finished(
    Tracker tracker, Diagnosis diagnosis, ReportBuilder builder, bint keep, bint at_end, list undecided=*
)
@cython.locals(finished=list, connection=Connection, kinds=tuple)
cdef object _report_connections(
    Tracker tracker, Diagnosis diagnosis, ReportBuilder builder, bint keep, bint at_end, list undecided
)
