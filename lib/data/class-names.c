/* class-names.c -- lists of class names: copied, read from a file, or found for a data
   directory. */
#include "data/class-names.h"

#include <errno.h>
#include <stdio.h>

enum { MAX_NAMES = 65536, MAX_NAME = 1000 };
#define TOO_LONG "the class name is longer than 1000 bytes"

void fmnn_names_free(struct fmnn_names *names)
{
    if (!names)
        return;
    for (size_t i = 0; i < names->count; i++)
        free(names->name[i]);
    free(names->name);
    free(names->source);
    free(names);
}

struct fmnn_names *fmnn_names_copy(const char *const *names, size_t count, struct fmnn_error *err)
{
    struct fmnn_names *copy = fm_alloc(1, sizeof *copy, err);
    if (copy)
        copy->name = fm_alloc(count, sizeof *copy->name, err);
    if (!copy || !copy->name) {
        free(copy);
        return NULL;
    }
    for (; copy->count < count; copy->count++) {
        copy->name[copy->count] = fm_strdup(names[copy->count], err);
        if (!copy->name[copy->count]) {
            fmnn_names_free(copy);
            return NULL;
        }
    }
    return copy;
}

size_t fmnn_names_find(const struct fmnn_names *names, const char *name)
{
    size_t i = 0;
    while (i < names->count && strcmp(names->name[i], name) != 0)
        i++;
    return i;
}

const char *fm_class_name_fault(const char *name, size_t length)
{
    if (length == 0)
        return "the class name is empty";
    if (length > MAX_NAME)
        return TOO_LONG;
    if (memchr(name, 0, length))
        return "the class name contains a NUL byte";
    while (*name) {
        uint32_t code;
        size_t n = fmnn_utf8_next(name, &code);
        if (n == 0)
            return "the class name is not UTF-8";
        if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xfeff)
            return "the class name contains a control character";
        name += n;
    }
    return NULL;
}

size_t fm_class_names_bytes(const struct fmnn_names *names)
{
    size_t bytes = 0; /* at most 65536 names of 1000 characters */
    for (size_t i = 0; i < names->count; i++) {
        bytes += sizeof "\\\"\\\"," - 1;
        for (const char *c = names->name[i]; *c; c++)
            bytes += *c == '"' || *c == '\\' ? 4 : 1;
    }
    return bytes;
}

/* A list that is being read. */
struct list {
    struct fmnn_names *names;
    size_t capacity;
    bool blank; /* a line before was blank */
    const char *path;
    struct fmnn_error *err;
};

static int refuse_line(const struct list *list, const char *fault)
{
    return fm_fail(list->err, FMNN_DATA, "%s:%zu: %s", list->path, list->names->count + 1, fault);
}

static int add_name(struct list *list, const char *name, size_t length)
{
    struct fmnn_names *names = list->names;
    const char *fault = fm_class_name_fault(name, length);
    if (fault && memchr(name, '\t', length))
        fault = "a tab; expected one class name a line, not a table";
    if (!fault && names->count == MAX_NAMES)
        fault = "more than 65536 class names";
    if (fault)
        return refuse_line(list, fault);
    if (fm_grow((void **)&names->name, &list->capacity, names->count + 1, sizeof *names->name,
                list->err) != 0)
        return -1;
    names->name[names->count] = fm_strdup(name, list->err);
    return names->name[names->count++] ? 0 : -1;
}

/* Reads a line without its end, a line feed or those of Windows. Blanks that do not fit do not
   count; reading ends at anything else that does not fit, and *over tells so. Returns the length of
   what is kept, -1 at the end. */
static long read_line(FILE *stream, char *line, size_t room, bool *over)
{
    size_t length = 0;
    int c;
    *over = false;
    while (!*over && (c = getc(stream)) != EOF && c != '\n')
        if (length < room - 1)
            line[length++] = (char)c;
        else
            *over = c != ' ' && c != '\r';
    if (length && c == '\n' && line[length - 1] == '\r')
        length--;
    line[length] = 0;
    return c == EOF && length == 0 ? -1 : (long)length;
}

