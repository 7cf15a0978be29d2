/* confusion.c -- confusion matrices and the metrics computed from their counts.

   Contents: 1. Counting  2. Access  3. Fractions  4. Report  5. Pairs */
#include "base/float.h"
#include "metrics/pairwise.h"

#include <math.h>

struct fmnn_confusion {
    bool fixed;      /* the classes are 0 .. classes-1, rather than the labels that occur */
    size_t capacity; /* the matrix has room for labels below it */
    uint64_t *cell;  /* (capacity,capacity) by label: truth, prediction */
    size_t classes;
    size_t *label; /* of each class, ascending */
    bool *occurs;  /* by label: it is a class */
    uint64_t total, correct;
    struct fm_sum loss; /* of the cross-entropies of loss_count rows */
    uint64_t loss_count;
};

/* ---- 1. Counting ---- */

/* Makes room for labels below `need`; the counts move into the wider rows. */
static int widen(struct fmnn_confusion *c, size_t need, struct fmnn_error *err)
{
    size_t capacity = need;
    if (!c->fixed)
        for (capacity = 16; capacity < need;)
            capacity *= 2;
    uint64_t *cell = fm_alloc(capacity * capacity, sizeof *cell, err);
    size_t *label = cell ? fm_alloc(capacity, sizeof *label, err) : NULL;
    bool *occurs = label ? fm_alloc(capacity, sizeof *occurs, err) : NULL;
    if (!occurs) {
        free(cell);
        free(label);
        return -1;
    }
    for (size_t i = 0; i < c->capacity; i++)
        memcpy(cell + i * capacity, c->cell + i * c->capacity, c->capacity * sizeof *cell);
    if (c->capacity) {
        memcpy(label, c->label, c->classes * sizeof *label);
        memcpy(occurs, c->occurs, c->capacity * sizeof *occurs);
    }
    free(c->cell);
    free(c->label);
    free(c->occurs);
    c->cell = cell;
    c->label = label;
    c->occurs = occurs;
    c->capacity = capacity;
    return 0;
}

struct fmnn_confusion *fmnn_confusion_new(size_t classes, struct fmnn_error *err)
{
    if (classes > FMNN_CONFUSION_MAX_CLASSES) {
        fm_fail(err, FMNN_USAGE, "a confusion matrix of %zu classes: the maximum is %d", classes,
                FMNN_CONFUSION_MAX_CLASSES);
        return NULL;
    }
    struct fmnn_confusion *c = fm_alloc(1, sizeof *c, err);
    if (!c)
        return NULL;
    c->fixed = classes > 0;
    if (widen(c, classes, err) != 0) {
        free(c);
        return NULL;
    }
    for (; c->classes < classes; c->classes++) {
        c->label[c->classes] = c->classes;
        c->occurs[c->classes] = true;
    }
    return c;
}

void fmnn_confusion_free(struct fmnn_confusion *c)
{
    if (!c)
        return;
    free(c->cell);
    free(c->label);
    free(c->occurs);
    free(c);
}

static int check_label(const struct fmnn_confusion *c, size_t label, struct fmnn_error *err)
{
    if (c->fixed && label >= c->classes)
        return fm_fail(err, FMNN_DATA, "no class %zu: the classes are 0 to %zu", label,
                       c->classes - 1);
    if (label >= FMNN_CONFUSION_MAX_CLASSES)
        return fm_fail(err, FMNN_DATA, "no class %zu: the maximum in a confusion matrix is %d",
                       label, FMNN_CONFUSION_MAX_CLASSES - 1);
    return 0;
}

/* Makes a label a class, in ascending order. */
static void add_class(struct fmnn_confusion *c, size_t label)
{
    if (c->occurs[label])
        return;
    size_t i = c->classes++;
    for (; i > 0 && c->label[i - 1] > label; i--)
        c->label[i] = c->label[i - 1];
    c->label[i] = label;
    c->occurs[label] = true;
}

int fmnn_confusion_add(struct fmnn_confusion *c, size_t truth, size_t predicted, uint64_t count,
                       struct fmnn_error *err)
{
    if (check_label(c, truth, err) != 0 || check_label(c, predicted, err) != 0)
        return -1;
    if (count > INT64_MAX - c->total)
        return fm_fail(err, FMNN_DATA, "the counts add up to 2^63 or more");
    size_t max = truth > predicted ? truth : predicted;
    if (max >= c->capacity && widen(c, max + 1, err) != 0)
        return -1;
    add_class(c, truth);
    add_class(c, predicted);
    c->cell[truth * c->capacity + predicted] += count;
    c->total += count;
    if (truth == predicted)
        c->correct += count;
    return 0;
}

