/* predictions.c -- reads a table of predictions, or of their counts, into a confusion matrix.

   Contents: 1. Columns  2. Rows  3. The table */
#include "common/predictions.h"

#include <errno.h>
#include <math.h>

struct reader {
    const struct matrix_request *request;
    struct fmnn_table *table;
    size_t label, predicted;
    int image, count;     /* columns; -1: missing */
    bool headless;        /* it looks like a table of counts without a header */
    size_t *probability;  /* the columns p0, p1, ... */
    size_t probabilities; /* their number, up to the first gap */
    bool entropy;         /* the cross-entropy can still be computed */
    double *p;            /* the probabilities of one row, for top-K */
    int confidence;       /* column; -1: missing */
    struct matrix *matrix;
};

/* ---- 1. Columns ---- */

/* A table must be opened before it is known whether it has rows or counts. fmnn_table_open() takes
   three columns without names for those of a sample table. */
static bool looks_headless(const struct fmnn_table *table)
{
    return fmnn_table_columns(table) == 3 && fmnn_table_find(table, "image") == 0 &&
           fmnn_table_find(table, "label") == 1 && fmnn_table_find(table, "split") == 2;
}

static void find_probabilities(struct reader *r)
{
    size_t columns = fmnn_table_columns(r->table);
    size_t max = columns < FMNN_CONFUSION_MAX_CLASSES ? columns : FMNN_CONFUSION_MAX_CLASSES;
    r->probability = xcalloc(max, sizeof *r->probability);
    for (; r->probabilities < max; r->probabilities++) {
        char word[32];
        snprintf(word, sizeof word, "p%zu", r->probabilities);
        char *name = suffixed(word, r->request->suffix);
        int column = fmnn_table_find(r->table, name);
        free(name);
        if (column < 0)
            break;
        r->probability[r->probabilities] = (size_t)column;
    }
}

static void find_confidence(struct reader *r)
{
    char *name = suffixed("confidence", r->request->suffix);
    r->confidence = r->request->must_calibrate ? (int)need_column(r->table, name)
                    : r->request->bins         ? fmnn_table_find(r->table, name)
                                               : -1;
    free(name);
}

static void find_columns(struct reader *r)
{
    r->confidence = -1;
    r->image = fmnn_table_find(r->table, "image");
    r->headless = !r->request->suffix && looks_headless(r->table);
    if (r->headless) {
        r->label = 0;
        r->predicted = 1;
        r->count = 2;
        r->image = -1;
        if (r->request->must_calibrate)
            need_column(r->table, "confidence");
        return;
    }
    char *predicted = suffixed("predicted", r->request->suffix);
    r->label = need_column(r->table, "label");
    r->predicted = need_column(r->table, predicted);
    free(predicted);
    /* In a table of images a column `count` means something else. */
    r->count = r->image < 0 ? fmnn_table_find(r->table, "count") : -1;
    if (r->request->entropy || r->request->top)
        find_probabilities(r);
    find_confidence(r);
}

/* ---- 2. Rows ---- */

/* The names decide the number of classes, so they must be known before the first count. */
static void learn_names(struct reader *r)
{
    struct fmnn_images *images = open_images(r->request->data);
    const char *image = r->image < 0 ? NULL : fmnn_table_field(r->table, (size_t)r->image);
    r->matrix->names = class_names(r->request->classes, images, image);
    fmnn_images_free(images);
}

/* Top-K was asked for, so its lack is trouble; the cross-entropy is optional. */
static void check_probabilities(struct reader *r, size_t named)
{
    size_t top = r->request->top, found = r->probabilities;
    bool complete = found > 0 && (!named || found == named);
    r->entropy = r->request->entropy && complete;
    if (top && !found)
        need_column(r->table,
                    suffixed("p0", r->request->suffix)); /* fails with the right message */
    if (top && !complete)
        die("%s: no top-%zu accuracy: the table has probabilities of %zu classes, but %zu have "
            "names",
            fmnn_table_name(r->table), top, found, named);
    if (top > found)
        usage_error("--top: %zu is more than the number of classes, %zu", top, found);
    r->p = top ? xcalloc(found, sizeof *r->p) : NULL;
    if (found && !complete)
        note("no cross-entropy: the table has probabilities of %zu classes, but %zu have names",
             found, named);
}

/* Called at the first row. */
static void start(struct reader *r)
{
    struct fmnn_error error;
    const char *first = fmnn_table_field(r->table, 0);
    if (r->headless && first[strspn(first, "0123456789")])
        need_column(r->table, "predicted"); /* fails: it is a sample table, without predictions */
    learn_names(r);
    size_t named = r->matrix->names ? r->matrix->names->count : 0;
    r->matrix->counts = fmnn_confusion_new(named, &error);
    if (!r->matrix->counts)
        die_error(&error);
    if (r->confidence >= 0 &&
        !(r->matrix->calibration = fmnn_calibration_new(r->request->bins, &error)))
        die_error(&error);
    check_probabilities(r, named);
}

static int read_class(const struct reader *r, size_t column)
{
    size_t named = r->matrix->names ? r->matrix->names->count : FMNN_CONFUSION_MAX_CLASSES;
    return row_label(r->table, column, named);
}

