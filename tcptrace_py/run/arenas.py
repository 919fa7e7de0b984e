"""Python's objects in pages of 2 MiB, where there are many of them.

Compiled (see ``arenas.pxd``), and only compiled. A connection is objects, and a capture of half a million
connections is hundreds of megabytes of them: in pages of 4 KiB a fifth of the time went into having
the kernel clear one page after another, and into finding them again.
"""

from __future__ import annotations

from cython.cimports.tcptrace_py.run import advise_arenas, regions_bytes

#: A small capture takes less, and has its memory as every program of Python has.
FROM_BYTES = 32 << 20


def use_huge_pages(from_bytes: int = FROM_BYTES) -> bool:
    """Objects that come once others take ``from_bytes`` shall lie in huge pages; for the rest of the process.

    For who owns the process: the command line, not the library. A huge page is resident as a whole, so up to
    2 MiB more are than objects take. Where the kernel has no huge pages, or none to give, they lie in
    usual ones. False where there is no such advice: not Linux.
    """
    return advise_arenas(from_bytes)


def reserved_bytes() -> int:
    """Addresses that were taken for such pages, whether or not anything lies there yet."""
    return regions_bytes()
