/* against.c -- two predictions of the same images. The second table is held as a sorted list of
   its images, the first one streams.

   Contents: 1. The second table  2. Rows of the first  3. The end */
#include "confusion/compare.h"

struct entry {
    char *image;
    int label, predicted; /* -1: none */
    size_t line;
    bool met; /* the first table has it too */
};

struct against {
    const struct against_request *request;
    char *name;      /* of the second table */
    char *predicted; /* the name of the second prediction's column */
    struct entry *entries;
    size_t count, capacity;
    /* Columns of the first table, known from its first row on. */
    bool started;
    size_t image, second;
    char *first_name;
    struct comparison result;
};

/* ---- 1. The second table ---- */

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = strcmp(x->image, y->image);
    return order ? order : (x->line > y->line) - (x->line < y->line);
}

/* Sorted rather than hashed: no choice of names makes that slow. */
static void sort_entries(struct against *a)
{
    if (a->count)
        qsort(a->entries, a->count, sizeof *a->entries, compare_entries);
    for (size_t i = 1; i < a->count; i++)
        if (!strcmp(a->entries[i - 1].image, a->entries[i].image))
            die("%s:%zu: image '%.200s' again, as in line %zu", a->name, a->entries[i].line,
                a->entries[i].image, a->entries[i - 1].line);
}

static void read_entries(struct against *a)
{
    const struct against_request *request = a->request;
    struct fmnn_table *table = open_table(request->file, FMNN_TABLE_ROWS, NULL);
    struct fmnn_error error;
    size_t image = need_column(table, "image"), predicted = need_column(table, a->predicted);
    int label = fmnn_table_find(table, "label");
    a->name = text_format("%s", fmnn_table_name(table));
    if (request->only && fmnn_table_find(table, "split") >= 0 &&
        fmnn_table_only(table, request->only, &error) != 0)
        die_error(&error);
    while (next_row(table)) {
        struct entry entry = {.image = text_format("%s", fmnn_table_field(table, image)),
                              .label = label < 0 ? -1 : row_label(table, (size_t)label, 0),
                              .predicted = row_label(table, predicted, 0),
                              .line = fmnn_table_line(table)};
        grow((void **)&a->entries, &a->capacity, a->count + 1, sizeof *a->entries);
        a->entries[a->count++] = entry;
    }
    fmnn_table_close(table);
    sort_entries(a);
}

struct against *against_open(const struct against_request *request)
{
    struct against *a = allocate(1, sizeof *a);
    a->request = request;
    a->predicted = suffixed("predicted", request->suffix);
    if (request->file)
        read_entries(a);
    return a;
}

/* ---- 2. Rows of the first ---- */

static const char added[] = "predicted_against";

/* Lists have the second prediction as a column, which --suffix against names. */
static void print_header(const struct against *a, const struct fmnn_table *table)
{
    size_t columns = fmnn_table_columns(table);
    if (a->request->file && fmnn_table_find(table, added) >= 0)
        die("%s: there is a column '%s' already", fmnn_table_name(table), added);
    for (size_t i = 0; i < columns; i++)
        printf("%s%s", i ? "\t" : "", fmnn_table_column(table, i));
    printf(a->request->file ? "\t%s\n" : "\n", added);
}

static void start(struct against *a, const struct fmnn_table *table)
{
    a->started = true;
    a->first_name = text_format("%s", fmnn_table_name(table));
    if (a->request->file)
        a->image = need_column(table, "image");
    else
        a->second = need_column(table, a->predicted);
    if (a->request->list)
        print_header(a, table);
}

/* The other table's row of this image; NULL where it has none. */
static struct entry *meet(struct against *a, const struct fmnn_table *table, int label)
{
    const char *image = fmnn_table_field(table, a->image);
    size_t low = 0, high = a->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(a->entries[middle].image, image) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    struct entry *entry = low < a->count ? &a->entries[low] : NULL;
    if (!entry || strcmp(entry->image, image) != 0)
        return NULL;
    if (entry->met)
        die_at_row(table, "image '%.200s' again: each image can be compared once", entry->image);
    entry->met = true;
    if (label >= 0 && entry->label >= 0 && entry->label != label)
        die_at_row(table, "label %d of '%.200s', but %d at %s:%zu", label, entry->image,
                   entry->label, a->name, entry->line);
    if (label >= 0 && entry->predicted < 0)
        die("%s:%zu: there is no prediction", a->name, entry->line);
    return entry;
}

static void list_row(const struct against *a, struct fmnn_table *table, int second)
{
    size_t columns = fmnn_table_columns(table);
    for (size_t i = 0; i < columns; i++)
        printf("%s%s", i ? "\t" : "", fmnn_table_field(table, i));
    if (a->request->file)
        printf("\t%d", second);
    putchar('\n');
}

void against_row(void *against, struct fmnn_table *table, int label, int predicted, uint64_t count)
{
    struct against *a = against;
    struct entry *entry = NULL;
    if (!a->started)
        start(a, table);
    if (a->request->file && !(entry = meet(a, table, label))) {
        a->result.alone += label >= 0;
        return;
    }
    if (label < 0)
        return;
    int second = entry ? entry->predicted : row_label(table, a->second, 0);
    if (second < 0)
        die_at_row(table, "there is a label, but '%s' is empty", a->predicted);
    enum agreement kind = predicted == label ? second == label ? BOTH_RIGHT : FIRST_RIGHT
                          : second == label  ? SECOND_RIGHT
                                             : NEITHER_RIGHT;
    a->result.rows[kind] += count;
    if (a->request->list & 1U << kind)
        list_row(a, table, second);
    /* What has come is passed on when the input pauses; a failed write shows at the end. */
    if (a->request->list && fmnn_table_paused(table) && fflush(stdout) != 0)
        die_stdout();
}

/* ---- 3. The end ---- */

struct comparison against_result(const struct against *a)
{
    struct comparison result = a->result;
    uint64_t sum = 0;
    for (size_t i = 0; i < a->count; i++)
        result.alone_there += !a->entries[i].met;
    for (size_t i = 0; i < AGREEMENTS; i++)
        sum += result.rows[i];
    if (!sum)
        die("%s: no image with a label is in %s too: there is nothing to compare", a->first_name,
            a->name);
    if (result.alone || result.alone_there)
        note("left out: %llu of the images of %s and %llu of %s, which the other has not",
             (unsigned long long)result.alone, a->first_name,
             (unsigned long long)result.alone_there, a->name);
    return result;
}

void against_close(struct against *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->count; i++)
        free(a->entries[i].image);
    free(a->entries);
    free(a->predicted);
    free(a->first_name);
    free(a->name);
    free(a);
}
