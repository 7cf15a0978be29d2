/* program.c -- see program.h. The linker gives malloc(), free() and exit() to the functions here
   (memory-file.c says how). */
#include "fuzz.h"

#include <malloc.h>
#include <setjmp.h>

#include "program.h"

/* Without the sanitizer, nothing. */
#if defined __SANITIZE_ADDRESS__
#define ADDRESS_SANITIZER 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZER 1
#endif
#endif
#ifdef ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

enum { LIMIT = 1 << 16, LARGE = 1 << 15, MAX_SIZE = 1 << 23, KEPT = 24 };

static struct {
    bool running;
    jmp_buf back;
    int status;
    void *block[LIMIT]; /* what it holds now */
    size_t count;
    char *said;
    size_t room, length;
} program;

/* ---- memory */

static void *note(void *block)
{
    if (program.running && block) {
        HOLDS(program.count < LIMIT);
        program.block[program.count++] = block;
    }
    return block;
}

static void forget(const void *block)
{
    for (size_t i = program.running && block ? program.count : 0; i-- > 0;)
        if (program.block[i] == block) {
            program.block[i] = program.block[--program.count];
            return;
        }
}

#if defined __clang__
#pragma clang diagnostic ignored "-Wreserved-identifier"
#endif
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *block);
void __wrap_free(void *block);
_Noreturn void __real_exit(int status);
_Noreturn void __wrap_exit(int status);

/* Buffers of tables and matrices of many classes are so large that the sanitizer would ask the
   system for each, which takes longer than to read a small table: they are kept, in powers of two,
   and poisoned where nobody has them. */
static struct large {
    void *block;
    size_t room, size; /* size is what who has it asked for */
    bool taken;
} large[KEPT];

static struct large *large_of(const void *block)
{
    for (size_t i = 0; i < KEPT && block; i++)
        if (large[i].block == block)
            return &large[i];
    return NULL;
}

/* NULL: it is not kept. */
static struct large *keep(size_t size)
{
    struct large *found = NULL;
    size_t room = LARGE;
    while (room < size)
        room *= 2;
    for (size_t i = 0; i < KEPT; i++) {
        if (large[i].taken || (large[i].block && large[i].room != room))
            continue;
        found = &large[i];
        if (found->block)
            break;
    }
    if (found && !found->block)
        *found = (struct large){.block = __real_malloc(room), .room = room};
    return found;
}

static void *take(size_t size)
{
    struct large *kept = size >= LARGE && size <= MAX_SIZE ? keep(size) : NULL;
    if (!kept)
        return __real_malloc(size);
    HOLDS(kept->block);
    kept->size = size;
    kept->taken = true;
    ASAN_POISON_MEMORY_REGION(kept->block, kept->room);
    ASAN_UNPOISON_MEMORY_REGION(kept->block, size);
    return kept->block;
}

static void give_back(void *block)
{
    struct large *kept = large_of(block);
    if (!kept) {
        __real_free(block);
        return;
    }
    HOLDS(kept->taken);
    kept->taken = false;
    ASAN_POISON_MEMORY_REGION(block, kept->room);
}

void fuzz_program_end(void)
{
    for (size_t i = 0; i < KEPT; i++)
        HOLDS(!large[i].taken);
}

void *__wrap_malloc(size_t size)
{
    return note(take(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    size_t all;
    if (__builtin_mul_overflow(count, size, &all) || all < LARGE || all > MAX_SIZE)
        return note(__real_calloc(count, size));
    return note(memset(take(all), 0, all));
}

void *__wrap_realloc(void *block, size_t size)
{
    const struct large *kept = large_of(block);
    forget(block);
    if (!kept && size < LARGE)
        return note(__real_realloc(block, size));
    void *more = take(size);
    size_t old = kept ? kept->size : block ? malloc_usable_size(block) : 0;
    HOLDS(more);
    if (block)
        memcpy(more, block, old < size ? old : size);
    give_back(block);
    return note(more);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return note(__real_aligned_alloc(alignment, size));
}

void __wrap_free(void *block)
{
    forget(block);
    give_back(block);
}

/* ---- the end, and what it says */

_Noreturn void __wrap_exit(int status)
{
    if (!program.running)
        __real_exit(status);
    program.status = status;
    longjmp(program.back, 1);
}

static ssize_t hear(void *cookie, const char *bytes, size_t count)
{
    (void)cookie;
    size_t left = program.room - program.length, n = count < left ? count : left;
    if (n)
        memcpy(program.said + program.length, bytes, n);
    program.length += n;
    return (ssize_t)count;
}

/* Standard error is a stream of ours while the function runs: glibc lets it be set. */
static FILE *ears(void)
{
    static FILE *stream;
    if (!stream) {
        stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = hear});
        HOLDS(stream && setvbuf(stream, NULL, _IONBF, 0) == 0);
    }
    return stream;
}

/* A program speaks in whole lines that begin with its name. */
static void check_lines(const char *said)
{
    for (const char *line = said; *line; line += strcspn(line, "\n") + 1) {
        HOLDS(!strncmp(line, "fmnn: ", 6) || !strncmp(line, "Try ", 4));
        HOLDS(strchr(line, '\n'));
    }
}

static ssize_t ignore(void *cookie, const char *bytes, size_t count)
{
    (void)cookie;
    (void)bytes;
    return (ssize_t)count;
}

/* Standard output likewise. */
static FILE *nowhere(void)
{
    static FILE *stream;
    if (!stream) {
        stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = ignore});
        HOLDS(stream);
    }
    return stream;
}

int fuzz_program(void (*run)(void *), void *context, char *said, size_t room)
{
    FILE *before = stderr, *out = stdout;
    program.said = said;
    program.room = room - 1;
    program.length = program.count = 0;
    program.status = -1;
    stderr = ears();
    stdout = nowhere();
    program.running = true;
    if (setjmp(program.back) == 0)
        run(context);
    program.running = false;
    stderr = before;
    stdout = out;
    said[program.length] = 0;
    check_lines(said);
    for (size_t i = 0; i < program.count && program.status >= 0; i++)
        free(program.block[i]);
    return program.status;
}
