/* faultlib.c -- preloaded into a program by LD_PRELOAD, makes its allocations fail.

     FAULT_PROGRAM  the program's name: other programs, its children, are not affected
     FAULT_ALLOC=N  its Nth allocation from main() on fails; FAULT_ON=1: and all later ones
     FAULT_COUNTS   a file for its counts (faultlib.h)
     FAULT_STOP=1   it stops itself with SIGSTOP before main(), for a tracer
     FAULT_CLOCK=1  its clock stands still, so that tables with seconds can be compared */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "faultlib.h"

#define EXPORT __attribute__((visibility("default")))
typedef int main_function(int, char **, char **);
EXPORT int __libc_start_main(main_function *, int, char **, void (*)(void), void (*)(void),
                             void (*)(void), void *);

static struct fault_counts own, *counts = &own;
static bool armed, on, frozen;
static unsigned long wanted;
static main_function *real_main;

static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    void *(*memalign)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void (*free)(void *);
    int (*clock_gettime)(clockid_t, struct timespec *);
} real;

/* For the allocations of dlsym itself, before malloc is known. */
static _Alignas(16) char early[65536];
static size_t early_used;

static bool is_early(const void *p)
{
    return (uintptr_t)p - (uintptr_t)early < sizeof early;
}

static void *early_alloc(size_t size)
{
    size_t at = early_used;
    early_used += (size + 15) & ~(size_t)15;
    if (early_used > sizeof early)
        abort();
    return early + at;
}

static void find(void *function, const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    memcpy(function, &symbol, sizeof symbol);
}

static bool ready(void)
{
    static int state; /* 1: looking, 2: found; there is only one thread then */
    if (state == 0) {
        state = 1;
        find(&real.malloc, "malloc");
        find(&real.calloc, "calloc");
        find(&real.realloc, "realloc");
        find(&real.aligned_alloc, "aligned_alloc");
        find(&real.memalign, "memalign");
        find(&real.posix_memalign, "posix_memalign");
        find(&real.free, "free");
        find(&real.clock_gettime, "clock_gettime");
        state = 2;
    }
    return state == 2;
}

/* Counts an allocation; whether it must fail. */
static bool refused(void)
{
    if (!armed)
        return false;
    unsigned long n = __atomic_add_fetch(&counts->allocations, 1, __ATOMIC_RELAXED);
    if (!wanted || n < wanted || (n > wanted && !on))
        return false;
    __atomic_add_fetch(&counts->refused, 1, __ATOMIC_RELAXED);
    errno = ENOMEM;
    return true;
}

static void *given(void *p)
{
    if (p && armed)
        __atomic_add_fetch(&counts->live, 1, __ATOMIC_RELAXED);
    return p;
}

EXPORT void *malloc(size_t size)
{
    if (!ready())
        return early_alloc(size);
    return refused() ? NULL : given(real.malloc(size));
}

EXPORT void *fault_malloc(size_t size)
{
    return ready() ? given(real.malloc(size)) : NULL;
}

EXPORT void *calloc(size_t count, size_t size)
{
    if (!ready())
        return early_alloc(count * size);
    return refused() ? NULL : given(real.calloc(count, size));
}

EXPORT void *realloc(void *old, size_t size)
{
    if (!ready() || is_early(old))
        abort();
    if (refused())
        return NULL;
    return old ? real.realloc(old, size) : given(real.realloc(NULL, size));
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    return !ready() || refused() ? NULL : given(real.aligned_alloc(alignment, size));
}

EXPORT void *memalign(size_t alignment, size_t size)
{
    return !ready() || refused() ? NULL : given(real.memalign(alignment, size));
}

EXPORT int posix_memalign(void **p, size_t alignment, size_t size)
{
    if (!ready() || refused())
        return ENOMEM;
    int status = real.posix_memalign(p, alignment, size);
    if (status == 0)
        given(*p);
    return status;
}

EXPORT void free(void *p)
{
    if (!p || is_early(p) || !ready())
        return;
    if (armed)
        __atomic_sub_fetch(&counts->live, 1, __ATOMIC_RELAXED);
    real.free(p);
}

EXPORT int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (!ready() || !frozen)
        return real.clock_gettime(clock, now);
    *now = (struct timespec){.tv_sec = 1000};
    return 0;
}

EXPORT void fault_arm(unsigned long n, int forever)
{
    counts->allocations = counts->refused = 0;
    wanted = n;
    on = forever;
    armed = true;
}

EXPORT const struct fault_counts *fault_counts(void)
{
    return counts;
}

static void map_counts(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *map =
        fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        _exit(99);
    close(fd);
    counts = map;
}

static int armed_main(int argc, char **argv, char **environment)
{
    const char *n = getenv("FAULT_ALLOC"), *path = getenv("FAULT_COUNTS");
    frozen = getenv("FAULT_CLOCK") != NULL;
    if (path)
        map_counts(path);
    if (getenv("FAULT_STOP"))
        raise(SIGSTOP);
    if (path)
        fault_arm(n ? strtoul(n, NULL, 10) : 0, getenv("FAULT_ON") != NULL);
    return real_main(argc, argv, environment);
}

EXPORT int __libc_start_main(main_function *function, int argc, char **argv, void (*init)(void),
                             void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    int (*start)(main_function *, int, char **, void (*)(void), void (*)(void), void (*)(void),
                 void *);
    const char *program = getenv("FAULT_PROGRAM");
    find(&start, "__libc_start_main");
    real_main = function;
    bool chosen = program && !strcmp(program, program_invocation_short_name);
    return start(chosen ? armed_main : function, argc, argv, init, fini, rtld_fini, stack_end);
}
