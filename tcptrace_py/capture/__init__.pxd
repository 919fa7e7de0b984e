# What Cython's own files do not declare of the C library.
from libc.stdint cimport int64_t


cdef extern from *:
    """
    #ifdef _WIN32
    #include <io.h>
    #define tcptrace_read(descriptor, into, most) _read((descriptor), (into), (unsigned int) (most))
    #else
    #include <unistd.h>
    #define tcptrace_read(descriptor, into, most) read((descriptor), (into), (size_t) (most))
    #endif
    """
    int64_t read_file "tcptrace_read" (int descriptor, void* into, int64_t most) nogil


# For ``inflater.py``: what zstd.h has as ZSTD_inBuffer and ZSTD_outBuffer, ZSTD_createDCtx, ZSTD_freeDCtx,
# ZSTD_decompressStream and ZSTD_isError.
cdef struct Piece:
    void* at
    size_t size
    size_t position

ctypedef size_t (*Decompress)(void* context, Piece* made, Piece* given) noexcept nogil
ctypedef unsigned int (*IsError)(size_t state) noexcept nogil
ctypedef void* (*Create)() noexcept nogil
ctypedef size_t (*Free)(void* context) noexcept nogil
