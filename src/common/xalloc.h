/* xalloc.h -- memory and strings for programs: running out of memory is trouble. */
#ifndef XALLOC_H
#define XALLOC_H

#include <stdbool.h>
#include <stddef.h>

#include <fmnn.h>

void *xcalloc(size_t count, size_t size); /* zeroed, never NULL */
/* Makes *array, of *capacity elements, hold at least `need`; new elements are not zeroed. */
void xgrow(void **array, size_t *capacity, size_t need, size_t size);
void xalloc_json(void); /* the same for jansson, in the program and in the library */

char *text_format(const char *format, ...) FMNN_PRINTF(1, 2); /* malloc'ed */
char *text_clean(const char *text);                           /* text_mask() of a malloc'ed copy */

/* Sorts texts by their bytes. */
void text_sort(char **texts, size_t count);

#endif
