/* compare.c -- compares two predictions of the same images. The second table is held as a sorted
   list of its images; of the first, which is streamed, only the images that the second lacks. The
   classes of both are numbers or names by the rules of the first.

   Contents: 1. The second table  2. Rows of the first table  3. The result */
#include "confusion/compare.h"

struct entry {
    char *image;
    int label, predicted; /* -1: none */
    size_t line;
    bool matched; /* the first table has it too */
};

struct images {
    struct entry *entries;
    size_t count, capacity;
};

struct column {
    int at;     /* -1: there is none */
    bool names; /* it has names only */
    int beside; /* the column of the names of its numbers; -1: there is none */
};

struct comparison {
    const struct comparison_request *request;
    struct fmnn_table *table; /* the second, until it is read */
    char *name;               /* of the second table */
    char *predicted;          /* name of the second prediction's column */
    struct images images;     /* of the second table, sorted */
    /* Of the first table, known from its first row on. */
    struct reader *reader;
    size_t image;         /* column */
    struct column second; /* of the second prediction, if that is in this table */
    char *first_name;
    struct images left_out;
    bool turned; /* numbers became names while a row of the second table was read */
    struct comparison_counts counts;
};

/* ---- 1. The second table ---- */

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = strcmp(x->image, y->image);
    return order ? order : (x->line > y->line) - (x->line < y->line);
}

static void add_entry(struct images *images, const struct entry *entry)
{
    xgrow((void **)&images->entries, &images->capacity, images->count + 1, sizeof *entry);
    images->entries[images->count++] = *entry;
}

/* Sorted, not hashed: no choice of names makes sorting slow. */
static void sort_entries(struct images *images, const char *table)
{
    struct entry *entries = images->entries;
    if (images->count)
        qsort(entries, images->count, sizeof *entries, compare_entries);
    for (size_t i = 1; i < images->count; i++)
        if (!strcmp(entries[i - 1].image, entries[i].image))
            die("%s:%zu: image '%.200s' again, first in line %zu: no image may occur twice", table,
                entries[i].line, entries[i].image, entries[i - 1].line);
}

static void free_entries(struct images *images)
{
    for (size_t i = 0; i < images->count; i++)
        free(images->entries[i].image);
    free(images->entries);
}

static void open_second(struct comparison *c)
{
    const struct comparison_request *request = c->request;
    const char *const columns[] = {request->label_column, NULL};
    struct fmnn_error error;
    c->table = open_table_columns(request->file, FMNN_TABLE_ROWS, columns, NULL);
    c->name = text_format("%s", fmnn_table_name(c->table));
    need_column(c->table, "image");
    need_column(c->table, c->predicted);
    if (request->only && fmnn_table_find(c->table, "split") >= 0 &&
        fmnn_table_only(c->table, request->only, &error) != 0)
        die_error(&error);
}

/* The columns of the second labels and predictions. If the first table has names in place of
   labels, names are compared: the numbers may be those of another list. */
static struct column find_labels(const struct comparison *c)
{
    const char *name = c->request->label_column;
    int named = name ? fmnn_table_find(c->table, name) : -1;
    int label = fmnn_table_find(c->table, "label"), class = fmnn_table_find(c->table, "class");
    if (named >= 0 && named != label)
        return (struct column){named, false, -1};
    if (class >= 0 && reader_has_names(c->reader))
        return (struct column){class, true, -1};
    return (struct column){label, false, class};
}

static struct column find_predictions(const struct comparison *c, const struct fmnn_table *table)
{
    char *name = suffixed("predicted_class", c->request->suffix);
    int numbers = (int)need_column(table, c->predicted), class = fmnn_table_find(table, name);
    free(name);
    if (class >= 0 && reader_has_names(c->reader))
        return (struct column){class, true, -1};
    return (struct column){numbers, false, class};
}

