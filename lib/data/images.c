/* images.c -- images by name: "train:N" and "test:N", "PATH:N", and paths of image files. */
#include "base/internal.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <xxhash.h>

#include "base/shape.h"
#include "base/threads.h"
#include "data/idx.h"
#include "data/image-formats.h"
#include "data/image-input.h"

enum {
    MAX_OPEN = 32, /* IDX files */
    MAX_NAME = 4096,
};

/* An image's name, parsed: a row of an IDX file, or an image file. */
struct location {
    const char *image;  /* the name, or with a root directory the name below it */
    char *joined;       /* the latter; or NULL */
    bool is_file;       /* else a row of an IDX file */
    size_t path_length; /* of the part before the last colon */
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
    char *root;           /* where relative paths begin; or NULL: in the working directory */
    struct file file[MAX_OPEN];
    size_t count, last; /* last: the file used last, where the next row most likely is */
    uint64_t clock;
    /* The last image file, because a caller asks first for its shape, then for its pixels. */
    char *path;
    struct fm_image image;
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
    free(images->image.pixels);
    free(images->data_directory);
    free(images->root);
    free(images);
}

int fmnn_images_set_root(struct fmnn_images *images, const char *root, struct fmnn_error *err)
{
    char *copy = root ? fm_strdup(*root ? root : ".", err) : NULL;
    if (root && !copy)
        return -1;
    free(images->root);
    images->root = copy;
    return 0;
}

/* ---- names ---- */

static int no_image(const char *image, struct fmnn_error *err)
{
    return fm_fail(err, FMNN_DATA,
                   "'%.300s' is not the name of an image; expected train:N, test:N, FILE:N (row N "
                   "of an IDX file) or an image file (.png, .jpg, .webp, .ppm ...)",
                   image);
}

static bool is_word(const struct location *at, const char *word)
{
    return at->path_length == strlen(word) && !memcmp(at->image, word, at->path_length);
}

static bool is_in_data_set(const struct location *at)
{
    return !at->is_file && (is_word(at, "train") || is_word(at, "test"));
}

/* Puts the root directory before a relative path: the only place where names become other paths. */
static int join_root(const struct fmnn_images *images, struct location *at, struct fmnn_error *err)
{
    const char *root = images->root;
    if (!root || at->image[0] == '/' || is_in_data_set(at))
        return 0;
    size_t length = strlen(root);
    const char *slash = root[length - 1] == '/' ? "" : "/";
    at->joined = fm_format(err, "%s%s%s", root, slash, at->image);
    if (!at->joined)
        return -1;
    at->image = at->joined;
    at->path_length += length + strlen(slash);
    return 0;
}

/* The location must be dropped even if this fails. */
static int parse_name(const struct fmnn_images *images, const char *image, struct location *at,
                      struct fmnn_error *err)
{
    size_t length = strlen(image);
    *at = (struct location){.image = image};
    if (length == 0)
        return fm_fail(err, FMNN_DATA, "the name of the image is empty");
    if (length > MAX_NAME)
        return fm_fail(err, FMNN_DATA, "%.40s...: the name of the image is too long (%zu bytes)",
                       image, length);
    const char *colon = strrchr(image, ':');
    at->is_file = !colon || colon == image || !fm_parse_unsigned(colon + 1, UINT64_MAX, &at->row);
    at->path_length = at->is_file ? length : (size_t)(colon - image);
    if (join_root(images, at, err) != 0)
        return -1;
    image = at->image;
    if (at->is_file && !fmnn_image_format(image) && access(image, F_OK) != 0 && errno == ENOENT)
        return no_image(image, err);
    return 0;
}

static void drop(struct location *at)
{
    free(at->joined);
}

