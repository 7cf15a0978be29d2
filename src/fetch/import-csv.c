/* import-csv.c -- tables of pixels, a row an image, as Kaggle has MNIST: with or without a header,
   the label first or last.

   A file is read twice: first to find the label's column and the range of the pixels.

   Contents: 1. Fields  2. What the columns are  3. Images  4. The source */
#include "fetch/import.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <strings.h>

enum { MAX_COLUMNS = 1 << 20, MAX_FIELD = 64 };

/* ---- 1. Fields */

struct csv {
    struct bytes_in *in;
    size_t line;
    double *field; /* of the current row; NAN: not a number */
    size_t count, capacity;
    int label; /* of a header: the column that is called so; -1: none */
    bool header;
};

/* A number as in CSV, whatever the locale. */
static double parse_number(const char *text)
{
    static const char digits[] = "0123456789";
    double value = 0, scale = 1;
    bool minus = *text == '-';
    text += *text == '-' || *text == '+';
    size_t whole = strspn(text, digits), fraction = 0;
    for (size_t i = 0; i < whole; i++)
        value = value * 10 + (text[i] - '0');
    text += whole;
    if (*text == '.') {
        fraction = strspn(++text, digits);
        for (size_t i = 0; i < fraction; i++)
            value += (text[i] - '0') * (scale /= 10);
        text += fraction;
    }
    if (!whole && !fraction)
        return (double)NAN;
    if (*text == 'e' || *text == 'E') {
        bool down = text[1] == '-';
        text += 1 + (text[1] == '-' || text[1] == '+');
        size_t length = strspn(text, digits);
        unsigned exponent = 0;
        for (size_t i = 0; i < length && exponent < 400; i++)
            exponent = exponent * 10 + (unsigned)(text[i] - '0');
        for (; exponent; exponent--)
            value = down ? value / 10 : value * 10;
        text += length ? length : strlen(text);
    }
    return *text ? (double)NAN : minus ? -value : value;
}

static bool is_label_name(const char *name)
{
    static const char *const names[] = {"label", "labels", "class", "target", "y"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcasecmp(names[i], name))
            return true;
    return false;
}

static void add_field(struct csv *csv, char *text)
{
    size_t length = strlen(text);
    while (length && isspace((unsigned char)text[length - 1]))
        text[--length] = 0;
    while (isspace((unsigned char)*text))
        text++;
    if (csv->count == MAX_COLUMNS)
        die("%s:%zu: more than %d columns", bytes_path(csv->in), csv->line, MAX_COLUMNS);
    xgrow((void **)&csv->field, &csv->capacity, csv->count + 1, sizeof *csv->field);
    csv->field[csv->count++] = parse_number(text);
    if (csv->line == 1 && is_label_name(text))
        csv->label = (int)csv->count - 1;
}

/* Reads a line; false at the end. Quotes and a byte order mark are left out. */
static bool next_line(struct csv *csv)
{
    char text[MAX_FIELD] = "";
    size_t length = 0;
    int byte = bytes_next(csv->in);
    csv->count = 0;
    csv->line++;
    if (byte < 0)
        return false;
    for (; byte >= 0 && byte != '\n'; byte = bytes_next(csv->in)) {
        if (byte == ',' || byte == ';' || byte == '\t') {
            add_field(csv, text);
            memset(text, 0, sizeof text);
            length = 0;
        } else if (byte != '"' && byte != 0xef && byte != 0xbb && byte != 0xbf) {
            text[length] = (char)byte;
            length += length + 2 < sizeof text; /* a name may be longer; a number is not */
        }
    }
    add_field(csv, text);
    return true;
}

static bool is_blank(const struct csv *csv)
{
    return csv->count == 1 && isnan(csv->field[0]);
}

static bool has_numbers(const struct csv *csv)
{
    for (size_t i = 0; i < csv->count; i++)
        if (isnan(csv->field[i]))
            return false;
    return true;
}

/* The next row of numbers. */
static bool next_row_of(struct csv *csv)
{
    while (next_line(csv)) {
        if (csv->line == 1 && !has_numbers(csv)) {
            csv->header = true;
            continue;
        }
        if (is_blank(csv))
            continue;
        for (size_t i = 0; i < csv->count; i++)
            if (!isfinite(csv->field[i]))
                die("%s:%zu: column %zu is not a number", bytes_path(csv->in), csv->line, i + 1);
        return true;
    }
    return false;
}

static struct csv open_csv(const char *path)
{
    struct csv csv = {.in = bytes_open(path), .label = -1};
    unsigned char head[4];
    const char *foreign = bytes_foreign(head, bytes_read(csv.in, head, sizeof head));
    if (foreign)
        die("%s: %s", path, foreign);
    bytes_rewind(csv.in);
    return csv;
}

/* ---- 2. What the columns are */

/* Of a column: whether its numbers can be labels, and how many different ones there are. */
struct column {
    bool labels, seen[256];
    size_t different;
};

static void look_at(struct column *column, double value)
{
    if (!(value >= 0 && value <= 255 && value == floor(value))) {
        column->labels = false;
    } else if (!column->seen[(int)value]) {
        column->seen[(int)value] = true;
        column->different++;
    }
}

struct layout {
    size_t columns, label; /* label: its column */
    double factor;
    struct fmnn_shape shape;
    struct column first, last;
};

static bool find_shape(const struct import_settings *s, size_t pixels, struct fmnn_shape *shape)
{
    size_t side = (size_t)sqrt((double)pixels);
    *shape = (struct fmnn_shape){1, s->size.height, s->size.width};
    if (s->size.height)
        return s->size.height * s->size.width == pixels;
    *shape = (struct fmnn_shape){1, side, side};
    return side && side * side == pixels;
}

