/* overfitting.h -- the best epoch of a training, and the epoch from which it overfits. */
#ifndef OVERFITTING_H
#define OVERFITTING_H

#include "common/common.h"

/* Indices of epochs, in order; the number of epochs if there is no such epoch. */
struct overfitting {
    size_t best;  /* the first with the highest validation accuracy */
    size_t onset; /* from here on, training accuracy is above validation accuracy where both are */
    size_t end;   /* the last that has both accuracies */
    double gap;   /* training minus validation accuracy at the end; NaN: fewer than two have both */
};

/* Accuracies of `count` epochs; NaN if an epoch has none. */
struct overfitting find_overfitting(const double *training, const double *validation, size_t count);
/* "training stays above validation from epoch 28, by 0.0028 at the end", or that it does not; NULL
   if fewer than two epochs have both accuracies. onset_epoch is the number of the onset.
   malloc'ed. */
char *overfitting_text(const struct overfitting *overfitting, double onset_epoch);

/* The fraction of a loss by which it fell over the last quarter of the epochs, and at least the
   last five, by the line that fits best (least squares). 0 if there are fewer than four epochs, or
   if the fall is not clear, less than four standard errors, or not large: less than 5 %, and less
   than a tenth of the whole fall since the first epoch. */
double falling_loss(const double *loss, size_t count, size_t *epochs);

#endif