void fmnn_confusion_add_probability(struct fmnn_confusion *c, double probability, uint64_t count)
{
    fm_float_state before = fm_float_enter();
    double eps = DBL_EPSILON;
    double clipped = fmin(fmax(probability, eps), 1 - eps);
    fm_sum_add(&c->loss, -log(clipped) * (double)count);
    c->loss_count += count;
    FM_COMPUTED(c->loss);
    fm_float_leave(before);
}

/* ---- 2. Access ---- */

size_t fmnn_confusion_classes(const struct fmnn_confusion *c)
{
    return c->classes;
}

size_t fmnn_confusion_label(const struct fmnn_confusion *c, size_t i)
{
    assert(i < c->classes);
    return c->label[i];
}

uint64_t fmnn_confusion_count(const struct fmnn_confusion *c, size_t truth, size_t predicted)
{
    assert(truth < c->classes && predicted < c->classes);
    return c->cell[c->label[truth] * c->capacity + c->label[predicted]];
}

uint64_t fmnn_confusion_total(const struct fmnn_confusion *c)
{
    return c->total;
}

uint64_t fmnn_confusion_correct(const struct fmnn_confusion *c)
{
    return c->correct;
}

static double quotient(uint64_t a, uint64_t b)
{
    return b ? (double)a / (double)b : 0;
}

double fmnn_confusion_accuracy(const struct fmnn_confusion *c)
{
    fm_float_state before = fm_float_enter();
    double accuracy = quotient(c->correct, c->total);
    FM_COMPUTED(accuracy);
    fm_float_leave(before);
    return accuracy;
}

double fmnn_confusion_cross_entropy(const struct fmnn_confusion *c)
{
    fm_float_state before = fm_float_enter();
    double mean = c->loss_count ? c->loss.value / (double)c->loss_count : (double)NAN;
    FM_COMPUTED(mean);
    fm_float_leave(before);
    return mean;
}

/* ---- 3. Fractions ---- */

/* The sums of the rows (support), then those of the columns (predictions): (2,classes),
   malloc'ed. */
static uint64_t *row_and_column_sums(const struct fmnn_confusion *c, struct fmnn_error *err)
{
    size_t n = c->classes;
    uint64_t *support = fm_alloc(2 * n + 1, sizeof *support, err);
    if (!support)
        return NULL;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            uint64_t count = fmnn_confusion_count(c, i, j);
            support[i] += count;
            support[n + j] += count;
        }
    return support;
}

double *fmnn_confusion_fractions(const struct fmnn_confusion *c, enum fmnn_normalize by,
                                 struct fmnn_error *err)
{
    size_t n = c->classes;
    uint64_t *support = row_and_column_sums(c, err);
    double *fraction = support ? fm_alloc(n * n + 1, sizeof *fraction, err) : NULL;
    fm_float_state before = fm_float_enter();
    if (fraction)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++) {
                uint64_t whole = by == FMNN_NORMALIZE_TRUE   ? support[i]
                                 : by == FMNN_NORMALIZE_PRED ? support[n + j]
                                                             : c->total;
                fraction[i * n + j] = quotient(fmnn_confusion_count(c, i, j), whole);
            }
    fm_float_leave(before);
    free(support);
    return fraction;
}

/* ---- 4. Report ---- */

static void set_scores(const struct fmnn_confusion *c, const uint64_t *support,
                       struct fmnn_report *report)
{
    const uint64_t *predicted = support + c->classes;
    for (size_t i = 0; i < c->classes; i++) {
        struct fmnn_score *score = &report->score[i];
        uint64_t correct = fmnn_confusion_count(c, i, i);
        double both = (double)support[i] + (double)predicted[i];
        score->precision = quotient(correct, predicted[i]);
        score->recall = quotient(correct, support[i]);
        score->f1 = both > 0 ? 2 * (double)correct / both : 0;
        score->support = support[i];
        report->unpredicted += predicted[i] == 0;
        report->unsupported += support[i] == 0;
    }
}

