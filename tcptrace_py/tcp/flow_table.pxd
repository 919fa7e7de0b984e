cimport cython
from libc.stdint cimport int64_t, uint8_t, uint64_t

from tcptrace_py.tcp.connection cimport Connection
from tcptrace_py.wire.segment cimport Segment

cdef int64_t INCARNATIONS


@cython.final
cdef class FlowTable:
    cdef public int64_t count
    cdef list _buckets
    cdef uint64_t _bucket_mask
    cdef uint8_t[::1] _marks
    cdef uint64_t _multiplier
    cdef uint64_t _multiplier_2
    cdef uint64_t _mask

    cdef uint64_t _mix(self, uint64_t number, uint64_t multiplier) noexcept
    @cython.locals(source=uint64_t, target=uint64_t, src_port=uint64_t, dst_port=uint64_t)
    cdef uint64_t hash(self, Segment segment) noexcept
    @cython.locals(numbers=uint64_t, rest=uint64_t, src_port=uint64_t, seq=uint64_t, ts_val=uint64_t, flags=uint64_t, payload_bytes=uint64_t, ip_id=uint64_t)
    cdef uint64_t fingerprint(self, Segment segment, uint64_t flow_hash) noexcept
    @cython.locals(bucket=uint64_t)
    cdef Connection first(self, uint64_t flow_hash)
    @cython.locals(bucket=uint64_t, found=Connection)
    cdef Connection find(self, Segment segment, uint64_t flow_hash)
    @cython.locals(older=Connection)
    cdef Connection older(self, Connection connection, Connection since)
    cdef object add(self, Connection connection, uint64_t flow_hash)
    @cython.locals(bucket=uint64_t, mark=uint8_t)
    cdef object _put(self, Connection connection)
    cdef object _empty(self, int64_t size)
    cdef object succeed(self, Connection connection, Connection newest)
    cdef object remove(self, Connection connection)
    @cython.locals(older=Connection, newer=Connection)
    cdef object unlink(self, Connection connection)
    @cython.locals(bucket=uint64_t, before=Connection, after=Connection)
    cdef object _replace(self, Connection connection, Connection other)
    @cython.locals(connection=Connection, following=Connection, old=list, size=int64_t)
    cdef object _grow(self)
    cpdef list take_all(self)
    @cython.locals(newest=Connection, following=Connection, connection=Connection, each=Connection, found=list, places=list, least=int64_t, most=int64_t, left=int64_t)
    cdef list _all(self, bint apart)
    cpdef list all(self)


@cython.locals(first=Py_ssize_t, i=Py_ssize_t, connection=Connection)
cpdef object fetch_last(list connections, int64_t most)
