/* import-sink.c -- writes imported images and labels as IDX files. */
#include "fetch/fm-fetch.h"
#include "fetch/import.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

enum { IMAGES_HEADER = 20, MAX_LABEL = 255 };

static void put(struct output *output, const char *path, const void *bytes, size_t size)
{
    if (fwrite(bytes, 1, size, output_stream(output)) != size)
        die_errno("%s", path);
}

/* ---- headers: the number of images is known at the end */

static void put_big(unsigned char *to, size_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* Rank 3 for gray images, rank 4 for those in colour. */
static void write_headers(const struct import_part *part)
{
    unsigned rank = part->shape.channels == 1 ? 3 : 4;
    unsigned char images[IMAGES_HEADER] = {0, 0, 8, (unsigned char)rank};
    unsigned char labels[8] = {0, 0, 8, 1};
    size_t size[4] = {part->count, part->shape.height, part->shape.width, part->shape.channels};
    for (unsigned i = 0; i < rank; i++)
        put_big(images + 4 + 4 * i, size[i]);
    put_big(labels + 4, part->count);
    put(part->images, part->images_path, images, 4 + 4 * rank);
    put(part->labels, part->labels_path, labels, sizeof labels);
}

static void correct_headers(const struct import_part *part)
{
    if (fseeko(output_stream(part->images), 0, SEEK_SET) != 0)
        die_errno("%s", part->images_path);
    if (fseeko(output_stream(part->labels), 0, SEEK_SET) != 0)
        die_errno("%s", part->labels_path);
    write_headers(part);
}

/* ---- parts */

/* Files that are there belong to somebody. */
static void refuse_existing(const char *path)
{
    char *packed = text_format("%s.gz", path);
    if (access(path, F_OK) == 0 || access(packed, F_OK) == 0)
        die("%s: is already there and is not overwritten; choose another directory", path);
    free(packed);
}

static void name_files(struct import *import, int which)
{
    struct import_part *part = &import->part[which];
    const char *directory = import->settings->directory;
    const char *word = which == IMPORT_TRAIN ? "train" : "t10k";
    part->images_path = path_in(directory, word, "-images-idx3-ubyte");
    part->labels_path = path_in(directory, word, "-labels-idx1-ubyte");
    refuse_existing(part->images_path);
    refuse_existing(part->labels_path);
}

static void begin(struct import *import, int which, struct fmnn_shape shape)
{
    struct import_part *part = &import->part[which];
    name_files(import, which);
    part->shape = shape;
    part->images = output_open(part->images_path, true);
    part->labels = output_open(part->labels_path, true);
    write_headers(part);
}

static struct fmnn_shape turned_shape(struct fmnn_shape s)
{
    return (struct fmnn_shape){s.channels, s.width, s.height};
}

/* Rows and columns are exchanged. */
static const uint8_t *turn(struct import *import, struct fmnn_shape from, const uint8_t *pixels)
{
    size_t c = from.channels;
    if (!import->turned)
        import->turned = xcalloc(from.height * from.width, c);
    for (size_t y = 0; y < from.height; y++)
        for (size_t x = 0; x < from.width; x++)
            memcpy(import->turned + (x * from.height + y) * c, pixels + (y * from.width + x) * c,
                   c);
    return import->turned;
}

static unsigned char label_of(const struct import *import, double label, const char *source)
{
    double class = label - import->settings->first_label;
    if (label != floor(label) || !(fabs(label) < 1e9))
        die("%s: label %g is not a whole number", source, label);
    if (class < 0)
        die("%s: label %.0f is below the first label, %u (see --first-label)", source, label,
            import->settings->first_label);
    if (class > MAX_LABEL)
        die("%s: label %.0f is too large: a data set has up to %d classes", source, label,
            MAX_LABEL + 1);
    return (unsigned char)class;
}

static void check_shape(const struct import *import, struct fmnn_shape shape, const char *source)
{
    char is[FMNN_SHAPE_TEXT], wanted[FMNN_SHAPE_TEXT];
    for (int i = 0; i < IMPORT_PARTS; i++)
        if (import->part[i].images) {
            fmnn_format_shape(is, shape);
            fmnn_format_shape(wanted, import->part[i].shape);
            if (strcmp(is, wanted) != 0)
                die("%s: the image is %s, but the first one is %s", source, is, wanted);
        }
    if (!shape.height || !shape.width || shape.height > FMNN_MAX_SIDE ||
        shape.width > FMNN_MAX_SIDE)
        die("%s: images of %zux%zu are not in 1x1..%dx%d", source, shape.height, shape.width,
            FMNN_MAX_SIDE, FMNN_MAX_SIDE);
}

void import_begin(struct import *import, int which, struct fmnn_shape shape, const char *source)
{
    struct fmnn_shape stored = import->settings->transpose ? turned_shape(shape) : shape;
    check_shape(import, stored, source);
    begin(import, which, stored);
}

void import_add(struct import *import, int which, struct fmnn_shape shape, const uint8_t *pixels,
                double label, const char *source)
{
    struct import_part *part = &import->part[which];
    unsigned char class = label_of(import, label, source);
    struct fmnn_shape stored = import->settings->transpose ? turned_shape(shape) : shape;
    if (!part->images) {
        import_begin(import, which, shape, source);
    } else if (stored.channels != part->shape.channels || stored.height != part->shape.height ||
               stored.width != part->shape.width) {
        check_shape(import, stored, source);
    }
    if (import->settings->transpose)
        pixels = turn(import, shape, pixels);
    put(part->images, part->images_path, pixels, shape.channels * shape.height * shape.width);
    put(part->labels, part->labels_path, &class, 1);
    part->max_label = class > part->max_label ? class : part->max_label;
    if (++part->count == UINT32_MAX)
        die("%s: more rows than an IDX file can have", source);
}

/* ---- the end */

/* The names of the source, else of the known data set; NULL: there are none. */
static struct fmnn_names *find_names(const struct import *import)
{
    const struct fmnn_dataset *known = import->settings->known;
    const char *const *name = known ? known->classes : NULL;
    size_t count = known ? known->class_count : 0;
    if (import->names) {
        name = (const char *const *)import->names->name;
        count = import->names->count;
    }
    return count ? copy_names(name, count) : NULL;
}

static void write_names(const struct import *import, unsigned max_label)
{
    const struct import_settings *s = import->settings;
    struct fmnn_names *names = find_names(import);
    char *path = path_in(s->directory, "classes.txt", "");
    if (names && max_label >= names->count)
        die("%s: there are %zu class names, but label %u", s->from, names->count,
            max_label + s->first_label);
    if (names)
        store_class_names(s->directory, import->names || !s->known ? s->from : s->known->title,
                          names);
    else if (access(path, F_OK) == 0)
        note("%s: kept", path);
    else
        note("%s: the class names are not known; write them to classes.txt there, one per line",
             s->directory);
    fmnn_names_free(names);
    free(path);
}

void import_finish(struct import *import)
{
    unsigned max = 0;
    if (!import->part[IMPORT_TRAIN].count)
        die("%s: contains no training images", import->settings->from);
    for (int i = 0; i < IMPORT_PARTS; i++)
        max = import->part[i].max_label > max ? import->part[i].max_label : max;
    if (!import->part[IMPORT_TEST].count)
        name_files(import, IMPORT_TEST); /* another data set's test images must not stay beside */
    write_names(import, max);
    for (int i = 0; i < IMPORT_PARTS; i++)
        if (import->part[i].count)
            correct_headers(&import->part[i]);
    for (int i = 0; i < IMPORT_PARTS; i++) {
        struct import_part *part = &import->part[i];
        if (part->count) {
            output_commit(part->images);
            output_commit(part->labels);
            printf("%s\n%s\n", part->images_path, part->labels_path);
        }
        free(part->images_path);
        free(part->labels_path);
    }
    if (!import->part[IMPORT_TEST].count)
        note("%s: there are no test images, only training images", import->settings->from);
    free(import->turned);
    fmnn_names_free(import->names);
}
