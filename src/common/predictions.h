/* matrix.h -- a confusion matrix from a table of predictions, or of their counts. */
#ifndef MATRIX_H
#define MATRIX_H

#include "common/common.h"

enum { DEFAULT_BINS = 10 }; /* of confidence */

struct matrix_request {
    const char *table;                          /* operand; NULL: standard input */
    const char *only, *suffix, *classes, *data; /* the options so named; NULL: not given */
    const char *purpose; /* "judge": where there is no row, there is nothing to do that to */
    bool entropy;        /* the cross-entropy is wanted too */
    size_t top;          /* how many rows have their class among so many most probable; 0: no */
    size_t bins;         /* confidences are wanted, in so many bins; 0: they are not */
    bool must_calibrate; /* and where they are not to be had, that is trouble */
    /* NULL, or told of each row as it is read: its class, or -1, the class predicted, or -1
       where the row has no class, and for how many rows it stands. */
    void (*each)(void *context, struct fmnn_table *table, int label, int predicted, uint64_t count);
    void *context;
};

struct matrix {
    struct fmnn_confusion *counts;
    struct fmnn_names *names; /* of the classes 0 .. classes-1; NULL: they have none */
    uint64_t skipped;         /* rows without label */
    double cross_entropy;     /* NaN: it cannot be told, or was not wanted */
    uint64_t top_correct;
    struct fmnn_calibration *calibration; /* NULL: likewise */
};

/* Reads the whole table; there is at least one row with a label, or trouble. */
struct matrix matrix_read(const struct matrix_request *request);
void matrix_free(struct matrix *matrix);
/* The name of a class by its index, else its label; malloc'ed. */
char *matrix_class(const struct matrix *matrix, size_t i);

#endif
