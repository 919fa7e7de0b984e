from libc.stddef cimport size_t

cpdef bint use_huge_pages(size_t from_bytes=*)
cpdef size_t reserved_bytes()
