/* ranking.c -- ROC and precision-recall curves of one class against the rest, and the areas below
   them. The probabilities of a class are held as integers that sort like them, with a bit for the
   class of the image, so that they can be sorted in place.

   Contents: 1. Collecting  2. Walking  3. Areas  4. Curves */
#include "base/float.h"
#include "metrics/pairwise.h"

#include <math.h>

struct column {
    uint64_t *key; /* the bits of a probability, then 1 if the image is of this class */
    size_t capacity;
    uint64_t positives;
};

struct fmnn_ranking {
    size_t classes, rows;
    bool sorted; /* each column, the highest probability first */
    struct column column[];
};

/* ---- 1. Collecting ---- */

struct fmnn_ranking *fmnn_ranking_new(size_t classes, struct fmnn_error *err)
{
    if (classes < 1 || classes > FMNN_CONFUSION_MAX_CLASSES) {
        fm_fail(err, FMNN_USAGE, "a ranking of %zu classes: expected 1 to %d", classes,
                FMNN_CONFUSION_MAX_CLASSES);
        return NULL;
    }
    struct fmnn_ranking *r = fm_alloc(1, sizeof *r + classes * sizeof *r->column, err);
    if (r)
        r->classes = classes;
    return r;
}

void fmnn_ranking_free(struct fmnn_ranking *r)
{
    for (size_t i = 0; r && i < r->classes; i++)
        free(r->column[i].key);
    free(r);
}

/* Bits of numbers that are not negative sort like the numbers. */
static uint64_t key_of(double probability, bool positive)
{
    uint64_t bits;
    probability = probability > 0 ? probability : 0; /* -0 becomes 0 */
    memcpy(&bits, &probability, sizeof bits);
    return bits << 1 | positive;
}

int fmnn_ranking_add(struct fmnn_ranking *r, size_t truth, const double *probabilities,
                     struct fmnn_error *err)
{
    if (truth >= r->classes)
        return fm_fail(err, FMNN_DATA, "no class %zu: the classes are 0 to %zu", truth,
                       r->classes - 1);
    for (size_t i = 0; i < r->classes; i++) {
        struct column *column = &r->column[i];
        double p = probabilities[i];
        if (!(p >= 0 && p <= 1.000001)) /* rounding may have gone beyond 1 */
            return fm_fail(err, FMNN_DATA, "a probability is not in 0..1");
        if (fm_grow((void **)&column->key, &column->capacity, r->rows + 1, sizeof *column->key,
                    err) != 0)
            return -1;
        column->key[r->rows] = key_of(p, i == truth);
        column->positives += i == truth;
    }
    r->rows++;
    r->sorted = false;
    return 0;
}

static int compare_keys(const void *a, const void *b)
{
    const uint64_t *p = a, *q = b;
    return (*p < *q) - (*p > *q);
}

static void sort_columns(struct fmnn_ranking *r)
{
    for (size_t i = 0; i < r->classes && !r->sorted && r->rows; i++)
        qsort(r->column[i].key, r->rows, sizeof(uint64_t), compare_keys);
    r->sorted = true;
}

/* ---- 2. Walking ---- */

/* Keys from the highest on: those of a column, or of all columns at once. */
struct walk {
    const struct fmnn_ranking *ranking;
    size_t *at;   /* of each column: the next key */
    size_t *heap; /* columns that are not at their end, the one with the highest key first */
    size_t count;
    uint64_t positives, negatives; /* so far */
};

static uint64_t next_key(const struct walk *w, size_t column)
{
    return w->ranking->column[column].key[w->at[column]];
}

static void sink(struct walk *w, size_t i)
{
    for (size_t child; (child = 2 * i + 1) < w->count; i = child) {
        if (child + 1 < w->count && next_key(w, w->heap[child + 1]) > next_key(w, w->heap[child]))
            child++;
        if (next_key(w, w->heap[child]) <= next_key(w, w->heap[i]))
            return;
        size_t other = w->heap[child];
        w->heap[child] = w->heap[i];
        w->heap[i] = other;
    }
}

/* All columns from `first` on. */
static int start_walk(struct walk *w, const struct fmnn_ranking *r, size_t first, size_t count,
                      struct fmnn_error *err)
{
    *w = (struct walk){.ranking = r, .count = r->rows ? count : 0};
    w->at = fm_alloc(r->classes, sizeof *w->at, err);
    w->heap = fm_alloc(count, sizeof *w->heap, err);
    if (!w->at || !w->heap)
        return -1;
    for (size_t i = 0; i < count; i++)
        w->heap[i] = first + i;
    for (size_t i = w->count / 2; i-- > 0;)
        sink(w, i);
    return 0;
}

static void end_walk(struct walk *w)
{
    free(w->at);
    free(w->heap);
}

/* Takes all images of the next probability; false at the end. */
static bool take_group(struct walk *w)
{
    if (!w->count)
        return false;
    uint64_t probability = next_key(w, w->heap[0]) >> 1;
    while (w->count && next_key(w, w->heap[0]) >> 1 == probability) {
        size_t column = w->heap[0];
        if (next_key(w, column) & 1)
            w->positives++;
        else
            w->negatives++;
        if (++w->at[column] == w->ranking->rows)
            w->heap[0] = w->heap[--w->count];
        sink(w, 0);
    }
    return true;
}

/* ---- 3. Areas ---- */