/* A class, which must have the same name as in the first table. */
static int second_class(const struct comparison *c, const struct fmnn_table *table,
                        const struct column *column)
{
    if (column->at < 0)
        return -1;
    int class = reader_class(c->reader, table, (size_t)column->at, column->names);
    reader_pair(c->reader, table, class, (size_t)column->at, column->beside);
    return class;
}

void comparison_turned(void *comparison)
{
    struct comparison *c = comparison;
    for (size_t i = 0; i < c->images.count; i++) {
        struct entry *entry = &c->images.entries[i];
        entry->label = reader_word(c->reader, entry->label);
        entry->predicted = reader_word(c->reader, entry->predicted);
    }
    c->turned = true;
}

static void read_entries(struct comparison *c)
{
    struct fmnn_table *table = c->table;
    size_t image = need_column(table, "image");
    struct column labels = find_labels(c), predictions = find_predictions(c, table);
    while (next_row(table)) {
        struct entry entry = {.image = text_format("%s", fmnn_table_field(table, image)),
                              .line = fmnn_table_line(table)};
        do {
            c->turned = false;
            entry.label = second_class(c, table, &labels);
            entry.predicted = second_class(c, table, &predictions);
        } while (c->turned);
        add_entry(&c->images, &entry);
    }
    fmnn_table_close(table);
    c->table = NULL;
    sort_entries(&c->images, c->name);
}

struct comparison *comparison_open(const struct comparison_request *request)
{
    struct comparison *c = xcalloc(1, sizeof *c);
    c->request = request;
    c->predicted = suffixed("predicted", request->suffix);
    if (request->file)
        open_second(c);
    return c;
}

/* ---- 2. Rows of the first table ---- */

static const char added[] = "predicted_against";

/* A list has the second prediction in a column that --suffix against selects. */
static void print_header(const struct comparison *c, const struct fmnn_table *table)
{
    size_t columns = fmnn_table_columns(table);
    if (c->request->file && fmnn_table_find(table, added) >= 0)
        die("%s: --list adds a column '%s', but the table already has one", fmnn_table_name(table),
            added);
    for (size_t i = 0; i < columns; i++)
        printf("%s%s", i ? "\t" : "", fmnn_table_column(table, i));
    printf(c->request->file ? "\t%s\n" : "\n", added);
}

/* The second table's row of this image, which no row has matched yet; NULL if it has none. */
static struct entry *take_entry(struct comparison *c, const char *image, size_t line)
{
    size_t low = 0, high = c->images.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(c->images.entries[middle].image, image) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    struct entry *entry = low < c->images.count ? &c->images.entries[low] : NULL;
    if (!entry || strcmp(entry->image, image) != 0)
        return NULL;
    if (entry->matched)
        die("%s:%zu: image '%.200s' again: no image may occur twice", c->first_name, line, image);
    entry->matched = true;
    return entry;
}

static struct entry *match(struct comparison *c, const struct fmnn_table *table, int label)
{
    struct entry *entry = take_entry(c, fmnn_table_field(table, c->image), fmnn_table_line(table));
    if (entry && label >= 0 && entry->label >= 0 && entry->label != label)
        die_at_row(table, "image '%.200s' has label %.100s, but %.100s in %s:%zu", entry->image,
                   reader_text(c->reader, label), reader_text(c->reader, entry->label), c->name,
                   entry->line);
    if (entry && label >= 0 && entry->predicted < 0)
        die("%s:%zu: image '%.200s' has no prediction", c->name, entry->line, entry->image);
    return entry;
}

/* The image is not compared, but must not occur again either. */
static void leave_out(struct comparison *c, const struct fmnn_table *table)
{
    const struct entry entry = {.image = text_format("%s", fmnn_table_field(table, c->image)),
                                .line = fmnn_table_line(table)};
    add_entry(&c->left_out, &entry);
}

/* A row before the first label: the second table has not been read. */
static void early_row(struct comparison *c, const struct fmnn_table *table)
{
    if (!c->request->file)
        return;
    c->image = need_column(table, "image");
    leave_out(c, table);
}

