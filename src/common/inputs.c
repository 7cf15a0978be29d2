/* inputs.c -- opens and reads what programs are given.

   Contents: 1. Tables  2. Nets and images  3. The data directory  4. Class names */
#include "common/common.h"
#include "common/folder.h"
#include "common/roots.h"

#include <stdarg.h>
#include <unistd.h>

/* ---- 1. Tables ---- */

static bool table_is_standard_input;

struct fmnn_table *open_table(const char *operand, enum fmnn_table_kind kind, const char *only)
{
    return open_table_columns(operand, kind, NULL, only);
}

struct fmnn_table *open_table_columns(const char *operand, enum fmnn_table_kind kind,
                                      const char *const *columns, const char *only)
{
    static const char *const what[] = {"a table of images", "a history table"};
    const char *wanted = columns ? "a table of predictions" : what[kind];
    struct fmnn_error error;
    const char *path = operand ? operand : "-";
    table_is_standard_input |= !strcmp(path, "-");
    if (!strcmp(path, "-") && isatty(STDIN_FILENO))
        usage_error("standard input is a terminal; redirect %s to it, or name a file", wanted);
    if (kind == FMNN_TABLE_ROWS && is_directory(path))
        die("%s: a directory, not a table; `fm-split %s%s` makes a table of the images in it%s",
            path, holds_data(path) ? "-d " : "", path,
            columns ? ", to which fm-predict adds predictions" : "");
    struct fmnn_table *table = fmnn_table_open_columns(path, kind, columns, &error);
    if (!table || (only && fmnn_table_only(table, only, &error) != 0))
        die_error(&error);
    return table;
}

size_t need_column(const struct fmnn_table *table, const char *name)
{
    struct fmnn_error error;
    int column = fmnn_table_need(table, name, &error);
    if (column < 0)
        die_error(&error);
    return (size_t)column;
}

bool next_row(struct fmnn_table *table)
{
    struct fmnn_error error;
    int status = fmnn_table_next(table, &error);
    if (status < 0)
        die_error(&error);
    return status > 0;
}

char *table_line(const struct fmnn_table *table,
                 const char *(*text)(const struct fmnn_table *table, size_t column))
{
    size_t columns = fmnn_table_columns(table), size = 1, used = 0;
    for (size_t i = 0; i < columns; i++)
        size += strlen(text(table, i)) + 1;
    char *line = xcalloc(size, 1);
    for (size_t i = 0; i < columns; i++)
        used += (size_t)sprintf(line + used, "%s%s", i ? "\t" : "", text(table, i));
    return line;
}

int row_class(const struct fmnn_table *table, size_t column, const struct fmnn_names *names)
{
    struct fmnn_error error;
    int label;
    if (fmnn_table_class(table, column, names, &label, &error) != 0)
        die_error(&error);
    return label;
}

void die_at_row(const struct fmnn_table *table, const char *format, ...)
{
    struct fmnn_error error;
    char what[sizeof error.message];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    fmnn_table_fail(table, &error, "%s", what);
    die_error(&error);
}

char *suffixed(const char *name, const char *suffix)
{
    return text_format("%s%s%s", name, suffix ? "_" : "", suffix ? suffix : "");
}

const char *split_hint(const char *word)
{
    static const char *const known[] = {"train", "valid", "test", NULL};
    const char *nearest = fmnn_suggest(word, known);
    if (!nearest || !strcmp(nearest, word))
        return "";
    return nearest == known[0]   ? "; did you mean 'train'?"
           : nearest == known[1] ? "; did you mean 'valid'?"
                                 : "; did you mean 'test'?";
}

/* ---- 2. Nets and images ---- */

struct fmnn_net *open_net(const char *path)
{
    struct fmnn_error error;
    struct fmnn_net *net = fmnn_net_read(path, &error);
    if (!net)
        die_of_file(path, "a weights file", false, NULL, &error);
    return net;
}

struct fmnn_images *open_images(const char *data, const char *root)
{
    struct fmnn_error error;
    char *directory = data_directory(data);
    struct fmnn_images *images = fmnn_images_new(directory, &error);
    if (!images || fmnn_images_set_root(images, root, &error) != 0)
        die_error(&error);
    free(directory);
    return images;
}

const char *kernels_wanted(void)
{
    const char *name = getenv("FMNN_KERNELS");
    return name && name[0] ? name : NULL;
}