/* The areas below both curves of one column, or of all. */
static int measure(const struct fmnn_ranking *r, size_t first, size_t count,
                   struct fmnn_ranking_score *score, struct fmnn_error *err)
{
    struct walk w;
    struct fm_sum area = {0}, precision = {0};
    uint64_t positives = 0, negatives = 0;
    if (start_walk(&w, r, first, count, err) != 0) {
        end_walk(&w);
        return -1;
    }
    while (take_group(&w)) {
        double gain = (double)(w.positives - positives);
        fm_sum_add(&area, (double)(w.negatives - negatives) * ((double)positives + gain / 2));
        fm_sum_add(&precision, gain * ((double)w.positives / (double)(w.positives + w.negatives)));
        positives = w.positives;
        negatives = w.negatives;
    }
    end_walk(&w);
    score->support = positives;
    score->roc_auc =
        positives && negatives ? area.value / (double)positives / (double)negatives : (double)NAN;
    score->average_precision = positives ? precision.value / (double)positives : (double)NAN;
    return 0;
}

/* The plain and the weighted mean of the defined values at `offset`. */
static void set_means(struct fmnn_ranking_report *report, size_t offset, double *value)
{
    double *weighted = value + report->classes, weights = 0, x;
    size_t n = 0;
    for (size_t i = 0; i < report->classes; i++) {
        memcpy(&x, (const char *)&report->score[i] + offset, sizeof x);
        if (isnan(x))
            continue;
        value[n] = x;
        weighted[n++] = x * (double)report->score[i].support;
        weights += (double)report->score[i].support;
    }
    double plain = n ? fm_pairwise_sum(value, n) / (double)n : (double)NAN;
    double mean = n ? fm_pairwise_sum(weighted, n) / weights : (double)NAN;
    memcpy((char *)&report->macro + offset, &plain, sizeof plain);
    memcpy((char *)&report->weighted + offset, &mean, sizeof mean);
}

static int fill_report(const struct fmnn_ranking *r, struct fmnn_ranking_report *report,
                       double *scratch, struct fmnn_error *err)
{
    for (size_t i = 0; i < r->classes; i++) {
        if (measure(r, i, 1, &report->score[i], err) != 0)
            return -1;
        report->undefined += isnan(report->score[i].roc_auc);
    }
    set_means(report, offsetof(struct fmnn_ranking_score, roc_auc), scratch);
    set_means(report, offsetof(struct fmnn_ranking_score, average_precision), scratch);
    return measure(r, 0, r->classes, &report->micro, err);
}

struct fmnn_ranking_report *fmnn_ranking_report(struct fmnn_ranking *r, struct fmnn_error *err)
{
    double *scratch = fm_alloc(2 * r->classes, sizeof *scratch, err);
    struct fmnn_ranking_report *report =
        scratch ? fm_alloc(1, sizeof *report + r->classes * sizeof *report->score, err) : NULL;
    if (report) {
        report->classes = r->classes;
        report->score = (struct fmnn_ranking_score *)(report + 1);
        report->macro.support = report->weighted.support = r->rows;
        sort_columns(r);
        fm_float_state before = fm_float_enter();
        int status = fill_report(r, report, scratch, err);
        fm_float_leave(before);
        if (status != 0) {
            free(report);
            report = NULL;
        }
    }
    free(scratch);
    return report;
}

/* ---- 4. Curves ---- */

struct points {
    struct fmnn_point *point;
    size_t count, capacity;
};

static int add_point(struct points *points, double x, double y, struct fmnn_error *err)
{
    if (fm_grow((void **)&points->point, &points->capacity, points->count + 1,
                sizeof *points->point, err) != 0)
        return -1;
    points->point[points->count++] = (struct fmnn_point){x, y};
    return 0;
}

/* Points are counts of images first, so that those on a straight line are seen exactly. */
static int add_counts(struct points *points, uint64_t x, uint64_t y, struct fmnn_error *err)
{
    if (points->count >= 2) {
        const struct fmnn_point *a = &points->point[points->count - 2], *b = a + 1;
        if ((b->x - a->x) * ((double)y - b->y) == (b->y - a->y) * ((double)x - b->x))
            points->count--;
    }
    return add_point(points, (double)x, (double)y, err);
}

static int add_roc(struct points *points, struct walk *w, double positives, double negatives,
                   struct fmnn_error *err)
{
    int status = add_counts(points, 0, 0, err);
    while (status == 0 && take_group(w))
        status = add_counts(points, w->negatives, w->positives, err);
    for (size_t i = 0; i < points->count; i++) {
        points->point[i].x /= negatives;
        points->point[i].y /= positives;
    }
    return status;
}

static int add_precision_recall(struct points *points, struct walk *w, double positives,
                                struct fmnn_error *err)
{
    int status = add_point(points, 0, 1, err);
    while (status == 0 && take_group(w))
        status = add_point(points, (double)w->positives / positives,
                           (double)w->positives / (double)(w->positives + w->negatives), err);
    return status;
}

int fmnn_ranking_curve(struct fmnn_ranking *r, size_t class_index, enum fmnn_curve curve,
                       struct fmnn_point **points, size_t *count, struct fmnn_error *err)
{
    assert(class_index < r->classes);
    struct walk w;
    struct points found = {0};
    uint64_t positives = r->column[class_index].positives, negatives = r->rows - positives;
    bool roc = curve == FMNN_CURVE_ROC;
    *points = NULL;
    *count = 0;
    if (!positives || (roc && !negatives))
        return 0;
    sort_columns(r);
    fm_float_state before = fm_float_enter();
    int status = start_walk(&w, r, class_index, 1, err);
    if (status == 0)
        status = roc ? add_roc(&found, &w, (double)positives, (double)negatives, err)
                     : add_precision_recall(&found, &w, (double)positives, err);
    fm_float_leave(before);
    end_walk(&w);
    if (status != 0) {
        free(found.point);
        return -1;
    }
    *points = found.point;
    *count = found.count;
    return 0;
}
