/* images.c -- images by name: "train:N" and "test:N", "PATH:N", and paths of image files. */
#include <stdio.h>

#include "base/shape.h"
#include "data/idx.h"
#include "data/image-formats.h"

enum {
    MAX_OPEN = 32, /* IDX files */
    MAX_NAME = 4096,
};

/* An image's name, parsed: a row of an IDX file, or an image file. */
struct location {
    const char *image;
    const struct fm_image_format *format; /* of an image file; NULL: a row of an IDX file */
    size_t path_length;                   /* of the part before the last colon */
    uint64_t row;
};

struct file {
    char *name; /* the part before the colon: "train", or a path */
    size_t name_length;
    struct fmnn_idx *idx;
    size_t rows;
    struct fmnn_shape shape; /* of an image */
    uint8_t *row;            /* in colour: a row of the file, (H,W,C) */
    uint64_t used;           /* the clock at the last use */
};

struct fmnn_images {
    char *data_directory; /* or NULL */
    struct file file[MAX_OPEN];
    size_t count, last; /* last: the file used last, where the next row most likely is */
    uint64_t clock;
    /* The last image file, because a caller asks first for its shape, then for its pixels. */
    char *path;
    struct fmnn_shape shape;
    uint8_t *pixels;
};

struct fmnn_images *fmnn_images_new(const char *data_directory, struct fmnn_error *err)
{
    struct fmnn_images *images = fm_alloc(1, sizeof *images, err);
    if (images && data_directory) {
        images->data_directory = fm_strdup(*data_directory ? data_directory : ".", err);
        if (!images->data_directory) {
            free(images);
            return NULL;
        }
    }
    return images;
}

static void close_file(struct file *file)
{
    fmnn_idx_close(file->idx);
    free(file->name);
    free(file->row);
    memset(file, 0, sizeof *file);
}

void fmnn_images_free(struct fmnn_images *images)
{
    if (!images)
        return;
    for (size_t i = 0; i < images->count; i++)
        close_file(&images->file[i]);
    free(images->path);
    free(images->pixels);
    free(images->data_directory);
    free(images);
}

/* ---- names ---- */

static int no_image(const char *image, struct fmnn_error *err)
{
    char suffixes[64];
    return fm_fail(err, FMNN_DATA,
                   "'%.300s' is not the name of an image; expected train:N, test:N, FILE:N (row N "
                   "of an IDX file) or an image file (%s)",
                   image, fm_image_suffixes(suffixes, sizeof suffixes));
}

static int parse_name(const char *image, struct location *at, struct fmnn_error *err)
{
    size_t length = strlen(image);
    *at = (struct location){.image = image};
    if (length == 0)
        return fm_fail(err, FMNN_DATA, "the name of the image is empty");
    if (length > MAX_NAME)
        return fm_fail(err, FMNN_DATA, "%.40s...: the name of the image is too long (%zu bytes)",
                       image, length);
    at->format = fm_image_format(image);
    if (at->format)
        return 0;
    const char *colon = strrchr(image, ':');
    if (!colon || colon == image || !fm_parse_unsigned(colon + 1, UINT64_MAX, &at->row))
        return no_image(image, err);
    at->path_length = (size_t)(colon - image);
    return 0;
}

static bool is_word(const struct location *at, const char *word)
{
    return at->path_length == strlen(word) && !memcmp(at->image, word, at->path_length);
}

/* The path of the IDX file, malloc'ed. */
static char *idx_path(const struct fmnn_images *images, const struct location *at,
                      struct fmnn_error *err)
{
    bool train = is_word(at, "train");
    if (!train && !is_word(at, "test"))
        return fm_format(err, "%.*s", (int)at->path_length, at->image);
    if (images->data_directory)
        return fm_format(err, "%s/%s-images-idx3-ubyte", images->data_directory,
                         train ? "train" : "t10k");
    fm_fail(
        err, FMNN_DATA,
        "%.300s: no data directory: fetch the data set with fm-fetch, or name its directory with "
        "-d or FMNN_DATA",
        at->image);
    return NULL;
}

/* ---- IDX files ---- */

static int check_images(const char *image, struct file *file, struct fmnn_error *err)
{
    unsigned rank = fmnn_idx_rank(file->idx);
    const char *path = fmnn_idx_path(file->idx);
    if (rank == 1)
        return fm_fail(err, FMNN_DATA, "%.300s: %.300s is a label file, not images", image, path);
    if (rank == 2)
        return fm_fail(err, FMNN_DATA,
                       "%.300s: %.300s has rank 2; expected 3, gray images, or 4, images with "
                       "channels",
                       image, path);
    file->rows = fmnn_idx_size(file->idx, 0);
    struct fmnn_shape shape = {rank == 4 ? fmnn_idx_size(file->idx, 3) : 1,
                               fmnn_idx_size(file->idx, 1), fmnn_idx_size(file->idx, 2)};
    file->shape = shape;
    if (shape.channels != 1 && shape.channels != 3)
        return fm_fail(
            err, FMNN_DATA,
            "%.300s: %.300s has rank 4 and %zu channels; expected 1 (gray) or 3 (colour)", image,
            path, shape.channels);
    if (shape.height > FMNN_MAX_SIDE || shape.width > FMNN_MAX_SIDE)
        return fm_fail(err, FMNN_DATA, "%.300s: %.300s has images of %zux%zu; the maximum is %dx%d",
                       image, path, shape.height, shape.width, FMNN_MAX_SIDE, FMNN_MAX_SIDE);
    return 0;
}

