/* split.c -- chooses the validation set: a number or percentage of the rows, or one of K folds; the
   first rows or random ones; stratified or not.

   Every method first puts the rows into an order: as in the file or shuffled, and class by class if
   stratified. It then takes rows from the front, or every Kth row. */
#include "base/internal.h"

#include <math.h>

#include "base/rng.h"

enum { CLASSES = 256 };

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
    else if (split->percent > 0 || isnan(split->percent))
        return fm_fail(err, FMNN_USAGE, "%g%% is not a percentage from 0 to 100", split->percent);
    if (*count > n)
        return fm_fail(err, FMNN_USAGE, "cannot choose %zu rows for validation: there are only %zu",
                       *count, n);
    return 0;
}

static void count_classes(const uint8_t *labels, size_t n, size_t count[CLASSES])
{
    memset(count, 0, CLASSES * sizeof *count);
    for (size_t i = 0; i < n; i++)
        count[labels[i]]++;
}

/* Sorts the rows by class; rows of one class keep their order. */
static void sort_by_class(const uint8_t *labels, size_t n, const uint32_t *order, uint32_t *sorted)
{
    size_t next[CLASSES], start = 0;
    count_classes(labels, n, next);
    for (size_t c = 0; c < CLASSES; c++) {
        size_t count = next[c];
        next[c] = start;
        start += count;
    }
    for (size_t i = 0; i < n; i++)
        sorted[next[labels[order[i]]]++] = order[i];
}

/* The order in which rows are taken, malloc'ed. */
static uint32_t *make_order(const struct fmnn_split *split, const uint8_t *labels, size_t n,
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
    if (sorted)
        sort_by_class(labels, n, order, sorted);
    free(order);
    return sorted;
}

/* Distributes `total` rows over the classes in proportion to their sizes, by the largest remainder
   method: integer parts first, then one row each to the largest remainders; of equal remainders, the
   lower class's comes first. */
static void distribute(const size_t count[CLASSES], size_t n, size_t total, size_t quota[CLASSES])
{
    uint64_t remainder[CLASSES];
    size_t given = 0;
    for (size_t c = 0; c < CLASSES; c++) {
        uint64_t product = (uint64_t)total * count[c]; /* both below 2^32 */
        quota[c] = n ? (size_t)(product / n) : 0;
        remainder[c] = n ? product % n : 0;
        given += quota[c];
    }
    for (; given < total; given++) {
        size_t best = 0;
        for (size_t c = 1; c < CLASSES; c++)
            if (remainder[c] > remainder[best])
                best = c;
        quota[best]++;
        remainder[best] = 0;
    }
}

/* The order is class by class. Takes each class's quota from the front of the class. */
static void take_quotas(const uint8_t *labels, size_t n, size_t total, const uint32_t *order,
                        uint8_t *validates)
{
    size_t count[CLASSES], quota[CLASSES], start = 0;
    count_classes(labels, n, count);
    distribute(count, n, total, quota);
    for (size_t c = 0; c < CLASSES; c++) {
        for (size_t i = 0; i < quota[c]; i++)
            validates[order[start + i]] = 1;
        start += count[c];
    }
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

int fmnn_split_choose(const struct fmnn_split *split, const uint8_t *labels, size_t n,
                      uint8_t *validates, struct fmnn_error *err)
{
    size_t total = 0;
    if (check(split, n, err) != 0 || (!split->folds && valid_count(split, n, &total, err) != 0))
        return -1;
    uint32_t *order = make_order(split, labels, n, err);
    if (!order)
        return -1;
    memset(validates, 0, n);
    if (split->folds)
        take_fold(split, n, order, validates);
    else if (split->stratify)
        take_quotas(labels, n, total, order, validates);
    else
        for (size_t i = 0; i < total; i++)
            validates[order[i]] = 1;
    free(order);
    return 0;
}