/* ---- 3. The data directory ---- */

char *path_in(const char *directory, const char *name, const char *suffix)
{
    size_t length = strlen(directory);
    const char *slash = length && directory[length - 1] == '/' ? "" : "/";
    return text_format("%s%s%s%s", directory, slash, name, suffix);
}

bool holds_data(const char *directory)
{
    static const char *const files[] = {"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz",
                                        "t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz"};
    bool found = false;
    for (size_t i = 0; i < sizeof files / sizeof *files && !found; i++) {
        char *path = path_in(directory, files[i], "");
        found = access(path, F_OK) == 0;
        free(path);
    }
    return found;
}

char *user_directory(const char *dataset)
{
    const char *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (xdg && xdg[0] == '/') /* the XDG specification: ignore relative paths */
        return text_format("%s/fmnn/%s", xdg, dataset);
    return home && home[0] ? text_format("%s/.local/share/fmnn/%s", home, dataset) : NULL;
}

char *dataset_directory(const char *option, const char *dataset)
{
    const char *environment = getenv("FMNN_DATA");
    if (option)
        return text_format("%s", option);
    if (environment && environment[0])
        return text_format("%s", environment);
    /* A directory without files of a data set, as a killed fetch may leave, must not hide
       another. */
    char *path = user_directory(dataset);
    if (path && holds_data(path))
        return path;
    free(path);
    path = text_format("/usr/share/datasets/%s", dataset);
    if (holds_data(path))
        return path;
    free(path);
    return NULL;
}

char *data_directory(const char *option)
{
    return dataset_directory(option, "fashion-mnist");
}

/* ---- 4. Class names ---- */

/* Weight files begin with the length of their header: one of the first eight bytes is zero. */
bool is_weights(const char *path)
{
    char head[9] = "";
    FILE *stream = fopen(path, "rb");
    if (!stream)
        die_errno("%s", path);
    size_t got = fread(head, 1, 9, stream);
    fclose(stream);
    return got == 9 && memchr(head, 0, 8) && head[8] == '{';
}

struct fmnn_names *copy_names(const char *const *name, size_t count)
{
    struct fmnn_error error;
    struct fmnn_names *names = fmnn_names_copy(name, count, &error);
    if (!names)
        die_error(&error);
    return names;
}

struct fmnn_names *names_in_directory(const char *directory)
{
    struct fmnn_error error;
    char *path = path_in(directory, "classes.txt", "");
    struct fmnn_names *names = NULL;
    if (access(path, F_OK) == 0 && !(names = fmnn_names_read(path, &error)))
        die_error(&error);
    free(path);
    return names;
}

struct fmnn_names *names_in_weights(const char *path)
{
    struct fmnn_net *net = open_net(path);
    const struct fmnn_names *own = fmnn_net_names(net);
    struct fmnn_names *names = own ? copy_names((const char *const *)own->name, own->count) : NULL;
    if (names)
        names->source = text_format("%s", path);
    fmnn_net_free(net);
    return names;
}

static struct fmnn_names *names_in_list(const char *path)
{
    struct fmnn_error error;
    struct fmnn_names *names = fmnn_names_read(path, &error);
    if (!names)
        die_of_file(path, "a list of class names", true, NULL, &error);
    return names;
}

struct fmnn_names *class_names(const char *option, struct fmnn_images *images, const char *image)
{
    struct fmnn_error error;
    struct fmnn_names *names = NULL;
    if (option && !strcmp(option, "none"))
        return NULL;
    if (option) {
        if (!strcmp(option, "-") && table_is_standard_input)
            usage_error("class names and table cannot both come from standard input");
        const char *path = spool(option);
        names = is_weights(path) ? names_in_weights(path) : names_in_list(path);
        if (names) {
            free(names->source);
            names->source = text_format("%s", strcmp(option, "-") ? option : "standard input");
        }
        return names;
    }
    if (!image || !image[0])
        return NULL;
    char *directory = fmnn_images_directory(images, image, &error);
    if (!directory && (error.status == FMNN_MEMORY || error.status == FMNN_SYSTEM))
        die_error(&error); /* a wrong name is reported when the image is read */
    if (directory && part_of_row(image) && !is_directory(directory))
        die("%s: the data directory is not there, or is no directory", directory);
    if (directory && fmnn_names_of_directory(directory, &names, &error) != 0)
        die_error(&error);
    free(directory);
    return names;
}
