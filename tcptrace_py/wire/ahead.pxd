cimport cython
from cpython.pythread cimport PyThread_type_lock
from libc.stdint cimport int8_t, int64_t, uint64_t

from tcptrace_py.capture.batch cimport FrameBatch
from tcptrace_py.capture.chunk cimport ChunkReader
from tcptrace_py.capture.inflater cimport Inflater
from tcptrace_py.wire cimport SLOTS
from tcptrace_py.wire.fast cimport FastPath
from tcptrace_py.wire.segment cimport Segment

cdef int ICMP_ERROR, OTHER, TCP, UNDECODED
cdef int64_t BATCH_FRAMES, NUMBERS_BYTES, _HEAD_BYTES, _LINE_BYTES, _FRAMES_BYTES, _LOOK_US

cdef struct Slot:
    PyThread_type_lock free
    PyThread_type_lock full
    int64_t count
    int64_t consumed_bytes
    bint last
    int64_t* offset
    int64_t* captured
    int64_t* original
    int64_t* ts_ns
    int64_t* link_type
    int64_t* unread
    int8_t* codes
    uint64_t* numbers
    char* frames
    int64_t frames_bytes
    int64_t frames_used


@cython.locals(segment=Segment, begin="char*", end="char*")
cdef int64_t _numbers_bytes() except -1
cdef size_t _numbers_of(Segment segment) noexcept
@cython.locals(lock=PyThread_type_lock)
cdef PyThread_type_lock _new_lock() except NULL
cdef int _free_lock(PyThread_type_lock lock) except -1


@cython.final
cdef class Decoded:
    cdef int8_t[::1] codes
    cdef int64_t[::1] unread
    cdef list segments
    cdef Py_ssize_t segments_count
    cdef uint64_t[::1] numbers
    cdef object pause

    @cython.locals(segment="char*")
    cdef void fetch(self, Py_ssize_t i) noexcept
    cdef int breathe(self) except -1


@cython.final
cdef class Ahead:
    cdef readonly FrameBatch batch
    cdef readonly int64_t packets
    cdef readonly int64_t consumed_bytes
    cdef readonly object problem
    cdef ChunkReader reader
    cdef list batches
    cdef object thread
    cdef object error
    cdef Slot[SLOTS] slots
    # Of the thread alone.
    cdef FastPath fast
    cdef Segment segment
    cdef int64_t slot_frames
    cdef int64_t read_bytes
    cdef int descriptor
    cdef Inflater inflater
    cdef bint inflates
    cdef int64_t* offset
    cdef int64_t* captured
    cdef int64_t* original
    cdef int64_t* ts_ns
    cdef int64_t* link_type
    cdef Py_ssize_t writing
    cdef bint filling
    cdef bint stopped
    # Of the one who asks alone.
    cdef Py_ssize_t reading
    cdef bint taken
    cdef bint ended
    # Held while the thread may go on.
    cdef PyThread_type_lock going

    @cython.locals(slot="Slot*", got=bint)
    cpdef int64_t next_batch(self) except -1
    cdef object _end(self)
    @cython.locals(count=int64_t)
    cdef int _read(self) except -1 nogil
    @cython.locals(slot="Slot*", i=int64_t, k=int64_t, captured=int64_t, code=int)
    cdef int _decode(self, int64_t count) except -1 nogil
    @cython.locals(slot="Slot*", half="Slot*")
    cdef bint _fill(self) noexcept nogil
    @cython.locals(slot="Slot*")
    cdef void _hand_over(self, bint last) noexcept nogil
    cdef bint _asked_to_stop(self) noexcept nogil
    @cython.locals(batch=FrameBatch, room=bytearray)
    cdef int _make_room(self, Py_ssize_t number, int64_t size_bytes) except -1 with gil
    @cython.locals(reader_bytes=int64_t, left=int64_t, got=int64_t, data="char*")
    cdef int _refill(self) except -1 nogil
    cdef int _refill_by_reader(self) except -1 with gil
