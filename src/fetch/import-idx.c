/* import-idx.c -- IDX files of any type: integers of 8, 16 and 32 bits, floats and doubles; images
   in rows of pixels, with and without channels; labels in one column, QMNIST's eight, or one-hot.
   What the numbers of a file say about their scale and form is decided once for both parts.

   Contents: 1. A file  2. Images  3. Labels  4. The source */
#include "fetch/import.h"

#include <math.h>

enum { MAX_RANK = 4, BLOCK = 4096, AT_ONCE = 512, MAX_CLASSES = 256 };
enum { BYTES = 0x08, SIGNED_BYTES = 0x09, INT_32 = 0x0c, FLOATS = 0x0d, DOUBLES = 0x0e };

/* ---- 1. A file */

struct idx_in {
    struct bytes_in *in;
    unsigned type, rank;
    size_t size[MAX_RANK];
    size_t row; /* numbers of a row */
};

static const struct {
    unsigned type, bytes;
} types[] = {{BYTES, 1}, {SIGNED_BYTES, 1}, {0x0b, 2}, {INT_32, 4}, {FLOATS, 4}, {DOUBLES, 8}};

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
    uint32_t bits32 = (uint32_t)big(p, type == FLOATS ? 4 : 0);
    uint64_t bits64 = type == DOUBLES ? big(p, 8) : 0;
    float single;
    double real;
    switch (type) {
    case BYTES:
        return *p;
    case SIGNED_BYTES:
        return (double)*p - (*p > 127 ? 256 : 0);
    case 0x0b:
        return (double)big(p, 2) - (p[0] > 127 ? 65536.0 : 0);
    case INT_32:
        return (double)big(p, 4) - (p[0] > 127 ? 4294967296.0 : 0);
    case FLOATS:
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

/* The range of a file's numbers; and whether all are whole. */
struct range {
    double min, max;
    bool whole;
};

static struct range read_range(struct idx_in *idx)
{
    double number[AT_ONCE];
    struct range range = {HUGE_VAL, -HUGE_VAL, true};
    for (size_t row = 0; row < idx->size[0]; row++)
        for (size_t k = 0; k < idx->row; k++) {
            double value = next_number(idx, number, k);
            if (!isfinite(value))
                die("%s: row %zu has a value that is not a number", bytes_path(idx->in), row);
            range.min = fmin(range.min, value);
            range.max = fmax(range.max, value);
            range.whole &= value == floor(value);
        }
    skip_header(idx);
    return range;
}

/* Whole numbers are bytes, or signed bytes from -128; others are from 0 to 1, or bytes too. Floats
   that are all 0 or 1 are fractions. path: for messages. */
static void find_scale(const char *path, unsigned type, struct range range, struct form *form)
{
    bool whole = range.whole && !(type >= FLOATS && range.max <= 1);
    form->factor = 1;
    form->add = 0;
    if (range.min >= 0 && range.max <= 1 && !whole)
        form->factor = 255;
    else if (range.min >= -128 && range.min < 0 && range.max <= 127 && whole)
        form->add = 128;
    else if (!(range.min >= 0 && range.max <= 255))
        die("%s: values from %g to %g; expected 0 to 255, or fractions from 0 to 1", path,
            range.min, range.max);
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
    return idx->row == QMNIST_COLUMNS && idx->type == INT_32 ? QMNIST : ONE_HOT;
}

/* QMNIST's rows also have the numbers of writers and digits, so these are one-hot. */
static bool are_all_0_or_1(struct idx_in *idx)
{
    double row[QMNIST_COLUMNS];
    bool all = true;
    for (size_t i = 0; i < idx->size[0] && all; i++) {
        read_numbers(idx, row, QMNIST_COLUMNS);
        for (size_t k = 0; k < QMNIST_COLUMNS; k++)
            all &= row[k] == 0 || row[k] == 1;
    }
    skip_header(idx);
    return all;
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

/* Where a name has a word for the last time; NULL: nowhere. */
static const char *last(const char *name, const char *word)
{
    const char *found = NULL;
    for (const char *at = strstr(name, word); at; at = strstr(at + 1, word))
        found = at;
    return found;
}

/* Whether a file has images or labels (what) by its name, and of which part. The name of the data
   set can contain both words. */
static bool is_named(const char *name, const struct import_settings *s, const char *what,
                     struct part_name *is)
{
    const char *here = last(name, what);
    const char *other = last(name, !strcmp(what, "images") ? "labels" : "images");
    *is = part_name(name, s);
    return is->part >= 0 && here && (!other || here > other) && contains(name, "idx");
}

/* Whether it is a file of the source; others: also one after another name than the data set's. */
static bool is_wanted(const char *name, const struct import_settings *s, bool others)
{
    struct part_name is;
    bool file = is_named(name, s, "images", &is) || is_named(name, s, "labels", &is);
    return file && (others || is.kind != OTHER_PREFIX);
}

/* The names of the source's files; the list ends in NULL. Files after other names than the data
   set's count only if there are no others. */
static char **list_files(const struct import_settings *s)
{
    char **list = list_directory(s->from);
    bool others = true;
    for (char **name = list; name && *name; name++)
        others &= !is_wanted(*name, s, false);
    keep_names(list, is_wanted, s, others);
    return list;
}

/* The path of a part's file, malloc'ed; NULL: there is none. */
static char *find(const struct import_settings *s, int part, const char *what)
{
    const char *const *fetched = s->fetched + (part == IMPORT_TEST ? 2 : 0);
    if (s->fetched[0])
        return s->fetched[1] ? text_format("%s", fetched[!strcmp(what, "labels")]) : NULL;
    struct part_name is;
    char **list = list_files(s), *path = NULL;
    int best = -1;
    for (char **name = list; name && *name; name++) {
        bool suits = is_named(*name, s, what, &is) && is.part == part;
        int how = 2 * (int)is.kind + !contains(*name, ".gz");
        if (suits && how > best) {
            best = how;
            free(path);
            path = path_in(s->from, *name, "");
        }
    }
    free_list(list);
    return path;
}

static void check_names(const struct import_settings *s)
{
    char **list = list_files(s);
    size_t count = 0;
    while (list && list[count])
        count++;
    refuse_mixture(s, (const char *const *)list, count);
    free_list(list);
}

bool is_idx_source(const struct import_settings *s)
{
    char *path = find(s, IMPORT_TRAIN, "images");
    bool found = path != NULL;
    free(path);
    return found;
}

/* The files of a part. */
struct pair {
    int part;
    char *images_path, *labels_path;
    struct idx_in images, labels;
    struct form form;
    enum label_form label_form;
};

static void open_pair(struct pair *pair, const struct import_settings *s)
{
    pair->images = open_idx(pair->images_path);
    pair->labels = open_idx(pair->labels_path);
    pair->label_form = form_of_labels(&pair->labels);
    find_shape(&pair->images, s, &pair->form);
    if (pair->images.size[0] != pair->labels.size[0])
        die("%s: has %zu images, but %s has %zu labels", pair->images_path, pair->images.size[0],
            pair->labels_path, pair->labels.size[0]);
}

/* Two files of one type have one scale. A file of fractions is told from one of bytes, unless its
   numbers are all 0 or 1. */
static void find_common_scale(struct pair *pair, const struct range *range, const char *from)
{
    struct form form;
    const struct range both = {fmin(range[0].min, range[1].min), fmax(range[0].max, range[1].max),
                               range[0].whole && range[1].whole};
    find_scale(from, pair[0].images.type, both, &form);
    for (size_t i = 0; i < IMPORT_PARTS; i++) {
        if (pair[i].form.factor > form.factor && !range[i].whole)
            die("%s: values are fractions up to %g, but in %s they are up to %g",
                pair[i].images_path, range[i].max, pair[1 - i].images_path, range[1 - i].max);
        pair[i].form.factor = form.factor;
        pair[i].form.add = form.add;
    }
}

/* Of bytes, the type says the scale; of other numbers, their range. */
static void find_scales(struct pair *pair, size_t count, const char *from)
{
    struct range range[IMPORT_PARTS] = {{0}};
    for (size_t i = 0; i < count; i++) {
        unsigned type = pair[i].images.type;
        pair[i].form.factor = 1;
        pair[i].form.add = type == SIGNED_BYTES ? 128 : 0;
        if (type == BYTES || type == SIGNED_BYTES)
            continue;
        range[i] = read_range(&pair[i].images);
        find_scale(pair[i].images_path, type, range[i], &pair[i].form);
    }
    if (count == IMPORT_PARTS && pair[0].images.type == pair[1].images.type &&
        pair[0].images.type > SIGNED_BYTES)
        find_common_scale(pair, range, from);
    for (size_t i = 0; i < count; i++)
        if (pair[i].form.add > 0)
            note("%s: signed values; 128 is added", pair[i].images_path);
}

static void find_label_forms(struct pair *pair, size_t count)
{
    bool one_hot = false;
    for (size_t i = 0; i < count; i++)
        if (pair[i].label_form == QMNIST)
            one_hot |= are_all_0_or_1(&pair[i].labels);
    for (size_t i = 0; i < count; i++)
        if (pair[i].label_form == QMNIST && one_hot)
            pair[i].label_form = ONE_HOT;
}

static void read_pair(struct import *import, struct pair *pair)
{
    double *label = xcalloc(pair->labels.row, sizeof *label);
    uint8_t *pixels = xcalloc(pair->images.row, 1);
    import_begin(import, pair->part, pair->form.shape, pair->images_path);
    for (size_t i = 0; i < pair->images.size[0]; i++) {
        read_image(&pair->images, &pair->form, pixels);
        import_add(import, pair->part, pair->form.shape, pixels,
                   read_label(&pair->labels, pair->label_form, label, i), pair->labels_path);
    }
    check_end(&pair->images);
    check_end(&pair->labels);
    free(label);
    free(pixels);
    bytes_close(pair->images.in);
    bytes_close(pair->labels.in);
}

static void read_pairs(struct import *import, struct pair *pair, size_t count)
{
    for (size_t i = 0; i < count; i++)
        open_pair(&pair[i], import->settings);
    find_scales(pair, count, import->settings->from);
    find_label_forms(pair, count);
    for (size_t i = 0; i < count; i++)
        read_pair(import, &pair[i]);
}

void read_idx_source(struct import *import)
{
    const struct import_settings *s = import->settings;
    static const char *const word[] = {"train", "t10k"};
    struct pair pair[IMPORT_PARTS];
    size_t count = 0;
    if (!s->fetched[0]) {
        check_names(s);
        import->names = names_of_source(s);
    }
    for (int part = 0; part < IMPORT_PARTS; part++) {
        char *images = find(s, part, "images"), *labels = find(s, part, "labels");
        if (!images != !labels)
            die("%s: there is %s, but no file of its %s, such as %s-%s-ubyte", s->from,
                images ? images : labels, images ? "labels" : "images", word[part],
                images ? "labels-idx1" : "images-idx3");
        if (images)
            pair[count++] =
                (struct pair){.part = part, .images_path = images, .labels_path = labels};
    }
    read_pairs(import, pair, count);
    for (size_t i = 0; i < count; i++) {
        free(pair[i].images_path);
        free(pair[i].labels_path);
    }
}
