# For ``ahead.py``: a size, and what Cython's own files do not declare of the C library and of Python's threads.
from cpython.pythread cimport PyLockStatus, PyThread_type_lock


cdef extern from *:
    """
    #ifdef __GNUC__
    #define tcptrace_fetch(address) __builtin_prefetch((address), 1)
    #else
    #define tcptrace_fetch(address) ((void) (address))
    #endif
    """
    # Asks for the cache line of an address, to be written to; waits for nothing.
    void fetch_line "tcptrace_fetch" (void* address) nogil


cdef extern from "pythread.h":
    PyLockStatus acquire_lock_timed "PyThread_acquire_lock_timed" (
        PyThread_type_lock lock, long long microseconds, int interruptible
    ) nogil


cdef enum:
    # Slots of the ring. One is followed, one is filled, and the rest lies between them for when either is held
    # up. Whoever fills them waits for half of them at once, where none is free.
    SLOTS = 8
