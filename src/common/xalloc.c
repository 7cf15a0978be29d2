/* xalloc.c -- memory and strings for programs, which end when there is no memory. */
#include "common/common.h"

#include <jansson.h>
#include <stdarg.h>

static void *checked(void *p)
{
    if (!p)
        die("out of memory");
    return p;
}

void *xcalloc(size_t count, size_t size)
{
    return checked(calloc(count ? count : 1, size));
}

static void *allocate_bytes(size_t size)
{
    return checked(malloc(size ? size : 1));
}

/* jansson's parser may abort by an assertion when it gets no memory. */
void xalloc_json(void)
{
    json_set_alloc_funcs(allocate_bytes, free);
}

void xgrow(void **array, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity)
        return;
    size_t more = *capacity < 16 ? 16 : *capacity;
    while (more < need)
        more = more > SIZE_MAX / 2 ? need : more * 2;
    *array = checked(more > SIZE_MAX / size ? NULL : realloc(*array, more * size));
    *capacity = more;
}

char *text_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0)
        die_errno("cannot format");
    char *text = xcalloc((size_t)length + 1, 1);
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

char *text_clean(const char *text)
{
    char *clean = text_format("%s", text);
    text_mask(clean);
    return clean;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void text_sort(char **texts, size_t count)
{
    if (count)
        qsort(texts, count, sizeof *texts, compare_texts);
}
