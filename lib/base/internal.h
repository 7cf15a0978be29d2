/* internal.h -- errors, memory and text for all files of the library; not a public header. */
#ifndef FM_INTERNAL_H
#define FM_INTERNAL_H

#ifndef FM_BUILDING
#error "internal to libfmnn: programs include <fmnn.h>"
#endif

#ifdef HAVE_CONFIG_H
#if defined _FEATURES_H && !defined PACKAGE_VERSION
#error "config.h must precede the system's headers: it decides how wide off_t is"
#endif
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

/* -ffast-math, or those of its parts that the compiler defines a macro for. */
#if defined __FAST_MATH__ || (defined __FINITE_MATH_ONLY__ && __FINITE_MATH_ONLY__) ||             \
    defined __ASSOCIATIVE_MATH__ || defined __RECIPROCAL_MATH__ || defined __NO_SIGNED_ZEROS__
#error "fmnn promises the same bits everywhere: it cannot be built with -ffast-math"
#endif

#define FM_COUNT(array) (sizeof(array) / sizeof *(array))

/* Data will be read soon; the arguments are those of __builtin_prefetch(). A function that only
   prefetches has no effect in the eyes of gcc 12, which deletes its calls at -O2: the empty asm is
   an effect. */
#define FM_PREFETCH(...)                                                                           \
    do {                                                                                           \
        __builtin_prefetch(__VA_ARGS__);                                                           \
        __asm__ volatile("");                                                                      \
    } while (0)

/* Naming: fmnn_ is public, fm_ is shared between the library's files, static names have no
   prefix. */

/* error.c. All errors are raised here, so that one breakpoint catches them all. Control characters
   in the message become '?', because it may quote a hostile file. The functions return -1, so that
   a caller can write "return fm_fail(...)". err may be NULL. */
int fm_fail(struct fmnn_error *err, enum fmnn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The message is "format: strerror(errno)", the status FMNN_SYSTEM. */
int fm_fail_errno(struct fmnn_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* memory.c. Products of sizes are checked for overflow. If memory runs out, these functions return
   NULL or -1 and set an error. free() frees what they return.
   fm_alloc() and fm_alloc_aligned() clear the memory, fm_alloc_bare() does not. The latter two
   align it to 64 bytes at least. */
void *fm_alloc(size_t count, size_t size, struct fmnn_error *err);
void *fm_alloc_bare(size_t count, size_t size, struct fmnn_error *err);
void *fm_alloc_aligned(size_t count, size_t size, struct fmnn_error *err);
/* Asks the system for huge pages, which make large blocks faster to access. */
void fm_expect_large(void *block, size_t bytes);
/* Makes room for at least `need` elements of `size` bytes in *array, whose capacity is *capacity
   elements. New elements are not cleared. */
int fm_grow(void **array, size_t *capacity, size_t need, size_t size, struct fmnn_error *err);
char *fm_strdup(const char *text, struct fmnn_error *err);
char *fm_format(struct fmnn_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* *product = a * b; false if it overflows. */
bool fm_mul(size_t a, size_t b, size_t *product);

bool fm_is_utf8(const char *text); /* unicode.c */

/* ascii.c. Text in any case, independent of the locale; other bytes than letters of ASCII stay. */
int fm_lower(char c);
bool fm_same_letters(const char *a, const char *b, size_t n); /* n bytes of each */
bool fm_same_word(const char *a, const char *b);

/* words.c. "WHAT 'word'; did you mean 'known'?", or else "WHAT 'word' (known: a, b)". known ends in
   NULL. */
int fm_fail_unknown(struct fmnn_error *err, const char *what, const char *word,
                    const char *const *known);
/* Takes the next word off *text, cut to size - 1 bytes; false at the end, where it is empty.
   between: the bytes that separate words. */
bool fm_cut_word(const char **text, const char *between, char *word, size_t size);
/* The part of a text between the blanks around it, also those that do not break lines (U+00A0).
   fm_trim() cuts them off, in place. */
const char *fm_blank_ends(const char *text, size_t *length);
char *fm_trim(char *text);

/* numbers.c. Text to number, independent of the locale. The whole text must be the number, without
   blanks. False if it is not one. */
bool fm_parse_unsigned(const char *text, uint64_t max, uint64_t *value); /* digits only, <= max */
bool fm_parse_double(const char *text, double *value); /* decimal, finite, with '.' */
/* The number that fmnn_format_number() writes: settings must be what records say. */
double fm_rounded(double number);

#endif
