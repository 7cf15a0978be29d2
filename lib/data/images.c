/* images.c -- images by name: "train:N" and "test:N", "PATH:N", and paths of PNG files. */
#include "data/idx.h"

#include <stdio.h>
#include <strings.h>

enum {
    MAX_OPEN = 32, /* IDX files */
    MAX_NAME = 4096,
};

/* Where an image lies: in a row of an IDX file, or in a PNG file of its own. */
struct place {
    const char *image;
    size_t path_length; /* of the name before its last colon; 0: a PNG file */
    uint64_t row;
};

struct file {
    char *name; /* what stands before the colon: "train", a path */
    size_t name_length;
    struct fmnn_idx *idx;
    size_t rows, height, width;
    uint64_t used; /* the greater, the later */
};

struct fmnn_images {
    char *data_directory; /* or NULL */
    struct file file[MAX_OPEN];
    size_t count, last; /* the file used last: rows of one file follow each other */
    uint64_t clock;
    /* The last PNG image: who asks for its size asks for its pixels next. */
    char *png_path;
    size_t png_height, png_width;
    uint8_t *png_pixels;
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
    memset(file, 0, sizeof *file);
}

void fmnn_images_free(struct fmnn_images *images)
{
    if (!images)
        return;
    for (size_t i = 0; i < images->count; i++)
        close_file(&images->file[i]);
    free(images->png_path);
    free(images->png_pixels);
    free(images->data_directory);
    free(images);
}

/* ---- names ---- */

static bool is_png(const char *image, size_t length)
{
    return length >= 4 && !strcasecmp(image + length - 4, ".png");
}

static int find_place(const char *image, struct place *place, struct fmnn_error *err)
{
    size_t length = strlen(image);
    place->image = image;
    place->path_length = 0;
    if (length == 0)
        return fm_fail(err, FMNN_DATA, "the name of the image is empty");
    if (length > MAX_NAME)
        return fm_fail(err, FMNN_DATA, "%.40s...: the name of the image is too long (%zu bytes)",
                       image, length);
    if (is_png(image, length))
        return 0;
    const char *colon = strrchr(image, ':');
    if (!colon || colon == image || !fm_parse_unsigned(colon + 1, UINT64_MAX, &place->row))
        return fm_fail(err, FMNN_DATA,
                       "'%.300s' names no image: that is train:N, test:N, FILE:N for row N of an "
                       "IDX file, or a path that ends in .png",
                       image);
    place->path_length = (size_t)(colon - image);
    return 0;
}

static bool is_word(const struct place *place, const char *word)
{
    return place->path_length == strlen(word) && !memcmp(place->image, word, place->path_length);
}

/* The path of the IDX file, malloc'ed. */
static char *idx_path(const struct fmnn_images *images, const struct place *place,
                      struct fmnn_error *err)
{
    bool train = is_word(place, "train");
    if (!train && !is_word(place, "test"))
        return fm_format(err, "%.*s", (int)place->path_length, place->image);
    if (images->data_directory)
        return fm_format(err, "%s/%s-images-idx3-ubyte", images->data_directory,
                         train ? "train" : "t10k");
    fm_fail(err, FMNN_DATA,
            "%.300s: there is no data directory: fm-fetch gets the data set, -d or FMNN_DATA name "
            "where it is",
            place->image);
    return NULL;
}

/* ---- IDX files ---- */

static int check_images(const char *image, struct file *file, struct fmnn_error *err)
{
    unsigned rank = fmnn_idx_rank(file->idx);
    const char *path = fmnn_idx_path(file->idx);
    if (rank == 1)
        return fm_fail(err, FMNN_DATA, "%.300s: %.300s is a label file, not images", image, path);
    if (rank != 3)
        return fm_fail(err, FMNN_DATA, "%.300s: %.300s has rank %u; gray images have rank 3", image,
                       path, rank);
    file->rows = fmnn_idx_size(file->idx, 0);
    file->height = fmnn_idx_size(file->idx, 1);
    file->width = fmnn_idx_size(file->idx, 2);
    if (file->height > FMNN_MAX_SIDE || file->width > FMNN_MAX_SIDE)
        return fm_fail(err, FMNN_DATA,
                       "%.300s: %.300s has images of %zux%zu, more than %d in a direction", image,
                       path, file->height, file->width, FMNN_MAX_SIDE);
    return 0;
}

