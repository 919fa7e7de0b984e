cimport cython

from tcptrace_py.findings.diagnosis cimport Diagnosis
from tcptrace_py.report.model.builder cimport ReportBuilder
from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.tcp.roles cimport Listeners
from tcptrace_py.tcp.tracker cimport Tracker

cdef int BY_LISTENER
cdef Listeners _NOBODY


@cython.locals(finished=list, connection=Connection, kinds=tuple)
cpdef object report_finished(
    Tracker tracker, Diagnosis diagnosis, ReportBuilder builder, bint keep, bint at_end, list undecided=*
)
