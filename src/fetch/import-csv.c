/* import-csv.c -- tables of pixels, a row an image, as Kaggle has MNIST: with or without a header,
   the label first or last.

   A file is read three times: for the label's column, for the range of the pixels, and for the
   images. Two files are one data set, so column and range are decided once for both.

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
    int label;   /* of a header: the column that is called so; -1: none */
    bool header; /* the first line has a name */
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

/* What stands for a missing number, or an infinite one, names no column. */
static bool is_no_value(const char *text)
{
    static const char *const words[] = {"na",   "n/a",  "#n/a", "<na>",     "nan",
                                        "null", "none", "inf",  "infinity", "missing"};
    text += *text == '-' || *text == '+';
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcasecmp(words[i], text))
            return true;
    return false;
}

static bool is_name(const char *text)
{
    bool letters = false;
    for (const char *c = text; *c; c++)
        letters |= *c == '_' || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') ||
                   (unsigned char)*c >= 0x80;
    return letters && isnan(parse_number(text)) && !is_no_value(text);
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
    if (csv->line == 1)
        csv->header |= is_name(text);
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

/* The next row of numbers. */
static bool next_row_of(struct csv *csv)
{
    while (next_line(csv)) {
        if (is_blank(csv) || (csv->line == 1 && csv->header))
            continue;
        for (size_t i = 0; i < csv->count; i++)
            if (!isfinite(csv->field[i]))
                die("%s:%zu: column %zu is not a number", bytes_path(csv->in), csv->line, i + 1);
        return true;
    }
    return false;
}

static void begin_again(struct csv *csv)
{
    bytes_rewind(csv->in);
    csv->line = 0;
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

enum { VALUES = 256 };

/* A column that may hold labels: the rows of each number. */
struct column {
    size_t rows[VALUES];
    bool others; /* it has numbers that are no labels */
};

/* The column of the labels can be one of two. */
struct ends {
    struct column first, last;
    double between; /* the largest number in the columns between them, which are pixels */
};

/* The table of a part. */
struct table {
    struct csv csv;
    const char *path;
    int part;
    size_t columns, label; /* label: its column */
    bool labelled;
    struct fmnn_shape shape;
    struct ends ends;
    double max; /* of the pixels; and whether all are whole */
    bool whole;
};

static void look_at(struct column *column, double value)
{
    if (value >= 0 && value < VALUES && value == floor(value))
        column->rows[(int)value]++;
    else
        column->others = true;
}

static bool find_shape(const struct import_settings *s, size_t pixels, struct fmnn_shape *shape)
{
    size_t side = (size_t)sqrt((double)pixels);
    *shape = (struct fmnn_shape){1, s->size.height, s->size.width};
    if (s->size.height)
        return s->size.height * s->size.width == pixels;
    *shape = (struct fmnn_shape){1, side, side};
    return side && side * side == pixels;
}

/* Rows without labels have the pixels of an image alone. */
static void survey(struct table *t, const struct import_settings *s)
{
    while (next_row_of(&t->csv)) {
        const double *field = t->csv.field;
        if (!t->columns)
            t->columns = t->csv.count;
        if (t->csv.count != t->columns)
            die("%s:%zu: %zu columns, but %zu before", t->path, t->csv.line, t->csv.count,
                t->columns);
        look_at(&t->ends.first, field[0]);
        look_at(&t->ends.last, field[t->columns - 1]);
        for (size_t i = 1; i + 1 < t->columns; i++)
            t->ends.between = fmax(t->ends.between, field[i]);
    }
    if (!t->columns)
        die("%s: no row of numbers", t->path);
    t->labelled = t->csv.label >= 0 || !find_shape(s, t->columns, &t->shape);
    if (t->labelled && !find_shape(s, t->columns - 1, &t->shape))
        die("%s: %zu columns are not a label and the pixels of a square image; name the size of "
            "the images with --size HxW",
            t->path, t->columns);
}

static void add_column(struct column *to, const struct column *from)
{
    for (size_t value = 0; value < VALUES; value++)
        to->rows[value] += from->rows[value];
    to->others |= from->others;
}

static size_t largest(const struct column *column)
{
    size_t value = VALUES - 1;
    while (value && !column->rows[value])
        value--;
    return value;
}

/* Labels are whole numbers from 0, 1 or --first-label on, of which most occur. A pixel at the
   border can be so, too, but it is nearly always the same, and any other number is in a few
   rows. */
static bool looks_like_labels(const struct column *column, size_t first_label)
{
    size_t rows = 0, most = 0, different = 0, low = 0, high = largest(column);
    while (low < high && !column->rows[low])
        low++;
    for (size_t value = low; value <= high; value++) {
        rows += column->rows[value];
        different += column->rows[value] > 0;
        most = column->rows[value] > most ? column->rows[value] : most;
    }
    if (column->others || different < 2 || (low > 1 && low != first_label) ||
        2 * different <= high - low + 1)
        return false;
    size_t others = different - 1, rest = rows - most; /* what is not the most frequent number */
    bool below_1_percent = 2 * most > rows && 100 * rest < rows * others;
    bool below_3_rows = 5 * most > 4 * rows && rest < 3 * others;
    return !below_1_percent && !below_3_rows;
}

static bool has_range_of_pixels(const struct column *column, double largest_pixel)
{
    double largest_here = (double)largest(column);
    return largest_here <= largest_pixel && 2 * largest_here >= largest_pixel;
}

/* If both columns look like labels, those that do not have the range of the pixels are labels. A
   wrong choice would go unnoticed until the training, so there is none by chance. */
static bool first_has_labels(const struct ends *ends, const struct import_settings *s)
{
    bool first = looks_like_labels(&ends->first, s->first_label);
    bool last = looks_like_labels(&ends->last, s->first_label);
    if (!first && !last)
        die("%s: neither the first nor the last column looks like labels, whole numbers from 0 or "
            "1 on, of two classes or more; name the column in a header line: label",
            s->from);
    if (first && last) {
        first = !has_range_of_pixels(&ends->first, ends->between);
        last = !has_range_of_pixels(&ends->last, ends->between);
        if (first == last)
            die("%s: both the first and the last column look like labels; name the column in a "
                "header line: label",
                s->from);
    }
    return first;
}

static void add_ends(struct ends *to, const struct ends *from)
{
    add_column(&to->first, &from->first);
    add_column(&to->last, &from->last);
    to->between = fmax(to->between, from->between);
}

/* If one header names the labels, a header that does not is that of a table without them. Its first
   column may be numbers of rows. */
static void leave_out_unnamed(struct table *table, size_t count)
{
    bool named = false;
    for (size_t i = 0; i < count; i++)
        named |= table[i].csv.label >= 0;
    for (size_t i = 0; i < count; i++)
        if (named && table[i].csv.label < 0 && table[i].csv.header)
            table[i].labelled = false;
}

/* The labels of all tables: where a header names them; else in the column that all tables suggest
   together. */
static void find_labels(struct table *table, size_t count, const struct import_settings *s)
{
    struct ends ends = {.between = 0};
    bool named = false, search = false, first = false;
    size_t label = 0;
    for (size_t i = count; i-- > 0;)
        if (table[i].csv.label >= 0) {
            named = true;
            label = (size_t)table[i].csv.label;
        } else if (table[i].labelled) {
            search = true;
            add_ends(&ends, &table[i].ends);
        }
    if (search && !named) {
        first = first_has_labels(&ends, s);
        note("%s: labels are taken from the %s column", s->from, first ? "first" : "last");
    }
    for (size_t i = 0; i < count; i++) {
        struct table *t = &table[i];
        t->label = t->csv.label >= 0 ? (size_t)t->csv.label
                   : named           ? label
                   : first           ? 0
                                     : t->columns - 1;
        if (t->labelled && t->label >= t->columns)
            die("%s: the header has the labels in column %zu, but rows have %zu columns", t->path,
                t->label + 1, t->columns);
    }
}

static void find_range(struct table *t)
{
    t->whole = true;
    begin_again(&t->csv);
    while (next_row_of(&t->csv))
        for (size_t i = 0; i < t->columns; i++) {
            double value = t->csv.field[i];
            if (i == t->label)
                continue;
            if (!(value >= 0 && value <= 255))
                die("%s:%zu: pixel %g in column %zu; expected 0 to 255, or fractions from 0 to 1",
                    t->path, t->csv.line, value, i + 1);
            t->whole &= value == floor(value);
            t->max = fmax(t->max, value);
        }
}

/* Pixels are fractions from 0 to 1 if none of the data set is above 1. */
static double find_factor(struct table *table, size_t count, const char *from)
{
    const struct table *fractions = NULL, *bytes = NULL;
    double max = 0;
    for (size_t i = 0; i < count; i++) {
        struct table *t = &table[i];
        if (!t->labelled)
            continue;
        find_range(t);
        max = fmax(max, t->max);
        if (t->max > 1)
            bytes = t;
        else if (!t->whole)
            fractions = t;
    }
    if (fractions && bytes)
        die("%s: pixels are fractions up to %g, but in %s they are up to %g", fractions->path,
            fractions->max, bytes->path, bytes->max);
    if (max == 1 && !fractions)
        note("%s: all pixels are 0 or 1, which become 0 and 255", from);
    return max <= 1 ? 255 : 1;
}

/* ---- 3. Images */

static void add_images(struct import *import, struct table *t, double factor)
{
    uint8_t *pixels = xcalloc(t->columns, 1);
    begin_again(&t->csv);
    while (next_row_of(&t->csv)) {
        char *source = text_format("%s:%zu", t->path, t->csv.line);
        size_t n = 0;
        for (size_t i = 0; i < t->columns; i++)
            if (i != t->label)
                pixels[n++] = (uint8_t)(t->csv.field[i] * factor + 0.5);
        import_add(import, t->part, t->shape, pixels, t->csv.field[t->label], source);
        free(source);
    }
    free(pixels);
}

static void read_tables(struct import *import, struct table *table, size_t count)
{
    const struct import_settings *s = import->settings;
    for (size_t i = 0; i < count; i++) {
        table[i].csv = open_csv(table[i].path);
        survey(&table[i], s);
    }
    leave_out_unnamed(table, count);
    for (size_t i = 0; i < count; i++)
        if (!table[i].labelled)
            note("%s: has pixels but no labels; left out", table[i].path);
    find_labels(table, count, s);
    double factor = find_factor(table, count, s->from);
    for (size_t i = 0; i < count; i++) {
        if (table[i].labelled)
            add_images(import, &table[i], factor);
        free(table[i].csv.field);
        bytes_close(table[i].csv.in);
    }
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

static bool is_wanted(const char *name, const struct import_settings *s, bool own)
{
    struct part_name is = part_name(name, s);
    return is_csv(name) && !(own && is.part >= 0 && is.kind == OTHER_PREFIX);
}

/* The names of the tables in a directory; the list ends in NULL. If the data set's own name comes
   before one of them, those after other names do not count. */
static char **list_tables(const struct import_settings *s)
{
    char **list = list_directory(s->from);
    bool own = false;
    for (char **name = list; name && *name; name++)
        own |= is_csv(*name) && part_name(*name, s).kind == OWN_PREFIX;
    keep_names(list, is_wanted, s, own);
    return list;
}

/* How clearly a name stands for a part: "mnist-train.csv", "mnist-train-1.csv", "train.csv",
   others. */
static int clarity(const char *name, const struct part_name *is)
{
    const char *part = name + is->prefix;
    bool alone = part[strcspn(part, ".-_ ")] == '.';
    return is->kind == OWN_PREFIX ? 2 + alone : is->kind == NO_PREFIX && alone;
}

static bool is_same_table(const char *plain, const char *packed)
{
    size_t length = strlen(plain);
    return !strncmp(plain, packed, length) && !strcasecmp(packed + length, ".gz");
}

/* The names that stand for a part most clearly: the first, and another one; NULL: none. */
static const char *find_name(char **list, const struct import_settings *s, int part,
                             const char **rival)
{
    const char *found = NULL;
    int best = -1;
    *rival = NULL;
    for (char **name = list; name && *name; name++) {
        struct part_name is = part_name(*name, s);
        int how = clarity(*name, &is);
        bool only = is.part < 0 && part == IMPORT_TRAIN && !list[1];
        if ((is.part != part && !only) || how < best)
            continue;
        if (how > best)
            *rival = NULL;
        else if (!is_same_table(found, *name))
            *rival = *name;
        found = how > best ? *name : found;
        best = how;
    }
    return found;
}

bool is_csv_source(const struct import_settings *s)
{
    if (!is_directory(s->from))
        return is_csv(s->from);
    const char *rival;
    char **list = list_tables(s);
    bool found = find_name(list, s, IMPORT_TRAIN, &rival) != NULL;
    free_list(list);
    return found;
}

/* The paths of the tables in a directory, malloc'ed. */
static void find_tables(const struct import_settings *s, char *path[IMPORT_PARTS])
{
    char **list = list_tables(s);
    const char *name[IMPORT_PARTS], *rival;
    size_t count = 0;
    for (int part = 0; part < IMPORT_PARTS; part++) {
        const char *found = find_name(list, s, part, &rival);
        if (rival)
            die("%s: several tables have '%s' in their names, %s and %s; name one of the files, or "
                "move the others away",
                s->from, part == IMPORT_TRAIN ? "train" : "test", found, rival);
        if (found) {
            path[part] = path_in(s->from, found, "");
            name[count++] = found;
        }
    }
    refuse_mixture(s, name, count);
    free_list(list);
}

void read_csv_source(struct import *import)
{
    const struct import_settings *s = import->settings;
    struct table table[IMPORT_PARTS] = {{.part = IMPORT_TRAIN}};
    char *path[IMPORT_PARTS] = {NULL};
    size_t count = 0;
    if (is_directory(s->from)) {
        find_tables(s, path);
        import->names = names_of_source(s);
    } else {
        path[IMPORT_TRAIN] = text_format("%s", s->from);
    }
    for (int part = 0; part < IMPORT_PARTS; part++)
        if (path[part])
            table[count++] = (struct table){.path = path[part], .part = part};
    read_tables(import, table, count);
    for (int part = 0; part < IMPORT_PARTS; part++)
        free(path[part]);
}
