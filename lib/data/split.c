/* split.c -- chooses the validation set: a number or percentage of the rows, or one of K folds; the
   first rows or random ones; stratified or not.

   Every method first puts the rows into an order: as in the file or shuffled, and class by class if
   stratified. It then takes rows from the front, or every Kth row. */
#include "base/internal.h"

#include <math.h>

#include "base/rng.h"

static int check(const struct fmnn_split *split, size_t n, struct fmnn_error *err)
{
    if (n > UINT32_MAX)
        return fm_fail(err, FMNN_USAGE, "%zu rows are too many: the maximum is %u", n, UINT32_MAX);
    if (split->folds == 0)
        return 0;
    if (split->folds < 2 || split->folds > n)
        return fm_fail(err, FMNN_USAGE, "%zu rows cannot be divided into %u folds", n,
                       split->folds);
    if (split->fold < 1 || split->fold > split->folds)
        return fm_fail(err, FMNN_USAGE, "there is no fold %u of %u", split->fold, split->folds);
    return 0;
}

/* The size of the validation set, unless it is a fold. */
static int valid_count(const struct fmnn_split *split, size_t n, size_t *count,
                       struct fmnn_error *err)
{
    *count = split->valid;
    if (split->percent > 0 && split->percent <= 100)
        /* 2.3 % of 1,000 are 23, although rounding may make the product a little smaller */
        *count = (size_t)floor((double)n * split->percent / 100 * (1 + 1e-12));
    else if (split->percent > 0 || isnan(split->percent)) {
        char percent[32];
        fmnn_format_number(percent, split->percent);
        return fm_fail(err, FMNN_USAGE, "%s%% is not a percentage from 0 to 100", percent);
    }
    if (*count > n)
        return fm_fail(err, FMNN_USAGE, "cannot choose %zu rows for validation: there are only %zu",
                       *count, n);
    return 0;
}

/* Classes by number, and how many rows each has. */
struct classes {
    const uint16_t *label;
    size_t count; /* above the largest label */
    size_t *rows; /* [count] */
};

static int count_classes(const uint16_t *labels, size_t n, struct classes *classes,
                         struct fmnn_error *err)
{
    *classes = (struct classes){.label = labels};
    for (size_t i = 0; i < n; i++)
        if (labels[i] >= classes->count)
            classes->count = (size_t)labels[i] + 1;
    classes->rows = fm_alloc(classes->count, sizeof *classes->rows, err);
    for (size_t i = 0; i < n && classes->rows; i++)
        classes->rows[labels[i]]++;
    return classes->rows ? 0 : -1;
}

/* Sorts the rows by class; rows of one class keep their order. */
static int sort_by_class(const struct classes *classes, size_t n, const uint32_t *order,
                         uint32_t *sorted, struct fmnn_error *err)
{
    size_t *next = fm_alloc(classes->count, sizeof *next, err), start = 0;
    if (!next)
        return -1;
    for (size_t c = 0; c < classes->count; c++) {
        next[c] = start;
        start += classes->rows[c];
    }
    for (size_t i = 0; i < n; i++)
        sorted[next[classes->label[order[i]]]++] = order[i];
    free(next);
    return 0;
}

/* The order in which rows are taken, malloc'ed. */
static uint32_t *make_order(const struct fmnn_split *split, const struct classes *classes, size_t n,
                            struct fmnn_error *err)
{
    uint32_t *order = fm_alloc(n, sizeof *order, err);
    if (!order)
        return NULL;
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    if (split->shuffle)
        fm_random_shuffle(order, n, split->seed, split->folds ? FM_RNG_FOLD : FM_RNG_SPLIT, 0);
    if (!split->stratify)
        return order;
    uint32_t *sorted = fm_alloc(n, sizeof *sorted, err);
    if (sorted && sort_by_class(classes, n, order, sorted, err) != 0) {
        free(sorted);
        sorted = NULL;
    }
    free(order);
    return sorted;
}

struct quota {
    uint64_t remainder;
    size_t class, rows;
};

static int compare_remainders(const void *a, const void *b)
{
    const struct quota *x = a, *y = b;
    if (x->remainder != y->remainder)
        return x->remainder > y->remainder ? -1 : 1;
    return x->class < y->class ? -1 : 1;
}

static int compare_classes(const void *a, const void *b)
{
    const struct quota *x = a, *y = b;
    return x->class < y->class ? -1 : x->class > y->class;
}

/* Distributes `total` rows over the classes in proportion to their sizes, by the largest remainder
   method: integer parts first, then one row each to the largest remainders; of equal remainders,
   the lower class's comes first. */
static void distribute(const struct classes *classes, size_t n, size_t total, struct quota *quota)
{
    size_t given = 0;
    for (size_t c = 0; c < classes->count; c++) {
        uint64_t product = (uint64_t)total * classes->rows[c]; /* both below 2^32 */
        quota[c] = (struct quota){.remainder = product % n, .class = c, .rows = product / n};
        given += quota[c].rows;
    }
    qsort(quota, classes->count, sizeof *quota, compare_remainders);
    for (size_t c = 0; given < total; c++, given++)
        quota[c].rows++;
    qsort(quota, classes->count, sizeof *quota, compare_classes);
}

/* The order is class by class. Takes each class's quota from the front of the class. */
static int take_quotas(const struct classes *classes, size_t n, size_t total, const uint32_t *order,
                       uint8_t *validates, struct fmnn_error *err)
{
    size_t start = 0;
    struct quota *quota = fm_alloc(classes->count, sizeof *quota, err);
    if (!quota)
        return -1;
    distribute(classes, n, total, quota);
    for (size_t c = 0; c < classes->count; c++) {
        for (size_t i = 0; i < quota[c].rows; i++)
            validates[order[start + i]] = 1;
        start += classes->rows[c];
    }
    free(quota);
    return 0;
}

static void take_fold(const struct fmnn_split *split, size_t n, const uint32_t *order,
                      uint8_t *validates)
{
    uint64_t k = split->folds, i = split->fold - 1;
    if (split->stratify) /* dealt like cards, so that each fold gets its part of every class */
        for (uint64_t at = i; at < n; at += k)
            validates[order[at]] = 1;
    else
        for (uint64_t at = n * i / k; at < n * (i + 1) / k; at++)
            validates[order[at]] = 1;
}

static int choose(const struct fmnn_split *split, const struct classes *classes, size_t n,
                  size_t total, uint8_t *validates, struct fmnn_error *err)
{
    uint32_t *order = make_order(split, classes, n, err);
    int status = 0;
    if (!order)
        return -1;
    memset(validates, 0, n);
    if (split->folds)
        take_fold(split, n, order, validates);
    else if (split->stratify)
        status = take_quotas(classes, n, total, order, validates, err);
    else
        for (size_t i = 0; i < total; i++)
            validates[order[i]] = 1;
    free(order);
    return status;
}

int fmnn_split_choose(const struct fmnn_split *split, const uint16_t *labels, size_t n,
                      uint8_t *validates, struct fmnn_error *err)
{
    struct classes classes = {0};
    size_t total = 0;
    if (check(split, n, err) != 0 || (!split->folds && valid_count(split, n, &total, err) != 0))
        return -1;
    if (n == 0)
        return 0;
    if (split->stratify && count_classes(labels, n, &classes, err) != 0)
        return -1;
    int status = choose(split, &classes, n, total, validates, err);
    free(classes.rows);
    return status;
}
