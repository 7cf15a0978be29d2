/* import-idx.c -- IDX files of any type: integers of 8, 16 and 32 bits, floats and doubles; images in
   rows of pixels, with and without channels; labels in one column, QMNIST's eight, or one-hot.

   Contents: 1. A file  2. Images  3. Labels  4. The source */
#include "fetch/import.h"

#include <math.h>

enum { MAX_RANK = 4, BLOCK = 4096, AT_ONCE = 512, MAX_CLASSES = 256 };

/* ---- 1. A file */

struct idx_in {
    struct bytes_in *in;
    unsigned type, rank;
    size_t size[MAX_RANK];
    size_t row; /* numbers of a row */
};

static const struct {
    unsigned type, bytes;
} types[] = {{0x08, 1}, {0x09, 1}, {0x0b, 2}, {0x0c, 4}, {0x0d, 4}, {0x0e, 8}};

/* 0: there is no such type. */
static unsigned bytes_of_type(unsigned type)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].type == type)
            return types[i].bytes;
    return 0;
}

static void check_magic(const char *path, const unsigned char *p, size_t size)
{
    const char *foreign = bytes_foreign(p, size);
    if (foreign)
        die("%s: %s", path, foreign);
    if (size == 4 && !p[2] && !p[3] && bytes_of_type(p[1]))
        die("%s: the IDX header is little-endian; IDX is big-endian", path);
    if (size < 4 || p[0] || p[1] || !bytes_of_type(p[2]) || p[3] < 1 || p[3] > MAX_RANK)
        die("%s: not an IDX file", path);
}

static struct idx_in open_idx(const char *path)
{
    unsigned char p[4];
    struct idx_in idx = {.in = bytes_open(path), .row = 1};
    check_magic(path, p, bytes_read(idx.in, p, sizeof p));
    idx.type = p[2];
    idx.rank = p[3];
    for (unsigned i = 0; i < idx.rank; i++) {
        bytes_need(idx.in, p, sizeof p);
        idx.size[i] = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
        if (!idx.size[i])
            die("%s: the IDX header gives size 0 in dimension %u", path, i);
        if (i && idx.size[i] > ((size_t)3 * FMNN_MAX_SIDE * FMNN_MAX_SIDE) / idx.row)
            die("%s: the rows of the IDX file are too large", path);
        idx.row *= i ? idx.size[i] : 1;
    }
    return idx;
}

static void skip_header(struct idx_in *idx)
{
    unsigned char header[4 + 4 * MAX_RANK];
    bytes_rewind(idx->in);
    bytes_need(idx->in, header, 4 + 4 * (size_t)idx->rank);
}

static uint64_t big(const unsigned char *p, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | p[i];
    return value;
}

static double number(const unsigned char *p, unsigned type)
{
    uint32_t bits32 = (uint32_t)big(p, type == 0x0d ? 4 : 0);
    uint64_t bits64 = type == 0x0e ? big(p, 8) : 0;
    float single;
    double real;
    switch (type) {
    case 0x08:
        return *p;
    case 0x09:
        return (double)*p - (*p > 127 ? 256 : 0);
    case 0x0b:
        return (double)big(p, 2) - (p[0] > 127 ? 65536.0 : 0);
    case 0x0c:
        return (double)big(p, 4) - (p[0] > 127 ? 4294967296.0 : 0);
    case 0x0d:
        memcpy(&single, &bits32, sizeof single);
        return (double)single;
    default:
        memcpy(&real, &bits64, sizeof real);
        return real;
    }
}

static void read_numbers(struct idx_in *idx, double *to, size_t count)
{
    unsigned char bytes[BLOCK];
    unsigned each = bytes_of_type(idx->type);
    for (size_t n; count; count -= n) {
        n = count < BLOCK / each ? count : BLOCK / each;
        bytes_need(idx->in, bytes, n * each);
        for (size_t i = 0; i < n; i++)
            *to++ = number(bytes + i * each, idx->type);
    }
}

/* Number k of a row. Not a whole row is held, because a header can promise rows of any length. */
static double next_number(struct idx_in *idx, double number[AT_ONCE], size_t k)
{
    if (k % AT_ONCE == 0)
        read_numbers(idx, number, idx->row - k < AT_ONCE ? idx->row - k : AT_ONCE);
    return number[k % AT_ONCE];
}

/* Zeros behind the data are padding; anything else is not. */
static void check_end(struct idx_in *idx)
{
    int byte;
    size_t more = 0;
    for (; (byte = bytes_next(idx->in)) == 0; more++)
        ;
    if (byte > 0)
        die("%s: longer than its IDX header says", bytes_path(idx->in));
    if (more)
        note("%s: %zu zero bytes behind the data are left out", bytes_path(idx->in), more);
}

