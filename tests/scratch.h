/* scratch.h -- a temporary directory for the files of a test, and a check of error messages. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <check.h>
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fmnn.h>

/* Makes a directory and changes to it; called in main(), before tests fork. */
static char scratch_directory[PATH_MAX];

static inline void scratch_enter(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(scratch_directory, sizeof scratch_directory, "%s/fmnn-check.XXXXXX",
             base && *base ? base : "/tmp");
    if (!mkdtemp(scratch_directory) || chdir(scratch_directory) != 0) {
        perror(scratch_directory);
        exit(99);
    }
}

/* Removes the directory, with the files and empty directories in it. */
static inline void scratch_leave(void)
{
    DIR *directory = opendir(".");
    struct dirent *entry;
    while (directory && (entry = readdir(directory)))
        if (unlink(entry->d_name) != 0)
            rmdir(entry->d_name);
    if (directory)
        closedir(directory);
    if (chdir("/") != 0 || rmdir(scratch_directory) != 0)
        perror(scratch_directory);
}

static inline void put_file(const char *name, const void *bytes, size_t count)
{
    FILE *stream = fopen(name, "wb");
    ck_assert_ptr_nonnull(stream);
    ck_assert_uint_eq(fwrite(bytes, 1, count, stream), count);
    ck_assert_int_eq(fclose(stream), 0);
}

/* Whether the text contains a fragment, or one of several with '|' between them: versions of libpng
   differ. */
static inline bool contains_one(const char *text, const char *fragments)
{
    char fragment[256];
    size_t length = strcspn(fragments, "|");
    snprintf(fragment, sizeof fragment, "%.*s", (int)length, fragments);
    return strstr(text, fragment) ||
           (fragments[length] && contains_one(text, fragments + length + 1));
}

/* Checks that the message begins with the file's name and contains the fragment, see
   contains_one(). */
static inline void check_message(const char *what, const struct fmnn_error *err, const char *file,
                                 const char *fragment)
{
    ck_assert_msg(err->status != FMNN_OK && strncmp(err->message, file, strlen(file)) == 0 &&
                      contains_one(err->message, fragment) && !strchr(err->message, '\n'),
                  "%s: the message is \"%s\", wanted \"%s: ... %s\"", what, err->message, file,
                  fragment);
}

#endif
