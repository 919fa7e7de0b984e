cimport cython
from libc.stdint cimport int64_t, uint8_t

from tcptrace_py.capture cimport Create, Decompress, Free, IsError, Piece


cdef int64_t PIECE_BYTES


@cython.final
cdef class Inflater:
    cdef object _stream
    cdef uint8_t[::1] _room
    cdef int _descriptor
    cdef Decompress _decompress
    cdef IsError _is_error
    cdef Free _free
    cdef void* _context
    cdef Piece _given
    cdef Piece _made
    # Bytes of the file that were read, and before by the stream in whose place this is.
    cdef int64_t _read_bytes
    cdef int64_t _seen_bytes
    # Bytes that were given, and of these what the stream had given.
    cdef int64_t _given_bytes
    cdef int64_t _known_bytes
    cdef bint _holds_more
    cdef bint _between
    cdef bint _failed
    cdef bint _fell_back

    @cython.locals(create=Create)
    cdef int _begin(self, object functions) except -1
    cdef int64_t taken_bytes(self) noexcept nogil
    @cython.locals(view=uint8_t[::1])
    cpdef int64_t readinto(self, object target) except -1
    @cython.locals(got=int64_t, known=int64_t, state=size_t)
    cdef int64_t read(self, char* into, int64_t most) noexcept nogil