/* Blanks around a name do not count, nor do blank lines at the end. */
static int take_line(struct list *list, char *line, size_t length, bool over)
{
    bool first = !list->names->count;
    size_t mark = first && !strncmp(line, "\xef\xbb\xbf", 3) ? 3 : 0;
    if (first && length >= 2 && (!memcmp(line, "\xff\xfe", 2) || !memcmp(line, "\xfe\xff", 2)))
        return fm_fail(list->err, FMNN_DATA,
                       "%s: UTF-16 text; expected UTF-8; iconv -f UTF-16 -t UTF-8 converts it",
                       list->path);
    if (memchr(line, 0, length))
        return add_name(list, line, length); /* fails */
    if (over)
        return refuse_line(list, TOO_LONG);
    char *name = fm_trim(line + mark);
    list->blank |= !*name && !first;
    if (list->blank && !*name)
        return 0;
    return add_name(list, list->blank ? "" : name, list->blank ? 0 : strlen(name));
}

static int read_lines(FILE *stream, const char *path, struct fmnn_names *names,
                      struct fmnn_error *err)
{
    char line[MAX_NAME + 8]; /* a byte order mark, and a byte too many */
    struct list list = {.names = names, .path = path, .err = err};
    long length;
    bool over;
    while ((length = read_line(stream, line, sizeof line, &over)) >= 0)
        if (take_line(&list, line, (size_t)length, over) != 0)
            return -1;
    if (ferror(stream))
        return fm_fail_errno(err, "%s", path);
    if (names->count == 0)
        return fm_fail(err, FMNN_DATA, "%s: the file is empty; expected one class name a line",
                       path);
    return 0;
}

static struct fmnn_names *read_stream(FILE *stream, const char *path, struct fmnn_error *err)
{
    struct fmnn_names *names = fm_alloc(1, sizeof *names, err);
    if (names && (names->source = fm_strdup(path, err)) &&
        read_lines(stream, path, names, err) == 0)
        return names;
    fmnn_names_free(names);
    return NULL;
}

struct fmnn_names *fmnn_names_read(const char *path, struct fmnn_error *err)
{
    FILE *stream = fopen(path, "re");
    if (!stream) {
        fm_fail_errno(err, "%s", path);
        return NULL;
    }
    struct fmnn_names *names = read_stream(stream, path, err);
    fclose(stream);
    return names;
}

/* ---- the class names of a data directory ---- */

/* Whether a part of a path is the name, ignoring case and dashes: FashionMNIST, as torchvision
   names its directory, is fashion-mnist. */
static bool same_name(const char *name, const char *part, size_t length)
{
    for (const char *end = part + length;; name++, part++) {
        while (*name == '-')
            name++;
        while (part < end && *part == '-')
            part++;
        if (part == end || !*name)
            return part == end && !*name;
        if (fm_lower(*name) != fm_lower(*part))
            return false;
    }
}

/* The data set whose name is the last component of path, or the one before `raw`. */
static const struct fmnn_dataset *dataset_by_base_name(const char *path)
{
    size_t start, end = strlen(path);
    for (;;) {
        while (end && path[end - 1] == '/')
            end--;
        start = end;
        while (start && path[start - 1] != '/')
            start--;
        if (end - start != 3 || strncmp(path + start, "raw", 3) != 0)
            break;
        end = start;
    }
    const struct fmnn_dataset *dataset;
    for (size_t i = 0; (dataset = fmnn_dataset_at(i)); i++)
        if (end > start && same_name(dataset->name, path + start, end - start))
            return dataset;
    return NULL;
}

/* Tries the directory's name as given, which may be a symbolic link's, then its real name. */
static const struct fmnn_dataset *dataset_of_directory(const char *directory)
{
    const struct fmnn_dataset *dataset = dataset_by_base_name(directory);
    char *real = dataset ? NULL : realpath(directory, NULL);
    if (real)
        dataset = dataset_by_base_name(real);
    free(real);
    return dataset;
}

int fmnn_names_of_directory(const char *directory, struct fmnn_names **out, struct fmnn_error *err)
{
    *out = NULL;
    char *path = fm_format(err, "%s/classes.txt", *directory ? directory : ".");
    if (!path)
        return -1;
    FILE *stream = fopen(path, "re");
    if (stream) {
        *out = read_stream(stream, path, err);
        fclose(stream);
    }
    bool missing = !stream && (errno == ENOENT || errno == ENOTDIR);
    if (!stream && !missing)
        fm_fail_errno(err, "%s", path);
    free(path);
    if (!missing)
        return *out ? 0 : -1;
    const struct fmnn_dataset *dataset = dataset_of_directory(*directory ? directory : ".");
    if (!dataset)
        return 0;
    *out = fmnn_names_copy(dataset->classes, dataset->class_count, err);
    if (*out && ((*out)->source = fm_strdup(dataset->title, err)))
        return 0;
    fmnn_names_free(*out);
    *out = NULL;
    return -1;
}