/* The path of the IDX file, malloc'ed. */
static char *idx_path(const struct fmnn_images *images, const struct location *at,
                      struct fmnn_error *err)
{
    bool train = is_word(at, "train");
    if (!is_in_data_set(at))
        return fm_format(err, "%.*s", (int)at->path_length, at->image);
    if (images->data_directory)
        return fm_format(err, "%s/%s-images-idx3-ubyte", images->data_directory,
                         train ? "train" : "t10k");
    fm_fail(err, FMNN_DATA,
            "%s: no data directory: fetch the data set with fm-fetch, or name its directory with "
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
    free(images->image.pixels);
    images->image.pixels = NULL;
    images->path = fm_strdup(at->image, err);
    if (images->path && fm_image_read(at->image, &images->image, err) == 0)
        return 0;
    free(images->path);
    images->path = NULL;
    return -1;
}

static struct fmnn_shape shape_of(const struct fm_image *image)
{
    return (struct fmnn_shape){fm_image_is_colour(image) ? 3 : 1, image->height, image->width};
}

/* ---- images ---- */

/* Finds an image and its shape; *file is NULL if it is an image file. The location must be
   dropped. */
static int locate(struct fmnn_images *images, const char *image, struct location *at,
                  struct file **file, struct fmnn_shape *shape, struct fmnn_error *err)
{
    *file = NULL;
    if (parse_name(images, image, at, err) != 0)
        return -1;
    if (at->is_file) {
        if (load_file(images, at, err) != 0)
            return -1;
        *shape = shape_of(&images->image);
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
    int status = locate(images, image, &at, &file, shape, err);
    drop(&at);
    return status;
}

static int read_image(struct fmnn_images *images, const char *image, struct location *at,
                      struct fmnn_shape shape, uint8_t *pixels, struct fmnn_error *err)
{
    struct file *file;
    struct fmnn_shape is;
    struct fmnn_input input = {.shape = shape};
    if (locate(images, image, at, &file, &is, err) != 0)
        return -1;
    if (!file)
        return fm_input_make(&input, &images->image, at->image, pixels, err);
    if (!fm_same_shape(is, shape))
        return fm_wrong_shape(at->image, is, shape, err);
    return read_row(file, (size_t)at->row, pixels, err);
}

int fmnn_images_read(struct fmnn_images *images, const char *image, struct fmnn_shape shape,
                     uint8_t *pixels, struct fmnn_error *err)
{
    struct location at;
    if (fm_check_shape(shape, err) != 0)
        return -1;
    int status = read_image(images, image, &at, shape, pixels, err);
    drop(&at);
    return status;
}

/* ---- many images, as the input of a net ---- */

/* Whether all pixels, of more than one, are equal: the bytes of each channel are. */
static bool all_equal(const uint8_t *pixels, struct fmnn_shape shape)
{
    size_t count = shape.height * shape.width;
    for (size_t c = 0; c < shape.channels; c++, pixels += count)
        if (memcmp(pixels, pixels + 1, count - 1) != 0)
            return false;
    return count > 1;
}

static bool has_transparent(const struct fm_image *image)
{
    size_t n = image->channels, count = image->height * image->width;
    for (size_t i = 0; fm_image_has_alpha(image) && i < count; i++)
        if (image->pixels[i * n + n - 1] < 255)
            return true;
    return false;
}

/* Takes ownership of the image's pixels. */
static int take_image(struct fm_image *image, const char *name, const struct fmnn_input *input,
                      uint8_t *pixels, struct fmnn_loaded *loaded)
{
    loaded->file = true;
    loaded->shape = shape_of(image);
    loaded->colour = loaded->shape.channels == 3;
    loaded->transparent = has_transparent(image);
    int status = fm_input_make(input, image, name, pixels, &loaded->error);
    free(image->pixels);
    if (status == 0)
        loaded->flat = all_equal(pixels, input->shape);
    return status;
}

int fmnn_image_load(const void *bytes, size_t size, const char *name,
                    const struct fmnn_input *input, uint8_t *pixels, struct fmnn_loaded *loaded)
{
    struct fm_image image;
    memset(loaded, 0, sizeof *loaded);
    if (fm_check_input(input, &loaded->error) != 0 ||
        fm_image_decode(name, bytes, size, &image, &loaded->error) != 0)
        return -1;
    return take_image(&image, name, input, pixels, loaded);
}

/* A row of an IDX file, which the caller's thread reads. */
static int load_row(struct fmnn_images *images, const struct location *at,
                    const struct fmnn_input *input, uint8_t *pixels, struct fmnn_loaded *loaded)
{
    struct fmnn_error *err = &loaded->error;
    struct file *file = find_row(images, at, err);
    if (!file)
        return -1;
    struct fmnn_shape is = loaded->shape = file->shape;
    loaded->colour = is.channels == 3;
    bool same = fm_same_shape(is, input->shape);
    if (same && !input->invert && input->fit != FMNN_FIT_FASHION_MNIST)
        return read_row(file, (size_t)at->row, pixels, err);
    if (!same && input->fit == FMNN_FIT_NONE)
        return fm_wrong_shape(at->image, is, input->shape, err);
    uint8_t *planes = fm_alloc(is.channels, is.height * is.width, err);
    int status = planes ? read_row(file, (size_t)at->row, planes, err) : -1;
    if (status == 0)
        status = fm_input_planes(input, is, planes, pixels, err);
    free(planes);
    return status;
}

/* Does a job for each of n images, some of which are files. Rows of IDX files alone do not need the
   number of processors, for which a dozen files of the system are opened: that takes as long as
   reading a hundred rows. */
static void work_on_files(void (*job)(void *state, unsigned thread, size_t i), void *state,
                          size_t n, size_t files, unsigned threads)
{
    if (files == 0)
        return;
    threads = files == 1 ? 1 : fm_threads(threads);
    fm_team_do(job, state, n, threads < files ? threads : (unsigned)files);
}

struct loading {
    struct location *at; /* [n] */
    const struct fmnn_input *input;
    uint8_t *pixels;
    struct fmnn_loaded *loaded;
};

static void load_one(void *state, unsigned thread, size_t i)
{
    const struct loading *l = state;
    struct fm_image image;
    struct fmnn_loaded *loaded = &l->loaded[i];
    (void)thread;
    if (l->at[i].is_file && loaded->error.status == FMNN_OK &&
        fm_image_read(l->at[i].image, &image, &loaded->error) == 0)
        take_image(&image, l->at[i].image, l->input, l->pixels + i * fm_elements(l->input->shape),
                   loaded);
}

int fmnn_images_load(struct fmnn_images *images, const char *const *names, size_t n,
                     const struct fmnn_input *input, unsigned threads, uint8_t *pixels,
                     struct fmnn_loaded *loaded, struct fmnn_error *err)
{
    if (fm_check_input(input, err) != 0)
        return -1;
    struct loading l = {fm_alloc(n, sizeof *l.at, err), input, pixels, loaded};
    size_t files = 0, size = fm_elements(input->shape);
    if (!l.at)
        return -1;
    memset(loaded, 0, n * sizeof *loaded);
    for (size_t i = 0; i < n; i++) {
        if (parse_name(images, names[i], &l.at[i], &loaded[i].error) != 0)
            continue;
        if (l.at[i].is_file)
            files++;
        else if (load_row(images, &l.at[i], input, pixels + i * size, &loaded[i]) == 0)
            loaded[i].flat = all_equal(pixels + i * size, input->shape);
    }
    work_on_files(load_one, &l, n, files, threads);
    for (size_t i = 0; i < n; i++)
        drop(&l.at[i]);
    free(l.at);
    return 0;
}

/* ---- digests ---- */

static void set_digest(struct fmnn_digest *digest, struct fmnn_shape shape, const uint8_t *pixels)
{
    XXH128_hash_t hash = XXH3_128bits(pixels, fm_elements(shape));
    digest->shape = shape;
    digest->pixels[0] = hash.low64;
    digest->pixels[1] = hash.high64;
}

static void digest_row(struct fmnn_images *images, const struct location *at,
                       struct fmnn_digest *digest)
{
    struct file *file = find_row(images, at, &digest->error);
    uint8_t *pixels = file ? fm_alloc(1, fm_elements(file->shape), &digest->error) : NULL;
    if (pixels && read_row(file, (size_t)at->row, pixels, &digest->error) == 0)
        set_digest(digest, file->shape, pixels);
    free(pixels);
}

struct digesting {
    struct location *at; /* [n] */
    struct fmnn_digest *digest;
};

static void digest_one(void *state, unsigned thread, size_t i)
{
    static const uint8_t black[3];
    const struct digesting *d = state;
    struct fmnn_digest *digest = &d->digest[i];
    struct fm_image image;
    (void)thread;
    if (!d->at[i].is_file || digest->error.status != FMNN_OK ||
        fm_image_read(d->at[i].image, &image, &digest->error) != 0)
        return;
    struct fmnn_shape shape = shape_of(&image);
    uint8_t *pixels = fm_alloc(shape.channels, shape.height * shape.width, &digest->error);
    if (pixels && shape.channels == 1)
        fm_image_gray(&image, 0, pixels);
    else if (pixels)
        fm_image_planes(&image, black, pixels);
    if (pixels)
        set_digest(digest, shape, pixels);
    free(pixels);
    free(image.pixels);
}

int fmnn_images_digest(struct fmnn_images *images, const char *const *names, size_t n,
                       unsigned threads, struct fmnn_digest *digests, struct fmnn_error *err)
{
    struct digesting d = {fm_alloc(n, sizeof *d.at, err), digests};
    size_t files = 0;
    if (!d.at)
        return -1;
    memset(digests, 0, n * sizeof *digests);
    for (size_t i = 0; i < n; i++) {
        if (parse_name(images, names[i], &d.at[i], &digests[i].error) != 0)
            continue;
        if (d.at[i].is_file)
            files++;
        else
            digest_row(images, &d.at[i], &digests[i]);
    }
    work_on_files(digest_one, &d, n, files, threads);
    for (size_t i = 0; i < n; i++)
        drop(&d.at[i]);
    free(d.at);
    return 0;
}

/* ---- directories ---- */

char *fmnn_images_directory(struct fmnn_images *images, const char *image, struct fmnn_error *err)
{
    struct location at;
    char *path = NULL;
    if (parse_name(images, image, &at, err) == 0)
        path = at.is_file ? fm_strdup(at.image, err) : idx_path(images, &at, err);
    drop(&at);
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