/* The column of the labels: as the header says; else the one of first and last whose numbers can be
   labels, are not all equal, and are fewer different ones. */
static void find_label(const struct csv *csv, struct layout *layout)
{
    const char *path = bytes_path(csv->in);
    bool first = layout->first.labels && layout->first.different > 1;
    bool last = layout->last.labels && layout->last.different > 1;
    if (csv->label >= 0) {
        layout->label = (size_t)csv->label;
        if (layout->label >= layout->columns)
            die("%s: the header has the labels in column %zu, but rows have %zu columns", path,
                layout->label + 1, layout->columns);
        return;
    }
    if (first && last)
        first = layout->first.different <= layout->last.different;
    if (!first && !last)
        die("%s: neither the first nor the last column holds labels: whole numbers from 0 to 255, "
            "of two classes or more",
            path);
    layout->label = first ? 0 : layout->columns - 1;
    note("%s: labels are taken from the %s column", path, first ? "first" : "last");
}

/* Pixels are fractions from 0 to 1 if none is above 1. */
static void find_scale(struct csv *csv, struct layout *layout)
{
    bool whole = true;
    double max = 0;
    bytes_rewind(csv->in);
    csv->line = 0;
    while (next_row_of(csv))
        for (size_t i = 0; i < layout->columns; i++) {
            double value = csv->field[i];
            if (i == layout->label)
                continue;
            if (!(value >= 0 && value <= 255))
                die("%s:%zu: pixel %g in column %zu; expected 0 to 255, or fractions from 0 to 1",
                    bytes_path(csv->in), csv->line, value, i + 1);
            whole &= value == floor(value);
            max = value > max ? value : max;
        }
    layout->factor = max <= 1 ? 255 : 1;
    if (max > 0 && max <= 1 && whole)
        note("%s: all pixels are 0 or 1, which become 0 and 255", bytes_path(csv->in));
}

/* False if the rows are images without labels. */
static bool survey(struct csv *csv, const struct import_settings *s, struct layout *layout)
{
    const char *path = bytes_path(csv->in);
    layout->first.labels = layout->last.labels = true;
    while (next_row_of(csv)) {
        if (!layout->columns)
            layout->columns = csv->count;
        if (csv->count != layout->columns)
            die("%s:%zu: %zu columns, but %zu before", path, csv->line, csv->count,
                layout->columns);
        look_at(&layout->first, csv->field[0]);
        look_at(&layout->last, csv->field[csv->count - 1]);
    }
    if (!layout->columns)
        die("%s: no row of numbers", path);
    if (csv->label < 0 && find_shape(s, layout->columns, &layout->shape))
        return false;
    if (!find_shape(s, layout->columns - 1, &layout->shape))
        die("%s: %zu columns are not a label and the pixels of a square image; name the size of "
            "the images with --size HxW",
            path, layout->columns);
    find_label(csv, layout);
    find_scale(csv, layout);
    return true;
}

/* ---- 3. Images */

static void read_csv(struct import *import, int part, const char *path)
{
    struct csv csv = open_csv(path);
    struct layout layout = {0};
    if (!survey(&csv, import->settings, &layout)) {
        note("%s: has pixels but no labels; left out", path);
    } else {
        uint8_t *pixels = xcalloc(layout.columns, 1);
        bytes_rewind(csv.in);
        csv.line = 0;
        while (next_row_of(&csv)) {
            char *source = text_format("%s:%zu", path, csv.line);
            size_t n = 0;
            for (size_t i = 0; i < layout.columns; i++)
                if (i != layout.label)
                    pixels[n++] = (uint8_t)(csv.field[i] * layout.factor + 0.5);
            import_add(import, part, layout.shape, pixels, csv.field[layout.label], source);
            free(source);
        }
        free(pixels);
    }
    free(csv.field);
    bytes_close(csv.in);
}

/* ---- 4. The source */

static bool ends_in(const char *name, const char *suffix)
{
    size_t length = strlen(name), n = strlen(suffix);
    return length > n && !strcasecmp(name + length - n, suffix);
}

static bool is_csv(const char *name)
{
    return ends_in(name, ".csv") || ends_in(name, ".csv.gz");
}

/* The first file whose name has the word, or the only one; malloc'ed, or NULL. */
static char *find(const char *directory, int part)
{
    char **list = list_directory(directory), *path = NULL, *only = NULL;
    size_t count = 0;
    for (char **name = list; name && *name; name++) {
        if (!is_csv(*name))
            continue;
        count++;
        bool test = strcasestr(*name, "test") != NULL;
        if (!path && (part == IMPORT_TEST ? test : strcasestr(*name, "train") != NULL))
            path = path_in(directory, *name, "");
        if (!only && !test)
            only = path_in(directory, *name, "");
    }
    free_list(list);
    if (!path && part == IMPORT_TRAIN && count == 1) {
        path = only;
        only = NULL;
    }
    free(only);
    return path;
}

bool is_csv_source(const struct import_settings *s)
{
    if (!is_directory(s->from))
        return is_csv(s->from);
    char *path = find(s->from, IMPORT_TRAIN);
    free(path);
    return path != NULL;
}

void read_csv_source(struct import *import)
{
    const char *from = import->settings->from;
    if (!is_directory(from)) {
        read_csv(import, IMPORT_TRAIN, from);
        return;
    }
    for (int part = 0; part < IMPORT_PARTS; part++) {
        char *path = find(from, part);
        if (path)
            read_csv(import, part, path);
        free(path);
    }
}