/* The images of rows before the first label were left out, but the second table may have them. */
static void match_early_rows(struct comparison *c)
{
    struct images early = c->left_out;
    c->left_out = (struct images){0};
    for (size_t i = 0; i < early.count; i++)
        if (take_entry(c, early.entries[i].image, early.entries[i].line))
            free(early.entries[i].image);
        else
            add_entry(&c->left_out, &early.entries[i]);
    free(early.entries);
}

void comparison_start(void *comparison, struct reader *reader, struct fmnn_table *table)
{
    struct comparison *c = comparison;
    c->reader = reader;
    c->first_name = text_format("%s", fmnn_table_name(table));
    if (c->request->file) {
        c->image = need_column(table, "image");
        read_entries(c);
        match_early_rows(c);
    } else {
        c->second = find_predictions(c, table);
        if ((size_t)c->second.at == reader_predicted(reader))
            usage_error("the predictions in the column '%s' are compared with themselves",
                        c->predicted);
        reader_also(reader, (size_t)c->second.at, c->second.names);
    }
    if (c->request->list)
        print_header(c, table);
}

static void list_row(const struct comparison *c, struct fmnn_table *table, int second)
{
    size_t columns = fmnn_table_columns(table);
    for (size_t i = 0; i < columns; i++)
        printf("%s%s", i ? "\t" : "", fmnn_table_field(table, i));
    if (c->request->file) {
        char *text = reader_text(c->reader, second);
        printf("\t%s", text);
        free(text);
    }
    putchar('\n');
}

static void compare(struct comparison *c, struct fmnn_table *table, int label, int predicted,
                    uint64_t count)
{
    struct entry *entry = NULL;
    if (c->request->file && !(entry = match(c, table, label))) {
        leave_out(c, table);
        return;
    }
    if (label < 0)
        return;
    int second = entry ? entry->predicted : second_class(c, table, &c->second);
    if (second < 0)
        die_at_row(table, "the row has a label, but '%s' is empty", c->predicted);
    enum agreement kind = predicted == label ? second == label ? BOTH_CORRECT : FIRST_CORRECT
                          : second == label  ? SECOND_CORRECT
                                             : NEITHER_CORRECT;
    c->counts.rows[kind] += count;
    if (c->request->list & 1U << kind)
        list_row(c, table, second);
}

void comparison_row(void *comparison, struct fmnn_table *table, int label, int predicted,
                    uint64_t count)
{
    struct comparison *c = comparison;
    if (c->reader)
        compare(c, table, label, predicted, count);
    else
        early_row(c, table);
    /* The list keeps pace with an input that pauses, whatever the row was. */
    if (c->request->list && fmnn_table_paused(table) && fflush(stdout) != 0)
        die_stdout();
}

/* ---- 3. The result ---- */

struct comparison_counts comparison_finish(struct comparison *c)
{
    struct comparison_counts counts = c->counts;
    uint64_t sum = 0;
    sort_entries(&c->left_out, c->first_name);
    counts.left_out = c->left_out.count;
    for (size_t i = 0; i < c->images.count; i++)
        counts.left_out_against += !c->images.entries[i].matched;
    for (size_t i = 0; i < AGREEMENTS; i++)
        sum += counts.rows[i];
    if (!sum)
        die("%s and %s have no labelled image in common: there is nothing to compare",
            c->first_name, c->name);
    if (counts.left_out || counts.left_out_against)
        note("left out images that only one table has: %llu of %s, %llu of %s",
             (unsigned long long)counts.left_out, c->first_name,
             (unsigned long long)counts.left_out_against, c->name);
    return counts;
}

void comparison_close(struct comparison *c)
{
    if (!c)
        return;
    free_entries(&c->images);
    free_entries(&c->left_out);
    free(c->predicted);
    free(c->first_name);
    free(c->name);
    free(c);
}