/* The macro and the weighted mean of the metric at `offset` in struct fmnn_score. */
static void set_means(struct fmnn_report *report, size_t offset, double *scratch)
{
    size_t n = report->classes;
    double *weighted = scratch + n, weights = (double)report->weighted.support;
    for (size_t i = 0; i < n; i++) {
        memcpy(&scratch[i], (const char *)&report->score[i] + offset, sizeof *scratch);
        weighted[i] = scratch[i] * (double)report->score[i].support;
    }
    double plain = n ? fm_pairwise_sum(scratch, n) / (double)n : 0;
    double mean = weights > 0 ? fm_pairwise_sum(weighted, n) / weights : 0;
    memcpy((char *)&report->macro + offset, &plain, sizeof plain);
    memcpy((char *)&report->weighted + offset, &mean, sizeof mean);
}

/* The mean recall of the classes that have rows, in scikit-learn's order. */
static double balanced_accuracy(const struct fmnn_report *report, double *scratch)
{
    size_t n = 0;
    for (size_t i = 0; i < report->classes; i++)
        if (report->score[i].support)
            scratch[n++] = report->score[i].recall;
    return n ? fm_pairwise_sum(scratch, n) / (double)n : (double)NAN;
}

/* Cohen's kappa and Matthews' correlation, from the sums of rows and columns. */
static void set_agreement(const struct fmnn_confusion *c, const uint64_t *support,
                          struct fmnn_report *report)
{
    struct fm_sum both = {0}, truth = {0}, predicted = {0};
    double total = (double)c->total, correct = (double)c->correct;
    bool several = true; /* unless all images are of one class and predicted as it */
    for (size_t i = 0; i < c->classes; i++) {
        several &= support[i] < c->total || support[c->classes + i] < c->total;
        double t = (double)support[i], p = (double)support[c->classes + i];
        fm_sum_add(&both, t * p);
        fm_sum_add(&truth, t * t);
        fm_sum_add(&predicted, p * p);
    }
    double chance = total - both.value / total;
    report->kappa = several && chance > 0 ? 1 - (total - correct) / chance : (double)NAN;
    double spread = (total * total - truth.value) * (total * total - predicted.value);
    report->mcc = spread > 0 ? (correct * total - both.value) / sqrt(spread) : 0;
}

static void fill_report(const struct fmnn_confusion *c, const uint64_t *support,
                        struct fmnn_report *report, double *scratch)
{
    report->classes = c->classes;
    report->score = (struct fmnn_score *)(report + 1);
    report->accuracy = fmnn_confusion_accuracy(c);
    report->macro.support = report->weighted.support = c->total;
    set_scores(c, support, report);
    report->balanced_accuracy = balanced_accuracy(report, scratch);
    set_agreement(c, support, report);
    set_means(report, offsetof(struct fmnn_score, precision), scratch);
    set_means(report, offsetof(struct fmnn_score, recall), scratch);
    set_means(report, offsetof(struct fmnn_score, f1), scratch);
}

struct fmnn_report *fmnn_confusion_report(const struct fmnn_confusion *c, struct fmnn_error *err)
{
    size_t n = c->classes;
    uint64_t *support = row_and_column_sums(c, err);
    double *scratch = support ? fm_alloc(2 * n + 1, sizeof *scratch, err) : NULL;
    struct fmnn_report *report =
        scratch ? fm_alloc(1, sizeof *report + n * sizeof *report->score, err) : NULL;
    if (report) {
        fm_float_state before = fm_float_enter();
        fill_report(c, support, report, scratch);
        fm_float_leave(before);
    }
    free(support);
    free(scratch);
    return report;
}

/* ---- 5. Pairs ---- */

static int compare_pairs(const void *a, const void *b)
{
    const struct fmnn_pair *p = a, *q = b;
    if (p->count != q->count)
        return p->count < q->count ? 1 : -1;
    if (p->truth != q->truth)
        return p->truth < q->truth ? -1 : 1;
    return (p->predicted > q->predicted) - (p->predicted < q->predicted);
}

int fmnn_confusion_pairs(const struct fmnn_confusion *c, struct fmnn_pair **pairs, size_t *count,
                         struct fmnn_error *err)
{
    size_t n = c->classes, found = 0;
    for (size_t k = 0; k < n * n; k++)
        found += k / n != k % n && fmnn_confusion_count(c, k / n, k % n) > 0;
    *pairs = NULL;
    *count = found;
    if (!found)
        return 0;
    struct fmnn_pair *pair = *pairs = fm_alloc(found, sizeof *pair, err);
    if (!pair)
        return -1;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            if (i != j && fmnn_confusion_count(c, i, j) > 0)
                *pair++ = (struct fmnn_pair){i, j, fmnn_confusion_count(c, i, j)};
    qsort(*pairs, found, sizeof **pairs, compare_pairs);
    return 0;
}
