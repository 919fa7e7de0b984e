# For ``arenas.py``: what Cython can not say, functions that Python's own allocator calls.
cdef extern from *:
    """
    #include <stddef.h>
    #include <stdint.h>

    #if defined(__linux__)
    #include <sys/mman.h>
    #endif

    #if defined(MADV_HUGEPAGE) && defined(__GNUC__) && !defined(PYPY_VERSION)
    #define TCPTRACE_HUGE_BYTES ((size_t) 2 << 20)
    /* CPython's arenas, from 3.10 on; others it is left to get where it always does. */
    #define TCPTRACE_ARENA_BYTES ((size_t) 1 << 20)
    #define TCPTRACE_ARENAS 64
    #define TCPTRACE_REGION_BYTES (TCPTRACE_ARENAS * TCPTRACE_ARENA_BYTES)
    /* So many regions are 256 GB; what is more comes from where it always did. */
    #define TCPTRACE_REGIONS 4096

    typedef struct {
        char *begin;
        uint64_t taken; /* a bit for each arena */
    } tcptrace_region;

    static PyObjectArenaAllocator tcptrace_usual;
    static size_t tcptrace_usual_bytes, tcptrace_usual_most_bytes;
    static tcptrace_region tcptrace_regions[TCPTRACE_REGIONS];
    static int tcptrace_region_count;

    static int tcptrace_new_region(void) {
        char *got, *begin;
        size_t before;
        if (tcptrace_region_count == TCPTRACE_REGIONS)
            return 0;
        got = (char *) mmap(NULL, TCPTRACE_REGION_BYTES + TCPTRACE_HUGE_BYTES, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (got == (char *) MAP_FAILED)
            return 0;
        before = (size_t) (-(uintptr_t) got) % TCPTRACE_HUGE_BYTES;
        begin = got + before;
        if (before)
            munmap(got, before);
        munmap(begin + TCPTRACE_REGION_BYTES, TCPTRACE_HUGE_BYTES - before);
        /* Where the kernel has no such pages, these are of the usual size. */
        (void) madvise(begin, TCPTRACE_REGION_BYTES, MADV_HUGEPAGE);
        tcptrace_regions[tcptrace_region_count].begin = begin;
        tcptrace_regions[tcptrace_region_count].taken = 0;
        tcptrace_region_count++;
        return 1;
    }

    static void *tcptrace_usual_arena(size_t size_bytes) {
        void *arena = tcptrace_usual.alloc(tcptrace_usual.ctx, size_bytes);
        if (arena != NULL)
            tcptrace_usual_bytes += size_bytes;
        return arena;
    }

    static void *tcptrace_take_arena(void *unused, size_t size_bytes) {
        int i, at;
        (void) unused;
        if (size_bytes != TCPTRACE_ARENA_BYTES || tcptrace_usual_bytes < tcptrace_usual_most_bytes)
            return tcptrace_usual_arena(size_bytes);
        for (i = 0; i < tcptrace_region_count; i++)
            if (~tcptrace_regions[i].taken)
                break;
        if (i == tcptrace_region_count && !tcptrace_new_region())
            return tcptrace_usual_arena(size_bytes);
        at = __builtin_ctzll(~tcptrace_regions[i].taken);
        tcptrace_regions[i].taken |= (uint64_t) 1 << at;
        return tcptrace_regions[i].begin + at * TCPTRACE_ARENA_BYTES;
    }

    static void tcptrace_give_arena(void *unused, void *arena, size_t size_bytes) {
        uintptr_t inside;
        uint64_t page;
        int i, at;
        (void) unused;
        for (i = 0; i < tcptrace_region_count; i++) {
            inside = (uintptr_t) arena - (uintptr_t) tcptrace_regions[i].begin;
            if (inside < TCPTRACE_REGION_BYTES) {
                at = (int) (inside / TCPTRACE_ARENA_BYTES);
                tcptrace_regions[i].taken &= ~((uint64_t) 1 << at);
                /* A huge page is given back when both of its arenas are: in halves it would be split. */
                at &= ~1;
                page = (uint64_t) 3 << at;
                if (!(tcptrace_regions[i].taken & page))
                    (void) madvise(tcptrace_regions[i].begin + at * TCPTRACE_ARENA_BYTES, TCPTRACE_HUGE_BYTES,
                                   MADV_DONTNEED);
                return;
            }
        }
        tcptrace_usual_bytes -= size_bytes < tcptrace_usual_bytes ? size_bytes : tcptrace_usual_bytes;
        tcptrace_usual.free(tcptrace_usual.ctx, arena, size_bytes);
    }

    static int tcptrace_use_huge_pages(size_t from_bytes) {
        PyObjectArenaAllocator ours = {NULL, tcptrace_take_arena, tcptrace_give_arena};
        tcptrace_usual_most_bytes = from_bytes;
        if (tcptrace_usual.alloc == NULL) {
            PyObject_GetArenaAllocator(&tcptrace_usual);
            PyObject_SetArenaAllocator(&ours);
        }
        return 1;
    }
    static size_t tcptrace_huge_regions_bytes(void) {
        return tcptrace_region_count * TCPTRACE_REGION_BYTES;
    }
    #else
    static int tcptrace_use_huge_pages(size_t from_bytes) { (void) from_bytes; return 0; }
    static size_t tcptrace_huge_regions_bytes(void) { return 0; }
    #endif
    """
    bint advise_arenas "tcptrace_use_huge_pages" (size_t from_bytes) noexcept
    size_t regions_bytes "tcptrace_huge_regions_bytes" () noexcept