/* ---- 2. Images */

/* How a row of numbers is an image: its shape, and whether the channels come first. */
struct form {
    struct fmnn_shape shape;
    bool planes;
    double add, factor; /* a number becomes (x + add) * factor */
};

static bool is_channels(size_t n)
{
    return n == 1 || n == 3;
}

static void shape_of_row(const struct idx_in *idx, const struct import_settings *s,
                         struct form *form)
{
    const char *path = bytes_path(idx->in);
    size_t side = (size_t)sqrt((double)idx->row), h = s->size.height, w = s->size.width;
    if (!h && side * side == idx->row)
        h = w = side;
    if (!h)
        die("%s: rows of %zu numbers are not square images; name their size with --size HxW", path,
            idx->row);
    if (idx->row != h * w && idx->row != 3 * h * w)
        die("%s: rows of %zu numbers are not images of %zux%zu", path, idx->row, h, w);
    form->shape = (struct fmnn_shape){idx->row / (h * w), h, w};
}

static void find_shape(const struct idx_in *idx, const struct import_settings *s, struct form *form)
{
    const size_t *n = idx->size;
    if (idx->rank > 2 && s->size.height)
        usage_error("--size: %s does not have rows of pixels; its images keep their size",
                    bytes_path(idx->in));
    if (idx->rank == 1)
        die("%s: is a label file, not images", bytes_path(idx->in));
    if (idx->rank == 2)
        shape_of_row(idx, s, form);
    else if (idx->rank == 3)
        form->shape = (struct fmnn_shape){1, n[1], n[2]};
    else if (is_channels(n[3]))
        form->shape = (struct fmnn_shape){n[3], n[1], n[2]};
    else if (is_channels(n[1]))
        form->shape = (struct fmnn_shape){n[1], n[2], n[3]};
    else
        die("%s: rank 4, but neither the last size, %zu, nor the second, %zu, is a number of "
            "channels: 1 (gray) or 3 (colour)",
            bytes_path(idx->in), n[3], n[1]);
    form->planes = idx->rank == 4 && !is_channels(n[3]);
}

/* Whole numbers are bytes, or signed bytes from -128; others are from 0 to 1, or bytes too. */
static void find_scale(const char *path, double min, double max, bool whole, struct form *form)
{
    form->factor = 1;
    form->add = 0;
    if (min >= 0 && max <= 1 && !whole) {
        form->factor = 255;
    } else if (min >= -128 && min < 0 && max <= 127 && whole) {
        form->add = 128;
        note("%s: values from %g to %g; 128 is added", path, min, max);
    } else if (!(min >= 0 && max <= 255)) {
        die("%s: values from %g to %g; expected 0 to 255, or fractions from 0 to 1", path, min,
            max);
    }
}

/* The range of all numbers decides. Floats that are all 0 or 1 are fractions. */
static void survey(struct idx_in *idx, struct form *form)
{
    double number[AT_ONCE], min = HUGE_VAL, max = -HUGE_VAL;
    bool whole = true;
    if (idx->type == 0x08) {
        form->factor = 1;
        return;
    }
    for (size_t row = 0; row < idx->size[0]; row++)
        for (size_t k = 0; k < idx->row; k++) {
            double value = next_number(idx, number, k);
            if (!isfinite(value))
                die("%s: row %zu has a value that is not a number", bytes_path(idx->in), row);
            min = value < min ? value : min;
            max = value > max ? value : max;
            whole &= value == floor(value);
        }
    if (idx->type >= 0x0d && max <= 1)
        whole = false;
    find_scale(bytes_path(idx->in), min, max, whole, form);
    skip_header(idx);
}

static void read_image(struct idx_in *idx, const struct form *form, uint8_t *pixels)
{
    size_t size = form->shape.height * form->shape.width, c = form->shape.channels;
    double number[AT_ONCE];
    for (size_t k = 0; k < idx->row; k++) {
        double value = next_number(idx, number, k);
        size_t at = form->planes ? k % size * c + k / size : k;
        pixels[at] = (uint8_t)((value + form->add) * form->factor + 0.5);
    }
}

/* ---- 3. Labels */

enum label_form { ONE_COLUMN, QMNIST, ONE_HOT };
enum { QMNIST_COLUMNS = 8 };

static enum label_form form_of_labels(const struct idx_in *idx)
{
    if (idx->rank > 2)
        die("%s: has rank %u, but labels need rank 1, or 2 if they are one-hot",
            bytes_path(idx->in), idx->rank);
    if (idx->row > MAX_CLASSES)
        die("%s: rows of %zu labels; a data set has up to %d classes", bytes_path(idx->in),
            idx->row, MAX_CLASSES);
    if (idx->row == 1)
        return ONE_COLUMN;
    return idx->row == QMNIST_COLUMNS && idx->type == 0x0c ? QMNIST : ONE_HOT;
}