static int open_file(const struct fmnn_images *images, const struct location *at, struct file *file,
                     struct fmnn_error *err)
{
    char *path = idx_path(images, at, err);
    if (!path)
        return -1;
    file->name_length = at->path_length;
    file->name = fm_format(err, "%.*s", (int)at->path_length, at->image);
    file->idx = file->name ? fm_idx_open_forward(path, err) : NULL;
    free(path);
    return file->idx ? check_images(at->image, file, err) : -1;
}

static bool is_file(const struct file *file, const struct location *at)
{
    return file->name_length == at->path_length && !memcmp(file->name, at->image, at->path_length);
}

/* An empty slot; if there is none, closes the least recently used file. */
static size_t free_slot(struct fmnn_images *images)
{
    if (images->count < MAX_OPEN)
        return images->count++;
    size_t oldest = 0;
    for (size_t i = 1; i < MAX_OPEN; i++)
        if (images->file[i].used < images->file[oldest].used)
            oldest = i;
    close_file(&images->file[oldest]);
    return oldest;
}

static struct file *find_file(struct fmnn_images *images, const struct location *at,
                              struct fmnn_error *err)
{
    size_t i = images->last;
    if (i >= images->count || !is_file(&images->file[i], at))
        for (i = 0; i < images->count && !is_file(&images->file[i], at);)
            i++;
    if (i == images->count) {
        struct file file = {0};
        if (open_file(images, at, &file, err) != 0) {
            close_file(&file);
            return NULL;
        }
        i = free_slot(images);
        images->file[i] = file;
    }
    images->last = i;
    images->file[i].used = ++images->clock;
    return &images->file[i];
}

/* Opens the file and checks that it has the row. */
static struct file *find_row(struct fmnn_images *images, const struct location *at,
                             struct fmnn_error *err)
{
    struct file *file = find_file(images, at, err);
    if (!file || at->row < file->rows)
        return file;
    fm_fail(err, FMNN_DATA, "%.300s: no such row: the rows of %.300s are 0 to %zu", at->image,
            fmnn_idx_path(file->idx), file->rows - 1);
    return NULL;
}

/* The row of an IDX file of rank 4 is (H,W,C). */
static int read_row(struct file *file, size_t row, uint8_t *pixels, struct fmnn_error *err)
{
    struct fmnn_shape s = file->shape;
    size_t size = s.height * s.width;
    if (s.channels == 1)
        return fmnn_idx_read(file->idx, row, 1, pixels, err);
    if (!file->row && !(file->row = fm_alloc(s.channels, size, err)))
        return -1;
    if (fmnn_idx_read(file->idx, row, 1, file->row, err) != 0)
        return -1;
    for (size_t c = 0; c < s.channels; c++)
        for (size_t i = 0; i < size; i++)
            pixels[c * size + i] = file->row[i * s.channels + c];
    return 0;
}

/* ---- image files ---- */

static int load_file(struct fmnn_images *images, const struct location *at, struct fmnn_error *err)
{
    if (images->path && !strcmp(images->path, at->image))
        return 0;
    free(images->path);
    free(images->pixels);
    images->pixels = NULL;
    images->path = fm_strdup(at->image, err);
    if (images->path && at->format->read(at->image, &images->shape, &images->pixels, err) == 0)
        return 0;
    free(images->path);
    images->path = NULL;
    return -1;
}

/* ---- images ---- */

/* Finds an image and its shape; *file is NULL if it is an image file. */
static int locate(struct fmnn_images *images, const char *image, struct location *at,
                  struct file **file, struct fmnn_shape *shape, struct fmnn_error *err)
{
    *file = NULL;
    if (parse_name(image, at, err) != 0)
        return -1;
    if (at->format) {
        if (load_file(images, at, err) != 0)
            return -1;
        *shape = images->shape;
        return 0;
    }
    *file = find_row(images, at, err);
    if (!*file)
        return -1;
    *shape = (*file)->shape;
    return 0;
}

int fmnn_images_shape(struct fmnn_images *images, const char *image, struct fmnn_shape *shape,
                      struct fmnn_error *err)
{
    struct location at;
    struct file *file;
    return locate(images, image, &at, &file, shape, err);
}

int fmnn_images_read(struct fmnn_images *images, const char *image, struct fmnn_shape shape,
                     uint8_t *pixels, struct fmnn_error *err)
{
    struct location at;
    struct file *file;
    struct fmnn_shape is;
    if (fm_check_shape(shape, err) != 0 || locate(images, image, &at, &file, &is, err) != 0)
        return -1;
    struct fm_two_shapes shapes = fm_two_shapes(is, shape);
    if (!fm_same_shape(is, shape))
        return fm_fail(err, FMNN_DATA, "%.300s: the image is %s, but %s is needed", image, shapes.a,
                       shapes.b);
    if (file)
        return read_row(file, (size_t)at.row, pixels, err);
    memcpy(pixels, images->pixels, fm_elements(shape));
    return 0;
}

char *fmnn_images_directory(struct fmnn_images *images, const char *image, struct fmnn_error *err)
{
    struct location at;
    if (parse_name(image, &at, err) != 0)
        return NULL;
    char *path = at.format ? fm_strdup(image, err) : idx_path(images, &at, err);
    if (!path)
        return NULL;
    char *slash = strrchr(path, '/');
    while (slash && slash > path && slash[-1] == '/')
        slash--;
    if (!slash)
        strcpy(path, "."); /* the name has at least one byte, so there is room */
    else
        slash[slash == path] = 0;
    return path;
}