static int open_file(const struct fmnn_images *images, const struct place *place, struct file *file,
                     struct fmnn_error *err)
{
    char *path = idx_path(images, place, err);
    if (!path)
        return -1;
    file->name_length = place->path_length;
    file->name = fm_format(err, "%.*s", (int)place->path_length, place->image);
    file->idx = file->name ? fm_idx_open_forward(path, err) : NULL;
    free(path);
    return file->idx ? check_images(place->image, file, err) : -1;
}

static bool is_file(const struct file *file, const struct place *place)
{
    return file->name_length == place->path_length &&
           !memcmp(file->name, place->image, place->path_length);
}

/* An empty slot; where all are taken, that of the file not used for longest. */
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

static struct file *find_file(struct fmnn_images *images, const struct place *place,
                              struct fmnn_error *err)
{
    size_t i = images->last;
    if (i >= images->count || !is_file(&images->file[i], place))
        for (i = 0; i < images->count && !is_file(&images->file[i], place);)
            i++;
    if (i == images->count) {
        struct file file = {0};
        if (open_file(images, place, &file, err) != 0) {
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

/* The file, its row checked. */
static struct file *find_row(struct fmnn_images *images, const struct place *place,
                             struct fmnn_error *err)
{
    struct file *file = find_file(images, place, err);
    if (!file || place->row < file->rows)
        return file;
    fm_fail(err, FMNN_DATA, "%.300s: %.300s has rows 0..%zu", place->image,
            fmnn_idx_path(file->idx), file->rows - 1);
    return NULL;
}

/* ---- PNG files ---- */

static int load_png(struct fmnn_images *images, const char *path, struct fmnn_error *err)
{
    if (images->png_path && !strcmp(images->png_path, path))
        return 0;
    free(images->png_path);
    free(images->png_pixels);
    images->png_pixels = NULL;
    images->png_path = fm_strdup(path, err);
    if (images->png_path &&
        fmnn_png_read(path, &images->png_height, &images->png_width, &images->png_pixels, err) == 0)
        return 0;
    free(images->png_path);
    images->png_path = NULL;
    return -1;
}

/* ---- images ---- */

/* Finds the image and its size; *file is NULL for a PNG. */
static int locate(struct fmnn_images *images, const char *image, struct place *place,
                  struct file **file, size_t *height, size_t *width, struct fmnn_error *err)
{
    *file = NULL;
    if (find_place(image, place, err) != 0)
        return -1;
    if (place->path_length == 0) {
        if (load_png(images, image, err) != 0)
            return -1;
        *height = images->png_height;
        *width = images->png_width;
        return 0;
    }
    *file = find_row(images, place, err);
    if (!*file)
        return -1;
    *height = (*file)->height;
    *width = (*file)->width;
    return 0;
}

int fmnn_images_size(struct fmnn_images *images, const char *image, size_t *height, size_t *width,
                     struct fmnn_error *err)
{
    struct place place;
    struct file *file;
    return locate(images, image, &place, &file, height, width, err);
}

int fmnn_images_read(struct fmnn_images *images, const char *image, size_t height, size_t width,
                     uint8_t *pixels, struct fmnn_error *err)
{
    struct place place;
    struct file *file;
    size_t h, w;
    if (locate(images, image, &place, &file, &h, &w, err) != 0)
        return -1;
    if (h != height || w != width)
        return fm_fail(err, FMNN_DATA, "%.300s: the image is %zux%zu, but %zux%zu is needed", image,
                       h, w, height, width);
    if (file)
        return fmnn_idx_read(file->idx, (size_t)place.row, 1, pixels, err);
    memcpy(pixels, images->png_pixels, height * width);
    return 0;
}

char *fmnn_images_directory(struct fmnn_images *images, const char *image, struct fmnn_error *err)
{
    struct place place;
    if (find_place(image, &place, err) != 0)
        return NULL;
    char *path = place.path_length ? idx_path(images, &place, err) : fm_strdup(image, err);
    if (!path)
        return NULL;
    char *slash = strrchr(path, '/');
    while (slash && slash > path && slash[-1] == '/')
        slash--;
    if (!slash)
        strcpy(path, "."); /* a name has a byte at least, so there is room */
    else
        slash[slash == path] = 0;
    return path;
}
