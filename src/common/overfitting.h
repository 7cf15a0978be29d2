/* course.h -- what a training's accuracies say of it: its best epoch, and where overfitting
   begins. */
#ifndef COURSE_H
#define COURSE_H

#include "common/common.h"

/* Indices of epochs in order; the number of epochs where there is none. */
struct course {
    size_t best;  /* the first of highest validation accuracy */
    size_t onset; /* from it on, to the end, training accuracy is above validation accuracy */
    size_t end;   /* the last that has both */
    double gap;   /* there, training less validation; NaN where there is no such */
};

/* Accuracies of `count` epochs; NaN where there is none. */
struct course course_of(const double *training, const double *validation, size_t count);
/* "training stays above validation from epoch 28, by 0.0028 at the end", or that it does not;
   NULL where no epoch has both. onset_epoch is the number of that epoch. malloc'ed. */
char *course_text(const struct course *course, double onset_epoch);

#endif
