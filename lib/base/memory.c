/* memory.c -- allocation: sizes checked for overflow, huge pages for large blocks. */
#include "base/internal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

bool fm_mul(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

static void *no_memory(size_t count, size_t size, struct fmnn_error *err)
{
    fm_fail(err, FMNN_MEMORY, "out of memory (%zu x %zu bytes)", count, size);
    return NULL;
}

void *fm_alloc(size_t count, size_t size, struct fmnn_error *err)
{
    void *p = calloc(count ? count : 1, size ? size : 1);
    return p ? p : no_memory(count, size, err);
}

/* In huge pages, a block of a hundred megabytes is much faster to clear and to access. If the
   system has none, nothing is lost. */
void fm_expect_large(void *block, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    enum { PAGE = 4096 };
    int saved = errno;
    uintptr_t from = ((uintptr_t)block + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    uintptr_t to = ((uintptr_t)block + bytes) & ~(uintptr_t)(PAGE - 1);
    if (to > from && to - from >= 4 << 20)
        madvise((void *)from, to - from, MADV_HUGEPAGE);
    errno = saved;
#else
    (void)block, (void)bytes;
#endif
}

/* Large blocks start at a huge page's boundary. */
void *fm_alloc_bare(size_t count, size_t size, struct fmnn_error *err)
{
    const size_t huge = 2 << 20;
    size_t bytes;
    if (!fm_mul(count, size, &bytes) || bytes > SIZE_MAX - huge)
        return no_memory(count, size, err);
    size_t alignment = bytes >= 2 * huge ? huge : 64;
    size_t rounded = bytes ? (bytes + alignment - 1) & ~(alignment - 1) : alignment;
    void *p = aligned_alloc(alignment, rounded);
    if (!p)
        return no_memory(count, size, err);
    fm_expect_large(p, bytes); /* not the rest of the last huge page, which would cost memory */
    return p;
}

void *fm_alloc_aligned(size_t count, size_t size, struct fmnn_error *err)
{
    void *p = fm_alloc_bare(count, size, err);
    return p ? memset(p, 0, count * size) : NULL;
}

int fm_grow(void **array, size_t *capacity, size_t need, size_t size, struct fmnn_error *err)
{
    if (need <= *capacity)
        return 0;
    size_t wanted = *capacity > SIZE_MAX / 2 ? need : *capacity * 2;
    if (wanted < need)
        wanted = need;
    if (wanted < 16)
        wanted = 16;
    size_t bytes;
    void *p = fm_mul(wanted, size, &bytes) ? realloc(*array, bytes) : NULL;
    if (!p) {
        no_memory(wanted, size, err);
        return -1;
    }
    *array = p;
    *capacity = wanted;
    return 0;
}

char *fm_strdup(const char *text, struct fmnn_error *err)
{
    size_t size = strlen(text) + 1;
    char *copy = fm_alloc(size, 1, err);
    return copy ? memcpy(copy, text, size) : NULL;
}

char *fm_format(struct fmnn_error *err, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    char *text = length < 0 ? NULL : fm_alloc((size_t)length + 1, 1, err);
    if (text)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}