static double hot(const struct idx_in *idx, const double *row, size_t number)
{
    size_t ones = 0, label = 0;
    for (size_t k = 0; k < idx->row; k++) {
        if (row[k] == 1) {
            ones++;
            label = k;
        } else if (row[k] != 0) {
            ones = 2;
        }
    }
    if (ones != 1)
        die("%s: row %zu of %zu columns is not a label: expected one column, one-hot rows (a "
            "single 1), or the eight columns of 32-bit integers of QMNIST",
            bytes_path(idx->in), number, idx->row);
    return (double)label;
}

static double read_label(struct idx_in *idx, enum label_form form, double *row, size_t number)
{
    read_numbers(idx, row, idx->row);
    return form == ONE_HOT ? hot(idx, row, number) : row[0];
}

/* ---- 4. The source */

static bool contains(const char *name, const char *word)
{
    return strstr(name, word) != NULL;
}

/* How well a file's name suits: 0 not at all; better with the data set's name in front. */
static int suits(const char *name, const struct import_settings *s, int part, const char *what)
{
    size_t length = strlen(s->name);
    bool own = !strncmp(name, s->name, length) && name[length] == '-';
    const char *rest = own ? name + length + 1 : name;
    bool test = contains(rest, "t10k") || contains(rest, "test");
    if (!contains(rest, what) || !contains(rest, "idx") ||
        (part == IMPORT_TEST ? !test : test || !contains(rest, "train")))
        return 0;
    bool packed = contains(rest, ".gz");
    bool begins =
        !strncmp(rest, "train", 5) || !strncmp(rest, "t10k", 4) || !strncmp(rest, "test", 4);
    return 1 + 4 * own + 2 * begins + !packed;
}

/* The path of a part's file, malloc'ed; NULL: there is none. */
static char *find(const struct import_settings *s, int part, const char *what)
{
    const char *const *fetched = s->fetched + (part == IMPORT_TEST ? 2 : 0);
    if (s->fetched[0])
        return s->fetched[1] ? text_format("%s", fetched[!strcmp(what, "labels")]) : NULL;
    char **list = list_directory(s->from), *path = NULL;
    int best = 0;
    for (char **name = list; name && *name; name++) {
        int how = suits(*name, s, part, what);
        if (how > best) {
            best = how;
            free(path);
            path = path_in(s->from, *name, "");
        }
    }
    free_list(list);
    return path;
}

bool is_idx_source(const struct import_settings *s)
{
    char *path = find(s, IMPORT_TRAIN, "images");
    bool found = path != NULL;
    free(path);
    return found;
}

static void read_pair(struct import *import, int part, const char *images_path,
                      const char *labels_path)
{
    struct idx_in images = open_idx(images_path), labels = open_idx(labels_path);
    struct form form = {.factor = 1};
    enum label_form label_form = form_of_labels(&labels);
    find_shape(&images, import->settings, &form);
    if (images.size[0] != labels.size[0])
        die("%s: has %zu images, but %s has %zu labels", images_path, images.size[0], labels_path,
            labels.size[0]);
    survey(&images, &form);
    double *label = xcalloc(labels.row, sizeof *label);
    uint8_t *pixels = xcalloc(images.row, 1);
    for (size_t i = 0; i < images.size[0]; i++) {
        read_image(&images, &form, pixels);
        import_add(import, part, form.shape, pixels, read_label(&labels, label_form, label, i),
                   labels_path);
    }
    check_end(&images);
    check_end(&labels);
    free(label);
    free(pixels);
    bytes_close(images.in);
    bytes_close(labels.in);
}

static struct fmnn_names *list_beside(const char *directory)
{
    struct fmnn_error error;
    char *path = path_in(directory, "classes.txt", "");
    struct fmnn_names *names = NULL;
    FILE *stream = fopen(path, "r");
    if (stream) {
        fclose(stream);
        names = fmnn_names_read(path, &error);
        if (!names)
            die_error(&error);
    }
    free(path);
    return names;
}

void read_idx_source(struct import *import)
{
    const struct import_settings *s = import->settings;
    static const char *const word[] = {"train", "t10k"};
    for (int part = 0; part < IMPORT_PARTS; part++) {
        char *images = find(s, part, "images"), *labels = find(s, part, "labels");
        if (!images != !labels)
            die("%s: there is %s, but no file of its %s, such as %s-%s-ubyte", s->from,
                images ? images : labels, images ? "labels" : "images", word[part],
                images ? "labels-idx1" : "images-idx3");
        if (images)
            read_pair(import, part, images, labels);
        free(images);
        free(labels);
    }
    if (!s->fetched[0])
        import->names = list_beside(s->from);
}