static uint64_t read_count(const struct reader *r)
{
    if (r->count < 0)
        return 1;
    const char *text = fmnn_table_field(r->table, (size_t)r->count);
    if (!text[0] || text[strspn(text, "0123456789")])
        die_at_row(r->table, "the count is not a whole number");
    errno = 0;
    unsigned long long count = strtoull(text, NULL, 10);
    if (errno || count > INT64_MAX)
        die_at_row(r->table, "the count is too large");
    return count;
}

static double read_probability(const struct reader *r, size_t label)
{
    struct fmnn_error error;
    double p;
    if (fmnn_table_number(r->table, r->probability[label], &p, &error) != 0)
        die_error(&error);
    if (p < 0 || p > 1.000001) /* 1 and rounding */
        die_at_row(r->table, "a probability is not in 0..1");
    return p;
}

static void add_probability(struct reader *r, size_t label, uint64_t count)
{
    if (label < r->probabilities) {
        fmnn_confusion_add_probability(r->matrix->counts, read_probability(r, label), count);
        return;
    }
    note("no cross-entropy: class %zu has no column of probabilities", label);
    r->entropy = false;
}

/* Of equal probabilities the first ranks first, as in fm-predict. */
static void add_top(struct reader *r, size_t label, uint64_t count)
{
    size_t before = 0;
    if (label >= r->probabilities)
        die_at_row(r->table, "class %zu has no column of probabilities", label);
    for (size_t i = 0; i < r->probabilities; i++)
        r->p[i] = read_probability(r, i);
    for (size_t i = 0; i < r->probabilities; i++)
        before += r->p[i] > r->p[label] || (i < label && r->p[i] == r->p[label]);
    if (before < r->request->top)
        r->matrix->top_correct += count;
}

static void add_confidence(struct reader *r, bool correct, uint64_t count)
{
    struct fmnn_error error;
    double confidence;
    if (fmnn_table_number(r->table, (size_t)r->confidence, &confidence, &error) != 0) {
        /* the message has the line number already */
    } else if (fmnn_calibration_add(r->matrix->calibration, confidence, correct, count, &error) !=
               0) {
        char why[sizeof error.message];
        memcpy(why, error.message, sizeof why);
        fmnn_table_fail(r->table, &error, "%s", why);
    } else {
        return;
    }
    if (r->request->must_calibrate)
        die_error(&error);
    note("no calibration error: %s", error.message);
    fmnn_calibration_free(r->matrix->calibration);
    r->matrix->calibration = NULL;
}

static void add_row(struct reader *r)
{
    struct fmnn_error error;
    const struct matrix_request *request = r->request;
    uint64_t count = read_count(r);
    int label = read_class(r, r->label), predicted = -1;
    if (label >= 0 && (predicted = read_class(r, r->predicted)) < 0)
        die_at_row(r->table, "the row has a label, but no prediction");
    if (request->each)
        request->each(request->context, r->table, label, predicted, count);
    if (label < 0) {
        r->matrix->skipped += count;
        return;
    }
    if (fmnn_confusion_add(r->matrix->counts, (size_t)label, (size_t)predicted, count, &error) != 0)
        die_at_row(r->table, "%s", error.message);
    if (request->top)
        add_top(r, (size_t)label, count);
    if (r->entropy)
        add_probability(r, (size_t)label, count);
    if (r->matrix->calibration)
        add_confidence(r, label == predicted, count);
}

/* ---- 3. The table ---- */

static void check(const struct reader *r)
{
    const char *name = fmnn_table_name(r->table), *only = r->request->only;
    uint64_t skipped = r->matrix->skipped;
    if (!r->matrix->counts)
        die("%s: no rows%s%s: there is nothing to %s", name, only ? " of split " : "",
            only ? only : "", r->request->purpose);
    if (!fmnn_confusion_total(r->matrix->counts))
        die("%s: no row has a label: there is nothing to %s", name, r->request->purpose);
    if (skipped)
        note("%s: skipped %llu row%s without a label", name, (unsigned long long)skipped,
             skipped == 1 ? "" : "s");
}

struct matrix matrix_read(const struct matrix_request *request)
{
    struct matrix matrix = {.cross_entropy = (double)NAN};
    struct reader r = {.request = request, .matrix = &matrix};
    r.table = open_table(request->table, FMNN_TABLE_ROWS, request->only);
    find_columns(&r);
    while (next_row(r.table)) {
        if (!matrix.counts)
            start(&r);
        add_row(&r);
    }
    check(&r);
    if (r.entropy)
        matrix.cross_entropy = fmnn_confusion_cross_entropy(matrix.counts);
    free(r.probability);
    free(r.p);
    fmnn_table_close(r.table);
    return matrix;
}

void matrix_free(struct matrix *matrix)
{
    fmnn_confusion_free(matrix->counts);
    fmnn_calibration_free(matrix->calibration);
    fmnn_names_free(matrix->names);
}

char *matrix_class(const struct matrix *matrix, size_t i)
{
    size_t label = fmnn_confusion_label(matrix->counts, i);
    return matrix->names ? text_format("%s", matrix->names->name[label])
                         : text_format("%zu", label);
}
