/* internal.h -- what the files of the library share; not part of the public interface. */
#ifndef FM_INTERNAL_H
#define FM_INTERNAL_H

#ifndef FM_BUILDING
#error "internal to libfmnn: programs include <fmnn.h>"
#endif

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <fmnn.h>

/* -ffast-math, or a part of it that the compiler tells of. */
#if defined __FAST_MATH__ || (defined __FINITE_MATH_ONLY__ && __FINITE_MATH_ONLY__) ||             \
    defined __ASSOCIATIVE_MATH__ || defined __RECIPROCAL_MATH__ || defined __NO_SIGNED_ZEROS__
#error "fmnn promises the same bits everywhere: it cannot be built with -ffast-math"
#endif

#define FM_COUNT(array) (sizeof(array) / sizeof *(array))

/* Naming: fmnn_ is public, fm_ is shared between the library's files, static names have no
   prefix. */

/* error.c: all errors are raised here, so that one breakpoint catches them. Control characters in
   the text are shown as '?', for it may quote a hostile file. Return -1, so that a caller can say
   "return fm_fail(...)"; with err == NULL they only return. */
int fm_fail(struct fmnn_error *err, enum fmnn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int fm_vfail(struct fmnn_error *err, enum fmnn_status status, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
/* "format: strerror(errno)" with status FMNN_SYSTEM. */
int fm_fail_errno(struct fmnn_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* memory.c: sizes are checked before they are multiplied; NULL and an error when there is none.
   Memory is zeroed, but that of fm_alloc_bare, which is to be written in full. The latter two give
   64-byte alignment; all is freed by free(). */
void *fm_alloc(size_t count, size_t size, struct fmnn_error *err);
void *fm_alloc_bare(size_t count, size_t size, struct fmnn_error *err);
void *fm_alloc_aligned(size_t count, size_t size, struct fmnn_error *err);
/* Grows *array (of *capacity elements) to hold at least need elements; new ones are not zeroed. */
/* Asks the system for large pages: what is walked through in many strides is faster so. */
void fm_expect_large(void *block, size_t bytes);
int fm_grow(void **array, size_t *capacity, size_t need, size_t size, struct fmnn_error *err);
char *fm_strdup(const char *text, struct fmnn_error *err);
char *fm_format(struct fmnn_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool fm_mul(size_t a, size_t b, size_t *product); /* false on overflow */

/* idx.c: like fmnn_idx_open(), but a gzip file is inflated as its rows are wanted, and what is
   wrong with it further on is found only by who comes there: at the last row, all of it. In a
   table's order that takes no memory; where a row behind is wanted, or rows are larger than
   images are, all is inflated and held. */
struct fmnn_idx *fm_idx_open_onward(const char *path, struct fmnn_error *err);

/* sets.c: what is wrong with a class name of so many bytes, or NULL: names are UTF-8 without
   control characters, 1 to 1000 bytes, wherever they come from. */
const char *fm_name_fault(const char *name, size_t length);
/* Control characters or not, and of any length. */
bool fm_is_utf8(const char *text);

/* words.c: text to numbers, strictly (no blanks, no sign unless said, the whole word), in any
   locale. */
bool fm_parse_unsigned(const char *text, uint64_t max, uint64_t *value); /* decimal digits only */
bool fm_parse_double(const char *text, double *value);                   /* finite, '.' */

#endif
