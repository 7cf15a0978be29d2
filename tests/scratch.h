/* scratch.h -- a directory for a test's files, gone after it. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch_directory[256];

/* Fixtures for tcase_add_checked_fixture: the test works inside the directory, by relative names.
 */
static inline void scratch_setup(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(scratch_directory, sizeof scratch_directory, "%s/fmnn-check.XXXXXX",
             base && *base ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(scratch_directory));
    ck_assert_int_eq(chdir(scratch_directory), 0);
}

static inline int scratch_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline void scratch_teardown(void)
{
    ck_assert_int_eq(chdir("/"), 0);
    nftw(scratch_directory, scratch_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void scratch_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *stream = fopen(path, "wb");
    ck_assert_ptr_nonnull(stream);
    ck_assert_uint_eq(fwrite(bytes, 1, size, stream), size);
    ck_assert_int_eq(fclose(stream), 0);
}

static inline void scratch_text(const char *path, const char *text)
{
    scratch_bytes(path, text, strlen(text));
}

#endif
