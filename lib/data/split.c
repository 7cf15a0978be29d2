/* split.c -- choosing the rows that validate: so many or a share of them, or one fold of several;
   the first or any, with the classes' shares kept or not.

   All ways begin with an order of the rows (as in the file, or shuffled; class by class where the
   shares are kept) and take rows from its front, or every so many. */
#include "base/internal.h"

#include <math.h>

#include "base/rng.h"

enum { CLASSES = 256 };

static int check(const struct fmnn_split *split, size_t n, struct fmnn_error *err)
{
    if (n > UINT32_MAX)
        return fm_fail(err, FMNN_USAGE, "%zu rows are too many to choose from", n);
    if (split->folds == 0)
        return 0;
    if (split->folds < 2 || split->folds > n)
        return fm_fail(err, FMNN_USAGE, "%zu rows cannot be parted into %u folds", n, split->folds);
    if (split->fold < 1 || split->fold > split->folds)
        return fm_fail(err, FMNN_USAGE, "there is no fold %u of %u", split->fold, split->folds);
    return 0;
}

/* How many rows validate, where they are not a fold. */
static int wanted(const struct fmnn_split *split, size_t n, size_t *count, struct fmnn_error *err)
{
    *count = split->valid;
    if (split->percent > 0 && split->percent <= 100)
        /* 2.3 % of 1,000 are 23, though the product may fall short of it by a rounding */
        *count = (size_t)floor((double)n * split->percent / 100 * (1 + 1e-12));
    else if (split->percent > 0 || isnan(split->percent))
        return fm_fail(err, FMNN_USAGE, "%g%% is not a share of the rows", split->percent);
    if (*count > n)
        return fm_fail(err, FMNN_USAGE, "%zu rows cannot validate: there are %zu", *count, n);
    return 0;
}

static void count_classes(const uint8_t *labels, size_t n, size_t count[CLASSES])
{
    memset(count, 0, CLASSES * sizeof *count);
    for (size_t i = 0; i < n; i++)
        count[labels[i]]++;
}

/* Puts the rows in order of their class; those of one class stay in the order they have. */
static void sort_by_class(const uint8_t *labels, size_t n, const uint32_t *order, uint32_t *sorted)
{
    size_t place[CLASSES], start = 0;
    count_classes(labels, n, place);
    for (size_t c = 0; c < CLASSES; c++) {
        size_t count = place[c];
        place[c] = start;
        start += count;
    }
    for (size_t i = 0; i < n; i++)
        sorted[place[labels[order[i]]]++] = order[i];
}

/* The order to take rows in, malloc'ed. */
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

/* Parts total among the classes by their sizes: the whole shares first, and the rows left over to
   the largest remainders, the lower class first among equals. */
static void part(const size_t count[CLASSES], size_t n, size_t total, size_t share[CLASSES])
{
    uint64_t remainder[CLASSES];
    size_t given = 0;
    for (size_t c = 0; c < CLASSES; c++) {
        uint64_t product = (uint64_t)total * count[c]; /* both below 2^32 */
        share[c] = n ? (size_t)(product / n) : 0;
        remainder[c] = n ? product % n : 0;
        given += share[c];
    }
    for (; given < total; given++) {
        size_t best = 0;
        for (size_t c = 1; c < CLASSES; c++)
            if (remainder[c] > remainder[best])
                best = c;
        share[best]++;
        remainder[best] = 0;
    }
}

/* The order is class by class: from the front of each class its share. */
static void take_shares(const uint8_t *labels, size_t n, size_t total, const uint32_t *order,
                        uint8_t *validates)
{
    size_t count[CLASSES], share[CLASSES], start = 0;
    count_classes(labels, n, count);
    part(count, n, total, share);
    for (size_t c = 0; c < CLASSES; c++) {
        for (size_t i = 0; i < share[c]; i++)
            validates[order[start + i]] = 1;
        start += count[c];
    }
}

static void take_fold(const struct fmnn_split *split, size_t n, const uint32_t *order,
                      uint8_t *validates)
{
    uint64_t k = split->folds, i = split->fold - 1;
    if (split->stratify) /* dealt like cards, so that each fold gets its part of each class */
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
    if (check(split, n, err) != 0 || (!split->folds && wanted(split, n, &total, err) != 0))
        return -1;
    uint32_t *order = make_order(split, labels, n, err);
    if (!order)
        return -1;
    memset(validates, 0, n);
    if (split->folds)
        take_fold(split, n, order, validates);
    else if (split->stratify)
        take_shares(labels, n, total, order, validates);
    else
        for (size_t i = 0; i < total; i++)
            validates[order[i]] = 1;
    free(order);
    return 0;
}
