/* pairwise.h -- sums in numpy's order. */
#ifndef FM_PAIRWISE_H
#define FM_PAIRWISE_H

#include "base/internal.h"

/* The sum of n numbers, rounded as numpy's sum(). */
double fm_pairwise_sum(const double *x, size_t n);

#endif
